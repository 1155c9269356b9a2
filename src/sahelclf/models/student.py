"""The student: a small encoder, fine-tuned on the labels and on the judgement of a teacher.

The loss is the transformer's, binary cross-entropy. It is linear in the targets, so a mixture of
the losses by labels and by the teacher's probabilities is one loss with mixed targets.
"""

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from sahelclf.errors import RequestError
from sahelclf.files import file_aside
from sahelclf.models.base import (
    NO_CALLBACKS,
    BundleReader,
    FitCallbacks,
    Model,
    ModelConfig,
    ModelKind,
)
from sahelclf.models.encoder_files import find_encoder
from sahelclf.models.finetune import TransformerConfig
from sahelclf.models.linear import prior_logit
from sahelclf.models.runtime.linear import sigmoid
from sahelclf.models.runtime.windows import Cut
from sahelclf.models.shallow import shallow_encoder
from sahelclf.models.transformer import Transformer
from sahelclf.tasks.base import HeadLayout, TaskData

LOG = logging.getLogger(__name__)
TEACHERS = 3  # fits of the teacher's kind, each without a third of the documents
SHORTEST_CUT = 30  # characters
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’)]*\s+")


class StudentConfig(ModelConfig):
    """`model=student`: a small encoder that learns from a bundle."""

    kind: Literal["student"]
    teacher: str | None
    unlabelled: str | None
    layers: Annotated[int, Field(ge=1)] | None
    label_share: Annotated[float, Field(ge=0, le=1)]
    transformer: TransformerConfig

    @property
    def encoder_name(self) -> str | None:
        """The encoder that the transformer's settings name; None for the packaged one."""
        return self.transformer.encoder

    @property
    def teacher_name(self) -> str | None:
        """The bundle that it learns from."""
        return self.teacher

    @property
    def collection_name(self) -> str | None:
        """The texts without labels that it learns from."""
        return self.unlabelled


@dataclass(frozen=True)
class Lesson:
    """What a student learns besides labels.

    Parameters
    ----------
    build
        Makes a model of the teacher's kind and settings that has seen no data.
    texts, logits
        Texts without labels, and the teacher's logits for them, (n, n_heads).
    known
        Soft labels that were made, by the ids of the passages.
    """

    build: Callable[[], Model]
    texts: tuple[str, ...]
    logits: np.ndarray
    known: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict)

    def without_texts(self) -> "Lesson":
        """The same without the texts that have no labels."""
        return replace(self, texts=(), logits=self.logits[:0])


