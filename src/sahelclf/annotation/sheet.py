"""The coding sheet: a CSV file for a spreadsheet, written, and read with every mistake named.

Columns: `id`, `check`, `sampling_probability`, `stratum`, `title`, `text`, then one a topic.
`check` has a hash of the row's id, probability, stratum and text, then a hash of the predictions it
was drawn with. A sheet made elsewhere needs `id`, `sampling_probability` and the topics; without
`check`, changed ids cannot be seen.
"""

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sahelclf.annotation.units import Sheet, Unit
from sahelclf.codebook import Codebook
from sahelclf.corpus.jsonl import MAX_LINE_BYTES
from sahelclf.delimited import find_delimiter
from sahelclf.errors import RequestError
from sahelclf.evaluation.predictions import Gold
from sahelclf.files import file_aside

if TYPE_CHECKING:
    import pandas as pd

FIXED = ("id", "check", "sampling_probability", "stratum", "title", "text")
NEEDED = ("id", "sampling_probability")
NO, YES = "no", "yes"
GUIDE = "#"  # the id of the line that says how to fill the sheet
SPREADSHEET = b"PK\x03\x04"  # the first bytes of .xlsx and .ods
LONGEST_CELL = 32_000  # a spreadsheet's cell holds 32,767 characters
FORMULA = ("=", "+", "-", "@")
MOST_SHOWN = 30
MARK = "u:"  # before an id that a spreadsheet would change: 0012, 2023-07, 1e5, mar1
MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
SAFE_ID = re.compile(
    rf"0|[1-9]\d{{0,14}}|(?!u:|true$|false$|({MONTHS})[a-z]*[-. /]?\d)[a-z_].*", re.IGNORECASE
)
Row = tuple[int, list[str]]
csv.field_size_limit(MAX_LINE_BYTES)


def write_units(path: Path, units: Sequence[Unit], codebook: Codebook, how_drawn: str) -> int:
    """Write the sheet, with tabs in a `.tsv`; returns how many texts were cut to fit a cell."""
    codes = " / ".join([NO, *_codes(codebook)])
    guide = (
        f"Fill every topic column of every row with one of: {codes}. Leave the other columns as "
        f"they are. {how_drawn}"
    )
    meanings = [_meaning(codebook, t) for t in codebook.topic_names]
    rows = [
        [*FIXED, *codebook.topic_names],
        [GUIDE, f"{len(units)} rows", "", "", "", guide, *meanings],
    ]
    cut = 0
    for u in units:
        text = u.text if len(u.text) <= LONGEST_CELL else u.text[:LONGEST_CELL] + " […]"
        cut += text != u.text
        check = _check(u.id, u.probability, u.stratum, text)
        rows.append(
            [
                u.id if SAFE_ID.fullmatch(u.id) else MARK + u.id,
                f"{check}.{u.predicted}" if u.predicted else check,
                f"{u.probability:.6g}",
                u.stratum,
                _no_formula(u.title),
                _no_formula(text),
                *("" for _ in codebook.topics),
            ]
        )
    tabs = path.suffix.lower() == ".tsv"
    with file_aside(path) as aside, aside.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream, dialect="excel-tab" if tabs else "excel").writerows(rows)
    return cut


def _codes(codebook: Codebook) -> tuple[str, ...]:
    """Codes of a topic that holds: the stances, or yes where the codebook has none."""
    return codebook.stance_names or (YES,)


def _no_formula(text: str) -> str:
    """A space before what a spreadsheet would take for a formula."""
    return f" {text}" if text.lstrip().startswith(FORMULA) else text


def _check(unit: str, probability: float, stratum: str, text: str) -> str:
    parts = (unit, f"{probability:.6g}", " ".join(stratum.split()), " ".join(text.split()))
    digest = hashlib.sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    return f"k{digest[:10]}"  # a letter first: no spreadsheet takes it for a number


def _meaning(codebook: Codebook, topic: str) -> str:
    t = codebook.topics[topic]
    parts = [f"holds: {t.holds}"]
    parts += [f"stance towards: {t.target}"] if codebook.stances else []
    own = t.model_extra or {}
    parts += [f"{s}: {own.get(s, meaning)}" for s, meaning in codebook.stances.items()]
    return " | ".join(" ".join(p.split()) for p in parts)


def read_codes(path: Path, codebook: Codebook) -> Sheet:
    """Read a coded sheet; raise with every mistake named by row and column."""
    return parse_sheet(str(path), *_file_rows(path), codebook)


