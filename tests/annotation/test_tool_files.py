"""Files of Label Studio, doccano, Prodigy, Argilla and Potato; the stored exports are hand-made."""

import copy
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from annotation.tool_batches import NINE, TEXTS, tool_batch
from sahelclf.annotation import argilla, doccano, exports, label_studio, potato, prodigy, sheet
from sahelclf.annotation.tools import recognise
from sahelclf.errors import RequestError

EXPORTS = Path(__file__).parent / "exports"
STORED = {
    "label-studio": (label_studio, EXPORTS / "label-studio.json"),
    "doccano": (doccano, EXPORTS / "doccano/ben.jsonl"),
    "prodigy": (prodigy, EXPORTS / "prodigy.jsonl"),
    "argilla": (argilla, EXPORTS / "argilla.json"),
    "potato": (potato, EXPORTS / "potato/answers/anna/user_state.json"),
}
FLAT = ("sanctions=no", "sanctions=favor", "sanctions=against")
ANNA, BEN = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"


def said(read):
    """Annotator, unit and answers."""
    return [(a.annotator, a.unit, *a.answers.values()) for a in read.answers]


def edited(tmp_path: Path, stored: Path, change: Callable) -> Path:
    """A copy of a stored export, with its records changed."""
    lines = stored.suffix == ".jsonl"
    text = stored.read_text(encoding="utf-8")
    records = [json.loads(r) for r in text.split("\n") if r] if lines else json.loads(text)
    change(records)
    path = tmp_path / stored.name
    parts = [json.dumps(r) for r in records] if lines else [json.dumps(records)]
    path.write_text("\n".join(parts), encoding="utf-8")
    return path


@pytest.fixture
def batch(tmp_path):
    return tool_batch(tmp_path / "batch")


def test_who_answered_nothing_needs_no_name_of_the_batch(tmp_path):
    named = tool_batch(tmp_path / "named", annotators=["anna", "ben"])
    rows = [json.dumps({"text": t, "unit": u, "label": []}) for u, t in TEXTS.items()]
    (tmp_path / "owner.jsonl").write_text("\n".join(rows), encoding="utf-8")
    state = {"user_id": "owner", "instance_id_to_label_to_value": {"u1": []}}
    (tmp_path / "user_state.json").write_text(json.dumps(state), encoding="utf-8")
    cancelled = {"id": 1, "completed_by": 9, "result": []}
    task = [{"id": 1, "data": {"unit": "u1"}, "annotations": [cancelled]}]
    (tmp_path / "export.json").write_text(json.dumps(task), encoding="utf-8")
    (own,) = [p for p in sheet.write(named) if "anna" in p.name]
    own.rename(tmp_path / "sheet-owner.csv")
    for module, name, left in (
        (doccano, "owner.jsonl", {"without an answer": 4}),
        (potato, "user_state.json", {"without an answer": 1}),
        (label_studio, "export.json", {"without an answer": 1}),
        (sheet, "sheet-owner.csv", {"not answered": 4}),
    ):
        read = module.read(tmp_path / name, named, None)
        assert (read.problems, read.left_out) == ([], left), name


@pytest.mark.parametrize("tool", STORED)
def test_stored_exports_are_recognised(tool):
    assert recognise(STORED[tool][1]) == tool


def test_label_studio_reads_numbers_and_objects_and_counts_what_is_no_answer(batch):
    read = label_studio.read(STORED["label-studio"][1], batch, None)

    assert said(read) == [
        ("user-1", "u1", "favor", "no"),
        ("user-2", "u1", "against", "no"),
        ("user-2", "u2", "no", "favor"),
    ]
    assert [a.note for a in read.answers] == ["Lifted, so for?", "", ""]
    assert {a.check for a in read.answers} == {"ku1", "ku2"}
    assert read.left_out == {
        "skipped": 1,
        "drafts": 1,
        "tasks without an annotation": 1,
        "without an answer": 1,
    }
    assert read.problems == []


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("1=anna,ben=ben", ["anna", "ben", "ben"]),
        ("1=anna,2=ben", ["anna", "ben", "ben"]),
        ("user-1=anna,ben@example.org=ben", ["anna", "ben", "ben"]),
    ],
)
def test_label_studio_names_its_users(tmp_path, given, names):
    batch = tool_batch(tmp_path / "named", annotators=["anna", "ben"])

    read = label_studio.read(STORED["label-studio"][1], batch, given)

    assert [a.annotator for a in read.answers] == names
    assert read.problems == []