class Student:
    """A transformer whose targets are `label_share` of the labels, the rest of the teacher's.

    The teacher's probabilities for a passage, and for its cut or join, come from a model of the
    teacher's kind that was fitted on other documents: a model has learnt by heart what it was
    fitted on, and has nothing to add to its labels.
    """

    name = "student"
    kind = "transformer"

    def __init__(self, config: StudentConfig) -> None:
        self.config = config
        self.lesson: Lesson | None = None
        settings, files = config.transformer, find_encoder(config.transformer.encoder)
        self.layers: list[int] = []
        if config.layers is not None and config.layers != files.layers:
            folder, self.layers = shallow_encoder(files, config.layers)
            # the layers that are left must learn to do without the others
            settings = settings.model_copy(update={"encoder": str(folder), "frozen_layers": 0})
        self.transformer = _Taught(settings)
        if self.layers:
            name = f"{files.name}, layers {' '.join(str(k + 1) for k in self.layers)}"
            self.transformer.files = replace(self.transformer.files, name=name)
        self.computed_with: dict[str, Any] = {}

    def fit(self, data: TaskData, *, seed: int, callbacks: FitCallbacks = NO_CALLBACKS) -> None:
        """Fit teachers on parts of the documents, then the transformer on what they say."""
        if self.lesson is None:
            raise RequestError("model=student: no teacher; it is trained by sahelclf train alone")
        pieces, of_row = cuts_and_joins(data, np.random.default_rng([seed, 1]))
        logits = self._soft_labels(data, pieces, of_row, seed, callbacks)
        lesson = (logits[len(data) :], self.lesson.logits)
        targets = taught(
            data, logits[: len(data)], self.config.label_share, (*pieces, *self.lesson.texts),
            np.concatenate(lesson),
        )  # fmt: skip
        self.transformer.fit(targets, seed=seed, callbacks=callbacks)
        self.computed_with = self.transformer.computed_with

    def _soft_labels(
        self,
        data: TaskData,
        pieces: Sequence[str],
        of_row: np.ndarray,
        seed: int,
        callbacks: FitCallbacks,
    ) -> np.ndarray:
        """Held-out logits of the passages, then of the pieces; kept beside the checkpoint."""
        assert self.lesson
        if data.ids in self.lesson.known:
            return self.lesson.known[data.ids]
        checkpoint = callbacks.checkpoint
        kept = checkpoint.with_name(f"{checkpoint.stem}-teacher.npy") if checkpoint else None
        if kept and kept.is_file():
            return np.asarray(np.load(kept, allow_pickle=False))
        fold = document_folds(data.groups, seed)
        of_text = np.concatenate([fold, fold[of_row]]).astype(int)
        texts = (*data.texts, *pieces)
        logits = np.zeros((len(texts), len(data.layout)))
        for k in np.unique(fold):
            rest = data.take(np.flatnonzero(fold != k))
            model = self.lesson.build()
            LOG.info(
                f"teacher {k + 1} of {fold.max() + 1}: {model.name}, fitted on {len(rest):,} "
                f"passages to label the other {len(data) - len(rest):,}"
            )
            model.fit(rest, seed=seed)
            rows = np.flatnonzero(of_text == k)
            logits[rows] = model.logits([texts[i] for i in rows])
        self.lesson.known[data.ids] = logits = calibrated(logits, data)
        if kept:
            with file_aside(kept) as aside, aside.open("wb") as stream:
                np.save(stream, logits)
        return logits

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads)."""
        return self.transformer.logits(texts)

    def calibrate(self, scale: np.ndarray, offset: np.ndarray) -> None:
        """Change the last linear layer."""
        self.transformer.calibrate(scale, offset)

    def save(self, folder: Path) -> None:
        """The files of a transformer."""
        self.transformer.save(folder)

    def describe(self) -> dict[str, Any]:
        """As a transformer, with the layers that were taken of the encoder, from 1."""
        layers = {"layers_of_encoder": [k + 1 for k in self.layers]} if self.layers else {}
        return self.transformer.describe() | layers


class _Taught(Transformer):
    """A transformer with targets between 0 and 1."""

    def _start_head(self, cut: Cut, data: TaskData, seed: int) -> None:
        """A logistic regression needs classes: each target is rounded, and each weight."""
        rounded = replace(data, y=(data.y >= 0.5).astype(np.int8), mask=data.mask >= 0.5)
        super()._start_head(cut, rounded, seed)


def document_folds(groups: Sequence[str], seed: int) -> np.ndarray:
    """(n,) fold of each row; the rows of a document share one, and no fold is empty."""
    documents = [*dict.fromkeys(groups)]
    order = np.random.default_rng([seed, 2]).permutation(len(documents))
    folds = min(TEACHERS, len(documents))
    if folds < 2:
        raise RequestError("model=student: one document; a teacher needs others to be fitted on")
    of_document = {documents[i]: k % folds for k, i in enumerate(order)}
    return np.array([of_document[group] for group in groups])


def cuts_and_joins(data: TaskData, rng: np.random.Generator) -> tuple[tuple[str, ...], np.ndarray]:
    """Texts made of the passages, at most one for each, and the row of the passage of each.

    One is the first or the second half of a passage, cut at the end of a sentence, or the passage
    joined with the next one of its document.
    """
    pieces: list[str] = []
    rows: list[int] = []
    for row, text in enumerate(data.texts):
        kind = int(rng.integers(3))
        halves = _halves(text)
        if kind == 2 and row + 1 < len(data) and data.groups[row + 1] == data.groups[row]:
            pieces.append(f"{text} {data.texts[row + 1]}")
        elif halves:
            pieces.append(halves[kind % 2])
        else:
            continue
        rows.append(row)
    return tuple(pieces), np.array(rows, dtype=int)


def _halves(text: str) -> tuple[str, str] | None:
    """The text cut at the end of the sentence nearest to its middle; None for one sentence."""
    ends = _SENTENCE_END.finditer(text)
    best = min(ends, key=lambda m: abs(m.end() - len(text) / 2), default=None)
    if best is None or min(best.start(), len(text) - best.end()) < SHORTEST_CUT:
        return None
    return text[: best.end()].rstrip(), text[best.end() :]


def calibrated(logits: np.ndarray, data: TaskData) -> np.ndarray:
    """Logits whose sigmoids are probabilities: Platt's calibration by the first rows' labels.

    The first `len(data)` rows of `logits` are held-out logits of the passages of `data`.
    """
    from sklearn.linear_model import LogisticRegression

    result = np.empty_like(logits)
    for head in range(logits.shape[1]):
        rows = np.flatnonzero(data.mask[:, head])
        y = data.y[rows, head]
        scale, offset = 0.0, prior_logit(y)
        if len(np.unique(y)) == 2:
            fitted = LogisticRegression(C=1e3).fit(logits[rows, head : head + 1], y)
            if fitted.coef_[0, 0] > 0:
                scale, offset = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])
        result[:, head] = scale * logits[:, head] + offset
    return result


def taught(
    data: TaskData,
    logits: np.ndarray,
    label_share: float,
    more: Sequence[str],
    more_logits: np.ndarray,
) -> TaskData:
    """Passages with mixed targets, then texts whose targets are the teacher's alone.

    Where a text has no labels, the weight of a stance is the probability of its topic.
    """
    soft, more_soft = sigmoid(logits), sigmoid(more_logits)
    n = len(more)
    return TaskData(
        data.layout,
        (*data.ids, *(f"unlabelled-{k}" for k in range(n))),
        (*data.groups, *(f"unlabelled-{k}" for k in range(n))),
        (*data.texts, *more),
        np.concatenate([label_share * data.y + (1 - label_share) * soft, more_soft]),
        np.concatenate([data.mask.astype(float), topic_weights(data.layout, more_soft)]),
    )


def topic_weights(layout: HeadLayout, p: np.ndarray) -> np.ndarray:
    """(n, n_heads) weights of unlabelled texts: 1 for topics, p of the topic for its stances."""
    weights = np.ones(p.shape)
    stances = {head for group in layout.groups for head in group}
    topics = [head for head in range(len(layout)) if head not in stances]
    for topic, group in zip(topics, layout.groups, strict=False):
        weights[:, list(group)] = p[:, [topic]]
    return weights


def _teach(student: Student, lesson: Lesson) -> None:
    student.lesson = lesson


KIND = ModelKind(
    "student",
    StudentConfig,
    lambda config, *_: Student(config),
    BundleReader("transformer", "OnnxLabeller", "float32"),
    folds=3,
    slow=True,
    deterministic=False,
    exports=frozenset({"hub"}),
    transformers_layout=True,
    teach=_teach,
)
