"""The tables of a report: each as records with full numbers (CSV) and as a reader sees it (Markdown, LaTeX)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sahelclf.config import flat_settings
from sahelclf.evaluation.predictions import Gold, Names, Predictions
from sahelclf.evaluation.report import HEADLINE, Report

LABEL_SCORES = ("precision", "recall", "f1", "average_precision")
Records = list[dict[str, Any]]


@dataclass(frozen=True)
class Table:
    """One table: `records` for machines; `shown` for readers, the header first."""

    name: str
    title: str
    records: Records
    shown: list[list[str]]


@dataclass(frozen=True)
class Subject:
    """One labeller that is reported on, by level (passages, documents).

    `metrics` are its run's, empty where there is no store; `tables` are predictions with gold, by level.
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


def stored_report(raw: Mapping[str, Any]) -> Report:
    """A report as a manifest keeps it."""
    intervals = {k: (float(low), float(high)) for k, (low, high) in raw["intervals"].items()}
    return Report(
        int(raw["n_units"]),
        int(raw["n_documents"]),
        dict(raw["scores"]),
        intervals,
        dict(raw["support"]),
    )


def differences(subject: Subject, tolerance: float = 1e-9) -> list[str]:
    """Recorded scores that the rebuilt ones do not equal."""
    rebuilt = {
        f"{'' if level == 'passages' else 'document/'}{k}": v
        for level, r in subject.reports.items()
        for k, v in r.scores.items()
    }
    return [
        f"{k}: recorded {subject.metrics[k]}, rebuilt {v}"
        for k, v in rebuilt.items()
        if k in subject.metrics and abs(subject.metrics[k] - v) > tolerance
    ]


def tables(subjects: Sequence[Subject]) -> list[Table]:
    """Every table that these subjects allow."""
    found = []
    for level in ("passages", "documents"):
        reported = {s.name: s.reports[level] for s in subjects if level in s.reports}
        if reported:
            agreement = subjects[0].manifest["agreement"].get(level.removesuffix("s"), {})
            found.append(score_table(level, reported, agreement, subjects[0].names))
    found.append(label_table(subjects))
    found += [
        t
        for t in (
            _prefixed(subjects, "test/"),
            _prefixed(subjects, "test/document/"),
            _cv(subjects),
            _seeds(subjects),
        )
        if t
    ]
    found.append(settings_table(subjects))
    return found


def score_table(
    level: str, reports: Mapping[str, Report], agreement: Mapping[str, float], names: Names
) -> Table:
    """Headline scores, then each topic's; a column a model, then the annotators and the support."""
    wanted = [
        *HEADLINE,
        *(s for t in names.topics for s in (f"topic/{t}/f1", f"stance/{t}/macro_f1")),
    ]
    records: Records = []
    shown = [["score", *reports, *(["annotators"] if agreement else []), "support"]]
    support = next(iter(reports.values())).support
    for score in wanted:
        held = support.get(f"topic/{score.split('/')[1]}/support")
        cells = []
        for model, r in reports.items():
            low, high = r.intervals[score]
            record = {
                "model": model,
                "score": score,
                "value": r.scores[score],
                "low": low,
                "high": high,
            }
            records.append(
                record
                | {
                    "annotators": agreement.get(score),
                    "support": held,
                    "units": r.n_units,
                    "documents": r.n_documents,
                }
            )
            cells.append(with_interval(r.scores[score], low, high))
        human = [number(agreement.get(score))] if agreement else []
        shown.append([score, *cells, *human, "" if held is None else str(held)])
    return Table(
        f"scores_{level}",
        f"Development scores on {level}, cross-fitted, with 95% intervals",
        records,
        shown,
    )


def label_table(subjects: Sequence[Subject]) -> Table:
    """Precision, recall, F1 and average precision of each topic and model, on passages."""
    records: Records = []
    shown = [["model", "topic", "precision", "recall", "F1", "average precision", "support"]]
    for s in subjects:
        r = s.reports["passages"]
        for topic in s.names.topics:
            values = {m: r.scores[f"topic/{topic}/{m}"] for m in LABEL_SCORES}
            support = r.support[f"topic/{topic}/support"]
            records.append({"model": s.name, "topic": topic} | values | {"support": support})
            shown.append([s.name, topic, *(number(v) for v in values.values()), str(support)])
    return Table("topics_passages", "Topics on passages, development data", records, shown)


