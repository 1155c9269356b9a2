"""Agreement between annotators: Krippendorff's alpha, Cohen's kappa and F1, with intervals resampled by document.

Alpha is computed from the coincidence matrix (Krippendorff 2011, "Computing Krippendorff's alpha-reliability"),
because resampling needs thousands at once; the test compares it with the `krippendorff` package.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from sahelclf.corpus.read import Corpus, read_annotations
from sahelclf.records import Adjudication, Annotation, Topics

RESAMPLES = 1000


class Pair(NamedTuple):
    """Two annotators' labels of one unit."""

    unit: str
    document_id: str
    first: Topics
    second: Topics


@dataclass(frozen=True)
class Agreement:
    """Figures of one question (does the topic hold? which stance?) over `n` units that both answered."""

    level: str
    what: str
    n: int
    alpha: float
    alpha_interval: tuple[float, float]
    kappa: float
    agree: float
    support: tuple[int, int] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain form, rounded for a card."""
        low, high = self.alpha_interval
        numbers = {
            "alpha": self.alpha,
            "low": low,
            "high": high,
            "kappa": self.kappa,
            "agree": self.agree,
        }
        rounded = {k: None if np.isnan(v) else round(float(v), 4) for k, v in numbers.items()}
        return {
            "level": self.level,
            "what": self.what,
            "n": self.n,
            **rounded,
            "support": self.support,
        }


def alpha_from_coincidences(coincidences: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha.

    Parameters
    ----------
    coincidences
        (..., k, k) symmetric counts: each unit of two answers adds one at (first, second) and one at (second, first).
    distance
        (k, k) distances between answers; one minus the identity for nominal data.

    Returns
    -------
    (...,) alpha; nan where all answers are the same, so that chance agreement cannot be told from true.
    """
    n_c = coincidences.sum(axis=-1)
    n = n_c.sum(axis=-1)
    observed = (coincidences * distance).sum(axis=(-2, -1))
    expected = (n_c[..., :, None] * n_c[..., None, :] * distance).sum(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - (n - 1) * observed / expected, np.nan)


def kappa_from_confusion(confusion: np.ndarray) -> float:
    """Cohen's kappa of a (k, k) table of the first annotator's answers by the second's; nan without variation."""
    n = confusion.sum()
    if n == 0:
        return float("nan")
    observed = np.trace(confusion) / n
    expected = float(confusion.sum(axis=0) @ confusion.sum(axis=1)) / n**2
    return float("nan") if expected == 1 else float((observed - expected) / (1 - expected))


def masi_distance(a: frozenset[str], b: frozenset[str]) -> float:
    """Distance between sets (Passonneau 2006, "Measuring Agreement on Set-valued Items (MASI)")."""
    if a == b:
        return 0.0
    both, either = len(a & b), len(a | b)
    monotone = 2 / 3 if a <= b or b <= a else 1 / 3 if both else 0.0
    return 1 - both / either * monotone


def annotated_pairs(
    corpus: Corpus, annotations: dict[str, list[Annotation]], number: int = 1
) -> list[Pair]:
    """Units with two annotators in that round, in the corpus's order; annotators in the order of their names."""
    by_unit: dict[str, list[Topics]] = defaultdict(list)
    for name in sorted(annotations):
        for row in annotations[name]:
            if row.round == number:
                by_unit[row.unit].append(row.topics)
    owner = {d.id: d.id for d in corpus.documents} | {p.id: p.document_id for p in corpus.passages}
    return [Pair(u, owner[u], *by_unit[u][:2]) for u in owner if len(by_unit.get(u, ())) >= 2]


def retest_pairs(corpus: Corpus, annotations: dict[str, list[Annotation]]) -> list[Pair]:
    """Units that one annotator labelled again in the next round."""
    owner = {d.id: d.id for d in corpus.documents} | {p.id: p.document_id for p in corpus.passages}
    pairs = []
    for name in sorted(annotations):
        rounds: dict[str, list[Annotation]] = defaultdict(list)
        for row in annotations[name]:
            if row.round >= 1:
                rounds[row.unit].append(row)
        for unit, rows in rounds.items():
            ordered = sorted(rows, key=lambda a: a.round)
            pairs += [Pair(unit, owner[unit], a.topics, b.topics) for a, b in pairwise(ordered)]
    return pairs


def agreement(corpus: Corpus, pairs: Sequence[Pair], seed: int = 0) -> list[Agreement]:
    """Per topic, stance and basis and for topic sets; passages and documents apart."""
    rows = []
    for level, chosen in (
        ("passage", [p for p in pairs if p.unit not in corpus.document]),
        ("document", [p for p in pairs if p.unit in corpus.document]),
    ):
        if not chosen:
            continue
        book = corpus.codebook
        for topic in book.topic_names:
            answers = [(topic in p.first, topic in p.second) for p in chosen]
            rows.append(_question(level, topic, chosen, answers, (False, True), seed))
        rows.append(_sets(level, chosen, seed))
        for topic in book.topic_names:
            both = [p for p in chosen if topic in p.first and topic in p.second]
            stances = [(p.first[topic].stance, p.second[topic].stance) for p in both]
            rows.append(_question(level, f"{topic} stance", both, stances, book.stance_names, seed))
        for topic in book.topic_names if book.bases else ():
            both = [p for p in chosen if topic in p.first and topic in p.second]
            both = [p for p in both if p.first[topic].basis and p.second[topic].basis]
            bases = [(p.first[topic].basis, p.second[topic].basis) for p in both]
            rows.append(_question(level, f"{topic} basis", both, bases, tuple(book.bases), seed))
    return rows


