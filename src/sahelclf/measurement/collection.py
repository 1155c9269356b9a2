"""A collection's predictions as arrays: the flat table of `predict`, or of any system, read whole, every bad cell named by row."""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sahelclf.corpus.jsonl import read_lines
from sahelclf.errors import RequestError
from sahelclf.evaluation.predictions import Names
from sahelclf.files import open_bytes, suffix_of
from sahelclf.measurement.estimators import Cells

if TYPE_CHECKING:
    import pandas as pd

DUPLICATE = "duplicate_of"
YES = {"true", "1", "1.0"}
NO = {"false", "0", "0.0"}
MONTH = r"\d{4}-(0[1-9]|1[0-2])"
PERIODS = {"year": (4, r"\d{4}"), "month": (7, MONTH), "quarter": (7, MONTH)}
DATE = "a date that begins as 2023-07-31 does, year first"
MOST_CELLS = 20_000
MOST_SHOWN = 20
Members = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Collection:
    """N units: ids, probabilities (N, t) and (N, t, s), decisions (N, t), likeliest stance (N, t), and the other columns."""

    names: Names
    ids: np.ndarray
    probability: np.ndarray
    stance_probability: np.ndarray
    holds: np.ndarray
    stance: np.ndarray
    frame: "pd.DataFrame"

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> "Collection":
        """The same with these rows only."""
        frame = self.frame.iloc[rows].reset_index(drop=True)
        return Collection(
            self.names,
            self.ids[rows],
            self.probability[rows],
            self.stance_probability[rows],
            self.holds[rows],
            self.stance[rows],
            frame,
        )

    def originals(self, where: str) -> np.ndarray:
        """Rows that are no near-duplicate of another."""
        if DUPLICATE not in self.frame:
            raise RequestError(
                f"{where}: no column {DUPLICATE!r}; found {[*self.frame.columns][:12]}. `predict` writes it; without it near-duplicates cannot be counted once"
            )
        return np.flatnonzero((self.frame[DUPLICATE].fillna("") == "").to_numpy())


def read_collection(path: Path, names: Names) -> Collection:
    """Read and check a table of predictions: `id`, and for each topic `_holds`, `_stance`, and probabilities where there are any."""
    frame = _frame(path)
    where = str(path)
    if len(frame.columns) == 1 and ";" in frame.columns[0]:
        raise RequestError(
            f"{where}: row 1: the header has semicolons; expected commas (or tabs in .tsv), and decimal points: give the table as `predict` wrote it"
        )
    missing = [
        c
        for c in ("id", *(f"{t}_{end}" for t in names.topics for end in ("holds", "stance")))
        if c not in frame
    ]
    if missing:
        raise RequestError(
            f"{where}: no column {', '.join(missing[:6])}; found {[*frame.columns][:12]}, expected the flat table of `predict` for topics {list(names.topics)}; of another codebook, name its --corpus FOLDER"
        )
    if {"unit", "passage"} <= {
        *frame.columns
    }:  # a page's own passages share its id; the document's row is the unit
        frame = frame[
            ~((frame["unit"] == "passage") & (frame["passage"].fillna("") != ""))
        ].reset_index(drop=True)
    if not len(frame):
        raise RequestError(f"{where}: empty; expected one row a unit")
    problems = _Problems(where, frame["id"])
    problems.note(
        "id",
        frame["id"].duplicated(keep="first").to_numpy(),
        frame["id"],
        "an id that no other row has",
    )
    problems.note("id", (frame["id"].fillna("") == "").to_numpy(), frame["id"], "an id")
    holds, p, q, said = _labels(frame, names, problems)
    if problems.lines:
        raise RequestError(problems.lines[:MOST_SHOWN])
    return Collection(names, frame["id"].to_numpy(dtype=object), p, q, holds, said, frame)


def _frame(path: Path) -> "pd.DataFrame":
    """Every column as text, empty where nothing stands, whatever the form of the file."""
    import pandas as pd

    kind = suffix_of(path)
    try:
        with open_bytes(path) as stream:
            if kind in {".csv", ".tsv"}:
                return pd.read_csv(
                    stream,
                    sep="\t" if kind == ".tsv" else ",",
                    dtype=str,
                    keep_default_na=False,
                    encoding="utf-8-sig",
                )
            if kind == ".parquet":
                return _as_text(pd.read_parquet(io.BytesIO(stream.read())))
            if kind in {".jsonl", ".ndjson"}:
                rows = []
                for line in read_lines(stream):
                    if line.record is None:
                        raise RequestError(f"{path}:{line.number}: {line.problem}")
                    rows.append(_flat(line.record, f"{path}:{line.number}"))
                return _as_text(pd.DataFrame(rows))
    except (ValueError, OSError) as error:
        raise RequestError(
            f"{path}: not readable as {kind}: {' '.join(str(error).split())[:200]}"
        ) from None
    raise RequestError(
        f"{path}: unknown form {kind!r}; expected a predictions table in .csv, .parquet or .jsonl"
    )


