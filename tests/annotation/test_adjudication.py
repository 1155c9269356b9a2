"""Units that annotators answered differently are decided, and the reasons kept."""

import csv
import json

import openpyxl
import pytest
from openpyxl.utils import get_column_letter

from annotation.batches import answer, answers, contents, lines, make_batch
from sahelclf.annotation.adjudication import cases, majority
from sahelclf.annotation.importing import import_answers
from sahelclf.corpus.edit import CorpusEdit
from sahelclf.corpus.read import read_corpus
from sahelclf.corpus.validate import validate
from sahelclf.errors import RequestError
from sahelclf.records import Label
from sahelclf.workflows.annotate import annotate_adjudicate
from support import write_lines

# water and roads of each annotator: u1 all equal; u2 two of three say favor; u3 three answers;
# u4 one annotator alone; u5 two topics with different majorities
SAID = {
    "anna": {"u1": ("favor", "no"), "u2": ("favor", "no"), "u3": ("favor", "no"),
             "u5": ("no", "no")},
    "ben": {"u1": ("favor", "no"), "u2": ("no", "no"), "u3": ("against", "no"),
            "u4": ("favor", "favor"), "u5": ("favor", "against")},
    "eva": {"u1": ("favor", "no"), "u2": ("favor", "no"), "u3": ("no", "no"),
            "u5": ("no", "against")},
}  # fmt: skip


@pytest.fixture
def root(tmp_path):
    batch = make_batch(
        tmp_path / "b", [{"unit": "u1"}, {"unit": "u2", "title": "=Pumps"}, "u3", "u4", "u5"]
    )
    parts = [
        answers(*(answer(name, u, *values) for u, values in rows.items()))
        for name, rows in SAID.items()
    ]
    root = tmp_path / "c"
    edit = CorpusEdit(root, batch.codebook, (batch.root / "codebook.yaml").read_bytes())
    import_answers(batch, parts, edit)
    return root


def decision(unit, water="no", roads="no", why="read twice"):
    answers = {"water": water, "roads": roads}
    return {"unit": unit, "round": 1, "answers": answers, "why": why}


def saved(tmp_path, *rows):
    path = tmp_path / "decisions.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return path


def labels(root):
    return {p.id: p.topics for p in read_corpus(root).passages}


def test_cases_are_the_units_that_differ_without_names(root):
    open_ = cases(CorpusEdit.open(root))
    assert [c.unit for c in open_] == ["u2", "u3", "u5"]
    assert [c.title for c in open_] == ["=Pumps", "", ""]
    assert sorted(a["water"] for a in open_[1].answers) == ["against", "favor", "no"]


def test_decisions_of_the_page_become_labels_and_twice_is_once(root, tmp_path):
    assert len(annotate_adjudicate(root, out=tmp_path / "decide.html").open) == 3
    page = (tmp_path / "decide.html").read_text(encoding="utf-8")
    assert not [name for name in SAID if name in page]
    path = saved(tmp_path, decision("u2", water="favor"), decision("u3"))
    decided = annotate_adjudicate(root, path, decided_by="eva and ben")
    assert (decided.new, decided.open) == (["u2", "u3"], ["u5"])
    favor = {"water": Label(stance="favor")}
    assert (labels(root)["u2"], labels(root)["u3"]) == (favor, {})
    assert lines(root / "adjudication.jsonl")[0] == {
        "unit": "u2",
        "round": 1,
        "decided_by": "eva and ben",
        "why": "read twice",
        "topics": {"water": {"stance": "favor"}},
    }
    assert [f.id for f in validate(read_corpus(root)) if f.code == "C07"] == ["u5"]
    before = contents(root)
    again = annotate_adjudicate(root, path, decided_by="eva and ben")
    assert (again.known, again.files, contents(root)) == (["u2", "u3"], [], before)


def test_problems_of_decisions_are_named_at_once_and_nothing_is_written(root, tmp_path):
    annotate_adjudicate(root, saved(tmp_path, decision("u2", water="favor")), decided_by="eva")
    before = contents(root)
    path = saved(
        tmp_path,
        decision("u2"),
        decision("u1"),
        decision("u3", why=" "),
        decision("u5", water="maybe"),
    )
    with pytest.raises(RequestError) as caught:
        annotate_adjudicate(root, path, decided_by="eva")
    text = str(caught.value)
    assert len(caught.value.problems) == 4
    assert "'u2' is decided otherwise in adjudication.jsonl, by eva" in text
    assert "unit 'u1': round 1: not among the 3 units to decide" in text
    assert "why: no reason" in text
    assert "found 'maybe'" in text
    assert contents(root) == before
    with pytest.raises(RequestError, match="who decided"):
        annotate_adjudicate(root, path)


def test_the_majority_decides_only_where_it_is_asked_and_says_so(root):
    assert [d.unit for d in majority(CorpusEdit.open(root))] == ["u2", "u5"]
    decided = annotate_adjudicate(root, rule="majority")
    assert (decided.new, decided.open) == (["u2", "u5"], ["u3"])
    rows = {r["unit"]: r for r in lines(root / "adjudication.jsonl")}
    assert {r["decided_by"] for r in rows.values()} == {"rule: majority"}
    assert rows["u2"]["why"] == "majority of the annotators: water favor, 2 of 3"
    assert (
        rows["u5"]["why"] == "majority of the annotators: water no, 2 of 3; roads against, 2 of 3"
    )
    assert labels(root)["u5"] == {"roads": Label(stance="against")}
    assert "u3" not in labels(root)


