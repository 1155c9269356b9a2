"""Predictions from flat tables: every cell checked, every bad one named by row and column."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sahelclf.delimited import MISSING
from sahelclf.errors import RequestError
from sahelclf.evaluation.prediction_files import LABEL_FIELDS, MOST_SHOWN, as_text, text_table
from sahelclf.evaluation.predictions import Gold, Names, Predictions

if TYPE_CHECKING:
    import pandas as pd

    Rows = pd.DataFrame | Sequence[dict[str, Any]]

YES, NO = {"true", "1", "1.0"}, {"false", "0", "0.0"}
NO_VALUE = {marker.lower() for marker in MISSING}
TIE = 1e-6  # probabilities are written with six decimals


class Labels(NamedTuple):
    """What a system says of n units.

    Attributes
    ----------
    holds, probability
        (n, t) whether each topic holds, and with which probability.
    stance
        (n, t) number of the stance it names, or of the most probable; -1 where it names none.
    stance_probability
        (n, t, s).
    """

    holds: np.ndarray
    probability: np.ndarray
    stance: np.ndarray
    stance_probability: np.ndarray


def from_flat_rows(
    rows: "Rows", names: Names, document_of: dict[str, str], where: str
) -> Predictions:
    """Predictions from a flat table, of any system; rules as in `parse_labels`.

    Raises
    ------
    RequestError
        Also where the corpus, whose units `document_of` has, lacks a unit.
    """
    table = _table(rows)
    problems = _Problems(where, table)
    if "id" in table:
        known = table["id"].isin(document_of.keys()).to_numpy()
        problems.add("id", ~known, "a unit of the corpus")
    labels = parse_labels(table, names, where, problems)
    ids = tuple(table["id"])
    documents = tuple(document_of[i] for i in ids)
    return Predictions(
        names, ids, documents, labels.probability, labels.stance_probability, labels.holds
    )


def parse_labels(
    table: "pd.DataFrame", names: Names, where: str, problems: "_Problems | None" = None
) -> Labels:
    """Labels of a table that `text_table` gave; raise with every bad cell named by row and column.

    A row needs `id` and for each topic `<topic>_holds`, and `<topic>_stance` where it holds. An
    empty or absent `<topic>_probability` is 0 or 1; without probabilities of all stances the one
    that is named has probability 1, and where none is named all have 0.
    """
    problems = problems or _Problems(where, table)
    columns = [c for c in _needed(table, names) if c not in table]
    if columns:
        raise RequestError(
            f"{where}: no column {', '.join(columns[:6])}; found {[*table.columns][:12]}, expected "
            f"the flat table of `predict` for topics {list(names.topics)}; of another codebook, "
            "name its --corpus FOLDER (annotate sample: or --codebook FILE)"
        )
    ids = table["id"]
    problems.add("id", (ids.str.strip() == "").to_numpy(), "an id")
    problems.add("id", ids.duplicated().to_numpy(), "an id that no other row has")
    topics = [_parse_topic(table, topic, names.stances, problems) for topic in names.topics]
    problems.raise_any()
    return Labels(*(np.stack(arrays, axis=1) for arrays in zip(*topics, strict=True)))


def carries_gold(rows: "Rows") -> bool:
    """Whether a flat table has its own documents and gold, as those in MLflow have."""
    columns = _table(rows).columns
    return "document_id" in columns and any(c.endswith("_gold") for c in columns)


def from_gold_rows(rows: "Rows", where: str) -> tuple[Predictions, Gold]:
    """Predictions and gold from a flat table with both; names and order are its columns'."""
    table = _table(rows)
    names = _names_of([*table.columns], where)
    document_of = dict(zip(table["id"], table["document_id"], strict=True))
    predictions = from_flat_rows(table, names, document_of, where)
    problems = _Problems(where, table)
    topics = np.zeros((len(table), len(names.topics)), dtype=bool)
    stance = np.full(topics.shape, -1)
    for k, topic in enumerate(names.topics):
        holds = _parse_booleans(table, f"{topic}_gold", problems)
        found = _stance_codes(table, f"{topic}_gold_stance", names.stances)
        unnamed = holds & (found < 0) & bool(names.stances)
        problems.add(f"{topic}_gold_stance", unnamed, f"one of {list(names.stances)}")
        topics[:, k], stance[:, k] = holds, np.where(holds, found, -1)
    problems.raise_any()
    return predictions, Gold(topics, stance)


def _table(rows: "Rows") -> "pd.DataFrame":
    import pandas as pd

    return rows if isinstance(rows, pd.DataFrame) else text_table(pd.DataFrame(rows, dtype=object))


def _needed(table: "pd.DataFrame", names: Names) -> list[str]:
    """Columns that a table must have: a stance's where a topic holds and has no probabilities."""
    needed = ["id"]
    for topic in names.topics:
        needed.append(f"{topic}_holds")
        complete = all(f"{topic}_{stance}" in table for stance in names.stances)
        if f"{topic}_holds" in table and not complete:
            holds = as_text(table[f"{topic}_holds"]).str.lower().isin(YES)
            needed += [f"{topic}_stance"] if holds.any() else []
    return needed