def settings_table(subjects: Sequence[Subject]) -> Table:
    """What each model was trained with, and what it cost."""
    flat = {s.name: flat_settings(s.manifest["config"]) for s in subjects}
    for s in subjects:
        flat[s.name] |= {
            k: f"{s.metrics[k]:.1f}"
            for k in ("train/seconds", "speed/passages_per_second")
            if k in s.metrics
        }
        flat[s.name]["run"] = str(s.manifest["run_id"])
    keys = list(dict.fromkeys(k for values in flat.values() for k in values))
    records: Records = [
        {"setting": k} | {name: values.get(k) for name, values in flat.items()} for k in keys
    ]
    return Table(
        "settings",
        "Settings",
        records,
        [["setting", *flat], *([k, *(v.get(k, "") for v in flat.values())] for k in keys)],
    )


def _prefixed(subjects: Sequence[Subject], prefix: str) -> Table | None:
    """Headline scores that `evaluate` added to the runs."""
    scored = [s for s in subjects if all(prefix + n in s.metrics for n in HEADLINE)]
    if not scored:
        return None
    records: Records = []
    shown = [["score", *(s.name for s in scored)]]
    for name in HEADLINE:
        cells = []
        for s in scored:
            value, low, high = (s.metrics[prefix + name + end] for end in ("", "/low", "/high"))
            records.append(
                {"model": s.name, "score": prefix + name, "value": value, "low": low, "high": high}
            )
            cells.append(with_interval(value, low, high))
        shown.append([name, *cells])
    level = "documents" if "document" in prefix else "passages"
    return Table(f"test_{level}", f"Test scores on {level}, with 95% intervals", records, shown)


def _cv(subjects: Sequence[Subject]) -> Table | None:
    scored = [s for s in subjects if s.manifest["cv"]]
    records: Records = [
        {
            "model": s.name,
            "score": n,
            "folds": s.manifest["config"]["cv"],
            "mean": s.manifest["cv"][f"cv/{n}"],
            "sd": s.manifest["cv"][f"cv/{n}/sd"],
        }
        for s in scored
        for n in HEADLINE
    ]
    shown = [
        ["model", "score", "folds", "mean ± sd"],
        *(
            [r["model"], r["score"], str(r["folds"]), f"{r['mean']:.3f} ± {r['sd']:.3f}"]
            for r in records
        ),
    ]
    return (
        Table(
            "cross_validation",
            "Cross-validation: means over folds of whole labellers",
            records,
            shown,
        )
        if scored
        else None
    )


def _seeds(subjects: Sequence[Subject]) -> Table | None:
    """Means over runs that differ in their seed alone."""
    groups: dict[str, list[Subject]] = {}
    for s in subjects:
        key = str({k: v for k, v in flat_settings(s.manifest["config"]).items() if k != "seed"})
        groups.setdefault(key, []).append(s)
    records: Records = []
    for group in groups.values():
        of_seed = {int(s.manifest["config"]["seed"]): s for s in group}
        if len(of_seed) > 1:
            for score in HEADLINE:
                values = [s.reports["passages"].scores[score] for s in of_seed.values()]
                about = {
                    "model": group[0].manifest["model"],
                    "seeds": " ".join(map(str, sorted(of_seed))),
                    "score": score,
                }
                records.append(
                    about | {"mean": float(np.mean(values)), "sd": float(np.std(values, ddof=1))}
                )
    shown = [
        ["model", "seeds", "score", "mean ± sd"],
        *(
            [r["model"], r["seeds"], r["score"], f"{r['mean']:.3f} ± {r['sd']:.3f}"]
            for r in records
        ),
    ]
    return Table("seeds", "Means over seeds, passages", records, shown) if records else None


def with_interval(value: float, low: float, high: float) -> str:
    """As tables print a score."""
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def number(value: float | None) -> str:
    """Three digits, or nothing where there is none."""
    return "" if value is None else f"{value:.3f}"
