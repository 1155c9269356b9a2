"""How a delimited table is written: found by trying the readings of its first megabyte.

A reading is a delimiter and a kind of quoting. The first one under which every row has the header's
number of fields, and no field holds what looks like other rows, is taken; quotes are tried first.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sahelclf.corpus.jsonl import MAX_LINE_BYTES
from sahelclf.delimited import DELIMITERS, sniff_dialect, sniff_encoding
from sahelclf.errors import RequestError
from sahelclf.predict.rows import Columns

PREFIX = 1_000_000  # bytes that are looked at
HEADER_BYTES = 60_000
QUOTINGS: dict[str, dict[str, Any]] = {
    "quotes": {"strict": True},
    "backslash": {"strict": True, "escapechar": "\\", "doublequote": False},
    "none": {"quoting": csv.QUOTE_NONE},
}
NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "blank"}
MOST_WRAPPED = 0.1  # of rows with a field in quotation marks; with more of them, marks do quote
MOST_QUOTED = 2 / 3  # of lines with quotation marks; with more of them, quoting is the rule
SHAPES_KEPT = 200
_ESCAPED_NULL = re.compile(r"(?<!\\)\\N(?=\s|$|[,;|])")
_ESCAPED_END = re.compile(r"(?<!\\)\\n")
_LINE_END = re.compile(r"\r\n|\r|\n")
UNDECODED = re.compile("[\udc80-\udcff]")  # bytes that are not UTF-8
_DECODED = re.compile("[\x80-\ud7ff]")
_RUNS = re.compile(r"[^\W_]+")
# In Windows-1252: a capital within a word, a symbol within a word, four accents in a row,
# control characters.
_IMPLAUSIBLE = re.compile(
    r"[a-z][À-ÖØ-ÞŠŽŸŒ]|[^\W\d_][¡-©¬-¶¸¹»-¿×÷†‡ˆ˜‰€](?=[^\W\d_])"
    r"|[À-ÿŠŽŒšžœŸƒ]{4,}|[\x00-\x08\x80-\x9f]"
)
csv.field_size_limit(MAX_LINE_BYTES)


@dataclass(frozen=True)
class Hints:
    """What the user says of the files; None is worked out."""

    delimiter: str | None = None
    encoding: str | None = None
    quoting: str | None = None
    sheet: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no file can have."""
        problems = []
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\r\n\0'):
            problems.append(f"--delimiter {self.delimiter!r}: expected one character, or tab")
        if self.quoting not in {None, *QUOTINGS}:
            problems.append(f"--quoting {self.quoting}: expected one of {', '.join(QUOTINGS)}")
        try:
            text = codecs.lookup(self.encoding or "utf-8")._is_text_encoding
        except LookupError:
            text = False
        if not text:
            problems.append(f"--encoding {self.encoding}: unknown; for instance cp1252 or utf-16")
        if problems:
            raise RequestError(problems)


