"""doccano: documents and labels to import, and the answers of its export as JSONL.

doccano has one flat list of labels, of which any number can be chosen: each topic with each answer
is one, `no` included, so that a text that nobody looked at differs from one without a topic.
"""

from pathlib import Path

from sahelclf.annotation.answers import ReadAnswers
from sahelclf.annotation.batch import Batch
from sahelclf.annotation.exports import (
    EQUALS,
    Collector,
    Json,
    by_topic,
    flat_labels,
    parse_records,
    parts,
    read_text,
    write_json,
    write_lines,
)
from sahelclf.errors import RequestError

FOLDER = "doccano"
COLOURS = ("#1b6ca8", "#9c3d10", "#2f7d32", "#7b1fa2", "#8a6d00", "#00695c", "#ad1457", "#455a64")
KEYS = "123456789abcdefghijklmnopqrstuvwxyz"  # doccano's shortcuts
SHARED = "all"  # name of the file of a project whose users share annotations
EXPECTED = "doccano's export 'JSONL': lines with 'text' and 'label'"


def write(batch: Batch) -> list[Path]:
    """Write `labels.json` and documents.

    The unit's id is in `unit`: a field `id` would take the place of doccano's own, and the export
    would not say which. A suggestion is a field that the annotator sees, since doccano takes an
    imported label for an answer of the user who imports.
    """
    answers = len(flat_labels(batch)) // len(batch.codebook.topics)
    labels = [
        {
            "text": label,
            "suffixKey": KEYS[k] if k < len(KEYS) else None,
            "backgroundColor": COLOURS[k // answers % len(COLOURS)],
            "textColor": "#ffffff",
        }
        for k, label in enumerate(flat_labels(batch))
    ]
    folder = batch.root / FOLDER
    suggested = any(u.suggestion for u in batch.units)
    paths = [write_json(folder / "labels.json", labels)]
    for name, units in parts(batch).items():
        records: list[Json] = []
        for u in units:
            record: Json = {"text": u.text, "unit": u.unit, "check": u.check, "title": u.title}
            record["label"] = []  # doccano reports an error where the column is missing
            if suggested:  # in every record: doccano cannot import where one lacks a field
                record["suggestion"] = ", ".join(
                    f"{t}{EQUALS}{a}" for t, a in (u.suggestion or {}).items()
                )
            records.append(record)
        paths.append(write_lines(folder / f"documents{name}.jsonl", records))
    return paths


def read(path: Path, batch: Batch, annotator: str | None) -> ReadAnswers:
    """Read the export of one user; the annotator is the file's name."""
    if annotator is None and path.stem == SHARED:
        raise RequestError(
            f"{path}: doccano names no user in this file; expected USER.jsonl, as a project "
            "exports that does not share annotations between its users, or --annotator NAME"
        )
    out = Collector(batch, annotator)
    for where, record in parse_records(str(path), read_text(path), EXPECTED):
        labels = record.get("label", record.get("labels", record.get("cats")))
        if not isinstance(labels, list) or "text" not in record:
            found = ", ".join(sorted(record)[:6])
            raise RequestError(f"{where}: found the fields {found}; expected {EXPECTED}")
        unit = out.unit(where, record)
        if unit:
            # the owner of a project has a file too, without labels: nobody's name to check
            named = path.stem != SHARED
            name = out.annotator(str(path), path.stem, named=named) if labels else None
            note = "\n".join(map(str, record.get("Comments") or ()))
            out.take(where, name, unit, by_topic(labels), record.get("check"), note)
    return out.read
