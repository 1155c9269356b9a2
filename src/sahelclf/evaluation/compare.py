"""Compare systems on the same units: scores, paired differences from the first, and a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sahelclf.errors import RequestError
from sahelclf.evaluation import intervals, metrics
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.evaluation.report import HEADLINE, RESAMPLES, document_draws
from sahelclf.evaluation.warnings import warnings

BETTER, WORSE, ALIKE = "better", "worse", "not distinguishable"
MOST_SHOWN = 5


@dataclass(frozen=True)
class System:
    """One system: predictions and gold; one pair for each seed, whose scores are averaged."""

    name: str
    members: tuple[tuple[Predictions, Gold], ...]


@dataclass(frozen=True)
class ScoreRow:
    """One score of one system.

    Attributes
    ----------
    system
        Index of the system; 0 is the one that the others are compared with.
    value, low, high
        The score and its 95% interval, from 0 to 1.
    sd
        Standard deviation over seeds; None for a single seed.
    difference, p_holm, verdict
        The difference from system 0, p corrected by Holm's method, and `BETTER`, `WORSE` or
        `ALIKE`; empty for system 0.
    """

    score: str
    system: int
    value: float
    low: float
    high: float
    sd: float | None
    difference: intervals.Difference | None = None
    p_holm: float | None = None
    verdict: str = ""


@dataclass(frozen=True)
class Comparison:
    """Every headline score of every system, on the same units; `warnings` by system."""

    systems: tuple[str, ...]
    n_units: int
    n_documents: int
    rows: tuple[ScoreRow, ...]
    warnings: tuple[tuple[str, ...], ...]
    resamples: int = RESAMPLES

    def row(self, score: str, system: int) -> ScoreRow:
        """The row of a score and a system."""
        return next(r for r in self.rows if (r.score, r.system) == (score, system))


def compare(systems: Sequence[System], seed: int = 0, resamples: int = RESAMPLES) -> Comparison:
    """Compare systems with the first one, on resampled documents that are the same for all.

    Raises
    ------
    RequestError
        Where labels, units or gold of the systems differ.
    """
    members, gold = same_units(systems)
    counts = [[metrics.counts_by_document(p, gold) for p in group] for group in members]
    n_documents = len(counts[0][0][0])
    draws = document_draws(n_documents, seed, resamples)
    names = members[0][0].names
    ratios = [[metrics.ratios(c, names) for _, c in group] for group in counts]
    rows = []
    for score in (s for s in HEADLINE if s in ratios[0][0]):
        pooled = [intervals.mean_score([r[score] for r in group]) for group in ratios]
        for k, mean in enumerate(pooled):
            seeds = [intervals.mean_score([r[score]]).value for r in ratios[k]]
            sd = float(np.std(seeds, ddof=1)) if len(seeds) > 1 else None
            gap = intervals.difference(mean, pooled[0], draws) if k else None
            rows.append(ScoreRow(score, k, mean.value, *intervals.interval(mean, draws), sd, gap))
    return Comparison(
        systems=tuple(s.name for s in systems),
        n_units=len(members[0][0].ids),
        n_documents=n_documents,
        rows=tuple(_with_verdicts(rows)),
        warnings=tuple(
            tuple(dict.fromkeys(w for p in group for w in warnings(p, gold))) for group in members
        ),
        resamples=resamples,
    )


def _with_verdicts(rows: Sequence[ScoreRow]) -> list[ScoreRow]:
    """Correct the p-values of all differences together, and judge each."""
    corrected = iter(intervals.holm([r.difference.p for r in rows if r.difference]))
    judged = []
    for row in rows:
        if row.difference:
            p = next(corrected)
            sign = BETTER if row.difference.value > 0 else WORSE
            row = replace(row, p_holm=p, verdict=ALIKE if p > intervals.LEVEL else sign)
        judged.append(row)
    return judged


def same_units(systems: Sequence[System]) -> tuple[list[list[Predictions]], Gold]:
    """Members with rows in the first one's order, and the gold.

    Raises
    ------
    RequestError
        Names every difference in labels, units or gold.
    """
    a, (first, gold) = systems[0].name, systems[0].members[0]
    problems: list[str] = []
    aligned = []
    for b in systems:
        group = []
        for member, member_gold in b.members:
            problems += _differences(a, first, b.name, member)
            if not problems:
                row = {unit: i for i, unit in enumerate(member.ids)}
                order = np.array([row[unit] for unit in first.ids], dtype=int)
                group.append(member.take(order))
                stance = member_gold.stance[order]
                problems += _gold_differences(a, gold.stance, b.name, stance, first.ids)
        aligned.append(group)
    if problems:
        raise RequestError(list(dict.fromkeys(problems)))
    return aligned, gold


def _differences(a: str, first: Predictions, b: str, other: Predictions) -> list[str]:
    if first.names != other.names:
        return [
            f"codebooks differ: {a} has topics {list(first.names.topics)} and stances "
            f"{list(first.names.stances)}, {b} has {list(other.names.topics)} and "
            f"{list(other.names.stances)}; only labels of one codebook can be compared"
        ]
    ids_a, ids_b = set(first.ids), set(other.ids)
    if ids_a != ids_b:
        only = [
            f"{len(ids)} only in {name} ({_some(ids)})"
            for name, ids in ((a, ids_a - ids_b), (b, ids_b - ids_a))
            if ids
        ]
        return [
            f"units differ: {a} has {len(ids_a)}, {b} {len(ids_b)}; {'; '.join(only)}. "
            "Compare on the units that both predict"
        ]
    document = dict(zip(first.ids, first.documents, strict=True))
    moved = {u for u, d in zip(other.ids, other.documents, strict=True) if document[u] != d}
    if not moved:
        return []
    return [
        f"documents differ: {len(moved)} units belong to another document in {b} than in {a} "
        f"({_some(moved)})"
    ]


def _gold_differences(
    a: str, gold: np.ndarray, b: str, other: np.ndarray, ids: Sequence[str]
) -> list[str]:
    differing = {ids[int(i)] for i in np.flatnonzero((other != gold).any(axis=1))}
    if not differing:
        return []
    return [
        f"gold differs: {len(differing)} units have other labels in {b} than in {a} "
        f"({_some(differing)})"
    ]


def _some(ids: set[str]) -> str:
    return ", ".join(sorted(ids)[:MOST_SHOWN]) + (", …" if len(ids) > MOST_SHOWN else "")
