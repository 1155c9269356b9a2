"""Samples of several rounds, each drawn with known chances that depend on earlier rounds.

`annotate sample --next` leaves out what has labels already, so each unit's chance in a round is
known given the rounds before, and only then. Given these, the units of earlier rounds, each
counted once, and those of round r, each over its chance, estimate the total without bias
(Des Raj 1956, by rounds). The errors of two rounds are uncorrelated, so any average with weights
that do not depend on the codes is unbiased too; weights are the numbers of units drawn. As one
sample: unit i of round s counts a_s / pi_i + (a_{s+1} + ... + a_R), and a round is a stratum.

Where a unit was drawn in two rounds, these drew from the whole collection: the unit counts the sum
of a_r / pi_i over its rounds. The chance to be in any round, 1 - prod(1 - pi), would need the
chances of each unit in all rounds; sheets hold only those of the drawn.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sahelclf.annotation.units import Sheet
from sahelclf.evaluation.predictions import Gold

BEFORE = "labelled before"


def pool_rounds(sheets: Sequence[Sheet]) -> tuple[Sheet, list[Sheet]]:
    """All rounds as one sheet, and the sheet that estimates from each round alone.

    The probabilities of the first are 1 over the units' weights, which can be above 1.
    """
    if len(sheets) < 2:
        return sheets[0], []
    drawn = [{i for i, p in zip(s.ids, s.probability, strict=True) if p < 1} for s in sheets]
    again = set().union(
        *(a & b for k, a in enumerate(drawn) for b in drawn[:k])
    )  # drawn in two rounds
    counts = np.array([len(d) or len(s.ids) for d, s in zip(drawn, sheets, strict=True)], float)
    share = counts / counts.sum()
    place: dict[str, tuple[int, int]] = {}  # where each unit is first: its round, its row there
    for r, sheet in enumerate(sheets):
        for k, unit in enumerate(sheet.ids):
            place.setdefault(unit, (r, k))
    differ = _differing(sheets, place)
    ids = [*place]
    number = {unit: k for k, unit in enumerate(ids)}
    weights = np.zeros((len(sheets), len(ids)))
    for r, sheet in enumerate(sheets):
        if not again:
            earlier = [number[i] for i in ids if place[i][0] < r]
            weights[r, earlier] = 1.0
        weights[r, [number[i] for i in sheet.ids]] = 1 / sheet.probability
    strata = tuple(_stratum(unit, sheets, drawn) for unit in ids)
    whole = _joined(sheets, [place[i] for i in ids], strata)
    listed = ", ".join(f"{int(n):,}" for n in counts)
    warnings = [
        *dict.fromkeys(w for s in sheets for w in s.warnings),
        f"{len(sheets)} rounds with {listed} codes are pooled, in proportion to these numbers"
        + (f"; {len(again):,} units were drawn twice" if again else ""),
    ]
    if differ:
        warnings.append(
            f"{len(differ):,} units have other codes in a later round ({', '.join(differ[:3])}); "
            "the first are used"
        )
    pooled = replace(whole, probability=1 / (share @ weights), warnings=tuple(warnings))
    rounds = []
    for r in range(len(sheets)):
        rows = np.flatnonzero(weights[r] > 0)
        rounds.append(replace(whole, probability=1 / np.maximum(weights[r], 1e-12)).take(rows))
    return pooled, rounds


def _stratum(unit: str, sheets: Sequence[Sheet], drawn: Sequence[set[str]]) -> str:
    """The stratum of a unit: that of the first round that drew it, by round."""
    for r, (sheet, units) in enumerate(zip(sheets, drawn, strict=True)):
        if unit in units:
            return f"round {r + 1}: {sheet.stratum[sheet.ids.index(unit)]}"
    return BEFORE


def _differing(sheets: Sequence[Sheet], place: dict[str, tuple[int, int]]) -> list[str]:
    """Units whose codes differ between two rounds."""
    return [
        unit
        for r, sheet in enumerate(sheets)
        for k, unit in enumerate(sheet.ids)
        if place[unit][0] < r and not _same(sheets[place[unit][0]].gold, place[unit][1], sheet, k)
    ]


def _same(first: Gold, row: int, sheet: Sheet, k: int) -> bool:
    topics = np.array_equal(first.topics[row], sheet.gold.topics[k])
    return topics and np.array_equal(first.stance[row], sheet.gold.stance[k])


def _joined(
    sheets: Sequence[Sheet], rows: Sequence[tuple[int, int]], strata: tuple[str, ...]
) -> Sheet:
    """A sheet of rows of several."""

    def of(name: str) -> tuple[str, ...]:
        return tuple(getattr(sheets[r], name)[k] for r, k in rows)

    gold = Gold(
        np.array([sheets[r].gold.topics[k] for r, k in rows]),
        np.array([sheets[r].gold.stance[k] for r, k in rows]),
    )
    return replace(
        sheets[0],
        ids=of("ids"),
        rows=tuple(sheets[r].rows[k] for r, k in rows),
        probability=np.ones(len(rows)),
        stratum=strata,
        texts=of("texts"),
        predicted=of("predicted"),
        gold=gold,
        warnings=(),
    )
