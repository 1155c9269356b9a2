"""The intake report: what was found in the input, before anything is labelled."""

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from sahelclf.predict.rows import Entry, IdRule, Item

SHOWN = 20  # files, each with its form
PLACES = 3
_VALUES = re.compile(r"'[^']*'|\d[\d.,:x]*|\(.*\)")


@dataclass
class FileIntake:
    """One file of rows."""

    name: str
    form: str
    notes: list[str] = field(default_factory=list)
    rows: int = 0
    rejected: int = 0
    unread: str = ""  # why it was not read to its end; '' where it was

    def __str__(self) -> str:
        """As the report shows it."""
        end = f"; NOT READ TO THE END: {self.unread}" if self.unread else "; read to the end"
        about = "; ".join([self.form, *self.notes])
        return (
            f"{self.name}: {about}; {number_of(self.rows, 'row')}, {self.rejected:,} rejected{end}"
        )


@dataclass
class Intake:
    """What is in the input.

    Attributes
    ----------
    rows
        Rows and pages, those that are rejected included.
    rejected
        How many, by reason, without the values that differ from row to row.
    markers
        Markers of missing values, in all columns.
    n_given, invented
        Rows with an id, and rows without an id, which get their number.
    repeated
        First ids that occur more than once, each with its first places.
    n_repeated
        Rows whose id an earlier row has.
    """

    ids: IdRule
    files: list[FileIntake] = field(default_factory=list)
    forms: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    markers: Counter[str] = field(default_factory=Counter)
    n_given: int = 0
    invented: int = 0
    n_repeated: int = 0
    repeated: dict[str, list[str]] = field(default_factory=dict)

    @property
    def unread(self) -> list[str]:
        """Files that were not read to their end, and why."""
        return [f.unread for f in self.files if f.unread]

    def lines(self) -> list[str]:
        """The report as lines of text."""
        forms = ", ".join(f"{form} {n:,}" for form, n in self.forms.most_common())
        lines = [f"files: {self.forms.total():,} ({forms})"]
        if self.left_out:
            lines.append(
                f"left out: {number_of(self.left_out.total(), 'file')} ({counted(self.left_out)})"
            )
        lines += [str(f) for f in self.files[:SHOWN]]
        if len(self.files) > SHOWN:
            lines.append(f"and {number_of(len(self.files) - SHOWN, 'more file')} of rows")
        lines.append(f"rows and pages: {self.rows:,}, {self.rejected.total():,} of them rejected")
        for reason, n in self.rejected.most_common():
            lines.append(f"  {n:,} rejected: {self.first[reason]}")
        lines.append(f"ids: {self.invented:,} missing and replaced by a number")
        lines.append(f"ids: {number_of(self.n_repeated, 'row')} with the id of an earlier row")
        lines += [f"  {id_!r}: {', '.join(places)}" for id_, places in self.repeated.items()]
        lines.append(f"markers of missing values: {counted(self.markers) or 'none'}")
        lines.append(f"not read to the end: {number_of(len(self.unread), 'file')}")
        return lines


class Scan:
    """Counts items file by file; ids are kept as hashes of 8 bytes."""

    def __init__(self, ids: IdRule) -> None:
        self.intake = Intake(ids)
        self._given, self._invented = array("q"), array("q")

    def file(self, file: FileIntake, items: Iterable[Entry], *, rows: bool) -> None:
        """Count the items of one file."""
        intake = self.intake
        for entry in items:
            file.rows += 1
            if isinstance(entry, Item):
                (self._invented if entry.invented else self._given).append(hash(entry.id))
                continue
            file.rejected += 1
            reason = _VALUES.sub("…", entry.reason)
            intake.rejected[reason] += 1
            intake.first.setdefault(reason, f"{entry.where}: {entry.reason}")
            if entry.unread:
                file.unread = f"{entry.where}: {entry.reason}"
        intake.forms[file.form] += 1
        intake.rows += file.rows
        if rows or file.unread:
            intake.files.append(file)

    def page(self, file: FileIntake) -> None:
        """Count a page that is not read."""
        self.intake.forms[file.form] += 1
        self.intake.rows += 1

    def collides(self) -> bool:
        """Whether an invented id is one that the input gives."""
        if not self._invented:
            return False
        return bool(np.isin(np.array(self._invented), np.array(self._given)).any())

    def repeated(self) -> set[int]:
        """Hashes of ids that are given more than once."""
        self.intake.invented, self.intake.n_given = len(self._invented), len(self._given)
        values, counts = np.unique(np.array(self._given, dtype=np.int64), return_counts=True)
        self.intake.n_repeated = int((counts - 1).sum())
        return {int(v) for v in values[counts > 1]}


def places_of(hashes: set[int], items: Iterator[Entry]) -> dict[str, list[str]]:
    """Ids with these hashes, each with its first places."""
    places: dict[str, list[str]] = {}
    for item in items:
        if isinstance(item, Item) and not item.invented and hash(item.id) in hashes:
            known = places.setdefault(item.id, [])
            if len(known) < PLACES:
                known.append(item.where)
    return places


def number_of(n: int, noun: str) -> str:
    """A number with its noun: '1 file', '1,200 files'."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def counted(counts: Counter[str]) -> str:
    """Counts as text: '.docx 3, .pdf 1'."""
    return ", ".join(
        f"{k} {n:,}" for k, n in sorted(counts.items(), key=lambda kv: (-kv[1], kv[0]))
    )
