"""From predictions and a filled sheet to a table of shares: by cell, by what is measured, by estimator; and what the gold cannot carry."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sahelclf.annotation.sheet import Sheet, fingerprint
from sahelclf.errors import RequestError
from sahelclf.evaluation.predictions import Names
from sahelclf.measurement.collection import DATE, Collection, crossed, members, source_of
from sahelclf.measurement.estimators import (
    ESTIMATORS,
    Cells,
    Design,
    Estimate,
    Outcome,
    Sample,
    fitted,
    ratios,
    shares,
)

if TYPE_CHECKING:
    import pandas as pd

FEWEST_CODES = 30
FEWEST_EACH = 10  # codes to be expected that have it, and that have it not
THIN = 3  # fewer codes of one kind than this in a cell that is shown: its intervals are too short
MISFIT = 0.02
MOST_SHOWN = 20
COLUMNS = (
    *(
        "by",
        "measured",
        "topic",
        "stance",
        "estimator",
        "units",
        "codes",
        "positive_codes",
        "more_codes",
    ),
    *("share", "standard_error", "low", "high", "count", "count_low", "count_high", "cell"),
)


@dataclass(frozen=True)
class Study:
    """A collection and its filled sheet, whose k-th unit is row `rows[k]`; where the collection was read from, and what to know."""

    collection: Collection
    sheet: Sheet
    rows: np.ndarray
    where: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """The long table, and what to know before printing it."""

    table: "pd.DataFrame"
    by: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Coded:
    """A collection with its sample: an outcome for each topic, then for each topic-stance pair."""

    names: Names
    sample: Sample
    outcomes: tuple[Outcome, ...]

    def outcome(self, topic: int, stance: int | None = None) -> Outcome:
        column = (
            topic
            if stance is None
            else len(self.names.topics) + topic * len(self.names.stances) + stance
        )
        return self.outcomes[column]


def joined(
    collection: Collection, sheet: Sheet, where: str, sheet_name: str, *, once: bool = False
) -> Study:
    """A collection with its coded units; `once` leaves units that are near-duplicates of another out of both."""
    rows, notes = placed(collection, sheet, where, sheet_name)
    if not once:
        return Study(collection, sheet, rows, where, tuple(notes))
    originals = collection.originals(where)
    place = np.full(len(collection), -1)
    place[originals] = np.arange(len(originals))
    chosen = np.flatnonzero(place[rows] >= 0)
    if not len(chosen):
        raise RequestError(
            f"{sheet_name}: every coded unit is a near-duplicate of another; measure without --once, or draw a sheet from the others"
        )
    notes.append(
        f"{len(collection) - len(originals):,} near-duplicates are left out, {len(rows) - len(chosen)} of them coded by hand; {len(originals):,} units remain"
    )
    return Study(
        collection.take(originals), sheet.take(chosen), place[rows[chosen]], where, tuple(notes)
    )


def measure(study: Study, by: Sequence[str] = (), date: str = "date") -> Measured:
    """Shares and counts of the whole, by each of `by`, and by all of them together."""
    import pandas as pd

    collection, notes = study.collection, list(study.notes)
    if len(set(by)) < len(by):
        raise RequestError(f"--by {','.join(by)}: a column stands twice; name each once")
    if {*by} & {*COLUMNS}:
        raise RequestError(
            f"--by {','.join(by)}: the result has columns {', '.join(sorted({*by} & {*COLUMNS}))} of its own; rename them in {study.where}"
        )
    parts = {name: members(collection, name, study.where, date) for name in by}
    for name, ((units, _), _) in parts.items():
        notes += _without(study, name, units, date)
    coded = _coded(study)
    tables = []
    for group in dict.fromkeys([(), *((b,) for b in by), tuple(by)]):
        cells, values = crossed(len(collection), [parts[b] for b in group])
        table = _table(coded, cells, len(collection))
        for b in by:
            table[b] = [values[c][group.index(b)] if b in group else "" for c in table["cell"]]
        table.insert(0, "by", ",".join(group))
        tables.append(table.drop(columns="cell"))
        notes += _too_few(table, group, len(values))
    whole = pd.concat(tables, ignore_index=True)
    first = ["by", *by]
    return Measured(whole[[*first, *(c for c in whole if c not in first)]], tuple(by), tuple(notes))


def _without(study: Study, name: str, units: np.ndarray, date: str) -> list[str]:
    """A line on units that are in no cell of a column, with the first of them."""
    n = len(study.collection)
    missing = np.setdiff1d(np.arange(n), units)
    if not len(missing):
        return []
    source = source_of(study.collection, name, study.where, date)
    first = [
        f"id {study.collection.ids[k]!r}: {study.collection.frame[source].iloc[k] or 'empty'}"
        for k in missing[:3]
    ]
    expected = "" if source == name else f"; expected {DATE}"
    return [
        f"{len(missing):,} of {n:,} units have no {name} ({source} of {', '.join(first)}{', …' if len(missing) > 3 else ''}{expected}): they count in the whole and in no cell of {name}"
    ]


def placed(
    collection: Collection, sheet: Sheet, where: str, sheet_name: str
) -> tuple[np.ndarray, list[str]]:
    """Row of each sheet's unit in the collection; ids it lacks are refused, other misfits noted."""
    place = {unit: k for k, unit in enumerate(collection.ids)}
    strangers = [
        f"{sheet_name}: row {r}, column id: {i!r} is not among the {len(collection):,} ids of {where}"
        for r, i in zip(sheet.rows, sheet.ids, strict=True)
        if i not in place
    ]
    if strangers:
        more = (
            [f"{sheet_name}: {len(strangers) - MOST_SHOWN} ids more"]
            if len(strangers) > MOST_SHOWN
            else []
        )
        raise RequestError(
            [
                *strangers[:MOST_SHOWN],
                *more,
                "expected the predictions of the collection that the sheet was drawn from",
            ]
        )
    rows = np.array([place[i] for i in sheet.ids])
    notes = list(sheet.notes)
    other = [
        r
        for r, k, f in zip(sheet.rows, rows, sheet.predicted, strict=True)
        if f and f != fingerprint(collection.probability[k])
    ]
    if other:
        notes.append(
            f"{sheet_name}: {len(other)} of {len(rows)} rows (rows {', '.join(map(str, other[:5]))}{', …' if len(other) > 5 else ''}) were drawn with other "
            f"predictions than {where} holds: another bundle, or another text. Corrected shares hold for any bundle, if the collection is the same"
        )
    implied = float((1 / sheet.probability).sum())
    if abs(implied / len(collection) - 1) > MISFIT:
        notes.append(
            f"{sheet_name}: its sampling probabilities speak of {implied:,.0f} units, {where} has {len(collection):,}; is it the collection that was sampled?"
        )
    return rows, notes