def test_an_address_names_an_annotator_of_the_batch_and_an_id_does_not(tmp_path):
    batch = tool_batch(tmp_path / "named", annotators=["anna", "ben"])

    read = label_studio.read(STORED["label-studio"][1], batch, None)

    assert [a.annotator for a in read.answers] == ["ben", "ben"]
    assert len(read.problems) == 1
    assert "annotator 'user-1' is not of this batch (anna, ben)" in read.problems[0]


def test_one_name_for_two_users_is_refused(batch):
    read = label_studio.read(STORED["label-studio"][1], batch, "anna")
    assert len(read.problems) == 1
    assert "annotators 'user-1' and 'user-2' both get the name 'anna'" in read.problems[0]
    assert "record 1, annotation 22" in read.problems[0]

    read = label_studio.read(STORED["label-studio"][1], batch, "1=anna")
    assert ["annotator 'user-2' is not in --annotator" in p for p in read.problems] == [True]


def test_label_studio_drops_answers_to_questions_that_were_closed_again(tmp_path):
    batch = tool_batch(tmp_path / "nine", NINE)

    read = label_studio.read(EXPORTS / "label-studio-nine-topics.json", batch, "anna")

    no = dict.fromkeys(NINE, "no")
    assert [(a.unit, a.answers) for a in read.answers] == [
        ("u1", no | {"topic1": "favor", "topic8": "against"}),
        ("u2", no),
    ]
    assert read.left_out == {"answers to hidden questions": 2, "without an answer": 1}
    assert len(read.problems) == 2
    assert "unit 'u3', annotator anna: topic2: no answer" in read.problems[0]
    assert "unit 'u4': contradictory: '(none)' and topic2 are chosen" in read.problems[1]


def test_doccano_takes_the_name_from_the_file_and_leaves_out_texts_without_labels(batch):
    read = doccano.read(STORED["doccano"][1], batch, None)

    assert said(read) == [("ben", "u1", "favor", "no"), ("ben", "u2", "no", "no")]
    assert [a.note for a in read.answers] == ["Lifted, so for?", ""]
    assert read.left_out == {"without an answer": 1}
    assert len(read.problems) == 1
    assert "ben.jsonl:4: unit 'u4', annotator ben: diplomacy: contradictory" in read.problems[0]


def test_a_label_of_no_topic_is_a_problem(tmp_path, batch):
    path = edited(tmp_path, STORED["doccano"][1], lambda rows: rows[0]["label"].append("urgent"))

    problem = doccano.read(path, batch, None).problems[0]

    assert "topics ['urgent'] are not in the codebook; expected ['sanctions', 'dipl" in problem


def test_doccano_of_a_shared_project_needs_a_name(tmp_path, batch):
    shared = tmp_path / "all.jsonl"
    shared.write_bytes(STORED["doccano"][1].read_bytes())

    with pytest.raises(RequestError, match="names no user in this file"):
        doccano.read(shared, batch, None)
    assert {a.annotator for a in doccano.read(shared, batch, "anna").answers} == {"anna"}


def test_doccano_documents_all_have_the_same_fields(tmp_path):
    suggestions = {"u3": {"sanctions": "no", "diplomacy": "favor"}}
    batch = tool_batch(tmp_path / "suggested", suggestions=suggestions)

    doccano.write(batch)

    lines = (batch.root / "doccano/documents.jsonl").read_bytes().splitlines()
    records = [json.loads(line) for line in lines]
    assert {tuple(r) for r in records} == {
        ("text", "unit", "check", "title", "label", "suggestion")  # no `id`, which is doccano's
    }
    assert [r["suggestion"] for r in records] == ["", "", "sanctions=no, diplomacy=favor", ""]
    assert all(r["label"] == [] for r in records)
    assert all(line.isascii() for line in lines)


