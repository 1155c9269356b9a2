"""Annotation tools: each writes the units of a batch and reads the answers, in its own module."""

import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from sahelclf.annotation.answers import ReadAnswers
from sahelclf.annotation.batch import Batch
from sahelclf.errors import RequestError

HEAD_BYTES = 1 << 20


@dataclass(frozen=True)
class Export:
    """How to recognise the files that a tool brings back.

    Attributes
    ----------
    module
        The tool's module in this package.
    suffixes
        Of its files.
    keys
        Sets of keys; the first record of a file has all of one set. Without any, the suffix
        decides.
    """

    module: str
    suffixes: tuple[str, ...]
    keys: tuple[frozenset[str], ...] = ()


def _keys(*sets: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(s.split()) for s in sets)


JSON = (".json", ".jsonl")
# one line a tool; the first that fits a file is the file's tool
TOOLS = {
    "page": Export("page", JSON, _keys("batch annotator unit check")),
    "sheet": Export("sheet", (".csv", ".tsv")),
    "xlsx": Export("xlsx", (".xlsx",)),
    "label-studio": Export(
        "label_studio",
        JSON,
        _keys("data annotations", "data completions", "annotation_id annotator"),
    ),
    "prodigy": Export("prodigy", JSON, _keys("_task_hash", "answer options")),
    "potato": Export(
        "potato", JSON, _keys("instance_id label_annotations", "instance_id_to_label_to_value")
    ),
    "argilla": Export("argilla", JSON, _keys("fields responses", "fields status", "_server_id")),
    "doccano": Export("doccano", JSON, _keys("text label", "text labels", "text cats")),
}


class Tool(Protocol):
    """What a tool's module has."""

    def write(self, batch: Batch, /) -> list[Path]:
        """Write the annotators' files into the batch's folder; returns them."""

    def read(self, path: Path, batch: Batch, annotator: str | None, /) -> ReadAnswers:
        """Read one file of answers.

        `annotator` names the annotator where the file names none. Where the file names one, both
        must agree; otherwise it is a problem. `3=anna,4=ben` gives names to those in the file.

        Mistakes of annotators go into `problems`; `RequestError` where the file is not of the
        tool's form at all.
        """


def tool(name: str) -> Tool:
    """The module of a tool."""
    if name not in TOOLS:
        raise RequestError(f"unknown tool {name!r}; expected one of {', '.join(TOOLS)}")
    return cast("Tool", import_module(f"{__package__}.{TOOLS[name].module}"))


def recognise(path: Path) -> str:
    """Name of the tool whose answers a file holds, by its suffix and its first record."""
    suffix = path.suffix.lower()
    record = _first_record(path) if suffix in JSON else {}
    for name, export in TOOLS.items():
        known = not export.keys or any(keys <= record.keys() for keys in export.keys)
        if suffix in export.suffixes and known:
            return name
    found = f"a file {suffix or path.name!r}"
    if suffix in JSON:
        first = f"a first record with {sorted(record)[:8]}"
        found = first if record else "no whole record (is the file empty, or cut off?)"
    raise RequestError(
        f"{path}: not recognised: found {found}; expected what one of {', '.join(TOOLS)} exports "
        "(name it with --from TOOL)"
    )


def _first_record(path: Path) -> dict[str, object]:
    """The first object of JSON lines, of a JSON list, or the JSON object itself; else empty."""
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES).decode("utf-8-sig", "replace").lstrip().lstrip("[")
    except OSError as error:
        raise RequestError(f"{path}: not readable: {error.strerror}") from None
    try:
        record, _ = json.JSONDecoder().raw_decode(head.lstrip())
    except json.JSONDecodeError:
        try:  # one object that is longer than the head
            record = json.loads(path.read_bytes())
        except ValueError:
            return {}
    return record if isinstance(record, dict) else {}
