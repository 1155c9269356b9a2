"""`corpus validate`: findings with codes; `known_issues.json` excuses some by code and id."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from sahelclf.codebook import validation_problems
from sahelclf.corpus.agreement import derive_labels
from sahelclf.corpus.boilerplate import boilerplate_reason
from sahelclf.corpus.duplicates import near_duplicates
from sahelclf.corpus.page_rules import page_rules
from sahelclf.corpus.read import Corpus, read_adjudications, read_annotations
from sahelclf.corpus.splits import document_groups, read_split
from sahelclf.errors import CorpusError
from sahelclf.records import Topics

SHORTEST, LONGEST = 10, 200

CODES = {
    "C01": "a text is duplicated",
    "C02": "two texts of different documents are nearly the same",
    "C03": "a passage is shorter or longer than the codebook's unit",
    "C04": "a passage is boilerplate of a page",
    "C05": "no url, outlet, date, countries or genre, which other documents have",
    "C06": "a unit has fewer than two first-round annotators",
    "C07": "a label does not follow from the annotations and the adjudication",
    "C08": "a document is without passages, or its passages are not numbered 0, 1, 2, …",
    "C09": "documents that belong together are in different parts of a split",
    "C10": "a topic or stance of the codebook has no unit",
    "C11": "an excuse in known_issues.json no longer applies",
    "C12": "a page is used more than twice",
    "C13": "a document has no labels",
}


class _Excuse(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    code: str
    id: str
    why: str


@dataclass(frozen=True)
class Finding:
    """One thing to fix or to excuse."""

    code: str
    id: str
    message: str


def validate(corpus: Corpus) -> list[Finding]:
    """All findings that `known_issues.json` does not excuse, and excuses that are stale."""
    checks = (_texts, _documents, _support, _labels, _splits)
    findings = [finding for check in checks for finding in check(corpus)]
    excuses = _read_excuses(corpus.root / "known_issues.json")
    excused = {(e.code, e.id) for e in excuses}
    present = {(f.code, f.id) for f in findings}
    stale = [
        Finding("C11", i, f"{code} {i} is excused but not found")
        for code, i in sorted(excused - present)
    ]
    return [f for f in findings if (f.code, f.id) not in excused] + stale


def _read_excuses(path: Path) -> list[_Excuse]:
    if not path.exists():
        return []
    try:
        return TypeAdapter(list[_Excuse]).validate_python(
            json.loads(path.read_text(encoding="utf-8"))
        )
    except ValidationError as error:
        raise CorpusError(validation_problems(error, str(path))) from None
    except ValueError as error:
        raise CorpusError(f"{path}: not JSON: {error}") from None


def _texts(corpus: Corpus) -> Iterator[Finding]:
    passages, rules = corpus.passages, page_rules(corpus.codebook.languages)
    for i, j, index in near_duplicates([p.text for p in passages]):
        a, b = passages[i], passages[j]
        if a.text == b.text:
            yield Finding("C01", b.id, f"the same text as {a.id}")
        elif a.document_id != b.document_id:
            yield Finding("C02", b.id, f"shares {index:.0%} of its runs of words with {a.id}")
    for p in passages:
        n = len(p.text.split())
        if not SHORTEST <= n <= LONGEST:
            yield Finding("C03", p.id, f"{n} words; expected {SHORTEST} to {LONGEST}")
        if reason := boilerplate_reason(p.text, rules):
            yield Finding("C04", p.id, f"{reason}: {p.text[:60]!r}")


def _documents(corpus: Corpus) -> Iterator[Finding]:
    pages = Counter(d.url for d in corpus.documents if d.url)
    fields = ("url", "outlet", "date", "countries", "genre")
    used = [n for n in fields if any(getattr(d, n) for d in corpus.documents)]
    for d in corpus.documents:
        missing = [n for n in used if not getattr(d, n)]
        if missing:
            yield Finding("C05", d.id, f"no {', '.join(missing)}")
        indexes = [p.index for p in corpus.passages_of[d.id]]
        if not indexes or indexes != list(range(len(indexes))):
            yield Finding("C08", d.id, f"passages numbered {indexes[:10]}")
        if d.url and pages[d.url] > 2:
            yield Finding("C12", d.id, f"{d.url} is used {pages[d.url]} times")
        if d.topics is None:
            yield Finding("C13", d.id, "no 'topics'; {} where none holds")


def _support(corpus: Corpus) -> Iterator[Finding]:
    counts = Counter[str]()
    for p in corpus.passages:
        for topic, label in p.topics.items():
            counts.update((topic, f"{topic}={label.stance}"))
    for topic in corpus.codebook.topic_names:
        for name in (topic, *(f"{topic}={s}" for s in corpus.codebook.stance_names)):
            if not counts[name]:
                yield Finding("C10", name, "no passage has it")


def _labels(corpus: Corpus) -> Iterator[Finding]:
    annotations = read_annotations(corpus)
    if not annotations:
        return
    labels, open_units = derive_labels(annotations, read_adjudications(corpus))
    current = {d.id: d.topics for d in corpus.documents} | {p.id: p.topics for p in corpus.passages}
    annotators = Counter(
        row.unit for rows in annotations.values() for row in rows if row.round == 1
    )
    for unit, topics in current.items():
        if annotators[unit] < 2:
            yield Finding("C06", unit, f"{annotators[unit]} first-round annotators; expected 2")
        elif unit in open_units:
            yield Finding("C07", unit, "the annotators differ and no adjudication decides")
        elif labels[unit] != topics:
            yield Finding("C07", unit, f"found {_brief(topics)}, derived {_brief(labels[unit])}")


def _brief(topics: Topics | None) -> str:
    return str({k: f"{v.stance}/{v.basis}" if v.stance else "" for k, v in (topics or {}).items()})


def _splits(corpus: Corpus) -> Iterator[Finding]:
    groups: dict[int, list[str]] = {}
    for d, g in zip(corpus.documents, document_groups(corpus), strict=True):
        groups.setdefault(g, []).append(d.id)
    for path in sorted((corpus.root / "splits").glob("*.json")):
        if path.stem.startswith(("temporal", "country")):
            continue  # drawn by date and place, groups or not
        split = read_split(corpus, path.stem)
        part = {d: name for name, ids in split.parts.items() for d in ids}
        for members in groups.values():
            parts = {part[d] for d in members if d in part}
            if len(parts) > 1:
                yield Finding(
                    "C09", members[0], f"{path.stem}: {members[:6]} are in {sorted(parts)}"
                )
        if path.stem == "grouped" and (left := sorted(set(corpus.document) - set(part))):
            yield Finding("C09", left[0], f"grouped: {len(left)} documents in no part: {left[:5]}")
