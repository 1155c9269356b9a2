"""From a declared task and label names to heads, and back."""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from sahelclf.errors import RequestError
from sahelclf.tasks.base import HeadLayout, TaskData, TaskSpec

MOST_PROBLEMS = 50

Label = str | Collection[str]


def layout_of(spec: TaskSpec) -> HeadLayout:
    """Binary: one head, which says the second label. Multi-class: one group of heads. Multi-label: a head a label."""
    if spec.kind == "binary":
        if len(spec.labels) != 2:
            raise ValueError(f"task {spec.name!r}: binary needs two labels, found {spec.labels}")
        return HeadLayout(spec.labels[1:])
    groups = (tuple(range(len(spec.labels))),) if spec.kind == "multiclass" else ()
    return HeadLayout(spec.labels, groups)


def task_data(
    spec: TaskSpec,
    ids: Sequence[str],
    groups: Sequence[str],
    texts: Sequence[str],
    labels: Sequence[Label],
    targets: Sequence[str | None] | None = None,
) -> TaskData:
    """Rows of a task; every problem is told at once, with the id of its row.

    Parameters
    ----------
    labels
        Label names: one name a row; for a multi-label task a collection of names a row.
    targets
        What each text is read against, in words, where `spec.uses_target`; else None.

    Raises
    ------
    RequestError
        A label that the task does not have, several labels or none where one is expected, a missing target, an id
        that stands twice, sequences of different lengths.
    """
    lengths = {"ids": len(ids), "groups": len(groups), "texts": len(texts), "labels": len(labels)}
    lengths |= {} if targets is None else {"targets": len(targets)}
    if len(set(lengths.values())) > 1:
        raise RequestError(f"task {spec.name!r}: found {lengths}; expected one of each a row")
    layout = layout_of(spec)
    problems = [f"id {i!r}: stands {n} times" for i, n in Counter(ids).items() if n > 1]
    y = np.zeros((len(ids), len(layout)), dtype=np.int8)
    for row, (i, label) in enumerate(zip(ids, labels, strict=True)):
        found = _label_problems(spec, label)
        problems += [f"id {i!r}: {p}" for p in found]
        if not found:
            names = {label} if isinstance(label, str) else set(label)
            y[row] = [name in names for name in layout.names]
    problems += _target_problems(spec, ids, targets)
    if problems:
        told = [f"task {spec.name!r}: {p}" for p in problems[:MOST_PROBLEMS]]
        more = len(problems) - len(told)
        raise RequestError(told + ([f"and {more} more"] if more else []))
    given = None if targets is None else tuple(str(t) for t in targets)
    return TaskData(
        layout, tuple(ids), tuple(groups), tuple(texts), y, np.ones(y.shape, dtype=bool), given
    )


def labels_of(spec: TaskSpec, y: np.ndarray) -> list[str] | list[tuple[str, ...]]:
    """Label names of (n, n_heads) rows of 0 and 1: a name a row, or for a multi-label task a tuple of names."""
    layout = layout_of(spec)
    y = np.asarray(y)
    if y.ndim != 2 or y.shape[1] != len(layout):
        raise ValueError(
            f"task {spec.name!r}: found y {y.shape}, expected (n, {len(layout)}): {list(layout.names)}"
        )
    if spec.kind == "multilabel":
        return [tuple(n for n, on in zip(spec.labels, row, strict=True) if on) for row in y]
    if spec.kind == "binary":
        return [spec.labels[int(on)] for (on,) in y]
    wrong = np.flatnonzero(y.astype(bool).sum(axis=1) != 1)
    if len(wrong):
        raise ValueError(
            f"task {spec.name!r}: rows {wrong[:5].tolist()} of {len(y)} do not carry exactly one label"
        )
    return [spec.labels[k] for k in y.argmax(axis=1)]


def _label_problems(spec: TaskSpec, label: Label) -> list[str]:
    if spec.kind == "multilabel":
        if isinstance(label, str) or not isinstance(label, Collection):
            return [f"found {label!r}; expected a collection of labels of {list(spec.labels)}"]
        unknown = [n for n in label if n not in spec.labels]
        if unknown:
            return [f"unknown label {n!r}; expected some of {list(spec.labels)}" for n in unknown]
        return (
            []
            if len(label) or spec.may_be_empty
            else [f"no label; expected at least one of {list(spec.labels)}"]
        )
    if not isinstance(label, str):
        return [f"found {label!r}; expected one label of {list(spec.labels)}"]
    return (
        []
        if label in spec.labels
        else [f"unknown label {label!r}; expected one of {list(spec.labels)}"]
    )


def _target_problems(
    spec: TaskSpec, ids: Sequence[str], targets: Sequence[str | None] | None
) -> list[str]:
    if not spec.uses_target:
        return (
            []
            if targets is None
            else ["targets given; expected none, since the task does not use a target"]
        )
    if targets is None:
        return [f"no targets given for {len(ids)} rows; expected the wording of the target of each"]
    return [
        f"id {i!r}: no target; expected its wording"
        for i, t in zip(ids, targets, strict=True)
        if not (t and str(t).strip())
    ]