@dataclass
class Reading:
    """One way to read a table, and how well it fits its first rows."""

    encoding: str
    delimiter: str
    quoting: str
    skipped: int = 0
    header: list[str] = field(default_factory=list)
    row_names: bool = False  # rows have one field more than the header, as R writes row names
    rows: int = 0
    bad: int = 0  # rows with another number of fields
    wrapped: int = 0  # rows with a field that begins and ends with a quotation mark
    broken: str | None = None  # why the rest cannot be read, or what is swallowed
    cut: bool = False  # it is the last line alone that does not end
    shapes: set[str] = field(default_factory=set)
    id_at: int | None = None
    named: bool = False  # the quoting was named by the user

    @property
    def fits(self) -> bool:
        """Every row has as many fields as the header, and none was swallowed."""
        return not self.bad and self.broken is None

    def __str__(self) -> str:
        """As the intake report shows it."""
        fit = f"{self.rows - self.bad:,} of the first {self.rows:,} rows fit" if self.rows else ""
        encoding = self.encoding.removesuffix("-sig")
        parts = (encoding, NAMES.get(self.delimiter, repr(self.delimiter)), self.quoting, fit)
        return "{}, {}, quoting {}".format(*parts[:3]) + (f", {fit}" if fit else "")

    def parse(self, lines: Iterable[str]) -> Any:
        """Rows of lines; raises `csv.Error` where the rest cannot be read."""
        if self.quoting == "backslash":
            lines = map(_unescape, lines)
        return csv.reader(lines, delimiter=self.delimiter, **QUOTINGS[self.quoting])

    def swallowed(self, values: Sequence[str]) -> str | None:
        """The first line in a field that looks like another row of the table; None without one."""
        if self.named or self.quoting == "none" or self.id_at is None or len(values) < 2:
            return None
        for at, value in enumerate(values):
            if "\n" in value or "\r" in value:
                *inner, last = _LINE_END.split(value)[1:]
                rows = (line for line in inner if self._is_row(line, len(self.header)))
                if (line := next(rows, None)) is not None:
                    return line
                if at and self._is_row(last, at + 1):
                    return last
        return None

    def _is_row(self, line: str, width: int) -> bool:
        """Whether a line has so many fields, and an id like the others."""
        fields = line.split(self.delimiter)
        if len(fields) != width or self.id_at is None or self.id_at >= width:
            return False
        if any(f.startswith(" ") or f.count('"') == 1 for f in fields):
            return False  # one quotation mark here was doubled by a writer that quotes
        if self.delimiter == "," and any(
            left[-1:].isdigit() and right[:1].isdigit() for left, right in pairwise(fields)
        ):
            return False  # 12,000 people
        return shape(fields[self.id_at].strip('"')) in self.shapes


def find_reading(
    head: bytes, *, whole: bool, default: str, columns: Columns, hints: Hints
) -> Reading:
    """The reading of a table that fits its first bytes best.

    Parameters
    ----------
    head
        First bytes, up to `PREFIX`.
    whole
        Whether they are all of the file.
    default
        Delimiter where the header holds none.
    """
    encoding = find_encoding(head, hints)
    text = _decode(head, encoding)
    if not whole:
        text = text[: max(text.rfind("\n"), text.rfind("\r")) + 1] or text
    stated = sniff_dialect(head[:HEADER_BYTES], default)
    lines = [*io.StringIO(text, newline="")][stated.skipped :]
    while lines and not lines[0].strip():
        lines = lines[1:]
    delimiters = [hints.delimiter or stated.delimiter]
    if not hints.delimiter and not stated.skipped:
        delimiters += [d for d in DELIMITERS if d != stated.delimiter and lines and d in lines[0]]
        delimiters += ["\t"] if delimiters == [","] else []
    escaped = any('\\"' in line for line in lines)
    quotings = [q for q in QUOTINGS if q != "backslash" or escaped]
    best: Reading | None = None
    for delimiter in delimiters:
        first: Reading | None = None
        for quoting in [hints.quoting] if hints.quoting else quotings:
            reading = Reading(
                encoding, delimiter, quoting, stated.skipped, named=bool(hints.quoting)
            )
            _try(reading, lines, columns, whole=whole)
            if first is not None and not _is_better(reading, first):
                continue
            first = reading
            if reading.fits and columns.name("text") in reading.header:
                return reading
        if first is not None and (best is None or _rank(first, columns) > _rank(best, columns)):
            best = first
    assert best is not None
    return best


def _rank(reading: Reading, columns: Columns) -> tuple[bool, bool, int]:
    named = columns.name("text") in reading.header
    return named, reading.fits, len(reading.header) if reading.rows > reading.bad else 0


