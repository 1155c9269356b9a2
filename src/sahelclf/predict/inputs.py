"""INPUT: files, folders, patterns or standard input, found and checked before the work begins."""

import glob
import io
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from sahelclf.corpus.page_rules import ENGLISH
from sahelclf.errors import RequestError
from sahelclf.evaluation.provenance import ABOUT
from sahelclf.files import open_bytes, suffix_of
from sahelclf.predict.dialects import Hints
from sahelclf.predict.forms import BY_SUFFIX, EXPECTED, Form, recognise, refuse_other, what_it_is
from sahelclf.predict.intake import FileIntake, Intake, Scan, places_of
from sahelclf.predict.open_file import OpenFile, damages
from sahelclf.predict.rows import Columns, Entry, IdRule, ItemMaker, Record, Reject, printable

STDIN = "standard input"
REJECTS = ".rejects.jsonl"  # what predict writes beside its output
MOST_PROBLEMS = 20
HIDDEN = "hidden"


@dataclass(frozen=True)
class Source:
    """The files that INPUT names, and how they are read.

    `suffixes` say the form of each; without `paths` there is one, that of standard input, whose
    bytes are `stdin`. `left_out` counts files of a folder that are not read, by what they are.
    """

    paths: tuple[Path, ...]
    suffixes: tuple[str, ...]
    unit: str
    columns: Columns
    hints: Hints = field(default_factory=Hints)
    stdin: bytes = b""
    base: Path = Path()
    unique_ids: bool = False
    left_out: Counter[str] = field(default_factory=Counter)
    languages: Sequence[str] = ENGLISH

    @cached_property
    def intake(self) -> Intake:
        """What is in the input. Pages are counted and not read: cleaning them takes long."""
        return self.scan(pages=False)

    @property
    def name(self) -> str:
        """The input as messages name it."""
        return self.file_name(0) if len(self.suffixes) == 1 else f"{len(self.paths)} files"

    def items(self) -> Iterator[Entry]:
        """Every row and page, in order."""
        for _, entry in self.items_from(0, 0):
            yield entry

    def items_from(self, file: int, taken: int) -> Iterator[tuple[int, Entry]]:
        """Rows and pages with the number of their file, after the first `taken` of file `file`."""
        for number in range(file, len(self.suffixes)):
            entries = self.read(number, self.intake.ids)
            yield from ((number, e) for e in islice(entries, taken if number == file else 0, None))

    def form(self, number: int) -> Form:
        """Form of a file."""
        return BY_SUFFIX[self.suffixes[number]]

    def file_name(self, number: int) -> str:
        """A file as messages name it."""
        return printable(self.paths[number]) if self.paths else STDIN

    def read(
        self,
        number: int,
        ids: IdRule,
        notes: list[str] | None = None,
        markers: Counter[str] | None = None,
    ) -> Iterator[Entry]:
        """Items and rejects of one file; its form is noted in `notes` and `markers`."""
        form, name = self.form(number), self.file_name(number)
        try:
            with self.open(number) as stream:
                file = OpenFile(
                    name, self._prefix(number), self.suffixes[number], stream,
                    lambda: self.open(number), self.columns, self.unit, self.hints,
                    [] if notes is None else notes, self.languages,
                )  # fmt: skip
                maker = ItemMaker(file.name, self.columns, ids)
                refuse_other(form, file)
                for entry in form.read(file):
                    yield maker.item(entry) if isinstance(entry, Record) else entry
                if markers is not None:
                    markers.update(maker.markers)
        except RequestError as error:
            if form.rows:
                raise
            yield Reject(name, str(error).removeprefix(f"{name}: "), self._prefix(number))
        except damages() as error:
            yield Reject(name, f"not readable to the end: {error}", unread=True)

    @contextmanager
    def open(self, number: int) -> Iterator[BinaryIO]:
        """The bytes of a file, decompressed as they are read."""
        if not self.paths:
            yield io.BytesIO(self.stdin)
            return
        with open_bytes(self.paths[number]) as stream:
            yield stream

    def scan(self, *, pages: bool) -> Intake:
        """Read everything once and count; pages are read where `pages` says so.

        Ids that are invented get a mark that keeps them apart from the ids that the input gives.

        Raises
        ------
        RequestError
            Names the problems of all files that cannot be read at all.
        """
        ids = IdRule(by_file=self.unique_ids)
        while True:
            scan = self._scan(ids, pages=pages)
            hashes = scan.repeated()
            if hashes:
                items = (f for n in range(len(self.suffixes)) for f in self._rows(n, ids))
                places = places_of(hashes, items)
                scan.intake.repeated = dict([*places.items()][:MOST_PROBLEMS])
                if self.unique_ids and not ids.repeated:
                    ids = replace(ids, repeated=frozenset(places))
                    continue
            if not scan.collides():
                return scan.intake
            ids = replace(ids, mark=f"{ids.mark}row-")

    def _scan(self, ids: IdRule, *, pages: bool) -> Scan:
        scan = Scan(ids)
        scan.intake.left_out = self.left_out
        problems: list[str] = []
        for number in range(len(self.suffixes)):
            file, form = (
                FileIntake(self.file_name(number), self.suffixes[number]),
                self.form(number),
            )
            try:
                if form.rows or pages:
                    items = self.read(number, ids, file.notes, scan.intake.markers)
                    scan.file(file, items, rows=form.rows)
                else:
                    scan.page(file)
            except RequestError as error:
                problems += str(error).splitlines()
        if problems:
            raise RequestError(problems[:MOST_PROBLEMS])
        return scan

    def _rows(self, number: int, ids: IdRule) -> Iterator[Entry]:
        return self.read(number, ids) if self.form(number).rows else iter(())

    def _prefix(self, number: int) -> str:
        """Start of a file's ids: '' for a single file of rows, else its path in the folder."""
        if len(self.suffixes) == 1 and self.form(number).rows:
            return ""
        if not self.paths:
            return "stdin"
        path = self.paths[number]
        return printable(path.relative_to(self.base) if self.base in path.parents else path)


