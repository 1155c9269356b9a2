"""What all writers share: columns, strict JSON, and that no file of others is replaced."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from sahelclf.bundle.rows import Row, flat_columns, flat_rows
from sahelclf.errors import RequestError
from sahelclf.evaluation.provenance import Provenance, about_path
from sahelclf.files import open_bytes, refuse_device
from sahelclf.predict.checkpoint import Job
from sahelclf.predict.rows import printable

ARROW = {"string": "string", "long": "int64", "double": "float64", "boolean": "bool"}
OF_REJECTS = {"where", "id", "reason"}


@dataclass(frozen=True)
class Layout:
    """What rows hold: topics, stances, carried columns and texts; and which bundle made them."""

    topics: Sequence[str]
    stances: Sequence[str]
    carried: tuple[str, ...]
    unit: str
    with_text: bool
    provenance: Provenance

    @cached_property
    def types(self) -> dict[str, str]:
        """Columns of the flat table in order, with Arrow's types; carried ones are strings."""
        columns = flat_columns(self.topics, self.stances)
        types = {name: ARROW[kind] for name, kind in columns.items()}
        if self.with_text:
            types["text"] = "string"
            if self.unit == "document":
                types |= {f"{topic}_evidence": "string" for topic in self.topics}
        return types | dict.fromkeys(self.carried, "string")

    def is_flat(self, names: Sequence[str]) -> bool:
        """Whether columns are those of a flat table of these topics, with any carried ones."""
        columns = [*flat_columns(self.topics, self.stances)]
        return [*names[: len(columns)]] == columns

    def flat(self, rows: Sequence[Row]) -> list[list[Any]]:
        """Lines of the flat table: a row, then its passages."""
        return [
            [line.get(name) for name in self.types] for row in rows for line in self._lines(row)
        ]

    def _lines(self, row: Row) -> list[Row]:
        passages = row.get("passages", ())
        texts = [p["text"] for p in passages]
        parts = ["\n\n".join(texts) if passages else row.get("text"), *texts]
        carried = {name: row.get(name) for name in self.carried}
        lines = flat_rows(row, self.topics, self.stances)
        if self.with_text:
            for line, text in zip(lines, parts, strict=True):
                line["text"] = text
            lines[0] |= {
                f"{topic}_evidence": texts[t["evidence"]]
                for topic, t in row["topics"].items()
                if passages and t["holds"]
            }
        return [line | carried for line in lines]


class Writer:
    """Encodes rows and appends them to a job's file of pieces."""

    whole = True  # the file of pieces is what OUT holds
    about_beside = True  # what OUT says of its bundle is in a file beside it

    def __init__(self, job: Job, layout: Layout) -> None:
        self.out, self.layout, self._stream = job.out, layout, job.parts["rows"]

    def begin(self, *, overwrite: bool) -> None:
        """Refuse to replace what others wrote, then write what comes before the first row."""
        refuse_device(self.out)
        if not overwrite:
            self._refuse_others()
        self._stream.write(self.opening())

    def write(self, rows: Sequence[Row]) -> None:
        """Write some rows."""
        self._stream.write(self.piece(rows))

    def opening(self) -> bytes:
        """What comes before the first row."""
        return b""

    def piece(self, rows: Sequence[Row]) -> bytes:
        """Rows as bytes that can follow others."""
        raise NotImplementedError

    def join(self, pieces: BinaryIO, stream: BinaryIO) -> None:
        """Make what OUT holds of all pieces."""
        for piece in iter(lambda: pieces.read(1 << 20), b""):
            stream.write(piece)

    def wrote(self, stream: BinaryIO) -> bool:
        """Whether an existing file has the form that this command writes."""
        raise NotImplementedError

    def _refuse_others(self) -> None:
        rejects = self.out.with_name(self.out.name + ".rejects.jsonl")
        beside = ((rejects, _holds_rejects), (about_path(self.out), _holds_provenance))
        for path, is_ours in ((self.out, self.wrote), *beside):
            if path.exists() and path.stat().st_size and not _try(is_ours, path):
                raise RequestError(
                    f"{printable(path)}: exists already and is not what this command writes, so it "
                    "may be hand-made; choose another OUT, move the file away, or --overwrite it"
                )


def json_line(value: Any) -> bytes:
    """A value as one line of strict JSON: no NaN, no Infinity."""
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_PASSTHROUGH_DATETIME
    try:
        return orjson.dumps(value, default=str, option=options)
    except TypeError:  # an integer of more than 64 bits
        return (json.dumps(_strict(value), ensure_ascii=False, default=str) + "\n").encode(
            "utf-8", "replace"
        )


def _strict(value: Any) -> Any:
    """A value without numbers that JSON does not have."""
    if isinstance(value, dict):
        return {str(k): _strict(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(v) for v in value]
    unknown = isinstance(value, float) and (value != value or abs(value) == float("inf"))
    return None if unknown else value


def _holds_rejects(stream: BinaryIO) -> bool:
    return bool(orjson.loads(stream.readline()).keys() == OF_REJECTS)


def _holds_provenance(stream: BinaryIO) -> bool:
    return bool(orjson.loads(stream.read()).keys() == Provenance.model_fields.keys())


def _try(is_ours: Any, path: Path) -> bool:
    """Whether a file is ours; what cannot be read is not."""
    try:
        with open_bytes(path) as stream:
            return bool(is_ours(stream))
    except Exception:  # whatever a file of another form makes its reader raise
        return False
