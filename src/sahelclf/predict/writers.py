"""Writers: rows as JSON lines, the flat table as CSV, Parquet or a workbook, or a page to read.

Rows are first encoded into pieces that can be appended to a file and cut off again: lines, or for
Parquet whole Arrow streams. `join` turns a file of pieces into the form of OUT. So a job that was
killed and resumed writes the same bytes as one that was not.
"""

import csv
import gzip
import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from sahelclf.bundle.rows import Row
from sahelclf.errors import RequestError
from sahelclf.evaluation.provenance import ATTRS
from sahelclf.files import suffix_of
from sahelclf.predict.batches import RESERVED
from sahelclf.predict.checkpoint import Job
from sahelclf.predict.forms import EXPECTED_OUT, OUTPUTS
from sahelclf.predict.layout import Layout, Writer, json_line
from sahelclf.predict.rows import printable
from sahelclf.templates import render_parts

LOG = logging.getLogger(__name__)
ROWS_IN_GROUP = 50_000
ROWS_IN_SHEET = 1_048_576  # the most that Excel reads, the header included
CELL_CHARACTERS = 32_767
LEAST_WIDTH, TEXT_WIDTH = 10, 60  # columns of a sheet, in characters
GENERATOR = b'content="sahelclf predict"'


class JsonLines(Writer):
    """One JSON object a row."""

    def piece(self, rows: Sequence[Row]) -> bytes:
        """Lines."""
        return b"".join(map(json_line, rows))

    def wrote(self, stream: BinaryIO) -> bool:
        """The first row has our topics, and our keys or our way to write a line."""
        line = stream.readline()
        row = orjson.loads(line)
        ours = row.keys() <= RESERVED | {*self.layout.carried} or (
            row.keys() >= {"id", "unit", "language", "topics"} and json_line(row) == line
        )
        return ours and [*row["topics"]] == [*self.layout.topics]


class FlatCsv(Writer):
    """The flat table as CSV."""

    def opening(self) -> bytes:
        """The header."""
        return _csv_lines([[*self.layout.types]])

    def piece(self, rows: Sequence[Row]) -> bytes:
        """Lines."""
        return _csv_lines([[*map(_cell, line)] for line in self.layout.flat(rows)])

    def wrote(self, stream: BinaryIO) -> bool:
        """It has our columns; carried ones may differ where the table is in our form."""
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        header = text.readline()
        names = next(csv.reader([header]))
        if names == [*self.layout.types]:
            return True
        first = dict(zip(names, next(csv.reader(text), []), strict=False))
        holds = {first.get(f"{topic}_holds") for topic in self.layout.topics}
        ours = _csv_lines([names]).decode() == header and holds <= {"TRUE", "FALSE"}
        return ours and self.layout.is_flat(names)


class FlatParquet(Writer):
    """The flat table as Parquet; pieces are whole Arrow streams."""

    whole = False
    about_beside = False

    def piece(self, rows: Sequence[Row]) -> bytes:
        """An Arrow stream."""
        import pyarrow as pa

        lines, types = self.layout.flat(rows), self.layout.types
        if not lines:
            return b""
        schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in types.items()])
        columns = [
            [*map(_text, values)] if kind == "string" else values
            for values, kind in zip(zip(*lines, strict=True), types.values(), strict=True)
        ]
        piece = io.BytesIO()
        with pa.ipc.new_stream(piece, schema) as writer:
            writer.write_table(pa.table(columns, schema=schema))
        return piece.getvalue()

    def join(self, pieces: BinaryIO, stream: BinaryIO) -> None:
        """One file with row groups of a useful size."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        about = {ATTRS: json_line(self.layout.provenance.attrs)}
        writer: Any = None
        waiting: list[Any] = []
        end = pieces.seek(0, io.SEEK_END)
        pieces.seek(0)
        while pieces.tell() < end:
            waiting.append(pa.ipc.open_stream(pieces).read_all())
            writer = writer or pq.ParquetWriter(stream, waiting[0].schema.with_metadata(about))
            if sum(t.num_rows for t in waiting) >= ROWS_IN_GROUP or pieces.tell() >= end:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        writer.close()

    def wrote(self, stream: BinaryIO) -> bool:
        """It has our columns; carried ones may differ where no other program left its mark."""
        import pyarrow.parquet as pq

        schema = pq.read_schema(io.BytesIO(stream.read()))
        ours = schema.names == [*self.layout.types]
        metadata = schema.metadata or {}
        unmarked = not metadata or {*metadata} == {ATTRS}
        return ours or (unmarked and self.layout.is_flat(schema.names))


class Workbook(Writer):
    """The flat table as .xlsx: every text stays a text, and what Excel cannot hold is reported."""

    whole = False

    def piece(self, rows: Sequence[Row]) -> bytes:
        """JSON lines, one a row of the sheet."""
        lines = self.layout.flat(rows)
        return b"".join(json_line([_plain(v) for v in line]) for line in lines)

    def join(self, pieces: BinaryIO, stream: BinaryIO) -> None:
        """Sheets of at most Excel's number of rows."""
        import openpyxl
        from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, WriteOnlyCell
        from openpyxl.utils import get_column_letter

        book = openpyxl.Workbook(write_only=True)
        sheet: Any = None
        cut = unreadable = 0

        def cell(value: Any) -> Any:
            nonlocal cut, unreadable
            if not isinstance(value, str):
                return value
            text, n = ILLEGAL_CHARACTERS_RE.subn("\ufffd", value)
            unreadable += n
            if len(text) > CELL_CHARACTERS:
                cut, text = cut + 1, text[: CELL_CHARACTERS - 1] + "…"
            shown = WriteOnlyCell(sheet, text)
            shown.data_type = "s"  # not a formula, an error or a number
            return shown

        for number, line in enumerate(pieces):
            if number % (ROWS_IN_SHEET - 1) == 0:
                sheet = book.create_sheet(f"labels {len(book.worksheets) + 1}")
                sheet.freeze_panes = "B2"
                for at, name in enumerate(self.layout.types, start=1):
                    width = TEXT_WIDTH if name == "text" else max(len(name) + 2, LEAST_WIDTH)
                    sheet.column_dimensions[get_column_letter(at)].width = width
                sheet.append([cell(name) for name in self.layout.types])
            sheet.append([cell(value) for value in orjson.loads(line)])
        if cut:
            LOG.warning(
                f"{self.out}: {cut:,} texts are longer than a cell of Excel holds and end with …"
            )
        if unreadable:
            LOG.warning(
                f"{self.out}: {unreadable:,} control characters, which Excel refuses, are "
                "now \ufffd"
            )
        if len(book.worksheets) > 1:
            LOG.warning(
                f"{self.out}: more rows than a sheet holds; they fill {len(book.worksheets)} sheets"
            )
        book.save(stream)

    def wrote(self, stream: BinaryIO) -> bool:
        """The first sheet has our header."""
        import openpyxl

        book = openpyxl.load_workbook(io.BytesIO(stream.read()), read_only=True)
        rows = book.worksheets[0].iter_rows(max_row=1, values_only=True)
        return [*next(rows)] == [*self.layout.types]


