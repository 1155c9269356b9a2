"""Changes to a corpus folder: all files or none, even where the process is killed.

The changed files are written into a folder of their own, which is renamed to `.changes` when all
are there, and then moved to their places. `CorpusEdit.open` completes what was interrupted.

Lines that do not change keep their bytes. Labels of passages follow from `raw/` and
`adjudication.jsonl`.
"""

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sahelclf.codebook import Codebook
from sahelclf.corpus.read import (
    pending_changes,
    read_adjudications,
    read_annotations,
    read_batches,
    read_corpus,
)
from sahelclf.corpus.rounds import current_labels
from sahelclf.errors import SahelclfError
from sahelclf.files import written_aside
from sahelclf.records import Adjudication, Annotation, BatchRecord, Topics

CODEBOOK, DOCUMENTS, PASSAGES = "codebook.yaml", "documents.jsonl", "passages.jsonl"
ADJUDICATION, BATCHES, RAW = "adjudication.jsonl", "batches.jsonl", "raw"


@dataclass
class _Lines:
    """A file of JSON lines: the text of each line, and its record; its text as it was read."""

    path: Path
    before: str = ""
    texts: list[str] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    changed: bool = False

    @classmethod
    def read(cls, path: Path) -> "_Lines":
        text = _text_of(path)
        texts = [line for line in text.split("\n") if line.strip()]
        return cls(path, text, texts, [json.loads(line) for line in texts])

    def add(self, record: dict[str, Any]) -> None:
        """A new line."""
        self.texts.append(json.dumps(record, ensure_ascii=False))
        self.records.append(record)
        self.changed = True

    def replace(self, k: int, record: dict[str, Any]) -> None:
        """Another record in line k; nothing where it is the same."""
        if record != self.records[k]:
            self.texts[k], self.records[k] = json.dumps(record, ensure_ascii=False), record
            self.changed = True


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8-sig") if path.exists() else ""


def plain_topics(topics: Topics) -> dict[str, Any]:
    """Labels as they are written: only what is said of a topic."""
    return {topic: label.model_dump(exclude_defaults=True) for topic, label in topics.items()}


