"""Score systems on a public set: from logits to the published metric and macro-F1, with intervals.

Platt's calibration and the thresholds for the reported metric are fitted on development rows;
scores of the development rows themselves are cross-fitted over five folds. A set without
development rows is decided at 0.5. A multi-class set takes the most likely label of the
uncalibrated logits: heads that are calibrated one by one on few rows rank less well
(docs/benchmarks.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sahelclf.config import BenchmarkConfig
from sahelclf.evaluation.decide import fit_calibration, to_probabilities
from sahelclf.evaluation.intervals import interval, mean_score
from sahelclf.evaluation.report import document_draws
from sahelclf.evaluation.task_scores import (
    decide_task,
    fit_task_thresholds,
    metric_ratios,
    row_counts,
)
from sahelclf.models.kinds import kind_named
from sahelclf.studies.benchmark.fits import Outputs
from sahelclf.studies.benchmark.leakage import find_leaks, seen_in_training
from sahelclf.studies.benchmark.sets import BenchmarkSet
from sahelclf.tasks.base import TaskData, TaskSpec

FOLDS = 5
FOLD_SEED, DRAW_SEED = 0, 0
MACRO = "macro_f1"


@dataclass(frozen=True)
class Scored:
    """A metric over seeds: mean, standard deviation (None of one seed), 95% interval and values."""

    value: float
    sd: float | None
    low: float
    high: float
    by_seed: tuple[float, ...]


@dataclass(frozen=True)
class ScoreRow:
    """One system's score on one part of a set.

    `rows` is `all`, or `unseen`: without the test rows whose text is in the training part.
    """

    set: str
    system: str
    metric: str
    part: str
    rows: str
    n_rows: int
    scored: Scored
    seconds: float
    cells: tuple[str, ...]


def metrics_of(spec: TaskSpec) -> tuple[str, ...]:
    """The published metric, then macro-F1 over the labels where it is another one."""
    return tuple(dict.fromkeys((spec.primary_metric, MACRO)))


def decide_from(
    spec: TaskSpec, metric: str, logits: np.ndarray, known: np.ndarray | None, y: np.ndarray | None
) -> np.ndarray:
    """(n, n_heads) decisions, bool.

    Parameters
    ----------
    logits
        (n, n_heads) of the rows to decide.
    known, y
        (m, n_heads) logits and labels of the rows that calibration and thresholds are fitted on.
        Without them nothing is fitted; nor is it for a multi-class task.
    """
    if known is None or y is None or spec.kind == "multiclass":
        return decide_task(spec, to_probabilities(logits))
    scale = fit_calibration(known, y, np.ones(y.shape, dtype=bool))
    thresholds = fit_task_thresholds(spec, to_probabilities(scale(known)), y, metric)
    return decide_task(spec, to_probabilities(scale(logits)), thresholds)


def decide_held_out(spec: TaskSpec, metric: str, logits: np.ndarray, data: TaskData) -> np.ndarray:
    """Decisions on development rows; each fold is decided by what is fitted on the other four."""
    decisions = np.zeros(data.y.shape, dtype=bool)
    for held, known in fifths(data):
        decisions[held] = decide_from(spec, metric, logits[held], logits[known], data.y[known])
    return decisions


def fifths(data: TaskData) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of each fifth of the groups, and the other rows; a fifth without rows is left out."""
    groups = np.unique(np.asarray(data.groups), return_inverse=True)[1]
    fold = np.random.default_rng(FOLD_SEED).integers(FOLDS, size=groups.max() + 1)[groups]
    for f in np.unique(fold):
        yield np.flatnonzero(fold == f), np.flatnonzero(fold != f)


