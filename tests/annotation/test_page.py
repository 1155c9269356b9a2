"""The page without a tool: what it contains, and the files that it saves."""

import json
import re
from dataclasses import replace

import pytest

from sahelclf.annotation import page
from sahelclf.annotation.batch import Batch, BatchInfo, BatchUnit, file_sha256, write_batch
from sahelclf.annotation.tools import recognise
from sahelclf.codebook import read_codebook
from sahelclf.errors import RequestError
from support import CODEBOOK

HOSTILE = (
    "</script><script>alert(1)</script><img src=x onerror=alert(2)> & &lt;b&gt; {{ 7 * 7 }} "
    "<!-- \u2028 ${alert(3)} 'quoted' \"twice\" \\u003c"
)


def batch_of(folder, *units, annotators=(), codebook=CODEBOOK) -> Batch:
    source = folder / "source.yaml"
    source.write_text(codebook, encoding="utf-8")
    info = BatchInfo(
        strategy={"name": "random"},
        seed=0,
        collection="articles.csv",
        collection_sha256="0" * 64,
        collection_units=40,
        codebook_sha256=file_sha256(source),
        annotators=[*annotators],
    )
    return write_batch(folder / "batch", info, source, units)


def unit(name, text="The boat crews landed a catch.", **other) -> BatchUnit:
    other = {"title": f"Title of {name}", "check": f"k{name}"} | other
    return BatchUnit(unit=name, text=text, sampling_probability=0.5, **other)


def data_of(path):
    block = r'<script type="application/json" id="data">(.*?)</script>'
    return json.loads(re.search(block, path.read_text(encoding="utf-8"), re.DOTALL)[1])


@pytest.fixture
def batch(tmp_path):
    return batch_of(tmp_path, unit("a"), unit("b"), unit("c"))


def line(of, name, **other):
    row = {"batch": page.batch_id(of), "annotator": "anna", "unit": name, "check": f"k{name}"}
    row |= {"answers": {"fishing": "pro", "dredging": "no"}, "note": "", "seconds": 4.5}
    return {k: v for k, v in (row | other).items() if v is not None}


def saved(batch, *rows, name="answers-anna.jsonl"):
    path = batch.root / name
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return path


def problems(batch, *rows, annotator=None):
    """Problems of a file, each without its folder."""
    read = page.read(saved(batch, *rows), batch, annotator)
    return [p.replace(f"{batch.root}/", "") for p in read.problems]


def test_each_annotator_has_a_page_with_the_units_assigned(tmp_path):
    batch = batch_of(
        tmp_path,
        unit("a", annotators=["anna"]),
        unit("b", annotators=["ben"]),
        unit("c"),
        annotators=["anna", "ben"],
    )
    anna, ben = page.write(batch)
    assert (anna.name, ben.name) == ("page-anna.html", "page-ben.html")
    assert [u["id"] for u in data_of(anna)["units"]] == ["a", "c"]
    assert [u["id"] for u in data_of(ben)["units"]] == ["b", "c"]
    assert data_of(anna)["annotator"] == "anna"


def test_without_annotators_one_page_asks_for_the_name(batch):
    [path] = page.write(batch)
    assert path.name == "page.html"
    assert data_of(path)["annotator"] is None


def test_the_page_tells_nothing_of_how_units_were_drawn(tmp_path):
    drawn = {"stratum": "rare", "drawn": "model", "document": "doc9"}
    batch = batch_of(tmp_path, unit("a", **drawn), unit("b", suggestion={"fishing": "con"}))
    units = data_of(page.write(batch)[0])["units"]
    assert units[0].keys() == {"id", "title", "text", "check"}
    assert units[1]["suggestion"] == {"fishing": "con"}


def test_the_codebook_is_on_the_page_and_parties_are_not(batch):
    data = data_of(page.write(batch)[0])
    assert data["choices"] == ["no", "pro", "con"]
    assert data["topics"][1] == {
        "name": "dredging",
        "holds": "digging the harbour",
        "target": "the works",
        "meanings": ["for it", "against it"],
    }