def _parse_topic(
    table: "pd.DataFrame", topic: str, stances: tuple[str, ...], problems: "_Problems"
) -> tuple[np.ndarray, ...]:
    """(n,) whether the topic holds, its probability and stance, and (n, s) stance probabilities."""
    holds = _parse_booleans(table, f"{topic}_holds", problems)
    p = _parse_numbers(table, f"{topic}_probability", problems)
    p = np.where(np.isnan(p), holds, p)
    if not stances:
        return holds, p, np.full(len(p), -1), np.zeros((len(p), 0))
    column = f"{topic}_stance"
    named = _stance_codes(table, column, stances)
    given = [_parse_numbers(table, f"{topic}_{stance}", problems) for stance in stances]
    q = np.stack(given, axis=1)
    complete = ~np.isnan(q).any(axis=1)
    unnamed = np.flatnonzero(holds & (named < 0))
    if column in table:
        known = complete[unnamed] & (as_text(table[column].iloc[unnamed]) == "").to_numpy()
    else:
        known = complete[unnamed]
    problems.add(column, unnamed[~known], f"one of {list(stances)}, as the topic holds")
    q = np.where(complete[:, None], q, np.eye(len(stances) + 1)[named, :-1])
    below = q[np.arange(len(q)), named] < q.max(axis=1) - TIE
    problems.add(column, complete & (named >= 0) & below, "the stance of the highest probability")
    stance = np.where((named < 0) & complete, q.argmax(axis=1), named)
    return holds, p, stance, q


def _parse_booleans(table: "pd.DataFrame", column: str, problems: "_Problems") -> np.ndarray:
    text = as_text(table[column]).str.lower()
    problems.add(column, ~text.isin(YES | NO).to_numpy(), "true or false")
    return np.asarray(text.isin(YES))


def _stance_codes(table: "pd.DataFrame", column: str, stances: tuple[str, ...]) -> np.ndarray:
    """(n,) number of the stance that a cell names, -1 where it names none."""
    import pandas as pd

    if column not in table:
        return np.full(len(table), -1)
    text = as_text(table[column])
    return np.asarray(pd.Index(stances).get_indexer(pd.Index(text)))


def _parse_numbers(table: "pd.DataFrame", column: str, problems: "_Problems") -> np.ndarray:
    """(n,) probabilities, with decimal point or comma; nan where cell or column is missing."""
    import pandas as pd

    if column not in table:
        return np.full(len(table), np.nan)
    values = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=float, copy=True)
    rows = np.flatnonzero(np.isnan(values))
    text = as_text(table[column].iloc[rows])
    values[rows] = pd.to_numeric(text.str.replace(",", "."), errors="coerce")
    missing = np.zeros(len(table), dtype=bool)
    missing[rows] = text.str.lower().isin(NO_VALUE).to_numpy()
    problems.add(column, ~missing & ~((values >= 0) & (values <= 1)), "a probability from 0 to 1")
    return values


class _Problems:
    """What is wrong with a table, by row and column."""

    def __init__(self, where: str, table: "pd.DataFrame") -> None:
        self.where, self.table, self.lines = where, table, list[str]()

    def add(self, column: str, bad: np.ndarray, expected: str) -> None:
        """Name the first bad rows (a mask, or row numbers), and count the rest."""
        rows = np.flatnonzero(bad) if bad.dtype == bool else bad
        for r in rows[:3]:
            cell = self.table[column].iloc[r] if column in self.table else ""
            shown = repr(cell) if isinstance(cell, str) else str(cell)
            shown = "an empty cell" if cell != cell or cell == "" else shown
            self.lines.append(
                f"{self.where}: row {r + 1} (id {self.table['id'].iloc[r]!r}), column {column}: "
                f"found {shown}; expected {expected}"
            )
        if len(rows) > 3:
            self.lines.append(f"{self.where}: column {column}: {len(rows) - 3:,} rows more")

    def raise_any(self) -> None:
        """Raise what was added."""
        if self.lines:
            raise RequestError(self.lines[:MOST_SHOWN])


def _names_of(columns: list[str], where: str) -> Names:
    """Topics from `<topic>_gold`, and stances from the columns `<topic>_<stance>`."""
    topics = tuple(
        t
        for t in (c.removesuffix("_gold") for c in columns if c.endswith("_gold"))
        if f"{t}_holds" in columns
    )
    first = f"{topics[0]}_" if topics else ""
    known = {*LABEL_FIELDS, "gold", "gold_stance"}
    endings = [c.removeprefix(first) for c in columns if topics and c.startswith(first)]
    stances = tuple(
        e for e in endings if e not in known and all(f"{t}_{e}" in columns for t in topics)
    )
    if not topics or len(stances) == 1:
        raise RequestError(
            f"{where}: no gold to score against; expected columns <topic>_gold, "
            "<topic>_gold_stance and <topic>_<stance> as `evaluate` writes"
        )
    return Names(topics, stances)