class Page(Writer):
    """A self-contained page: passages coloured by topic, with stance and evidence."""

    whole = False
    about_beside = False

    def piece(self, rows: Sequence[Row]) -> bytes:
        """JSON lines."""
        return b"".join(map(json_line, rows))

    def join(self, pieces: BinaryIO, stream: BinaryIO) -> None:
        """Fill in the template, row by row."""
        parts = render_parts(
            "sahelclf.predict",
            "labels.html",
            rows=map(orjson.loads, pieces),
            topics=[*self.layout.topics],
            stances=[*self.layout.stances],
        )
        for part in parts:
            stream.write(part.encode("utf-8", "replace"))

    def wrote(self, stream: BinaryIO) -> bool:
        """It names us as its generator."""
        return GENERATOR in stream.read(1_000)


WRITERS: dict[str, type[Writer]] = {k: globals()[name] for k, name in OUTPUTS.items()}


def writer_for(job: Job, layout: Layout) -> Writer:
    """The writer of the form that a job's output names."""
    return WRITERS[suffix_of(job.out)](job, layout)


class Rejects:
    """Lines of `OUT.rejects.jsonl`; without an output they are only counted."""

    def __init__(self, stream: BinaryIO | None, count: int, first: list[str]) -> None:
        self.count, self.first, self._stream = count, first, stream

    def add(self, where: str, reason: str, id_: str | None) -> None:
        """Note one."""
        self.count += 1
        if len(self.first) < 3:
            self.first.append(f"{where}: {reason}")
        if self._stream is not None:
            self._stream.write(json_line({"where": where, "id": id_, "reason": reason}))


def check_out(path: Path, inputs: Sequence[Path]) -> None:
    """Refuse an OUT that cannot be written, before any work."""
    suffix, name = suffix_of(path), printable(path)
    if suffix not in WRITERS:
        raise RequestError(f"{name}: unknown form {suffix!r}; expected {EXPECTED_OUT}")
    if path.is_dir() or not path.absolute().parent.is_dir():
        fault = "a folder" if path.is_dir() else "its folder does not exist"
        raise RequestError(f"{name}: {fault}; expected a file in a folder that does")
    if any(p.exists() and path.exists() and p.samefile(path) for p in inputs):
        raise RequestError(f"{name}: it is the input too; choose another file for the labels")


def finish(job: Job, writer: Writer | None) -> str:
    """Make the job's rows what OUT's name asks for; returns the name of that file.

    Compressed in one piece at the end, not a piece a checkpoint: pandas reads the first frame
    of a .zst alone and says nothing.
    """
    assert writer is not None
    job.parts["rows"].flush()
    if writer.about_beside:
        about = writer.layout.provenance.model_dump(mode="json")
        (job.folder / "about").write_bytes(json_line(about))
    if writer.whole and job.out.suffix.lower() not in {".gz", ".zst"}:
        return "rows"
    with _opened(job) as stream, (job.folder / "rows").open("rb") as pieces:
        writer.join(pieces, stream)
    return "final"


@contextmanager
def _opened(job: Job) -> Iterator[Any]:
    with (job.folder / "final").open("wb") as raw:
        suffix = job.out.suffix.lower()
        if suffix == ".gz":
            with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as stream:
                yield stream
        elif suffix == ".zst":
            import zstandard

            with zstandard.ZstdCompressor().stream_writer(raw, closefd=False) as stream:
                yield stream
        else:
            yield raw


def _csv_lines(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode("utf-8")


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"  # R and pandas both read these as logical
    return json_line(value).decode().rstrip("\n") if isinstance(value, dict | list) else value


def _plain(value: Any) -> Any:
    """A value that a cell of a sheet can hold."""
    if isinstance(value, dict | list):
        return _cell(value)
    return value if isinstance(value, bool | int | float | None) else str(value)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(_cell(value))