def test_a_codebook_without_stances_asks_yes_or_no(tmp_path):
    alone = "version: '1'\ntitle: Alone\nlanguages: [en, fr]\ntopics: {rain: {holds: it rains}}\n"
    data = data_of(page.write(batch_of(tmp_path, unit("a"), codebook=alone))[0])
    assert data["choices"] == ["no", "yes"]
    assert data["topics"][0]["meanings"] == []
    assert data["language"] == ""  # of two languages none is that of every text


def test_texts_end_no_script_and_bring_no_markup(tmp_path):
    hostile = CODEBOOK.replace("Harbour news", "'<b>Harbour</b> & \"news\"'")
    path = page.write(batch_of(tmp_path, unit("a<b>", HOSTILE, title=HOSTILE), codebook=hostile))[0]
    text = path.read_text(encoding="utf-8")
    assert text.count("<script") == text.count("</script") == 2
    assert "<img" not in text
    assert "<b>" not in text
    assert "<title>Annotate: &lt;b&gt;Harbour&lt;/b&gt; &amp; &#34;news&#34;</title>" in text
    assert data_of(path)["units"][0]["text"] == HOSTILE


def test_answers_are_read(batch):
    rows = [
        line(batch, "a", note=" unsure "),
        line(batch, "b", answers={"dredging": "con", "fishing": "no"}),
    ]
    read = page.read(saved(batch, *rows), batch, "anna")
    assert read.problems == []
    first, second = read.answers
    assert (first.annotator, first.unit, first.check, first.note) == ("anna", "a", "ka", "unsure")
    assert first.where == f"{batch.root}/answers-anna.jsonl:1"
    assert second.answers == {"fishing": "no", "dredging": "con"}


def test_skipped_and_unfinished_units_are_counted(batch):
    rows = [
        line(batch, "a", answers={}, skipped="not readable"),
        line(batch, "b", answers={"dredging": "con"}, draft=True),
        line(batch, "c", answers={}, draft=True, note="later"),
    ]
    read = page.read(saved(batch, *rows), batch, None)
    assert (read.answers, read.problems) == ([], [])
    assert read.left_out == {"skipped": 1, "draft": 2}


def test_every_problem_is_named_with_its_line(batch):
    rows = [
        line(batch, "z"),
        line(batch, "a", check="kold"),
        line(batch, "b", answers={"fishing": "maybe"}),
        line(batch, "c", answers={"fishing": "pro", "dredging": "no", "weather": "no"}),
        line(batch, "c", skipped="other language"),
        line(batch, "c", seconds=-1),
        line(batch, "c", annotator="../anna"),
    ]
    path = saved(batch, *rows)
    read = page.read(path, batch, None)
    assert read.answers == []
    at = {number: [] for number in range(1, 8)}
    for problem in read.problems:
        number, what = problem.removeprefix(f"{path}:").split(": ", 1)
        at[int(number)].append(what)
    assert at[1] == [f"unit: 'z' is not in {batch.root / 'units.jsonl'}"]
    assert at[2][0].startswith("check: found 'kold', expected 'ka' of 'a'")
    assert at[3] == [
        "fishing: found 'maybe', expected one of no, pro, con",
        "dredging: no answer; expected one of no, pro, con",
    ]
    assert at[4] == ["topics ['weather'] are not in the codebook; expected ['fishing', 'dredging']"]
    assert at[5] == ["unit 'c': has answers and is skipped; expected one of both"]
    assert [what.split(":")[0] for what in at[6] + at[7]] == ["seconds", "annotator"]


def test_a_unit_has_one_line(batch):
    other = {"fishing": "con", "dredging": "no"}
    path = saved(batch, line(batch, "a"), line(batch, "b"), line(batch, "a", answers=other))
    read = page.read(path, batch, None)
    assert [a.unit for a in read.answers] == ["a", "b"]
    assert read.problems == [
        f"{path}:3: anna answered 'a' at {path}:1 too; expected one answer an annotator and unit"
    ]


