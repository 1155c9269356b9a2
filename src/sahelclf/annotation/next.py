"""What to label next: units drawn with known probabilities, those a model is unsure of more often.

A group is what gives at most one unit: a document, with the texts that are near-duplicates of its
own. Groups are drawn systematically in random order with probabilities in proportion to the sum of
their units' sizes (at most 1), then one unit of each by its share of the sum. So the probability
of each unit is known exactly, and estimates weighted by its inverse are unbiased.
"""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sahelclf.annotation.sampling import rarest
from sahelclf.codebook import Codebook
from sahelclf.corpus.duplicates import STOCK_WORDS, DuplicateIndex, linked_groups
from sahelclf.errors import RequestError
from sahelclf.tasks.base import TaskData
from sahelclf.tasks.labeller import labeller_layout

SHARPNESS = 4  # power of the uncertainty; experiment 12: with 1, hardly better than by chance
CERTAIN = 1 - 1e-9


class Drawn(NamedTuple):
    """(n,) rows and the probability that each had; whether chance or its size chose it."""

    rows: np.ndarray
    probability: np.ndarray
    by_chance: np.ndarray


def topic_weights(positives: Sequence[int] | np.ndarray) -> np.ndarray:
    """(t,) weights in inverse proportion to the positives so far (one added), with mean 1."""
    weight = 1 / (np.asarray(positives, dtype=float) + 1)
    return np.asarray(weight / weight.mean())


def uncertainty(p: np.ndarray, stance: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(n,) sum over topics of w_t (H(p_t) + p_t H(stance | t)), in bits.

    Parameters
    ----------
    p
        (n, t) calibrated probabilities of topics.
    stance
        (n, t, s) probabilities of the stances where the topic holds; s is 0 without stances.
    weight
        (t,) of the topics.
    """
    return np.asarray((_bits(p) + _bits(1 - p) + p * _bits(stance).sum(axis=2)) @ weight)


def sharpened(score: np.ndarray) -> np.ndarray:
    """(n,) scores to the power `SHARPNESS`, the highest 1; most units have like uncertainties."""
    top = score.max()
    return np.asarray((score / top) ** SHARPNESS) if top > 0 else score


def _bits(p: np.ndarray) -> np.ndarray:
    """-p log2 p, 0 where p is 0."""
    return np.asarray(-p * np.log2(p, out=np.zeros_like(p), where=p > 0))


def mixed_sizes(score: np.ndarray, random: float) -> np.ndarray:
    """(n,) sizes with sum 1: a share `random` is equal for all, the rest as the score."""
    if not score.sum() > 0:
        return np.full(len(score), 1 / len(score))
    return np.asarray(random / len(score) + (1 - random) * score / score.sum())


def unit_groups(texts: Sequence[str], documents: Sequence[str]) -> np.ndarray:
    """(n,) number of each unit's group: of one document, or linked by near-duplicates.

    Near-duplicates shorter than `STOCK_WORDS` words do not link documents: stock phrases would link
    those of no relation.
    """
    long = [k for k, text in enumerate(texts) if len(text.split()) >= STOCK_WORDS]
    first = DuplicateIndex(io.BytesIO()).find([texts[k] for k in long], [str(k) for k in long])
    pairs = [(int(i), k) for i, k in zip(first, long, strict=True) if i is not None]
    return np.array(linked_groups(len(texts), pairs, [documents]))


def group_probabilities(size: np.ndarray, n: int) -> np.ndarray:
    """Probabilities in proportion to positive sizes, at most 1, with sum `n`."""
    p = np.zeros(len(size))
    free = np.ones(len(size), dtype=bool)
    while free.any():
        p[free] = (n - (~free).sum()) * size[free] / size[free].sum()
        over = free & (p > 1)
        if not over.any():
            break
        p[over] = 1.0
        free &= ~over
    return p


def draw_by_size(
    size: np.ndarray, group: np.ndarray, n: int, rng: np.random.Generator, random: float = 1.0
) -> Drawn:
    """Draw `n` units, at most one a group, in random order.

    Parameters
    ----------
    size
        (n_units,) positive, of `mixed_sizes`.
    group
        (n_units,) numbers.
    random
        The share of the sizes that is equal for all; it says which of the drawn were by chance.
    """
    _, group = np.unique(group, return_inverse=True)
    whole = np.bincount(group, size)
    if not 1 <= n <= len(whole):
        raise RequestError(
            f"annotate sample: --n {n}; expected 1 to {len(whole):,}, the documents of the "
            "collection that can be drawn (near-duplicates count once)"
        )
    p = group_probabilities(whole, n)
    chosen = _systematic(p, rng)
    rows = np.array([_one(np.flatnonzero(group == g), size, rng) for g in chosen])
    probability = p[group[rows]] * size[rows] / whole[group[rows]]
    by_chance = rng.random(n) < random * size.sum() / (len(size) * size[rows])
    order = rng.permutation(n)
    return Drawn(rows[order], probability[order], by_chance[order])


def _systematic(p: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Numbers drawn with probabilities `p`, whose sum is whole: equal steps in a random order."""
    sure = np.flatnonzero(p >= CERTAIN)
    rest = rng.permutation(np.flatnonzero(p < CERTAIN))
    steps = round(float(p[rest].sum()))
    at = np.searchsorted(np.cumsum(p[rest]), rng.random() + np.arange(steps), side="right")
    return np.concatenate([sure, rest[np.minimum(at, len(rest) - 1)]]).astype(int)


def _one(rows: np.ndarray, size: np.ndarray, rng: np.random.Generator) -> int:
    return int(rng.choice(rows, p=size[rows] / size[rows].sum()))


def dictionary_strata(dictionary: Path, codebook: Codebook, texts: Sequence[str]) -> list[str]:
    """The rarest topic of which each text has a term, by a dictionary."""
    from sahelclf.models.keywords import Keywords, KeywordsConfig, read_terms

    layout = labeller_layout(codebook)
    model = Keywords(
        KeywordsConfig(kind="keywords", dictionary=None), read_terms(dictionary, layout.names)
    )
    ids, shape = tuple(map(str, range(len(texts)))), (len(texts), len(layout))
    answers = np.zeros(shape, dtype=np.int8), np.ones(shape, dtype=bool)
    model.fit(TaskData(layout, ids, ids, tuple(texts), *answers), seed=0)
    terms = model.logits(texts)[:, : len(codebook.topics)]  # as many as a text has of each topic
    return rarest([[codebook.topic_names[k] for k in np.flatnonzero(row > 0)] for row in terms])


def equal_scores(strata: Sequence[str]) -> np.ndarray:
    """(n,) scores that give every stratum the same sum."""
    _, which, counts = np.unique(
        np.asarray(strata, dtype=object).astype(str), return_inverse=True, return_counts=True
    )
    return np.asarray(1 / counts[which])
