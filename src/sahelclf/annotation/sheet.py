"""The coding sheet: a CSV file for a spreadsheet, for one annotator.

Columns: `id`, `check`, `sampling_probability`, `stratum`, `title`, `text`, then one a topic; before
the topics `suggestion` where the annotators are shown a model's answers. `check` has a hash of the
row, then a hash of the predictions it was drawn with. `annotation/coded.py` reads filled sheets for
`measure`.
"""

import csv
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sahelclf.annotation.answers import Answer, ReadAnswers, answer_problem, choices
from sahelclf.annotation.batch import Batch, BatchUnit
from sahelclf.annotation.exports import Collector
from sahelclf.annotation.sheet_files import Row, file_rows
from sahelclf.annotation.units import plain_cell, unit_check
from sahelclf.codebook import Codebook
from sahelclf.errors import RequestError
from sahelclf.files import file_aside

LOG = logging.getLogger(__name__)
FIXED = ("id", "check", "sampling_probability", "stratum", "title", "text")
SUGGESTION = "suggestion"
GUIDE = "#"  # the id of the line that says how to fill the sheet
FORMULA = ("=", "+", "-", "@")
MARK = "u:"  # before an id that a spreadsheet would change: 0012, 2023-07, 1e5, mar1
MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
SAFE_ID = re.compile(
    rf"0|[1-9]\d{{0,14}}|(?!u:|true$|false$|({MONTHS})[a-z]*[-. /]?\d)[a-z_].*", re.IGNORECASE
)
SHEET_NAME = re.compile(r"sheet-(.+)")


def write(batch: Batch) -> list[Path]:
    """Write `sheet-<annotator>.csv` for each annotator; `sheet.csv` where none is named."""
    paths = []
    for annotator, path in files_of(batch, ".csv"):
        units = batch.assigned(annotator) if annotator else batch.units
        with file_aside(path) as aside, aside.open("w", encoding="utf-8-sig", newline="") as stream:
            csv.writer(stream).writerows(sheet_rows(batch, units))
        paths.append(path)
    return paths


def files_of(batch: Batch, suffix: str) -> list[tuple[str, Path]]:
    """Each annotator with the file to write; an empty name where the batch names none."""
    names = [(a, f"sheet-{a}{suffix}") for a in batch.info.annotators] or [("", f"sheet{suffix}")]
    return [(annotator, batch.root / name) for annotator, name in names]


def sheet_rows(batch: Batch, units: Sequence[BatchUnit]) -> list[list[str]]:
    """Header, the line that says how to fill the sheet, and one row a unit."""
    book = batch.codebook
    suggested = [SUGGESTION] if any(u.suggestion for u in units) else []
    guide = (
        f"Fill every topic column of every row with one of: {' / '.join(choices(book))}. Leave the "
        f"other columns as they are. Drawn from {batch.info.collection_units:,} units with seed "
        f"{batch.info.seed}."
    )
    meanings = [topic_meaning(book, t) for t in book.topic_names]
    rows = [
        [*FIXED, *suggested, *book.topic_names],
        [GUIDE, f"{len(units)} rows", "", "", "", guide, *("" for _ in suggested), *meanings],
    ]
    cut = sum(plain_cell(u.text) != u.text for u in units)
    if cut:
        LOG.info(f"{cut} texts are longer than a spreadsheet's cell and end with […]")
    for u in units:
        id_ = u.unit if SAFE_ID.fullmatch(u.unit) else MARK + u.unit
        shown = [suggestion_cell(u)] if suggested else []
        title, text = _no_formula(u.title), _no_formula(plain_cell(u.text))
        fixed = [id_, u.check, f"{u.sampling_probability:.6g}", u.stratum, title, text]
        rows.append([*fixed, *shown, *("" for _ in book.topics)])
    return rows


def suggestion_cell(unit: BatchUnit) -> str:
    """A model's answers in one cell, as `unit_check` hashes them."""
    return "; ".join(f"{t}: {answer}" for t, answer in (unit.suggestion or {}).items())


def _no_formula(text: str) -> str:
    """A space before what a spreadsheet would take for a formula."""
    return f" {text}" if text.lstrip().startswith(FORMULA) else text


def topic_meaning(codebook: Codebook, topic: str) -> str:
    """The codebook's entry on a topic, short."""
    t = codebook.topics[topic]
    parts = [f"holds: {t.holds}"]
    parts += [f"stance towards: {t.target}"] if codebook.stances else []
    own = t.model_extra or {}
    parts += [f"{s}: {own.get(s, meaning)}" for s, meaning in codebook.stances.items()]
    return " | ".join(" ".join(p.split()) for p in parts)


def read(path: Path, batch: Batch, annotator: str | None) -> ReadAnswers:
    """Answers of a sheet; its annotator is named by `sheet-<annotator>.csv`, or `--annotator`.

    A row without any answer is left out; `check` is that of the row as it is now.
    """
    header, rows = file_rows(path)
    name = SHEET_NAME.fullmatch(path.stem)
    if not name and not annotator:
        raise RequestError(
            f"{path}: whose answers are these? expected a file sheet-<annotator>{path.suffix}, or "
            "--annotator NAME"
        )
    topics = batch.codebook.topic_names
    missing = [c for c in ("id", "check", "sampling_probability", *topics) if c not in header]
    if missing:
        raise RequestError(
            f"{path}: row 1: the header lacks {missing}; found {header[:14]}, expected the columns "
            "of the sheet as `annotate sample` wrote it"
        )
    out = Collector(batch, annotator)
    answers = out.read
    for row in read_rows(str(path), header, rows, answers.problems):
        given = {t: row.cells.get(t, "").strip().lower() for t in topics}
        if not any(given.values()):
            answers.left_out["not answered"] += 1
            continue
        who = out.annotator(str(path), name[1] if name else path.stem, named=bool(name))
        wrong = [answer_problem(batch.codebook, t, given[t]) for t in topics]
        problems = [f"{row.where}: {problem}" for problem in wrong if problem]
        answers.problems += problems
        if who and not problems:
            note = row.cells.get("note", "").strip()
            answers.answers.append(Answer(who, row.unit, given, row.where, row.check, note))
    return answers


class SheetRow(NamedTuple):
    """One row: its place, its unit, its cells by column, and the check of it as it is now."""

    where: str
    unit: str
    cells: dict[str, str]
    check: str


def read_rows(
    where: str, header: list[str], rows: list[Row], problems: list[str]
) -> Iterator[SheetRow]:
    """Rows with as many cells as the header; the others become problems."""
    for number, cells in rows:
        at = f"{where}: row {number}"
        if cells and cells[header.index("id") % len(cells)].strip() == GUIDE:
            continue
        if len(cells) != len(header):
            problems.append(
                f"{at}: {len(cells)} cells, the header has {len(header)}; is a quote or a column "
                "missing?"
            )
            continue
        row = dict(zip(header, cells, strict=True))
        unit = row["id"].removeprefix(MARK)
        _, _, predicted = row["check"].strip().partition(".")
        probability = number_of(row["sampling_probability"])
        stratum, text = row.get("stratum", "").strip(), row.get("text", "").strip()
        suggestion = row.get(SUGGESTION, "").strip()
        check = unit_check(unit, probability, stratum, text, predicted, suggestion)
        yield SheetRow(at, unit, row, check)


def number_of(cell: str) -> float:
    """A number with a decimal point or comma; 0 where the cell has none."""
    try:
        return float(cell.strip().replace(",", "."))
    except ValueError:
        return 0.0