def test_a_foreign_batch_or_annotator_is_named_once(batch):
    rows = [line(batch, name, batch="0123") for name in "abc"]
    [problem] = problems(batch, *rows)
    assert problem.startswith("answers-anna.jsonl:1: batch: found '0123', expected ")
    assert problem.endswith(", and 2 more lines")
    [problem] = problems(batch, line(batch, "a"), annotator="ben")
    assert problem == (
        "answers-anna.jsonl:1: annotator: found 'anna', expected 'ben' (--annotator); "
        "--annotator 'anna=ben' renames"
    )


def test_a_batch_is_another_where_a_unit_or_the_codebook_differs(tmp_path, batch):
    changed = replace(batch, units=(*batch.units[:2], unit("c", check="knew")))
    recoded = replace(batch, info=batch.info.model_copy(update={"codebook_sha256": "1"}))
    assert len({page.batch_id(b) for b in (batch, changed, recoded)}) == 3


@pytest.mark.parametrize("content", ["", "unit,fishing\na,no\n", '{"text": "t", "label": []}\n'])
def test_a_file_of_another_form_is_refused(batch, content):
    path = batch.root / "answers-anna.jsonl"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RequestError, match="expected the file that the page saved"):
        page.read(path, batch, None)


def test_a_saved_file_is_recognised_under_any_name(batch):
    assert recognise(saved(batch, line(batch, "a"), name="anna (1).jsonl")) == "page"


CASE = page.Case(
    "a",
    "The dredger dug.",
    "Harbour",
    [{"fishing": "no", "dredging": "pro"}, {"fishing": "no", "dredging": "con"}],
    2,
)


def test_the_order_of_the_answers_does_not_tell_the_annotators(batch, tmp_path):
    turned = replace(CASE, answers=CASE.answers[::-1])
    given = [
        data_of(page.write_decisions_page(tmp_path / "p.html", batch.codebook, [case]))["units"]
        for case in (CASE, turned)
    ]
    assert given[0] == given[1]
    cases = [replace(CASE, unit=f"u{k}") for k in range(40)]
    path = page.write_decisions_page(tmp_path / "p.html", batch.codebook, cases)
    first = [u["given"][0]["dredging"] for u in data_of(path)["units"]]
    assert 8 < first.count("pro") < 32


def test_decisions_are_read_with_every_problem(batch):
    decided = {"fishing": "no", "dredging": "con"}
    row = {"unit": "a", "round": 2, "answers": decided, "why": "the spokesman is quoted"}
    codebook = batch.codebook
    read = page.read_decisions(saved(batch, row, name="decisions.jsonl"), codebook, [CASE])
    assert read.problems == []
    [decision] = read.decisions
    assert (decision.unit, decision.round, decision.answers) == ("a", 2, decided)
    assert decision.why == "the spokesman is quoted"
    wrong = [
        row | {"round": 1},
        row | {"why": " "},
        row | {"answers": {"fishing": "no"}},
        row | {"answers": {"fishing": "no"}, "why": "", "draft": True},
    ]
    read = page.read_decisions(saved(batch, *wrong, name="decisions.jsonl"), codebook, [CASE])
    path = batch.root / "decisions.jsonl"
    found = [p.removeprefix(f"{path}:").replace(str(path), "PLACE") for p in read.problems]
    assert found == [
        "1: unit 'a': round 1: not among the 1 units to decide",
        "2: unit 'a': why: no reason; expected one for every decision",
        "3: unit 'a': dredging: no answer; expected one of no, pro, con",
        "3: unit 'a': decided at PLACE:2 too; expected one line a unit",
    ]
    assert read.left_out == {"draft": 1}


def test_the_packaged_codebook_gives_a_page(tmp_path):
    from sahelclf.paths import data_root

    source = (data_root() / "annotations" / "codebook.yaml").read_text(encoding="utf-8")
    batch = batch_of(tmp_path, unit("a"), codebook=source)
    data = data_of(page.write(batch)[0])
    codebook = read_codebook(batch.root / "codebook.yaml")
    assert [t["name"] for t in data["topics"]] == [*codebook.topic_names]
    assert all(len(t["meanings"]) == len(codebook.stance_names) for t in data["topics"])
