"""Readers of public benchmark sets, from the user's own clones of their repositories; no text of theirs is shipped.

| set | repository | part of the clone |
|---|---|---|
| `BBC_News`, `IndiaPoliceEvents_docs`, `IndiaPoliceEvents_sents`, `insightCrime`, `satp_relevant`, `cameo_class` | ConfliBERT (Hu et al. 2022, doi:10.18653/v1/2022.naacl-main.400), read at 0b63001 | `data/<set>/{train,dev,test}.tsv` |
| `IndiaPoliceEvents_sents_by_document` | IndiaPoliceEvents (Halterman et al. 2021, doi:10.18653/v1/2021.findings-acl.371) | `data/final/sents.jsonl` |
| `tweeteval_stance` | TweetEval (Barbieri et al. 2020; the tweets are those of Mohammad et al. 2016, S16-1003), read at 4fbd22c | `datasets/stance/<target>/{train,val,test}_{text,labels}.txt` |

The TSV files are read as the released code reads them: tab, double quotes, no header, universal newlines, the text
first and then the labels as whole numbers. Texts are kept as they stand, empty ones included. A row's id is its part and
number, from 1, which is its line in all these files; its group is itself, since none of them names a document. The
names of insightCrime's seven labels were never published.

The published split of IndiaPoliceEvents' sentences parts documents: nearly every test document has sentences in train. The
set by document is the same corpus from its authors, split here by a hash of the document's number: 15% of the documents
are test, 15% dev; its groups are the documents.
"""

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sahelclf.errors import RequestError
from sahelclf.tasks.base import TaskData, TaskSpec
from sahelclf.tasks.labels import MOST_PROBLEMS, Label, task_data

PARTS = ("train", "dev", "test")
WITHOUT_DEV = frozenset({"cameo_class"})
CONFLIBERT = "https://github.com/eventdata/ConfliBERT"
POLICE_EVENTS = "https://github.com/slanglab/IndiaPoliceEvents"
TWEETEVAL = "https://github.com/cardiffnlp/tweeteval"
POLICE = ("KILL", "ARREST", "ANY_ACTION", "FAIL", "FORCE")
CRIME = tuple(f"c{i}" for i in range(7))
ATTACK = ("Armed Assault", "Bombing/Explosion", "Kidnapping", "Other")
CAMEO = (
    "Make statement",
    "Verbal cooperation",
    "Material cooperation",
    "Verbal conflict",
    "Material conflict",
)
# folder of the clone: the target as SemEval-2016 words it
TARGETS = {
    "abortion": "Legalization of Abortion",
    "atheism": "Atheism",
    "climate": "Climate Change is a Real Concern",
    "feminist": "Feminist Movement",
    "hillary": "Hillary Clinton",
}


@dataclass(frozen=True)
class BenchmarkSet:
    """A public set: its task and the parts as published; `dev` is None where there is none."""

    spec: TaskSpec
    train: TaskData
    dev: TaskData | None
    test: TaskData


@dataclass(frozen=True)
class Row:
    """A row as read."""

    id: str
    text: str
    label: Label
    target: str | None = None
    group: str | None = None


Reader = Callable[[TaskSpec, Path, str, list[str]], Iterator[Row]]


def _tsv_rows(spec: TaskSpec, root: Path, part: str, problems: list[str]) -> Iterator[Row]:
    path = root / "data" / spec.name / f"{part}.tsv"
    columns = len(spec.labels) if spec.kind == "multilabel" else 1
    reader = csv.reader(io.StringIO(_text(path)), delimiter="\t", quotechar='"')
    line = 1
    try:
        for number, cells in enumerate(reader, start=1):
            if len(cells) != columns + 1:
                problems.append(
                    f"{path}:{line}: found {len(cells)} columns, expected {columns + 1}: the text, then {columns} of labels"
                )
            else:
                try:
                    yield Row(f"{part}-{number}", cells[0], _label(spec, cells[1:]))
                except ValueError as error:
                    problems.append(f"{path}:{line}: {error}")
            line = reader.line_num + 1
    except csv.Error as error:
        problems.append(f"{path}:{line}: not readable as tab-separated text: {error}")


def _tweet_rows(spec: TaskSpec, root: Path, part: str, problems: list[str]) -> Iterator[Row]:
    name = "val" if part == "dev" else part
    for folder, target in TARGETS.items():
        path = root / "datasets" / "stance" / folder / f"{name}_text.txt"
        labels_path = path.with_name(f"{name}_labels.txt")
        texts, labels = (_lines(p) for p in (path, labels_path))
        if len(texts) != len(labels):
            problems.append(
                f"{labels_path}: {len(labels)} lines, but {len(texts)} in {path.name}; expected as many"
            )
            continue
        for number, (text, label) in enumerate(zip(texts, labels, strict=True), start=1):
            try:
                yield Row(f"{part}-{folder}-{number}", text, _label(spec, [label]), target)
            except ValueError as error:
                problems.append(f"{labels_path}:{number}: {error}")