def _coded(study: Study) -> _Coded:
    collection, sheet, rows = study.collection, study.sheet, study.rows
    names, n = collection.names, len(collection)
    s = len(names.stances)
    _, strata = np.unique(np.array(sheet.stratum), return_inverse=True)
    sample = Sample(rows, 1 / sheet.probability, strata)
    y = np.hstack(
        [sheet.gold.topics, (sheet.gold.stance[:, :, None] == np.arange(s)).reshape(len(rows), -1)]
    ).astype(float)
    pair_p = (collection.probability[:, :, None] * collection.stance_probability).reshape(n, -1)
    pair_said = (
        (collection.stance[:, :, None] == np.arange(s)) & collection.holds[:, :, None]
    ).reshape(n, -1)
    p = np.hstack([collection.probability, pair_p])
    said = np.hstack([collection.holds, pair_said]).astype(float)
    tables = (y, p, said, fitted(y, p, sample))
    return _Coded(
        names,
        sample,
        tuple(Outcome(*(np.ascontiguousarray(a[:, k]) for a in tables)) for k in range(y.shape[1])),
    )


def _table(coded: _Coded, cells: Cells, n_units: int) -> "pd.DataFrame":
    """One row a cell, thing measured and estimator."""
    import pandas as pd

    design = Design(coded.sample, cells, n_units)
    frames = []
    for k, topic in enumerate(coded.names.topics):
        whole = coded.outcome(k)
        bottoms = shares(design, whole)
        frames.append(_rows(design, whole, None, ("topic", topic, ""), bottoms))
        for j, stance in enumerate(coded.names.stances):
            part = coded.outcome(k, j)
            tops = shares(design, part)
            frames.append(_rows(design, part, None, ("pair", topic, stance), tops))
            frames.append(
                _rows(
                    design,
                    part,
                    whole,
                    ("stance", topic, stance),
                    ratios(design, part, whole, tops, bottoms),
                )
            )
    return pd.DataFrame({name: np.concatenate([f[name] for f in frames]) for name in frames[0]})


