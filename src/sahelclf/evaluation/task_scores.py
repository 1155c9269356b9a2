"""Decisions and scores of any declared task, from probabilities and gold labels of its heads.

Scores are functions of counts: to resample rows or documents is to resample counts. A score
without support is 0 (`zero_division=0`), and a label without support keeps its place in means.

| name | task | meaning |
|---|---|---|
| `accuracy` | all | share of rows decided right; multi-label: all labels of the row |
| `macro_f1` | all | mean of the labels' F1; binary: of both labels |
| `micro_f1` | all | F1 of the labels' counts together; with one label a row, the accuracy |
| `<label>/f1`, `precision`, `recall` | all | of one label |
| `positive_f1` | binary | F1 of the second label |
| `example_f1` | multi-label | mean over rows of `2 |gold & predicted| / (|gold| + |predicted|)` |
| `mean_f1/a+b` | one label a row | mean F1 of the labels a and b, if the task's metric names it |

`example_f1` drops rows with neither gold nor predicted labels, as ConfliBERT's released code does
(Hu et al. 2022, `example_based.py`); to count them as 1 would raise it much on sets where most
rows have no label. `mean_f1/against+favor`, over all targets together, is the score of SemEval-2016
Task 6 (Mohammad et al. 2016) and of TweetEval: a third label counts only by the errors that it
causes in the two.
"""

from collections.abc import Sequence

import numpy as np

from sahelclf.evaluation import decide
from sahelclf.evaluation.metrics import Counts, Parts, confusion, f1, f1_parts, label_parts, ratio
from sahelclf.tasks.base import TaskSpec
from sahelclf.tasks.labels import layout_of

MEAN_F1 = "mean_f1/"
GRID = np.round(np.arange(0.02, 0.99, 0.02), 2)
MOST_SWEEPS = 10


def decide_task(
    spec: TaskSpec, p: np.ndarray, thresholds: Sequence[float] | np.ndarray | None = None
) -> np.ndarray:
    """Decide each head.

    Parameters
    ----------
    p
        (n, n_heads) probabilities.
    thresholds
        (n_heads,), 0.5 by default. Binary and multi-label heads hold at `p >= threshold`; a
        multi-label row may have no label. Multi-class tasks take the most probable label, the
        first of equals, and refuse thresholds.

    Returns
    -------
    np.ndarray
        (n, n_heads) bool.

    Raises
    ------
    ValueError
        Wrong shapes, or NaN.
    """
    p = np.asarray(p, dtype=float)
    _check_shape(spec, p, "probabilities")
    with_nan = np.flatnonzero(np.isnan(p).any(axis=1))
    if len(with_nan):
        raise ValueError(
            f"task {spec.name!r}: rows {with_nan[:5].tolist()} hold NaN, expected probabilities"
        )
    if spec.kind == "multiclass":
        if thresholds is not None:
            raise ValueError(
                f"task {spec.name!r}: multiclass takes the most probable label, and no thresholds"
            )
        return np.asarray(p.argmax(axis=1)[:, None] == np.arange(p.shape[1]))
    limits = np.full(p.shape[1], 0.5) if thresholds is None else np.asarray(thresholds, dtype=float)
    if limits.shape != (p.shape[1],):
        raise ValueError(
            f"task {spec.name!r}: thresholds {limits.shape}, expected ({p.shape[1]},), one a head"
        )
    return np.asarray(p >= limits)


def scores(spec: TaskSpec, predicted: np.ndarray, gold: np.ndarray) -> dict[str, float]:
    """Every score of the module's table, from (n, n_heads) decisions and gold labels of 0 and 1."""
    total = {k: v.sum(axis=0) for k, v in row_counts(spec, predicted, gold).items()}
    return {
        name: float(ratio(above, below).mean())
        for name, (above, below) in metric_ratios(spec, total).items()
    }


def row_counts(spec: TaskSpec, predicted: np.ndarray, gold: np.ndarray) -> dict[str, np.ndarray]:
    """Counts of each row; sum them over any rows.

    Returns
    -------
    dict
        `label` (n, n_labels, 3): true positives, false positives and false negatives of each
        label; binary tasks have both labels. `right` (n, 2): rows decided right, and rows.
        `example` (n, 2), of multi-label tasks: F1 of the row, and whether it has one.
    """
    predicted = _label_columns(spec, predicted, "decisions")
    gold = _label_columns(spec, gold, "gold labels")
    if predicted.shape != gold.shape:
        raise ValueError(
            f"task {spec.name!r}: {len(predicted)} rows of decisions, {len(gold)} of gold labels; "
            "expected the same number"
        )
    label = confusion(predicted, gold)
    right = (predicted == gold).all(axis=1)
    counts = {
        "label": label,
        "right": np.stack([right, np.ones_like(right)], axis=-1).astype(float),
    }
    if spec.kind == "multilabel":
        row = label.sum(axis=1)
        counts["example"] = np.stack([f1(row), row.sum(axis=1) > 0], axis=-1)
    return counts