def fill(path, **given):
    """Fill rows of the sheet: unit to (water, roads, why)."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        if row["unit"] in given:
            row["water"], row["roads"], row["why"] = given[row["unit"]]
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)
    return rows


def test_decisions_of_the_sheet(root, tmp_path):
    sheet = tmp_path / "decide.csv"
    assert len(annotate_adjudicate(root, out=sheet).open) == 3
    rows = fill(sheet, u2=("Favor", "no", "it names the council"), u5=("no", "", "unsure"))
    by_unit = {r["unit"]: r for r in rows}
    assert by_unit["u2"]["title"] == " =Pumps"  # no formula
    shown = {by_unit["u3"][f"answers {k}"] for k in (1, 2, 3)}
    assert shown == {"water favor, roads no", "water against, roads no", "water no, roads no"}
    # the topic on which all agree is filled
    assert (by_unit["u3"]["water"], by_unit["u3"]["roads"]) == ("", "no")
    with pytest.raises(RequestError, match=r"row 5: roads: no answer"):
        annotate_adjudicate(root, sheet, decided_by="eva")
    fill(sheet, u5=("no", "against", "the bridge"))
    decided = annotate_adjudicate(root, sheet, decided_by="eva")
    assert (decided.new, decided.left_out) == (["u2", "u5"], {"no reason": 1})
    assert labels(root)["u2"] == {"water": Label(stance="favor")}
    assert annotate_adjudicate(root, sheet, decided_by="eva").files == []


def test_decisions_of_the_workbook_are_those_of_the_sheet(root, tmp_path):
    path = tmp_path / "decide.xlsx"
    annotate_adjudicate(root, out=path)
    book = openpyxl.load_workbook(path)
    sheet = book["units"]
    header, _, *rows = ([c.value for c in row] for row in sheet.iter_rows())
    assert [row[0] for row in rows] == ["u2", "u3", "u5"]
    lists = {str(v.sqref): v.formula1 for v in sheet.data_validations.dataValidation}
    water, roads = (get_column_letter(header.index(t) + 1) for t in ("water", "roads"))
    assert lists == {f"{water}3:{roads}5": "codebook!$A$3:$A$5"}
    for column, value in (("water", "favor"), ("roads", "no"), ("why", "it names the council")):
        sheet.cell(3, header.index(column) + 1, value)
    book.save(path)
    decided = annotate_adjudicate(root, path, decided_by="eva")
    assert (decided.new, decided.left_out) == (["u2"], {"no reason": 2})
    assert labels(root)["u2"] == {"water": Label(stance="favor")}


def test_a_decision_that_nobody_gave_is_counted_and_a_changed_text_is_refused(root, tmp_path):
    # roads is 'no' of everybody on u2; the three answers on water of u3 are not one
    path = saved(tmp_path, decision("u2", "favor", "against"), decision("u3", "favor"))
    assert annotate_adjudicate(root, path, decided_by="eva").against_all == ["u2"]
    sheet = tmp_path / "decide.csv"
    annotate_adjudicate(root, out=sheet)
    fill(sheet, u5=("no", "against", "the bridge"))
    sheet.write_text(sheet.read_text("utf-8-sig").replace("Text of u5", "A text of u5"), "utf-8")
    with pytest.raises(RequestError, match="row 3: text: was changed in the sheet"):
        annotate_adjudicate(root, sheet, decided_by="eva")


def test_a_decision_is_changed_after_its_line_is_removed(root, tmp_path):
    annotate_adjudicate(
        root, saved(tmp_path, decision("u2", "favor"), decision("u3")), decided_by="eva"
    )
    path = root / "adjudication.jsonl"
    write_lines(path, [r for r in lines(path) if r["unit"] != "u2"])
    decided = annotate_adjudicate(root, saved(tmp_path, decision("u2")), decided_by="eva")
    assert (decided.new, labels(root)["u2"]) == (["u2"], {})


def test_another_annotator_can_answer_a_unit_that_is_drawn_again(root, tmp_path):
    again = make_batch(tmp_path / "again", ["u4"])  # ben alone answered it: favor, favor
    edit = CorpusEdit.open(root)
    imported = import_answers(again, [answers(answer("anna", "u4", "favor"))], edit)
    assert (imported.new, imported.undecided) == ({"anna": 1}, ["u4"])
    assert "u4" in [c.unit for c in cases(CorpusEdit.open(root))]


def test_a_sheet_of_other_answers_is_refused(root, tmp_path):
    sheet = tmp_path / "decide.csv"
    annotate_adjudicate(root, out=sheet)
    fill(sheet, u3=("favor", "no", "so"))
    rows = lines(root / "raw" / "anna.jsonl")
    topics = {"roads": {"stance": "favor"}}
    changed = [r | {"topics": topics} if r["unit"] == "u3" else r for r in rows]
    write_lines(root / "raw" / "anna.jsonl", changed)
    with pytest.raises(RequestError, match=r"row 4: check: found '.*answers changed"):
        annotate_adjudicate(root, sheet, decided_by="eva")


def test_what_cannot_be_written_or_asked(root, tmp_path):
    with pytest.raises(
        RequestError, match=r"unknown form '.txt'; expected one of .html, .csv, .xlsx"
    ):
        annotate_adjudicate(root, out=tmp_path / "decide.txt")
    annotate_adjudicate(root, rule="majority")
    annotate_adjudicate(root, saved(tmp_path, decision("u3")), decided_by="eva")
    with pytest.raises(RequestError, match="no unit to decide"):
        annotate_adjudicate(root, out=tmp_path / "decide.html")
