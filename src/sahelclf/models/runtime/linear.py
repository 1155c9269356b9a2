"""Reader of linear labellers: plain numbers in, labels out. Needs numpy and the standard library alone.

This one file is the package's own runtime for linear models and travels inside every exported bundle. What it computes:

1. text: lower case, Unicode NFKD, combining marks removed;
2. per feature block, terms: `word` = runs of words found by a pattern, `char_wb` = character runs within
   white-space-bounded words, padded by a space on both sides;
3. per block: count, or 1 + ln(count), or mere presence; times the term's idf; for `l2`, over the row's Euclidean norm;
4. logits = features x coef + intercept; probability = 1 / (1 + exp(-logit)), calibration being folded into both;
5. a topic holds at probability >= its threshold; a topic's stance probabilities are its sigmoids over their sum.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np

ROWS_AT_ONCE = 256
WORDS = r"(?u)\b\w\w+\b"
CACHED_WORDS = 100_000


def normalise(text: str) -> str:
    """Lower case, compatibility decomposition, no combining marks: the same for 'é' and 'e' + accent."""
    text = text.lower()
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


class WordTerms:
    """Ids of runs of `low` to `high` words."""

    def __init__(self, block: dict[str, Any]) -> None:
        self.vocabulary = {term: i for i, term in enumerate(block["terms"])}
        self.tokens = re.compile(block["token_pattern"]).findall
        self.low, self.high = block["ngram_range"]

    def __call__(self, text: str) -> list[int]:
        """Ids in the block, with repetition."""
        tokens = self.tokens(text)
        get = self.vocabulary.get
        found = [get(t) for t in tokens] if self.low == 1 else []
        for n in range(max(2, self.low), self.high + 1):
            found += [
                get(" ".join(run)) for run in zip(*(tokens[k:] for k in range(n)), strict=False)
            ]
        return [i for i in found if i is not None]


class CharTerms:
    """Ids of runs of `low` to `high` characters within words; the ids of a word are kept."""

    def __init__(self, block: dict[str, Any]) -> None:
        self.vocabulary = {term: i for i, term in enumerate(block["terms"])}
        self.low, self.high = block["ngram_range"]
        self.known: dict[str, list[int]] = {}

    def __call__(self, text: str) -> list[int]:
        """Ids in the block, with repetition."""
        if len(self.known) > CACHED_WORDS:
            self.known.clear()
        known = self.known
        found: list[int] = []
        for word in text.split():
            ids = known.get(word)
            if ids is None:
                ids = known[word] = self._of_word(f" {word} ")
            found += ids
        return found

    def _of_word(self, word: str) -> list[int]:
        get = self.vocabulary.get
        found: list[int | None] = []
        for n in range(self.low, self.high + 1):
            found += [get(word[k : k + n]) for k in range(max(1, len(word) - n + 1))]
            if len(word) <= n:
                break
        return [i for i in found if i is not None]


TERMS: dict[str, Any] = {"word": WordTerms, "char_wb": CharTerms}


class Reader:
    """What the readers of every kind of labeller share: names, thresholds, and the way from logits to rows."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.heads = list(manifest["heads"])
        self.topics = list(manifest["topics"])
        self.stances = list(manifest["stances"])
        self.thresholds = np.array([manifest["thresholds"][t] for t in self.topics])

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads) calibrated logits."""
        raise NotImplementedError

    def probabilities(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(n, n_topics) and (n, n_topics, n_stances)."""
        return split_heads(sigmoid(self.logits(texts)), len(self.topics), len(self.stances))

    def rows(self, ids: Sequence[str], texts: Sequence[str]) -> list[dict[str, Any]]:
        """The flat table: one dict a text."""
        holds, stance = self.probabilities(texts)
        return [flat_row(self, i, p, s) for i, p, s in zip(ids, holds, stance, strict=True)]