class CorpusEdit:
    """A corpus folder to change, or a new one; nothing is written before `write`.

    Attributes
    ----------
    annotations, adjudications, batches
        As read, with what was added since.
    passages, documents
        Lines of the files by id.
    """

    def __init__(self, root: Path, codebook: Codebook, codebook_text: bytes | None = None) -> None:
        """A new corpus with this codebook where `codebook_text` is given; see `open`."""
        self.root, self.codebook, self._codebook_text = root, codebook, codebook_text
        self.annotations: dict[str, list[Annotation]] = {}
        self.adjudications: list[Adjudication] = []
        self.batches: list[BatchRecord] = []
        names = (DOCUMENTS, PASSAGES, ADJUDICATION, BATCHES)
        self._files = {name: _Lines.read(root / name) for name in names}
        self._raw: dict[str, _Lines] = {}
        self.documents = {r["id"]: k for k, r in enumerate(self._files[DOCUMENTS].records)}
        self.passages = {r["id"]: k for k, r in enumerate(self._files[PASSAGES].records)}
        self._next_index: Counter[str] = Counter()
        for r in self._files[PASSAGES].records:
            after = r["index"] + 1
            self._next_index[r["document_id"]] = max(after, self._next_index[r["document_id"]])

    @classmethod
    def open(cls, root: Path) -> "CorpusEdit":
        """An existing corpus; raises with every problem of its files."""
        _move_changes(root)
        corpus = read_corpus(root)
        edit = cls(root, corpus.codebook)
        edit.annotations = read_annotations(corpus)
        edit.adjudications = read_adjudications(corpus)
        edit.batches = read_batches(corpus)
        edit._raw = {a: _Lines.read(root / RAW / f"{a}.jsonl") for a in edit.annotations}
        return edit

    def document(self, name: str) -> dict[str, Any]:
        """The record of a document."""
        return self._files[DOCUMENTS].records[self.documents[name]]

    def passage(self, name: str) -> dict[str, Any]:
        """The record of a passage, undecided or not."""
        return self._files[PASSAGES].records[self.passages[name]]

    def text(self, unit: str) -> tuple[str, str]:
        """Title and text of a passage or document."""
        if unit in self.passages:
            passage = self.passage(unit)
            return self.document(passage["document_id"]).get("title", ""), passage["text"]
        passages = sorted(self._by_document()[unit], key=lambda p: p["index"])
        return self.document(unit).get("title", ""), "\n\n".join(p["text"] for p in passages)

    def add_document(self, record: dict[str, Any]) -> None:
        """A new document."""
        self.documents[record["id"]] = len(self.documents)
        self._files[DOCUMENTS].add(record)

    def add_passage(self, name: str, document: str, text: str) -> None:
        """A new passage at the end of its document, without labels as yet."""
        index = self._next_index[document]
        self._next_index[document] += 1
        self.passages[name] = len(self.passages)
        self._files[PASSAGES].add(
            {"id": name, "document_id": document, "index": index, "text": text, "topics": None}
        )

    def add_annotation(self, annotator: str, row: Annotation) -> None:
        """An annotator's labels of one unit."""
        self.annotations.setdefault(annotator, []).append(row)
        if annotator not in self._raw:
            self._raw[annotator] = _Lines(self.root / RAW / f"{annotator}.jsonl")
        record = {"unit": row.unit, "round": row.round, "topics": plain_topics(row.topics)}
        record |= {name: True for name in ("suggested", "correction") if getattr(row, name)}
        self._raw[annotator].add(record | ({"note": row.note} if row.note else {}))

    def add_adjudication(self, row: Adjudication) -> None:
        """A decision."""
        self.adjudications.append(row)
        record = row.model_dump(include={"unit", "round", "decided_by", "why"})
        self._files[ADJUDICATION].add(record | {"topics": plain_topics(row.topics)})

    def put_batch(self, row: BatchRecord) -> None:
        """What is known of a batch, in the place of what was known before."""
        known = [b.sha256 for b in self.batches]
        record = row.model_dump(exclude_defaults=True)
        if row.sha256 in known:
            k = known.index(row.sha256)
            self.batches[k] = row
            self._files[BATCHES].replace(k, record)
        else:
            self.batches.append(row)
            self._files[BATCHES].add(record)

    def label(self, units: Iterable[str]) -> None:
        """Set the labels of these units as they follow from annotations and adjudications.

        A document that nobody labelled and whose passages all come from batches has the labels of
        its passage, where it has one alone, and no labels of its own otherwise.
        """
        labels = current_labels(self.annotations, self.adjudications)
        documents: dict[str, None] = {}
        for unit in units:
            topics = labels.get(unit)
            topics_now = None if topics is None else plain_topics(topics)
            if unit in self.documents:
                self._set_document(unit, topics_now)
                continue
            record = self.passage(unit)
            self._files[PASSAGES].replace(self.passages[unit], record | {"topics": topics_now})
            documents[record["document_id"]] = None
        from_batches = {u.unit for b in self.batches for u in b.units}
        annotated = {row.unit for rows in self.annotations.values() for row in rows}
        of_document = self._by_document()
        for name in documents:
            passages = of_document[name]
            if name not in annotated and all(p["id"] in from_batches for p in passages):
                self._set_document(name, passages[0]["topics"] if len(passages) == 1 else None)

    def _set_document(self, name: str, topics: dict[str, Any] | None) -> None:
        record = {k: v for k, v in self.document(name).items() if k != "topics"}
        record |= {} if topics is None else {"topics": topics}
        self._files[DOCUMENTS].replace(self.documents[name], record)

    def _by_document(self) -> dict[str, list[dict[str, Any]]]:
        groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for record in self._files[PASSAGES].records:
            groups[record["document_id"]].append(record)
        return groups

    def write(self) -> list[Path]:
        """Write what changed; returns the files. A new folder appears whole, or not at all."""
        changed = [f for f in (*self._files.values(), *self._raw.values()) if f.changed]
        if not changed:
            return []
        other = [str(f.path) for f in changed if _text_of(f.path) != f.before]
        if other:
            raise SahelclfError(
                f"{', '.join(other)}: changed by another process meanwhile; nothing was written; "
                "run it again"
            )
        target = pending_changes(self.root) if self.root.exists() else self.root
        with written_aside(target) as aside:
            (aside / RAW).mkdir()
            for file in changed:
                path = aside / file.path.relative_to(self.root)
                path.write_text("\n".join([*file.texts, ""]), encoding="utf-8")
            if self._codebook_text is not None:
                (aside / CODEBOOK).write_bytes(self._codebook_text)
        _move_changes(self.root)
        return [f.path for f in changed]


def _move_changes(root: Path) -> None:
    """Move the files of `.changes` to their places, if there are any."""
    pending = pending_changes(root)
    if not pending.exists():
        return
    (root / RAW).mkdir(exist_ok=True)
    for path in [p for p in pending.rglob("*") if p.is_file()]:
        path.replace(root / path.relative_to(pending))
    shutil.rmtree(pending)
