"""Files of predictions: one reader for every command that takes them."""

import csv
import io
import json
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from sahelclf.corpus.jsonl import read_lines
from sahelclf.delimited import sniff_dialect
from sahelclf.errors import RequestError
from sahelclf.files import open_bytes, suffix_of

if TYPE_CHECKING:
    import pandas as pd

MOST_SHOWN = 20
UNREADABLE = (ValueError, OSError, EOFError, zlib.error)
LABEL_FIELDS = ("probability", "holds", "stance")


def read_table(source: "str | Path | pd.DataFrame") -> "pd.DataFrame":
    """Rows of a flat table as `text_table` gives them, one row a unit.

    Takes a DataFrame, or a file: .csv and .tsv (separated by commas, semicolons, tabs or bars),
    .parquet, and .jsonl: flat rows, or the rows that `predict` writes. Each may end in .gz or .zst.

    Raises
    ------
    RequestError
        Where the file cannot be read, or has no rows.
    """
    if isinstance(source, str | Path):
        where, table = str(source), text_table(_read_file(Path(source)))
    else:
        where, table = "the table", text_table(source)
    if not len(table):
        raise RequestError(f"{where}: empty; expected one row a unit")
    return table


def text_table(table: "pd.DataFrame") -> "pd.DataFrame":
    """A copy with text in all columns but those of numbers; missing cells are empty.

    Passages that belong to a document of the table share its id. They are left out: the document is
    the unit.
    """
    import pandas as pd

    columns = {}
    for name in map(str, table.columns):
        values = table[name]
        if isinstance(values.dtype, pd.StringDtype):
            values = values.fillna("")
        elif name == "id" or values.dtype.kind not in "fb":
            values = values.astype(object).map(_json_text)
            values = values.where(values.notna(), "").astype(str)
        columns[name] = values
    found = pd.DataFrame(columns)
    if {"unit", "passage"} <= columns.keys():
        part = (found["unit"] == "passage") & (as_text(found["passage"]) != "")
        found = found[~part]
    return found.reset_index(drop=True)


def as_text(values: "pd.Series[Any]") -> "pd.Series[str]":
    """Cells as text without blanks around it, empty where they are missing."""
    if values.dtype == "str":
        return values.str.strip()
    return values.astype(object).where(values.notna(), "").astype(str).str.strip()


def _json_text(value: Any) -> Any:
    if isinstance(value, list | np.ndarray):
        return json.dumps(np.asarray(value, dtype=object).tolist(), ensure_ascii=False)
    return value


def _read_file(path: Path) -> "pd.DataFrame":
    import pandas as pd
    import zstandard

    kind = suffix_of(path)
    try:
        with open_bytes(path) as stream:
            if kind in {".csv", ".tsv"}:
                return _read_delimited(path, stream, "\t" if kind == ".tsv" else ",")
            if kind == ".parquet":
                return pd.read_parquet(io.BytesIO(stream.read()))
            if kind in {".jsonl", ".ndjson"}:
                return _read_json_lines(path, stream)
    except (*UNREADABLE, zstandard.ZstdError, pd.errors.ParserWarning) as error:
        reason = " ".join(str(error).split())[:200]
        raise RequestError(f"{path}: not readable as {kind}: {reason}") from None
    raise RequestError(
        f"{path}: unknown form {kind!r}; expected a table in .csv, .tsv, .parquet or .jsonl"
    )


def _read_delimited(path: Path, stream: BinaryIO, delimiter: str) -> "pd.DataFrame":
    import pandas as pd

    head = stream.peek(1 << 16) if isinstance(stream, io.BufferedReader) else b""
    dialect = sniff_dialect(head, delimiter)
    lines = io.StringIO(head.decode(dialect.encoding, "replace"), newline="")
    header = next(csv.reader(lines.readlines()[dialect.skipped :], delimiter=dialect.delimiter), [])
    doubled = sorted({c for c in header if c and header.count(c) > 1})
    if doubled:
        raise RequestError(f"{path}: row 1: the header has {doubled} twice; rename one")
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)  # fields that the header lacks
        return pd.read_csv(
            stream,
            sep=dialect.delimiter,
            encoding=dialect.encoding,
            skiprows=dialect.skipped,
            dtype=str,
            keep_default_na=False,
            index_col=False,
        )


def _read_json_lines(path: Path, stream: BinaryIO) -> "pd.DataFrame":
    import pandas as pd

    rows, problems = [], []
    for line in read_lines(stream):
        if line.record is None:
            problems.append(f"{path}:{line.number}: {line.problem}")
        else:
            rows.append(_flat_row(line.record, f"{path}:{line.number}", problems))
        if len(problems) > MOST_SHOWN:
            break
    if problems:
        raise RequestError(problems)
    return pd.DataFrame(rows, dtype=object)


def _flat_row(record: dict[str, Any], where: str, problems: list[str]) -> dict[str, Any]:
    """A JSON row of `predict` as a row of the flat table, with its other columns."""
    topics = record.get("topics")
    if not isinstance(topics, dict):
        return record
    row = {k: v for k, v in record.items() if k not in {"topics", "passages", "dropped"}}
    for topic, label in topics.items():
        if not isinstance(label, dict):
            problems.append(f"{where}: topics.{topic}: expected an object, found {label!r}")
            continue
        row |= {f"{topic}_{field}": label.get(field) for field in LABEL_FIELDS}
        row |= {f"{topic}_{s}": p for s, p in (label.get("stance_probability") or {}).items()}
    return row
