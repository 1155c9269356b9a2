"""The input forms: one list. Suffixes, what a form's first bytes are, and its reader.

To add a form, write its reader (`readers` has the others) and add one line to `FORMS`.
"""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from sahelclf.delimited import DELIMITERS
from sahelclf.errors import RequestError

if TYPE_CHECKING:
    from sahelclf.predict.open_file import OpenFile
    from sahelclf.predict.rows import Entry, Record

HEAD = 65_536
LONGEST_HEADER = 40  # characters of a column's name, that tells a table from prose
_NAME = re.compile(r"[\w.-]+( [\w.-]+)?")


@dataclass(frozen=True)
class Form:
    """One input form.

    Attributes
    ----------
    suffixes
        Endings of its files, in lower case.
    rows
        Whether it holds rows, which are passages by default; else pages, which are documents.
    reader
        Module of this room and name of its reader, imported when it is used: help is quick.
    recognise
        Whether a stream without a name is of this form, by its first bytes.
    """

    name: str
    suffixes: tuple[str, ...]
    rows: bool
    reader: str
    recognise: "Callable[[bytes, OpenFile], bool]"

    def read(self, file: "OpenFile") -> "Iterator[Record | Entry]":
        """Records, items and rejects of a file."""
        module, _, name = self.reader.partition(".")
        reader = getattr(import_module(f"sahelclf.predict.{module}"), name)
        yield from reader(file)


def _is_json(head: bytes, file: "OpenFile") -> bool:
    return _text(head, file)[:1] in {"{", "["}


def _is_html(head: bytes, file: "OpenFile") -> bool:
    return re.match(r"<(!|\?|[a-z])", _text(head, file), re.IGNORECASE) is not None


def _is_table(head: bytes, file: "OpenFile") -> bool:
    return bool(columns_of_table(head, file, whole=len(head) < HEAD))


FORMS = (
    Form("Parquet", (".parquet",), True, "readers.read_parquet", lambda h, _: h[:4] == b"PAR1"),
    Form(
        "a workbook (.xlsx)",
        (".xlsx",),
        True,
        "readers.read_xlsx",
        lambda h, _: signature(h) == "xlsx",
    ),
    Form("JSON", (".jsonl", ".ndjson", ".json"), True, "readers.read_json", _is_json),
    Form("HTML", (".html", ".htm"), False, "readers.read_html", _is_html),
    Form("a table", (".csv", ".tsv"), True, "readers.read_delimited", _is_table),
    Form("text", (".txt",), False, "readers.read_text", lambda *_: True),
)
BY_SUFFIX = {suffix: form for form in FORMS for suffix in form.suffixes}
COMPRESSED = ", plain or as .gz or .zst"
EXPECTED = ", ".join(BY_SUFFIX) + COMPRESSED
# Output forms, and their classes in `writers`.
OUTPUTS = {
    ".jsonl": "JsonLines",
    ".ndjson": "JsonLines",
    ".csv": "FlatCsv",
    ".parquet": "FlatParquet",
    ".xlsx": "Workbook",
    ".html": "Page",
}
EXPECTED_OUT = ", ".join(OUTPUTS) + COMPRESSED

