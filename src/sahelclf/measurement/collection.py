"""A collection with its predictions as arrays, and the cells into which its columns divide it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date as calendar_date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sahelclf.errors import RequestError
from sahelclf.evaluation.prediction_files import as_text, read_table
from sahelclf.evaluation.prediction_tables import parse_labels
from sahelclf.evaluation.predictions import Names
from sahelclf.evaluation.provenance import read_provenance
from sahelclf.measurement.estimators import Cells

if TYPE_CHECKING:
    import pandas as pd

DUPLICATE = "duplicate_of"
MONTH = r"\d{4}-(0[1-9]|1[0-2])"
PERIODS = {"year": (4, r"\d{4}"), "month": (7, MONTH), "quarter": (7, MONTH)}
PARTS = {"year": 1, "quarter": 4, "month": 12}  # of a year
DATE = "a date that begins as 2023-07-31 does, year first"
MOST_CELLS = 20_000
Members = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Collection:
    """N units and what a system says of them.

    Attributes
    ----------
    ids
        (N,) of objects.
    probability, holds, stance
        (N, t): topic probabilities, decisions, number of the most probable stance.
    stance_probability
        (N, t, s).
    frame
        All columns, as `text_table` gives them.
    cross_fitted
        Texts that were trained on have the prediction of a fold that did not see them, and all
        others the mean of the folds.
    """

    names: Names
    ids: np.ndarray
    probability: np.ndarray
    stance_probability: np.ndarray
    holds: np.ndarray
    stance: np.ndarray
    frame: "pd.DataFrame"
    cross_fitted: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> "Collection":
        """The same with these rows only."""
        arrays = ("ids", "probability", "stance_probability", "holds", "stance")
        taken: dict[str, Any] = {name: getattr(self, name)[rows] for name in arrays}
        return replace(self, **taken, frame=self.frame.iloc[rows].reset_index(drop=True))

    def originals(self, where: str) -> np.ndarray:
        """Rows that are no near-duplicate of another."""
        if DUPLICATE not in self.frame:
            raise RequestError(
                f"{where}: no column {DUPLICATE!r}; found {[*self.frame.columns][:12]}. `predict` "
                "writes it; without it near-duplicates cannot be counted once"
            )
        return np.flatnonzero((as_text(self.frame[DUPLICATE]) == "").to_numpy())


def read_collection(
    labels: "str | Path | pd.DataFrame", names: Names, where: str | None = None
) -> Collection:
    """Read and check predictions: a file or a flat table; `where` names it in messages."""
    table = read_table(labels)
    found = parse_labels(table, names, where or str(labels))
    ids = table["id"].to_numpy(dtype=object)
    arrays = (found.probability, found.stance_probability, found.holds, found.stance)
    provenance = read_provenance(labels)
    cross_fitted = provenance is not None and provenance.cross_fitted
    return Collection(names, ids, *arrays, table, cross_fitted)


def cell_members(
    collection: Collection, name: str, where: str, date: str = "date"
) -> tuple[Members, list[str]]:
    """Units and number of their value, and the sorted values, of a column or period of the date.

    A unit without a value is in none; one whose value is a JSON list, such as two countries, is in
    each.
    """
    source = source_of(collection, name, where, date)
    column = collection.frame[source]
    values = column if source == name else period_values(column, name)
    text = as_text(values)
    if text.str.startswith("[").any():
        text = text.astype(object).map(_list_items).explode()
    text = text[text.notna() & (text != "")]
    if not len(text):
        expected = "a value" if source == name else DATE
        raise RequestError(
            f"{where}: --by {name}: no unit has one; column {source}: found {column.iloc[0]!r} in "
            f"the first row, expected {expected}"
        )
    labels, codes = np.unique(text.to_numpy(dtype=object).astype(str), return_inverse=True)
    if len(labels) > MOST_CELLS:
        raise RequestError(
            f"{where}: --by {name}: {len(labels):,} values, such as {labels[0]!r}; expected groups "
            f"of units, at most {MOST_CELLS:,}"
        )
    return (text.index.to_numpy(), codes), [str(x) for x in labels]


def source_of(collection: Collection, name: str, where: str, date: str = "date") -> str:
    """The column that `--by` takes a name from: of that name, or the date's for a period."""
    frame = collection.frame
    if name in frame:
        return name
    if name in PERIODS and date in frame:
        return date
    if name in PERIODS:
        raise RequestError(
            f"{where}: --by {name}: no such column, and no column {date!r} to take it from; name "
            "the date's with --date COLUMN"
        )
    known = [c for c in frame.columns if not c.startswith(collection.names.topics)]
    raise RequestError(
        f"{where}: --by {name}: no such column; found {known[:15]}; expected one of these, or "
        f"{', '.join(PERIODS)}; several with commas between them"
    )


