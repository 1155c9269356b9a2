"""Decisions and scores of any declared task, from probabilities and gold labels of its heads.

Scores are functions of counts, so that resampling rows or documents is resampling counts. A score without support is 0
(`zero_division=0`), and means over labels keep the place of a label without support.

| name | of | meaning |
|---|---|---|
| `accuracy` | all | rows decided right; of a multi-label task, all labels of the row |
| `macro_f1` | all | mean of the labels' F1; of a binary task, of both its labels |
| `micro_f1` | all | F1 of the labels' counts together; of one label a row that is the accuracy |
| `<label>/f1`, `precision`, `recall` | all | of one label |
| `positive_f1` | binary | F1 of the second label |
| `example_f1` | multi-label | mean over rows of `2 |gold and said| / (|gold| + |said|)`; rows with neither are dropped |
| `mean_f1/a+b` | one label a row | mean F1 of the labels a and b on all rows; there where the task's metric names it |

`example_f1` is that of ConfliBERT's released code (Hu et al. 2022, `example_based.py`); with rows of neither counted as
1 it would be far higher on sets where most rows carry no label. `mean_f1/against+favor`, over all targets
together, is the score of SemEval-2016 Task 6 (Mohammad et al. 2016) and of TweetEval: a third label counts only by the
errors it makes in the two.
"""

from collections.abc import Sequence

import numpy as np

from sahelclf.evaluation import decide
from sahelclf.evaluation.metrics import FN, FP, TP, Counts, confusion, f1, f1_parts, ratio
from sahelclf.tasks.base import TaskSpec
from sahelclf.tasks.labels import layout_of

MEAN_F1 = "mean_f1/"
GRID = np.round(np.arange(0.02, 0.99, 0.02), 2)
MOST_SWEEPS = 10


def decide_task(
    spec: TaskSpec, p: np.ndarray, thresholds: Sequence[float] | np.ndarray | None = None
) -> np.ndarray:
    """(n, n_heads) decisions, bool, from (n, n_heads) probabilities.

    Binary and multi-label: `p >= threshold` head by head, 0.5 by default; a multi-label row may end without a label,
    as in the published code. Multi-class: the likeliest label, the first of equals; thresholds are refused.
    """
    p = np.asarray(p, dtype=float)
    _check_shape(spec, p, "probabilities")
    if np.isnan(p).any():
        raise ValueError(
            f"task {spec.name!r}: rows {np.flatnonzero(np.isnan(p).any(axis=1))[:5].tolist()} hold NaN, not probabilities"
        )
    if spec.kind == "multiclass":
        if thresholds is not None:
            raise ValueError(
                f"task {spec.name!r}: multiclass takes the likeliest label, and no thresholds"
            )
        return np.asarray(p.argmax(axis=1)[:, None] == np.arange(p.shape[1]))
    limits = np.full(p.shape[1], 0.5) if thresholds is None else np.asarray(thresholds, dtype=float)
    if limits.shape != (p.shape[1],):
        raise ValueError(
            f"task {spec.name!r}: thresholds {limits.shape}, expected ({p.shape[1]},), one a head"
        )
    return np.asarray(p >= limits)


def scores(spec: TaskSpec, said: np.ndarray, gold: np.ndarray) -> dict[str, float]:
    """Every score of the module's table, from (n, n_heads) decisions and gold labels."""
    total = {k: v.sum(axis=0) for k, v in row_counts(spec, said, gold).items()}
    return {
        name: float(ratio(above, below).mean())
        for name, (above, below) in metric_ratios(spec, total).items()
    }


