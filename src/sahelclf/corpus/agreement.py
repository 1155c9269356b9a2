"""Agreement between annotators: Krippendorff's alpha, Cohen's kappa and F1.

Alpha is computed from the coincidence matrix (Krippendorff 2011, "Computing Krippendorff's
alpha-reliability"), because resampling by document needs thousands at once; the test compares it
with the `krippendorff` package. It takes any number of annotators, not all of whom label each unit.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, permutations
from typing import Any

import numpy as np

from sahelclf.corpus.pairs import cohen_kappa
from sahelclf.corpus.read import Corpus, read_annotations
from sahelclf.corpus.rounds import CodedUnit, annotated_units, by_level
from sahelclf.records import Topics

RESAMPLES = 1000
PAIRS = "annotators/pairs"
YES_OR_NO = (False, True)
Answers = dict[str, Any]


@dataclass(frozen=True)
class Agreement:
    """Figures of one question (does the topic hold? which stance?).

    Attributes
    ----------
    n
        Units that two or more annotators answered.
    annotators, pairs
        How many answered, and how many pairs of them have units in common.
    alpha, alpha_interval
        Over all annotators, with the 95% interval resampled by document.
    kappa
        Mean over the pairs of annotators.
    agree
        Mean over the units of the share of their pairs of answers that are equal.
    support
        How many units each annotator gave the topic, in the order of their names.
    prevalence
        Share of all answers to these units that say that the topic holds. Kappa and alpha are low
        for rare topics even where nearly all answers are equal.
    """

    level: str
    what: str
    n: int
    annotators: int
    pairs: int
    alpha: float
    alpha_interval: tuple[float, float]
    kappa: float
    agree: float
    support: tuple[int, ...] | None = None
    prevalence: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain form, rounded for a card."""
        plain = asdict(self)
        support, interval = plain.pop("support"), plain.pop("alpha_interval")
        prevalence = plain.pop("prevalence")
        prevalence = None if prevalence is None else round(prevalence, 4)
        numbers = {k: plain.pop(k) for k in ("alpha", "kappa", "agree")}
        numbers = {"alpha": numbers.pop("alpha"), "low": interval[0], "high": interval[1]} | numbers
        rounded = {k: None if np.isnan(v) else round(float(v), 4) for k, v in numbers.items()}
        return {**plain, **rounded, "support": support, "prevalence": prevalence}


