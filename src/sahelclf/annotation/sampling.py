"""Units drawn for hand coding, with the probability that each had."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from sahelclf.corpus.read import Corpus
from sahelclf.errors import RequestError


def draw_evenly(
    strata: Sequence[str], n: int, seed: int, units: str
) -> tuple[np.ndarray, np.ndarray]:
    """(n,) rows and sampling probabilities: equally many from every stratum, in random order.

    Strata that are too small for their share are drawn completely; the others share the rest.
    `units` names in messages what is drawn from.
    """
    if seed < 0:
        raise RequestError(f"annotate sample: --seed {seed}; expected 0 or more")
    names, which = np.unique(np.asarray(strata, dtype=object).astype(str), return_inverse=True)
    if not 1 <= n <= len(which):
        raise RequestError(f"annotate sample: --n {n}; expected 1 to {len(which):,}, {units}")
    sizes = np.bincount(which)
    rng = np.random.default_rng(seed)
    rows, probabilities, left = [], [], n
    for done, k in enumerate(np.argsort(sizes, kind="stable")):
        take = min(int(sizes[k]), -(-left // (len(names) - done)))
        rows.append(rng.choice(np.flatnonzero(which == k), size=take, replace=False))
        probabilities.append(np.full(take, take / sizes[k]))
        left -= take
    order = rng.permutation(n)
    return np.concatenate(rows)[order], np.concatenate(probabilities)[order]


def draw(strata: Sequence[str], n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The same with two or more of each stratum, without which no error can be estimated."""
    wanted = 2 * len(set(strata))
    if 1 <= n < min(wanted, len(strata)):
        raise RequestError(
            f"annotate sample: --n {n} for {wanted // 2:,} strata; expected {wanted:,} or more, "
            "two a stratum: draw more, or name fewer columns in --by"
        )
    return draw_evenly(strata, n, seed, "the units of the collection")


def passage_strata(corpus: Corpus) -> list[str]:
    """Stratum of each passage: none, or topic and stance; the rarest where it has several."""
    return rarest(
        [
            [f"{t}={label.stance}" if label.stance else t for t, label in p.topics.items()]
            for p in corpus.passages
        ]
    )


def rarest(names: Sequence[Sequence[str]]) -> list[str]:
    """One name for each unit: the rarest of those that it has, `(none)` where it has none."""
    cells = [list(row) or ["(none)"] for row in names]
    counts = Counter(cell for row in cells for cell in row)
    return [min(row, key=lambda cell: (counts[cell], cell)) for row in cells]


def probability_strata(p: np.ndarray, parts: int = 4) -> list[str]:
    """Strata of (n, t) probabilities: likely positives of rare topics are drawn more often.

    A unit's score is the root of the sum of its probabilities, each over the topic's mean. Sampling
    probabilities in proportion to it minimise the summed variances of the shares, each relative to
    that of equal probabilities, as far as the model is right. Without the root, likely positives
    would be drawn too often, and one positive among the others would outweigh them all. Units in
    order of score are cut so that each part has the same summed score; equal draws from the parts
    are then nearly in proportion to it.
    """
    mean = p.mean(axis=0)
    score = np.sqrt((p[:, mean > 0] / mean[mean > 0]).sum(axis=1))
    order = np.argsort(score, kind="stable")
    summed = np.cumsum(score[order])
    part = np.zeros(len(score), dtype=int)
    if len(score) and summed[-1] > 0:
        middle = summed - score[order] / 2
        part[order] = np.minimum((middle / summed[-1] * parts).astype(int), parts - 1)
    return [f"probability {k + 1} of {parts}" for k in part]


def assign(n: int, annotators: Sequence[str], overlap: float) -> list[list[str]]:
    """Who annotates each of `n` units: everybody (empty) a share of them, the rest in turn.

    The units are in random order, so each annotator's share is a random one.
    """
    shared = round(overlap * n) if len(annotators) > 1 else n
    return [[] if k < shared else [annotators[(k - shared) % len(annotators)]] for k in range(n)]