def _sentence_rows(_spec: TaskSpec, root: Path, part: str, problems: list[str]) -> Iterator[Row]:
    path = root / "data" / "final" / "sents.jsonl"
    for number, line in enumerate(_lines(path), start=1):
        try:
            row = json.loads(line)
            document, sentence, text, labels = (
                row[k] for k in ("doc_id", "sent_id", "sent_text", "sent_labels")
            )
        except (ValueError, KeyError, TypeError) as error:
            problems.append(
                f"{path}:{number}: {error}; expected an object with doc_id, sent_id, sent_text and sent_labels"
            )
            continue
        if _part_of(str(document)) == part:
            yield Row(f"{document}-{sentence}", str(text), tuple(labels), group=str(document))


def _part_of(document: str) -> str:
    """15 of 100 documents are test, 15 are dev, by their number's hash, whatever else the corpus holds."""
    place = int.from_bytes(hashlib.sha256(document.encode()).digest()[:4], "big") / 2**32
    return "test" if place < 0.15 else "dev" if place < 0.3 else "train"


SETS: dict[str, tuple[TaskSpec, str, Reader]] = {
    spec.name: (spec, url, reader)
    for spec, url, reader in (
        (
            TaskSpec("BBC_News", "binary", ("not politics", "politics"), "positive_f1"),
            CONFLIBERT,
            _tsv_rows,
        ),
        (
            TaskSpec(
                "IndiaPoliceEvents_docs", "multilabel", POLICE, "example_f1", may_be_empty=True
            ),
            CONFLIBERT,
            _tsv_rows,
        ),
        (
            TaskSpec(
                "IndiaPoliceEvents_sents", "multilabel", POLICE, "example_f1", may_be_empty=True
            ),
            CONFLIBERT,
            _tsv_rows,
        ),
        (
            TaskSpec(
                "IndiaPoliceEvents_sents_by_document",
                "multilabel",
                POLICE,
                "example_f1",
                may_be_empty=True,
            ),
            POLICE_EVENTS,
            _sentence_rows,
        ),
        (
            TaskSpec("insightCrime", "multilabel", CRIME, "example_f1", may_be_empty=True),
            CONFLIBERT,
            _tsv_rows,
        ),
        (TaskSpec("satp_relevant", "multilabel", ATTACK, "example_f1"), CONFLIBERT, _tsv_rows),
        (TaskSpec("cameo_class", "multiclass", CAMEO, "macro_f1"), CONFLIBERT, _tsv_rows),
        (
            TaskSpec(
                "tweeteval_stance",
                "multiclass",
                ("none", "against", "favor"),
                "mean_f1/against+favor",
                uses_target=True,
            ),
            TWEETEVAL,
            _tweet_rows,
        ),
    )
}


def read_set(name: str, root: Path | str) -> BenchmarkSet:
    """Read a public set from the clone of its repository at `root`; every bad row is told, with file and line."""
    if name not in SETS:
        raise RequestError(f"set {name!r}: not known; expected one of {list(SETS)}")
    spec, url, reader = SETS[name]
    root = Path(root)
    clone = f"expected a clone of {url}: `git clone {url}`, then root= that folder"
    if not root.is_dir():
        raise RequestError(f"{root}: no such folder; for {name} {clone}")
    problems: list[str] = []
    parts: dict[str, TaskData] = {}
    for part in PARTS:
        if part == "dev" and name in WITHOUT_DEV:
            continue
        before = len(problems)
        try:
            rows = list(reader(spec, root, part, problems))
        except OSError as error:
            raise RequestError(f"{error.filename}: {error.strerror}; for {name} {clone}") from None
        if not rows and len(problems) == before:
            problems.append(f"{name}: {part} part: no rows; {clone}")
        if not problems:
            parts[part] = _as_data(spec, rows)
    if problems:
        more = len(problems) - MOST_PROBLEMS
        raise RequestError(problems[:MOST_PROBLEMS] + ([f"and {more} more"] if more > 0 else []))
    return BenchmarkSet(spec, parts["train"], parts.get("dev"), parts["test"])


def _as_data(spec: TaskSpec, rows: list[Row]) -> TaskData:
    ids = [r.id for r in rows]
    groups = [r.group or r.id for r in rows]
    targets = [r.target for r in rows] if spec.uses_target else None
    return task_data(spec, ids, groups, [r.text for r in rows], [r.label for r in rows], targets)


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
    """Lines as the released evaluation script counts them: the empty one after the last newline is none."""
    lines = _text(path).split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _text(path: Path) -> str:
    """A file's text with universal newlines, as the released code opens it."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RequestError(
            f"{path}: not UTF-8 at byte {error.start}; expected the file as it stands in the repository"
        ) from None
