"""Readers of one form each: records of rows, and pages as items, or rejects that say why not."""

import csv
import io
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from sahelclf.corpus.jsonl import MAX_LINE_BYTES, bounded_lines, parse_line, read_lines
from sahelclf.corpus.pages import clean_html_page
from sahelclf.errors import RequestError
from sahelclf.predict.dialects import (
    NAMES,
    UNDECODED,
    Hints,
    Reading,
    find_encoding,
    find_reading,
)
from sahelclf.predict.exports import Article, split_export
from sahelclf.predict.open_file import PIECE, OpenFile, Recoded
from sahelclf.predict.rows import Columns, Entry, IdRule, Item, ItemMaker, Record, Reject

MAX_PAGE_BYTES = 20_000_000
Rows = Iterator[Record | Reject]
NAME_IT = "name its encoding with --encoding NAME"
QUOTE_OR_NOT = "if quotation marks do not quote here, --quoting none; if they do, --quoting quotes"
_BETWEEN = re.compile(r"[\s,]*")


def read_json(file: OpenFile) -> Rows:
    """JSON lines, an array of objects, or objects one after another."""
    head, _ = file.head(10_000)
    encoding = file.hints.encoding or find_encoding(head, Hints())
    encoding = encoding if file.hints.encoding or "16" in encoding else "utf-8-sig"
    start = head.decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    first_line = start.partition("\n")[0].strip()
    file.notes.append(encoding.removesuffix("-sig"))
    if start[:1] == "[" or (file.suffix == ".json" and first_line == "{"):
        file.notes.append("a JSON array" if start[:1] == "[" else "JSON objects")
        text = io.TextIOWrapper(file.stream, encoding=encoding, errors="surrogateescape")
        yield from _json_values(file.where, text)
        return
    stream = file.stream if encoding == "utf-8-sig" else Recoded(file.stream, encoding)
    for line in read_lines(stream):  # type: ignore[arg-type]
        at = f"{file.where}:{line.number}"
        if line.record is None:
            yield Reject(at, str(line.problem))
        else:
            yield Record(at, line.number, line.record)


def _json_values(where: str, text: io.TextIOWrapper) -> Rows:
    """Values of an array, or one after another, read piece by piece."""
    decoder, buffer, at, number = json.JSONDecoder(), "", 0, 0
    problem, inside = "", False
    while True:
        piece = text.read(PIECE)
        buffer, at = buffer[at:] + piece, 0
        if not inside and not number:
            buffer = buffer.lstrip("\ufeff \t\r\n")
            inside = buffer[:1] == "["
            at = int(inside)
        while True:
            at = _BETWEEN.match(buffer, at).end()  # type: ignore[union-attr]
            if at == len(buffer) or (inside and buffer[at] == "]"):
                break
            try:
                _, end = decoder.raw_decode(buffer, at)
            except (ValueError, RecursionError) as error:
                problem = str(error)
                break
            number += 1
            record, wrong = parse_line(buffer[at:end].encode("utf-8", "surrogateescape"))
            place = f"{where}: item {number}"
            yield Reject(place, str(wrong)) if record is None else Record(place, number, record)
            at = end
        if at < len(buffer) and inside and buffer[at] == "]":
            return
        if not piece or len(buffer) - at > MAX_LINE_BYTES:
            break
    if inside or buffer[at:].strip():
        reason = problem if buffer[at:].strip() else "the array does not end"
        yield Reject(f"{where}: item {number + 1}", f"not JSON from here on: {reason}", unread=True)


