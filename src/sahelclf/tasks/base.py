"""TaskSpec, and the binary heads that every task comes down to.

A model sees texts and a matrix of binary heads. Heads of one group exclude each other: their sigmoids over their sum
are probabilities. Multi-label topics are heads without a group; a stance is a group of heads, masked where its topic
does not hold; a multi-class task is one group.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["binary", "multiclass", "multilabel"]


@dataclass(frozen=True)
class TaskSpec:
    """A task as it is declared, never inferred from the labels that turn up."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    primary_metric: str
    uses_target: bool = False
    may_be_empty: bool = False

    def __post_init__(self) -> None:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"task {self.name!r}: labels stand twice: {self.labels}")
        if self.kind != "multilabel" and len(self.labels) < 2:
            raise ValueError(
                f"task {self.name!r}: {self.kind} needs at least two labels, found {self.labels}"
            )
        if self.may_be_empty and self.kind != "multilabel":
            raise ValueError(
                f"task {self.name!r}: only a multilabel task may have rows without a label"
            )


@dataclass(frozen=True)
class HeadLayout:
    """Names of the heads in order, and the groups of heads that exclude each other."""

    names: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class TaskData:
    """Texts and what they carry.

    `y` is (n, n_heads) of 0 and 1; `mask` is (n, n_heads), False where a head has no answer for that text.
    `groups` are the documents: rows of one are never parted, and intervals resample them.
    `targets` is what each text is read against, in words, where the task uses a target.
    """

    layout: HeadLayout
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    texts: tuple[str, ...]
    y: np.ndarray
    mask: np.ndarray
    targets: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        n, h = len(self.ids), len(self.layout)
        shapes = {len(self.groups), len(self.texts)}
        if shapes != {n} or self.y.shape != (n, h) or self.mask.shape != (n, h):
            raise ValueError(
                f"task data: {n} ids, {len(self.texts)} texts, y {self.y.shape}, mask {self.mask.shape}; expected ({n}, {h})"
            )
        if self.targets is not None and len(self.targets) != n:
            raise ValueError(f"task data: {n} ids, {len(self.targets)} targets; expected one each")

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Sequence[int] | np.ndarray) -> "TaskData":
        """The same with these rows only, in this order."""
        rows = np.asarray(rows, dtype=int)
        ids, groups, texts = (
            tuple(values[i] for i in rows) for values in (self.ids, self.groups, self.texts)
        )
        targets = None if self.targets is None else tuple(self.targets[i] for i in rows)
        return TaskData(self.layout, ids, groups, texts, self.y[rows], self.mask[rows], targets)
