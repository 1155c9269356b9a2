"""Argilla: a dataset to load from disk, and the answers of its records as a flattened list.

`dataset.records.to_list(flatten=True)` keeps whether an answer was submitted; `to_json` and
`to_disk` do not, so that a draft cannot be told from an answer there.
"""

from collections import defaultdict
from pathlib import Path

from sahelclf.annotation.answers import ReadAnswers
from sahelclf.annotation.batch import Batch, BatchUnit
from sahelclf.annotation.exports import (
    Collector,
    Json,
    meanings,
    parse_records,
    parts,
    question,
    read_text,
    write_json,
)
from sahelclf.errors import RequestError

FOLDER = "argilla"
QUESTION = "topic_"  # before a topic's name: no topic has the name of another question or field
NOTE = "note"
RESPONSES = ".responses"
EXPECTED = "a JSON list from `dataset.records.to_list(flatten=True)`"


def write(batch: Batch) -> list[Path]:
    """Write what `rg.Dataset.from_disk` loads: a folder with settings and records."""
    paths = []
    for name, units in parts(batch).items():
        folder = batch.root / f"{FOLDER}{name}"
        # A record leaves the queue after so many answers.
        enough = 1 if name else max(2, len(batch.info.annotators))
        shared = {
            "guidelines": batch.codebook.title,
            "allow_extra_metadata": True,
            "distribution": {"strategy": "overlap", "min_submitted": enough},
        }
        dataset = {"name": f"{batch.root.resolve().name}{name}", "status": "draft", **shared}
        paths += [
            write_json(folder / ".argilla/dataset.json", dataset),
            write_json(folder / ".argilla/settings.json", _settings(batch) | shared),
            write_json(folder / "records.json", [_record(u) for u in units]),
        ]
    return paths


def _settings(batch: Batch) -> Json:
    text = {"type": "text", "use_markdown": False}
    questions: list[Json] = []
    for topic in batch.codebook.topic_names:
        answers = meanings(batch, topic)
        options = [{"value": a, "text": a} for a in answers]
        lines = [question(batch, topic), *(f"{a}: {text}" for a, text in answers.items() if text)]
        questions.append(
            {
                "name": QUESTION + topic,
                "title": topic,
                "description": "\n\n".join(lines),
                "required": True,
                "settings": {"type": "label_selection", "options": options},
            }
        )
    note = {"name": NOTE, "title": "Note (not required)", "required": False, "settings": text}
    fields = [
        {"name": "title", "title": "Title", "required": False, "settings": text},
        {"name": "text", "title": "Text", "required": True, "settings": text},
    ]
    return {"questions": [*questions, note], "fields": fields, "vectors": [], "metadata": []}


def _record(unit: BatchUnit) -> Json:
    return {
        "id": unit.unit,
        "fields": {"title": unit.title, "text": unit.text},
        "metadata": {"unit": unit.unit, "check": unit.check},
        "suggestions": {
            QUESTION + t: {"value": a, "score": None, "agent": "sahelclf"}
            for t, a in (unit.suggestion or {}).items()
        },
        "responses": {},
    }


def read(path: Path, batch: Batch, annotator: str | None) -> ReadAnswers:
    """Read a flattened list; the annotator is the id of the user, or `--annotator`."""
    out = Collector(batch, annotator)
    for where, record in parse_records(str(path), read_text(path), EXPECTED):
        if isinstance(record.get("responses"), dict):
            raise RequestError(
                f"{where}: the records do not say which answers were submitted, as `to_json` and "
                f"`to_disk` write them; expected {EXPECTED}"
            )
        if "_server_id" not in record:
            found = ", ".join(sorted(record)[:6])
            raise RequestError(f"{where}: found the fields {found}; expected {EXPECTED}")
        unit = out.unit(where, record)
        if unit is None:
            continue
        users = _by_user(record)
        if not users:
            out.skip("records without an answer")
        for user, (status, answers) in users.items():
            if status != "submitted":
                out.skip({"draft": "drafts"}.get(status, status))
                continue
            note = "\n".join(answers.pop(NOTE, ()))
            topics = {q.removeprefix(QUESTION): values for q, values in answers.items()}
            name = out.annotator(where, user, named=False)
            out.take(where, name, unit, topics, record.get("check"), note)
    return out.read


def _by_user(record: Json) -> dict[str, tuple[str, dict[str, list[str]]]]:
    """Status and answers by question, of each user; a discarded record may have no answers."""
    status: dict[str, str] = {}
    answers: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for key in record:
        if key.endswith(RESPONSES) and record[key]:
            values = (record[key], record.get(key + ".users"), record.get(key + ".status"))
            for value, user, state in zip(*(v or [] for v in values), strict=False):
                status[str(user)] = str(state)
                answers[str(user)].setdefault(key.removesuffix(RESPONSES), []).append(str(value))
    return {user: (status[user], answers[user]) for user in status}
