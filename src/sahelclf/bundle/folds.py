"""Fold models that a bundle keeps: texts that were trained on are read by a model that was not.

Every other text gets the mean of the folds. So predictions of coded units and of the rest of a
collection correct each other, though the codes were trained on: cross-prediction-powered inference
(Zrnic and Candès 2024, 'Cross-prediction-powered inference', PNAS 121(15)). What is averaged are
the probabilities of topics and of topic-stance pairs, for the estimators are linear in them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sahelclf.corpus.duplicates import STOCK_WORDS, training_hash
from sahelclf.errors import SahelclfError
from sahelclf.evaluation.decide import Decision
from sahelclf.models.linear import LinearModel
from sahelclf.models.runtime.checks import check_array, check_terms
from sahelclf.models.runtime.encoder import EmbeddingLabeller, OnnxEncoder, unit_length
from sahelclf.models.runtime.linear import PlainLabeller, Reader, read_json
from sahelclf.training.crossfit import FoldModel

FOLDS = "folds"
Probabilities = tuple[np.ndarray, np.ndarray]  # of topics, and of stances given a topic
MEAN = -1  # the fold of a text that no model was trained on


def write_folds(folds: Sequence[FoldModel], topics: Sequence[str], folder: Path) -> list[Any]:
    """Write the models into `folds/1`, `folds/2`, …; what the manifest says of them."""
    entries = []
    for number, fold in enumerate(folds, start=1):
        name = f"{FOLDS}/{number}"
        (folder / name).mkdir(parents=True)
        if not isinstance(fold.model, LinearModel):
            raise SahelclfError(f"keep_folds: {fold.model.name} has no weights as plain numbers")
        fold.model.save_numbers(folder / name)
        texts = sorted({training_hash(t) for t in fold.texts})
        entries.append({"folder": name, "texts": texts} | decision_values(fold.decision, topics))
    return entries


def decision_values(decision: Decision, topics: Sequence[str]) -> dict[str, Any]:
    """Thresholds, and what decides on documents, as a manifest holds them."""

    def by_topic(values: np.ndarray) -> dict[str, float]:
        return dict(zip(topics, map(float, values), strict=True))

    return {
        "thresholds": by_topic(decision.thresholds),
        "documents": {
            "scale": by_topic(decision.document_calibration.scale),
            "offset": by_topic(decision.document_calibration.offset),
            "thresholds": by_topic(decision.document_thresholds),
        },
    }


@dataclass(frozen=True)
class Limits:
    """What decides: thresholds of passages; calibration and thresholds of documents, by topic."""

    thresholds: np.ndarray
    scale: np.ndarray
    offset: np.ndarray
    document_thresholds: np.ndarray

    @classmethod
    def read(cls, entry: dict[str, Any], topics: Sequence[str]) -> "Limits":
        """The limits of a manifest, or of one of its folds."""
        tables = (entry["thresholds"], *(entry["documents"][n] for n in DOCUMENT_LIMITS))
        return cls(*(np.array([float(table[t]) for t in topics]) for table in tables))


DOCUMENT_LIMITS = ("scale", "offset", "thresholds")


@dataclass(frozen=True)
class FoldReaders:
    """The fold models of a bundle.

    Attributes
    ----------
    terms, vectors
        The plain numbers of each; `vectors` is the head over an encoder's vectors, if any.
    encoder
        Of the bundle; all folds read its vectors.
    limits
        Of each fold: fitted on the held-out predictions of the other folds.
    fold_of_text
        Fold by hash of a training text. A text in several folds, a stock phrase, has the first.
    """

    terms: list[PlainLabeller]
    vectors: list[np.ndarray | None]
    encoder: OnnxEncoder | None
    limits: list[Limits]
    fold_of_text: dict[str, int]

    @classmethod
    def load(cls, folder: Path, manifest: dict[str, Any], main: Reader) -> "FoldReaders":
        """Read the folds beside the bundle's own model; no code is run and no pickle accepted."""
        terms: list[PlainLabeller] = []
        vectors: list[np.ndarray | None] = []
        places: dict[str, int] = {}
        for number, entry in enumerate(manifest["folds"]):
            if entry["folder"] != f"{FOLDS}/{number + 1}":
                raise ValueError(f"folds: folder {entry['folder']!r}")
            inner = folder / FOLDS / str(number + 1)
            blocks = read_json(inner, "features.json")["blocks"]
            with np.load(inner / "weights.npz", allow_pickle=False) as arrays:
                terms.append(PlainLabeller(manifest, blocks, {n: arrays[n] for n in arrays.files}))
                vectors.append(arrays["vectors"] if "vectors" in arrays.files else None)
            for text in entry["texts"]:
                places.setdefault(text, number)
        encoder = main.encoder if isinstance(main, EmbeddingLabeller) else None
        heads = len(main.heads)
        for plain, head in zip(terms, vectors, strict=True):
            check_terms(plain, heads)
            if isinstance(main, EmbeddingLabeller):
                found = np.zeros(0) if head is None else head
                check_array(found, main.vectors.shape, "folds: weights of the vectors")
        limits = [Limits.read(entry, manifest["topics"]) for entry in manifest["folds"]]
        return cls(terms, vectors, encoder, limits, places)

    def folds_of(self, texts: Sequence[str]) -> np.ndarray:
        """(n,) fold that each clean text was held out in; `MEAN` for those not trained on."""
        hashes = (training_hash(text) for text in texts)
        return np.array([self.fold_of_text.get(h, MEAN) for h in hashes], dtype=int)

    def folds_of_pages(self, texts: Sequence[str], edges: np.ndarray) -> np.ndarray:
        """(n_pages,) the same for documents whose clean passages begin at 0 and at `edges`.

        The fold where most of the document's words are. A phrase of a few words in it says nothing.
        """
        words = np.array([len(text.split()) for text in texts])
        parts = zip(np.split(self.folds_of(texts), edges), np.split(words, edges), strict=True)
        return np.array([page_fold(*part) for part in parts], dtype=int)

    def read(self, texts: Sequence[str], fold: np.ndarray) -> Iterator[np.ndarray]:
        """(n, n_heads) logits by each model; those of texts of other folds are not read, and 0."""
        encoded = unit_length(self.encoder.outputs(texts)) if self.encoder else None
        for k, (plain, head) in enumerate(zip(self.terms, self.vectors, strict=True)):
            rows = np.flatnonzero((fold == k) | (fold == MEAN))
            logits = np.zeros((len(texts), len(plain.heads)))
            logits[rows] = plain.clean_logits([texts[i] for i in rows.tolist()])
            if head is not None and encoded is not None:
                logits[rows] += encoded[rows] @ head
            yield logits