def read_delimited(file: OpenFile) -> Rows:
    """Rows of a delimited table, in the dialect that fits it."""
    head, whole = file.head()
    default = "\t" if file.suffix == ".tsv" else ","
    reading = find_reading(
        head, whole=whole, default=default, columns=file.columns, hints=file.hints
    )
    file.notes.append(str(reading))
    errors = "strict" if "16" in reading.encoding else "surrogateescape"
    text = io.TextIOWrapper(file.stream, encoding=reading.encoding, errors=errors, newline="")
    lines = itertools.islice(text, reading.skipped, None)
    rows = reading.parse(lines)
    try:
        header: list[str] = next((row for row in rows if any(v.strip() for v in row)), [])
    except (csv.Error, UnicodeError):
        header = []
    header = ["", *header] if reading.row_names else header
    if any(map(_undecoded, header)):
        raise RequestError(f"{file.where}: the header is neither UTF-8 nor Windows-1252; {NAME_IT}")
    if not header:
        yield Reject(file.where, "no header line", unread=True)
        return
    file.need_columns(header)
    line, number = reading.skipped, 0
    while True:
        began = line + rows.line_num + 1
        try:
            values = next(rows)
        except StopIteration:
            return
        except (csv.Error, UnicodeError) as error:
            yield _rest(f"{file.where}:{began}", error, rows.line_num + line - began, lines)
            return
        number += 1
        if values:
            at = f"{file.where}:{rows.line_num + line}"
            problem, unread = _problem(values, header, reading)
            record = Record(at, number, dict(zip(header, values, strict=False)))
            yield Reject(at, problem, unread=unread) if problem else record


def _problem(values: list[str], header: list[str], reading: Reading) -> tuple[str, bool]:
    """Why a row cannot be read, '' where it can, and whether rows inside it were not read."""
    if len(values) != len(header):
        what = NAMES.get(reading.delimiter, "delimiter")
        counts = f"{len(values)} fields, the header has {len(header)}"
        return f"{counts}; is a quote or a {what} missing?", False
    if any(map(_undecoded, values)):
        return f"not {reading.encoding.removesuffix('-sig').upper()}; {NAME_IT}", False
    if line := reading.swallowed(values):
        return f"a field holds what looks like other rows: {line[:60]!r}; {QUOTE_OR_NOT}", True
    return "", False


def _rest(where: str, error: Exception, read: int, lines: Iterator[str]) -> Reject:
    """Where the next row begins cannot be known: in a quoted field every line may be a row."""
    try:
        left = read + sum(1 for _ in lines)
    except UnicodeError:
        left = 0
    more = f"the rest of the file, about {left + 1:,} lines, was not read"
    hint = "is a quote missing or doubled? --quoting backslash or --quoting none may read it"
    return Reject(
        where, f"not readable as a table from here on: {error}; {more}; {hint}", unread=True
    )


def _undecoded(value: str) -> bool:
    return not value.isascii() and UNDECODED.search(value) is not None


def read_xlsx(file: OpenFile) -> Rows:
    """Rows of a sheet of a workbook: the first, or the one that is named."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(
            io.BytesIO(file.stream.read()), read_only=True, data_only=True
        )
        names = [sheet.title for sheet in book.worksheets]
        wanted = file.hints.sheet or names[0]
        if wanted not in names:
            yield Reject(file.where, f"no sheet {wanted!r}; found {names}", unread=True)
            return
        sheet = book[wanted]
        file.notes.append(f"sheet {wanted!r}" + (f", one of {len(names)}" if names[1:] else ""))
        sheet.reset_dimensions()
        yield from _sheet_rows(file, sheet.iter_rows(values_only=True))
    except RequestError:
        raise
    except Exception as error:  # zip, XML and what a damaged file makes of them
        reason = f"not readable as a workbook: {' '.join(str(error).split())[:200] or error!r}"
        yield Reject(file.where, reason, unread=True)


def _sheet_rows(file: OpenFile, rows: Iterator[tuple[Any, ...]]) -> Rows:
    header: list[str] | None = None
    for number, cells in enumerate(rows, start=1):
        values = list(cells)
        while values and values[-1] is None:
            values.pop()
        if header is None:
            header = ["" if v is None else str(v) for v in values]
            if header:
                file.need_columns(header)
            else:
                header = None
            first = number
        elif len(values) > len(header):
            reason = f"{len(values)} cells, the header has {len(header)}"
            yield Reject(f"{file.where}: row {number}", reason)
        elif values:
            padded = values + [None] * (len(header) - len(values))
            record = dict(zip(header, padded, strict=True))
            yield Record(f"{file.where}: row {number}", number - first, record)
    if header is None:
        raise RequestError(f"{file.where}: the sheet is empty; expected a header and rows")


def read_parquet(file: OpenFile) -> Rows:
    """Rows of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        stream = file.stream
        table = pq.ParquetFile(stream if isinstance(stream, io.BufferedReader) and _is_plain(stream)
                               else io.BytesIO(stream.read()))  # fmt: skip
        file.need_columns(table.schema_arrow.names)
        number = 0
        for batch in table.iter_batches(batch_size=1024):
            for values in batch.to_pylist():
                number += 1
                yield Record(f"{file.where}: row {number}", number, values)
    except pa.ArrowException as error:
        reason = f"not readable as Parquet: {' '.join(str(error).split())[:200]}"
        yield Reject(file.where, reason, unread=True)


