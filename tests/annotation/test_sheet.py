"""The coding sheet: written, filled, read."""

import csv

import openpyxl
import pandas as pd
import pytest

from sahelclf.annotation import sheet, sheet_files, xlsx
from sahelclf.annotation.coded import read_codes
from sahelclf.annotation.units import unit_check
from sahelclf.corpus.read import read_corpus
from sahelclf.errors import RequestError
from sahelclf.workflows.agreement import sheet_agreement
from sahelclf.workflows.sampling import For, sample_corpus
from support import batch_in, batch_unit

SHEET = For(("sheet",))


@pytest.fixture(scope="module")
def book(harbour):
    return read_corpus(harbour).codebook


def filled(path, answers):
    rows = list(csv.reader(path.open(encoding="utf-8-sig")))
    for row in rows[2:]:
        row[6:] = answers(row[0])
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return rows


def test_a_sheet_draws_every_cell_and_scores_a_person(harbour, tmp_path):
    corpus = read_corpus(harbour)
    gold = {p.id: p.topics for p in corpus.passages}
    path = tmp_path / "b" / "sheet.csv"
    assert len(sample_corpus(str(harbour), tmp_path / "b", SHEET, n=40).units) == 40
    drawn = [row[0] for row in csv.reader(path.open(encoding="utf-8-sig"))][2:]
    assert len(set(drawn)) == 40
    cells = [next(iter(gold[unit].items()), ("none", None)) for unit in drawn]
    assert {(t, label.stance if label else None) for t, label in cells} == {
        ("none", None),
        *((t, s) for t in ("fishing", "dredging") for s in ("pro", "con")),
    }
    rows = filled(
        path,
        lambda unit: [
            gold[unit][t].stance if t in gold[unit] else "no" for t in ("fishing", "dredging")
        ],
    )
    assert all(0 < float(row[2]) <= 1 for row in rows[2:])
    labels = read_codes(path, corpus.codebook)
    with (tmp_path / "semicolons.csv").open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows(
            [*rows, [""] * 8]
        )  # as spreadsheets of other countries save it
    again = read_codes(tmp_path / "semicolons.csv", corpus.codebook)
    assert again.topics(corpus.codebook) == labels.topics(corpus.codebook)
    figures = {a.what: a for a in sheet_agreement(corpus, path)}
    assert figures["fishing"].alpha == figures["fishing stance"].alpha == 1.0
    assert figures["fishing"].n == 40


def test_every_slip_on_a_sheet_is_named_by_its_cell(harbour, tmp_path):
    corpus = read_corpus(harbour)
    path = tmp_path / "b" / "sheet.csv"
    sample_corpus(str(harbour), tmp_path / "b", SHEET, n=5)
    filled(path, lambda unit: ["maybe", ""])
    with pytest.raises(RequestError) as caught:
        read_codes(path, corpus.codebook)
    assert "row 3, column fishing: found 'maybe'; expected one of ['no', 'pro', 'con']" in str(
        caught.value
    )
    assert "row 3, column dredging: found an empty cell" in str(caught.value)
    path.write_text("a,b\n")
    with pytest.raises(RequestError, match="row 1: the header lacks"):
        read_codes(path, corpus.codebook)
    with pytest.raises(RequestError, match="expected 1 to 120"):
        sample_corpus(str(harbour), tmp_path / "other", SHEET, n=1000)


@pytest.mark.parametrize("unit", ["0012", "u:", "mar1", "=1+1", "-3", 'é;"', "1,5", "a%20b"])
def test_ids_come_back_to_the_letter(unit, book, tmp_path):
    sheet.write(batch_in(tmp_path, book, [batch_unit(unit)]))
    path = tmp_path / "sheet.csv"
    filled(path, lambda _: ["no", "no"])
    assert read_codes(path, book).ids == (unit,)
    frame = pd.read_csv(path, dtype=str, encoding="utf-8-sig")
    assert read_codes(frame, book).ids == (unit,)


