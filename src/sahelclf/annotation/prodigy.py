"""Prodigy: tasks for its interface `choice`, and the answers of `prodigy db-out`.

Prodigy keeps one list of chosen options a task, so all topics are in one block of options, of which
any number can be chosen.
"""

from pathlib import Path

from sahelclf.annotation.answers import ReadAnswers
from sahelclf.annotation.batch import Batch, BatchUnit
from sahelclf.annotation.exports import (
    EQUALS,
    Collector,
    Json,
    by_topic,
    flat_labels,
    meanings,
    parse_records,
    parts,
    read_text,
    write_json,
    write_lines,
)
from sahelclf.errors import RequestError

FOLDER = "prodigy"
EXPECTED = "the output of `prodigy db-out`: lines with 'answer' and 'accept'"


def write(batch: Batch) -> list[Path]:
    """Write tasks and `prodigy.json`, for `prodigy mark DATASET tasks.jsonl --view-id choice`."""
    folder = batch.root / FOLDER
    settings = {
        "choice_style": "multiple",
        "choice_auto_accept": False,
        "feed_overlap": True,  # every session gets every task
        "exclude_by": "task",
        "buttons": ["accept", "ignore", "undo"],
    }
    options = _options(batch)
    return [
        write_json(folder / "prodigy.json", settings),
        *(
            write_lines(folder / f"tasks{name}.jsonl", (_task(u, options) for u in units))
            for name, units in parts(batch).items()
        ),
    ]


def _options(batch: Batch) -> list[Json]:
    texts = {t: meanings(batch, t) for t in batch.codebook.topic_names}
    options = []
    for label in flat_labels(batch):
        topic, _, answer = label.partition(EQUALS)
        meaning = texts[topic][answer]
        options.append({"id": label, "text": f"{label}: {meaning}" if meaning else label})
    return options


def _task(unit: BatchUnit, options: list[Json]) -> Json:
    task = {
        "text": unit.text,
        "unit": unit.unit,
        "check": unit.check,
        "meta": {"title": unit.title} if unit.title else {},
        "options": options,
    }
    if unit.suggestion:
        task["accept"] = [f"{t}{EQUALS}{a}" for t, a in unit.suggestion.items()]
    return task


def read(path: Path, batch: Batch, annotator: str | None) -> ReadAnswers:
    """Read an output of `db-out`; the annotator is `_annotator_id`, which is the session's name."""
    out = Collector(batch, annotator)
    for where, record in parse_records(str(path), read_text(path), EXPECTED):
        if "answer" not in record:
            found = ", ".join(sorted(record)[:6])
            raise RequestError(f"{where}: found the fields {found}; expected {EXPECTED}")
        if record["answer"] != "accept":
            out.skip({"ignore": "ignored", "reject": "rejected"}.get(record["answer"], "other"))
            continue
        unit = out.unit(where, record)
        if unit:
            name = _annotator(out, where, path, record)
            chosen = record.get("accept") or []
            out.take(where, name, unit, by_topic(chosen), record.get("check"))
    return out.read


def _annotator(out: Collector, where: str, path: Path, record: Json) -> str | None:
    """Name from `DATASET-NAME`, in a file DATASET.jsonl.

    Without the name of a session, Prodigy writes the time of its start, which names nobody.
    """
    session = str(record.get("_annotator_id") or record.get("_session_id") or "")
    known = [n for n in out.batch.info.annotators if session == n or session.endswith(f"-{n}")]
    named = bool(known) or (session != "" and not session[:4].isdigit())
    if not named and not out.given:
        found = repr(session) if session else "no '_annotator_id'"
        out.problem(
            where,
            f"annotator: found {found}; expected a session with a name (start at "
            "?session=NAME), or --annotator NAME",
        )
        return None
    user = session.removeprefix(f"{path.stem}-") or path.stem
    if out.given and session.endswith(f"-{out.given}"):
        user = out.given
    return out.annotator(where, user, session, *sorted(known, key=len)[-1:], named=named)
