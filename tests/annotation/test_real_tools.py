"""Real Label Studio, doccano and Potato: our files go in, two users answer, answers come back."""

from pathlib import Path

import pytest

from annotation import tool_servers as servers
from annotation.batches import lines
from annotation.tool_batches import NINE, TEXTS, TWO, tool_batch
from sahelclf.annotation import doccano, label_studio, potato
from sahelclf.annotation.answers import to_topics
from sahelclf.annotation.batch import Batch
from sahelclf.workflows.annotate import annotate_import

pytestmark = [pytest.mark.tools, pytest.mark.filterwarnings("ignore")]
NOTE = 'A "note"; é'
NAMES = ("anna", "ben")
SAID = {
    "anna": {
        "u1": {"sanctions": "favor", "diplomacy": "no"},
        "u2": {"sanctions": "no", "diplomacy": "no"},
        "u3": {"sanctions": "no", "diplomacy": "against"},
        "u4": {"sanctions": "against", "diplomacy": "favor"},
    },
    "ben": {
        "u1": {"sanctions": "against", "diplomacy": "no"},
        "u2": {"sanctions": "no", "diplomacy": "favor"},
    },
}
NO = dict.fromkeys(NINE, "no")
SAID_OF_NINE = {
    "anna": {"u1": NO | {"topic1": "favor", "topic8": "against"}, "u2": NO},
    "ben": {"u1": NO | {"topic0": "against"}, "u4": NO | {"topic4": "favor"}},
}


@pytest.fixture(scope="module")
def studio(environment, tmp_path_factory):
    with servers.label_studio(environment("Label Studio"), tmp_path_factory.mktemp("ls")) as owner:
        yield owner, {name: servers.label_studio_user(owner, name) for name in NAMES}


def suggested_batch(root: Path, topics=TWO) -> Batch:
    suggestion = dict.fromkeys(topics, "no") | {topics[0]: "favor"}
    return tool_batch(root, topics, annotators=list(NAMES), suggestions={"u3": suggestion})


def assert_imported(batch: Batch, files: list[Path], corpus: Path, said: dict, annotator=None):
    """What comes back by `annotate import` is what the users said."""
    annotate_import(batch.root, files, corpus, annotator=annotator)
    texts = {p["id"]: p["text"] for p in lines(corpus / "passages.jsonl")}
    assert texts == {unit: TEXTS[unit] for answers in said.values() for unit in answers}
    for name, answers in said.items():
        rows = {r["unit"]: r["topics"] for r in lines(corpus / "raw" / f"{name}.jsonl")}
        expected = {u: to_topics(batch.codebook, a) for u, a in answers.items()}
        assert rows == {
            unit: {t: label.model_dump(exclude_defaults=True) for t, label in topics.items()}
            for unit, topics in expected.items()
        }
    assert {p.stem for p in (corpus / "raw").iterdir()} == set(said)


def chosen(control: str, *values: str) -> dict:
    item = {"from_name": control, "to_name": "text", "type": "choices"}
    return item | {"value": {"choices": [*values]}}


def result(answers: dict[str, str]) -> list[dict]:
    """What Label Studio's page sends."""
    note = {"from_name": "note", "to_name": "text", "type": "textarea", "value": {"text": [NOTE]}}
    if len(answers) <= 8:
        return [note, *(chosen(f"topic_{t}", a) for t, a in answers.items())]
    held = {t: a for t, a in answers.items() if a != "no"}
    hidden = next(t for t in answers if t not in held)  # answered, then closed again
    return [
        note,
        chosen("topics", *(held or ["(none)"])),
        *(chosen(f"topic_{t}", a) for t, a in (held | {hidden: "favor"}).items()),
    ]


@pytest.mark.parametrize(("topics", "said"), [(TWO, SAID), (NINE, SAID_OF_NINE)])
def test_label_studio(studio, tmp_path, topics, said):
    owner, users = studio
    batch = suggested_batch(tmp_path / "batch", topics)
    project = servers.label_studio_project(owner, *label_studio.write(batch))
    tasks = servers.label_studio_tasks(owner, project)
    assert set(tasks) == set(TEXTS)
    for name, answers in said.items():
        for unit, topics_of in answers.items():
            body = {"result": result(topics_of), "lead_time": 3}
            users[name]("POST", f"/api/tasks/{tasks[unit]}/annotations/", json=body)
    ben = users["ben"]
    ben(
        "POST", f"/api/tasks/{tasks['u3']}/annotations/", json={"was_cancelled": True, "result": []}
    )
    draft = {"result": result(said["anna"]["u1"]), "lead_time": 1}
    ben("POST", f"/api/tasks/{tasks['u3']}/drafts", json=draft)

    people = servers.label_studio_export(owner, project, tmp_path / "people.json", people=True)
    plain = servers.label_studio_export(owner, project, tmp_path / "plain.json", people=False)

    assert_imported(batch, [people], tmp_path / "corpus", said)
    read = label_studio.read(people, batch, None)
    assert (read.left_out["skipped"], read.left_out["drafts"]) == (1, 1)
    assert {a.note for a in read.answers} == {NOTE}
    ids = {n: u("GET", "/api/current-user/whoami").json()["id"] for n, u in users.items()}
    names = ",".join(f"{number}={name}" for name, number in ids.items())
    assert_imported(batch, [plain], tmp_path / "other", said, annotator=names)


def test_doccano(environment, tmp_path):
    batch = suggested_batch(tmp_path / "batch")
    with servers.doccano(environment("doccano"), tmp_path) as owner:
        project = servers.doccano_project(owner, *doccano.write(batch), members=NAMES)
        for name, answers in SAID.items():
            user = servers.doccano_user(owner.base, owner.log, name)
            servers.doccano_annotate(user, project, answers, NOTE)
        files = servers.doccano_export(owner, project, tmp_path / "export")

    assert [p.name for p in files] == ["anna.jsonl", "ben.jsonl", "owner.jsonl"]
    assert_imported(batch, files, tmp_path / "corpus", SAID)
    read = doccano.read(files[1], batch, None)
    assert read.left_out == {"without an answer": 2}
    assert {a.note for a in read.answers} == {NOTE}


def test_potato(environment, tmp_path):
    batch = suggested_batch(tmp_path / "batch")
    _, config = potato.write(batch)
    with servers.potato(environment("Potato"), config) as (base, log):
        for name, answers in SAID.items():
            servers.potato_annotate(base, log, name, answers, NOTE)

    files = sorted(config.parent.glob("answers/*/user_state.json"))
    assert_imported(batch, files, tmp_path / "corpus", SAID)
    assert {a.note for a in potato.read(files[0], batch, None).answers} == {NOTE}
