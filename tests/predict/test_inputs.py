"""What comes in: forms, dialects, missing values, ids, folders; every row is accounted for."""

import gzip
import io
import json
import os

import openpyxl
import pandas as pd
import pytest

from sahelclf.errors import RequestError
from sahelclf.predict.dialects import Hints, find_encoding
from sahelclf.predict.inputs import open_source
from sahelclf.predict.rows import Columns, Item, Reject
from sahelclf.workflows.predict import check_file, predict_file

TEXT = "The boat crews landed a catch, and residents welcomed it."


def source(path, unit=None, hints=None, *, unique_ids=False, **columns):
    return open_source(str(path), unit, Columns(**columns), hints, unique_ids=unique_ids)


def items(path, unit=None, hints=None, **more):
    return list(source(path, unit, hints, **more).items())


def ids(path, **more):
    return [i.id for i in items(path, **more)]


def write(path, data):
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def stdin(monkeypatch, data):
    monkeypatch.setattr("sys.stdin", type("S", (), {"buffer": io.BytesIO(data)})())
    return open_source("-", None, Columns())


# ---- dialects


def test_quotation_marks_of_an_unquoted_tsv_swallow_no_rows(tmp_path):
    rows = [f"{i}\t{TEXT}" for i in range(1, 51)]
    rows[4], rows[29] = f'5\t"{TEXT}', f'30\t{TEXT}"'
    path = write(tmp_path / "a.tsv", "\n".join(["id\ttext", *rows]) + "\n")
    assert ids(path) == [str(i) for i in range(1, 51)]
    assert items(path)[4].text == f'"{TEXT}'


def test_rows_that_a_field_swallows_are_reported_where_no_other_reading_fits(tmp_path):
    rows = [f"{i},boat {i}" if i < 12 else f'{i},"{TEXT}"' for i in range(1, 21)]
    rows[4], rows[9] = '5,"open', '10,closed"'
    path = write(tmp_path / "a.csv", "\n".join(["id,text", *rows]) + "\n")
    intake = source(path).intake
    assert intake.rows == 15
    assert "a.csv:11: a field holds what looks like other rows: '6," in intake.unread[0]
    assert items(path, hints=Hints(quoting="quotes"))[4].text.startswith("open\n6,")


@pytest.mark.parametrize(
    "text",
    [
        "One line\n12,000 people fled\nanother",
        "He said no,\nand left, then came back",
        "A list:\n1. boats\n2. nets",
        "However,\nthe boat, the net",
        'He paused\n9é,">x',
    ],
)
def test_texts_of_several_lines_are_no_other_rows(tmp_path, text):
    pd.DataFrame({"id": range(20), "text": text}).to_csv(tmp_path / "a.csv", index=False)
    assert [i.text for i in items(tmp_path / "a.csv")] == [text] * 20
    assert source(tmp_path / "a.csv").intake.unread == []


@pytest.mark.parametrize(
    ("name", "bad", "expected", "reading"),
    [
        ("a.csv", r'5,"The minister said \"we stay\", and left."',
         'The minister said "we stay", and left.', "utf-8, comma, quoting backslash"),
        ("a.tsv", '5\t"We will not leave", the minister said.',
         '"We will not leave", the minister said.', "utf-8, tab, quoting none"),
    ],
)  # fmt: skip
def test_one_odd_quote_costs_no_row(tmp_path, name, bad, expected, reading):
    mark = "\t" if name.endswith("tsv") else ","
    quoted = f'"{TEXT}"' if mark == "," else TEXT
    rows = [f"{i}{mark}{quoted}" for i in range(1, 201)]
    rows[4] = bad
    path = write(tmp_path / name, "\n".join([f"id{mark}text", *rows]) + "\n")
    found = items(path)
    assert [i.id for i in found] == [str(i) for i in range(1, 201)]
    assert found[4].text == expected
    assert source(path).intake.files[0].notes == [f"{reading}, 200 of the first 200 rows fit"]


