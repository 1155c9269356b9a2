"""The table of shares, by cell, thing measured and estimator; those with few codes are withheld."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sahelclf.errors import RequestError
from sahelclf.evaluation.predictions import Names
from sahelclf.measurement.collection import DATE, cell_members, cross_cells, source_of
from sahelclf.measurement.estimators import (
    Design,
    Estimate,
    Outcome,
    cross_fit_calibration,
    ratios,
    shares,
)
from sahelclf.measurement.shift import ASSUMES, label_shift
from sahelclf.measurement.study import Study
from sahelclf.measurement.table_warnings import (
    FEWEST_CODES,
    FEWEST_EACH,
    SHIFT,
    cell_warnings,
    cluster_warnings,
    shift_warnings,
)

if TYPE_CHECKING:
    import pandas as pd

WITHOUT_CODES = ("naive", SHIFT)  # never withheld for too few codes
WHAT = ("measured", "topic", "stance", "estimator")
NUMBERS = (
    *("units", "codes", "positive_codes", "more_codes", "share", "standard_error", "low", "high"),
    *("count", "count_low", "count_high"),
)
What = tuple[str, str, str]
ROUNDING = 1e-12
OWN_COLUMNS = {"by", "cell", "assumes", *WHAT, *NUMBERS}


@dataclass(frozen=True)
class Shares:
    """Shares of a collection.

    Attributes
    ----------
    table
        One row a cell, thing measured and estimator. `more_codes` is how many hand-coded units a
        cell lacks, 0 where the share is given, missing where all units of the cell are too few.
    by
        The columns that divide the collection.
    warnings
        What to know before using the numbers.
    comparisons
        One row a difference or slope, where any was asked for.
    rounds
        The shares of the whole by each round of several, and pooled.
    """

    table: "pd.DataFrame"
    by: tuple[str, ...]
    warnings: tuple[str, ...]
    comparisons: "pd.DataFrame | None" = None
    rounds: "pd.DataFrame | None" = None


def estimate_shares(
    study: Study,
    by: Sequence[str] = (),
    date: str = "date",
    *,
    outcomes: list[Outcome] | None = None,
    shift: bool = False,
) -> Shares:
    """Shares and counts of the whole, by each of `by`, and by all of them together.

    `outcomes` are those of `study_outcomes`, where they are known; with `shift` cells also get the
    topics' shares by label shift.
    """
    import pandas as pd

    _check_by(by, study.where)
    n, warnings = len(study.collection), list(study.warnings)
    parts = {name: cell_members(study.collection, name, study.where, date) for name in by}
    for name, ((units, _), _) in parts.items():
        warnings += _without_value(study, name, units, date)
    sample, outcomes = study.sample, study_outcomes(study) if outcomes is None else outcomes
    tables = []
    for group in dict.fromkeys([(), *((b,) for b in by), tuple(by)]):
        cells, values = cross_cells(n, [parts[b] for b in group])
        design = Design(sample, cells, n)
        table = _table(design, outcomes, study.collection.names, shift=shift and bool(group))
        for b in by:
            table[b] = [values[c][group.index(b)] if b in group else "" for c in table["cell"]]
        table.insert(0, "by", ",".join(group))
        tables.append(table.drop(columns="cell"))
        where = f"by {','.join(group)}" if group else "in the whole"
        warnings += [*cell_warnings(table, where), *cluster_warnings(design, study, where)]
        warnings += shift_warnings(table, where)
    whole = pd.concat(tables, ignore_index=True)
    first = ["by", *by]
    ordered = whole[[*first, *(c for c in whole if c not in first)]]
    if shift:
        ordered = ordered.assign(assumes=ordered["estimator"].map({SHIFT: ASSUMES}).fillna(""))
    return Shares(ordered, tuple(by), tuple(warnings))


def _check_by(by: Sequence[str], where: str) -> None:
    named = f"--by {','.join(by)}"
    if len(set(by)) < len(by):
        raise RequestError(f"{named}: a column is duplicated; name each once")
    taken = sorted({*by} & OWN_COLUMNS)
    if taken:
        raise RequestError(
            f"{named}: the result has its own columns {', '.join(taken)}; rename them in {where}"
        )


def _without_value(study: Study, name: str, units: np.ndarray, date: str) -> list[str]:
    """A warning about units that are in no cell of a column, with the first of them."""
    n, collection = len(study.collection), study.collection
    missing = np.setdiff1d(np.arange(n), units)
    if not len(missing):
        return []
    source = source_of(collection, name, study.where, date)
    values = collection.frame[source]
    first = [f"id {collection.ids[k]!r}: {values.iloc[k] or 'empty'}" for k in missing[:3]]
    listed = ", ".join(first) + (", …" if len(missing) > 3 else "")
    expected = "" if source == name else f"; expected {DATE}"
    return [
        f"{len(missing):,} of {n:,} units have no {name} ({source} of {listed}{expected}): they "
        f"count in the whole and in no cell of {name}"
    ]


def study_outcomes(
    study: Study, wanted: Sequence[tuple[int, int | None]] | None = None
) -> list[Outcome]:
    """An outcome for each wanted topic and stance, by number; a stance of None is the topic.

    By default all topics, then all topic-stance pairs.
    """
    names = study.collection.names
    if wanted is None:
        topics, stances = range(len(names.topics)), range(len(names.stances))
        wanted = [*((k, None) for k in topics), *((k, j) for k in topics for j in stances)]
    parts = zip(*(_columns(study, k, j) for k, j in wanted), strict=True)
    y, p, decision = (np.column_stack(columns).astype(float) for columns in parts)
    linear = study.collection.cross_fitted
    tables = (y, p, decision, cross_fit_calibration(y, p, study.sample, linear=linear))
    return [Outcome(*(np.ascontiguousarray(a[:, k]) for a in tables)) for k in range(len(wanted))]


def _columns(study: Study, topic: int, stance: int | None) -> tuple[np.ndarray, ...]:
    """(n,) codes, (N,) probabilities and (N,) decisions of a topic, or of its stance."""
    collection, gold = study.collection, study.sheet.gold
    p, decision = collection.probability[:, topic], collection.holds[:, topic]
    if stance is None:
        return gold.topics[:, topic], p, decision
    return (
        gold.stance[:, topic] == stance,
        p * collection.stance_probability[:, topic, stance],
        decision & (collection.stance[:, topic] == stance),
    )


def _table(
    design: Design, outcomes: list[Outcome], names: Names, *, shift: bool = False
) -> "pd.DataFrame":
    """One row a cell, thing measured and estimator."""
    import pandas as pd

    frames = []
    for what, outcome, base, estimates in measured(design, outcomes, names):
        if shift and base is None and what[0] == "topic":
            estimates[SHIFT] = label_shift(design, outcome)
        frames += _rows(design, outcome, base, what, estimates)
    columns = [name for name in frames[0] if name != "stance" or names.stances]
    table = pd.DataFrame({name: np.concatenate([f[name] for f in frames]) for name in columns})
    return table.astype({"more_codes": "Int64"})


def measured(
    design: Design, outcomes: Sequence[Outcome], names: Names
) -> Iterator[tuple[What, Outcome, Outcome | None, dict[str, Estimate]]]:
    """Each thing measured: its names, its outcome, what it is a share of, its estimates."""
    pairs = iter(outcomes[len(names.topics) :])
    for topic, whole in zip(names.topics, outcomes, strict=False):
        bottoms = shares(design, whole)
        yield ("topic", topic, ""), whole, None, bottoms
        for stance in names.stances:
            part = next(pairs)
            tops = shares(design, part)
            yield ("pair", topic, stance), part, None, tops
            yield ("stance", topic, stance), part, whole, ratios(design, tops, bottoms)


def _rows(
    design: Design,
    outcome: Outcome,
    base: Outcome | None,
    what: What,
    estimates: dict[str, Estimate],
) -> list[dict[str, np.ndarray]]:
    """Columns of one thing measured, by estimator; shares with too few hand codes are withheld."""
    n, size = design.cells.n, design.cells.size
    codes, positives, more = required_codes(design, outcome, base)
    weight = design.sample.weight[design.who]
    carrying = weight if base is None else weight * base.y[design.who]
    seen = effective_codes(design.where, carrying, n)
    reachable = np.where(more <= size - design.codes, more, np.nan)
    frames = []
    for name, estimate in estimates.items():
        shown = np.ones(n, dtype=bool) if name in WITHOUT_CODES else more == 0
        low, high = estimate.interval
        low, high = _without_error(estimate, low, high, size if name == "naive" else seen)
        values = (np.clip(estimate.value, 0, 1), estimate.error, low, high)
        share, error, low, high = (np.where(shown, v, np.nan) for v in values)
        units = size if base is None else np.full(n, np.nan)
        numbers = (size, codes, positives, reachable, share, error, low, high)
        counts = (share * units, low * units, high * units)
        labels = (np.full(n, word, dtype=object) for word in (*what, name))
        frame = {"cell": np.arange(n)} | dict(zip(WHAT, labels, strict=True))
        frames.append(frame | dict(zip(NUMBERS, (*numbers, *counts), strict=True)))
    return frames


def effective_codes(cell: np.ndarray, weight: np.ndarray, n: int) -> np.ndarray:
    """(n_cells,) codes as a number of codes of equal weight (Kish)."""
    total = np.bincount(cell, weight, minlength=n)
    squares = np.bincount(cell, weight**2, minlength=n)
    return np.asarray(total**2 / np.where(squares > 0, squares, 1.0))


def _without_error(
    estimate: Estimate, low: np.ndarray, high: np.ndarray, n: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Intervals where none or all of n codes have it: exact binomial limits, not a width of 0."""
    none = (estimate.error < ROUNDING) & (n > 0)
    bound = 1 - 0.025 ** (1 / np.maximum(n, 1))
    none = none & (np.minimum(np.abs(estimate.value), np.abs(1 - estimate.value)) < ROUNDING)
    at_zero, at_one = none & (estimate.value < 0.5), none & (estimate.value > 0.5)
    return np.where(at_one, 1 - bound, low), np.where(at_zero, bound, high)