def score(spec: TaskSpec, metric: str, decisions: Sequence[np.ndarray], data: TaskData) -> Scored:
    """Score one array of decisions for each seed, all of the same rows; resampled by group."""
    groups, where = np.unique(np.asarray(data.groups), return_inverse=True)
    parts = []
    for of_seed in decisions:
        counts = {}
        for name, rows in row_counts(spec, of_seed, data.y > 0).items():
            counts[name] = np.zeros((len(groups), *rows.shape[1:]))
            np.add.at(counts[name], where, rows)
        parts.append(metric_ratios(spec, counts)[metric])
    values = tuple(mean_score([part]).value for part in parts)
    low, high = interval(mean_score(parts), document_draws(len(groups), DRAW_SEED))
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Scored(float(np.mean(values)), sd, low, high, values)


def systems_of(
    config: BenchmarkConfig, fitted: Mapping[tuple[str, int], Outputs]
) -> dict[str, list[Outputs]]:
    """Logits of each system, one entry for each seed.

    Systems are the models asked for, and the mean over seeds of those that have several.
    """
    by_model: dict[str, list[Outputs]] = {}
    for (model, _), outputs in fitted.items():
        by_model.setdefault(model, []).append(outputs)
    systems: dict[str, list[Outputs]] = {}
    for name in config.models:
        members = sorted(kind_named(name).members, key=lambda m: kind_named(m).deterministic)
        if members:
            weights = [getattr(config, f"{m}_weight", 1.0) for m in members]
            seeds = max(len(by_model[m]) for m in members)
            aligned = [(by_model[m] * seeds)[:seeds] for m in members]
            by_seed = zip(*aligned, strict=True)
            systems[name] = [_weighted_sum(weights, parts) for parts in by_seed]
        elif name in by_model:
            systems[name] = by_model[name]
    several = {name: seeds for name, seeds in systems.items() if len(seeds) > 1}
    return systems | {
        f"{name}, {len(seeds)} seeds averaged": [
            _weighted_sum([1 / len(seeds)] * len(seeds), seeds)
        ]
        for name, seeds in several.items()
    }


def _weighted_sum(weights: Sequence[float], parts: Sequence[Outputs]) -> Outputs:
    dev = [w * o.dev for w, o in zip(weights, parts, strict=True) if o.dev is not None]
    test = [w * o.test for w, o in zip(weights, parts, strict=True)]
    about = {
        "seconds": sum(o.about["seconds"] for o in parts),
        "cells": [c for o in parts for c in o.about["cells"]],
    }
    return Outputs(np.sum(dev, axis=0) if dev else None, np.sum(test, axis=0), about)


def score_systems(
    benchmark: BenchmarkSet, systems: Mapping[str, Sequence[Outputs]], part: str
) -> list[ScoreRow]:
    """Score every system by the published metric and by macro-F1.

    Test rows are scored twice: all of them, and without those whose text is in the training part.
    """
    data, spec = benchmark.parts.get(part), benchmark.spec
    if data is None:
        return []
    views = {"all": np.arange(len(data))}
    if part == "test":
        seen = seen_in_training(find_leaks(benchmark))
        unseen = np.array([i for i, name in enumerate(data.ids) if name not in seen])
        views |= {"unseen": unseen} if seen else {}
    scores = []
    for system, seeds in systems.items():
        cells = tuple(dict.fromkeys(c for o in seeds for c in o.about["cells"]))
        seconds = float(np.mean([o.about["seconds"] for o in seeds]))
        for metric in metrics_of(spec):
            decisions = [_decisions(benchmark, metric, o, part) for o in seeds]
            for view, rows in views.items():
                scored = score(spec, metric, [d[rows] for d in decisions], data.take(rows))
                about = (spec.name, system, metric, part, view, len(rows))
                scores.append(ScoreRow(*about, scored, seconds, cells))
    return scores


def _decisions(benchmark: BenchmarkSet, metric: str, outputs: Outputs, part: str) -> np.ndarray:
    spec, dev = benchmark.spec, benchmark.dev
    if part == "test":
        y = None if dev is None else dev.y
        return decide_from(spec, metric, outputs.test, outputs.dev, y)
    assert outputs.dev is not None
    assert dev is not None
    return decide_held_out(spec, metric, outputs.dev, dev)
