"""Read public sets from the user's own clones of their repositories; `sets.yaml` lists the sets.

The TSV files are read as the released code reads them: tab, double quotes, no header, universal
newlines, the text first and then the labels as whole numbers. Texts are not changed; empty ones are
kept. The id of a row is its part and its number from 1, which is its line in all these files. A row
is its own group, because none of these files names a document.

In the published split of the IndiaPoliceEvents sentences, nearly every test document has sentences
in the training part. `IndiaPoliceEvents_sents_by_document` is the same corpus from its authors,
split here by a hash of the document's number: 15% of the documents are test, 15% dev. Its groups
are the documents.
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from sahelclf.errors import RequestError
from sahelclf.tasks.base import Kind, TaskData, TaskSpec
from sahelclf.tasks.labels import Label, at_most, task_data

PARTS = ("train", "dev", "test")


class PublicSet(BaseModel):
    """One entry of `sets.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    repository: str
    reader: Literal["tsv", "tweets", "sentences"]
    kind: Kind
    labels: list[str]
    metric: str
    may_be_empty: bool = False
    has_dev: bool = True
    targets: dict[str, str] = {}

    @property
    def clone(self) -> str:
        """Name of the folder that `git clone` makes of the repository."""
        return self.repository.rsplit("/", 1)[1]

    def spec(self, name: str) -> TaskSpec:
        """The task of this set."""
        labels, empty = tuple(self.labels), self.may_be_empty
        return TaskSpec(name, self.kind, labels, self.metric, bool(self.targets), empty)


SETS = TypeAdapter(dict[str, PublicSet]).validate_python(
    yaml.safe_load(Path(__file__).with_name("sets.yaml").read_text(encoding="utf-8"))
)


@dataclass(frozen=True)
class BenchmarkSet:
    """A public set: its task and its parts as published; `dev` is None where there is none."""

    spec: TaskSpec
    train: TaskData
    dev: TaskData | None
    test: TaskData

    @property
    def parts(self) -> dict[str, TaskData]:
        """The parts that the set has, by name."""
        parts = {"train": self.train, "dev": self.dev, "test": self.test}
        return {name: data for name, data in parts.items() if data is not None}


@dataclass(frozen=True)
class Row:
    """A row as read; `cells` are its columns of labels."""

    where: str
    id: str
    text: str
    cells: list[str]
    target: str | None = None
    group: str | None = None


Rows = Iterator[Row]
Reader = Callable[[TaskSpec, Path, str, list[str]], Rows]


def _tsv_rows(spec: TaskSpec, root: Path, part: str, problems: list[str]) -> Rows:
    path = root / "data" / spec.name / f"{part}.tsv"
    columns = len(spec.labels) if spec.kind == "multilabel" else 1
    reader = csv.reader(io.StringIO(_text(path)), delimiter="\t", quotechar='"')
    line = 1
    try:
        for number, cells in enumerate(reader, start=1):
            where, line = f"{path}:{line}", reader.line_num + 1
            if len(cells) != columns + 1:
                expected = f"expected {columns + 1}: the text, then {columns} of labels"
                problems.append(f"{where}: found {len(cells)} columns, {expected}")
            else:
                yield Row(where, f"{part}-{number}", cells[0], cells[1:])
    except csv.Error as error:
        problems.append(f"{path}:{line}: not readable as tab-separated text: {error}")


def _tweet_rows(spec: TaskSpec, root: Path, part: str, problems: list[str]) -> Rows:
    name = "val" if part == "dev" else part
    for folder, target in SETS[spec.name].targets.items():
        path = root / "datasets" / "stance" / folder / f"{name}_text.txt"
        labels_path = path.with_name(f"{name}_labels.txt")
        texts, labels = (_lines(p) for p in (path, labels_path))
        if len(texts) != len(labels):
            found = f"{len(labels)} lines, but {len(texts)} in {path.name}"
            problems.append(f"{labels_path}: {found}; expected the same number")
            continue
        for number, (text, label) in enumerate(zip(texts, labels, strict=True), start=1):
            place, i = f"{labels_path}:{number}", f"{part}-{folder}-{number}"
            yield Row(place, i, text, [label], target)


def _sentence_rows(spec: TaskSpec, root: Path, part: str, problems: list[str]) -> Rows:
    path = root / "data" / "final" / "sents.jsonl"
    keys = ("doc_id", "sent_id", "sent_text", "sent_labels")
    for number, line in enumerate(_lines(path), start=1):
        try:
            row = json.loads(line)
            document, sentence, text, names = (row[k] for k in keys)
            cells = [str(int(label in names)) for label in spec.labels]
        except (ValueError, KeyError, TypeError) as error:
            expected = f"expected an object with {', '.join(keys)}"
            problems.append(f"{path}:{number}: {error}; {expected}")
            continue
        unknown = [n for n in names if n not in spec.labels]
        if unknown:
            expected = f"expected some of {list(spec.labels)}"
            problems.append(f"{path}:{number}: found labels {unknown}, {expected}")
        elif _part_of(str(document)) == part:
            i = f"{document}-{sentence}"
            yield Row(f"{path}:{number}", i, str(text), cells, group=str(document))


def _part_of(document: str) -> str:
    """The part of a document: the hash of its number alone decides."""
    place = int.from_bytes(hashlib.sha256(document.encode()).digest()[:4], "big") / 2**32
    return "test" if place < 0.15 else "dev" if place < 0.3 else "train"


READERS: dict[str, Reader] = {"tsv": _tsv_rows, "tweets": _tweet_rows, "sentences": _sentence_rows}


def read_set(name: str, root: Path | str) -> BenchmarkSet:
    """Read a public set from the clone of its repository at `root`.

    Raises
    ------
    RequestError
        The set is unknown, or files are missing, or rows are wrong: each with its file and line.
    """
    if name not in SETS:
        raise RequestError(f"set {name!r}: not known; expected one of {list(SETS)}")
    public, root = SETS[name], Path(root)
    url = public.repository
    clone = f"for {name} expected a clone of {url}: `git clone {url}`, then root= that folder"
    if not root.is_dir():
        raise RequestError(f"{root}: no such folder; {clone}")
    problems: list[str] = []
    parts: dict[str, TaskData] = {}
    for part in PARTS if public.has_dev else ("train", "test"):
        try:
            data = _read_part(public.spec(name), READERS[public.reader], root, part, problems)
        except OSError as error:
            raise RequestError(f"{error.filename}: {error.strerror}; {clone}") from None
        if data is not None:
            parts[part] = data
            problems += [] if len(data) else [f"{name}: {part} part: no rows; {clone}"]
    if problems:
        raise RequestError(at_most(problems))
    return BenchmarkSet(public.spec(name), parts["train"], parts.get("dev"), parts["test"])


def _read_part(
    spec: TaskSpec, reader: Reader, root: Path, part: str, problems: list[str]
) -> TaskData | None:
    """One part, or None where its rows add to the problems."""
    before, rows, labels = len(problems), [], []
    for row in reader(spec, root, part, problems):
        try:
            labels.append(_label(spec, row.cells))
            rows.append(row)
        except ValueError as error:
            problems.append(f"{row.where}: {error}")
    if len(problems) > before:
        return None
    ids, texts = [r.id for r in rows], [r.text for r in rows]
    targets = [r.target for r in rows] if spec.uses_target else None
    return task_data(spec, ids, [r.group or r.id for r in rows], texts, labels, targets)


def read_sets(names: list[str], root: Path | str) -> dict[str, BenchmarkSet]:
    """Read sets from the folder of all clones; raise with the problems of all sets at once."""
    sets: dict[str, BenchmarkSet] = {}
    problems: list[str] = []
    for name in names:
        try:
            sets[name] = read_set(name, Path(root) / (SETS[name].clone if name in SETS else ""))
        except RequestError as error:
            problems += error.problems
    if problems:
        raise RequestError(list(dict.fromkeys(problems)))
    return sets


def _label(spec: TaskSpec, cells: list[str]) -> Label:
    if spec.kind == "multilabel":
        wrong = [c for c in cells if c not in {"0", "1"}]
        if wrong:
            raise ValueError(f"found {wrong[0][:40]!r} in a column of labels, expected 0 or 1")
        names = tuple(name for name, cell in zip(spec.labels, cells, strict=True) if cell == "1")
        if not names and not spec.may_be_empty:
            raise ValueError(f"no label is 1; expected at least one of {list(spec.labels)}")
        return names
    known = [str(i) for i in range(len(spec.labels))]
    if cells[0] not in known:
        raise ValueError(f"found label {cells[0][:40]!r}, expected one of {', '.join(known)}")
    return spec.labels[int(cells[0])]


def _lines(path: Path) -> list[str]:
    """Lines as the released evaluation script counts them: a final newline begins no line."""
    lines = _text(path).split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _text(path: Path) -> str:
    """A file's text with universal newlines, as the released code opens it."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        found = f"not UTF-8 at byte {error.start}"
        raise RequestError(f"{path}: {found}; expected the file of the repository") from None