def page_fold(fold: np.ndarray, words: np.ndarray) -> int:
    """Fold of a document, from those of its passages and their words."""
    seen = fold != MEAN
    if not seen.any():
        return MEAN
    counts = np.bincount(fold[seen], words[seen])
    return int(counts.argmax()) if counts.max() >= STOCK_WORDS else MEAN


def mixture(parts: Sequence[Probabilities], fold: np.ndarray) -> Probabilities:
    """What the models say together of texts of these folds (n,): their own fold's, else the mean.

    Parameters
    ----------
    parts
        Of each model, (n, n_topics) of topics and (n, n_topics, n_stances) of stances.

    Returns
    -------
    The same. The mean is over topics and over topic-stance pairs: a stance's is the mean of its
    pair over the mean of its topic, so that their product is what a mean of models says.
    """
    if len(parts) == 1:
        return parts[0]
    topics: np.ndarray = np.zeros(parts[0][0].shape)
    pairs: np.ndarray = np.zeros(parts[0][1].shape)
    for k, (p, stance) in enumerate(parts):
        weight = np.where(fold == MEAN, 1 / len(parts), fold == k)[:, None]
        topics += weight * p
        pairs += (weight * p)[:, :, None] * stance
    total = pairs.sum(axis=2, keepdims=True)
    even = np.full_like(pairs, 1.0 / max(pairs.shape[-1], 1))
    return topics, np.asarray(np.divide(pairs, total, out=even, where=total > 0))
