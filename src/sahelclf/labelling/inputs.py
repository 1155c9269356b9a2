"""Readers: whatever the user has, as a stream of items to label and rows that cannot be."""

import csv
import glob
import gzip
import io
import itertools
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from sahelclf.corpus.jsonl import MAX_LINE_BYTES, bounded_lines, read_lines
from sahelclf.corpus.pages import Page, clean_html_page
from sahelclf.errors import RequestError

ROWS = {".jsonl", ".ndjson", ".csv", ".tsv", ".parquet"}
PAGES = {".txt", ".html", ".htm"}
COMPRESSED = {".gz", ".zst"}
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


@dataclass(frozen=True)
class Source:
    """The files that INPUT names, and the unit that they are taken as."""

    paths: tuple[Path, ...]
    unit: str
    columns: Columns
    stdin: bytes = b""

    def items(self) -> Iterator[Found]:
        """Every row and page, in order."""
        if not self.paths:
            yield from _stream_items(self.stdin, self.unit, self.columns)
        for path in self.paths:
            yield from _file_items(path, self.unit, self.columns, alone=len(self.paths) == 1)

    def count(self) -> int | None:
        """Rows to come where that is cheap to know."""
        if len(self.paths) > 1 and all(suffix_of(p) in PAGES for p in self.paths):
            return len(self.paths)
        if len(self.paths) == 1:
            path = self.paths[0]
            if path.suffix == ".parquet":
                import pyarrow.parquet as pq

                return int(pq.read_metadata(path).num_rows)
            if path.suffix in {".jsonl", ".ndjson", ".csv", ".tsv"}:
                with path.open("rb") as stream:
                    lines = sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))
                return max(lines - (path.suffix in {".csv", ".tsv"}), 0)
        return None


def open_source(name: str, unit: str | None, columns: Columns) -> Source:
    """Find what INPUT names; refuse what is missing, empty or of no known form."""
    if name == "-":
        data = sys.stdin.buffer.read()
        if not data.strip():
            raise RequestError("standard input is empty; expected JSON lines, HTML or plain text")
        kind = "passage" if data.lstrip()[:1] == b"{" else "document"
        return Source((), unit or kind, columns, data)
    paths = _find(name)
    problems = []
    for p in paths:
        if not p.is_file():
            problems.append(f"{p}: no such file")
        elif suffix_of(p) not in ROWS | PAGES:
            problems.append(f"{p}: unknown form {p.suffix!r}; expected {_forms()}")
        elif len(paths) == 1 and p.stat().st_size == 0:
            problems.append(f"{p}: empty; expected {_forms()} with something to label")
    kinds = {suffix_of(p) in PAGES for p in paths}
    if unit is None and len(kinds) > 1:
        problems.append(f"{name}: rows (.jsonl, .csv, …) and pages (.txt, .html) together; say --unit passage or --unit document")
    if problems:
        raise RequestError(problems[:20])
    return Source(tuple(paths), unit or ("document" if kinds == {True} else "passage"), columns)


def _find(name: str) -> list[Path]:
    """Files of a folder (with its sub-folders), of a pattern, or the one file."""
    path = Path(name)
    if path.is_dir():
        paths = sorted(p for p in path.rglob("*") if p.is_file() and suffix_of(p) in ROWS | PAGES)
        expected = f"{name}: no file that can be read in this folder; expected {_forms()}"
    elif glob.has_magic(name) and not path.exists():
        paths = sorted(Path(p) for p in glob.glob(name, recursive=True) if Path(p).is_file())  # noqa: PTH207 - a pattern may be absolute
        expected = f"{name}: the pattern matches no file"
    else:
        return [path]
    if not paths:
        raise RequestError(expected)
    return paths


def suffix_of(path: Path) -> str:
    """The suffix that says the form, compression aside, in lower case."""
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


def _forms() -> str:
    return ".jsonl, .csv, .parquet, .txt or .html, plain or as .gz or .zst"