def test_prodigy_counts_ignored_and_rejected_tasks_as_no_answers(tmp_path):
    batch = tool_batch(tmp_path / "batch", annotators=["anna", "ben"])

    read = prodigy.read(STORED["prodigy"][1], batch, None)

    assert said(read) == [("anna", "u1", "favor", "no"), ("ben", "u1", "against", "no")]
    assert read.left_out == {"ignored": 1, "rejected": 1, "without an answer": 1}
    assert len(read.problems) == 2
    assert (
        "prodigy.jsonl:6: unit 'u4', annotator anna: sanctions: contradictory: found no and"
        in (read.problems[0])
    )
    assert "diplomacy: no answer; expected one of no, favor, against" in read.problems[1]


def test_prodigy_session_without_a_name_is_a_problem(tmp_path, batch):
    def unnamed(records):
        del records[1:]
        records[0]["_annotator_id"] = records[0]["_session_id"] = "2026-11-02_09-30-15"

    path = edited(tmp_path, STORED["prodigy"][1], unnamed)

    assert "found '2026-11-02_09-30-15'" in prodigy.read(path, batch, None).problems[0]
    assert said(prodigy.read(path, batch, "anna")) == [("anna", "u1", "favor", "no")]


def test_prodigy_session_has_the_name_of_the_dataset_before_it(tmp_path, batch):
    path = edited(tmp_path, STORED["prodigy"][1], lambda records: records.__delitem__(slice(2, 9)))

    assert [a.annotator for a in prodigy.read(path, batch, None).answers] == [
        "sahel-anna",
        "sahel-ben",
    ]
    dataset = path.rename(tmp_path / "sahel.jsonl")
    assert [a.annotator for a in prodigy.read(dataset, batch, None).answers] == ["anna", "ben"]


def test_argilla_reads_submitted_answers_only(batch):
    read = argilla.read(STORED["argilla"][1], batch, f"{ANNA}=anna,{BEN}=ben")

    assert said(read) == [("anna", "u1", "favor", "no"), ("ben", "u1", "against", "no")]
    assert [a.note for a in read.answers] == ["Lifted, so for?", ""]
    assert read.left_out == {"drafts": 1, "discarded": 1, "records without an answer": 1}
    assert [a.annotator for a in argilla.read(STORED["argilla"][1], batch, None).answers] == [
        ANNA,
        BEN,
    ]


def test_argilla_records_without_the_status_are_refused(tmp_path, batch):
    record = {"id": "u1", "fields": {"text": "a"}, "responses": {}, "status": "completed"}
    path = tmp_path / "records.json"
    path.write_text(json.dumps([record]), encoding="utf-8")

    assert recognise(path) == "argilla"
    with pytest.raises(RequestError, match="do not say which answers were submitted"):
        argilla.read(path, batch, None)


def test_potato_with_several_answers_to_one_question(batch):
    read = potato.read(STORED["potato"][1], batch, None)

    assert said(read) == [("anna", "u1", "favor", "no")]
    assert read.answers[0].note == "Lifted, so for?"
    assert read.left_out == {"drafts": 1, "without an answer": 1}
    assert len(read.problems) == 1
    assert (
        "unit 'u2', annotator anna: diplomacy: contradictory: found no and favor"
        in (read.problems[0])
    )


def choose(tool: str, records: list | dict, values: list[str]) -> None:
    """Make `values` the answers to `sanctions` in the first record."""
    if tool == "label-studio":
        records[0]["annotations"][0]["result"][0]["value"]["choices"] = values
    elif tool == "argilla":
        records[0]["topic_sanctions.responses"][0] = "".join(values)
    elif tool == "potato":
        labels = [[{"schema": "topic_sanctions", "name": v}, v] for v in values]
        records["instance_id_to_label_to_value"]["u1"][:1] = labels
    else:
        key = {"doccano": "label", "prodigy": "accept"}[tool]
        others = [v for v in records[0][key] if v not in FLAT]
        records[0][key] = [f"sanctions={v}" for v in values] + others