def row_counts(spec: TaskSpec, said: np.ndarray, gold: np.ndarray) -> dict[str, np.ndarray]:
    """Counts of each row, to be summed over whatever rows.

    `label` is (n, n_labels, 3), true positives, false positives and false negatives of each label, a binary task's
    first one included; `right` is (n, 2), rows decided right and rows; `example` is (n, 2), the F1 of a row and
    whether it has one, of multi-label tasks alone.
    """
    said, gold = _label_columns(spec, said, "decisions"), _label_columns(spec, gold, "gold labels")
    if said.shape != gold.shape:
        raise ValueError(
            f"task {spec.name!r}: {len(said)} rows of decisions, {len(gold)} of gold labels; expected as many"
        )
    label = confusion(said, gold)
    right = (said == gold).all(axis=1)
    counts = {
        "label": label,
        "right": np.stack([right, np.ones_like(right)], axis=-1).astype(float),
    }
    if spec.kind == "multilabel":
        row = label.sum(axis=1)
        counts["example"] = np.stack([f1(row), row.sum(axis=1) > 0], axis=-1)
    return counts


def metric_ratios(spec: TaskSpec, counts: Counts) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Every score as what its cells' ratios stand over: two (..., n_cells) arrays; leading axes (documents, resamples) are kept.

    A score is the mean over its cells of `above / below`, 0 where `below` is.
    """
    label = counts["label"]
    found = {
        "accuracy": (counts["right"][..., :1], counts["right"][..., 1:]),
        "macro_f1": f1_parts(label),
        "micro_f1": f1_parts(label.sum(axis=-2, keepdims=True)),
    }
    if spec.kind == "binary":
        found["positive_f1"] = f1_parts(label[..., 1:, :])
    if spec.kind == "multilabel":
        found["example_f1"] = (counts["example"][..., :1], counts["example"][..., 1:])
    if spec.primary_metric.startswith(MEAN_F1):
        found[spec.primary_metric] = f1_parts(label[..., _named_labels(spec), :])
    for k, name in enumerate(spec.labels):
        of_label = label[..., k : k + 1, :]
        hits = of_label[..., TP]
        found[f"{name}/f1"] = f1_parts(of_label)
        found[f"{name}/precision"] = (hits, hits + of_label[..., FP])
        found[f"{name}/recall"] = (hits, hits + of_label[..., FN])
    return found


def fit_task_thresholds(
    spec: TaskSpec, p: np.ndarray, y: np.ndarray, metric: str
) -> np.ndarray | None:
    """(n_heads,) thresholds for a metric of `scores`, from development probabilities; None for a multi-class task.

    The F1 of each label (`macro_f1` of a multi-label task, `positive_f1`) has its threshold from `decide`: half of the
    best F1, which wants calibrated probabilities. Any other metric is searched on a grid of 0.02, one head at a time,
    until none changes: once from 0.5, once from the labels' F1 thresholds, and the better is kept. Among equals the
    threshold nearest to the one before is taken. A head whose development labels are all 0, or all 1, stays at 0.5.
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
    return max(searched, key=lambda found: found[0])[1]


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
                    found = _score(spec, p, y, metric, tried)
                    if found > best:
                        limits, best = tried, found
        if (limits == before).all():
            break
    return best, limits


def _score(
    spec: TaskSpec, p: np.ndarray, y: np.ndarray, metric: str, thresholds: np.ndarray
) -> float:
    found = scores(spec, decide_task(spec, p, thresholds), y)
    if metric not in found:
        raise ValueError(f"task {spec.name!r}: no metric {metric!r}; expected one of {list(found)}")
    return found[metric]


def _label_columns(spec: TaskSpec, values: np.ndarray, what: str) -> np.ndarray:
    """(n, n_labels) bool, a binary task's first label as a column of its own."""
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
            f"task {spec.name!r}: {what} of rows {wrong[:5].tolist()} do not carry exactly one label"
        )
    return on


def _check_shape(spec: TaskSpec, values: np.ndarray, what: str) -> None:
    heads = len(layout_of(spec))
    if values.ndim != 2 or values.shape[1] != heads:
        raise ValueError(
            f"task {spec.name!r}: {what} {values.shape}, expected (n, {heads}), one column a head"
        )


def _named_labels(spec: TaskSpec) -> list[int]:
    names = spec.primary_metric.removeprefix(MEAN_F1).split("+")
    unknown = [n for n in names if n not in spec.labels]
    if unknown:
        raise ValueError(
            f"task {spec.name!r}: metric {spec.primary_metric!r} names {unknown}; expected some of {list(spec.labels)}"
        )
    return [spec.labels.index(n) for n in names]