@pytest.mark.parametrize("cut", ["quote", "gzip"])
def test_a_file_that_is_cut_short_is_an_error_and_its_first_rows_are_labelled(
    bundle, tmp_path, cut
):
    data = "id,text\n" + "".join(f'{i},"{TEXT}"\n' for i in range(200))
    if cut == "quote":
        path = write(tmp_path / "a.csv", data[: len(data) // 2])
    else:
        lines = [f'{i},"boat {os.urandom(60).hex()}"' for i in range(200)]
        whole = gzip.compress("\n".join(["id,text", *lines]).encode())
        path = write(tmp_path / "a.csv.gz", whole[: len(whole) * 2 // 3])
    summary = predict_file(bundle, path, tmp_path / "o.csv")
    assert len(summary.unread) == 1
    assert len(pd.read_csv(tmp_path / "o.csv")) == summary.labelled > 50
    assert check_file(path).unread


def test_what_is_lost_is_counted(tmp_path):
    rows = "".join(f'{i},"{TEXT}"\n' for i in range(1, 9))
    path = write(tmp_path / "a.csv", f'id,text\n{rows}9,"open\n{rows}')
    rejects = [i for i in items(path) if isinstance(i, Reject)]
    assert len(rejects) == 1
    assert rejects[0].unread
    assert "the rest of the file, about 9 lines, was not read" in rejects[0].reason
    assert rejects[0].where.endswith("a.csv:10")


@pytest.mark.parametrize("as_file", [True, False])
@pytest.mark.parametrize(
    "data",
    [
        b"id;text\n1;a b\n2;c d\n",
        b"id\ttext\n1\ta b\n2\tc d\n",
        b"id|text\n1|a b\n2|c d\n",
        "id,text\n1,a b\n2,c d\n".encode("utf-16"),
        "id\ttext\r\n1\ta b\r\n2\tc d\r\n".encode("utf-16-le"),
        b"id,text\r1,a b\r2,c d\r",
        b'"id";"text"\n"1";"a b"\n"2";"c d"\n',
        b'sep=;\nid;text\n1;"a b"\n2;c d\n',
        b'\xef\xbb\xbfid,text\r\n1,a b\r\n"2","c d"\r\n',
        b'"id"\t"text"\n"x"\t"1"\t"a b"\n"y"\t"2"\t"c d"\n',
        b'[{"id": 1, "text": "a b"},\n {"id": "2", "text": "c d"}]',
        b'{"id": 1, "text": "a b"}\n{"id": "2", "text": "c d"}\n',
    ],
)
def test_files_and_standard_input_are_read_alike(tmp_path, monkeypatch, data, as_file):
    name = "a.json" if data[:1] in b"[{" else "a.csv"
    found = items(write(tmp_path / name, data)) if as_file else stdin(monkeypatch, data).items()
    assert [(i.id, i.text) for i in found] == [("1", "a b"), ("2", "c d")]


def test_windows_1252_is_read_where_it_is_that(tmp_path):
    word = "Ménaka – l’été à Gao"
    path = write(tmp_path / "a.csv", f"id,text\n1,{word}\n".encode("cp1252"))
    assert items(path)[0].text == word
    assert source(path).intake.files[0].notes[0].startswith("cp1252, comma")
    for encoding, text in (
        ("cp1251", "Министр сказал"),
        ("mac_roman", "Ménaka été"),
        ("cp1250", "Wałęsa żółty"),
    ):
        assert find_encoding(text.encode(encoding), Hints()) == "utf-8-sig", encoding
    path = write(tmp_path / "b.csv", "id,text\n1,Министр\n".encode("cp1251"))
    assert "--encoding NAME" in items(path)[0].reason
    assert items(path, hints=Hints(encoding="cp1251"))[0].text == "Министр"


def test_hints_overrule_what_is_found(tmp_path):
    path = write(tmp_path / "a.csv", 'id;text\n1;"a, b"\n')
    assert items(path, hints=Hints(quoting="none"))[0].text == '"a, b"'
    path = write(tmp_path / "b.csv", "id/text\n1/a, b\n")
    assert items(path, hints=Hints(delimiter="/"))[0].text == "a, b"
    with pytest.raises(RequestError, match="--encoding nonsense: unknown"):
        Hints(encoding="nonsense")
    with pytest.raises(RequestError, match="--delimiter '::': expected one character"):
        Hints(delimiter="::")


# ---- what is missing, and ids


def test_markers_of_missing_values_are_missing_in_every_column(tmp_path):
    markers = ["NA", "NaN", "nan", "None", "NULL", "#N/A", "", "[deleted]", "[removed]", " "]
    rows = "".join(f'{i},"{m}",t,d\n' for i, m in enumerate(markers))
    path = write(tmp_path / "a.csv", f"id,text,title,date\n{rows}x,Words,NA,NULL\nNA,Words,t,d\n")
    found = items(path)
    reasons = [f.reason for f in found if isinstance(f, Reject)]
    assert reasons == [f"text: missing value ({m.strip() or 'empty'})" for m in markers]
    assert [(f.id, f.title, f.date) for f in found if isinstance(f, Item)] == [
        ("x", None, None),
        ("12", "t", "d"),
    ]
    intake = source(path).intake
    assert intake.markers["NA"] == 3
    assert (intake.invented, intake.rows, intake.rejected.total()) == (1, 12, 10)


def test_nan_of_json_is_missing_everywhere(tmp_path):
    path = write(
        tmp_path / "a.jsonl",
        '{"id": NaN, "title": NaN, "text": "Words", "n": NaN}\n{"id": 7, "text": NaN}\n',
    )
    first, second = items(path)
    assert (first.id, first.title, first.extra) == ("1", None, {"n": None})
    assert second.reason == "text: missing value (nan)"


def test_a_text_of_invisible_characters_is_empty_and_others_lose_them(tmp_path):
    path = write(
        tmp_path / "a.csv", "id,text\n1,am\u00adbas\u200bsador\n2,\u200b\u200b\n3,\u00ad\n"
    )
    found = items(path)
    assert found[0].text == "ambassador"
    assert [f.reason for f in found[1:]] == ["text: missing value (invisible characters alone)"] * 2


def test_ids_are_kept_to_the_letter(tmp_path):
    given = ["12 ", "ID\u00a0", " 7", "0012", "1.0", "TRUE", "1e5", "é", "a\nb"]
    pd.DataFrame({"id": given, "text": "Words"}).to_csv(tmp_path / "a.csv", index=False)
    assert ids(tmp_path / "a.csv") == given


def test_an_invented_id_is_none_that_the_input_gives(tmp_path):
    path = write(tmp_path / "a.csv", "id,text\n2,a\n,b\nrow-4,c\n,d\n")
    assert ids(path) == ["2", "row-row-2", "row-4", "row-row-4"]
    path = write(tmp_path / "b.csv", "id,text\nx,a\n,b\n")
    assert ids(path) == ["x", "2"]


def test_repeated_ids_are_reported_before_the_work_and_made_unique_on_request(
    bundle, tmp_path, caplog
):
    for year in (2021, 2022):
        write(tmp_path / f"{year}.csv", "id,text\n1,boat\n2,net\n2,quay\n")
    assert source(tmp_path).intake.n_repeated == 4
    predict_file(bundle, tmp_path)
    message = next(m for m in caplog.messages if "with the id" in m)
    assert message.startswith("4 rows with the id of an earlier row: '1' at ")
    assert "2021.csv:2, " in message
    assert "--unique-ids" in message
    unique = [f"{y}.csv:{i}" for y in (2021, 2022) for i in ("1", "2:2", "2:3")]
    assert ids(tmp_path, unique_ids=True) == unique


# ---- folders and files


def test_hidden_and_other_files_of_a_folder_are_left_out_and_counted(bundle, tmp_path, caplog):
    caplog.set_level("INFO")
    folder = tmp_path / "in"
    for name in (
        ".ipynb_checkpoints/a.csv",
        "._a.csv",
        "~$b.xlsx",
        "x/.git/c.csv",
        "__MACOSX/a.csv",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder / name, "id,text\n9,hidden\n")
    write(folder / "a.csv", f'id,text\n1,"{TEXT}"\n')
    for name in ("b.pdf", "c.docx", "d.docx", "README"):
        write(folder / name, "x")
    assert predict_file(bundle, folder).labelled == 1
    assert (
        "not read: 9 files of other forms (hidden 5, .docx 2, .pdf 1, no ending 1)"
        in caplog.messages
    )


def test_json_beside_pages_is_left_out(tmp_path):
    for name in ("a.txt", "b.json"):
        write(tmp_path / name, "Some text")
    found = source(tmp_path)
    assert [i.id for i in found.items()] == ["a.txt"]
    assert found.left_out == {".json": 1}


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        (
            "a.csv",
            gzip.compress(b"id,text\n", mtime=0),
            "this is gzip, not a table; let its name end in .gz",
        ),
        ("a.txt", b"%PDF-1.7\n", "this is PDF, not text; get its text with: pdftotext"),
        ("a.jsonl", b"PAR1", "this is Parquet, not JSON"),
        ("a.pdf", b"%PDF-1.7\n", "unknown form '.pdf'; .*this is PDF: get its text with"),
        ("a.csv", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "this is an old Office file"),
        ("a.csv", b"PK\3\4" + b"0" * 26 + b"word/document.xml", "this is a Word document"),
        ("a.tsv", b"PK\3\4" + b"0" * 40, "this is a ZIP archive, not a table; unpack it"),
        ("a.txt", b"id\ttext\n1\tone\n2\ttwo\n", "this is a table with the columns"),
    ],
)
def test_what_cannot_be_read_says_what_it_is(bundle, tmp_path, name, data, message):
    with pytest.raises(Exception, match=message) as caught:
        predict_file(bundle, write(tmp_path / name, data))
    assert caught.value.exit_code in {1, 2}


def test_problems_of_all_files_are_told_at_once(tmp_path):
    for name in ("a.csv", "b.csv"):
        write(tmp_path / name, "body\nx\n")
    with pytest.raises(RequestError) as caught:
        items(tmp_path)
    assert len(str(caught.value).splitlines()) == 2


def test_names_that_are_not_utf_8_survive(bundle, tmp_path):
    (tmp_path / "in").mkdir()
    for name, data in ((b"caf\xe9.txt", TEXT.encode()), (b"bad\xff.txt", b"")):
        (tmp_path / "in" / os.fsdecode(name)).write_bytes(data)
    predict_file(bundle, tmp_path / "in", tmp_path / "o.jsonl")
    assert json.loads((tmp_path / "o.jsonl").read_text())["id"] == r"caf\xe9.txt"
    reject = json.loads((tmp_path / "o.jsonl.rejects.jsonl").read_text())
    assert reject["where"].endswith(r"bad\xff.txt")


# ---- workbooks, arrays, exports


def workbook(path, rows, other=()):
    book = openpyxl.Workbook()
    book.active.title = "news"
    for row in rows:
        book.active.append(row)
    sheet = book.create_sheet("other")
    for row in other:
        sheet.append(row)
    book.save(path)
    return path


def test_a_workbook_is_read_by_its_first_or_named_sheet(tmp_path):
    day = pd.Timestamp("2021-03-01").to_pydatetime()
    rows = [[None], ["id", "text", "date", "n"], [1, TEXT, day, 2.5], ["0012", "#N/A"], [None, "b"]]
    path = workbook(tmp_path / "a.xlsx", rows, [["id", "text"], ["o", "other"]])
    first, second, third = items(path)
    assert (first.id, first.text, first.date, first.extra) == ("1", TEXT, "2021-03-01", {"n": 2.5})
    assert second.reason == "text: missing value (#N/A)"
    assert (third.id, third.text) == ("3", "b")
    assert ids(path, hints=Hints(sheet="other")) == ["o"]
    assert source(path).intake.files[0].notes == ["sheet 'news', one of 2"]
    assert "no sheet 'x'; found ['news', 'other']" in items(path, hints=Hints(sheet="x"))[0].reason
    assert "as a workbook" in items(write(tmp_path / "b.xlsx", b"PK\3\4 xl/"))[0].reason


def test_a_json_array_that_does_not_end_is_an_error(tmp_path):
    rows = [{"id": str(i), "text": "x" * 1000} for i in range(3000)]
    whole = json.dumps(rows)
    assert len(items(write(tmp_path / "a.json", whole))) == 3000
    assert ids(write(tmp_path / "c.jsonl", json.dumps(rows[:2], indent=2))) == ["0", "1"]
    found = items(write(tmp_path / "b.json", whole[:-500]))
    assert len(found) == 3000
    assert found[-1].unread
    assert "item 3000: not JSON from here on" in f"{found[-1].where}: {found[-1].reason}"


LEXIS = """
2 of 2 DOCUMENTS


The Quay

March 1, 2021 Monday
Final Edition

Headline {n}

BYLINE: A. Writer

LENGTH: 24 words

{text}

Second paragraph.

LOAD-DATE: March 2, 2021

LANGUAGE: ENGLISH

Copyright 2021 The Quay
"""
NEXIS = """Headline {n}

The Quay

March 1, 2021 Monday

Copyright 2021 The Quay All Rights Reserved

Section: NEWS; Pg. 3
Length: 24 words
Byline: A. Writer
Body


{text}

Second paragraph.

Load-Date: March 2, 2021


End of Document

"""
FACTIVA = """Headline {n}

By A. Writer
24 words
1 March 2021
The Quay
QUAY
English
Copyright 2021 The Quay

{text}

Second paragraph.

Document QUAY000020210301eh3100{n}b6

"""
CODES = """HD  Headline {n}
BY  A. Writer
WC  24 words
PD  1 March 2021
SN  The Quay
LA  English
LP  {text}

TD  Second paragraph.

AN  Document QUAY000020210301eh3100{n}b6
Document QUAY000020210301eh3100{n}b6

"""


@pytest.mark.parametrize("form", [LEXIS, NEXIS, FACTIVA, CODES])
def test_an_export_of_many_articles_is_split_with_its_fields(tmp_path, form):
    path = write(tmp_path / "e.txt", "".join(form.format(n=n, text=TEXT) for n in (1, 2)))
    found = items(path)
    assert [i.id for i in found] == ["e.txt:1", "e.txt:2"]
    for n, item in enumerate(found, start=1):
        about = (item.title, item.date, item.extra, item.text)
        text = f"{TEXT}\n\nSecond paragraph."
        assert about == (f"Headline {n}", "2021-03-01", {"source": "The Quay"}, text)
    assert [i.text for i in items(path, unit="passage")] == [i.text for i in found]


def test_an_export_that_cannot_be_split_is_refused_with_the_reason(tmp_path):
    path = write(
        tmp_path / "e.txt", "1 of 2 DOCUMENTS\n\nThe Quay\n\n2 of 2 DOCUMENTS\n\nThe Quay\n"
    )
    assert (
        "an export of 2 articles of LexisNexis; no text found in article 1" in items(path)[0].reason
    )


# ---- the report


def test_the_report_of_a_messy_folder(tmp_path):
    write(tmp_path / "a.csv", "id;text\n1;one\n1;two\n;three\n2;NA\n")
    write(tmp_path / "b.jsonl", '{"text": 7}\n{"text": "four"}\n')
    write(tmp_path / "c.pdf", "x")
    report = "\n".join(check_file(tmp_path).lines())
    for line in (
        "files: 2 (.csv 1, .jsonl 1)",
        "left out: 1 file (.pdf 1)",
        "a.csv: .csv; utf-8, semicolon, quoting quotes, 4 of the first 4 rows fit; 4 "
        "rows, 1 rejected",
        "rows and pages: 6, 2 of them rejected",
        "ids: 2 missing and replaced by a number",
        "ids: 1 row with the id of an earlier row",
        "markers of missing values: NA 1, empty 1",
        "not read to the end: 0 files",
    ):
        assert line in report


def test_pages_are_read_by_the_report_alone(tmp_path):
    write(tmp_path / "a.html", "<p>x</p>")
    write(tmp_path / "b.txt", "Some text of a page")
    assert source(tmp_path).intake.rejected.total() == 0
    assert check_file(tmp_path).forms == {".html": 1, ".txt": 1}
