"""Reader of linear labellers: plain numbers in, labels out. Needs numpy and the standard library.

The package reads linear models with this file; every bundle has a copy of it. What it computes:

1. text: by the bundle's text rule; then lower case, Unicode NFKD, combining marks removed;
2. per feature block, terms: `word` = runs of words that a pattern matches, `char_wb` = runs of
   characters within words (split at white space), padded by a space on both sides;
3. per block: count, or 1 + ln(count), or presence as 1; times the term's idf; for `l2`, divided by
   the row's Euclidean norm;
4. logits = features x coef + intercept; probability = 1 / (1 + exp(-logit)). The calibration is
   part of coef and intercept;
5. a topic holds if its probability >= its threshold; the stance probabilities of a topic are its
   sigmoids divided by their sum.
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from .text import text_rule

ROWS_AT_ONCE = 256
WORDS = r"(?u)\b\w\w+\b"
CACHED_WORDS = 100_000


def normalise(text: str) -> str:
    """Lower case, compatibility decomposition, no combining marks: 'é' becomes 'e'."""
    text = text.lower()
    if text.isascii():
        return text
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


class WordTerms:
    """Ids of runs of `low` to `high` words."""

    def __init__(self, block: dict[str, Any]) -> None:
        # a run is looked up as the tuple of its words: joining them takes longer than the look-up
        runs = (tuple(term.split(" ")) for term in block["terms"])
        self.vocabulary = {run if run[1:] else run[0]: i for i, run in enumerate(runs)}
        self.tokens = re.compile(block["token_pattern"]).findall
        self.low, self.high = block["ngram_range"]

    def __call__(self, text: str) -> np.ndarray:
        """Ids in the block, with repetition."""
        tokens = self.tokens(text)
        get = self.vocabulary.get
        ids = [*map(get, tokens)] if self.low == 1 else []
        for n in range(max(2, self.low), self.high + 1):
            ids += map(get, zip(*(tokens[k:] for k in range(n)), strict=False))
        return np.array([i for i in ids if i is not None], dtype=np.int32)


class CharTerms:
    """Ids of runs of `low` to `high` characters within words.

    The ids of each word are cached as bytes: these are joined faster than lists of numbers.
    """

    def __init__(self, block: dict[str, Any]) -> None:
        self.vocabulary = {term: i for i, term in enumerate(block["terms"])}
        self.low, self.high = block["ngram_range"]
        self.cache: dict[str, bytes] = {}

    def __call__(self, text: str) -> np.ndarray:
        """Ids in the block, with repetition."""
        if len(self.cache) > CACHED_WORDS:
            self.cache.clear()
        cache = self.cache
        of_text: list[bytes] = []
        for word in text.split():
            ids = cache.get(word)
            if ids is None:
                ids = cache[word] = self._of_word(f" {word} ")
            of_text.append(ids)
        return np.frombuffer(b"".join(of_text), dtype=np.int32)

    def _of_word(self, word: str) -> bytes:
        get = self.vocabulary.get
        ids: list[int | None] = []
        for n in range(self.low, self.high + 1):
            ids += [get(word[k : k + n]) for k in range(max(1, len(word) - n + 1))]
            if len(word) <= n:
                break
        return np.array([i for i in ids if i is not None], dtype=np.int32).tobytes()


TERMS: dict[str, Any] = {"word": WordTerms, "char_wb": CharTerms}


class Reader:
    """What the readers of all kinds share: names, thresholds, the text rule, logits to rows."""

    def __init__(self, manifest: dict[str, Any]) -> None:
        self.heads = list(manifest["heads"])
        self.topics = list(manifest["topics"])
        self.stances = list(manifest["stances"])
        self.thresholds = np.array([manifest["thresholds"][t] for t in self.topics])
        self.clean = text_rule(manifest)

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads) calibrated logits of texts as they come."""
        return self.clean_logits([self.clean(str(t)) for t in texts])

    def clean_logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads) calibrated logits of texts that `clean` was applied to."""
        raise NotImplementedError

    def probabilities(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(n, n_topics) and (n, n_topics, n_stances)."""
        return split_heads(sigmoid(self.logits(texts)), len(self.topics), len(self.stances))

    def rows(self, ids: Sequence[str], texts: Sequence[str]) -> list[dict[str, Any]]:
        """The flat table: one dict a text."""
        topics, stances = self.probabilities(texts)
        return [flat_row(self, i, p, s) for i, p, s in zip(ids, topics, stances, strict=True)]


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
        blocks = read_json(folder, "features.json")["blocks"]
        with np.load(Path(folder) / "weights.npz", allow_pickle=False) as arrays:
            return cls(read_json(folder), blocks, {name: arrays[name] for name in arrays.files})

    def clean_logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads) calibrated logits of texts that `clean` was applied to."""
        parts = [
            self._logits(texts[i : i + ROWS_AT_ONCE]) for i in range(0, len(texts), ROWS_AT_ONCE)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.heads)))

    def terms_of(
        self, text: str
    ) -> list[tuple[dict[str, Any], np.ndarray, np.ndarray, np.ndarray]]:
        """For each block: the block, the text's terms as ids, their values and rows of `coef`."""
        text = normalise(self.clean(text))
        of_blocks, start = [], 0
        for find, block, idf in self.blocks:
            _, ids, values = _weights([find(text)], block, idf)
            of_blocks.append((block, ids, values, self.coef[start + ids]))
            start += len(idf)
        return of_blocks

    def _logits(self, texts: Sequence[str]) -> np.ndarray:
        out = np.tile(self.intercept, (len(texts), 1))
        lower = [normalise(t) for t in texts]
        start = 0
        for find, block, idf in self.blocks:
            rows, ids, values = _weights([find(t) for t in lower], block, idf)
            edges = np.searchsorted(rows, np.arange(len(texts) + 1))
            coef = self.coef[start : start + len(idf)]
            for row, (a, b) in enumerate(pairwise(edges)):  # one row at a time fits the cache
                out[row] += values[a:b] @ coef.take(ids[a:b], axis=0)
            start += len(idf)
        return out