class PlainLabeller(Reader):
    """A linear labeller read from a bundle's `manifest.json`, `features.json` and `weights.npz`."""

    def __init__(
        self, manifest: dict[str, Any], blocks: list[dict[str, Any]], arrays: dict[str, np.ndarray]
    ) -> None:
        super().__init__(manifest)
        self.blocks = [
            (TERMS[b["analyzer"]](b), b, arrays[f"idf{i}"]) for i, b in enumerate(blocks)
        ]
        self.coef = arrays["coef"]
        self.intercept = arrays["intercept"]

    @classmethod
    def load(cls, folder: str | Path) -> "PlainLabeller":
        """Read the three files; no code is run and no pickle accepted."""
        folder = Path(folder)
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        blocks = json.loads((folder / "features.json").read_text(encoding="utf-8"))["blocks"]
        with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
            return cls(manifest, blocks, {name: arrays[name] for name in arrays.files})

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads) calibrated logits."""
        texts = [str(t) for t in texts]
        parts = [
            self._logits(texts[i : i + ROWS_AT_ONCE]) for i in range(0, len(texts), ROWS_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.heads)))

    def _logits(self, texts: Sequence[str]) -> np.ndarray:
        out = np.tile(self.intercept, (len(texts), 1))
        clean = [normalise(t) for t in texts]
        start = 0
        for terms, block, idf in self.blocks:
            rows, ids, values = _weights([terms(t) for t in clean], block, idf)
            edges = np.searchsorted(rows, np.arange(len(texts) + 1))
            coef = self.coef[start : start + len(idf)]
            for row, (a, b) in enumerate(pairwise(edges)):
                out[row] += (
                    values[a:b] @ coef[ids[a:b]]
                )  # a row at a time stays in the processor's cache
            start += len(idf)
        return out


def _weights(
    found: list[list[int]], block: dict[str, Any], idf: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, term and value of every term that occurs, rows in order: counts, log, idf, norm."""
    lengths = [len(ids) for ids in found]
    ids = np.fromiter(chain.from_iterable(found), dtype=np.int64, count=sum(lengths))
    keys = np.repeat(np.arange(len(found)), lengths) * len(idf) + ids
    keys, counts = np.unique(keys, return_counts=True)
    rows, ids = np.divmod(keys, len(idf)) if len(idf) else (keys, keys)
    values = np.ones(len(ids)) if block["norm"] == "presence" else counts.astype(float)
    if block["sublinear_tf"]:
        values = 1.0 + np.log(values)
    values = values * idf[ids]
    if block["norm"] == "l2":
        norms = np.sqrt(np.bincount(rows, values * values, minlength=len(found)))
        values = values / norms[rows]
    return rows, ids, values


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Probabilities of logits, without overflow."""
    return np.asarray(np.where(z >= 0, 1.0, np.exp(-np.abs(z))) / (1.0 + np.exp(-np.abs(z))))


def split_heads(p: np.ndarray, n_topics: int, n_stances: int) -> tuple[np.ndarray, np.ndarray]:
    """Head probabilities (n, n_topics + n_topics x n_stances) to topics (n, t) and normalised stances (n, t, s)."""
    stance = p[:, n_topics:].reshape(len(p), n_topics, n_stances)
    total = stance.sum(axis=2, keepdims=True)
    even = np.full_like(stance, 1.0 / n_stances)
    return p[:, :n_topics], np.asarray(np.divide(stance, total, out=even, where=total > 0))


def flat_row(labeller: Reader, id_: str, holds: np.ndarray, stance: np.ndarray) -> dict[str, Any]:
    """One row of the flat table; this reader does not recognise languages."""
    row: dict[str, Any] = {"id": id_, "unit": "passage", "passage": None, "language": None}
    for k, topic in enumerate(labeller.topics):
        decided = bool(holds[k] >= labeller.thresholds[k])
        row[f"{topic}_probability"] = float(holds[k])
        row[f"{topic}_holds"] = decided
        row[f"{topic}_stance"] = labeller.stances[int(np.argmax(stance[k]))] if decided else None
        for j, name in enumerate(labeller.stances):
            row[f"{topic}_{name}"] = float(stance[k, j])
    return row