def _list_items(value: str) -> list[str] | str:
    try:
        items = json.loads(value) if value.startswith("[") else value
    except ValueError:
        return value
    return list(dict.fromkeys(map(str, items))) or "" if isinstance(items, list) else value


def period(dates: Sequence[str], name: str) -> list[str]:
    """The year, quarter or month of each date, empty where it has none."""
    import pandas as pd

    return [str(v) for v in period_values(pd.Series(list(dates), dtype=object), name)]


def period_values(dates: "pd.Series[Any]", name: str) -> "pd.Series[Any]":
    """The year, quarter or month of each date, empty where it has none."""
    length, form = PERIODS[name]
    text = as_text(dates).str.slice(0, length)
    text = text.where(text.str.fullmatch(form), "")
    if name == "quarter":
        quarters = {f"{m:02d}": f"-Q{(m + 2) // 3}" for m in range(1, 13)}
        text = text.str.slice(0, 4) + text.str.slice(5, 7).map(quarters).fillna("")
    return text


def cross_cells(
    n_units: int, parts: Sequence[tuple[Members, list[str]]]
) -> tuple[Cells, list[tuple[str, ...]]]:
    """Cells of all combinations that occur, with their values; one cell of all without parts."""
    unit, code = np.arange(n_units), np.zeros(n_units, dtype=int)
    for (other, value), labels in parts:
        order = np.argsort(other, kind="stable")
        counts = np.bincount(other, minlength=n_units)
        start = np.cumsum(counts) - counts
        repeats = counts[unit]
        first = np.repeat(start[unit], repeats)
        offset = np.arange(len(first)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        code = np.repeat(code, repeats) * len(labels) + value[order][first + offset]
        unit = np.repeat(unit, repeats)
    occurring, cell = np.unique(code, return_inverse=True)
    names: list[tuple[str, ...]] = []
    for left in map(int, occurring):
        values: tuple[str, ...] = ()
        for _, labels in reversed(parts):
            left, k = divmod(left, len(labels))
            values = (labels[k], *values)
        names.append(values)
    return Cells(unit, cell, len(occurring)), names


def date_members(
    collection: Collection, day: str, where: str, date: str = "date"
) -> tuple[Members, list[str]]:
    """Units before a day (0) and from that day on (1), and the names of both.

    A date without a day counts where its month is not that of the day.
    """
    try:
        calendar_date.fromisoformat(day)
    except ValueError:
        raise RequestError(f"--before-after {day}: expected a day such as 2023-07-26") from None
    if date not in collection.frame:
        raise RequestError(
            f"{where}: --before-after {day}: no column {date!r}; name the date's with --date COLUMN"
        )
    text = as_text(collection.frame[date])
    full = text.str.slice(0, 10)
    known = full.str.fullmatch(rf"{MONTH}-\d{{2}}")
    months = text.str.fullmatch(MONTH) & (text != day[:7])
    units = np.flatnonzero((known | months).to_numpy())
    after = (full.iloc[units] >= day).to_numpy().astype(int)
    if not len(units) or after.all() or not after.any():
        raise RequestError(
            f"{where}: --before-after {day}: {int(after.sum()):,} units from that day on, "
            f"{int(len(units) - after.sum()):,} before; expected both"
        )
    return (units, after), [f"before {day}", f"from {day}"]


def period_numbers(collection: Collection, name: str, where: str, date: str = "date") -> np.ndarray:
    """(N,) number of each unit's year, quarter or month from the year 0 on; nan without a date."""
    if name not in PERIODS:
        raise RequestError(f"--trend {name}: expected one of {', '.join(PERIODS)}")
    (units, codes), labels = cell_members(collection, name, where, date)
    numbers = []
    for label in labels:
        year, _, part = label.partition("-")
        if not year.isdigit() or (not part.removeprefix("Q").isdigit() and part):
            raise RequestError(
                f"{where}: --trend {name}: the column {name} has {label!r}; expected {DATE}"
            )
        numbers.append(period_number(label, name))
    found = np.full(len(collection), np.nan)
    found[units] = np.array(numbers, dtype=float)[codes]
    return found


def period_number(label: str, name: str) -> int:
    """Number of a period such as 2023, 2023-Q3 or 2023-07, counted in its own unit from year 0."""
    year, _, part = label.partition("-")
    return int(year) * PARTS[name] + (int(part.removeprefix("Q")) - 1 if part else 0)
