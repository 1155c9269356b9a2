"""Records of any input form become items to label, or rejects that say why not."""

import json
import math
import os
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from sahelclf.corpus.jsonl import MAX_LINE_BYTES
from sahelclf.corpus.pages import Page
from sahelclf.delimited import MISSING
from sahelclf.models.runtime.text import clean_text

COLUMN_ROLES = ("text", "id", "title", "date")


@dataclass(frozen=True)
class Columns:
    """Names of the columns that are read; None means the default name, which may be absent."""

    text: str | None = None
    id: str | None = None
    title: str | None = None
    date: str | None = None

    def name(self, word: str) -> str:
        """Column of `text`, `id`, `title` or `date`."""
        return getattr(self, word) or word


class Record(NamedTuple):
    """One row as its reader gives it: its place for messages, its number from 1, its values."""

    where: str
    number: int
    values: dict[str, Any]


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
    invented: bool = False  # the input gives no id


@dataclass(frozen=True)
class Reject:
    """A row or file that cannot be labelled, and why; `unread` if what follows it was not read."""

    where: str
    reason: str
    id: str | None = None
    unread: bool = False


Entry = Item | Reject


@dataclass(frozen=True)
class IdRule:
    """How ids are made: the start of invented ones, and whether given ones get the file's name.

    `repeated` are ids that occur more than once in a file; with `by_file` they get the row's
    number.
    """

    mark: str = ""
    by_file: bool = False
    repeated: frozenset[str] = frozenset()


class ItemMaker:
    """Makes items from the records of one file, and counts markers of missing values."""

    def __init__(self, name: str, columns: Columns, ids: IdRule) -> None:
        self.prefix, self.ids = f"{name}:" if name else "", ids
        self.markers: Counter[str] = Counter()
        self._columns = [columns.name(word) for word in COLUMN_ROLES]
        self._needed = [(w, getattr(columns, w)) for w in COLUMN_ROLES[1:] if getattr(columns, w)]

    def item(self, record: Record) -> Entry:
        """The record as an item, or a reject with the reason."""
        where, number, values = record
        text_name, id_name, title_name, date_name = self._columns
        given = self._text(values[id_name]) if id_name in values else None
        id_ = f"{self.prefix}{self.ids.mark}{number}" if given is None else self._id(given, number)
        for word, column in self._needed:
            if column not in values:
                reason = f"no {column!r} for the {word}; found {[*values][:10]}"
                return Reject(where, reason, id_)
        if text_name not in values:
            reason = f"no {text_name!r}; found {[*values][:10]}; name the text with --text COLUMN"
            return Reject(where, reason, id_)
        text, problem = self._body(values[text_name])
        if problem:
            return Reject(where, f"{text_name}: {problem}", id_)
        title = self._text(values[title_name]) if title_name in values else None
        day = self._text(values[date_name]) if date_name in values else None
        extra = {k: self._value(v) for k, v in values.items() if k not in self._columns}
        return Item(
            id_,
            text,
            where,
            None if title is None else clean_text(title),
            day,
            extra,
            invented=given is None,
        )

    def _id(self, given: str, number: int) -> str:
        if not self.ids.by_file:
            return given
        name = self.prefix + given
        return f"{name}:{number}" if name in self.ids.repeated else name

    def _body(self, value: Any) -> tuple[str, str | None]:
        """The text, cleaned, and what is wrong with it."""
        if self._value(value) is None:
            return "", f"missing value ({str(value).strip() or 'empty'})"
        if not isinstance(value, str):
            return "", f"expected text, found {json.dumps(value, default=str)[:60]}"
        if "\x00" in value:
            return "", f"a NUL byte at position {value.index(chr(0))}"
        if len(value) > MAX_LINE_BYTES:
            millions, most = len(value) / 1e6, MAX_LINE_BYTES / 1e6
            return "", f"{millions:.1f} million characters; a text has at most {most:.0f}"
        text = clean_text(value)
        if not text.strip():
            return "", "missing value (invisible characters alone)"
        return text, None

    def _text(self, value: Any) -> str | None:
        value = self._value(value)
        return None if value is None else cell_text(value)

    def _value(self, value: Any) -> Any:
        """The value, or None for a marker of a missing value."""
        if isinstance(value, str):
            if len(value) > 12 and not value.isspace():
                return value
            marker = value.strip()
            if marker not in MISSING:
                return value
            self.markers[marker or "empty"] += 1
            return None
        if value is None or (isinstance(value, float) and math.isnan(value)):
            self.markers["null" if value is None else "NaN"] += 1
            return None
        return value


def cell_text(value: Any) -> str:
    """A cell's value as text: days without a time of day, the rest as Python prints it."""
    if isinstance(value, datetime) and not (value.hour or value.minute or value.second):
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, datetime | date) else str(value)


def printable(name: str | os.PathLike[str]) -> str:
    """A file's name as text that any output can hold, where its bytes are not UTF-8 too."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
