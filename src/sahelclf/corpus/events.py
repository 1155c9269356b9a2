"""Documents that may tell of the same event, for a reader to judge."""

import calendar
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from sahelclf.corpus.read import Corpus

DAYS = 7
MIN_COSINE = 0.1


class LikePair(NamedTuple):
    """Two documents (places in the corpus), their likeness, and the days between them."""

    first: int
    second: int
    cosine: float
    days: int


@lru_cache(maxsize=4)
def like_documents(corpus: Corpus) -> list[LikePair]:
    """Pairs of documents with a country in common, at most a week apart, and with like words.

    Likeness is the cosine of TF-IDF vectors of title and text, in which words of more than a fifth
    of the documents do not count. A date that names only a month or a year is any of its days.
    """
    if len(corpus.documents) < 2:
        return []
    cosines = _cosines(corpus)
    dates = [_days_of(d.date) for d in corpus.documents]
    countries = [set(d.countries) for d in corpus.documents]
    pairs = []
    for i, j in np.argwhere(np.triu(cosines >= MIN_COSINE, 1)).tolist():
        one, other = dates[i], dates[j]
        if one is None or other is None or not countries[i] & countries[j]:
            continue
        days = max(0, one[0] - other[1], other[0] - one[1])
        if days <= DAYS:
            pairs.append(LikePair(i, j, float(cosines[i, j]), days))
    return pairs


def _cosines(corpus: Corpus) -> np.ndarray:
    """(n, n) likeness of the documents."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = [f"{d.title}\n{corpus.text_of(d.id)}" for d in corpus.documents]
    vectors = TfidfVectorizer(sublinear_tf=True, max_df=0.2, min_df=2, lowercase=False)
    try:
        matrix = vectors.fit_transform(texts)
    except ValueError:  # no word is in two texts and in less than a fifth of them
        return np.zeros((len(texts), len(texts)))
    cosines: np.ndarray = (matrix @ matrix.T).toarray()
    return cosines


def _days_of(text: str | None) -> tuple[int, int] | None:
    """First and last day, as ordinals, of a date that may name only its year or month."""
    if not text:
        return None
    year, month, day = ([int(part) for part in text.split("-")] + [0, 0])[:3]
    last_month = month or 12
    last = day or calendar.monthrange(year, last_month)[1]
    start = date(year, month or 1, day or 1)
    return start.toordinal(), date(year, last_month, last).toordinal()
