"""Sheets as workbooks: answers are chosen from a list, the codebook lies beside them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.annotation.answers import ReadAnswers, choices
from sahelclf.annotation.batch import Batch
from sahelclf.annotation.sheet import files_of, sheet_rows
from sahelclf.annotation.sheet import read as read_sheet
from sahelclf.annotation.sheet_files import UNITS
from sahelclf.codebook import Codebook
from sahelclf.files import file_aside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openpyxl import Workbook
    from openpyxl.worksheet.worksheet import Worksheet

CODEBOOK = "codebook"
WIDTHS = {"id": 16, "unit": 16, "title": 30, "text": 90, "suggestion": 24, "why": 40}
HIDDEN = ("check", "sampling_probability", "stratum", "round")
TOPIC_WIDTH = 16


def write(batch: Batch) -> list[Path]:
    """Write `sheet-<annotator>.xlsx` for each annotator; `sheet.xlsx` where none is named."""
    paths = []
    for annotator, path in files_of(batch, ".xlsx"):
        units = batch.assigned(annotator) if annotator else batch.units
        paths.append(write_workbook(path, sheet_rows(batch, units), batch.codebook))
    return paths


def read(path: Path, batch: Batch, annotator: str | None) -> ReadAnswers:
    """Answers of a filled workbook, as of a sheet; its annotator is named by its file."""
    return read_sheet(path, batch, annotator)


def write_workbook(path: Path, rows: "Sequence[Sequence[str]]", codebook: Codebook) -> Path:
    """Write a workbook of a header, a guide and rows of units, whose topics are columns."""
    from openpyxl import Workbook
    from openpyxl.styles import Alignment, Font
    from openpyxl.utils import get_column_letter

    book = Workbook()
    sheet: Any = book.active
    sheet.title = UNITS
    for k, row in enumerate(rows, 1):
        for at, value in enumerate(row, 1):
            if value:
                cell = sheet.cell(k, at, value)
                cell.data_type, cell.number_format = "s", "@"  # a text, never a formula or a date
                cell.alignment = Alignment(vertical="top", wrap_text=True)
    for at, name in enumerate(rows[0], 1):
        column = sheet.column_dimensions[get_column_letter(at)]
        column.width = WIDTHS.get(name, TOPIC_WIDTH)
        column.hidden = name in HIDDEN
        sheet.cell(1, at).font = Font(bold=True)
    sheet.freeze_panes = "A3"
    _list_of_answers(sheet, rows, codebook)
    _codebook_sheet(book, codebook)
    with file_aside(path) as aside:
        book.save(aside)
    return path


def _list_of_answers(
    sheet: "Worksheet", rows: "Sequence[Sequence[str]]", codebook: Codebook
) -> None:
    """Let every cell of a topic take one of the codebook's answers alone."""
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    allowed = choices(codebook)
    listed = DataValidation(
        type="list",
        formula1=f"{CODEBOOK}!$A$3:$A${2 + len(allowed)}",
        allow_blank=True,
        showErrorMessage=True,
        errorTitle="Not an answer",
        error=f"Choose one of {', '.join(allowed)}"[:255],
    )
    columns = [k for k, name in enumerate(rows[0], 1) if name in codebook.topics]
    first, last = get_column_letter(columns[0]), get_column_letter(columns[-1])
    listed.add(f"{first}3:{last}{max(len(rows), 3)}")
    sheet.add_data_validation(listed)


def _codebook_sheet(book: "Workbook", codebook: Codebook) -> None:
    """Topics as columns: when each holds, then one row an answer."""
    sheet: Any = book.create_sheet(CODEBOOK)
    topics = codebook.topics
    sheet.append(["answer", *topics])
    sheet.append(["(holds)", *(t.holds for t in topics.values())])
    for answer in choices(codebook):
        meaning = codebook.stances.get(answer, "")
        meanings = [(t.model_extra or {}).get(answer, meaning) for t in topics.values()]
        sheet.append([answer, *meanings])
    for row in sheet.iter_rows():
        for cell in row:
            cell.data_type = "s" if cell.value else cell.data_type
    sheet.freeze_panes = "B2"