@pytest.mark.parametrize("delimiter", [",", "\t", ";"])
def test_a_sheet_may_have_any_delimiter(book, tmp_path, delimiter):
    sheet.write(batch_in(tmp_path, book, [batch_unit("1", "a\ttext", title="a, title")]))
    rows = list(csv.DictReader((tmp_path / "sheet.csv").open(encoding="utf-8-sig", newline="")))
    assert (rows[1]["title"], rows[1]["text"]) == ("a, title", "a\ttext")
    with (tmp_path / "again").open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(row | dict.fromkeys(book.topic_names, "no") for row in rows)
    assert read_codes(tmp_path / "again", book).ids == ("1",)


def test_a_sheet_of_an_earlier_version_is_read(book, tmp_path):
    header = "unit,sampling_probability,title,text,fishing,dredging"
    (tmp_path / "s.csv").write_text(f"{header}\n#,,,fill,,\np1,0.5,T,text,pro,no\n")
    coded = read_codes(tmp_path / "s.csv", book)
    assert (coded.ids, coded.gold.stance.tolist()) == (("p1",), [[0, -1]])


def test_the_corpus_sheet_does_not_show_the_labels(harbour, tmp_path):
    sample_corpus(str(harbour), tmp_path / "b", SHEET, n=20)
    frame = pd.read_csv(tmp_path / "b" / "sheet.csv", dtype=str, keep_default_na=False)
    assert set(frame["stratum"]) == {""}


def test_each_annotator_has_a_sheet_and_its_answers_come_back(book, tmp_path):
    units = [batch_unit("a", annotators=["ben"]), batch_unit("b"), batch_unit("c")]
    batch = batch_in(tmp_path, book, units, annotators=["anna", "ben"])
    assert [p.name for p in sheet.write(batch)] == ["sheet-anna.csv", "sheet-ben.csv"]
    path = tmp_path / "sheet-ben.csv"
    filled(path, {"a": ["Pro ", "no"], "b": ["con", ""], "c": ["", ""]}.get)
    read = sheet.read(path, batch, None)
    assert [(a.annotator, a.unit, a.answers, a.check) for a in read.answers] == [
        ("ben", "a", {"fishing": "pro", "dredging": "no"}, units[0].check)
    ]
    assert read.left_out == {"not answered": 1}
    assert read.problems == [f"{path}: row 4: dredging: no answer; expected one of no, pro, con"]
    assert [a.annotator for a in sheet.read(path, batch, "ben=eve").answers] == ["eve"]
    assert len(list(csv.reader((tmp_path / "sheet-anna.csv").open(encoding="utf-8-sig")))) == 4


def test_a_sheet_without_a_name_needs_an_annotator(book, tmp_path):
    batch = batch_in(tmp_path, book, [batch_unit("a")])
    sheet.write(batch)
    with pytest.raises(RequestError, match=r"sheet.csv: whose answers are these\?"):
        sheet.read(tmp_path / "sheet.csv", batch, None)
    (tmp_path / "other.csv").write_text("id,text\n1,a\n")
    with pytest.raises(RequestError, match="row 1: the header lacks"):
        sheet.read(tmp_path / "other.csv", batch, "anna")


def test_a_changed_text_is_seen_by_its_check(book, tmp_path):
    long = "The boat. " * 5000  # longer than a cell
    batch = batch_in(tmp_path, book, [batch_unit("a", "one\x0b boat"), batch_unit("b", long)])
    path = tmp_path / "sheet.csv"
    for writer, name in ((sheet, "sheet.csv"), (xlsx, "sheet.xlsx")):
        writer.write(batch)
        _, rows = sheet_files.file_rows(tmp_path / name)
        assert rows[2][1][5].endswith("[…]")
    filled(path, lambda _: ["no", "no"])
    checks = [a.check for a in sheet.read(path, batch, "anna").answers]
    assert checks == [u.check for u in batch.units]
    path.write_text(path.read_text("utf-8").replace("one boat", "two boats"), "utf-8")
    assert sheet.read(path, batch, "anna").answers[0].check != batch.units[0].check