def read_json(folder: str | Path, name: str = "manifest.json") -> dict[str, Any]:
    """A JSON file of a bundle, unchecked."""
    return dict(json.loads((Path(folder) / name).read_text(encoding="utf-8")))


def _weights(
    ids_of_texts: list[np.ndarray], block: dict[str, Any], idf: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, term and value of every term that occurs, rows in order: counts, log, idf, norm."""
    edges = np.cumsum([0, *map(len, ids_of_texts)])
    ids = np.concatenate(ids_of_texts)
    for a, b in pairwise(edges):  # many short sorts are faster than one of all texts
        ids[a:b].sort()
    first = np.ones(len(ids) + 1, dtype=bool)
    np.not_equal(ids[1:], ids[:-1], out=first[1:-1])
    first[edges] = True
    places = np.flatnonzero(first)
    counts, places = np.diff(places), places[:-1]
    ids, rows = ids[places], np.searchsorted(edges, places, side="right") - 1
    values = np.ones(len(ids)) if block["norm"] == "presence" else counts.astype(float)
    if block["sublinear_tf"]:
        values = 1.0 + np.log(values)
    values = values * idf[ids]
    if block["norm"] == "l2":
        norms = np.sqrt(np.bincount(rows, values * values, minlength=len(edges) - 1))
        values = values / norms[rows]
    return rows, ids, values


def sigmoid(z: np.ndarray) -> np.ndarray:
    """Probabilities of logits, without overflow."""
    return np.asarray(np.where(z >= 0, 1.0, np.exp(-np.abs(z))) / (1.0 + np.exp(-np.abs(z))))


def split_heads(p: np.ndarray, n_topics: int, n_stances: int) -> tuple[np.ndarray, np.ndarray]:
    """Head probabilities (n, n_heads) to topics (n, n_topics) and stances (n, n_topics, n_stances).

    The stance probabilities of a topic sum to 1; they are equal where all its sigmoids are 0.
    """
    stance = p[:, n_topics:].reshape(len(p), n_topics, n_stances)
    total = stance.sum(axis=2, keepdims=True)
    even = np.full_like(stance, 1.0 / max(n_stances, 1))
    return p[:, :n_topics], np.asarray(np.divide(stance, total, out=even, where=total > 0))


def flat_row(reader: Reader, id_: str, topics: np.ndarray, stances: np.ndarray) -> dict[str, Any]:
    """One row of the flat table; this reader does not recognise languages."""
    row: dict[str, Any] = {"id": id_, "unit": "passage", "passage": None, "language": None}
    for topic, p, of_topic, limit in zip(
        reader.topics, topics, stances, reader.thresholds, strict=True
    ):
        holds = bool(p >= limit)
        row |= {f"{topic}_probability": float(p), f"{topic}_holds": holds}
        if reader.stances:
            row[f"{topic}_stance"] = reader.stances[int(np.argmax(of_topic))] if holds else None
        row |= {f"{topic}_{s}": float(x) for s, x in zip(reader.stances, of_topic, strict=True)}
    return row