def _file_rows(path: Path) -> tuple[list[str], list[Row]]:
    """Header and numbered rows that are not blank, with any delimiter that spreadsheets write."""
    save = "save the sheet as 'CSV UTF-8 (comma delimited)'"
    try:
        data = path.read_bytes()
        if data[:4] == SPREADSHEET:
            raise RequestError(f"{path}: a spreadsheet's own form; open it and {save}")
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise RequestError(f"{path}: not readable: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RequestError(f"{path}: not in UTF-8; {save}") from None
    delimiter = find_delimiter(text.split("\n", 1)[0])
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise RequestError(
            f"{path}: not readable as CSV: {error}; is a quote missing or duplicated?"
        ) from None
    if not rows:
        raise RequestError(f"{path}: empty; expected a sheet as `corpus sample` wrote it, filled")
    return [c.strip() for c in rows[0]], _numbered(rows[1:])


def frame_rows(frame: "pd.DataFrame") -> tuple[list[str], list[Row]]:
    """Header and numbered rows of a DataFrame; missing cells are empty."""
    cells = frame.astype(object).where(frame.notna(), "")
    rows = [[str(c) for c in row] for row in cells.itertuples(index=False, name=None)]
    return [str(c) for c in frame.columns], _numbered(rows)


def _numbered(rows: list[list[str]]) -> list[Row]:
    return [(k, row) for k, row in enumerate(rows, 2) if any(c.strip() for c in row)]


def parse_sheet(where: str, header: list[str], rows: list[Row], codebook: Codebook) -> Sheet:
    """The coded units of a sheet's rows; raise with every mistake."""
    if "unit" in header and "id" not in header:  # sheets of earlier versions
        header = ["id" if c == "unit" else c for c in header]
    topics = codebook.topic_names
    missing = [c for c in (*NEEDED, *topics) if c not in header]
    repeated = sorted({c for c in header if header.count(c) > 1 and c})
    if missing or repeated:
        wrong = f"lacks {missing}" if missing else f"has {repeated} twice"
        raise RequestError(
            f"{where}: row 1: the header {wrong}; found {header[:14]}, expected "
            f"{[*FIXED, *topics]} as `corpus sample` wrote it"
        )
    reader = _Reader(where, header, codebook)
    for number, cells in rows:
        reader.take(number, cells)
    return reader.finish()


class _Reader:
    """Rows of one sheet, checked as they come."""

    def __init__(self, where: str, header: list[str], codebook: Codebook) -> None:
        self.where, self.header, self.codebook = where, header, codebook
        self.place = {name: k for k, name in enumerate(header)}
        self.checked = "check" in self.place
        self.drawn: int | None = None
        self.problems: list[str] = []
        self.seen: dict[str, int] = {}
        self.units: list[tuple[str, int, float, str, str, str]] = []
        self.stances: list[list[int]] = []

    def _cell(self, cells: list[str], name: str) -> str:
        k = self.place.get(name)
        return cells[k] if k is not None and k < len(cells) else ""

    def take(self, number: int, cells: list[str]) -> None:
        """Check one row and keep it."""
        at = f"{self.where}: row {number}"
        unit = self._cell(cells, "id")  # exactly as written: "12 " is not "12"
        check, stratum, text = (self._cell(cells, c).strip() for c in ("check", "stratum", "text"))
        if unit.strip() == GUIDE:
            count = check.split(" ")[0]
            self.drawn = int(count) if count.isdigit() else None
            return
        if len(cells) != len(self.header):
            self.problems.append(
                f"{at}: {len(cells)} cells, the header has {len(self.header)}; is a quote or a "
                "column missing?"
            )
            return
        unit = unit.removeprefix(MARK) if self.checked else unit
        self._check_id(at, number, unit)
        probability = self._probability(at, self._cell(cells, "sampling_probability").strip())
        own, _, predicted = check.partition(".")
        if self.checked and probability and own != _check(unit, probability, stratum, text):
            what = "the row is not as it was drawn" if check else "the cell is empty"
            self.problems.append(
                f"{at}, column check: {what}: id {unit!r}, sampling_probability, stratum or text "
                "was changed; copy them from the sheet as drawn"
            )
        topics = self.codebook.topic_names
        self.stances.append([self._code(f"{at}, column {t}", self._cell(cells, t)) for t in topics])
        self.units.append((unit, number, probability, stratum, text, predicted))

    def _check_id(self, at: str, number: int, unit: str) -> None:
        if not unit.strip():
            self.problems.append(f"{at}, column id: found an empty cell; expected an id")
        elif unit in self.seen:
            first = self.seen[unit]
            self.problems.append(f"{at}, column id: {unit!r} is in row {first} too; ids are unique")
        self.seen.setdefault(unit, number)

    def _probability(self, at: str, cell: str) -> float:
        try:
            value = float(cell.replace(",", "."))
        except ValueError:
            value = 0.0
        if 0 < value <= 1:
            return value
        self.problems.append(
            f"{at}, column sampling_probability: found {_shown(cell)}; expected a number above 0 "
            "and up to 1, the probability with which the row was drawn"
        )
        return 0.0

    def _code(self, at: str, cell: str) -> int:
        value, stances = cell.strip().lower(), _codes(self.codebook)
        if value in stances:
            return stances.index(value)
        if value != NO:
            self.problems.append(f"{at}: found {_shown(cell)}; expected one of {[NO, *stances]}")
        return -1

    def finish(self) -> Sheet:
        """The sheet, or all that is wrong with it."""
        if not self.units and not self.problems:
            self.problems.append(
                f"{self.where}: no row to read; expected the rows that `corpus sample` drew, filled"
            )
        if self.drawn is not None and len(self.seen) < self.drawn:
            self.problems.append(
                f"{self.where}: {len(self.seen)} rows of the {self.drawn} that were drawn; a row "
                "left out biases the results: put it back and code it"
            )
        if self.problems:
            more = len(self.problems) - MOST_SHOWN
            rest = [f"{self.where}: {more} more"] if more > 0 else []
            raise RequestError(self.problems[:MOST_SHOWN] + rest)
        warnings = []
        if not self.checked:
            warnings.append(f"{self.where}: no column check, so a changed id cannot be seen")
        elif self.drawn is None:
            warnings.append(
                f"{self.where}: no line '{GUIDE}', so rows that were left out cannot be seen"
            )
        ids, rows, probability, stratum, texts, predicted = zip(*self.units, strict=True)
        stance = np.array(self.stances)
        gold = Gold(stance >= 0, stance if self.codebook.stances else np.full(stance.shape, -1))
        return Sheet(
            ids, rows, np.array(probability), stratum, texts, predicted, gold, tuple(warnings)
        )


def _shown(cell: str) -> str:
    return repr(cell) if cell.strip() else "an empty cell"
