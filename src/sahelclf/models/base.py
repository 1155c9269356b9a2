"""What every kind of model has: a configuration, a `Model`, and one descriptor, `ModelKind`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sahelclf.records import Frozen
from sahelclf.tasks.base import TaskData


class ModelConfig(Frozen):
    """Base of the settings of a model; each kind has its own class, in the kind's module."""

    kind: str

    @property
    def encoder_name(self) -> str | None:
        """Encoder that the settings name; None for the packaged one and for models without one."""
        return None

    @property
    def teacher_name(self) -> str | None:
        """Bundle that the model learns from; None for models that learn from labels alone."""
        return None

    @property
    def collection_name(self) -> str | None:
        """Texts without labels that the model learns from, as `predict` names its input."""
        return None


OnFitStep = Callable[[int, int, Mapping[str, float]], None]


def ignore_step(_done: int, _total: int, _numbers: Mapping[str, float]) -> None:
    """Do nothing with the progress of a fit."""


@dataclass(frozen=True)
class FitCallbacks:
    """What a long fit reports to, and where it saves its state.

    Parameters
    ----------
    on_step
        Called as `on_step(done, total, numbers)` after every step; `numbers` has such as the loss.
    checkpoint
        File with the state of a fit that was interrupted; the fit resumes from it if it exists.
    """

    on_step: OnFitStep = ignore_step
    checkpoint: Path | None = None


NO_CALLBACKS = FitCallbacks()


class Model(Protocol):
    """What training needs of a model; `sahelclf.models.kinds.build_model` makes one.

    `name` is the kind's name, `kind` that of the reader of its files. `computed_with` describes
    the arithmetic and the hardware of the fit, for models where they vary.
    """

    name: str
    kind: str
    computed_with: dict[str, Any]

    def fit(self, data: TaskData, *, seed: int, callbacks: FitCallbacks = NO_CALLBACKS) -> None:
        """Fit every head on the rows where it has an answer.

        A head that has seen answers of one kind only predicts the smoothed class prior.
        """

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads) logits, calibrated once `calibrate` was called."""

    def calibrate(self, scale: np.ndarray, offset: np.ndarray) -> None:
        """Replace each logit by `scale * logit + offset`; both are (n_heads,)."""

    def save(self, folder: Path) -> None:
        """Write the weights into a folder: plain files, each weight once, no pickle."""

    def describe(self) -> dict[str, Any]:
        """What a reader of the manifest must know, such as how text is read."""


@dataclass(frozen=True)
class BundleReader:
    """How the bundles of a kind are read.

    Parameters
    ----------
    kind
        Entry `kind` of a manifest; kinds of model whose bundles have the same files share it.
    class_name
        The reader, in `module`; its `load(folder)` gives a labeller.
    arithmetic
        Types of the numbers, for the manifest and the methods paragraph.
    module
        The module of `sahelclf.models.runtime` that has the reader.
    packages
        What the reader needs beside numpy.
    tolerance
        Largest difference in logits between the fitted model and its bundle.
    in_processes
        Whether one process uses one core, so that several processes label faster.
    """

    kind: str
    class_name: str
    arithmetic: str
    module: str = "encoder"
    packages: tuple[str, ...] = ("onnxruntime", "tokenizers")
    tolerance: float = 1e-4
    in_processes: bool = False


PLAIN_NUMBERS = BundleReader(
    "linear", "PlainLabeller", "float64", "linear", (), tolerance=1e-6, in_processes=True
)


@dataclass(frozen=True)
class ModelKind:
    """One kind of model, `model=<name>`: everything that other parts of the package ask of it.

    Its settings are in `conf/model/<name>.yaml`, its texts for cards and for the methods
    paragraph in `models/texts/<name>.yaml`, where `default.yaml` does not describe it well enough.

    Parameters
    ----------
    config
        Class of its settings.
    build
        Makes a model that has seen no data, from the settings, the names of the heads, and the
        corpus folder, which may hold a file of the model's own.
    reader
        How its bundles are read.
    folds
        Folds of cross-fitting where the configuration leaves them open.
    slow
        A fit takes minutes: its state is saved, and the training can be resumed.
    deterministic
        Another seed gives the same model.
    reads_targets
        Reads the target of a (text, target) task, `model.logits(texts, targets)`.
    members
        Kinds whose logits it adds.
    exports
        Forms of `export --to` that it has.
    encode
        Encodes the texts of a training before its fits, which then find the vectors in the cache:
        `encode(model, texts, on_step)`.
    transformers_layout
        The bundle loads in Transformers, and has a graph in eight bits.
    teach
        Gives a model what it learns besides labels, `teach(model, lesson)`, before it is fitted.
    """

    name: str
    config: type[ModelConfig]
    build: Callable[[Any, Sequence[str], Path | None], Model]
    reader: BundleReader = PLAIN_NUMBERS
    folds: int = 5
    slow: bool = False
    deterministic: bool = True
    reads_targets: bool = False
    members: tuple[str, ...] = ()
    exports: frozenset[str] = frozenset({"hub", "r", "sklearn"})
    encode: Callable[[Any, Sequence[str], OnFitStep], object] | None = None
    transformers_layout: bool = False
    teach: Callable[[Any, Any], None] | None = None
