"""A corpus folder to records: schema, vocabularies and ids are checked here, and only here."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel, ValidationError

from sahelclf.codebook import Codebook, read_codebook, validation_problems
from sahelclf.corpus.jsonl import read_lines
from sahelclf.errors import CorpusError, first_problems, perhaps
from sahelclf.files import files_sha256
from sahelclf.paths import data_root
from sahelclf.records import (
    Adjudication,
    Annotation,
    AnyPassage,
    BatchRecord,
    Document,
    EventPair,
    Passage,
    Topics,
    UndecidedPassage,
)

Record = TypeVar("Record", bound=BaseModel)
ANNOTATOR_KINDS = ("person", "language model")
HASHED = ("codebook.yaml", "documents.jsonl", "passages.jsonl")


@dataclass(frozen=True, eq=False)
class Corpus:
    """An annotated corpus, its codebook, and the hash of both.

    `undecided` passages have no labels yet. Nothing is trained or scored on them; agreement counts
    them.
    """

    root: Path
    codebook: Codebook
    documents: tuple[Document, ...]
    passages: tuple[Passage, ...]
    sha256: str
    undecided: tuple[UndecidedPassage, ...] = ()

    @cached_property
    def document(self) -> dict[str, Document]:
        """Documents by id."""
        return {d.id: d for d in self.documents}

    @cached_property
    def passages_of(self) -> dict[str, tuple[Passage, ...]]:
        """Passages by document id, in order."""
        by_document: dict[str, list[Passage]] = {d.id: [] for d in self.documents}
        for passage in self.passages:
            by_document[passage.document_id].append(passage)
        return {k: tuple(sorted(v, key=lambda p: p.index)) for k, v in by_document.items()}

    @cached_property
    def owner(self) -> dict[str, str]:
        """Document of each unit: of each document, passage and undecided passage."""
        passages: tuple[AnyPassage, ...] = (*self.passages, *self.undecided)
        return {d.id: d.id for d in self.documents} | {p.id: p.document_id for p in passages}

    def text_of(self, document_id: str) -> str:
        """A document's text: its passages in order, joined by blank lines."""
        return "\n\n".join(p.text for p in self.passages_of[document_id])


def read_corpus(root: Path) -> Corpus:
    """Read `codebook.yaml`, `documents.jsonl`, `passages.jsonl`; raise all problems at once."""
    root = Path(root)
    if not root.is_dir():
        raise CorpusError(f"{root}: no such folder; corpus= takes one in the form of annotations/")
    if pending_changes(root).exists():
        raise CorpusError(
            f"{root}: `annotate import` or `annotate adjudicate` was interrupted; run it again to "
            "complete it"
        )
    codebook = read_codebook(root / "codebook.yaml")
    problems: list[str] = []
    documents = read_records(root / "documents.jsonl", Document, problems)
    passages, undecided = _read_passages(root / "passages.jsonl", problems)
    problems += _check_documents(documents, codebook)
    problems += _check_passages([*passages, *undecided], documents, codebook)
    _raise_all(problems)
    return Corpus(
        root=root,
        codebook=codebook,
        documents=tuple(d for _, d in documents),
        passages=tuple(p for _, p in passages),
        sha256=files_sha256([root / name for name in HASHED]),
        undecided=tuple(p for _, p in undecided),
    )


def _read_passages(
    path: Path, problems: list[str]
) -> tuple[list[tuple[str, Passage]], list[tuple[str, UndecidedPassage]]]:
    """Passages with labels, and undecided ones, which have `"topics": null`."""

    def kind(record: dict[str, Any]) -> type[AnyPassage]:
        return UndecidedPassage if record.get("topics", {}) is None else Passage

    rows = read_records(path, kind, problems)
    return (
        [(where, p) for where, p in rows if isinstance(p, Passage)],
        [(where, p) for where, p in rows if isinstance(p, UndecidedPassage)],
    )


def read_labelled(path: Path, codebook: Codebook) -> Corpus:
    """One file of labelled passages, in the form of `passages.jsonl`, as a corpus.

    Its documents have no labels.
    """
    problems: list[str] = []
    passages = read_records(Path(path), Passage, problems)
    documents = [
        (where, Document(id=name))
        for name, where in {p.document_id: where for where, p in passages}.items()
    ]
    problems += _check_passages(passages, documents, codebook)
    _raise_all(problems)
    return Corpus(
        Path(path),
        codebook,
        tuple(d for _, d in documents),
        tuple(p for _, p in passages),
        files_sha256([Path(path)]),
    )