def open_source(
    name: str,
    unit: str | None,
    columns: Columns,
    hints: Hints | None = None,
    *,
    unique_ids: bool = False,
) -> Source:
    """Find what INPUT names; refuse what is missing, empty or of no known form.

    `unit` None means passages where the files hold rows, and documents where they are pages.
    """
    hints = hints or Hints()
    if name == "-":
        return _standard_input(unit, columns, hints, unique_ids=unique_ids)
    paths, left_out = _find(name)
    if unit is None:
        paths = _without_notes(paths, left_out)
    problems = [p for path in paths if (p := _problem(path, alone=len(paths) == 1))]
    suffixes = tuple(suffix_of(p) for p in paths)
    kinds = {BY_SUFFIX[s].rows for s in suffixes if s in BY_SUFFIX}
    if unit is None and len(kinds) > 1:
        problems.append(
            f"{name}: rows (.jsonl, .csv, …) and pages (.txt, .html) together; "
            "say --unit passage or --unit document"
        )
    if problems:
        raise RequestError(problems[:MOST_PROBLEMS])
    folder = Path(name)
    base = folder if folder.is_dir() else Path(os.path.commonpath([p.parent for p in paths]))
    unit = unit or ("passage" if True in kinds else "document")
    return Source(
        tuple(paths), suffixes, unit, columns, hints,
        base=base, unique_ids=unique_ids, left_out=left_out,
    )  # fmt: skip


def _problem(path: Path, *, alone: bool) -> str | None:
    if not path.is_file():
        return f"{printable(path)}: no such file"
    if suffix_of(path) not in BY_SUFFIX:
        with path.open("rb") as stream:
            known = what_it_is(stream.read(65_536))
        hint = f"; this is {known[0]}: {known[1]}" if known else ""
        return f"{printable(path)}: unknown form {path.suffix!r}; expected {EXPECTED}{hint}"
    if alone and path.stat().st_size == 0:
        return f"{printable(path)}: empty; expected {EXPECTED} with something to label"
    return None


def _standard_input(
    unit: str | None, columns: Columns, hints: Hints, *, unique_ids: bool
) -> Source:
    data = sys.stdin.buffer.read()
    if not data.strip(b"\xef\xbb\xbf \t\r\n"):
        raise RequestError(f"standard input is empty; expected what a file may hold: {EXPECTED}")

    @contextmanager
    def opened() -> Iterator[BinaryIO]:
        yield io.BytesIO(data)

    file = OpenFile(STDIN, "", "", io.BytesIO(data), opened, columns, unit or "", hints)
    form = recognise(file)
    if not form.rows and columns != Columns():
        raise RequestError(
            f"standard input is taken for {form.name}, which has no columns; "
            "--text and the like go with rows"
        )
    unit = unit or ("passage" if form.rows else "document")
    return Source((), (form.suffixes[0],), unit, columns, hints, data, unique_ids=unique_ids)


def _find(name: str) -> tuple[list[Path], Counter[str]]:
    """Files of a folder, of a pattern, or the one file; and what is left out of a folder."""
    path = Path(name)
    if path.is_dir():
        files = [p for p in path.rglob("*") if p.is_file()]
        reasons = {p: _reason_left_out(p, path) for p in files}
        paths = sorted(p for p in files if reasons[p] is None)
        left_out = Counter(reason for reason in reasons.values() if reason)
        expected = f"{name}: no file that can be read in this folder; expected {EXPECTED}"
    elif glob.has_magic(name) and not path.exists():
        paths = sorted(Path(p) for p in glob.glob(name, recursive=True) if Path(p).is_file())  # noqa: PTH207 - a pattern may be absolute
        expected, left_out = f"{name}: the pattern matches no file", Counter()
    else:
        return [path], Counter()
    if not paths:
        raise RequestError(expected)
    return paths, left_out


def _without_notes(paths: list[Path], left_out: Counter[str]) -> list[Path]:
    """Files without the `.json` files among pages: those hold notes about the pages."""
    notes = [p for p in paths if suffix_of(p) == ".json"]
    others = [p for p in paths if suffix_of(p) != ".json"]
    pages = [p for p in others if suffix_of(p) in BY_SUFFIX and not BY_SUFFIX[suffix_of(p)].rows]
    if not notes or not pages or len(pages) < len(others):
        return paths
    left_out[".json"] += len(notes)
    return others


def _reason_left_out(path: Path, folder: Path) -> str | None:
    """Why a file of a folder is left out; None where it is read."""
    parts = path.relative_to(folder).parts
    if any(p.startswith((".", "~$")) or p == "__MACOSX" for p in parts):
        return HIDDEN
    for ours in (REJECTS, ABOUT):
        if path.name.endswith(ours):
            return ours
    return None if suffix_of(path) in BY_SUFFIX else path.suffix.lower() or "no ending"
