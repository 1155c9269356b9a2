"""Writers: rows as JSON lines, or the flat table as CSV or Parquet; written aside and renamed at the end."""

import csv
import gzip
import io
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from sahelclf.aside import aside_of
from sahelclf.errors import RequestError, SahelclfError
from sahelclf.labelling.labeller import Row, flat_rows
from sahelclf.labelling.readers import suffix_of


class _Form(Protocol):
    def write(self, rows: Sequence[Row]) -> None: ...
    def close(self) -> None: ...


class Output:
    """Where labelled rows go. Used as a context: the file takes its name only when all went well."""

    def __init__(self, path: Path | None, topics: Sequence[str], stances: Sequence[str], carried: Sequence[str]) -> None:
        self.path = path
        self._types = _flat_types(topics, stances) | dict.fromkeys(carried, "string")
        self._topics, self._stances, self._carried = topics, stances, carried
        self._kind = ".jsonl" if path is None else suffix_of(path)
        if self._kind not in {".jsonl", ".ndjson", ".csv", ".parquet"}:
            raise RequestError(f"{path}: unknown form {self._kind!r}; expected .jsonl, .csv or .parquet, plain or as .gz or .zst")
        if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
            raise RequestError(f"{path}: {'a folder' if path.is_dir() else 'its folder does not exist'}; expected a file in a folder that does")

    def __enter__(self) -> Self:
        if self.path is None:
            self._aside, self._raw = None, sys.stdout.buffer
        else:
            try:
                self._aside = aside_of(self.path)
                self._raw = self._aside.open("wb")
            except OSError as error:
                raise SahelclfError(f"{self.path}: cannot be written: {error.strerror}") from error
        self._stream = _compressed(self._raw, self.path)
        self._form = self._make_form()
        return self

    def _make_form(self) -> _Form:
        if self._kind == ".csv":
            return _Csv(self._stream, [*self._types])
        return _Parquet(self._stream, self._types) if self._kind == ".parquet" else _Jsonl(self._stream)

    def write(self, rows: Sequence[Row]) -> None:
        """Write some rows."""
        if self._kind in {".jsonl", ".ndjson"}:
            self._form.write(rows)
            return
        flat = [(row, line) for row in rows for line in flat_rows(row, self._topics, self._stances)]
        self._form.write([line | {k: row.get(k) for k in self._carried} for row, line in flat])

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        failure: OSError | None = None
        try:
            self._form.close()
            if self._stream is not self._raw:
                self._stream.close()
            self._raw.flush()
            if self._aside is not None:
                self._raw.close()
                if kind is None and self.path is not None:
                    self._aside.replace(self.path)
        except OSError as closing:
            failure = closing
        if self._aside is not None and (kind is not None or failure):
            with suppress(OSError):
                self._raw.close()
            self._aside.unlink(missing_ok=True)
        if failure and kind is None:
            raise failure


class Rejects:
    """`OUT.rejects.jsonl`, made when the first row is rejected; to stdout's user they are counted on stderr alone."""

    def __init__(self, output: Path | None) -> None:
        self.path = output.with_name(output.name + ".rejects.jsonl") if output else None
        self.count = 0
        self.first: list[str] = []
        self._lines: Any = None
        self._aside = Path()

    def add(self, where: str, reason: str, id_: str | None) -> None:
        """Note one."""
        self.count += 1
        if len(self.first) < 3:
            self.first.append(f"{where}: {reason}")
        if self.path is not None:
            if self._lines is None:
                self._aside = aside_of(self.path)
                self._lines = self._aside.open("w", encoding="utf-8")
            record = {"where": where, "id": id_, "reason": reason}
            self._lines.write(json.dumps(record, ensure_ascii=False) + "\n")

    def close(self, *, keep: bool) -> None:
        """Give the file its name, or drop it; a file of an earlier run goes where there is nothing to reject."""
        if self.path is None:
            return
        if self._lines is not None:
            self._lines.close()
            self._aside.replace(self.path) if keep else self._aside.unlink()
        elif keep:
            self.path.unlink(missing_ok=True)


def _compressed(raw: Any, path: Path | None) -> Any:
    suffix = path.suffix.lower() if path else ""
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=raw, mode="wb", mtime=0)
    if suffix == ".zst":
        import zstandard

        return zstandard.ZstdCompressor().stream_writer(raw, closefd=False)
    return raw


class _Jsonl:
    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, rows: Sequence[Row]) -> None:
        self.stream.write("".join(json.dumps(r, ensure_ascii=False, default=str) + "\n" for r in rows).encode("utf-8"))

    def close(self) -> None:
        """Nothing is held back."""


class _Csv:
    def __init__(self, stream: Any, header: list[str]) -> None:
        self.stream, self.header = stream, header
        self._put([header])

    def _put(self, rows: Sequence[Sequence[Any]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text).writerows(rows)
        self.stream.write(text.getvalue().encode("utf-8"))

    def write(self, rows: Sequence[Row]) -> None:
        self._put([[_cell(row.get(k)) for k in self.header] for row in rows])

    def close(self) -> None:
        """Nothing is held back."""


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"  # R and pandas both read these as logical
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else value


class _Parquet:
    def __init__(self, stream: Any, types: dict[str, str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.schema = pa.schema([(name, pa.type_for_alias(kind)) for name, kind in types.items()])
        self.writer = pq.ParquetWriter(stream, self.schema)
        self.strings = {name for name, kind in types.items() if kind == "string"}

    def write(self, rows: Sequence[Row]) -> None:
        import pyarrow as pa

        columns = {n: [_text(r.get(n)) if n in self.strings else r.get(n) for r in rows] for n in self.schema.names}
        self.writer.write_table(pa.table(columns, schema=self.schema))

    def close(self) -> None:
        """Write the footer."""
        self.writer.close()


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else str(_cell(value))


def _flat_types(topics: Sequence[str], stances: Sequence[str]) -> dict[str, str]:
    """Columns of the flat table in order, by Arrow's names of types; carried columns are strings."""
    types = {"id": "string", "unit": "string", "passage": "int64", "language": "string"}
    for topic in topics:
        types |= {f"{topic}_probability": "float64", f"{topic}_holds": "bool", f"{topic}_stance": "string"}
        types |= {f"{topic}_{s}": "float64" for s in stances}
    return types