def pairwise_f1(
    pairs: Sequence[Pair], topics: Sequence[str], stances: Sequence[str]
) -> dict[str, float]:
    """F1 of one annotator against the other, under the names of the models' metrics.

    F1 is the same whichever of the two is taken as gold. Stance is scored where both say that the topic holds.
    """
    scores: dict[str, float] = {}
    cells = {s: np.zeros(3) for s in stances}
    joint = np.zeros(3)
    for topic in topics:
        a = np.array([topic in p.first for p in pairs], dtype=bool)
        b = np.array([topic in p.second for p in pairs], dtype=bool)
        scores[f"topic/{topic}/f1"] = _f1((a & b).sum(), a.sum(), b.sum())
        joint[1:] += a.sum(), b.sum()
        for p in (p for p in pairs if topic in p.first and topic in p.second):
            one, other = p.first[topic].stance, p.second[topic].stance
            joint[0] += one == other
            for s in stances:
                cells[s] += one == other == s, one == s, other == s
    scores["topic/macro_f1"] = float(np.mean([scores[f"topic/{t}/f1"] for t in topics]))
    scores["stance/macro_f1"] = float(np.mean([_f1(*cells[s]) for s in stances]))
    scores["joint/f1"] = _f1(*joint)
    return scores


def _f1(both: float, one: float, other: float) -> float:
    return float(2 * both / (one + other)) if one + other else 0.0


def derive_labels(
    annotations: dict[str, list[Annotation]], adjudications: Sequence[Adjudication]
) -> tuple[dict[str, Topics], list[str]]:
    """The labels that follow from first-round annotations and adjudication, and the units that have none.

    Where the two annotators say the same of a unit, that is its label; elsewhere the adjudication decides.
    """
    by_unit: dict[str, list[Topics]] = defaultdict(list)
    for name in sorted(annotations):
        for row in annotations[name]:
            if row.round == 1:
                by_unit[row.unit].append(row.topics)
    decided = {a.unit: a.topics for a in adjudications}
    labels, open_units = {}, []
    for unit, given in by_unit.items():
        if unit in decided:
            labels[unit] = decided[unit]
        elif len(given) >= 2 and all(_same(given[0], other) for other in given[1:]):
            labels[unit] = given[0]
        else:
            open_units.append(unit)
    return labels, open_units


def _same(a: Topics, b: Topics) -> bool:
    return _plain(a) == _plain(b)


def _plain(topics: Topics) -> dict[str, tuple[str, str | None, list[str]]]:
    return {k: (v.stance, v.basis, sorted(v.parties)) for k, v in topics.items()}


def _question(
    level: str,
    what: str,
    pairs: Sequence[Pair],
    answers: Sequence[tuple[Any, Any]],
    values: Sequence[Any],
    seed: int,
) -> Agreement:
    index = {v: i for i, v in enumerate(values)}
    table = np.array([(index[a], index[b]) for a, b in answers], dtype=int).reshape(-1, 2)
    k = len(values)
    support = (int(table[:, 0].sum()), int(table[:, 1].sum())) if values == (False, True) else None
    return _figures(
        level, what, table, [p.document_id for p in pairs], 1 - np.eye(k), support, seed
    )


def _sets(level: str, pairs: Sequence[Pair], seed: int) -> Agreement:
    sets = sorted({frozenset(t) for p in pairs for t in (p.first, p.second)}, key=sorted)
    index = {s: i for i, s in enumerate(sets)}
    table = np.array([[index[frozenset(p.first)], index[frozenset(p.second)]] for p in pairs])
    distance = np.array([[masi_distance(a, b) for b in sets] for a in sets])
    return _figures(
        level, "topic sets (MASI)", table, [p.document_id for p in pairs], distance, None, seed
    )


def _figures(
    level: str,
    what: str,
    table: np.ndarray,
    documents: Sequence[str],
    distance: np.ndarray,
    support: tuple[int, int] | None,
    seed: int,
) -> Agreement:
    """Alpha with its interval, kappa and raw agreement of an (n, 2) table of answer numbers."""
    k = len(distance)
    if not len(table):
        nan = float("nan")
        return Agreement(level, what, 0, nan, (nan, nan), nan, nan, support)
    names, owner = np.unique(np.asarray(documents), return_inverse=True)
    confusion = np.zeros((len(names), k, k))
    np.add.at(confusion, (owner, table[:, 0], table[:, 1]), 1)
    coincidences = confusion + confusion.transpose(0, 2, 1)
    draws = np.random.default_rng(seed).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES
    )
    resampled = alpha_from_coincidences(
        np.tensordot(draws.astype(float), coincidences, axes=1), distance
    )
    finite = resampled[np.isfinite(resampled)]
    interval = (
        tuple(float(x) for x in np.percentile(finite, [2.5, 97.5]))
        if len(finite)
        else (np.nan, np.nan)
    )
    return Agreement(
        level=level,
        what=what,
        n=len(table),
        alpha=float(alpha_from_coincidences(coincidences.sum(axis=0), distance)),
        alpha_interval=(interval[0], interval[1]),
        kappa=kappa_from_confusion(confusion.sum(axis=0)),
        agree=float((table[:, 0] == table[:, 1]).mean()),
        support=support,
    )


def agreement_scores(corpus: Corpus, document_ids: set[str]) -> dict[str, dict[str, float]]:
    """The annotators' F1 against each other on the same documents, by level; empty without raw annotations."""
    pairs = [
        p
        for p in annotated_pairs(corpus, read_annotations(corpus))
        if p.document_id in document_ids
    ]
    by_level = {
        "passage": [p for p in pairs if p.unit not in corpus.document],
        "document": [p for p in pairs if p.unit in corpus.document],
    }
    book = corpus.codebook
    return {
        k: pairwise_f1(v, book.topic_names, book.stance_names) for k, v in by_level.items() if v
    }
