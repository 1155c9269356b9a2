"""Scores by group of passages: country, year, genre, stratum, basis and length.

A macro mean falls with every topic that a small group lacks, so groups are scored by ratios of
sums:

| score | meaning |
|---|---|
| `topic/micro_f1` | F1 pooled over the topics |
| `joint/f1` | F1 over pairs of topic and stance |
| `stance/accuracy` | share of the right stance among pairs of a passage and a gold topic |
| `topic/recall` | by basis: share of such pairs whose topic is predicted |
| `joint/recall` | by basis: share of such pairs whose topic and stance are right |

Stance is scored on all gold topics, predicted or not. A basis is known only where a topic holds,
so its groups consist of such pairs. A document of two countries counts in both. A document without
a value (no date, say) is in no group.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sahelclf.corpus.read import Corpus
from sahelclf.evaluation import intervals
from sahelclf.evaluation.metrics import Parts
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.evaluation.report import document_draws

KINDS = ("country", "year", "genre", "stratum", "basis", "length")
FEWEST_DOCUMENTS = 10
Groups = dict[str, list[int]]
"""Row numbers by name of group."""


@dataclass(frozen=True)
class GroupScore:
    """One score of one group.

    Attributes
    ----------
    units
        Passages; for a basis, pairs of a passage and a topic.
    documents, counted
        Documents of the group, and those with units that the score counts.
    value, low, high
        Score and 95% interval, from 0 to 1. `value` is None where no unit counts, the bounds are
        None where fewer than `FEWEST_DOCUMENTS` documents count.
    """

    kind: str
    group: str
    score: str
    units: int
    documents: int
    counted: int
    value: float | None
    low: float | None
    high: float | None


def group_scores(
    predicted: Predictions, gold: Gold, corpus: Corpus, seed: int = 0
) -> list[GroupScore]:
    """Every score of every group, with intervals resampled by document.

    Kinds come in the order of `KINDS`; groups in the codebook's order, by year, by length, or by
    size.
    """
    documents = np.asarray(predicted.documents)
    passage_parts = _passage_parts(predicted, gold)
    rows: list[GroupScore] = []
    for kind, groups in _passage_groups(predicted, corpus).items():
        for name, members in groups.items():
            parts = {
                k: (above[members], below[members]) for k, (above, below) in passage_parts.items()
            }
            rows += _scores_of(kind, name, documents[members], parts, seed)
    for name, pairs in _pairs_by_basis(predicted, gold, corpus).items():
        row, topic = pairs.nonzero()
        holds = predicted.holds[row, topic]
        right = predicted.stance[row, topic] == gold.stance[row, topic]
        shares = {"topic/recall": holds}
        if predicted.names.stances:
            shares |= {"stance/accuracy": right, "joint/recall": holds & right}
        parts = {k: (share.astype(float), np.ones(len(row))) for k, share in shares.items()}
        rows += _scores_of("basis", name, documents[row], parts, seed)
    return sorted(rows, key=lambda r: KINDS.index(r.kind))


def _passage_parts(predicted: Predictions, gold: Gold) -> dict[str, Parts]:
    """(n,) numerator and denominator of each score by passage."""
    right = gold.topics & (predicted.stance == gold.stance)
    labels = gold.topics.sum(axis=1) + predicted.holds.sum(axis=1)
    topics = {"topic/micro_f1": (2 * (gold.topics & predicted.holds).sum(axis=1), labels)}
    if not predicted.names.stances:
        return topics
    return topics | {
        "stance/accuracy": (right.sum(axis=1), gold.topics.sum(axis=1)),
        "joint/f1": (2 * (right & predicted.holds).sum(axis=1), labels),
    }


def _scores_of(
    kind: str, name: str, documents: np.ndarray, parts: Mapping[str, Parts], seed: int
) -> Iterator[GroupScore]:
    """Scores of one group; `documents` (n,) are those of its units."""
    ids, row_document = np.unique(documents, return_inverse=True)
    draws = document_draws(len(ids), seed) if len(ids) >= FEWEST_DOCUMENTS else None
    for score, (above, below) in parts.items():
        top, bottom = (
            np.bincount(row_document, v.astype(float), minlength=len(ids)) for v in (above, below)
        )
        counted = int((bottom > 0).sum())
        value = float(top.sum() / bottom.sum()) if counted else None
        low = high = None
        if draws is not None and counted >= FEWEST_DOCUMENTS:
            cell = intervals.Score(top[:, None], bottom[:, None], np.ones(1))
            low, high = intervals.interval(cell, draws)
        yield GroupScore(kind, name, score, len(documents), len(ids), counted, value, low, high)


def _passage_groups(predicted: Predictions, corpus: Corpus) -> dict[str, Groups]:
    """Rows by group, for the kinds of group that whole passages are in."""
    documents = [corpus.document[d] for d in predicted.documents]
    words = {p.id: len(p.text.split()) for p in corpus.passages}
    countries = _group_by([d.countries for d in documents])
    n_documents = {k: len({predicted.documents[i] for i in rows}) for k, rows in countries.items()}
    years = _group_by([[d.date[:4]] if d.date else [] for d in documents])
    genres = _group_by([[d.genre] if d.genre else [] for d in documents])
    strata = _group_by([[d.stratum] if d.stratum else [] for d in documents])
    return {
        "country": dict(sorted(countries.items(), key=lambda kv: (-n_documents[kv[0]], kv[0]))),
        "year": dict(sorted(years.items())),
        "genre": _in_order(genres, corpus.codebook.genres),
        "stratum": _in_order(strata, corpus.codebook.strata),
        "length": _length_groups(np.array([words[i] for i in predicted.ids], dtype=int)),
    }


def _group_by(values: Sequence[Sequence[str]]) -> Groups:
    groups: Groups = {}
    for row, names in enumerate(values):
        for name in dict.fromkeys(names):
            groups.setdefault(name, []).append(row)
    return groups


def _in_order(groups: Groups, order: Sequence[str]) -> Groups:
    """In the codebook's order; groups that it does not list come last, by size."""
    known = {name: k for k, name in enumerate(order)}
    return dict(
        sorted(groups.items(), key=lambda kv: (known.get(kv[0], len(known)), -len(kv[1]), kv[0]))
    )


def _length_groups(words: np.ndarray) -> Groups:
    """Quarters by number of words, of (n,) counts; fewer groups where many are the same."""
    if not len(words):
        return {}
    quartiles = np.quantile(words, [0.25, 0.5, 0.75], method="lower")
    edges = sorted({int(e) for e in quartiles} - {int(words.max())})
    quarter = np.searchsorted(edges, words)
    rows = [np.flatnonzero(quarter == k) for k in range(len(edges) + 1)]
    return {f"{words[r].min()} to {words[r].max()} words": r.tolist() for r in rows}


def _pairs_by_basis(predicted: Predictions, gold: Gold, corpus: Corpus) -> dict[str, np.ndarray]:
    """(n, t) bool by basis, in the codebook's order: the gold pairs that rest on it."""
    labels = {p.id: p.topics for p in corpus.passages}
    pairs = {name: np.zeros(gold.topics.shape, dtype=bool) for name in corpus.codebook.bases}
    for row, topic in np.argwhere(gold.topics):
        label = labels[predicted.ids[row]].get(predicted.names.topics[topic])
        if label is not None and label.basis is not None:
            pairs[label.basis][row, topic] = True
    return {name: held for name, held in pairs.items() if held.any()}
