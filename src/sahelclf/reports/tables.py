"""Tables of scores: each as records with full numbers (CSV) and as rows of text for readers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sahelclf.config import flat_settings
from sahelclf.corpus.agreement import PAIRS
from sahelclf.evaluation.metrics import scored_metrics
from sahelclf.evaluation.predictions import Gold, Names, Predictions
from sahelclf.evaluation.report import HEADLINE, Report

LABEL_SCORES = {
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "average_precision": "average precision",
}
Records = list[dict[str, Any]]


@dataclass(frozen=True)
class Table:
    """A table: `records` for machines; `shown` as text for readers, the header first."""

    name: str
    title: str
    records: Records
    shown: list[list[str]]


@dataclass(frozen=True)
class Subject:
    """One labeller that a report is about.

    `reports` and `tables` (predictions with gold) are by level, passages and documents. `metrics`
    are those of its run; empty where there is no store.
    """

    name: str
    manifest: Mapping[str, Any]
    reports: Mapping[str, Report]
    metrics: Mapping[str, float]
    tables: Mapping[str, tuple[Predictions, Gold]]

    @property
    def names(self) -> Names:
        """Its topics and stances."""
        return Names(tuple(self.manifest["topics"]), tuple(self.manifest["stances"]))


def differences(subject: Subject, tolerance: float = 1e-9) -> list[str]:
    """Recorded scores that differ from those computed from the predictions."""
    computed = {
        f"{'' if level == 'passages' else 'document/'}{k}": v
        for level, r in subject.reports.items()
        for k, v in r.scores.items()
    }
    return [
        f"{k}: recorded {subject.metrics[k]}, computed {v}"
        for k, v in computed.items()
        if k in subject.metrics and abs(subject.metrics[k] - v) > tolerance
    ]


def tables(subjects: Sequence[Subject]) -> list[Table]:
    """Every table that these labellers have the numbers for."""
    levels = {
        level: {s.name: s.reports[level] for s in subjects if level in s.reports}
        for level in ("passages", "documents")
    }
    human = subjects[0].manifest["agreement"]
    names = subjects[0].names
    optional = [_test_table(subjects, "test/"), _test_table(subjects, "test/document/")]
    optional += [_cross_validation(subjects), _seeds(subjects)]
    return [
        *(
            score_table(level, reports, human.get(level.removesuffix("s"), {}), names)
            for level, reports in levels.items()
            if reports
        ),
        label_table(levels["passages"], names),
        *(t for t in optional if t),
        settings_table(subjects),
    ]


def score_table(
    level: str, reports: Mapping[str, Report], agreement: Mapping[str, float], names: Names
) -> Table:
    """Headline scores, then each topic's: a column for each report, the annotators, the support.

    A report made before a score existed has an empty cell there.
    """
    wanted = [*HEADLINE]
    wanted += [s for t in names.topics for s in (f"topic/{t}/f1", f"stance/{t}/macro_f1")]
    wanted = [s for s in wanted if any(s in r.scores for r in reports.values())]
    records: Records = []
    if not agreement.keys() & set(wanted):
        agreement = {}
    pairs = int(agreement.get(PAIRS, 1))
    human = f"annotators (mean of {pairs} pairs)" if pairs > 1 else "annotators"
    shown = [["score", *reports, *([human] if agreement else []), "support"]]
    first = next(iter(reports.values())).support
    for score in wanted:
        support = first.get(f"topic/{score.split('/')[1]}/support")
        cells = []
        for name, r in reports.items():
            cells.append("")
            if score in r.scores:
                low, high = r.intervals[score]
                cells[-1] = with_interval(r.scores[score], low, high)
                record = {"model": name, "score": score, "value": r.scores[score]}
                record |= {"low": low, "high": high, "annotators": agreement.get(score)}
                record |= {"support": support, "units": r.n_units, "documents": r.n_documents}
                records.append(record)
        figure = [number(agreement.get(score))] if agreement else []
        shown.append([score, *cells, *figure, "" if support is None else str(support)])
    title = f"Development scores on {level}, cross-fitted, with 95% intervals"
    return Table(f"scores_{level}", title, records, shown)


def label_table(reports: Mapping[str, Report], names: Names) -> Table:
    """Precision, recall and average precision of each topic, by report.

    F1 and support are shown in the table of scores alone; the records have them.
    """
    records: Records = []
    for name, r in reports.items():
        for topic in names.topics:
            values = {m: r.scores[f"topic/{topic}/{m}"] for m in LABEL_SCORES}
            support = r.support[f"topic/{topic}/support"]
            records.append({"model": name, "topic": topic} | values | {"support": support})
    listed = {m: name for m, name in LABEL_SCORES.items() if m != "f1"}
    shown = [["model", "topic", *listed.values()]]
    shown += [[r["model"], r["topic"], *(number(r[m]) for m in listed)] for r in records]
    return Table("topics_passages", "Topics on passages, development data", records, shown)


def settings_table(subjects: Sequence[Subject]) -> Table:
    """What each model was trained with, and its cost."""
    columns = {}
    for s in subjects:
        cost = ("train/seconds", "speed/passages_per_second")
        columns[s.name] = flat_settings(s.manifest["config"]) | {
            k: f"{s.metrics[k]:.1f}" for k in cost if k in s.metrics
        }
        columns[s.name]["run"] = str(s.manifest["run_id"])
    keys = list(dict.fromkeys(k for column in columns.values() for k in column))
    records: Records = [{"setting": k} | {n: c.get(k) for n, c in columns.items()} for k in keys]
    rows = [[k, *(c.get(k, "") for c in columns.values())] for k in keys]
    return Table("settings", "Settings", records, [["setting", *columns], *rows])


def robustness_table(about: Mapping[str, Any], rows: Records) -> Table:
    """A robustness run's scores on held-out parts; scores of single topics are in the records."""
    shown = [["test", "held out", "score", "value", "reference", "difference"]]
    for r in rows:
        if str(r["score"]).startswith("topic/") and str(r["score"]).endswith("/f1"):
            continue
        value, low, high = (float(r[k]) for k in ("value", "low", "high"))
        cells = [r["test"], r["held_out"], r["score"], with_interval(value, low, high)]
        cells.append(f"{float(r['reference']):.3f}" if r["reference"] else "")
        bounds = [r[k] for k in ("difference", "difference_low", "difference_high")]
        gap = [f"{float(x):+.3f}" for x in bounds if x]
        shown.append([*cells, f"{gap[0]} [{gap[1]}, {gap[2]}]" if gap else ""])
    model, seed = about["model"], about["seed"]
    title = f"Robustness of {model}, seed {seed}"
    return Table(f"robustness_{model}_seed{seed}", title, rows, shown)


