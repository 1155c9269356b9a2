"""Systems on the same units: scores, paired differences from the first, and a verdict in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sahelclf.errors import RequestError
from sahelclf.evaluation import intervals, metrics
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.evaluation.report import HEADLINE, RESAMPLES, document_draws
from sahelclf.evaluation.warnings import warnings

BETTER, WORSE, ALIKE = "better", "worse", "not distinguishable"


@dataclass(frozen=True)
class System:
    """One system: its predictions and the gold they came with, or those of each of its seeds, whose scores are averaged."""

    name: str
    members: tuple[tuple[Predictions, Gold], ...]


@dataclass(frozen=True)
class Line:
    """One score of one system; `sd` over its seeds. Against the first system: difference, its interval, p, p by Holm, verdict."""

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
    """Every headline score of every system, on units that are the same for all."""

    systems: tuple[str, ...]
    n_units: int
    n_documents: int
    lines: tuple[Line, ...]
    warnings: tuple[tuple[str, ...], ...]

    def line(self, score: str, system: int) -> Line:
        """The line of a score and a system."""
        return next(x for x in self.lines if (x.score, x.system) == (score, system))


def compare(systems: Sequence[System], seed: int = 0, resamples: int = RESAMPLES) -> Comparison:
    """Compare systems with the first; every system and every seed is scored on the same resampled documents."""
    members, gold = same_units(systems)
    found = [[metrics.counts_by_document(p, gold) for p in group] for group in members]
    documents = found[0][0][0]
    draws = document_draws(len(documents), seed, resamples)
    parts = [
        [metrics.ratios(counts, members[0][0].names) for _, counts in group] for group in found
    ]
    lines, tests = [], []
    for name in HEADLINE:
        scores = [intervals.mean_score([p[name] for p in group]) for group in parts]
        for k, score in enumerate(scores):
            seeds = [intervals.mean_score([p[name]]).value for p in parts[k]]
            sd = float(np.std(seeds, ddof=1)) if len(seeds) > 1 else None
            against = intervals.difference(score, scores[0], draws) if k else None
            tests += [against.p] if against else []
            lines.append(Line(name, k, score.value, *intervals.interval(score, draws), sd, against))
    corrected = iter(intervals.holm(tests))
    return Comparison(
        systems=tuple(s.name for s in systems),
        n_units=len(members[0][0].ids),
        n_documents=len(documents),
        lines=tuple(_judged(x, next(corrected)) if x.difference else x for x in lines),
        warnings=tuple(
            tuple(dict.fromkeys(w for p in group for w in warnings(p, gold))) for group in members
        ),
    )


def _judged(line: Line, p_holm: float) -> Line:
    assert line.difference
    verdict = ALIKE if p_holm > intervals.LEVEL else BETTER if line.difference.value > 0 else WORSE
    return Line(
        line.score,
        line.system,
        line.value,
        line.low,
        line.high,
        line.sd,
        line.difference,
        p_holm,
        verdict,
    )


def same_units(systems: Sequence[System]) -> tuple[list[list[Predictions]], Gold]:
    """Members with rows in the first one's order, and the gold; raise with what differs where labels, units or gold do."""
    first, gold = systems[0].members[0]
    problems: list[str] = []
    aligned = []
    for system in systems:
        group = []
        for member, own in system.members:
            problems += _differences(systems[0].name, first, system.name, member)
            if not problems:
                row = {unit: i for i, unit in enumerate(member.ids)}
                order = np.array([row[unit] for unit in first.ids], dtype=int)
                group.append(member.take(order))
                problems += _gold_differences(
                    systems[0].name,
                    gold,
                    system.name,
                    Gold(own.topics[order], own.stance[order]),
                    first.ids,
                )
        aligned.append(group)
    if problems:
        raise RequestError(list(dict.fromkeys(problems)))
    return aligned, gold


def _differences(a: str, first: Predictions, b: str, other: Predictions) -> list[str]:
    if first.names != other.names:
        return [
            f"codebooks differ: {a} has topics {list(first.names.topics)} and stances {list(first.names.stances)}, "
            f"{b} has {list(other.names.topics)} and {list(other.names.stances)}; only one codebook's labels can be compared"
        ]
    mine, theirs = set(first.ids), set(other.ids)
    if mine != theirs:
        parts = [
            f"{len(ids)} only in {name} ({_some(ids)})"
            for name, ids in ((a, mine - theirs), (b, theirs - mine))
            if ids
        ]
        return [
            f"units differ: {a} has {len(mine)}, {b} {len(theirs)}; {'; '.join(parts)}. Compare on the units that both predict"
        ]
    owner = dict(zip(first.ids, first.documents, strict=True))
    moved = {u for u, d in zip(other.ids, other.documents, strict=True) if owner[u] != d}
    return (
        [
            f"documents differ: {len(moved)} units belong to another document in {b} than in {a} ({_some(moved)})"
        ]
        if moved
        else []
    )


def _gold_differences(a: str, gold: Gold, b: str, other: Gold, ids: Sequence[str]) -> list[str]:
    wrong = np.flatnonzero((other.stance != gold.stance).any(axis=1))
    if not len(wrong):
        return []
    return [
        f"gold differs: {len(wrong)} units are labelled otherwise in {b} than in {a} ({_some({ids[int(i)] for i in wrong})})"
    ]


def _some(ids: set[str]) -> str:
    return ", ".join(sorted(ids)[:5]) + (", …" if len(ids) > 5 else "")
