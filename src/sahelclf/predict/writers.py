"""Writers: rows as JSON lines, or the flat table as CSV or Parquet.

Rows are first encoded into pieces that can be appended to a file and cut off again: lines, or for Parquet whole Arrow
streams. `finish` turns a file of pieces into what OUT's name asks for. So a job that was killed and went on writes the same
bytes as one that was not.
"""

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from sahelclf.bundle.rows import Row, flat_rows
from sahelclf.errors import RequestError
from sahelclf.files import suffix_of
from sahelclf.predict.checkpoint import Job

ROWS_IN_GROUP = 50_000


class Output:
    """Encodes rows and appends them to a stream."""

    def __init__(
        self,
        path: Path | None,
        stream: BinaryIO,
        topics: Sequence[str],
        stances: Sequence[str],
        carried: Sequence[str],
    ) -> None:
        self._stream, self._kind = stream, kind_of(path)
        self._topics, self._stances, self._carried = topics, stances, carried
        self._types = _flat_types(topics, stances) | dict.fromkeys(carried, "string")

    def begin(self) -> None:
        """Write what stands before the first row."""
        if self._kind == ".csv":
            self._stream.write(_csv_lines([[*self._types]]))

    def write(self, rows: Sequence[Row]) -> None:
        """Write some rows."""
        if self._kind == ".jsonl":
            self._stream.write(
                "".join(json.dumps(r, ensure_ascii=False, default=str) + "\n" for r in rows).encode(
                    "utf-8"
                )
            )
            return
        pairs = [
            (row, line) for row in rows for line in flat_rows(row, self._topics, self._stances)
        ]
        flat = [line | {k: row.get(k) for k in self._carried} for row, line in pairs]
        if self._kind == ".csv":
            self._stream.write(
                _csv_lines([[_cell(row.get(k)) for k in self._types] for row in flat])
            )
        elif flat:
            _write_arrow(self._stream, flat, self._types)


class Rejects:
    """Lines of `OUT.rejects.jsonl`; to stdout's user they are counted on stderr alone."""

    def __init__(self, stream: BinaryIO | None, count: int, first: list[str]) -> None:
        self.count, self.first, self._stream = count, first, stream

    def add(self, where: str, reason: str, id_: str | None) -> None:
        """Note one."""
        self.count += 1
        if len(self.first) < 3:
            self.first.append(f"{where}: {reason}")
        if self._stream is not None:
            record = {"where": where, "id": id_, "reason": reason}
            self._stream.write((json.dumps(record, ensure_ascii=False) + "\n").encode("utf-8"))


def check_form(path: Path) -> None:
    """Refuse an OUT that cannot be written, before any work."""
    kind_of(path)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise RequestError(
            f"{path}: {'a folder' if path.is_dir() else 'its folder does not exist'}; expected a file in a folder that does"
        )


def kind_of(path: Path | None) -> str:
    """The form of OUT: .jsonl, .csv or .parquet; standard output takes JSON lines."""
    kind = ".jsonl" if path is None else suffix_of(path)
    if kind not in {".jsonl", ".ndjson", ".csv", ".parquet"}:
        raise RequestError(
            f"{path}: unknown form {kind!r}; expected .jsonl, .csv or .parquet, plain or as .gz or .zst"
        )
    return ".jsonl" if kind == ".ndjson" else kind


def stdout_stream() -> BinaryIO:
    """Where rows go without OUT."""
    return sys.stdout.buffer


def finish(job: Job) -> str:
    """Make the job's rows what OUT's name asks for; returns the file's name. Lines that are not compressed are so already.

    Compressed in one piece at the end, not a piece a checkpoint: pandas reads the first frame of a .zst alone and says nothing.
    """
    rows = job.parts["rows"]
    rows.flush()
    if kind_of(job.out) == ".parquet":
        with _opened(job) as stream:
            _join_arrow(job.folder / "rows", stream)
    elif job.out.suffix.lower() in {".gz", ".zst"}:
        with _opened(job) as stream, (job.folder / "rows").open("rb") as plain:
            for piece in iter(lambda: plain.read(1 << 20), b""):
                stream.write(piece)
    else:
        return "rows"
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
    return (
        json.dumps(value, ensure_ascii=False, default=str)
        if isinstance(value, dict | list)
        else value
    )


def _write_arrow(stream: BinaryIO, rows: Sequence[Row], types: dict[str, str]) -> None:
    import pyarrow as pa

    schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in types.items()])
    columns = {
        n: [_text(r.get(n)) if kind == "string" else r.get(n) for r in rows]
        for n, kind in types.items()
    }
    piece = io.BytesIO()
    with pa.ipc.new_stream(piece, schema) as writer:
        writer.write_table(pa.table(columns, schema=schema))
    stream.write(piece.getvalue())


def _join_arrow(pieces: Path, stream: Any) -> None:
    """Arrow streams, one after another in a file, to one Parquet file with row groups of a useful size."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    writer: Any = None
    waiting: list[Any] = []
    end = pieces.stat().st_size
    with pieces.open("rb") as source:
        while source.tell() < end:
            waiting.append(pa.ipc.open_stream(source).read_all())
            writer = writer or pq.ParquetWriter(stream, waiting[0].schema)
            if sum(t.num_rows for t in waiting) >= ROWS_IN_GROUP or source.tell() >= end:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
    writer.close()


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(_cell(value))


def _flat_types(topics: Sequence[str], stances: Sequence[str]) -> dict[str, str]:
    """Columns of the flat table in order, by Arrow's names of types; carried columns are strings."""
    types = {"id": "string", "unit": "string", "passage": "int64", "language": "string"}
    for topic in topics:
        types |= {
            f"{topic}_probability": "float64",
            f"{topic}_holds": "bool",
            f"{topic}_stance": "string",
        }
        types |= {f"{topic}_{s}": "float64" for s in stances}
    return types
