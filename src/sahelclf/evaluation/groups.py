"""Scores by group of passages: country, year, genre, stratum, basis and length, with intervals resampled by document.

Macro means fall with every topic that a small group lacks, so a group is scored by ratios of sums: `topic/micro_f1` pools
the topics; `joint/f1` pools pairs of topic and stance; `stance/accuracy` is the share of right stances among pairs of a
passage and a topic that holds in gold, whatever the model says of the topic. A basis is known only where a topic holds, so
its groups hold such pairs: `topic/recall` is the share whose topic was found, `joint/recall` with its right stance too.
A document of two countries counts in both. What has no value (a document without a date) is in no group.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sahelclf.corpus.read import Corpus
from sahelclf.evaluation import intervals
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.evaluation.report import document_draws

KINDS = ("country", "year", "genre", "stratum", "basis", "length")
FEWEST_DOCUMENTS = 10
Ratio = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class GroupScore:
    """One score of one group.

    `units` are passages, or for a basis pairs of a passage and a topic; `counted` are the documents that have a part in
    the score. `value` is None where there is nothing to score, `low` and `high` where fewer than ten documents count.
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
    """Every score of every group; kinds in the order of `KINDS`, groups in the codebook's order, by year or length, or by size."""
    owners = np.asarray(predicted.documents)
    by_passage = _passage_ratios(predicted, gold)
    rows: list[GroupScore] = []
    for kind, groups in _passage_groups(predicted, corpus):
        for name, members in groups.items():
            ratios = {score: (a[members], b[members]) for score, (a, b) in by_passage.items()}
            rows += _scored(kind, name, owners[members], ratios, seed)
    for name, held in _bases(predicted, gold, corpus).items():
        right = predicted.stance == gold.stance
        pairs, topic = np.nonzero(held)
        ones = np.ones(len(pairs))
        found, agrees = predicted.holds[pairs, topic], right[pairs, topic]
        ratios = {
            "topic/recall": (found * ones, ones),
            "stance/accuracy": (agrees * ones, ones),
            "joint/recall": (found & agrees, ones),
        }
        rows += _scored("basis", name, owners[pairs], ratios, seed)
    return sorted(rows, key=lambda r: KINDS.index(r.kind))


def _passage_ratios(predicted: Predictions, gold: Gold) -> dict[str, Ratio]:
    """(n,) numerator and denominator of each score by passage."""
    held, said = gold.topics, predicted.holds
    right = held & (predicted.stance == gold.stance)
    both = held.sum(axis=1) + said.sum(axis=1)
    return {
        "topic/micro_f1": (2 * (held & said).sum(axis=1), both),
        "stance/accuracy": (right.sum(axis=1), held.sum(axis=1)),
        "joint/f1": (2 * (right & said).sum(axis=1), both),
    }


def _scored(
    kind: str, name: str, owners: np.ndarray, ratios: Mapping[str, Ratio], seed: int
) -> Iterator[GroupScore]:
    documents, owner = np.unique(owners, return_inverse=True)
    draws = document_draws(len(documents), seed) if len(documents) >= FEWEST_DOCUMENTS else None
    for score, (above, below) in ratios.items():
        top, bottom = (
            np.bincount(owner, v.astype(float), minlength=len(documents)) for v in (above, below)
        )
        counted = int((bottom > 0).sum())
        value = float(top.sum() / bottom.sum()) if counted else None
        low = high = None
        if draws is not None and counted >= FEWEST_DOCUMENTS:
            low, high = intervals.interval(
                intervals.Score(top[:, None], bottom[:, None], np.ones(1)), draws
            )
        yield GroupScore(kind, name, score, len(owners), len(documents), counted, value, low, high)


def _passage_groups(
    predicted: Predictions, corpus: Corpus
) -> Iterator[tuple[str, dict[str, list[int]]]]:
    """Rows of the table by group, for the kinds that a whole passage has."""
    documents = [corpus.document[d] for d in predicted.documents]
    book = corpus.codebook
    countries = _members([d.countries for d in documents])
    yield (
        "country",
        dict(
            sorted(
                countries.items(),
                key=lambda item: (-len({predicted.documents[i] for i in item[1]}), item[0]),
            )
        ),
    )
    years = _members([[d.date[:4]] if d.date else [] for d in documents])
    yield "year", dict(sorted(years.items()))
    yield (
        "genre",
        _in_order(_members([[d.genre] if d.genre else [] for d in documents]), book.genres),
    )
    yield (
        "stratum",
        _in_order(_members([[d.stratum] if d.stratum else [] for d in documents]), book.strata),
    )
    words = {p.id: len(p.text.split()) for p in corpus.passages}
    yield "length", _length_groups(np.array([words[i] for i in predicted.ids], dtype=int))


def _members(values: Sequence[Sequence[str]]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for row, names in enumerate(values):
        for name in dict.fromkeys(names):
            groups.setdefault(name, []).append(row)
    return groups


def _by_size(groups: dict[str, list[int]]) -> dict[str, list[int]]:
    return dict(sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])))


def _in_order(groups: dict[str, list[int]], order: Sequence[str]) -> dict[str, list[int]]:
    """In the codebook's order; what it does not list comes after, by size."""
    return {n: groups[n] for n in order if n in groups} | {
        n: rows for n, rows in _by_size(groups).items() if n not in order
    }


def _length_groups(words: np.ndarray) -> dict[str, list[int]]:
    """Quarters of the passages by number of words; fewer groups where many have the same length."""
    if not len(words):
        return {}
    edges = sorted(
        {int(e) for e in np.quantile(words, [0.25, 0.5, 0.75], method="lower")} - {int(words.max())}
    )
    which = np.searchsorted(edges, words)
    groups = {}
    for k in range(len(edges) + 1):
        rows = np.flatnonzero(which == k)
        groups[f"{words[rows].min()} to {words[rows].max()} words"] = rows.tolist()
    return groups


def _bases(predicted: Predictions, gold: Gold, corpus: Corpus) -> dict[str, np.ndarray]:
    """(n, t) of gold pairs by basis, in the codebook's order."""
    labels = {p.id: p.topics for p in corpus.passages}
    held = {name: np.zeros(gold.topics.shape, dtype=bool) for name in corpus.codebook.bases}
    for row, unit in enumerate(predicted.ids):
        for k, topic in enumerate(predicted.names.topics):
            label = labels[unit].get(topic)
            if label is not None and label.basis is not None and gold.topics[row, k]:
                held[label.basis][row, k] = True
    return {name: table for name, table in held.items() if table.any()}
