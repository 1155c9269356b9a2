"""Coded sheets as `measure` and `evaluate --gold` take them, every mistake named.

A sheet made elsewhere needs `id`, `sampling_probability` and the topics; without `check`, changed
ids cannot be seen.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sahelclf.annotation.answers import choices
from sahelclf.annotation.batch import read_batch
from sahelclf.annotation.half_coded import coded_part
from sahelclf.annotation.sheet import (
    FIXED,
    GUIDE,
    MARK,
    SUGGESTION,
    number_of,
)
from sahelclf.annotation.sheet_files import Row, file_rows, frame_rows
from sahelclf.annotation.units import Sheet, unit_check
from sahelclf.codebook import Codebook
from sahelclf.corpus.read import Corpus
from sahelclf.errors import RequestError
from sahelclf.evaluation.predictions import Gold, Names
from sahelclf.records import NO
from sahelclf.tasks.labeller import encode_topics

if TYPE_CHECKING:
    import pandas as pd

NEEDED = ("id", "sampling_probability")
MOST_SHOWN = 30


def read_codes(source: "str | Path | pd.DataFrame", codebook: Codebook) -> Sheet:
    """Read a coded sheet (.csv, .tsv, .xlsx), or a DataFrame with the columns of one.

    Raises
    ------
    RequestError
        With every mistake, by row and column.
    """
    if isinstance(source, str | Path):
        return parse_sheet(str(source), *file_rows(Path(source)), codebook)
    return parse_sheet("the sheet", *frame_rows(source), codebook)


def batch_codes(root: Path, corpus: Corpus) -> Sheet:
    """The units of a batch with their labels in the corpus that it was imported into.

    Units that had labels before the batch was drawn, and so could not be drawn, stand for
    themselves: their probability is 1. Units with a suggestion are left out.
    """
    batch = read_batch(root)
    labels = {p.id: p for p in corpus.passages}
    before = batch.info.strategy.get("labelled_before", [])
    earlier = list(before) if isinstance(before, list) else []
    blind = [u for u in batch.units if u.suggestion is None]
    if not blind:
        raise RequestError(f"{root}: a model's answers were shown with every unit: no measure")
    unknown = [i for i in (*(u.unit for u in blind), *earlier) if i not in labels]
    differ = {p.id for p in corpus.undecided}
    if any(i in differ or i in earlier for i in unknown) or len(unknown) == len(blind):
        raise RequestError(
            f"{root}: {len(unknown)} of {len(blind) + len(earlier)} units have no label in "
            f"{corpus.root} ({', '.join(unknown[:3])}{', …' if unknown[3:] else ''}); import the "
            "answers, and decide the units that differ: annotate import, annotate adjudicate"
        )
    coded = [u.unit in labels for u in blind]
    shown = len(batch.units) - len(blind)
    notes = [f"{root}: units left out, with which a model's answers were shown: {shown}"]
    notes = notes if shown else []
    chance = np.array([u.sampling_probability for u in blind])[coded]
    if not all(coded):
        part, line = coded_part(str(root), [u.stratum for u in blind], coded)
        chance, notes = chance * part, [*notes, line]
    blind = [u for u, done in zip(blind, coded, strict=True) if done]
    ids = (*(u.unit for u in blind), *earlier)
    y, _ = encode_topics([labels[i].topics for i in ids], corpus.codebook)
    names = Names(corpus.codebook.topic_names, corpus.codebook.stance_names)
    ones = [1.0] * len(earlier)
    return Sheet(
        ids,
        tuple(range(1, len(ids) + 1)),
        np.array([*chance, *ones]),
        (*(u.stratum for u in blind), *("labelled before" for _ in earlier)),
        tuple(labels[i].text for i in ids),
        (*(u.check.partition(".")[2] for u in blind), *("" for _ in earlier)),
        Gold.from_heads(y, names),
        tuple(notes),
    )


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
            f"{[*FIXED, *topics]} as `annotate sample` wrote it"
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
        self.suggested = 0
        self.problems: list[str] = []
        self.seen: dict[str, int] = {}
        self.units: list[tuple[str, int, float, str, str, str]] = []
        self.stances: list[list[int]] = []
        self.coded: list[tuple[str, bool]] = []  # of every row that was to be coded

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
        suggestion = self._cell(cells, SUGGESTION).strip()
        if (
            self.checked
            and probability
            and own != unit_check(unit, probability, stratum, text, suggestion=suggestion)
        ):
            what = "the row is not as it was drawn" if check else "the cell is empty"
            self.problems.append(
                f"{at}, column check: {what}: id {unit!r}, sampling_probability, stratum or text "
                "was changed; copy them from the sheet as drawn"
            )
        if suggestion:
            self.suggested += 1
            return
        topics = self.codebook.topic_names
        coded = any(self._cell(cells, t).strip() for t in topics)
        self.coded.append((stratum, coded))
        if not coded:
            return
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
        value = number_of(cell)
        if 0 < value <= 1:
            return value
        self.problems.append(
            f"{at}, column sampling_probability: found {_shown(cell)}; expected a number above 0 "
            "and up to 1, the probability with which the row was drawn"
        )
        return 0.0

    def _code(self, at: str, cell: str) -> int:
        value, stances = cell.strip().lower(), choices(self.codebook)[1:]
        if value in stances:
            return stances.index(value)
        if value != NO:
            self.problems.append(f"{at}: found {_shown(cell)}; expected one of {[NO, *stances]}")
        return -1

    def finish(self) -> Sheet:
        """The sheet, or all that is wrong with it."""
        if self.suggested and not self.units and not self.problems:
            self.problems.append(
                f"{self.where}: a model's answers were shown with every row (column {SUGGESTION}), "
                "so they measure nothing; expected rows without them"
            )
        elif not self.units and not self.problems:
            what = "no row is coded" if self.coded else "no row to read"
            self.problems.append(f"{self.where}: {what}; expected the rows as drawn, filled")
        if self.drawn is not None and len(self.seen) < self.drawn:
            self.problems.append(
                f"{self.where}: {len(self.seen)} rows of the {self.drawn} that were drawn; a row "
                "left out biases the results: put it back, coded or empty"
            )
        if self.problems:
            more = len(self.problems) - MOST_SHOWN
            rest = [f"{self.where}: {more} more"] if more > 0 else []
            raise RequestError(self.problems[:MOST_SHOWN] + rest)
        warnings = []
        if self.suggested:
            warnings.append(
                f"{self.where}: rows left out, with which a model's answers were shown: "
                f"{self.suggested}"
            )
        if not self.checked:
            warnings.append(f"{self.where}: no column check, so a changed id cannot be seen")
        elif self.drawn is None:
            warnings.append(
                f"{self.where}: no line '{GUIDE}', so rows that were left out cannot be seen"
            )
        ids, rows, probability, stratum, texts, predicted = zip(*self.units, strict=True)
        chance = np.array(probability)
        if len(self.units) < len(self.coded):
            part, line = coded_part(self.where, *zip(*self.coded, strict=True))
            chance, warnings = chance * part, [*warnings, line]
        stance = np.array(self.stances)
        gold = Gold(stance >= 0, stance if self.codebook.stances else np.full(stance.shape, -1))
        return Sheet(ids, rows, chance, stratum, texts, predicted, gold, tuple(warnings))


def _shown(cell: str) -> str:
    return repr(cell) if cell.strip() else "an empty cell"
