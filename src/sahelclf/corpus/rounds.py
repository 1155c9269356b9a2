"""Rounds of annotation: who labelled which unit when, and the labels that follow."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from sahelclf.corpus.read import Corpus
from sahelclf.records import Adjudication, Annotation, Topics


class CodedUnit(NamedTuple):
    """One unit and its labels by annotator, two or more."""

    unit: str
    document_id: str
    labels: dict[str, Topics]


def annotated_units(
    corpus: Corpus, annotations: dict[str, list[Annotation]], number: int = 1
) -> list[CodedUnit]:
    """Units with two annotators or more in that round, in the corpus's order.

    Labels of annotators who saw a model's answers do not count, nor do corrections.
    """
    labels = _labels_by_unit(annotations, number)
    owner = corpus.owner
    return [CodedUnit(u, owner[u], labels[u]) for u in owner if len(labels.get(u, ())) >= 2]


def retest_units(corpus: Corpus, annotations: dict[str, list[Annotation]]) -> list[CodedUnit]:
    """Units that one annotator alone labelled again, beside that annotator's round before."""
    annotators = Counter(
        (row.unit, row.round) for rows in annotations.values() for row in rows if not row.correction
    )
    units = []
    for name in sorted(annotations):
        rounds: dict[str, list[Annotation]] = defaultdict(list)
        for row in annotations[name]:
            if row.round >= 1 and not row.correction:
                rounds[row.unit].append(row)
        for unit, rows in rounds.items():
            for a, b in pairwise(sorted(rows, key=lambda row: row.round)):
                if annotators[unit, b.round] == 1:
                    both = {"1": a.topics, "2": b.topics}
                    units.append(CodedUnit(unit, corpus.owner[unit], both))
    return units


def _labels_by_unit(
    annotations: dict[str, list[Annotation]], number: int
) -> dict[str, dict[str, Topics]]:
    labels: dict[str, dict[str, Topics]] = defaultdict(dict)
    for name in sorted(annotations):
        for row in annotations[name]:
            if row.round == number and not row.suggested and not row.correction:
                labels[row.unit][name] = row.topics
    return labels


def by_level(corpus: Corpus, units: Sequence[CodedUnit]) -> dict[str, list[CodedUnit]]:
    """Passages and documents apart, those that there are."""
    levels: dict[str, list[CodedUnit]] = {"passage": [], "document": []}
    for u in units:
        levels["document" if u.unit in corpus.document else "passage"].append(u)
    return {level: chosen for level, chosen in levels.items() if chosen}


def deciding_labels(
    annotations: dict[str, list[Annotation]],
) -> dict[str, tuple[int, dict[str, Topics]]]:
    """The round that decides on each unit, and its labels by annotator.

    It is the last round in which two annotators or more labelled the unit; without one, the last
    round of all. A retest by one annotator decides nothing; a round for a new codebook does. Of an
    annotator's answers in a round, the last one counts: the others were corrected.
    """
    given: dict[str, dict[int, dict[str, Topics]]] = defaultdict(lambda: defaultdict(dict))
    for name in sorted(annotations):
        for row in annotations[name]:
            if row.round >= 1:
                given[row.unit][row.round][name] = row.topics
    decides = {
        unit: max(rounds, key=lambda r: (len(rounds[r]) >= 2, r)) for unit, rounds in given.items()
    }
    return {unit: (number, given[unit][number]) for unit, number in decides.items()}


def derive_labels(
    annotations: dict[str, list[Annotation]], adjudications: Sequence[Adjudication]
) -> tuple[dict[str, Topics], list[str]]:
    """Labels by the deciding round and its adjudication, and the units that have none.

    Where all annotators of a unit agree, that is its label; elsewhere the adjudication decides.
    """
    decided = {(a.unit, a.round): a.topics for a in adjudications}
    labels, open_units = {}, []
    for unit, (number, by_annotator) in deciding_labels(annotations).items():
        given = list(by_annotator.values())
        if (unit, number) in decided:
            labels[unit] = decided[unit, number]
        elif len(given) >= 2 and all(_same(given[0], other) for other in given[1:]):
            labels[unit] = given[0]
        else:
            open_units.append(unit)
    return labels, open_units


def current_labels(
    annotations: dict[str, list[Annotation]], adjudications: Sequence[Adjudication]
) -> dict[str, Topics | None]:
    """`derive_labels`, with a single annotator's labels; None where annotators differ."""
    labels, open_units = derive_labels(annotations, adjudications)
    deciding = deciding_labels(annotations)
    result: dict[str, Topics | None] = {**labels}
    for unit in open_units:
        given = list(deciding[unit][1].values())
        result[unit] = given[0] if len(given) == 1 else None
    return result


def _same(a: Topics, b: Topics) -> bool:
    return _plain(a) == _plain(b)


def _plain(topics: Topics) -> dict[str, tuple[str | None, str | None, list[str]]]:
    return {k: (v.stance, v.basis, sorted(v.parties)) for k, v in topics.items()}