def metric_ratios(spec: TaskSpec, counts: Counts) -> dict[str, Parts]:
    """Numerators and denominators of every score, both (..., n_cells).

    A score is the mean over its cells of their ratio, 0 where the denominator is 0. Leading axes
    (documents, resamples) are kept.
    """
    label = counts["label"]
    parts = {
        "accuracy": (counts["right"][..., :1], counts["right"][..., 1:]),
        "macro_f1": f1_parts(label),
        "micro_f1": f1_parts(label.sum(axis=-2, keepdims=True)),
    }
    if spec.kind == "binary":
        parts["positive_f1"] = f1_parts(label[..., 1:, :])
    if spec.kind == "multilabel":
        parts["example_f1"] = (counts["example"][..., :1], counts["example"][..., 1:])
    if spec.primary_metric.startswith(MEAN_F1):
        parts[spec.primary_metric] = f1_parts(label[..., _named_labels(spec), :])
    for k, name in enumerate(spec.labels):
        of_label = label_parts(label[..., k : k + 1, :])
        parts |= {f"{name}/{score}": part for score, part in of_label.items()}
    return parts


def fit_task_thresholds(
    spec: TaskSpec, p: np.ndarray, y: np.ndarray, metric: str
) -> np.ndarray | None:
    """(n_heads,) thresholds for a metric of `scores`; None for a multi-class task.

    Parameters
    ----------
    p, y
        (n, n_heads) probabilities and labels of development data.
    metric
        For the F1 of each label (`macro_f1` of a multi-label task, `positive_f1`) a threshold is
        half of the best F1, as in `decide`; that needs calibrated probabilities. Any other metric
        is searched on a grid of 0.02, one head at a time until none changes, from 0.5 and from the
        F1 thresholds; the better result is kept. Among equals the nearest threshold is taken. A
        head with constant labels keeps 0.5.
    """
    p, y = np.asarray(p, dtype=float), np.asarray(y)
    _check_shape(spec, p, "probabilities")
    _check_shape(spec, y, "gold labels")
    if spec.kind == "multiclass":
        return None
    by_label = decide.fit_thresholds(p, y)
    if metric == {"binary": "positive_f1", "multilabel": "macro_f1"}[spec.kind]:
        return by_label
    nearest = GRID[np.abs(by_label[:, None] - GRID).argmin(axis=1)]
    searched = [
        _coordinate_search(spec, p, y, metric, start)
        for start in (np.full(p.shape[1], 0.5), nearest)
    ]
    return max(searched, key=lambda result: result[0])[1]


def _coordinate_search(
    spec: TaskSpec, p: np.ndarray, y: np.ndarray, metric: str, start: np.ndarray
) -> tuple[float, np.ndarray]:
    limits, best = start.copy(), _score(spec, p, y, metric, start)
    for _ in range(MOST_SWEEPS):
        before = limits.copy()
        for head in range(p.shape[1]):
            if y[:, head].any() and not y[:, head].all():
                for value in sorted(GRID, key=lambda v: abs(v - before[head])):
                    tried = limits.copy()
                    tried[head] = value
                    score = _score(spec, p, y, metric, tried)
                    if score > best:
                        limits, best = tried, score
        if (limits == before).all():
            break
    return best, limits


def _score(
    spec: TaskSpec, p: np.ndarray, y: np.ndarray, metric: str, thresholds: np.ndarray
) -> float:
    known = scores(spec, decide_task(spec, p, thresholds), y)
    if metric not in known:
        raise ValueError(f"task {spec.name!r}: no metric {metric!r}; expected one of {list(known)}")
    return known[metric]


def _label_columns(spec: TaskSpec, values: np.ndarray, what: str) -> np.ndarray:
    """(n, n_labels) bool; a binary task's first label becomes a column too."""
    values = np.asarray(values)
    _check_shape(spec, values, what)
    if not np.isin(values, (0, 1)).all():
        raise ValueError(
            f"task {spec.name!r}: {what} hold {np.unique(values)[:5].tolist()}, expected 0 and 1"
        )
    on = values.astype(bool)
    if spec.kind == "binary":
        return np.concatenate([~on, on], axis=1)
    if spec.kind == "multiclass" and (on.sum(axis=1) != 1).any():
        wrong = np.flatnonzero(on.sum(axis=1) != 1)
        raise ValueError(
            f"task {spec.name!r}: {what}: rows {wrong[:5].tolist()} do not have exactly one label"
        )
    return on


def _check_shape(spec: TaskSpec, values: np.ndarray, what: str) -> None:
    heads = len(layout_of(spec))
    if values.ndim != 2 or values.shape[1] != heads:
        raise ValueError(
            f"task {spec.name!r}: {what} {values.shape}, expected (n, {heads}), a column a head"
        )


def _named_labels(spec: TaskSpec) -> list[int]:
    names = spec.primary_metric.removeprefix(MEAN_F1).split("+")
    unknown = [n for n in names if n not in spec.labels]
    if unknown:
        raise ValueError(
            f"task {spec.name!r}: metric {spec.primary_metric!r} names {unknown}; "
            f"expected some of {list(spec.labels)}"
        )
    return [spec.labels.index(n) for n in names]