@contextmanager
def _open(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed as they are read."""
    if path.suffix.lower() == ".gz":
        with gzip.open(path, "rb") as stream:
            yield io.BufferedReader(stream)
    elif path.suffix.lower() == ".zst":
        import zstandard

        with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as stream:
            yield io.BufferedReader(stream)
    else:
        with path.open("rb") as stream:
            yield stream


def _file_items(path: Path, unit: str, columns: Columns, *, alone: bool) -> Iterator[Found]:
    kind = suffix_of(path)
    import zstandard

    try:
        with _open(path) as stream:
            if kind in PAGES:
                yield from _page_items(path, stream, unit, kind)
            elif kind == ".parquet":
                yield from _parquet_rows(path, stream, columns, alone=alone)
            elif kind in {".csv", ".tsv"}:
                yield from _csv_rows(path, stream, columns, "\t" if kind == ".tsv" else ",", alone=alone)
            else:
                yield from _json_rows(str(path), stream, columns, "" if alone else f"{path.name}:")
    except (OSError, EOFError, zstandard.ZstdError) as error:
        yield Reject(str(path), f"not readable to the end: {error}")


def _stream_items(data: bytes, unit: str, columns: Columns) -> Iterator[Found]:
    head = data.lstrip()[:1]
    if head == b"{":
        yield from _json_rows("standard input", io.BytesIO(data), columns, "")
    else:
        yield from _page_items(Path("stdin"), io.BytesIO(data), unit, ".html" if head == b"<" else ".txt")


def _page_items(path: Path, stream: BinaryIO, unit: str, kind: str) -> Iterator[Found]:
    name = path.name
    if unit == "passage" and kind == ".txt":
        for number, raw, size in bounded_lines(stream):
            where = f"{path}:{number}"
            text, problem = _decode(raw) if raw is not None else (None, f"a line of {size / 1e6:.1f} MB")
            yield Item(f"{name}:{number}", text.strip(), where) if text is not None else Reject(where, str(problem))
        return
    data = stream.read(MAX_PAGE_BYTES + 1)
    if len(data) > MAX_PAGE_BYTES:
        yield Reject(str(path), f"more than {MAX_PAGE_BYTES / 1e6:.0f} MB; a page is smaller", name)
    elif kind == ".txt":
        text, problem = _decode_page(data)
        yield Item(name, text, str(path)) if text is not None else Reject(str(path), str(problem), name)
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


def _csv_rows(path: Path, stream: BinaryIO, columns: Columns, delimiter: str, *, alone: bool) -> Iterator[Found]:
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(text, delimiter=delimiter)
    try:
        header = next(reader)
    except (StopIteration, csv.Error):
        yield Reject(str(path), "no header line")
        return
    _need_column(path, header, columns)
    prefix = "" if alone else f"{path.name}:"
    for number in itertools.count(1):
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Reject(f"{path}:{reader.line_num}", f"not readable as CSV: {error}")
            continue
        at = f"{path}:{reader.line_num}"
        if not values:
            continue
        if len(values) != len(header):
            yield Reject(at, f"{len(values)} fields, the header has {len(header)}; is a quote or a comma missing?")
        elif any("\udc80" <= c <= "\udcff" for v in values for c in v if not v.isascii()):
            yield Reject(at, "not UTF-8; convert the file, for instance with: iconv -f cp1252 -t utf-8")
        else:
            yield _row(dict(zip(header, values, strict=True)), columns, at, f"{prefix}{number}")


def _parquet_rows(path: Path, stream: BinaryIO, columns: Columns, *, alone: bool) -> Iterator[Found]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path if path.suffix.lower() == ".parquet" else io.BytesIO(stream.read()))
        _need_column(path, table.schema_arrow.names, columns)
        number = 0
        for batch in table.iter_batches(batch_size=1024):
            for record in batch.to_pylist():
                number += 1
                yield _row(record, columns, f"{path}: row {number}", f"{'' if alone else path.name + ':'}{number}")
    except pa.ArrowException as error:
        yield Reject(str(path), f"not readable as Parquet: {' '.join(str(error).split())[:200]}")


def _need_column(path: Path, header: list[str], columns: Columns) -> None:
    problems = []
    for word, given in (("text", columns.text or "text"), ("id", columns.id), ("title", columns.title), ("date", columns.date)):
        if given and given not in header:
            problems.append(f"{path}: no column {given!r} for the {word}; found {header[:20]}; name it with --{word} COLUMN")
    if problems:
        raise RequestError(problems)


def _row(record: dict[str, Any], columns: Columns, where: str, number: str) -> Found:
    text_column = columns.text or "text"
    given_id = record.get(columns.id or "id")
    id_ = number if given_id is None or given_id == "" else str(given_id)
    text = record.get(text_column)
    if text_column not in record:
        return Reject(where, f"no {text_column!r}; found {[*record][:10]}; name the text with --text COLUMN", id_)
    if not isinstance(text, str):
        return Reject(where, f"{text_column}: expected text, found {json.dumps(text, default=str)[:60]}", id_)
    if "\x00" in text:
        return Reject(where, f"{text_column}: a NUL byte at position {text.index(chr(0))}", id_)
    if not text.strip():
        return Reject(where, f"{text_column}: empty", id_)
    if len(text) > MAX_LINE_BYTES:
        return Reject(where, f"{text_column}: {len(text) / 1e6:.1f} million characters; a text has at most {MAX_LINE_BYTES / 1e6:.0f}", id_)
    known = {text_column, columns.id or "id", columns.title or "title", columns.date or "date"}
    title, date = record.get(columns.title or "title"), record.get(columns.date or "date")
    extra = {k: v for k, v in record.items() if k not in known}
    return Item(id_, text, where, None if title is None else str(title), None if date is None else str(date), extra)


def _decode(raw: bytes) -> tuple[str | None, str | None]:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return None, f"not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start}; convert with: iconv -f cp1252 -t utf-8"
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


