"""Answers become a corpus: exactly, once, and with every problem named."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.batches import CODEBOOK, FakeTool, answer, answers, contents, lines, make_batch
from sahelclf.annotation import tools
from sahelclf.annotation.adjudication import decide
from sahelclf.annotation.answers import Answer, ReadAnswers, from_topics
from sahelclf.annotation.batch import read_batch
from sahelclf.annotation.importing import import_answers
from sahelclf.annotation.page import Decision
from sahelclf.corpus.agreement import agreement
from sahelclf.corpus.edit import CorpusEdit
from sahelclf.corpus.read import read_annotations, read_batches, read_corpus
from sahelclf.corpus.rounds import annotated_units, retest_units
from sahelclf.corpus.validate import validate
from sahelclf.errors import CorpusError, RequestError, SahelclfError
from sahelclf.records import Label
from sahelclf.workflows.annotate import annotate_import


def put(batch, root, *parts, correct=False):
    """Import these answers into the corpus in `root`."""
    edit = CorpusEdit.open(root) if root.exists() else new(batch, root)
    return import_answers(batch, parts, edit, correct=correct)


def new(batch, root):
    return CorpusEdit(root, batch.codebook, (batch.root / "codebook.yaml").read_bytes())


def problems_of(batch, root, *parts):
    before = contents(root) if root.exists() else None
    with pytest.raises(RequestError) as caught:
        put(batch, root, *parts)
    assert (contents(root) if root.exists() else None) == before
    return caught.value.problems


def test_two_annotators_make_a_corpus(tmp_path):
    batch = make_batch(
        tmp_path / "b", [{"unit": "u1", "title": "Pumps", "date": "2021-03-04T10:00"}, "u2", "u3"]
    )
    anna = answers(answer("anna", "u1", water="favor"), answer("anna", "u2", roads="against"))
    ben = answers(answer("ben", "u1", water="favor"), answer("ben", "u2", note="a bridge?"))
    done = put(batch, tmp_path / "c", anna, ben)
    assert (done.new, done.missing) == ({"anna": 2, "ben": 2}, {"anna": 1, "ben": 1})
    assert done.undecided == ["u2"]
    favor = {"water": {"stance": "favor"}}
    assert lines(tmp_path / "c" / "documents.jsonl") == [
        {"id": "d.u1", "title": "Pumps", "date": "2021-03-04", "topics": favor},
        {"id": "d.u2"},
    ]
    assert lines(tmp_path / "c" / "passages.jsonl") == [
        {"id": "u1", "document_id": "d.u1", "index": 0, "text": "Text of u1.", "topics": favor},
        {"id": "u2", "document_id": "d.u2", "index": 0, "text": "Text of u2.", "topics": None},
    ]
    assert lines(tmp_path / "c" / "raw" / "ben.jsonl") == [
        {"unit": "u1", "round": 1, "topics": favor},
        {"unit": "u2", "round": 1, "topics": {}, "note": "a bridge?"},
    ]
    assert (tmp_path / "c" / "codebook.yaml").read_text() == CODEBOOK
    corpus = read_corpus(tmp_path / "c")
    assert [p.id for p in corpus.passages] == ["u1"]
    assert [p.id for p in corpus.undecided] == ["u2"]
    assert [
        f"{f.code} {f.id}" for f in validate(corpus) if f.code not in ("C03", "C10", "C05")
    ] == ["C07 u2"]


def test_a_unit_without_a_decision_counts_for_agreement(tmp_path):
    # roads: yes/yes, yes/no, no/no, no/no: o11 = 2, o10 = o01 = 1, o00 = 4; n1 = 3, n0 = 5;
    # alpha = 1 - (8 - 1) * 2 / (2 * 3 * 5) = 16 / 30
    batch = make_batch(tmp_path / "b", ["u1", "u2", "u3", "u4"])
    ben = {"u1": "favor"}
    anna = {"u1": "favor", "u2": "favor"}
    parts = [
        answers(*(answer(name, u, roads=said.get(u, "no")) for u in batch.unit))
        for name, said in (("anna", anna), ("ben", ben))
    ]
    put(batch, tmp_path / "c", *parts)
    corpus = read_corpus(tmp_path / "c")
    units = annotated_units(corpus, read_annotations(corpus))
    roads = next(a for a in agreement(corpus, units) if a.what == "roads")
    assert (roads.n, roads.alpha) == (4, pytest.approx(16 / 30))


def test_importing_again_changes_nothing_and_more_answers_are_added(tmp_path):
    batch = make_batch(tmp_path / "b", ["u1", "u2"])
    root = tmp_path / "c"
    first = answers(answer("anna", "u1", water="favor"))
    put(batch, root, first)
    before = contents(root)
    again = put(batch, root, first)
    assert (again.files, again.known, contents(root)) == ([], {"anna": 1}, before)
    more = answers(answer("anna", "u2"), answer("anna", "u1", water="favor"))
    assert put(batch, root, more).new == {"anna": 1}
    assert [r["unit"] for r in lines(root / "raw" / "anna.jsonl")] == ["u1", "u2"]
    assert [u.unit for u in read_batches(read_corpus(root))[0].units] == ["u1", "u2"]
    put(batch, root, answers(answer("ben", "u1", water="against")))
    assert [p.id for p in read_corpus(root).undecided] == ["u1"]


def test_a_correction_decides_on_the_label_and_agreement_stays_that_of_the_first_answers(tmp_path):
    batch, root = make_batch(tmp_path / "b", ["u1", "u2"]), tmp_path / "c"
    put(batch, root, answers(answer("anna", "u1"), answer("anna", "u2", "favor")))
    put(batch, root, answers(answer("ben", "u1", "favor"), answer("ben", "u2", "favor")))
    changed = answers(answer("anna", "u1", "favor", note="misread"), answer("anna", "u2", "favor"))
    (problem,) = problems_of(batch, root, changed)
    assert "water no before, favor now; if anna corrects the answer, add --correct" in problem
    done = put(batch, root, changed, correct=True)
    assert (done.corrected, done.known, done.new) == ({"anna": 1}, {"anna": 1}, {})
    assert (done.undecided, done.notes) == ([], [])
    corpus = read_corpus(root)
    assert {p.id: p.topics for p in corpus.passages}["u1"] == {"water": Label(stance="favor")}
    assert "C07" not in {f.code for f in validate(corpus)}
    favor = {"water": {"stance": "favor"}}
    assert lines(root / "raw" / "anna.jsonl") == [
        {"unit": "u1", "round": 1, "topics": {}},
        {"unit": "u2", "round": 1, "topics": favor},
        {"unit": "u1", "round": 1, "topics": favor, "correction": True, "note": "misread"},
    ]
    # the first answers: no/favor, favor/favor
    figures = {
        a.what: a for a in agreement(corpus, annotated_units(corpus, read_annotations(corpus)))
    }
    assert figures["water"].agree == pytest.approx(0.5)
    assert retest_units(corpus, read_annotations(corpus)) == []
    before = contents(root)
    assert put(batch, root, changed, correct=True).files == []
    assert put(batch, root, changed).files == []
    assert contents(root) == before
    back = put(batch, root, answers(answer("anna", "u1")), correct=True)
    assert (back.corrected, back.undecided) == ({"anna": 1}, ["u1"])


def test_a_correction_of_a_decided_unit_says_that_the_label_stays(tmp_path):
    batch, root = make_batch(tmp_path / "b", ["u1"]), tmp_path / "c"
    put(batch, root, answers(answer("anna", "u1")), answers(answer("ben", "u1", "favor")))
    decision = Decision("u1", 1, {"water": "against", "roads": "no"}, "read twice", "here")
    decide(CorpusEdit.open(root), [decision], "eva")
    done = put(batch, root, answers(answer("anna", "u1", "favor")), correct=True)
    assert done.notes == [
        "corrected, but the label stays, since adjudication.jsonl or a later round decides: u1"
    ]
    assert read_corpus(root).passages[0].topics == {"water": Label(stance="against")}


def test_units_of_one_document_follow_each_other_in_order(tmp_path):
    units = [{"unit": f"x#{k}", "document": "x"} for k in (10, 9)] + [
        {"unit": "y", "document": "y"}
    ]
    batch = make_batch(tmp_path / "b", units)
    root = tmp_path / "c"
    put(batch, root, answers(*(answer("anna", u, water="favor") for u in ("x#10", "y"))))
    assert [d.topics for d in read_corpus(root).documents] == [{"water": Label(stance="favor")}] * 2
    put(batch, root, answers(answer("anna", "x#9")))
    rows = [(r["id"], r["document_id"], r["index"]) for r in lines(root / "passages.jsonl")]
    assert rows == [("x#10", "x", 0), ("y", "d.y", 0), ("x#9", "x", 1)]
    # with two passages the document has no labels of its own
    assert [d.topics is None for d in read_corpus(root).documents] == [True, False]
    codes = {f.code for f in validate(read_corpus(root))}
    assert not codes & {"C08", "C13"}
    other = make_batch(tmp_path / "b2", units)
    put(other, tmp_path / "c2", answers(*(answer("anna", u) for u in ("x#10", "x#9"))))
    assert [r["id"] for r in lines(tmp_path / "c2" / "passages.jsonl")] == ["x#9", "x#10"]


def test_every_problem_is_named_at_once(tmp_path):
    batch = make_batch(tmp_path / "b", ["u1", "u2", "u3"])
    wrong = answers(
        answer("anna", "u9", where="f:1"),
        answer("anna", "u1", check="k2", where="f:2"),
        answer("anna", "u2", water="maybe", where="f:3"),
        answer("anna", "u3", where="f:4"),
        answer("anna", "u3", where="f:5"),
        answer("an na", "u3", where="f:6"),
        answer("Anna", "u3", where="f:7"),
        problems=["f:0: not finished"],
    )
    assert [p.split(";")[0] for p in problems_of(batch, tmp_path / "c", wrong)] == [
        "f:0: not finished",
        f"f:1: unit: 'u9' is not in {batch.root / 'units.jsonl'}",
        "f:2: check: found 'k2', expected 'k1' of 'u1': its text or its row was changed after the "
        "batch was drawn",
        "f:3: water: found 'maybe', expected one of no, favor, against",
        "f:5: anna answered 'u3' at f:4 too",
        "f:6: annotator: found 'an na'",
        "f:1: annotators 'Anna' and 'anna' differ in case alone",
    ]


def test_raw_labels_are_never_edited(tmp_path):
    batch = make_batch(tmp_path / "b", ["u1"])
    root = tmp_path / "c"
    put(batch, root, answers(answer("anna", "u1", water="favor")))
    (problem,) = problems_of(batch, root, answers(answer("anna", "u1", roads="favor")))
    assert "water favor before, no now; roads no before, favor now" in problem
    (problem,) = problems_of(batch, root, answers(answer("Anna", "u1", water="favor")))
    assert "has 'anna'; give one name" in problem


def test_labels_without_annotations_are_not_replaced(tmp_path, harbour):
    import shutil

    root = shutil.copytree(harbour, tmp_path / "c")
    shutil.rmtree(root / "raw")
    passage = read_corpus(root).passages[0]
    units = [
        {"unit": passage.id, "text": passage.text},
        {"unit": "h001-0", "text": "Other"},
        "h001",
    ]
    book = (root / "codebook.yaml").read_text()
    batch = make_batch(tmp_path / "b", units, book)
    given = [
        Answer("anna", u, {"fishing": "no", "dredging": "no"}, f"f:{k}")
        for k, u in enumerate(batch.unit)
    ]
    problems = problems_of(batch, root, answers(*given))
    assert ["no file of raw/ explains" in problems[0], "another text" in problems[1]] == [True] * 2
    assert "'h001' is a document of" in problems[2]


def test_another_codebook_is_refused(tmp_path):
    batch = make_batch(tmp_path / "b", ["u1"])
    root = tmp_path / "c"
    put(batch, root, answers(answer("anna", "u1")))
    other = make_batch(tmp_path / "b2", ["u2"], CODEBOOK.replace("roads", "parks"))
    problems = problems_of(other, root, answers())
    assert problems == (
        f"{root}: topics of its codebook: found ['water', 'roads'], expected those of the batch, "
        "['water', 'parks']",
    )


def test_answers_to_suggestions_are_no_agreement(tmp_path):
    units = [{"unit": "u1", "suggestion": {"water": "favor", "roads": "no"}}, "u2"]
    batch = make_batch(tmp_path / "b", units)
    given = [answer(name, u) for name in ("anna", "ben") for u in ("u1", "u2")]
    put(batch, tmp_path / "c", answers(*given))
    corpus = read_corpus(tmp_path / "c")
    assert [u.unit for u in annotated_units(corpus, read_annotations(corpus))] == ["u2"]
    assert [p.id for p in corpus.passages] == ["u1", "u2"]


def test_a_batch_to_look_at_again_is_a_later_round(tmp_path):
    root = tmp_path / "c"
    batch = make_batch(tmp_path / "b", ["u1"])
    put(batch, root, answers(answer("anna", "u1"), answer("ben", "u1")))
    again = make_batch(
        tmp_path / "b2", [{"unit": "u1", "drawn": "again"}], strategy={"name": "audit", "round": 2}
    )
    second = answers(answer("anna", "u1", water="favor"), answer("ben", "u1", water="favor"))
    put(again, root, second)
    corpus = read_corpus(root)
    assert corpus.passages[0].topics == {"water": Label(stance="favor")}
    (unit,) = annotated_units(corpus, read_annotations(corpus))
    assert unit.labels == {"anna": {}, "ben": {}}
    before = contents(root)
    put(again, root, second)
    assert contents(root) == before


VALUES = st.sampled_from(["no", "favor", "against"])
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1)
UNITS = st.dictionaries(
    st.text("ab#019", min_size=1, max_size=4), TEXT.filter(str.strip), min_size=1, max_size=8
)


@settings(max_examples=15, deadline=None)
@given(units=UNITS, data=st.data())
def test_any_answers_come_back_exactly_and_twice_is_once(tmp_path_factory, units, data):
    folder = tmp_path_factory.mktemp("property")
    documents = data.draw(st.lists(st.sampled_from(["D", None]), min_size=8, max_size=8))
    batch = make_batch(
        folder / "b",
        [
            {"unit": u, "text": t, "document": d}
            for (u, t), d in zip(units.items(), documents, strict=False)
        ],
    )
    given_ = {
        name: data.draw(st.dictionaries(st.sampled_from(sorted(units)), st.tuples(VALUES, VALUES)))
        for name in ("anna", "ben", "eva")
    }
    parts = [
        answers(*(answer(name, u, *values) for u, values in rows.items()))
        for name, rows in given_.items()
    ]
    if not any(given_.values()):
        return
    put(batch, folder / "c", *parts[:2])
    put(batch, folder / "c", *parts)
    once = contents(folder / "c")
    put(batch, folder / "c", *parts)
    assert contents(folder / "c") == once
    corpus = read_corpus(folder / "c")
    back = {
        name: {r.unit: tuple(from_topics(corpus.codebook, r.topics).values()) for r in rows}
        for name, rows in read_annotations(corpus).items()
    }
    assert back == {name: rows for name, rows in given_.items() if rows}
    texts = {p.id: p.text for p in (*corpus.passages, *corpus.undecided)}
    assert texts == {u: units[u] for rows in given_.values() for u in rows}
    undecided = {p.id for p in corpus.undecided}
    codes = {f.code for f in validate(corpus) if f.id not in undecided}
    assert not codes & {"C07", "C08", "C13"}


def test_files_of_a_tool_are_imported(tmp_path, monkeypatch):
    monkeypatch.setattr(tools, "tool", lambda name: FakeTool())
    monkeypatch.setattr(tools, "recognise", lambda path: "fake")
    batch = make_batch(tmp_path / "b", ["u1", "u2"], annotators=["anna"])
    rows = [
        {"annotator": "anna", "unit": "u1", "answers": {"water": "favor", "roads": "no"}},
        {"annotator": "anna", "unit": "u2", "skipped": True},
    ]
    export = tmp_path / "export.json"
    export.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    done = annotate_import(batch.root, [export], tmp_path / "c", annotator="ben")
    assert done.left_out == {"skipped": 1}
    assert done.missing == {"anna": 2, "ben": 1}
    assert done.notes == ["answers of ben; the batch was drawn for anna"]
    with pytest.raises(RequestError, match=r"none.json: no such file"):
        annotate_import(batch.root, [tmp_path / "none.json"], tmp_path / "c")
    other = tmp_path / "other.yaml"
    other.write_text(CODEBOOK.replace("0.1", "0.2"), encoding="utf-8")
    with pytest.raises(RequestError, match=r"is not the codebook of"):
        annotate_import(batch.root, [export], tmp_path / "c", codebook=other)
    annotate_import(batch.root, [export], tmp_path / "new", codebook=other)
    assert read_corpus(tmp_path / "new").codebook.version == "0.2"


def test_a_broken_write_leaves_no_new_corpus(tmp_path, monkeypatch):
    batch = make_batch(tmp_path / "b", ["u1"])
    write_text = Path.write_text

    def broken(self, *args, **more):
        if "anna" in self.name:
            raise OSError(28, "No space left on device")
        return write_text(self, *args, **more)

    monkeypatch.setattr(Path, "write_text", broken)
    with pytest.raises(SahelclfError, match="not written: No space"):
        put(batch, tmp_path / "c", answers(answer("anna", "u1")))
    assert not (tmp_path / "c").exists()


def test_two_imports_at_once_lose_no_answer(tmp_path):
    batch, root = make_batch(tmp_path / "b", ["u1", "u2"]), tmp_path / "c"
    put(batch, root, answers(answer("anna", "u1")))
    first, second = CorpusEdit.open(root), CorpusEdit.open(root)
    import_answers(batch, [answers(answer("anna", "u2"))], first)
    with pytest.raises(SahelclfError, match="changed by another process meanwhile; nothing was"):
        import_answers(batch, [answers(answer("ben", "u2"))], second)
    put(batch, root, answers(answer("ben", "u2")))
    assert {n: len(r) for n, r in read_annotations(read_corpus(root)).items()} == {
        "anna": 2,
        "ben": 1,
    }


@pytest.mark.parametrize("moved", range(5))
def test_an_import_that_was_killed_is_completed_by_the_next(tmp_path, monkeypatch, moved):
    class Killed(BaseException):
        pass

    batch = make_batch(tmp_path / "b", ["u1", "u2"])
    put(batch, tmp_path / "c", answers(answer("anna", "u1")))
    put(batch, tmp_path / "whole", answers(answer("anna", "u1")))
    more = answers(answer("ben", "u1", "favor"), answer("anna", "u2", roads="against"))
    put(batch, tmp_path / "whole", more)
    replace, done = Path.replace, []

    def killed(self, target):
        if len(done) == moved:
            raise Killed
        done.append(target)
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(Killed):
            put(batch, tmp_path / "c", more)
    with pytest.raises(CorpusError, match="was interrupted; run it again"):
        read_corpus(tmp_path / "c")
    assert put(batch, tmp_path / "c", more).files == []
    assert contents(tmp_path / "c") == contents(tmp_path / "whole")


def test_reasons_of_left_out_answers_are_summed(tmp_path):
    batch = make_batch(tmp_path / "b", ["u1"])
    one, other = ReadAnswers(), answers(answer("anna", "u1"))
    one.left_out["draft"] += 2
    other.left_out.update(draft=1, skipped=1)
    assert put(batch, tmp_path / "c", one, other).left_out == {"draft": 3, "skipped": 1}


def test_answers_of_a_filled_sheet(tmp_path):
    import csv

    from sahelclf.annotation import sheet
    from sahelclf.annotation.units import unit_check

    text = '=Costs,\n"quoted" text'
    units = [
        {"unit": u, "text": text, "check": unit_check(u, 0.5, "", text)} for u in ("0012", "u2")
    ]
    batch = make_batch(tmp_path / "b", units, annotators=["anna"])
    (path,) = sheet.write(batch)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    rows[1] |= {"water": "favor", "roads": "no"}
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.DictWriter(stream, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)
    done = annotate_import(batch.root, [path], tmp_path / "c")
    assert (done.new, done.missing, done.left_out) == (
        {"anna": 1}, {"anna": 1}, {"not answered": 1},
    )  # fmt: skip
    (passage,) = read_corpus(tmp_path / "c").passages
    assert (passage.id, passage.text) == ("0012", text)
    assert passage.topics == {"water": Label(stance="favor")}


@pytest.mark.parametrize(
    ("file", "drawn", "edited"),
    [
        ("units.jsonl", '"sampling_probability": 0.5', '"sampling_probability": 0.9'),
        ("units.jsonl", "Text of u2.", "Other text."),
        ("codebook.yaml", "pipes and prices", "pipes alone"),
    ],
)
def test_a_batch_that_was_changed_is_refused(tmp_path, file, drawn, edited):
    root = make_batch(tmp_path / "b", ["u1", "u2"]).root
    text = (root / file).read_text(encoding="utf-8")
    assert drawn in text
    (root / file).write_text(text.replace(drawn, edited), encoding="utf-8")
    with pytest.raises(RequestError) as caught:
        read_batch(root)
    expected = f"{root / file}: changed after the batch was drawn; restore it, or draw a new batch"
    assert caught.value.problems == (expected,)
    (root / file).unlink()
    with pytest.raises(RequestError, match=f"no {file}; expected a folder"):
        read_batch(root)
