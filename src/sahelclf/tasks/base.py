"""TaskSpec, and the binary heads that every task is reduced to.

A model sees texts and a matrix of binary heads. Heads of one group exclude each other: their
sigmoids divided by the sum of these are probabilities. Multi-label topics are heads without a
group. A stance is a group of heads, masked where its topic does not hold. A multi-class task is one
group.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

Kind = Literal["binary", "multiclass", "multilabel"]


@dataclass(frozen=True)
class TaskSpec:
    """A task as it is declared; it is never inferred from the labels in the data."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    primary_metric: str
    uses_target: bool = False
    may_be_empty: bool = False

    def __post_init__(self) -> None:
        where, labels = f"task {self.name!r}", self.labels
        if len(set(labels)) != len(labels):
            raise ValueError(f"{where}: duplicate labels: {labels}")
        if self.kind != "multilabel" and len(labels) < 2:
            raise ValueError(f"{where}: {self.kind} needs at least two labels, found {labels}")
        if self.may_be_empty and self.kind != "multilabel":
            raise ValueError(f"{where}: only a multilabel task may have rows without a label")


@dataclass(frozen=True)
class HeadLayout:
    """Names of the heads in order, and the groups of heads that exclude each other."""

    names: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class TaskData:
    """Texts and their labels.

    `y` is (n, n_heads) of 0 and 1. `mask` is (n, n_heads), False where the text gives no answer for
    a head. `groups` are the documents: their rows stay in one part of a split, and intervals
    resample them. `targets` are the targets of the texts, in words, where the task uses a target.
    """

    layout: HeadLayout
    ids: tuple[str, ...]
    groups: tuple[str, ...]
    texts: tuple[str, ...]
    y: np.ndarray
    mask: np.ndarray
    targets: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        n, shape = len(self.ids), (len(self.ids), len(self.layout))
        shapes = [len(self.groups), len(self.texts), self.y.shape, self.mask.shape]
        if shapes != [n, n, shape, shape]:
            what = "groups, texts, y and mask"
            raise ValueError(
                f"task data: found {what} {shapes}, expected {n}, {n}, {shape}, {shape}"
            )
        if self.targets is not None and len(self.targets) != n:
            raise ValueError(f"task data: {n} ids, {len(self.targets)} targets; expected one each")

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: Sequence[int] | np.ndarray) -> "TaskData":
        """These rows only, in this order."""
        rows = np.asarray(rows, dtype=int)
        columns = {"ids": self.ids, "groups": self.groups, "texts": self.texts}
        columns |= {} if self.targets is None else {"targets": self.targets}
        taken: dict[str, Any] = {k: tuple(v[i] for i in rows) for k, v in columns.items()}
        return replace(self, y=self.y[rows], mask=self.mask[rows], **taken)