def _rows(
    design: Design,
    outcome: Outcome,
    base: Outcome | None,
    what: tuple[str, str, str],
    found: dict[str, Estimate],
) -> dict[str, np.ndarray]:
    """Columns of one thing measured, estimators one after another; what the gold cannot carry is withheld."""
    n = design.cells.n
    codes, positives, more = carried(design, outcome, base)
    columns: dict[str, list[Any]] = {}
    for name in ESTIMATORS:
        known = np.ones(n, dtype=bool) if name == "naive" else more == 0
        low, high = found[name].interval
        share = {
            "share": np.clip(found[name].value, 0, 1),
            "standard_error": found[name].error,
            "low": low,
            "high": high,
        }
        share = {c: np.where(known, v, np.nan) for c, v in share.items()}
        size = design.cells.size if base is None else np.full(n, np.nan)
        counts = {
            "count": share["share"] * size,
            "count_low": share["low"] * size,
            "count_high": share["high"] * size,
        }
        labels = dict(
            zip(
                ("measured", "topic", "stance", "estimator"),
                (np.full(n, w, dtype=object) for w in (*what, name)),
                strict=True,
            )
        )
        numbers = {
            "units": design.cells.size,
            "codes": codes,
            "positive_codes": positives,
            "more_codes": more,
        }
        for column, values in ({"cell": np.arange(n)} | labels | numbers | share | counts).items():
            columns.setdefault(column, []).append(values)
    return {column: np.concatenate(values) for column, values in columns.items()}


def carried(
    design: Design, outcome: Outcome, base: Outcome | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n_cells,) hand codes, those that have it, and how many more codes the cell needs, 0 where they suffice.

    A share needs 30 codes, and as many that 10 with it and 10 without are to be expected; of a stance, the codes that count are those
    with the topic. What is expected follows from the fitted probabilities of the whole sample, never from the cell's own codes: to
    show the cells that happened to have many would bias what is shown.
    """
    n, total, drawn = design.cells.n, len(outcome.y), design.sample.unit
    within = np.ones(total) if base is None else base.y
    having = outcome.g[drawn]
    others = (1.0 if base is None else base.g[drawn]) - having

    def counted(values: np.ndarray) -> np.ndarray:
        return np.bincount(design.where, values[design.who], minlength=n).astype(int)

    expected = [
        (FEWEST_CODES, max(float(within.sum()), 1.0)),
        *((FEWEST_EACH, _worth(v, design.sample.weight)) for v in (having, others)),
    ]
    need = max(fewest * total / found for fewest, found in expected)
    return (
        counted(within),
        counted(within * outcome.y),
        np.ceil(np.maximum(need - design.codes, 0)).astype(int),
    )


def _worth(chance: np.ndarray, weight: np.ndarray) -> float:
    """Codes to be expected from (n,) fitted chances, counted as codes of one weight that would tell as much (Kish's effective size).

    Twenty likely positives tell little of a share where one among the unlikely would outweigh them.
    """
    chance = np.maximum(chance, 1e-9)
    return float((weight @ chance) ** 2 / (weight**2 @ chance))


def _too_few(table: "pd.DataFrame", group: tuple[str, ...], n_cells: int) -> list[str]:
    """One line a topic that the gold does not carry everywhere, and one for stances."""
    rows = table[table["estimator"] == "dsl"]
    where = f"by {','.join(group)}" if group else "in the whole"
    short = rows[rows["more_codes"] > 0]
    topics, others = short[short["measured"] == "topic"], short[short["measured"] != "topic"]
    n_topics, n_all = len(rows["topic"].unique()), int((rows["measured"] != "topic").sum())
    lines = []
    if len(topics) == n_topics * n_cells:
        lines.append(
            f"{where}: too few hand codes for any share; all are withheld. {_more(topics)}"
        )
    else:
        for topic, cells in topics.groupby("topic", sort=False):
            lines.append(
                f"{where}: {topic}: too few hand codes in {_of(len(cells), n_cells)}; withheld there. {_more(cells)}"
            )
    if len(others):
        lines.append(
            f"{where}: stances: {len(others):,} of {n_all:,} shares withheld, as too few codes are expected to have the topic or the stance; more_codes says how many each lacks"
        )
    seen = np.minimum(rows["positive_codes"], rows["codes"] - rows["positive_codes"])
    thin = rows[(rows["more_codes"] == 0) & (rows["measured"] == "topic") & (seen < THIN)]
    for topic, cells in thin.groupby("topic", sort=False):
        lines.append(
            f"{where}: {topic}: in {_of(len(cells), n_cells)} fewer than {THIN} hand codes are with it, or without it: the intervals there are too short; with none of n codes, up to 3/n is possible"
        )
    small = rows[(rows["units"] < FEWEST_CODES) & (rows["measured"] == "topic")]
    if len(small):
        lines.append(
            f"{where}: {len(small) // n_topics:,} of {n_cells:,} cells have fewer than {FEWEST_CODES} units and cannot be carried however much is coded; join them with others"
        )
    return lines


def _of(short: int, n: int) -> str:
    return f"{short:,} of {n:,} cells" if n > 1 else "all units together"


def _more(short: "pd.DataFrame") -> str:
    low, high = int(short["more_codes"].min()), int(short["more_codes"].max())
    span = f"about {high:,} more" if low == high else f"about {low:,} to {high:,} more a cell"
    return f"It takes {FEWEST_CODES} in a cell, and {FEWEST_EACH} expected with and without the topic: {span}"