def pending_changes(root: Path) -> Path:
    """The folder that holds changed files of a corpus until all of them are in their places."""
    return root / ".changes"


def read_annotations(corpus: Corpus) -> dict[str, list[Annotation]]:
    """Labels by annotator, from `raw/*.jsonl`; empty where the corpus has none."""
    problems: list[str] = []
    by_annotator = {}
    for path in sorted((corpus.root / "raw").glob("*.jsonl")):
        rows = read_records(path, Annotation, problems)
        problems += _check_units(rows, corpus)
        first = [(where, a) for where, a in rows if not a.correction]
        problems += duplicate_problems(first, lambda a: f"{a.unit} (round {a.round})")
        by_annotator[path.stem] = [a for _, a in rows]
    _raise_all(problems)
    return by_annotator


def read_annotator_kinds(root: Path) -> dict[str, str]:
    """`person` or `language model` by annotator, from `annotators.yaml`; empty without the file.

    The name `adjudication` is for who decided on units that differed.
    """
    path = root / "annotators.yaml"
    if not path.exists():
        return {}
    kinds = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(kinds, dict):
        raise CorpusError(f"{path}: expected lines such as 'anna: person'")
    expected = f"expected one of {', '.join(ANNOTATOR_KINDS)}"
    problems = [
        f"{path}: {name}: found {kind!r}; {expected}"
        for name, kind in kinds.items()
        if kind not in ANNOTATOR_KINDS
    ]
    files = {p.stem for p in (root / "raw").glob("*.jsonl")} | {"adjudication"}
    problems += [
        f"{path}: {name}: there is no raw/{name}.jsonl" for name in kinds if str(name) not in files
    ]
    _raise_all(problems)
    return {str(name): str(kind) for name, kind in kinds.items()}


def read_adjudications(corpus: Corpus) -> list[Adjudication]:
    """Decisions on units that annotators labelled differently; empty where the corpus has none."""
    path = corpus.root / "adjudication.jsonl"
    if not path.exists():
        return []
    problems: list[str] = []
    rows = read_records(path, Adjudication, problems)
    problems += _check_units(rows, corpus)
    problems += duplicate_problems(rows, lambda a: f"{a.unit} (round {a.round})")
    _raise_all(problems)
    return [a for _, a in rows]


def read_batches(corpus: Corpus) -> list[BatchRecord]:
    """Batches that were imported, in order; empty where the corpus has none."""
    path = corpus.root / "batches.jsonl"
    if not path.exists():
        return []
    problems: list[str] = []
    rows = read_records(path, BatchRecord, problems)
    for where, batch in rows:
        unknown = [u.unit for u in batch.units if u.unit not in corpus.owner]
        if unknown:
            problems.append(f"{where}: units: {unknown[:5]} are neither passages nor documents")
    problems += duplicate_problems(rows, lambda b: b.sha256)
    _raise_all(problems)
    return [b for _, b in rows]


def read_event_pairs(corpus: Corpus) -> list[EventPair]:
    """Judged pairs of documents, from `events.jsonl`; empty where the corpus has none."""
    path = corpus.root / "events.jsonl"
    if not path.exists():
        return []
    problems: list[str] = []
    rows = read_records(path, EventPair, problems)
    for where, pair in rows:
        unknown = [d for d in pair.documents if d not in corpus.document]
        if unknown:
            problems.append(f"{where}: documents: {unknown} are not in documents.jsonl")
    problems += duplicate_problems(rows, lambda p: " and ".join(sorted(p.documents)))
    _raise_all(problems)
    return [p for _, p in rows]


def label_problems(topics: Topics, codebook: Codebook) -> Iterator[str]:
    """Labels that the codebook does not know."""
    for topic, label in topics.items():
        if topic not in codebook.topics:
            expected = f"expected one of {[*codebook.topics]}"
            yield f"topic {topic!r} is not in codebook {codebook.version}; {expected}"
            continue
        if label.stance not in (codebook.stances or {None}):
            expected = f"one of {[*codebook.stances]}" if codebook.stances else "no stance"
            yield f"{topic}: stance {label.stance!r}; expected {expected}"
        elif label.basis is not None:
            allowed = [k for k, basis in codebook.bases.items() if label.stance in basis.stances]
            if label.basis not in allowed:
                pair = f"basis {label.basis!r} with stance {label.stance!r}"
                yield f"{topic}: {pair}; expected one of {allowed}"
        unknown = [p for p in label.parties if p not in codebook.parties]
        if unknown:
            yield f"{topic}: parties {unknown}; expected some of {codebook.parties}"
        elif label.parties and not codebook.topics[topic].parties:
            yield f"{topic}: parties {label.parties}, but the topic takes none"


