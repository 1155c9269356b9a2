"""Readers of one form each: rows and pages become items to label, or rejects that say why not."""

import csv
import io
import itertools
import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from sahelclf.corpus.jsonl import MAX_LINE_BYTES, bounded_lines, read_lines
from sahelclf.corpus.pages import Page, clean_html_page
from sahelclf.errors import RequestError
from sahelclf.files import open_bytes, suffix_of

ROWS = {".jsonl", ".ndjson", ".csv", ".tsv", ".parquet"}
PAGES = {".txt", ".html", ".htm"}
MAX_PAGE_BYTES = 20_000_000
csv.field_size_limit(MAX_LINE_BYTES)


@dataclass(frozen=True)
class Columns:
    """Names of the columns that mean something; None is the default word, which then may be absent."""

    text: str | None = None
    id: str | None = None
    title: str | None = None
    date: str | None = None


@dataclass(frozen=True)
class Item:
    """One text to label; a page of HTML comes cleaned."""

    id: str
    text: str
    where: str
    title: str | None = None
    date: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    page: Page | None = None


@dataclass(frozen=True)
class Reject:
    """A row or file that cannot be labelled, and why."""

    where: str
    reason: str
    id: str | None = None


Found = Item | Reject


def file_items(path: Path, name: str, unit: str, columns: Columns) -> Iterator[Found]:
    """Every row or page of a file; ids of rows without one begin with `name`."""
    prefix = f"{name}:" if name else ""
    kind = suffix_of(path)
    import zstandard

    try:
        with open_bytes(path) as stream:
            if kind in PAGES:
                yield from _page_items(path, name, stream, unit, kind)
            elif kind == ".parquet":
                yield from _parquet_rows(path, stream, columns, prefix)
            elif kind in {".csv", ".tsv"}:
                yield from _csv_rows(path, stream, columns, "\t" if kind == ".tsv" else ",", prefix)
            else:
                yield from _json_rows(str(path), stream, columns, prefix)
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        yield Reject(str(path), f"not readable to the end: {error}")


def kind_of_stream(data: bytes, columns: Columns) -> str:
    """The form of standard input: by its first character, or by a first line that is a header with the text's column."""
    head = data.lstrip()[:1]
    if head in {b"{", b"<"}:
        return ".jsonl" if head == b"{" else ".html"
    first = data.split(b"\n", 1)[0].decode("utf-8", "replace").strip()
    return ".csv" if (columns.text or "text") in next(csv.reader([first]), []) else ".txt"


def stream_items(data: bytes, unit: str, columns: Columns) -> Iterator[Found]:
    """Every row or page of standard input."""
    kind, stream = kind_of_stream(data, columns), io.BytesIO(data)
    if kind == ".jsonl":
        yield from _json_rows("standard input", stream, columns, "")
    elif kind == ".csv":
        yield from _csv_rows(Path("standard input"), stream, columns, ",", "")
    else:
        yield from _page_items(Path("stdin"), "stdin", stream, unit, kind)


def _page_items(path: Path, name: str, stream: BinaryIO, unit: str, kind: str) -> Iterator[Found]:
    if unit == "passage" and kind == ".txt":
        for number, raw, size in bounded_lines(stream):
            where = f"{path}:{number}"
            text, problem = (
                _decode(raw) if raw is not None else (None, f"a line of {size / 1e6:.1f} MB")
            )
            yield (
                Item(f"{name}:{number}", text.strip(), where)
                if text is not None
                else Reject(where, str(problem))
            )
        return
    data = stream.read(MAX_PAGE_BYTES + 1)
    if len(data) > MAX_PAGE_BYTES:
        yield Reject(str(path), f"more than {MAX_PAGE_BYTES / 1e6:.0f} MB; a page is smaller", name)
    elif kind == ".txt":
        text, problem = _decode_page(data)
        yield (
            Item(name, text, str(path))
            if text is not None
            else Reject(str(path), str(problem), name)
        )
    else:
        page = clean_html_page(data)
        if page.passages:
            yield Item(name, page.text, str(path), page.title or None, page.date, {}, page)
        else:
            yield Reject(str(path), "no text is left after cleaning", name)


def _json_rows(where: str, stream: BinaryIO, columns: Columns, prefix: str) -> Iterator[Found]:
    for line in read_lines(stream):
        at = f"{where}:{line.number}"
        if line.record is None:
            yield Reject(at, str(line.problem))
        else:
            yield _row(line.record, columns, at, f"{prefix}{line.number}")