def required_codes(
    design: Design, outcome: Outcome, base: Outcome | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n_cells,) hand codes, those with the outcome, and how many more a cell needs, 0 if enough.

    A share needs 30 codes, and so many that 10 with it and 10 without are expected. For a stance,
    only codes with the topic count. What is expected follows from the calibrated probabilities of
    the whole sample, never from the cell's own codes: showing cells that happened to have many
    would bias what is shown. Infinite where none are expected.
    """
    n, total, drawn = design.cells.n, len(outcome.y), design.sample.unit
    within = np.ones(total) if base is None else base.y
    having = outcome.calibrated[drawn]
    others = (1.0 if base is None else base.calibrated[drawn]) - having

    def counted(values: np.ndarray) -> np.ndarray:
        return np.bincount(design.where, values[design.who], minlength=n).astype(int)

    weight = design.sample.weight
    expected = (
        (FEWEST_CODES, max(float(within.sum()), 1.0)),
        (FEWEST_EACH, effective_sample_size(having, weight)),
        (FEWEST_EACH, effective_sample_size(others, weight)),
    )
    need = max(fewest * total / size if size > 0 else np.inf for fewest, size in expected)
    more = np.ceil(np.maximum(need - design.codes, 0))
    return counted(within), counted(within * outcome.y), more


def effective_sample_size(chance: np.ndarray, weight: np.ndarray) -> float:
    """Expected codes from (n,) chances, as a number of codes of equal weight (Kish).

    Twenty likely positives say little about a share if one of the unlikely would outweigh them.
    """
    chance = np.maximum(chance, 0)
    spread = float(weight**2 @ chance)
    return float(weight @ chance) ** 2 / spread if spread > 0 else 0.0