OFFICE = "save it as {0} with LibreOffice: soffice --headless --convert-to {1} FILE"
TEXT = OFFICE.format("text", "'txt:Text (encoded):UTF8'")
SHEET = OFFICE.format("a workbook", "xlsx")
# What first bytes mean: a name, and how to get a form that can be read.
SIGNATURES: tuple[tuple[bytes, str, str], ...] = (
    (b"%PDF-", "PDF", "get its text with: pdftotext FILE"),
    (b"{\\rtf", "rich text (RTF)", TEXT),
    (b"\x1f\x8b", "gzip", "let its name end in .gz, or unpack it with: gunzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard", "let its name end in .zst, or unpack it with: unzstd"),
    (b"BZh", "bzip2", "unpack it with: bunzip2"),
    (b"\xfd7zXZ", "xz", "unpack it with: unxz"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip", "unpack it with: 7z x"),
    (b"Rar!", "RAR", "unpack it with: unrar x"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file (.doc, .xls)",
     "save it as .xlsx or text with Office or LibreOffice"),
    (b"SQLite format 3\0", "an SQLite database", "export it with: sqlite3 -header -csv"),
    (b"\x89PNG", "a picture (PNG)", "only text can be labelled"),
    (b"\xff\xd8\xff", "a picture (JPEG)", "only text can be labelled"),
    (b"ARROW1", "Arrow (Feather)", "save it as Parquet or CSV"),
    (b"\0\5\x16\7", "a Mac's companion file, without text", "leave it out"),
    (b"PAR1", "Parquet", "let its name end in .parquet"),
)  # fmt: skip
ZIPPED = {
    "docx": ("a Word document (.docx)", TEXT),
    "odt": ("an OpenDocument text (.odt)", TEXT),
    "xlsx": ("a workbook (.xlsx)", "let its name end in .xlsx"),
    "ods": ("an OpenDocument table (.ods)", SHEET),
    "pptx": ("a presentation (.pptx)", TEXT),
    "epub": ("a book (.epub)", "convert it to .html or .txt"),
    "zip": ("a ZIP archive", "unpack it with: unzip"),
}


def signature(data: bytes) -> str | None:
    """Kind of a ZIP archive by its first bytes: `docx`, `xlsx`, …, or `zip`; None for others."""
    if data[:4] not in {b"PK\3\4", b"PK\5\6"}:
        return None
    for part, kind in ((b"word/", "docx"), (b"xl/", "xlsx"), (b"ppt/", "pptx"),
                       (b"opendocument.text", "odt"), (b"opendocument.spreadsheet", "ods"),
                       (b"epub+zip", "epub")):  # fmt: skip
        if part in data:
            return kind
    try:
        names = " ".join(zipfile.ZipFile(io.BytesIO(data)).namelist())
    except (zipfile.BadZipFile, ValueError, OSError):
        return "zip"
    return next((k for p, k in (("word/", "docx"), ("xl/", "xlsx")) if p in names), "zip")


def what_it_is(head: bytes) -> tuple[str, str] | None:
    """What a file is by its first bytes, and how to convert it; None for text."""
    if kind := signature(head):
        return ZIPPED[kind]
    matches = ((name, advice) for mark, name, advice in SIGNATURES if head.startswith(mark))
    return next(matches, None)


def refuse_other(form: Form, file: "OpenFile") -> None:
    """Refuse a file whose first bytes are those of a form that its name does not say."""
    head, whole = file.head(HEAD)
    known = what_it_is(head)
    if known and known[0] != form.name:
        raise RequestError(f"{file.where}: this is {known[0]}, not {form.name}; {known[1]}")
    first = head.lstrip()[: LONGEST_HEADER * 10].split(b"\n")[0]
    if form.name == "text" and any(d.encode() in first for d in DELIMITERS):
        columns = columns_of_table(head, file, whole=whole)
        if columns[1:]:
            raise RequestError(
                f"{file.where}: this is a table with the columns {columns[:10]}; "
                "let its name end in .csv"
            )


def recognise(file: "OpenFile") -> Form:
    """The form of a stream without a name."""
    head, _ = file.head(HEAD)
    form = next(form for form in FORMS if form.recognise(head, file))
    known = what_it_is(head)
    if known and known[0] != form.name:
        raise RequestError(f"{file.where}: this is {known[0]}; {known[1]}")
    return form


def columns_of_table(head: bytes, file: "OpenFile", *, whole: bool) -> list[str]:
    """Columns, where the first bytes are those of a table: [] for prose.

    With the text's column in the header it is one; without, where at least two rows have as many
    fields as a header of short names.
    """
    if not head.strip():
        return []
    from sahelclf.predict.dialects import find_reading

    reading = find_reading(head, whole=whole, default=",", columns=file.columns, hints=file.hints)
    header = reading.header
    if file.columns.name("text") in header:
        return header
    several = len(header) > 1 and reading.rows > 1 and not reading.bad
    names = all(len(h) <= LONGEST_HEADER and _NAME.fullmatch(h) for h in header)
    return header if several and names and len(set(header)) == len(header) else []


def _text(head: bytes, file: "OpenFile") -> str:
    from sahelclf.predict.dialects import find_encoding

    return (
        head[:HEAD]
        .decode(find_encoding(head[:HEAD], file.hints), "replace")
        .lstrip("\ufeff \t\r\n")
    )
