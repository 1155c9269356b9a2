"""Sheets that people fill in a spreadsheet: CSV written for it and read as it saves it, and the cells that hold a code."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from sahelclf.codebook import Codebook
from sahelclf.corpus.jsonl import MAX_LINE_BYTES
from sahelclf.errors import RequestError
from sahelclf.files import file_aside

NO = "no"
SPREADSHEET = b"PK\x03\x04"  # how an .xlsx or .ods begins
GUIDE = "#"  # the first cell of the line that says how to fill the sheet
csv.field_size_limit(MAX_LINE_BYTES)


def write_rows(path: Path, rows: Iterable[Sequence[str]]) -> None:
    """Write the rows as CSV in UTF-8, marked as such for spreadsheets."""
    with file_aside(path) as aside, aside.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows(rows)


def read_rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Header and numbered rows that are not blank; commas, semicolons or tabs, as spreadsheets of different countries write."""
    try:
        data = path.read_bytes()
        if data[:4] == SPREADSHEET:
            raise RequestError(
                f"{path}: a spreadsheet's own form; open it and save the sheet as 'CSV UTF-8 (comma delimited)'"
            )
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise RequestError(f"{path}: not readable: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RequestError(
            f"{path}: not in UTF-8; save the sheet again as 'CSV UTF-8 (comma delimited)'"
        ) from None
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise RequestError(
            f"{path}: not readable as CSV: {error}; is a quote missing or doubled?"
        ) from None
    if not rows:
        raise RequestError(f"{path}: empty; expected a sheet as `corpus sample` wrote it, filled")
    header = [c.strip() for c in rows[0]]
    return header, [(k, row) for k, row in enumerate(rows[1:], 2) if any(c.strip() for c in row)]


def allowed_codes(codebook: Codebook) -> str:
    """What a topic's cell may hold, as the guide line says it."""
    return " / ".join([NO, *codebook.stance_names])


def stance_of(cell: str, codebook: Codebook, where: str, problems: list[str]) -> str | None:
    """The stance that a topic's cell names; None for `no`, and for anything else, which is added to `problems`."""
    value = cell.strip().lower()
    if value in codebook.stances:
        return value
    if value != NO:
        found = repr(cell) if cell.strip() else "an empty cell"
        problems.append(f"{where}: found {found}; expected one of {[NO, *codebook.stance_names]}")
    return None
