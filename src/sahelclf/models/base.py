"""The Model protocol: fit on binary heads, give logits, fold calibration into the head, save plain files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sahelclf.tasks.base import TaskData


def _nobody(_done: int, _of: int, _numbers: Mapping[str, float]) -> None:
    """Told of every step, and says nothing."""


@dataclass(frozen=True)
class FitCallbacks:
    """Who follows a long fit: `on_step(done, of, numbers)`, and the file that a killed fit goes on from."""

    on_step: Callable[[int, int, Mapping[str, float]], None] = _nobody
    checkpoint: Path | None = None


NO_CALLBACKS = FitCallbacks()


class Model(Protocol):
    """What training asks of a model; `sahelclf.models.registry` builds one from its configuration.

    `kind` names the reader of its files; `computed_with` is the arithmetic that fitted it, where that is no matter of course.
    """

    name: str
    kind: str
    computed_with: dict[str, Any]

    def fit(self, data: TaskData, *, seed: int, watch: FitCallbacks = NO_CALLBACKS) -> None:
        """Fit every head on the rows where it has an answer. A head without both answers says the prior."""

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads) logits, calibrated once `calibrate` was called."""

    def calibrate(self, scale: np.ndarray, offset: np.ndarray) -> None:
        """Make the head say `scale * logit + offset`, both (n_heads,), from now on."""

    def save(self, folder: Path) -> None:
        """Write the weights into a folder, each stored once, no pickle."""

    def describe(self) -> dict[str, Any]:
        """What a reader of the manifest needs to know, such as how text is read."""
