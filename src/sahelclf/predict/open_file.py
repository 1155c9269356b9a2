"""A file of the input as its reader gets it: bytes, columns, hints, and notes of its form."""

import io
import zlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import BinaryIO

from sahelclf.corpus.page_rules import ENGLISH
from sahelclf.errors import RequestError
from sahelclf.predict.dialects import PREFIX, Hints
from sahelclf.predict.rows import Columns

PIECE = 1 << 20


@dataclass
class OpenFile:
    """What a reader gets of a file, and where it notes what it found of the file's form."""

    where: str
    name: str
    suffix: str
    stream: BinaryIO
    open: Callable[[], AbstractContextManager[BinaryIO]]  # from its beginning, once more
    columns: Columns
    unit: str
    hints: Hints
    notes: list[str] = field(default_factory=list)
    languages: Sequence[str] = ENGLISH  # of pages, for their cleaning

    def head(self, size: int = PREFIX) -> tuple[bytes, bool]:
        """The first bytes, and whether they are all there is."""
        head = b""
        try:
            with self.open() as stream:
                while len(head) <= size and (piece := stream.read1(PIECE)):  # type: ignore[attr-defined]
                    head += piece
        except damages():
            size = len(head) - 1  # the reader reports it
        return head[:size], len(head) <= size

    def need_columns(self, header: list[str]) -> None:
        """Refuse a header without the columns that are read."""
        repeated = sorted({h for h in header if header.count(h) > 1})
        problems = (
            [f"{self.where}: the header names {repeated} twice; rename one"] if repeated else []
        )
        for word in ("text", "id", "title", "date"):
            column = getattr(self.columns, word) or ("text" if word == "text" else None)
            if column and column not in header:
                problems.append(
                    f"{self.where}: no column {column!r} for the {word}; found {header[:20]}; "
                    f"name it with --{word} COLUMN"
                )
        if problems:
            raise RequestError(problems)


def damages() -> tuple[type[BaseException], ...]:
    """What reading a damaged file raises."""
    import zstandard

    return (OSError, EOFError, UnicodeError, zlib.error, zstandard.ZstdError)


class Recoded(io.BufferedIOBase):
    """A stream of another encoding as UTF-8, line by line."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self._text = io.TextIOWrapper(stream, encoding=encoding, errors="replace", newline="\n")

    def readline(self, size: int | None = -1) -> bytes:
        """A line, of about `size` bytes at most."""
        return self._text.readline(-1 if size is None else size).encode("utf-8")
