"""Label Studio: a labeling configuration and tasks, and the answers of its JSON export.

Only the export "JSON" is read: "JSON-MIN" and "CSV" drop skipped tasks and unanswered questions.
Over `MOST_OPEN` topics one question says which topics hold, and each of them opens the question
for its stance.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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
from sahelclf.records import NO, YES
from sahelclf.templates import render

FOLDER = "label-studio"
MOST_OPEN = 8
CONTROL = "topic_"  # before a topic's name: no topic has the name of another control
WHICH, NOTHING = "topics", "(none)"
EXPECTED = "the export 'JSON' of Label Studio: a list of tasks, each with 'data' and 'annotations'"


def write(batch: Batch) -> list[Path]:
    """Write `config.xml` and tasks; they have no annotations, which Label Studio would count."""
    folder = batch.root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.xml"
    config.write_text(_config(batch), encoding="utf-8")
    return [
        config,
        *(
            write_json(folder / f"tasks{name}.json", [_task(u) for u in units])
            for name, units in parts(batch).items()
        ),
    ]


def _opened(batch: Batch) -> bool:
    """Whether a multiple choice opens the question of each topic."""
    return len(batch.codebook.topics) > MOST_OPEN


def _config(batch: Batch) -> str:
    opened = _opened(batch)
    topics = []
    for name in batch.codebook.topic_names:
        answers = meanings(batch, name)
        if opened:  # the multiple choice says whether a topic holds
            answers = {a: text for a, text in answers.items() if a not in (NO, YES)}
        topics.append(
            {
                "name": name,
                "control": CONTROL + name,
                "question": _no_field(question(batch, name)),
                "answers": [(a, _no_field(text)) for a, text in answers.items()],
            }
        )
    return render(
        __package__ or "",
        "label_studio.xml",
        titles=any(u.title for u in batch.units),
        opened=opened,
        topics=topics,
        which=WHICH,
        nothing=NOTHING,
    )


def _no_field(text: str) -> str:
    """Text without what Label Studio replaces by a field of the task, such as `$5`."""
    return re.sub(r"\$(?=\S)", "$ ", text)


def _task(unit: BatchUnit) -> Json:
    """One task; the id is inside `data`, since Label Studio gives tasks ids of its own."""
    data = {"unit": unit.unit, "check": unit.check, "title": unit.title, "text": unit.text}
    if not unit.suggestion:
        return {"data": data}
    result = choices(unit.suggestion)
    return {"data": data, "predictions": [{"model_version": "sahelclf", "result": result}]}


def choices(answers: Mapping[str, str]) -> list[Json]:
    """Answers to every topic as the choices of a prediction."""
    chosen = {CONTROL + t: [a] for t, a in answers.items()}
    if len(answers) > MOST_OPEN:
        positive = {t: a for t, a in answers.items() if a != NO}
        chosen = {WHICH: [*positive] or [NOTHING]}
        chosen |= {CONTROL + t: [a] for t, a in positive.items() if a != YES}
    return [
        {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": values}}
        for name, values in chosen.items()
    ]


def read(path: Path, batch: Batch, annotator: str | None) -> ReadAnswers:
    """Read an export; the annotator is `completed_by`."""
    out = Collector(batch, annotator)
    for where, task in parse_records(str(path), read_text(path), EXPECTED):
        annotations = task.get("annotations", task.get("completions"))
        data = task.get("data")
        if not isinstance(annotations, list) or not isinstance(data, dict):
            found = ", ".join(sorted(task)[:6])
            raise RequestError(
                f"{where}: found the fields {found}; expected {EXPECTED} ('JSON-MIN' and 'CSV' "
                "drop skipped tasks and unanswered questions)"
            )
        out.skip("drafts", len(task.get("drafts") or ()))
        if not annotations:
            out.skip("tasks without an annotation")
            continue
        unit = out.unit(where, data)
        for annotation in annotations if unit else ():
            place = f"{where}, annotation {annotation.get('id', '')}".rstrip()
            _take(out, place, str(unit), data.get("check"), annotation)
    return out.read


def _take(out: Collector, where: str, unit: str, check: object, annotation: Json) -> None:
    if annotation.get("was_cancelled") or annotation.get("skipped"):
        out.skip("skipped")
        return
    controls: dict[str, list[str]] = {}
    for item in annotation.get("result") or ():
        value = item.get("value") or {}
        values = value.get("choices", value.get("text")) or []
        values = [values] if isinstance(values, str) else values
        controls.setdefault(str(item.get("from_name")), []).extend(map(str, values))
    note = "\n".join(controls.pop("note", ()))
    answers = _opened_answers(out, where, unit, controls) if _opened(out.batch) else {}
    for control, values in controls.items():
        answers[control.removeprefix(CONTROL)] = values
    given = any(answers.values())
    name = _annotator(out, where, annotation.get("completed_by")) if given else None
    out.take(where, name, unit, answers, check, note)


def _annotator(out: Collector, where: str, user: Any) -> str | None:
    """Name of the user who completed an annotation: `user-3` unless the batch knows their name.

    Label Studio writes a number, or an object with number and address. An address is no name for a
    corpus that others read.
    """
    known = user if isinstance(user, dict) else {"id": user}
    if known.get("id") is None and not out.given:
        out.problem(where, "completed_by names nobody; expected a user, or give --annotator NAME")
        return None
    number, email = str(known.get("id")), str(known.get("email") or "")
    aliases = [email.partition("@")[0], email, number] if email else [number]
    return out.annotator(where, f"user-{number}", *aliases, named=False)


def _opened_answers(
    out: Collector, where: str, unit: str, controls: dict[str, list[str]]
) -> dict[str, list[str]]:
    """Answers from the multiple choice and the questions that it opened.

    Label Studio exports the answer to a question that was closed again: such answers are counted
    and dropped.
    """
    chosen = controls.pop(WHICH, [])
    if not chosen:
        if controls:
            out.skip("answers to hidden questions", len(controls))
            controls.clear()
        return {}
    if NOTHING in chosen and len(chosen) > 1:
        others = ", ".join(c for c in chosen if c != NOTHING)
        out.problem(where, f"unit {unit!r}: contradictory: {NOTHING!r} and {others} are chosen")
        controls.clear()
        return {}
    answers: dict[str, list[str]] = {}
    for topic in out.batch.codebook.topic_names:
        answer = controls.pop(CONTROL + topic, [])
        if topic not in chosen:
            out.skip("answers to hidden questions", bool(answer))
            answers[topic] = [NO]
        else:
            answers[topic] = answer if out.batch.codebook.stances else [YES]
    unknown = [c for c in chosen if c not in (NOTHING, *out.batch.codebook.topics)]
    return answers | {c: [""] for c in unknown}