@pytest.mark.parametrize("tool", STORED)
@pytest.mark.parametrize(
    ("values", "message"),
    [
        (["maybe"], "sanctions: found 'maybe', expected one of no, favor, against"),
        ([], "sanctions: no answer; expected one of no, favor, against"),
        (["no", "favor"], "sanctions: contradictory: found no and favor; expected one"),
    ],
)
def test_wrong_missing_and_contradictory_answers(tmp_path, batch, tool, values, message):
    if tool == "argilla" and len(values) > 1:
        pytest.skip("Argilla's question has one answer")
    module, stored = STORED[tool]
    path = edited(tmp_path, stored, lambda records: choose(tool, records, values))

    problems = module.read(path, batch, None).problems

    assert message in problems[0]
    assert "u1" in problems[0]
    assert str(path) in problems[0]


@pytest.mark.parametrize("tool", ["label-studio", "doccano", "prodigy", "argilla"])
def test_a_changed_text_is_a_problem(tmp_path, batch, tool):
    def change(records):
        (records[0]["data"] if tool == "label-studio" else records[0])["text"] = "Another text."

    module, stored = STORED[tool]
    read = module.read(edited(tmp_path, stored, change), batch, None)

    assert "unit 'u1': the text was changed: found 'Another text.'" in read.problems[0]
    assert all(a.unit != "u1" or tool == "prodigy" for a in read.answers)


@pytest.mark.parametrize("tool", ["label-studio", "doccano", "prodigy", "argilla"])
def test_a_record_without_the_unit_is_a_problem(tmp_path, batch, tool):
    def change(records):
        del (records[0]["data"] if tool == "label-studio" else records[0])["unit"]

    module, stored = STORED[tool]

    assert (
        "no field 'unit'" in module.read(edited(tmp_path, stored, change), batch, None).problems[0]
    )


@pytest.mark.parametrize("tool", STORED)
def test_files_of_another_form_are_refused(tmp_path, batch, tool):
    module = STORED[tool][0]
    for k, text in enumerate(["", "{", "[1]", '{"a": 1}', '[{"a": 1}]', "\xff"]):
        path = tmp_path / f"{k}.json"
        path.write_text(text, encoding="latin-1")
        with pytest.raises(RequestError, match=str(path)):
            module.read(path, batch, None)


def test_label_studio_says_that_json_min_is_not_enough(tmp_path, batch):
    path = tmp_path / "min.json"
    record = {"unit": "u1", "topic_sanctions": "no", "annotator": 1, "annotation_id": 3}
    path.write_text(json.dumps([record]), encoding="utf-8")

    assert recognise(path) == "label-studio"
    with pytest.raises(RequestError, match="'JSON-MIN' and 'CSV' drop skipped tasks"):
        label_studio.read(path, batch, None)


@pytest.mark.parametrize("tool", STORED)
def test_one_file_for_all_unless_annotators_have_different_units(tmp_path, tool):
    module = STORED[tool][0]
    names = ["anna", "ben"]
    same = tool_batch(tmp_path / "same", annotators=names)
    different = tool_batch(
        tmp_path / "different", annotators=names, assigned={"u1": names, "u2": ["ben"]}
    )

    assert not any("-anna" in str(p) for p in module.write(same))
    paths = module.write(different)
    assert all(p.is_file() for p in paths)
    ours = {n: [p for p in paths if f"-{n}" in str(p.relative_to(different.root))] for n in names}
    texts = {n: "".join(p.read_text(encoding="utf-8") for p in ps) for n, ps in ours.items()}
    assert '"u2"' in texts["ben"]
    assert '"u2"' not in texts["anna"]
    assert '"u3"' in texts["anna"]


def controls(config: str) -> dict[str, list[str]]:
    """Choices of a Label Studio configuration, by name of the control."""
    tree = ET.fromstring(config)
    return {c.get("name"): [v.get("value") for v in c] for c in tree.iter("Choices")}


def test_label_studio_asks_one_question_a_topic(batch):
    config, tasks = label_studio.write(batch)

    text = config.read_text(encoding="utf-8")
    answers = ["no", "favor", "against"]
    assert controls(text) == {"topic_sanctions": answers, "topic_diplomacy": answers}
    assert all(c.get("required") == "true" for c in ET.fromstring(text).iter("Choices"))
    headers = [h.get("value") for h in ET.fromstring(text).iter("Header")]
    assert headers[1] == "sanctions"
    assert headers[2].startswith('sanctions: "sanctions" is <named> & meant')
    assert "$5" not in text  # it would be read as a field of the task
    assert json.loads(tasks.read_text(encoding="utf-8"))[1] == {
        "data": {"unit": "u2", "check": "ku2", "title": "", "text": TEXTS["u2"]}
    }


