"""A report: every score of a predictions table, with its 95% interval resampled by document."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sahelclf.evaluation import intervals, metrics
from sahelclf.evaluation.predictions import Gold, Names, Predictions
from sahelclf.evaluation.warnings import warnings

RESAMPLES = 2000


@dataclass(frozen=True)
class Report:
    """Scores by name, intervals by name, support, and warnings with their codes."""

    n_units: int
    n_documents: int
    scores: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    support: dict[str, int]
    warnings: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain form, for the manifest and the ledger."""
        return {
            "n_units": self.n_units,
            "n_documents": self.n_documents,
            "scores": {k: round(v, 6) for k, v in self.scores.items()},
            "intervals": {k: [round(x, 6) for x in v] for k, v in self.intervals.items()},
            "support": self.support,
            "warnings": list(self.warnings),
        }

    def metrics(self, prefix: str = "") -> dict[str, float]:
        """Flat numbers for tracking: scores, support, and the bounds of the three headline scores."""
        flat = {prefix + k: v for k, v in self.scores.items()}
        flat |= {prefix + k: float(v) for k, v in self.support.items() if k.startswith("topic/")}
        return flat | self.headline(prefix)

    def headline(self, prefix: str = "") -> dict[str, float]:
        """The three headline scores with their bounds."""
        flat = {prefix + name: self.scores[name] for name in HEADLINE}
        for name in HEADLINE:
            flat[f"{prefix}{name}/low"], flat[f"{prefix}{name}/high"] = self.intervals[name]
        return flat


HEADLINE = ("topic/macro_f1", "stance/macro_f1", "joint/f1")


def report(
    predicted: Predictions, gold: Gold, seed: int = 0, weights: np.ndarray | None = None
) -> Report:
    """Score predictions against gold; `weights` are ready (resamples, documents) draws, to pair two systems."""
    documents, counts = metrics.counts_by_document(predicted, gold)
    names = predicted.names
    total = {k: v.sum(axis=0) for k, v in counts.items()}
    scores = {k: float(v) for k, v in metrics.scores_from_counts(total, names).items()}
    draws = document_draws(len(documents), seed) if weights is None else weights
    cells = {k: intervals.mean_score([v]) for k, v in metrics.ratios(counts, names).items()}
    return Report(
        n_units=len(predicted.ids),
        n_documents=len(documents),
        scores=scores | metrics.scores_from_probabilities(predicted, gold),
        intervals={k: intervals.interval(v, draws) for k, v in cells.items()},
        support=metrics.support(gold, names),
        warnings=tuple(warnings(predicted, gold)),
    )


def document_draws(n_documents: int, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """(resamples, n_documents): how often each document is drawn, with replacement."""
    even = np.full(n_documents, 1 / n_documents)
    return np.random.default_rng(seed).multinomial(n_documents, even, size=resamples).astype(float)


def score_table(
    reports: dict[str, Report], agreement: dict[str, float], names: Names
) -> list[list[str]]:
    """Rows for the terminal: header, then one a score; a column a report, then the annotators' agreement."""
    wanted: list[str] = [*HEADLINE]
    for topic in names.topics:
        wanted += [f"topic/{topic}/f1", f"stance/{topic}/macro_f1"]
    rows = [["score", *reports, *(["annotators"] if agreement else []), "support"]]
    first = next(iter(reports.values()))
    for name in wanted:
        cells = []
        for r in reports.values():
            low, high = r.intervals[name]
            cells.append(f"{r.scores[name]:.3f} [{low:.3f}, {high:.3f}]")
        topic = name.split("/")[1]
        held = first.support.get(f"topic/{topic}/support")
        human = [f"{agreement[name]:.3f}" if name in agreement else ""] if agreement else []
        rows.append([name, *cells, *human, "" if held is None else str(held)])
    return rows


def label_table(predicted: Report, names: Names) -> Sequence[Sequence[str]]:
    """Precision, recall, F1, average precision and support of each topic."""
    rows = [["topic", "precision", "recall", "F1", "average precision", "support"]]
    for topic in names.topics:
        s = predicted.scores
        cells = [
            f"{s[f'topic/{topic}/{m}']:.3f}"
            for m in ("precision", "recall", "f1", "average_precision")
        ]
        rows.append([topic, *cells, str(predicted.support[f"topic/{topic}/support"])])
    return rows