def _headline(subjects: Sequence[Subject]) -> list[str]:
    """Headline scores of the codebook of these runs."""
    return [m.name for m in scored_metrics(subjects[0].names.stances)]


def _test_table(subjects: Sequence[Subject], prefix: str) -> Table | None:
    """Headline scores that `evaluate` added to the runs."""
    headline = _headline(subjects)
    scored = [s for s in subjects if all(prefix + n in s.metrics for n in headline)]
    records: Records = []
    shown = [["score", *(s.name for s in scored)]]
    for name in headline:
        cells = []
        for s in scored:
            value, low, high = (s.metrics[prefix + name + end] for end in ("", "/low", "/high"))
            record = {"model": s.name, "score": prefix + name, "value": value}
            records.append(record | {"low": low, "high": high})
            cells.append(with_interval(value, low, high))
        shown.append([name, *cells])
    level = "documents" if "document" in prefix else "passages"
    title = f"Test scores on {level}, with 95% intervals"
    return Table(f"test_{level}", title, records, shown) if scored else None


def _cross_validation(subjects: Sequence[Subject]) -> Table | None:
    records: Records = []
    for s in subjects:
        cv, folds = s.manifest["cv"], s.manifest["config"]["cv"]
        for score in (n for n in HEADLINE if cv and f"cv/{n}" in cv):
            about = {"model": s.name, "score": score, "folds": folds}
            records.append(about | {"mean": cv[f"cv/{score}"], "sd": cv[f"cv/{score}/sd"]})
    title = "Cross-validation: means over folds of whole labellers"
    return _mean_table("cross_validation", title, records)


def _seeds(subjects: Sequence[Subject]) -> Table | None:
    """Means over runs that differ in their seed alone."""
    groups: dict[str, dict[int, Subject]] = {}
    for s in subjects:
        key = str({k: v for k, v in flat_settings(s.manifest["config"]).items() if k != "seed"})
        groups.setdefault(key, {})[int(s.manifest["config"]["seed"])] = s
    records: Records = []
    for by_seed in (g for g in groups.values() if len(g) > 1):
        runs = list(by_seed.values())
        about = {"model": runs[0].manifest["model"], "seeds": " ".join(map(str, sorted(by_seed)))}
        for score in _headline(subjects):
            values = [s.reports["passages"].scores.get(score, np.nan) for s in runs]
            spread = {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1))}
            records.append(about | {"score": score} | spread)
    return _mean_table("seeds", "Means over seeds, passages", records)


def _mean_table(name: str, title: str, records: Records) -> Table | None:
    """A table of records with a `mean` and an `sd`, which share a column for readers."""
    if not records:
        return None
    columns = [k for k in records[0] if k not in ("mean", "sd")]
    rows = [[*(str(r[k]) for k in columns), f"{r['mean']:.3f} ± {r['sd']:.3f}"] for r in records]
    return Table(name, title, records, [[*columns, "mean ± sd"], *rows])


def with_interval(value: float, low: float, high: float) -> str:
    """A score with its interval, as tables print it."""
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def number(value: float | None) -> str:
    """Three digits; empty for None."""
    return "" if value is None else f"{value:.3f}"