@pytest.mark.parametrize("count", [8, 9])
def test_label_studio_opens_questions_over_eight_topics(tmp_path, count):
    batch = tool_batch(tmp_path / "batch", NINE[:count])

    found = controls(label_studio.write(batch)[0].read_text(encoding="utf-8"))

    if count == 8:
        assert len(found) == 8
    else:
        assert found.pop("topics") == ["(none)", *NINE]
        assert found == {f"topic_{t}": ["favor", "against"] for t in NINE}


def test_label_studio_has_one_question_only_for_many_topics_without_stances(tmp_path):
    batch = tool_batch(tmp_path / "batch", NINE, stances="")

    config = label_studio.write(batch)[0].read_text(encoding="utf-8")

    assert controls(config) == {"topics": ["(none)", *NINE]}
    task = {
        "data": {"unit": "u1", "check": "ku1"},
        "annotations": [
            {
                "completed_by": 1,
                "result": [{"from_name": "topics", "value": {"choices": ["topic4"]}}],
            }
        ],
    }
    path = tmp_path / "export.json"
    path.write_text(json.dumps([task]), encoding="utf-8")
    answer = label_studio.read(path, batch, None).answers[0].answers
    assert answer == dict.fromkeys(NINE, "no") | {"topic4": "yes"}


@pytest.mark.parametrize("topics", [("sanctions", "diplomacy"), NINE])
def test_label_studio_suggestions_are_predictions_and_no_annotations(tmp_path, topics):
    suggestion = dict.fromkeys(topics, "no") | {topics[1]: "favor"}
    batch = tool_batch(tmp_path / "batch", topics, suggestions={"u3": suggestion})

    tasks = json.loads(label_studio.write(batch)[1].read_text(encoding="utf-8"))

    assert [set(t) for t in tasks] == [{"data"}, {"data"}, {"data", "predictions"}, {"data"}]
    result = tasks[2]["predictions"][0]["result"]
    annotated = [
        {**tasks[2], "annotations": [{"completed_by": 1, "result": copy.deepcopy(result)}]}
    ]
    path = tmp_path / "export.json"
    path.write_text(json.dumps(annotated), encoding="utf-8")
    assert label_studio.read(path, batch, None).answers[0].answers == suggestion


def test_prodigy_has_one_block_of_options(batch):
    settings, tasks = prodigy.write(batch)

    assert json.loads(settings.read_bytes())["choice_style"] == "multiple"
    task = json.loads(tasks.read_bytes().splitlines()[0])
    assert [o["id"] for o in task["options"]] == exports.flat_labels(batch)
    assert task["options"][1]["text"] == "sanctions=favor: a position for the target"
    assert (task["unit"], task["check"], task["text"]) == ("u1", "ku1", TEXTS["u1"])


def test_potato_asks_one_required_question_a_topic(batch):
    units, config = potato.write(batch)

    settings = yaml.safe_load(config.read_text(encoding="utf-8"))
    questions = settings["annotation_schemes"]
    assert [q["name"] for q in questions] == ["topic_sanctions", "topic_diplomacy", "note"]
    assert [label["name"] for label in questions[0]["labels"]] == ["no", "favor", "against"]
    assert questions[0]["label_requirement"] == {"required": True}
    assert settings["data_files"] == [units.name]


def test_argilla_wants_as_many_answers_as_there_are_annotators(tmp_path):
    for names, enough in (([], 2), (["a", "b", "c"], 3)):
        batch = tool_batch(tmp_path / f"batch{enough}", annotators=names)
        _, settings, records = argilla.write(batch)
        read = json.loads(settings.read_bytes())
        assert read["distribution"] == {"strategy": "overlap", "min_submitted": enough}
        assert [q["name"] for q in read["questions"]] == [
            "topic_sanctions",
            "topic_diplomacy",
            "note",
        ]
        assert json.loads(records.read_bytes())[0]["metadata"] == {"unit": "u1", "check": "ku1"}