def _flat(record: dict[str, Any], where: str) -> dict[str, Any]:
    """A JSON row of `predict` as a line of the flat table, with what else it carries."""
    topics = record.get("topics")
    if not isinstance(topics, dict):
        return record
    row = {
        k: json.dumps(v, ensure_ascii=False) if isinstance(v, list) else v
        for k, v in record.items()
        if k not in {"topics", "passages", "dropped"}
    }
    for topic, t in topics.items():
        if not isinstance(t, dict):
            raise RequestError(f"{where}: topics.{topic}: expected an object, found {t!r}")
        row |= {
            f"{topic}_probability": t.get("probability"),
            f"{topic}_holds": t.get("holds"),
            f"{topic}_stance": t.get("stance"),
        }
        row |= {f"{topic}_{s}": p for s, p in (t.get("stance_probability") or {}).items()}
    return row


def _as_text(frame: "pd.DataFrame") -> "pd.DataFrame":
    """Numbers stay; the rest becomes text, empty where it is missing."""
    for name in frame.columns:
        if frame[name].dtype.kind not in "fb":
            frame[name] = frame[name].map(
                lambda v: (
                    json.dumps(v.tolist() if hasattr(v, "tolist") else v)
                    if isinstance(v, list | np.ndarray)
                    else v
                )
            )
            frame[name] = frame[name].astype(object).where(frame[name].notna(), "").astype(str)
    return frame


class _Problems:
    """What is wrong with a table, by row and column."""

    def __init__(self, where: str, ids: "pd.Series[Any]") -> None:
        self.where, self.ids, self.lines = where, ids, list[str]()

    def note(self, column: str, bad: np.ndarray, values: "pd.Series[Any]", expected: str) -> None:
        """Name the first rows of those marked, and count the rest."""
        rows = np.flatnonzero(bad)
        for r in rows[:3]:
            found = values.iloc[r]
            shown = (
                "an empty cell" if found is None or found != found or found == "" else repr(found)
            )
            self.lines.append(
                f"{self.where}: row {r + 1} (id {self.ids.iloc[r]!r}), column {column}: found {shown}; expected {expected}"
            )
        if len(rows) > 3:
            self.lines.append(f"{self.where}: column {column}: {len(rows) - 3:,} rows more")


def _labels(
    frame: "pd.DataFrame", names: Names, problems: _Problems
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    n, t, s = len(frame), len(names.topics), len(names.stances)
    holds, p = np.zeros((n, t), dtype=bool), np.zeros((n, t))
    q, said = np.zeros((n, t, s)), np.full((n, t), -1)
    for k, topic in enumerate(names.topics):
        held = frame[f"{topic}_holds"].astype(str).str.strip().str.lower()
        holds[:, k] = held.isin(YES).to_numpy()
        problems.note(
            f"{topic}_holds",
            ~held.isin(YES | NO).to_numpy(),
            frame[f"{topic}_holds"],
            "true or false",
        )
        p[:, k] = (
            _numbers(frame, f"{topic}_probability", problems)
            if f"{topic}_probability" in frame
            else holds[:, k]
        )
        named = frame[f"{topic}_stance"].fillna("").astype(str).str.strip()
        for j, stance in enumerate(names.stances):
            said[(named == stance).to_numpy(), k] = j
        problems.note(
            f"{topic}_stance",
            holds[:, k] & (said[:, k] < 0),
            frame[f"{topic}_stance"],
            f"one of {list(names.stances)}, as the topic holds",
        )
        columns = [f"{topic}_{stance}" for stance in names.stances]
        if all(c in frame for c in columns):
            for j, c in enumerate(columns):
                q[:, k, j] = _numbers(frame, c, problems)
            said[:, k] = np.where(said[:, k] < 0, q[:, k].argmax(axis=1), said[:, k])
        else:
            q[np.arange(n), k, np.maximum(said[:, k], 0)] = said[:, k] >= 0
    return holds, p, q, said


def _numbers(frame: "pd.DataFrame", column: str, problems: _Problems) -> np.ndarray:
    import pandas as pd

    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=float)
    problems.note(
        column, ~((values >= 0) & (values <= 1)), frame[column], "a probability from 0 to 1"
    )
    return np.asarray(np.nan_to_num(values))


