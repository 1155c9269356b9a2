"""`--annotator`: the same rule for the files of all tools."""

import csv
import json

import openpyxl
import pytest

from annotation.tool_batches import tool_batch
from sahelclf.annotation import sheet, xlsx
from sahelclf.annotation.page import batch_id
from sahelclf.annotation.tools import TOOLS, tool
from sahelclf.errors import RequestError
from sahelclf.workflows.annotate import annotate_import

NAMES = ("anna", "ben")
ANSWERS = {"sanctions": "favor", "diplomacy": "no"}
LABELS = [f"{topic}={answer}" for topic, answer in ANSWERS.items()]


@pytest.fixture
def batch(tmp_path):
    return tool_batch(tmp_path / "batch", annotators=list(NAMES))


def lines(path, value):
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value) + "\n", encoding="utf-8")
    return path


def page_file(batch, user):
    row = {"batch": batch_id(batch), "annotator": user, "unit": "u1", "check": "ku1"}
    return lines(batch.root / "saved.jsonl", row | {"answers": ANSWERS})


def sheet_file(batch, user):
    path = sheet.write(batch)[0].rename(batch.root / (f"sheet-{user}.csv" if user else "x.csv"))
    header, guide, first, *_ = sheet.sheet_rows(batch, batch.units)
    rows = [header, guide, [*first[: -len(ANSWERS)], *ANSWERS.values()]]
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


def xlsx_file(batch, user):
    path = xlsx.write(batch)[0].rename(batch.root / (f"sheet-{user}.xlsx" if user else "x.xlsx"))
    workbook = openpyxl.load_workbook(path)
    cells = workbook["units"]
    for k, answer in enumerate(ANSWERS.values()):
        cells.cell(3, cells.max_column - len(ANSWERS) + 1 + k).value = answer
    workbook.save(path)
    return path


def label_studio_file(batch, user):
    result = [{"from_name": f"topic_{t}", "value": {"choices": [a]}} for t, a in ANSWERS.items()]
    by = {"id": 3, "email": f"{user}@example.org"} if user else 3
    done = {"id": 1, "completed_by": by, "result": result}
    task = {"data": {"unit": "u1", "check": "ku1"}, "annotations": [done]}
    return lines(batch.root / "export.json", [task])


def doccano_file(batch, user):
    row = {"text": batch.units[0].text, "unit": "u1", "check": "ku1", "label": LABELS}
    return lines(batch.root / f"{user or 'all'}.jsonl", row)


def prodigy_file(batch, user):
    session = f"sahel-{user}" if user else "2026-11-02_09-30-15"
    row = {"unit": "u1", "accept": LABELS, "answer": "accept", "_annotator_id": session}
    return lines(batch.root / "sahel.jsonl", row | {"_task_hash": 1})


def argilla_file(batch, user):
    row = {"_server_id": "1", "unit": "u1", "status": "completed"}
    for topic, answer in ANSWERS.items():
        question = f"topic_{topic}.responses"
        row |= {question: [answer], f"{question}.users": [user or "aaaa-1"]}
        row |= {f"{question}.status": ["submitted"]}
    return lines(batch.root / "argilla.json", [row])


def potato_file(batch, user):
    labels = [[{"schema": f"topic_{t}", "name": a}, a] for t, a in ANSWERS.items()]
    state = {"user_id": user, "instance_id_to_label_to_value": {"u1": labels}}
    return lines(batch.root / "user_state.json", state)


FILES = {
    "page": page_file,
    "sheet": sheet_file,
    "xlsx": xlsx_file,
    "label-studio": label_studio_file,
    "doccano": doccano_file,
    "prodigy": prodigy_file,
    "argilla": argilla_file,
    "potato": potato_file,
}


def names(name, batch, path, given):
    read = tool(name).read(path, batch, given)
    return [a.annotator for a in read.answers], read.problems


def test_every_tool_is_here():
    assert FILES.keys() == TOOLS.keys()


@pytest.mark.parametrize("name", TOOLS)
def test_a_name_in_the_file_and_a_given_one_must_agree(name, batch):
    path = FILES[name](batch, "anna")
    assert names(name, batch, path, None) == (["anna"], [])
    assert names(name, batch, path, "anna") == (["anna"], [])
    found, problems = names(name, batch, path, "ben")
    assert found == []
    assert len(problems) == 1
    assert problems[0].startswith(str(path))
    assert "annotator: found 'anna', expected 'ben' (--annotator)" in problems[0]


@pytest.mark.parametrize("name", [n for n in TOOLS if n != "page"])
def test_a_given_name_is_the_one_where_the_file_has_none(name, batch):
    path = FILES[name](batch, "")
    assert names(name, batch, path, "ben") == (["ben"], [])
    if name in {"sheet", "xlsx", "doccano"}:
        with pytest.raises(RequestError, match="--annotator NAME"):
            names(name, batch, path, None)


@pytest.mark.parametrize("name", TOOLS)
def test_names_in_the_file_can_be_changed(name, batch):
    path = FILES[name](batch, "anna")
    assert names(name, batch, path, "anna=eva,ben=eve") == (["eva"], [])
    found, problems = names(name, batch, path, "9=eva")
    assert found == []
    assert len(problems) == 1
    assert "is not in --annotator, which has 9" in problems[0]


@pytest.mark.parametrize("name", TOOLS)
def test_a_name_that_the_batch_does_not_have_is_refused(name, batch):
    path = FILES[name](batch, "anna-final")
    found, problems = names(name, batch, path, None)
    assert found == []
    assert len(problems) == 1
    assert problems[0].startswith(str(path))
    user = "user-3" if name == "label-studio" else "anna-final"  # its users are numbers
    assert f"annotator '{user}' is not of this batch (anna, ben)" in problems[0]
    assert problems[0].endswith(f"name the coder with --annotator '{user}=NAME'")
    assert names(name, batch, path, "anna-final=anna") == (["anna"], [])


def test_all_files_with_wrong_names_are_listed_and_nothing_is_written(batch, tmp_path):
    sheets = [sheet_file(batch, user) for user in ("anna-final", "ben2")]
    with pytest.raises(RequestError) as caught:
        annotate_import(batch.root, sheets, tmp_path / "corpus")
    assert [p.split(": ")[0] for p in caught.value.problems] == [str(s) for s in sheets]
    assert not (tmp_path / "corpus").exists()
