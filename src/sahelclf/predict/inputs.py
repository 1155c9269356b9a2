"""INPUT: a file, a folder, a pattern or standard input, found and checked before anything is read."""

import glob
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from sahelclf.errors import RequestError
from sahelclf.files import suffix_of
from sahelclf.predict.readers import (
    PAGES,
    ROWS,
    Columns,
    Found,
    file_items,
    kind_of_stream,
    stream_items,
)


@dataclass(frozen=True)
class Source:
    """The files that INPUT names, and the unit that they are taken as."""

    paths: tuple[Path, ...]
    unit: str
    columns: Columns
    stdin: bytes = b""
    base: Path = Path()

    def items(self) -> Iterator[Found]:
        """Every row and page, in order."""
        for _, found in self.items_from(0, 0):
            yield found

    def items_from(self, file: int, taken: int) -> Iterator[tuple[int, Found]]:
        """Rows and pages with the number of their file, after the first `taken` of the file numbered `file`."""
        if not self.paths:
            yield from (
                (0, found)
                for found in islice(stream_items(self.stdin, self.unit, self.columns), taken, None)
            )
        for number, path in enumerate(self.paths[file:], start=file):
            found = file_items(path, self._name(path), self.unit, self.columns)
            yield from ((number, f) for f in islice(found, taken if number == file else 0, None))

    def _name(self, path: Path) -> str:
        """What ids of a file begin with: '' for a single file of rows, else its path below the folder that was named."""
        if len(self.paths) == 1 and suffix_of(path) in ROWS:
            return ""
        name = path.relative_to(self.base) if self.base in path.parents else path
        return os.fsencode(name.as_posix()).decode("utf-8", "backslashreplace")

    @cached_property
    def count(self) -> int | None:
        """Rows to come where that is cheap to know."""
        if len(self.paths) > 1 and all(suffix_of(p) in PAGES for p in self.paths):
            return len(self.paths)
        if len(self.paths) == 1:
            path = self.paths[0]
            if path.suffix == ".parquet":
                return _parquet_rows_of(path)
            if path.suffix in {".jsonl", ".ndjson", ".csv", ".tsv"}:
                with path.open("rb") as stream:
                    lines = sum(
                        block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b"")
                    )
                return max(lines - (path.suffix in {".csv", ".tsv"}), 0)
        return None


def _parquet_rows_of(path: Path) -> int | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(path).num_rows)
    except pa.ArrowException:
        return None  # the reader rejects it and says why


def open_source(name: str, unit: str | None, columns: Columns) -> Source:
    """Find what INPUT names; refuse what is missing, empty or of no known form."""
    if name == "-":
        return _standard_input(unit, columns)
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
        problems.append(
            f"{name}: rows (.jsonl, .csv, …) and pages (.txt, .html) together; say --unit passage or --unit document"
        )
    if problems:
        raise RequestError(problems[:20])
    base = (
        Path(name) if Path(name).is_dir() else Path(os.path.commonpath([p.parent for p in paths]))
    )
    return Source(
        tuple(paths), unit or ("document" if kinds == {True} else "passage"), columns, base=base
    )


def _standard_input(unit: str | None, columns: Columns) -> Source:
    data = sys.stdin.buffer.read().removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise RequestError(
            "standard input is empty; expected JSON lines, CSV with a header, HTML or plain text"
        )
    if data.lstrip()[:1] == b"[":
        raise RequestError(
            "standard input is a JSON array; expected JSON lines, one object a line (jq -c '.[]' makes them)"
        )
    kind = kind_of_stream(data, columns)
    if kind in PAGES and columns != Columns():
        raise RequestError(
            f"standard input is taken for {kind}, which has no columns; --text and the like go with JSON lines and CSV"
        )
    return Source((), unit or ("document" if kind in PAGES else "passage"), columns, data)


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


def _forms() -> str:
    return ".jsonl, .csv, .parquet, .txt or .html, plain or as .gz or .zst"
