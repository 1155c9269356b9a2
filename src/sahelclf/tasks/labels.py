"""Convert the labels of a declared task to heads, and back."""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from sahelclf.errors import RequestError
from sahelclf.tasks.base import HeadLayout, TaskData, TaskSpec

MOST_PROBLEMS = 50

Label = str | Collection[str]


def at_most(problems: Sequence[str]) -> list[str]:
    """The first problems, and how many more there are."""
    more = len(problems) - MOST_PROBLEMS
    return [*problems[:MOST_PROBLEMS], *([f"and {more} more"] if more > 0 else [])]


def layout_of(spec: TaskSpec) -> HeadLayout:
    """Heads of a task.

    Binary: one head, for the second label. Multi-class: one group of heads. Multi-label: one head
    for each label.
    """
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
    """Rows of a task.

    Parameters
    ----------
    labels
        One label name for each row; for a multi-label task a collection of names.
    targets
        The target of each text, in words, where `spec.uses_target`; else None.

    Raises
    ------
    RequestError
        Labels that the task does not have, several labels or none where one is expected, missing
        targets, duplicate ids, or sequences of different lengths; all problems, with the ids of
        rows.
    """
    lengths = {"ids": len(ids), "groups": len(groups), "texts": len(texts), "labels": len(labels)}
    lengths |= {} if targets is None else {"targets": len(targets)}
    if len(set(lengths.values())) > 1:
        raise RequestError(
            f"task {spec.name!r}: found {lengths}; expected one of each for each row"
        )
    layout = layout_of(spec)
    problems = [f"id {i!r}: occurs {n} times" for i, n in Counter(ids).items() if n > 1]
    y = np.zeros((len(ids), len(layout)), dtype=np.int8)
    for row, (i, label) in enumerate(zip(ids, labels, strict=True)):
        wrong = _label_problems(spec, label)
        problems += [f"id {i!r}: {p}" for p in wrong]
        if not wrong:
            names = {label} if isinstance(label, str) else set(label)
            y[row] = [name in names for name in layout.names]
    problems += _target_problems(spec, ids, targets)
    if problems:
        raise RequestError(at_most([f"task {spec.name!r}: {p}" for p in problems]))
    mask = np.ones(y.shape, dtype=bool)
    words = None if targets is None else tuple(str(t) for t in targets)
    return TaskData(layout, tuple(ids), tuple(groups), tuple(texts), y, mask, words)


def labels_of(spec: TaskSpec, y: np.ndarray) -> list[str] | list[tuple[str, ...]]:
    """Label names of (n, n_heads) rows of 0 and 1; a multi-label row has a tuple of names."""
    layout, y = layout_of(spec), np.asarray(y)
    where = f"task {spec.name!r}"
    if y.ndim != 2 or y.shape[1] != len(layout):
        expected = f"(n, {len(layout)}): {list(layout.names)}"
        raise ValueError(f"{where}: found y {y.shape}, expected {expected}")
    if spec.kind == "multilabel":
        return [tuple(n for n, on in zip(spec.labels, row, strict=True) if on) for row in y]
    if spec.kind == "binary":
        return [spec.labels[int(on)] for (on,) in y]
    wrong = np.flatnonzero(y.astype(bool).sum(axis=1) != 1)
    if len(wrong):
        rows = f"rows {wrong[:5].tolist()} of {len(y)}"
        raise ValueError(f"{where}: {rows} do not carry exactly one label")
    return [spec.labels[k] for k in y.argmax(axis=1)]


def _label_problems(spec: TaskSpec, label: Label) -> list[str]:
    several = spec.kind == "multilabel"
    if isinstance(label, str) == several or not isinstance(label, Collection):
        expected = "a collection of labels" if several else "one label"
        return [f"found {label!r}; expected {expected} of {list(spec.labels)}"]
    names = [label] if isinstance(label, str) else label
    if not names and not spec.may_be_empty:
        return [f"no label; expected at least one of {list(spec.labels)}"]
    expected = f"expected {'some' if several else 'one'} of {list(spec.labels)}"
    return [f"unknown label {n!r}; {expected}" for n in names if n not in spec.labels]


def _target_problems(
    spec: TaskSpec, ids: Sequence[str], targets: Sequence[str | None] | None
) -> list[str]:
    if targets is None:
        expected = "expected the wording of the target of each"
        return [f"no targets given for {len(ids)} rows; {expected}"] if spec.uses_target else []
    if not spec.uses_target:
        return ["targets given; expected none, because the task does not use a target"]
    empty = [i for i, t in zip(ids, targets, strict=True) if not (t and str(t).strip())]
    return [f"id {i!r}: no target; expected its wording" for i in empty]
