"""Rows of coding sheets: CSV as any spreadsheet writes it, workbooks, DataFrames."""

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.corpus.jsonl import MAX_LINE_BYTES
from sahelclf.delimited import BYTE_ORDER_MARKS, find_delimiter
from sahelclf.errors import RequestError
from sahelclf.predict.rows import cell_text

if TYPE_CHECKING:
    import pandas as pd

UNITS = "units"  # the sheet of a workbook that has the units
SPREADSHEET = b"PK\x03\x04"  # the first bytes of .xlsx and .ods
SAVE = "save the sheet as .xlsx, or as 'CSV UTF-8 (comma delimited)'"
Row = tuple[int, list[str]]
csv.field_size_limit(MAX_LINE_BYTES)


def file_rows(path: Path) -> tuple[list[str], list[Row]]:
    """Header and numbered rows that are not blank, with any delimiter that spreadsheets write.

    A workbook (.xlsx) is read too.
    """
    if path.suffix.lower() == ".xlsx":
        return workbook_rows(path)
    try:
        data = path.read_bytes()
        if data[:4] == SPREADSHEET:
            raise RequestError(f"{path}: a spreadsheet's own form; open it and {SAVE}")
        text = _decoded(data)
    except OSError as error:
        raise RequestError(f"{path}: not readable: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RequestError(f"{path}: neither UTF-8 nor Windows-1252; {SAVE}") from None
    delimiter = find_delimiter(text.split("\n", 1)[0])
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        at_end = "unexpected end" in str(error)
        what = "the file ends in the middle of a row" if at_end else f"not readable as CSV: {error}"
        raise RequestError(
            f"{path}: {what}; is a quote missing or duplicated? Otherwise save it again"
        ) from None
    if not rows:
        raise RequestError(f"{path}: empty; expected a sheet as `annotate sample` wrote it, filled")
    if len(rows[-1]) < len(rows[0]) and not text.endswith(("\n", "\r")):
        raise RequestError(
            f"{path}: row {len(rows)}: the file ends in the middle of this row; save it again"
        )
    return _header(str(path), rows[0]), numbered(rows[1:])


def _decoded(data: bytes) -> str:
    """Text as spreadsheets save it: UTF-8, UTF-16 with a mark, else Windows-1252.

    A text that was read with the wrong letters has another `check` than its row.
    """
    marked = next((e for mark, e in BYTE_ORDER_MARKS.items() if data.startswith(mark)), "")
    try:
        return data.decode(marked or "utf-8")
    except UnicodeDecodeError:
        return data.decode(marked or "cp1252")


def _header(where: str, cells: list[str]) -> list[str]:
    """Names of columns; raise where one is there twice."""
    header = [c.strip() for c in cells]
    repeated = sorted({c for c in header if c and header.count(c) > 1})
    if repeated:
        raise RequestError(f"{where}: row 1: the header has {repeated} twice; remove one of each")
    return header


def workbook_rows(path: Path) -> tuple[list[str], list[Row]]:
    """Header and numbered rows of the sheet `units`, or of the first one."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        sheet = book[UNITS] if UNITS in book.sheetnames else book.worksheets[0]
        sheet.reset_dimensions()
        rows = [
            ["" if v is None else cell_text(v) for v in row]
            for row in sheet.iter_rows(values_only=True)
        ]
    except OSError as error:
        raise RequestError(f"{path}: not readable: {error.strerror or error}") from None
    except Exception as error:  # zip, XML and what a damaged file makes of them
        reason = " ".join(str(error).split())[:200] or repr(error)
        raise RequestError(f"{path}: not a workbook, or cut off: {reason}; {SAVE}") from None
    if not rows:
        raise RequestError(f"{path}: empty; expected a sheet as `annotate sample` wrote it, filled")
    header = _header(str(path), rows[0])
    while header and not header[-1]:
        header.pop()
    size = len(header)
    wide = [row[:size] + [""] * (size - len(row)) for row in rows[1:]]
    return header, numbered(wide)


def frame_rows(frame: "pd.DataFrame") -> tuple[list[str], list[Row]]:
    """Header and numbered rows of a DataFrame; missing cells are empty."""
    cells = frame.astype(object).where(frame.notna(), "")
    rows = [[str(c) for c in row] for row in cells.itertuples(index=False, name=None)]
    return [str(c) for c in frame.columns], numbered(rows)


def numbered(rows: list[list[str]]) -> list[Row]:
    """Rows that are not blank, with their numbers in the sheet."""
    return [(k, row) for k, row in enumerate(rows, 2) if any(c.strip() for c in row)]