def _is_better(reading: Reading, quotes: Reading) -> bool:
    """Whether another quoting explains what quotes leave broken."""
    marks = reading.quoting == "none" and reading.wrapped > MOST_WRAPPED * reading.rows
    fits_better = reading.broken is None and reading.bad <= quotes.bad and not quotes.fits
    return fits_better and not marks and not quotes.cut


def _try(reading: Reading, lines: list[str], columns: Columns, *, whole: bool) -> None:
    """Read the first lines, and note how well that goes."""
    rows = reading.parse(lines)
    widths: Counter[int] = Counter()
    full_ends = 0
    suspects: list[list[str]] = []
    read = 0
    try:
        reading.header = next(rows)
        header = reading.header
        others = [i for i, name in enumerate(header) if name != columns.name("text")]
        ids = [i for i in others if header[i] == columns.name("id")]
        reading.id_at = next(iter(ids or others), None) if len(header) > 1 else None
        for values in rows:
            read = rows.line_num
            if not values:
                continue
            widths[len(values)] += 1
            full_ends += values[-1] != ""
            reading.wrapped += any(len(v) > 1 and v[0] == v[-1] == '"' for v in values)
            if len(values) == len(header) and len(reading.shapes) < SHAPES_KEPT:
                reading.shapes |= {shape(values[reading.id_at or 0])} - {""}
            if any("\n" in v or "\r" in v for v in values):
                suspects.append(values)
    except StopIteration:
        reading.broken = "no header line"
    except csv.Error as error:
        open_end = "unexpected end" in str(error)
        tail = ["", "".join(lines[read:])]
        reading.cut = open_end and len(lines) - read <= 1
        if whole or not open_end or reading.swallowed(tail):
            reading.broken = str(error)
    quoted = all(line.startswith('"') for line in lines[:2])
    if sum('"' in line for line in lines) > MOST_QUOTED * len(lines):
        reading.id_at = None  # a row in another's field would end it by its own quotation marks
    _note_fit(reading, widths, row_names=quoted and full_ends > 0)
    if any(reading.swallowed(values) for values in suspects):
        reading.broken = "a field holds what looks like other rows"


def _note_fit(reading: Reading, widths: Counter[int], *, row_names: bool) -> None:
    width = len(reading.header)
    reading.rows = widths.total()
    reading.row_names = row_names and set(widths) == {width + 1}
    if reading.row_names:
        reading.header = ["", *reading.header]
    reading.bad = reading.rows - widths[len(reading.header)]


def shape(value: str) -> str:
    """What an id looks like: runs of digits, of letters and of both; '' for what holds blanks."""
    if not value or value.split() != [value]:
        return ""
    return _RUNS.sub(lambda m: "9" if m[0].isdigit() else "a" if m[0].isalpha() else "x", value)


def find_encoding(head: bytes, hints: Hints) -> str:
    """Encoding by first bytes: UTF-8 or UTF-16, or Windows-1252 where it reads as that."""
    if hints.encoding:
        return "utf-8-sig" if codecs.lookup(hints.encoding).name == "utf-8" else hints.encoding
    encoding = sniff_encoding(head)
    if encoding != "utf-8-sig" or head.isascii():
        return encoding
    text = _decode(head, encoding)
    wrong, right = len(UNDECODED.findall(text)), len(_DECODED.findall(text))
    if wrong > right and looks_windows_1252(head):
        return "cp1252"
    return encoding


def looks_windows_1252(data: bytes) -> bool:
    """Whether bytes that are not UTF-8 read as words in Windows-1252."""
    try:
        return _IMPLAUSIBLE.search(data.decode("cp1252")) is None
    except UnicodeDecodeError:
        return False


def _decode(head: bytes, encoding: str) -> str:
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    return codecs.getincrementaldecoder(encoding)(errors).decode(head)


def _unescape(line: str) -> str:
    """Backslash sequences that stand for more than the character after them."""
    if "\\" not in line:
        return line
    return _ESCAPED_END.sub("\\\\\n", _ESCAPED_NULL.sub("NULL", line))