def alpha_from_coincidences(coincidences: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha.

    Parameters
    ----------
    coincidences
        (..., k, k) symmetric: each ordered pair of the m answers of a unit adds 1 / (m - 1).
    distance
        (k, k) distances between answers; one minus the identity for nominal data.

    Returns
    -------
    (...,) alpha; nan where all answers are the same: chance agreement cannot be estimated.
    """
    n_c = coincidences.sum(axis=-1)
    n = n_c.sum(axis=-1)
    observed = (coincidences * distance).sum(axis=(-2, -1))
    expected = (n_c[..., :, None] * n_c[..., None, :] * distance).sum(axis=(-2, -1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - (n - 1) * observed / expected, np.nan)


def masi_distance(a: frozenset[str], b: frozenset[str]) -> float:
    """Distance between sets (Passonneau 2006, "Measuring Agreement on Set-valued Items (MASI)")."""
    if a == b:
        return 0.0
    both, either = len(a & b), len(a | b)
    monotone = 2 / 3 if a <= b or b <= a else 1 / 3 if both else 0.0
    return 1 - both / either * monotone


def agreement(corpus: Corpus, units: Sequence[CodedUnit], seed: int = 0) -> list[Agreement]:
    """Per topic, stance and basis and for topic sets; passages and documents apart."""
    return [
        _figures((level, what), chosen, answers, values, seed)
        for level, chosen in by_level(corpus, units).items()
        for what, answers, values in _questions(corpus, chosen)
    ]


def _questions(
    corpus: Corpus, units: Sequence[CodedUnit]
) -> Iterator[tuple[str, list[Answers], Sequence[Any]]]:
    """Each question, the answers to it by unit and annotator, and the possible answers."""
    book = corpus.codebook
    for topic in book.topic_names:
        yield topic, [{a: topic in t for a, t in u.labels.items()} for u in units], YES_OR_NO
    sets = [{a: frozenset(t) for a, t in u.labels.items()} for u in units]
    yield "topic sets (MASI)", sets, sorted({s for row in sets for s in row.values()}, key=sorted)
    for field, values in (("stance", book.stance_names), ("basis", tuple(book.bases))):
        for topic in book.topic_names if values else ():
            holding = [{a: t[topic] for a, t in u.labels.items() if topic in t} for u in units]
            answers = [{a: getattr(label, field) for a, label in row.items()} for row in holding]
            yield f"{topic} {field}", answers, values


def _figures(
    name: tuple[str, str],
    units: Sequence[CodedUnit],
    answers: list[Answers],
    values: Sequence[Any],
    seed: int,
) -> Agreement:
    """Alpha with its interval, kappa and raw agreement of one question."""
    annotators = sorted({a for row in answers for a in row})
    index = {v: i for i, v in enumerate(values)}
    table = np.array([[index.get(row.get(a), -1) for a in annotators] for row in answers])
    table = table.reshape(len(answers), len(annotators))
    enough = (table >= 0).sum(axis=1) >= 2
    table = table[enough]
    yes = tuple(int(n) for n in (table == 1).sum(axis=0)) if values == YES_OR_NO else None
    if not len(table):
        nan = float("nan")
        return Agreement(*name, 0, 0, 0, nan, (nan, nan), nan, nan, yes)
    documents = [u.document_id for u, e in zip(units, enough, strict=True) if e]
    _, owner = np.unique(np.asarray(documents), return_inverse=True)
    distance = _distances(values)
    counts = coincidences(table, owner, len(distance))
    kappas = [_kappa(table[:, i], table[:, j]) for i, j in _pairs_of_columns(table)]
    finite = [k for k in kappas if np.isfinite(k)]
    return Agreement(
        *name,
        n=len(table),
        annotators=int((table >= 0).any(axis=0).sum()),
        pairs=len(kappas),
        alpha=float(alpha_from_coincidences(counts.sum(axis=0), distance)),
        alpha_interval=_interval(counts, distance, seed),
        kappa=float(np.mean(finite)) if finite else float("nan"),
        agree=_observed_agreement(table),
        support=yes,
        prevalence=None if yes is None else sum(yes) / int((table >= 0).sum()),
    )


def _distances(values: Sequence[Any]) -> np.ndarray:
    if values and isinstance(values[0], frozenset):
        return np.array([[masi_distance(a, b) for b in values] for a in values])
    return 1 - np.eye(len(values))


def coincidences(table: np.ndarray, owner: np.ndarray, k: int) -> np.ndarray:
    """(n_documents, k, k) coincidences of (n, r) answer numbers, -1 where an annotator gave none.

    Each ordered pair of the m answers of a unit adds 1 / (m - 1) to its document, `owner` (n,).
    """
    counts = np.zeros((int(owner.max()) + 1, k, k))
    weight = 1 / ((table >= 0).sum(axis=1) - 1)
    for i, j in permutations(range(table.shape[1]), 2):
        both = (table[:, i] >= 0) & (table[:, j] >= 0)
        np.add.at(counts, (owner[both], table[both, i], table[both, j]), weight[both])
    return counts


def _interval(counts: np.ndarray, distance: np.ndarray, seed: int) -> tuple[float, float]:
    """Percentiles of alpha over documents drawn with replacement."""
    n = len(counts)
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    resampled = alpha_from_coincidences(np.tensordot(draws.astype(float), counts, axes=1), distance)
    finite = resampled[np.isfinite(resampled)]
    low, high = np.percentile(finite, [2.5, 97.5]) if len(finite) else (np.nan, np.nan)
    return float(low), float(high)


def _pairs_of_columns(table: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of annotators that answered for the same units."""
    pairs = combinations(range(table.shape[1]), 2)
    return [(i, j) for i, j in pairs if ((table[:, i] >= 0) & (table[:, j] >= 0)).any()]


def _kappa(a: np.ndarray, b: np.ndarray) -> float:
    """Cohen's kappa on the units that both answered; nan without variation."""
    both = (a >= 0) & (b >= 0)
    return cohen_kappa(list(a[both]), list(b[both]))


def _observed_agreement(table: np.ndarray) -> float:
    """Mean over the units of the share of their pairs of answers that are equal."""
    answered = (table >= 0).sum(axis=1)
    equal = np.zeros(len(table))
    for i, j in combinations(range(table.shape[1]), 2):
        equal += (table[:, i] == table[:, j]) & (table[:, i] >= 0)
    return float(np.mean(equal / (answered * (answered - 1) / 2)))


def pairwise_f1(
    units: Sequence[CodedUnit], topics: Sequence[str], stances: Sequence[str]
) -> dict[str, float]:
    """F1 of one annotator against another, the mean over the pairs of annotators.

    The names are those of the models' metrics; `PAIRS` is the number of pairs. F1 is the same
    whichever of the two is taken as gold. Stance is scored where both give the topic.
    """
    names = sorted({a for u in units for a in u.labels})
    scores = []
    for one, other in combinations(names, 2):
        shared = [
            (u.labels[one], u.labels[other]) for u in units if {one, other} <= u.labels.keys()
        ]
        if shared:
            scores.append(_f1_scores(shared, topics, stances))
    mean = {k: float(np.mean([s[k] for s in scores])) for k in (scores[0] if scores else ())}
    return mean | {PAIRS: float(len(scores))}


def _f1_scores(
    pairs: Sequence[tuple[Topics, Topics]], topics: Sequence[str], stances: Sequence[str]
) -> dict[str, float]:
    scores: dict[str, float] = {}
    by_stance = {s: np.zeros(3) for s in stances}
    joint = np.zeros(3)
    for topic in topics:
        a, b = (np.array([topic in pair[k] for pair in pairs], dtype=bool) for k in (0, 1))
        scores[f"topic/{topic}/f1"] = _f1((a & b).sum(), a.sum(), b.sum())
        joint[1:] += a.sum(), b.sum()
        for one, other in (
            (x[topic].stance, y[topic].stance) for x, y in pairs if topic in x and topic in y
        ):
            joint[0] += one == other
            for s in stances:
                by_stance[s] += one == other == s, one == s, other == s
    scores["topic/macro_f1"] = float(np.mean([scores[f"topic/{t}/f1"] for t in topics]))
    if stances:
        scores["stance/macro_f1"] = float(np.mean([_f1(*by_stance[s]) for s in stances]))
        scores["joint/f1"] = _f1(*joint)
    return scores


def _f1(both: float, one: float, other: float) -> float:
    return float(2 * both / (one + other)) if one + other else 0.0


def agreement_scores(corpus: Corpus, document_ids: set[str]) -> dict[str, dict[str, float]]:
    """The annotators' F1 against each other on these documents, by level; empty without any."""
    units = annotated_units(corpus, read_annotations(corpus))
    levels = by_level(corpus, [u for u in units if u.document_id in document_ids])
    book = corpus.codebook
    return {k: pairwise_f1(v, book.topic_names, book.stance_names) for k, v in levels.items()}
