"""Every score of a predictions table, with its 95% interval resampled by document."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from sahelclf.evaluation import intervals, metrics
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.evaluation.warnings import warnings

RESAMPLES = 2000
HEADLINE = tuple(m.name for m in metrics.METRICS)


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
        """Plain values, for the manifest and the ledger; scores have six digits."""
        return {
            "n_units": self.n_units,
            "n_documents": self.n_documents,
            "scores": {k: round(v, 6) for k, v in self.scores.items()},
            "intervals": {k: [round(x, 6) for x in v] for k, v in self.intervals.items()},
            "support": self.support,
            "warnings": list(self.warnings),
        }

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "Report":
        """A report as a manifest holds it."""
        bounds = {k: (float(low), float(high)) for k, (low, high) in raw["intervals"].items()}
        size = (int(raw["n_units"]), int(raw["n_documents"]))
        return cls(*size, dict(raw["scores"]), bounds, dict(raw["support"]))

    def metrics(self, prefix: str = "") -> dict[str, float]:
        """Flat numbers for tracking: scores, support, and the bounds of the headline scores."""
        flat = {prefix + k: v for k, v in self.scores.items()}
        flat |= {prefix + k: float(v) for k, v in self.support.items() if k.startswith("topic/")}
        return flat | self.headline(prefix)

    def headline(self, prefix: str = "") -> dict[str, float]:
        """The headline scores with their bounds, as `name`, `name/low` and `name/high`."""
        flat: dict[str, float] = {}
        for name in (n for n in HEADLINE if n in self.scores):
            low, high = self.intervals[name]
            flat |= {name: self.scores[name], f"{name}/low": low, f"{name}/high": high}
        return {prefix + k: v for k, v in flat.items()}


def report(predicted: Predictions, gold: Gold, seed: int = 0) -> Report:
    """Score predictions against gold; `seed` is that of the resampling."""
    documents, counts = metrics.counts_by_document(predicted, gold)
    return summarise(predicted, gold, counts, document_draws(len(documents), seed))


def summarise(
    predicted: Predictions,
    gold: Gold,
    counts: metrics.Counts,
    draws: np.ndarray,
    weights: np.ndarray | None = None,
) -> Report:
    """A report from counts by document.

    `weights` (n,) of the units apply to average precision and the calibration error; counts come
    weighted.
    """
    names = predicted.names
    total = {k: v.sum(axis=0) for k, v in counts.items()}
    scores = {k: float(v) for k, v in metrics.scores_from_counts(total, names).items()}
    cells = {k: intervals.mean_score([v]) for k, v in metrics.ratios(counts, names).items()}
    return Report(
        n_units=len(predicted.ids),
        n_documents=len(set(predicted.documents)),
        scores=scores | metrics.scores_from_probabilities(predicted, gold, weights),
        intervals={k: intervals.interval(v, draws) for k, v in cells.items()},
        support=metrics.support(gold, names),
        warnings=tuple(warnings(predicted, gold)),
    )


def document_draws(n_documents: int, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """(resamples, n_documents): how often each document is drawn, with replacement."""
    even = np.full(n_documents, 1 / n_documents)
    return np.random.default_rng(seed).multinomial(n_documents, even, size=resamples).astype(float)