@pytest.mark.parametrize(
    ("encoding", "delimiter"),
    [("utf-8-sig", ";"), ("cp1252", ";"), ("utf-16", "\t"), ("utf-8", ",")],
)
def test_a_sheet_is_read_as_spreadsheets_save_it(book, tmp_path, encoding, delimiter):
    text = "L’armée a levé le siège ; « enfin », dit-on — 5 €"
    units = [batch_unit("u1", text), batch_unit("u2", text.upper())]
    batch = batch_in(tmp_path, book, units, annotators=["anna"])
    (path,) = sheet.write(batch)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = [*csv.reader(stream)]
    for row, more in zip(rows, (["note", ""], ["", ""], ["sûr ?", "x"], ["", ""]), strict=True):
        row[6:] = [*(["pro", "NO "] if row[0].startswith("u") else row[6:]), *more]

    def save(coding):
        with path.open("w", encoding=coding, newline="", errors="replace") as stream:
            csv.writer(stream, delimiter=delimiter).writerows(rows)

    save(encoding)
    read = sheet.read(path, batch, None)
    assert read.problems == []
    assert [(*a.answers.values(), a.check, a.note) for a in read.answers] == [
        ("pro", "no", units[0].check, "sûr ?"),
        ("pro", "no", units[1].check, ""),
    ]
    save("mac-roman")
    with pytest.raises(RequestError, match="neither UTF-8 nor Windows-1252; save the sheet as"):
        sheet.read(path, batch, None)
    rows[0][-1] = "fishing"
    save(encoding)
    with pytest.raises(RequestError, match=r"the header has \['fishing'\] twice; remove one"):
        sheet.read(path, batch, None)


def test_a_workbook_offers_the_answers_and_is_read_as_a_sheet(book, tmp_path):
    units = [batch_unit("0012", "=1+1 is a text", 0.25), batch_unit("b", annotators=["ben"])]
    batch = batch_in(tmp_path, book, units, annotators=["anna", "ben"])
    assert [p.name for p in xlsx.write(batch)] == ["sheet-anna.xlsx", "sheet-ben.xlsx"]
    path = tmp_path / "sheet-ben.xlsx"
    workbook = openpyxl.load_workbook(path)
    cells, codes = workbook["units"], workbook["codebook"]
    [rule] = cells.data_validations.dataValidation
    assert (str(rule.sqref), rule.formula1) == ("G3:H4", "codebook!$A$3:$A$5")
    assert [codes.cell(k, 1).value for k in (3, 4, 5)] == ["no", "pro", "con"]
    assert cells["F3"].value == " =1+1 is a text"
    assert cells["A3"].value == "u:0012"
    for row, answers in ((3, ("pro", "no")), (4, ("no", "con"))):
        cells.cell(row, 7).value, cells.cell(row, 8).value = answers
    workbook.save(path)
    read = xlsx.read(path, batch, None)
    assert not read.problems
    assert [(a.annotator, a.unit, a.check) for a in read.answers] == [
        ("ben", "0012", units[0].check),
        ("ben", "b", units[1].check),
    ]
    coded = read_codes(path, book)
    assert (coded.ids, coded.probability.tolist()) == (("0012", "b"), [0.25, 0.5])
    assert coded.gold.stance.tolist() == [[0, -1], [-1, 1]]


def test_rows_with_a_shown_suggestion_measure_nothing(book, tmp_path):
    shown = {"fishing": "pro", "dredging": "no"}
    marked = batch_unit("a", suggestion=shown)
    check = unit_check("a", 0.5, "all", "a text", suggestion="fishing: pro; dredging: no")
    units = [marked.model_copy(update={"check": check}), batch_unit("b")]
    path = tmp_path / "sheet.csv"
    sheet.write(batch_in(tmp_path, book, units))
    rows = list(csv.reader(path.open(encoding="utf-8-sig")))
    assert [row[6] for row in rows] == ["suggestion", "", "fishing: pro; dredging: no", ""]
    for row in rows[2:]:
        row[7:] = ["no", "no"]
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    coded = read_codes(path, book)
    assert coded.ids == ("b",)
    assert coded.warnings == (f"{path}: rows left out, with which a model's answers were shown: 1",)
    rows[2][6] = ""  # taken away
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    with pytest.raises(RequestError, match="row 3, column check: the row is not as it was drawn"):
        read_codes(path, book)