def _csv_rows(
    path: Path, stream: BinaryIO, columns: Columns, delimiter: str, prefix: str
) -> Iterator[Found]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    try:
        header = next(reader)
    except (StopIteration, csv.Error):
        yield Reject(str(path), "no header line")
        return
    if any(_undecoded(h) for h in header):
        raise RequestError(
            f"{path}: the header is not UTF-8; convert the file, for instance with: iconv -f cp1252 -t utf-8"
        )
    _need_column(path, header, columns)
    for number in itertools.count(1):
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # where the next row begins cannot be known: within a quoted field every line would pass for a row
            yield Reject(
                f"{path}:{reader.line_num}",
                f"not readable as CSV from here on: {error}; is a quote missing or doubled?",
            )
            return
        at = f"{path}:{reader.line_num}"
        if not values:
            continue
        if len(values) != len(header):
            yield Reject(
                at,
                f"{len(values)} fields, the header has {len(header)}; is a quote or a comma missing?",
            )
        elif any(_undecoded(v) for v in values):
            yield Reject(
                at, "not UTF-8; convert the file, for instance with: iconv -f cp1252 -t utf-8"
            )
        else:
            yield _row(dict(zip(header, values, strict=True)), columns, at, f"{prefix}{number}")


def _undecoded(value: str) -> bool:
    return not value.isascii() and any("\udc80" <= c <= "\udcff" for c in value)


def _parquet_rows(path: Path, stream: BinaryIO, columns: Columns, prefix: str) -> Iterator[Found]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(
            path if path.suffix.lower() == ".parquet" else io.BytesIO(stream.read())
        )
        _need_column(path, table.schema_arrow.names, columns)
        number = 0
        for batch in table.iter_batches(batch_size=1024):
            for record in batch.to_pylist():
                number += 1
                yield _row(record, columns, f"{path}: row {number}", f"{prefix}{number}")
    except pa.ArrowException as error:
        yield Reject(str(path), f"not readable as Parquet: {' '.join(str(error).split())[:200]}")


def _need_column(path: Path, header: list[str], columns: Columns) -> None:
    doubled = sorted({h for h in header if header.count(h) > 1})
    problems = [f"{path}: the header names {doubled} twice; rename one"] if doubled else []
    if len(header) == 1 and ";" in header[0] and path.suffix != ".tsv":
        raise RequestError(
            f"{path}: the header {header[0]!r} has semicolons; expected commas (or tabs in .tsv): save it as comma-separated"
        )
    for word, given in (
        ("text", columns.text or "text"),
        ("id", columns.id),
        ("title", columns.title),
        ("date", columns.date),
    ):
        if given and given not in header:
            problems.append(
                f"{path}: no column {given!r} for the {word}; found {header[:20]}; name it with --{word} COLUMN"
            )
    if problems:
        raise RequestError(problems)


def _row(record: dict[str, Any], columns: Columns, where: str, number: str) -> Found:
    text_column = columns.text or "text"
    given_id = record.get(columns.id or "id")
    id_ = number if given_id is None or given_id == "" else str(given_id)
    text = record.get(text_column)
    for word, column in (("id", columns.id), ("title", columns.title), ("date", columns.date)):
        if column and column not in record:
            return Reject(where, f"no {column!r} for the {word}; found {[*record][:10]}", id_)
    if text_column not in record:
        return Reject(
            where,
            f"no {text_column!r}; found {[*record][:10]}; name the text with --text COLUMN",
            id_,
        )
    if not isinstance(text, str):
        return Reject(
            where, f"{text_column}: expected text, found {json.dumps(text, default=str)[:60]}", id_
        )
    if "\x00" in text:
        return Reject(where, f"{text_column}: a NUL byte at position {text.index(chr(0))}", id_)
    if not text.strip():
        return Reject(where, f"{text_column}: empty", id_)
    if len(text) > MAX_LINE_BYTES:
        return Reject(
            where,
            f"{text_column}: {len(text) / 1e6:.1f} million characters; a text has at most {MAX_LINE_BYTES / 1e6:.0f}",
            id_,
        )
    known = {text_column, columns.id or "id", columns.title or "title", columns.date or "date"}
    title, date = record.get(columns.title or "title"), record.get(columns.date or "date")
    extra = {
        k: None if isinstance(v, float) and math.isnan(v) else v
        for k, v in record.items()
        if k not in known
    }
    return Item(
        id_,
        text,
        where,
        None if title is None else str(title),
        None if date is None else str(date),
        extra,
    )


def _decode(raw: bytes) -> tuple[str | None, str | None]:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return (
            None,
            f"not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start}; convert with: iconv -f cp1252 -t utf-8",
        )
    if "\x00" in text:
        return None, f"a NUL byte at position {text.index(chr(0))}"
    return text, None


def _decode_page(data: bytes) -> tuple[str | None, str | None]:
    """A page of plain text; UTF-16 where its first bytes say so, as Windows saves it."""
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        try:
            return data.decode("utf-16"), None
        except UnicodeDecodeError:
            return None, "not UTF-16, though its first bytes say so"
    text, problem = _decode(data)
    if text is not None and not text.strip():
        return None, "empty"
    return text, problem
