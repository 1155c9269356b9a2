"""Tables as pandas, R and Excel write them are read back equal; 5,000 cases by `tools`."""

import csv
import json

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from sahelclf.delimited import MISSING
from sahelclf.predict.dialects import shape
from sahelclf.predict.inputs import open_source
from sahelclf.predict.rows import Columns, Item

QUICK = settings(
    max_examples=40,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
LONG = settings(QUICK, max_examples=625, derandomize=False)
SIGNS = "abc xyz éôŋ ,;|\t\"'\\\n«»’0129.-=+@#&<>"
TEXTS = st.text(SIGNS, min_size=1, max_size=40).map(lambda t: f"w{t}x")
IDS = st.text("abAB019-_./é ", min_size=1, max_size=8).filter(lambda i: i.strip() not in MISSING)
ROWS = st.lists(st.tuples(IDS, TEXTS, TEXTS), min_size=1, max_size=12)
NAMES = ["id", "text", "note"]


def frame(rows):
    return pd.DataFrame(rows, columns=NAMES)


def by_pandas(rows, path):
    frame(rows).to_csv(path, index=False)


def by_pandas_tabs(rows, path):
    frame(rows).to_csv(path, index=False, sep="\t")


def by_r(rows, path, mark=",", *, row_names=False, doubled=True):
    """write.csv, write.csv2 (`;`) and write.table, which escapes quotation marks by a backslash."""

    def quoted(value):
        return '"' + value.replace('"', '""' if doubled else '\\"') + '"'

    lines = [mark.join(map(quoted, NAMES))]
    if row_names and doubled:
        lines[0] = f'""{mark}{lines[0]}'  # write.table leaves the name of this column out
    for n, row in enumerate(rows, start=1):
        lines.append(mark.join(([quoted(str(n))] if row_names else []) + [*map(quoted, row)]))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")


def by_excel(rows, path):
    """'CSV UTF-8' of an English Excel."""
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream, "excel").writerows([NAMES, *rows])


def by_excel_unicode(rows, path):
    """'Unicode text': tabs in UTF-16."""
    with path.open("w", encoding="utf-16", newline="") as stream:
        csv.writer(stream, "excel-tab").writerows([NAMES, *rows])


def by_excel_book(rows, path):
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in [NAMES, *rows]:
        cells = [openpyxl.cell.WriteOnlyCell(sheet, value) for value in row]
        for cell in cells:
            cell.data_type = "s"
        sheet.append(cells)
    book.save(path)


def as_json(rows, path):
    records = [dict(zip(NAMES, row, strict=True)) for row in rows]
    path.write_text(json.dumps(records, ensure_ascii=False, indent=len(rows) % 2 or None))


def as_lines(rows, path):
    frame(rows).to_json(path, orient="records", lines=True, force_ascii=False)


def unquoted(rows, path):
    """No quoting at all: R's quote=FALSE, GDELT."""
    assume(not any("\t" in v or "\n" in v for row in rows for v in row))
    assume(not any(v[:1] == '"' for row in rows for v in row))
    lines = ["\t".join(row) for row in [NAMES, *rows]]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")


WAYS = {
    "pandas": (by_pandas, ".csv"),
    "pandas, tabs": (by_pandas_tabs, ".tsv"),
    "R write.csv": (lambda r, p: by_r(r, p, row_names=True), ".csv"),
    "R write.csv2": (lambda r, p: by_r(r, p, ";"), ".csv"),
    "R write.table": (lambda r, p: by_r(r, p, "\t", row_names=True, doubled=False), ".tsv"),
    "Excel, UTF-8": (by_excel, ".csv"),
    "Excel, UTF-16": (by_excel_unicode, ".csv"),
    "Excel, workbook": (by_excel_book, ".xlsx"),
    "JSON array": (as_json, ".json"),
    "JSON lines": (as_lines, ".jsonl"),
    "no quoting": (unquoted, ".tsv"),
}


def reads_as_rows(rows):
    """Whether a line inside a field begins like a row: one of its first two fields is like an id.

    Such a table can be read in two ways, and is refused.
    """
    ids = {shape(row[0]) for row in rows} - {""}
    lines = [line for row in rows for value in row for line in value.split("\n")[1:]]
    starts = [line.split(mark)[:2] for line in lines for mark in ",;\t" if mark in line]
    return any(shape(field.strip('"')) in ids for start in starts for field in start)


def check(folder, way, rows):
    """What is written is read back, but for line ends, which a table does not keep apart."""
    write, suffix = WAYS[way]
    if "R write.table" in way:  # a backslash is not escaped there
        rows = [tuple(v.replace("\\", "/") for v in row) for row in rows]
    assume(suffix not in {".csv", ".tsv"} or not reads_as_rows(rows))
    path = folder / f"x{suffix}"
    write(rows, path)
    source = open_source(str(path), None, Columns())
    found = list(source.items())
    assert all(isinstance(f, Item) for f in found), found
    assert [(f.id, f.text, f.extra["note"]) for f in found] == [*map(tuple, rows)]
    assert source.intake.unread == []


@pytest.mark.parametrize("way", WAYS)
@QUICK
@given(rows=ROWS)
def test_what_is_written_is_read(tmp_path_factory, way, rows):
    check(tmp_path_factory.getbasetemp(), way, rows)


@pytest.mark.tools
@pytest.mark.parametrize("way", WAYS)
@LONG
@given(rows=ROWS)
def test_what_is_written_is_read_by_the_thousand(tmp_path_factory, way, rows):
    check(tmp_path_factory.getbasetemp(), way, rows)


def test_r_reads_its_missing_values_as_missing(tmp_path):
    data = '"","id","text"\n"1","a",NA\n"2",NA,"words"\n'
    (tmp_path / "a.csv").write_text(data)
    first, second = open_source(str(tmp_path / "a.csv"), None, Columns()).items()
    assert first.reason == "text: missing value (NA)"
    assert (second.id, second.text, second.extra) == ("2", "words", {"": "2"})