def read_records(
    path: Path,
    kind: type[Record] | Callable[[dict[str, Any]], type[Record]],
    problems: list[str],
) -> list[tuple[str, Record]]:
    """Records, each with its place as 'file:line'; `kind` may depend on the line's content."""
    rows: list[tuple[str, Record]] = []
    try:
        with path.open("rb") as stream:
            for line in read_lines(stream):
                where = f"{path}:{line.number}"
                if line.record is None:
                    problems.append(f"{where}: {line.problem}")
                    continue
                try:
                    model = kind if isinstance(kind, type) else kind(line.record)
                    rows.append((where, cast("type[Record]", model).model_validate(line.record)))
                except ValidationError as error:
                    problems += validation_problems(error, where)
    except FileNotFoundError:
        problems.append(f"{path}: no such file; a corpus folder needs it")
        return rows
    if not rows and not problems:
        problems.append(f"{path}: empty; expected one JSON object a line")
    return rows


def _check_documents(rows: list[tuple[str, Document]], codebook: Codebook) -> list[str]:
    problems = duplicate_problems(rows, lambda d: d.id)
    for where, d in rows:
        problems += [f"{where}: {p}" for p in label_problems(d.topics or {}, codebook)]
        for field, value, allowed in (
            ("genre", d.genre, codebook.genres),
            ("stratum", d.stratum, codebook.strata),
        ):
            if value is not None and allowed and value not in allowed:
                problems.append(f"{where}: {field}: found {value!r}, expected one of {allowed}")
        if codebook.countries:
            unknown = [c for c in d.countries if c not in codebook.countries]
            problems += [f"{where}: countries: {_unknown_country(c, codebook)}" for c in unknown]
    return problems


def _unknown_country(name: str, codebook: Codebook) -> str:
    meant = perhaps(name, codebook.countries)
    hint = f"; {meant}" if meant else ""
    return f"found {name!r}, which is not among the countries of codebook.yaml{hint}"


def _check_passages(
    rows: Sequence[tuple[str, AnyPassage]],
    documents: list[tuple[str, Document]],
    codebook: Codebook,
) -> list[str]:
    problems = duplicate_problems(rows, lambda p: p.id)
    known = {d.id for _, d in documents}
    clash = sorted({p.id for _, p in rows} & known)
    if clash:
        problems.append(f"ids of both a passage and a document: {clash[:5]}; ids must differ")
    seen: dict[tuple[str, int], str] = {}
    for where, p in rows:
        if p.document_id not in known:
            problems.append(f"{where}: document_id: {p.document_id!r} is not in documents.jsonl")
        if not p.text.strip():
            problems.append(f"{where}: text: only white space; expected the passage's text")
        first = seen.setdefault((p.document_id, p.index), where)
        if first != where:
            problems.append(f"{where}: index {p.index} of {p.document_id!r} is at {first} too")
        problems += [f"{where}: {problem}" for problem in label_problems(p.topics or {}, codebook)]
    return problems


def _check_units(
    rows: Iterable[tuple[str, Annotation | Adjudication]], corpus: Corpus
) -> list[str]:
    problems = []
    for where, row in rows:
        if row.unit not in corpus.owner:
            problems.append(f"{where}: unit: {row.unit!r} is neither a passage nor a document")
        problems += [f"{where}: {p}" for p in label_problems(row.topics, corpus.codebook)]
    return problems


def duplicate_problems(rows: Iterable[tuple[str, Any]], key: Callable[[Any], str]) -> list[str]:
    """Records with the key of an earlier one."""
    first: dict[str, str] = {}
    problems = []
    for where, row in rows:
        other = first.setdefault(key(row), where)
        if other != where:
            problems.append(f"{where}: {key(row)!r} is at {other} too; ids are unique")
    return problems


def _raise_all(problems: list[str]) -> None:
    if problems:
        raise CorpusError(first_problems(problems))


def corpus_root(name: str | None) -> Path:
    """The corpus folder that `corpus=` names; the packaged one where it names none."""
    return Path(name) if name else data_root() / "annotations"
