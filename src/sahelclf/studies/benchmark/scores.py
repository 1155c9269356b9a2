"""A system on a public set: from its logits to the published metric and the honest ones, with intervals.

Whatever is fitted after training (Platt's calibration, thresholds for the very metric that is reported) is fitted on development rows;
scores on these rows themselves are cross-fitted over five folds. A set without development rows is decided at 0.5. A multi-class set takes the
likeliest label of the logits as they are: heads calibrated one by one on few rows rank less well (docs/benchmarks.md).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from sahelclf.evaluation.decide import fit_calibration, to_probabilities
from sahelclf.evaluation.intervals import interval, mean_score
from sahelclf.evaluation.report import document_draws
from sahelclf.evaluation.task_scores import (
    decide_task,
    fit_task_thresholds,
    metric_ratios,
    row_counts,
)
from sahelclf.tasks.base import TaskData, TaskSpec

FOLDS = 5
FOLD_SEED, DRAW_SEED = 0, 0
HONEST = "macro_f1"


@dataclass(frozen=True)
class Scored:
    """A metric's mean over seeds, its spread (sd, None of one seed), its 95% interval resampled by group, and each seed's value."""

    value: float
    sd: float | None
    low: float
    high: float
    by_seed: tuple[float, ...]


def metrics_of(spec: TaskSpec) -> tuple[str, ...]:
    """The published metric, then macro-F1 over the labels where that is another one."""
    return tuple(dict.fromkeys((spec.primary_metric, HONEST)))


def decide_from(
    spec: TaskSpec, metric: str, logits: np.ndarray, known: np.ndarray | None, y: np.ndarray | None
) -> np.ndarray:
    """(n, n_heads) decisions from logits, by what is fitted on development logits `known` and their labels `y`.

    Without them nothing is fitted, nor for a multi-class task.
    """
    if known is None or y is None or spec.kind == "multiclass":
        return decide_task(spec, to_probabilities(logits))
    scale = fit_calibration(known, y, np.ones(y.shape, dtype=bool))
    thresholds = fit_task_thresholds(spec, to_probabilities(scale(known)), y, metric)
    return decide_task(spec, to_probabilities(scale(logits)), thresholds)


def decide_held_out(spec: TaskSpec, metric: str, logits: np.ndarray, data: TaskData) -> np.ndarray:
    """Decisions on development rows, each by what is fitted on the other four fifths of the groups."""
    said = np.zeros(data.y.shape, dtype=bool)
    for held, known in fifths(data):
        said[held] = decide_from(spec, metric, logits[held], logits[known], data.y[known])
    return said


def fifths(data: TaskData) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Rows of each fifth of the groups, and the other rows; a fifth without a row is left out."""
    groups = np.unique(np.asarray(data.groups), return_inverse=True)[1]
    fold = np.random.default_rng(FOLD_SEED).integers(FOLDS, size=groups.max() + 1)[groups]
    for f in np.unique(fold):
        yield np.flatnonzero(fold == f), np.flatnonzero(fold != f)


def score(spec: TaskSpec, metric: str, said: Sequence[np.ndarray], data: TaskData) -> Scored:
    """Mean over seeds of a metric on the same rows; one array of decisions a seed."""
    groups, where = np.unique(np.asarray(data.groups), return_inverse=True)
    parts = []
    for decisions in said:
        counts = {}
        for name, rows in row_counts(spec, decisions, data.y > 0).items():
            counts[name] = np.zeros((len(groups), *rows.shape[1:]))
            np.add.at(counts[name], where, rows)
        parts.append(metric_ratios(spec, counts)[metric])
    values = tuple(mean_score([part]).value for part in parts)
    low, high = interval(mean_score(parts), document_draws(len(groups), DRAW_SEED))
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Scored(float(np.mean(values)), spread, low, high, values)
