"""Potato: a project to start, and the answers in its `user_state.json` of each user.

Each topic is one question with one possible answer. Potato before 2.7.2 kept the earlier answers
when one was changed, so a question can come back with several.
"""

import json
from pathlib import Path

import yaml

from sahelclf.annotation.answers import ReadAnswers
from sahelclf.annotation.batch import Batch
from sahelclf.annotation.exports import (
    Collector,
    Json,
    meanings,
    parts,
    question,
    read_text,
    write_lines,
)
from sahelclf.errors import RequestError

FOLDER = "potato"
SCHEME = "topic_"  # before a topic's name: no topic has the name of another question
NOTE = "note"
UNCHOSEN = (None, False, "", "false", "False")
ANSWERS = "instance_id_to_label_to_value"
EXPECTED = f"Potato's 'user_state.json', with 'user_id' and '{ANSWERS}'"


def write(batch: Batch) -> list[Path]:
    """Write `config.yaml` and units, for `potato start config.yaml`."""
    folder = batch.root / FOLDER
    paths: list[Path] = []
    for name, units in parts(batch).items():
        records = []
        for u in units:
            record: Json = {"unit": u.unit, "text": u.text, "title": u.title}
            if u.suggestion:
                record["suggestion"] = {SCHEME + t: a for t, a in u.suggestion.items()}
            records.append(record)
        paths.append(write_lines(folder / f"units{name}.jsonl", records))
        config = folder / f"config{name}.yaml"
        text = yaml.safe_dump(_config(batch, name), sort_keys=False, allow_unicode=True, width=100)
        config.write_text(text, encoding="utf-8")
        paths.append(config)
    return paths


def _config(batch: Batch, name: str) -> Json:
    schemes: list[Json] = [
        {
            "annotation_type": "radio",
            "name": SCHEME + topic,
            "description": question(batch, topic),
            "labels": [
                {"name": a, "tooltip": meaning} if meaning else {"name": a}
                for a, meaning in meanings(batch, topic).items()
            ],
            "label_requirement": {"required": True},
            "horizontal": True,
        }
        for topic in batch.codebook.topic_names
    ]
    note = {"annotation_type": "text", "name": NOTE, "description": "Note (not required)"}
    config: Json = {
        "annotation_task_name": batch.codebook.title,
        "task_dir": ".",
        "data_files": [f"units{name}.jsonl"],
        "item_properties": {"id_key": "unit", "text_key": "text"},
        "output_annotation_dir": f"answers{name}",
        "annotation_schemes": [*schemes, note],
        "user_config": {"allow_all_users": True},
        "require_password": False,
        "assignment_strategy": "fixed_order",
        "max_annotations_per_user": -1,
        "max_annotations_per_item": -1,
    }
    if any(u.suggestion for u in batch.units):
        config["pre_annotation"] = {
            "enabled": True,
            "field": "suggestion",
            "allow_modification": True,
        }
    return config


def read(path: Path, batch: Batch, annotator: str | None) -> ReadAnswers:
    """Read the state of one user; the annotator is `user_id`."""
    try:
        state = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise RequestError(f"{path}:{error.lineno}: no JSON: {error.msg}") from None
    answers = state.get(ANSWERS) if isinstance(state, dict) else None
    if not isinstance(answers, dict):
        found = ", ".join(sorted(state)[:6]) if isinstance(state, dict) else type(state).__name__
        raise RequestError(f"{path}: found {found or 'nothing'}; expected {EXPECTED}")
    out = Collector(batch, annotator)
    user = str(state.get("user_id") or "")
    if not user and not annotator:
        out.problem(str(path), "no 'user_id'; expected a name, or --annotator NAME")
    open_unit = _open_unit(state)
    for unit, labels in answers.items():
        where = f"{path}: unit {unit}"
        chosen: dict[str, list[str]] = {}
        note = ""
        for label, value in labels:
            if label["schema"] == NOTE:
                note = str(value or "")
            elif value not in UNCHOSEN:
                chosen.setdefault(label["schema"].removeprefix(SCHEME), []).append(label["name"])
        if unit == open_unit and any(t not in chosen for t in batch.codebook.topic_names):
            out.skip("drafts")
        else:
            answered = chosen and (user or annotator)
            name = out.annotator(str(path), user, named=bool(user)) if answered else None
            out.take(where, name, unit, chosen, note=note)
    return out.read


def _open_unit(state: Json) -> str | None:
    """The unit that the user was at when the state was saved."""
    order, index = state.get("instance_id_ordering") or [], state.get("current_instance_index")
    return order[index] if isinstance(index, int) and 0 <= index < len(order) else None
