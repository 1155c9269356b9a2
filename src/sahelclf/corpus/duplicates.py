"""Exact and near duplicates: shared runs of words, and groups that no split may part."""

import hashlib
from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from sahelclf.models.runtime.text import clean_text

SHINGLE_WORDS = 4
NEAR = 0.5
ROWS_AT_ONCE = 2000


def near_duplicates(texts: Sequence[str], threshold: float = NEAR) -> list[tuple[int, int, float]]:
    """Pairs of texts whose sets of four-word runs have a Jaccard index of at least `threshold`.

    The index is exact, by a sparse product; MinHash would approximate it for collections too large for that.
    Texts of fewer than four words are compared as a whole.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(analyzer=_shingles, binary=True, dtype=np.int32)
    try:
        shingles = vectorizer.fit_transform(texts)
    except ValueError:  # not one text with a word in it
        return []
    sizes = np.asarray(shingles.sum(axis=1)).ravel()
    pairs = []
    for start in range(0, len(texts), ROWS_AT_ONCE):
        shared = (shingles[start : start + ROWS_AT_ONCE] @ shingles.T).tocoo()
        rows = shared.row + start
        keep = rows < shared.col
        i, j, both = rows[keep], shared.col[keep], shared.data[keep]
        index = both / (sizes[i] + sizes[j] - both)
        pairs += [
            (int(a), int(b), float(x))
            for a, b, x in zip(i, j, index, strict=True)
            if x >= threshold
        ]
    return sorted(pairs)


def _shingles(text: str) -> list[str]:
    words = text.lower().split()
    last = max(1, len(words) - SHINGLE_WORDS + 1)
    return [" ".join(words[k : k + SHINGLE_WORDS]) for k in range(last)] if words else []


def linked_groups(
    n: int, pairs: Iterable[tuple[int, int]], keys: Iterable[Sequence[Hashable | None]]
) -> list[int]:
    """Group number of each of `n` items: items are together where a pair links them or a key is the same."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = list(pairs)
    for values in keys:
        first: dict[Hashable, int] = {}
        for item, value in enumerate(values):
            if value is not None:
                links.append((first.setdefault(value, item), item))
    if not links:
        return list(range(n))
    i, j = np.array(links).T
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    return [int(g) for g in connected_components(graph, directed=False)[1]]


def text_sha256(text: str) -> str:
    """How a text is recognised again: the cleaned text, where white space and case do not count."""
    return hashlib.sha256(" ".join(clean_text(text).lower().split()).encode()).hexdigest()