def members(
    collection: Collection, name: str, where: str, date: str = "date"
) -> tuple[Members, list[str]]:
    """Units and number of their value, and the values in order, of a column, or of a period of the date.

    A unit without a value is in none; one whose value is a JSON list, such as two countries, is in each.
    """
    source = source_of(collection, name, where, date)
    values = collection.frame[source] if source == name else _period(collection.frame[source], name)
    text = values.fillna("").astype(str).str.strip()
    listed = text.str.startswith("[").to_numpy()
    if listed.any():
        exploded = (
            text.astype(object).map(lambda v: _listed(v) if v.startswith("[") else v).explode()
        )
    else:
        exploded = text
    exploded = exploded[exploded.notna() & (exploded != "")]
    if not len(exploded):
        found = repr(collection.frame[source].iloc[0])
        raise RequestError(
            f"{where}: --by {name}: no unit has one; column {source}: found {found} in the first row, expected {'a value' if source == name else DATE}"
        )
    labels, codes = np.unique(exploded.to_numpy(dtype=object).astype(str), return_inverse=True)
    if len(labels) > MOST_CELLS:
        raise RequestError(
            f"{where}: --by {name}: {len(labels):,} values, as {labels[0]!r}; expected groups of units, at most {MOST_CELLS:,}"
        )
    return (exploded.index.to_numpy(), codes), [str(x) for x in labels]


def source_of(collection: Collection, name: str, where: str, date: str = "date") -> str:
    """The column that `--by` takes a name from: of that name, or the date's for a period."""
    frame = collection.frame
    if name in frame or (name in PERIODS and date in frame):
        return name if name in frame else date
    if name in PERIODS:
        raise RequestError(
            f"{where}: --by {name}: no such column, and no column {date!r} to take it from; name the date's with --date COLUMN"
        )
    known = [c for c in frame.columns if not c.startswith(collection.names.topics)]
    raise RequestError(
        f"{where}: --by {name}: no such column; found {known[:15]}; expected one of these, or {', '.join(PERIODS)}; several with commas between them"
    )


def _listed(value: str) -> list[str] | str:
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return list(dict.fromkeys(str(v) for v in found)) or ""


def period(dates: Sequence[str], name: str) -> list[str]:
    """The year, quarter or month of each date, empty where the date does not say it."""
    import pandas as pd

    return [str(v) for v in _period(pd.Series(list(dates), dtype=object), name)]


def _period(dates: "pd.Series[Any]", name: str) -> "pd.Series[Any]":
    length, form = PERIODS[name]
    text = dates.fillna("").astype(str).str.strip().str.slice(0, length)
    text = text.where(text.str.fullmatch(form), "")
    if name == "quarter":
        month = text.str.slice(5, 7)
        quarter = month.map({f"{m:02d}": f"-Q{(m + 2) // 3}" for m in range(1, 13)}).fillna("")
        text = (text.str.slice(0, 4) + quarter).where(quarter != "", "")
    return text


def crossed(
    n_units: int, parts: Sequence[tuple[Members, list[str]]]
) -> tuple[Cells, list[tuple[str, ...]]]:
    """Cells of all combinations that occur, with their values; without parts, one cell of all units."""
    unit, code = np.arange(n_units), np.zeros(n_units, dtype=int)
    for (other, value), labels in parts:
        order = np.argsort(other, kind="stable")
        counts = np.bincount(other, minlength=n_units)
        start = np.cumsum(counts) - counts
        repeats = counts[unit]
        first = np.repeat(start[unit], repeats)
        offset = np.arange(len(first)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        unit, code = (
            np.repeat(unit, repeats),
            np.repeat(code, repeats) * len(labels) + value[order][first + offset],
        )
    found, cell = np.unique(code, return_inverse=True)
    names: list[tuple[str, ...]] = []
    for number in found:
        values: tuple[str, ...] = ()
        left = int(number)
        for _, labels in reversed(parts):
            left, k = divmod(left, len(labels))
            values = (labels[k], *values)
        names.append(values)
    return Cells(unit, cell, len(found)), names