def _is_plain(stream: io.BufferedReader) -> bool:
    return isinstance(stream.raw, io.FileIO)


def read_html(file: OpenFile) -> Iterator[Entry]:
    """A page of HTML, cleaned."""
    data = _page_bytes(file)
    if isinstance(data, Reject):
        yield data
        return
    page = clean_html_page(data, file.languages)
    if page.passages:
        yield Item(file.name, page.text, file.where, page.title or None, page.date, {}, page)
    else:
        yield Reject(file.where, "no text is left after cleaning", file.name)


def read_text(file: OpenFile) -> Iterator[Entry]:
    """A page of plain text, its lines as passages, or the articles of an archive's export."""
    if file.unit == "passage" and split_export(_opening(file)) is None:
        yield from _line_items(file)
        return
    data = _page_bytes(file)
    if isinstance(data, Reject):
        yield data
        return
    encoding = find_encoding(data, file.hints)
    text, problem = decode_text(data, encoding)
    file.notes.append(encoding)
    articles = split_export(text) if text else None
    if text is None or not text.strip():
        yield Reject(file.where, problem or "empty", file.name)
    elif isinstance(articles, str):
        yield Reject(file.where, articles, file.name)
    elif articles is not None:
        file.notes.append(f"an export of {len(articles)} articles")
        yield from (_article(file, number, a) for number, a in enumerate(articles, start=1))
    else:
        yield Item(file.name, text, file.where)


def _article(file: OpenFile, number: int, article: Article) -> Entry:
    values = {"text": article.text, "title": article.title, "date": article.date}
    values |= {"source": article.source} if article.source else {}
    record = Record(f"{file.where}: article {number}", number, values)
    return ItemMaker(file.name, Columns(), IdRule()).item(record)


def _opening(file: OpenFile) -> str:
    head, _ = file.head(100_000)
    return head.decode(find_encoding(head, file.hints), "replace")


def _line_items(file: OpenFile) -> Iterator[Entry]:
    head, _ = file.head()
    encoding = find_encoding(head, file.hints)
    file.notes.append(encoding)
    wide = "16" in encoding
    stream = Recoded(file.stream, encoding) if wide else file.stream
    maker = ItemMaker(file.name, Columns(), IdRule())
    for number, raw, size in bounded_lines(stream):  # type: ignore[arg-type]
        where = f"{file.where}:{number}"
        if raw is None:
            yield Reject(where, f"a line of {size / 1e6:.1f} MB")
            continue
        text, problem = decode_text(raw, "utf-8-sig" if wide else encoding)
        record = Record(where, number, {"text": (text or "").strip()})
        yield Reject(where, str(problem)) if text is None else maker.item(record)


def _page_bytes(file: OpenFile) -> bytes | Reject:
    data = file.stream.read(MAX_PAGE_BYTES + 1)
    if len(data) > MAX_PAGE_BYTES:
        reason = f"more than {MAX_PAGE_BYTES / 1e6:.0f} MB; a page is smaller"
        return Reject(file.where, reason, file.name)
    return data


def decode_text(raw: bytes, encoding: str) -> tuple[str | None, str | None]:
    """Text of bytes, or what is wrong with them."""
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        name = encoding.removesuffix("-sig").upper()
        at = f"byte 0x{raw[error.start]:02x} at position {error.start}"
        return None, f"not {name}: {at}; {NAME_IT}"
    if "\x00" in text:
        return None, f"a NUL byte at position {text.index(chr(0))}"
    return text.removeprefix("\ufeff"), None
