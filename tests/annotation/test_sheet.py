"""The coding sheet: written, filled, read."""

import csv
from pathlib import Path

import pandas as pd
import pytest

from sahelclf.annotation.tools import read_codes, write_units
from sahelclf.annotation.units import Unit
from sahelclf.corpus.read import read_corpus
from sahelclf.errors import RequestError
from sahelclf.workflows.agreement import sheet_agreement
from sahelclf.workflows.sampling import sample_corpus


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
    path = tmp_path / "s.csv"
    assert sample_corpus(corpus, path, n=40) == 40
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
    path = tmp_path / "s.csv"
    sample_corpus(corpus, path, n=5)
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
        sample_corpus(corpus, tmp_path / "other.csv", n=1000)


@pytest.mark.parametrize(
    "unit",
    ["12 ", " 12", "ID\u00a0", "0012", "u:", "#", "mar1", "=1+1", "-3", "a\nb", 'é;"', "1,5"],
)
def test_ids_come_back_to_the_letter(unit, book, tmp_path):
    write_units(tmp_path / "s.csv", [Unit(unit, "", "a text", "all", 0.5)], book, "")
    filled(tmp_path / "s.csv", lambda _: ["no", "no"])
    assert read_codes(tmp_path / "s.csv", book).ids == (unit,)
    frame = pd.read_csv(tmp_path / "s.csv", dtype=str, encoding="utf-8-sig")
    assert read_codes(frame, book).ids == (unit,)


@pytest.mark.parametrize(("name", "delimiter"), [("s.csv", ","), ("s.TSV", "\t"), ("s", ",")])
def test_a_sheet_has_the_delimiter_that_its_name_says(book, tmp_path, name, delimiter):
    path = tmp_path / name
    write_units(path, [Unit("1", "a, title", "a\ttext", "all", 0.5)], book, "")
    columns = ["id", "check", "sampling_probability", "stratum", "title", "text"]
    assert path.read_text("utf-8-sig").splitlines()[0].split(delimiter)[:6] == columns
    rows = list(csv.DictReader(path.open(encoding="utf-8-sig", newline=""), delimiter=delimiter))
    assert (rows[1]["title"], rows[1]["text"]) == ("a, title", "a\ttext")
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(row | dict.fromkeys(book.topic_names, "no") for row in rows)
    assert read_codes(path, book).ids == ("1",)


@pytest.mark.parametrize("name", ["s.xlsx", "s.ods", "s.json"])
def test_a_sheet_is_not_written_under_the_name_of_another_form(book, tmp_path, name):
    with pytest.raises(RequestError, match=f"unknown form '{Path(name).suffix}'; expected .csv"):
        write_units(tmp_path / name, [Unit("1", "", "text", "all", 0.5)], book, "")
    assert not (tmp_path / name).exists()


def test_a_sheet_of_an_earlier_version_is_read(book, tmp_path):
    header = "unit,sampling_probability,title,text,fishing,dredging"
    (tmp_path / "s.csv").write_text(f"{header}\n#,,,fill,,\np1,0.5,T,text,pro,no\n")
    sheet = read_codes(tmp_path / "s.csv", book)
    assert (sheet.ids, sheet.gold.stance.tolist()) == (("p1",), [[0, -1]])


def test_the_corpus_sheet_does_not_show_the_labels(harbour, tmp_path):
    corpus = read_corpus(harbour)
    sample_corpus(corpus, tmp_path / "s.csv", n=20)
    frame = pd.read_csv(tmp_path / "s.csv", dtype=str, keep_default_na=False)
    assert set(frame["stratum"]) == {""}
