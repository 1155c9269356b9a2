"""Differences between cells, topics, stances and times, and slopes over time, with joint errors.

Two estimates of one study share units, clusters and strata. So the error of their difference comes
from the difference of what each unit adds to the two, never from two intervals. All that was asked
in one run is a family: p-values are corrected by Holm's method, for each estimator.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from sahelclf.errors import RequestError
from sahelclf.evaluation.intervals import holm
from sahelclf.measurement.collection import (
    PERIODS,
    Members,
    cell_members,
    cross_cells,
    date_members,
    period_numbers,
)
from sahelclf.measurement.estimators import (
    ESTIMATORS,
    Cells,
    Design,
    Estimate,
    Influence,
    Outcome,
    p_values,
    quantile,
)
from sahelclf.measurement.questions import Questions, asked_for, parse_contrast
from sahelclf.measurement.study import Study
from sahelclf.measurement.table import WHAT, What, measured, required_codes
from sahelclf.measurement.variance import Layout

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    *("comparison", "first", "second"),
    *WHAT,
    *("codes", "more_codes", "difference", "standard_error", "low", "high", "p_value", "p_holm"),
)
Parts = list[tuple[Members, list[str]]]


@dataclass(frozen=True)
class _Line:
    """Some comparisons of one kind: (n,) of everything but the names."""

    names: list[tuple[str, str, str]]  # comparison, first, second
    within: list[tuple[str, ...]]
    what: list[What]
    codes: np.ndarray
    more: np.ndarray
    estimates: dict[str, Estimate]


@dataclass
class _Asker:
    """The study, and what every question needs."""

    study: Study
    outcomes: Sequence[Outcome]
    by: Sequence[str]
    date: str
    kinds: tuple[str, ...]
    topics: tuple[str, ...]
    lines: list[tuple[tuple[str, ...], _Line]] = field(default_factory=list)

    def groups(self, taken: str, *, time: bool) -> Iterator[tuple[tuple[str, ...], Parts]]:
        """The whole, and each column that the question does not use itself."""
        yield (), []
        for name in self.by:
            if name != taken and not (time and name in PERIODS):
                yield (
                    (name,),
                    [cell_members(self.study.collection, name, self.study.where, self.date)],
                )

    def wanted(self, what: What) -> bool:
        """Whether a thing measured was asked for."""
        return what[0] in self.kinds and what[1] in self.topics

    def measured(
        self, design: Design
    ) -> Iterator[tuple[What, dict[str, Estimate], np.ndarray, np.ndarray]]:
        """What was asked for: names, estimates, codes and how many more each cell needs."""
        for what, outcome, base, estimates in measured(
            design, self.outcomes, self.study.collection.names
        ):
            if self.wanted(what):
                codes, _, more = required_codes(design, outcome, base)
                yield what, estimates, codes, more


def compare(
    study: Study,
    outcomes: Sequence[Outcome],
    questions: Questions,
    by: Sequence[str] = (),
    date: str = "date",
) -> "pd.DataFrame":
    """One row a comparison, cell of `by`, thing measured and estimator."""
    kinds, topics = asked_for(questions.of, study.collection.names)
    asker = _Asker(study, outcomes, by, date, kinds, topics)
    for contrast in questions.contrasts:
        column, values = parse_contrast(contrast)
        if column in {"topic", "stance"}:
            _between_names(asker, column, values)
        else:
            part = cell_members(study.collection, column, study.where, date)
            unknown = [v for v in values if v not in part[1]]
            if unknown:
                raise RequestError(
                    f"--contrast {contrast}: {study.where} has no {column} {', '.join(unknown)}; "
                    f"found {part[1][:12]}"
                )
            _between_cells(asker, column, part, [*combinations(values, 2)])
    if questions.before_after:
        day = questions.before_after
        part = date_members(study.collection, day, study.where, date)
        _between_cells(asker, "date", part, [(part[1][1], part[1][0])], time=True)
    if questions.trend:
        _slopes(asker, questions.trend)
    return _table(asker)


def _between_cells(
    asker: _Asker,
    column: str,
    part: tuple[Members, list[str]],
    pairs: list[tuple[str, str]],
    *,
    time: bool = False,
) -> None:
    """Differences between values of a column, in the whole and in each other cell."""
    study = asker.study
    for group, others in asker.groups(column, time=time):
        cells, names = cross_cells(len(study.collection), [part, *others])
        place = {name: k for k, name in enumerate(names)}
        design = Design(study.sample, cells, len(study.collection))
        asked = [
            (place[a, *rest], place[b, *rest], (column, a, b), rest)
            for rest in dict.fromkeys(name[1:] for name in names)
            for a, b in pairs
            if (a, *rest) in place and (b, *rest) in place
        ]
        if not asked:
            continue
        firsts, seconds, labels, rests = zip(*asked, strict=True)
        pairing = Pairing(design, np.array(firsts), np.array(seconds))
        for what, estimates, codes, more in asker.measured(design):
            line = _Line(
                [*labels],
                [*rests],
                [what] * len(asked),
                codes[pairing.first] + codes[pairing.second],
                np.maximum(more[pairing.first], more[pairing.second]),
                {name: pairing.difference(e.influence) for name, e in estimates.items()},
            )
            asker.lines.append((group, line))


class Pairing:
    """Differences between cells of a design: which members each has, with which sign."""

    def __init__(self, design: Design, first: np.ndarray, second: np.ndarray) -> None:
        self.first, self.second = first, second
        cells = design.cells
        order = np.argsort(cells.cell, kind="stable")
        ends = np.cumsum(cells.size)
        members: list[np.ndarray] = []
        columns: list[np.ndarray] = []
        signs: list[np.ndarray] = []
        for sign, of in ((1.0, first), (-1.0, second)):
            for number, cell in enumerate(of):
                rows = order[ends[cell] - cells.size[cell] : ends[cell]]
                members.append(rows)
                columns.append(np.full(len(rows), number))
                signs.append(np.full(len(rows), sign))
        self.member, self.sign = np.concatenate(members), np.concatenate(signs)
        column = np.concatenate(columns)
        unit = cells.unit[self.member]
        self.layout = Layout(design.sample, unit, column, len(first), together=True)
        place = np.cumsum(design.coded) - 1
        coded = design.coded[self.member]
        self.coded_member, self.coded_sign = place[self.member[coded]], self.sign[coded]

    def difference(self, influence: Influence) -> Estimate:
        """Of the estimates of the cells."""
        value = influence.value[self.first] - influence.value[self.second]
        coded, units = influence.coded, influence.units
        coded = None if coded is None else np.nan_to_num(coded)[self.coded_member] * self.coded_sign
        units = None if units is None else np.nan_to_num(units)[self.member] * self.sign
        error = np.sqrt(self.layout.variance(coded, units))
        parts = Influence(value, coded, units)
        return Estimate(value, np.where(np.isnan(value), np.nan, error), parts, self.layout.freedom)


def _between_names(asker: _Asker, kind: str, values: list[str]) -> None:
    """Differences between topics of the same units, or stances of the units of a topic."""
    names = asker.study.collection.names
    known = names.topics if kind == "topic" else names.stances
    unknown = [v for v in values if v not in known]
    if unknown:
        raise RequestError(
            f"--contrast {kind}={','.join(values)}: no {kind} {', '.join(unknown)}; expected two "
            f"or more of {', '.join(known) or 'none: the codebook has no stances'}"
        )
    n = len(asker.study.collection)
    topics = [""] if kind == "topic" else asker.topics
    for group, parts in asker.groups("", time=False):
        cells, within = cross_cells(n, parts)
        design = Design(asker.study.sample, cells, n)
        found: dict[tuple[str, str], Found] = {}
        for (what, topic, stance), outcome, base, estimates in measured(
            design, asker.outcomes, names
        ):
            if what == kind:
                codes, _, more = required_codes(design, outcome, base)
                key = ("", topic) if kind == "topic" else (topic, stance)
                found[key] = estimates, codes, more
        for topic in topics:
            for a, b in combinations(values, 2):
                first, second = found[topic, a], found[topic, b]
                label = (kind, a, b)
                _add_difference(asker, group, within, design, label, first, second, topic)


Found = tuple[dict[str, Estimate], np.ndarray, np.ndarray]


def _add_difference(
    asker: _Asker,
    group: tuple[str, ...],
    within: list[tuple[str, ...]],
    design: Design,
    label: tuple[str, str, str],
    first: Found,
    second: Found,
    topic: str = "",
) -> None:
    estimates = {
        name: design.estimate(first[0][name].influence.minus(second[0][name].influence))
        for name in ESTIMATORS
    }
    n = design.cells.n
    codes, more = np.minimum(first[1], second[1]), np.maximum(first[2], second[2])
    what: What = (label[0], topic, "")
    asker.lines.append((group, _Line([label] * n, within, [what] * n, codes, more, estimates)))


def _slopes(asker: _Asker, name: str) -> None:
    """Slopes of a share over periods: its mean change from one period to the next."""
    study = asker.study
    n = len(study.collection)
    number = period_numbers(study.collection, name, study.where, asker.date)
    for group, parts in asker.groups("", time=True):
        cells, within = cross_cells(n, parts)
        dated = np.isfinite(number[cells.unit])
        cells = Cells(cells.unit[dated], cells.cell[dated], cells.n)
        time = np.where(np.isfinite(number), number, 0.0)
        design = Design(study.sample, cells, n, time)
        label = (f"trend by {name}", "", "")
        for what, estimates, codes, more in asker.measured(design):
            if what[0] == "stance":
                raise RequestError(
                    "--trend: of a stance's share of its topic's units there is no slope; expected "
                    "--of topic, or --of pair for the share of all units with topic and stance"
                )
            k = cells.n
            line = _Line([label] * k, within, [what] * k, codes, more, estimates)
            asker.lines.append((group, line))


def _table(asker: _Asker) -> "pd.DataFrame":
    """All comparisons, with p-values corrected by estimator."""
    import pandas as pd

    frames = [_frame(group, line, asker.by) for group, line in asker.lines]
    first = [*COLUMNS[:3], *asker.by]
    columns = [*first, *(c for c in COLUMNS if c not in first)]
    table = pd.concat(frames, ignore_index=True)
    table["p_holm"] = np.nan
    tested = table[table["p_value"].notna()]
    for _, rows in tested.groupby("estimator", sort=False):
        table.loc[rows.index, "p_holm"] = holm(rows["p_value"].tolist())
    stances = bool(asker.study.collection.names.stances)
    return table[[c for c in columns if c != "stance" or stances]].astype({"more_codes": "Int64"})


def _frame(group: tuple[str, ...], line: _Line, by: Sequence[str]) -> "pd.DataFrame":
    import pandas as pd

    names = np.array(line.names, dtype=object).reshape(-1, 3)
    what = np.array(line.what, dtype=object).reshape(-1, 3)
    frames = []
    for name, estimate in line.estimates.items():
        shown = (line.more == 0) | (name == "naive")
        value, error = (np.where(shown, v, np.nan) for v in (estimate.value, estimate.error))
        half = quantile(estimate.freedom) * error
        columns: dict[str, Any] = {c: names[:, k] for k, c in enumerate(COLUMNS[:3])}
        for b in by:
            columns[b] = [w[group.index(b)] if b in group else "" for w in line.within]
        columns |= {c: what[:, k] for k, c in enumerate(WHAT[:3])}
        more = np.where(np.isfinite(line.more), line.more, np.nan)
        columns |= {"estimator": name, "codes": line.codes, "more_codes": more}
        columns |= {"difference": value, "standard_error": error}
        columns |= {"low": value - half, "high": value + half}
        columns["p_value"] = np.full(len(value), np.nan)
        if name != "naive":  # its error leaves out the model's
            columns["p_value"] = p_values(value, error, estimate.freedom)
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames, ignore_index=True)
