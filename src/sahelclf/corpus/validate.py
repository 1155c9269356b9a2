"""`corpus validate`: findings with codes; `known_issues.json` excuses some by code and id."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from sahelclf.codebook import validation_problems
from sahelclf.corpus.boilerplate import boilerplate_reason
from sahelclf.corpus.duplicates import STOCK_WORDS, near_duplicates, page_address
from sahelclf.corpus.events import like_documents
from sahelclf.corpus.page_rules import page_rules
from sahelclf.corpus.passages import FEWEST_WORDS
from sahelclf.corpus.read import (
    Corpus,
    read_adjudications,
    read_annotations,
    read_event_pairs,
)
from sahelclf.corpus.rounds import deciding_labels, derive_labels
from sahelclf.corpus.shape import page_problem
from sahelclf.corpus.splits import crossing_groups, read_split, without_part
from sahelclf.errors import CorpusError
from sahelclf.models.runtime.linear import normalise
from sahelclf.records import AnyPassage, Topics

SHORTEST, LONGEST = 10, 200

CODES = {
    "C01": "a text is duplicated",
    "C02": "two texts of different documents are nearly the same",
    "C03": "a passage is shorter or longer than the codebook's unit",
    "C04": "a passage is boilerplate of a page",
    "C05": "no url, outlet, date, countries or genre, which other documents have",
    "C06": "no round of a unit has two annotators",
    "C07": "a label does not follow from the annotations and the adjudication",
    "C08": "a document is without passages, or its passages are not numbered 0, 1, 2, …",
    "C09": "documents that belong together are in different parts of a split",
    "C10": "a topic or stance of the codebook has no unit",
    "C11": "an excuse in known_issues.json no longer applies",
    "C12": "a page is used more than twice",
    "C13": "a document has no labels",
    "C14": "like documents of one week and country have different events, and no judgement says so",
    "C15": "a judgement in events.jsonl does not agree with the events of its documents",
    "C16": "one country or outlet is spelt in two ways",
    "C17": "a document that is marked as a page has not the shape of one",
    "C18": "documents are in no part of the split 'grouped'",
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
    checks = (_texts, _documents, _pages, _support, _labels, _events, _spellings, _splits)
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
        shorter = min(len(a.text.split()), len(b.text.split()))
        if shorter < STOCK_WORDS and a.document_id != b.document_id:
            continue
        if a.text == b.text:
            yield Finding("C01", b.id, f"the same text as {a.id}")
        elif a.document_id != b.document_id:
            yield Finding("C02", b.id, f"shares {index:.0%} of its runs of words with {a.id}")
    for p in passages:
        n = len(p.text.split())
        shortest = FEWEST_WORDS if corpus.document[p.document_id].page else SHORTEST
        if not shortest <= n <= LONGEST:
            yield Finding("C03", p.id, f"{n} words; expected {shortest} to {LONGEST}")
        if reason := boilerplate_reason(p.text, rules):
            yield Finding("C04", p.id, f"{reason}: {p.text[:60]!r}")


def _documents(corpus: Corpus) -> Iterator[Finding]:
    pages = Counter(page_address(d.url) for d in corpus.documents if d.url)
    fields = ("url", "outlet", "date", "countries", "genre")
    used = [n for n in fields if any(getattr(d, n) for d in corpus.documents)]
    labelled = _documents_are_labelled(corpus)
    indexes: dict[str, list[int]] = {d.id: [] for d in corpus.documents}
    passages: tuple[AnyPassage, ...] = (*corpus.passages, *corpus.undecided)
    for p in passages:
        indexes[p.document_id].append(p.index)
    for d in corpus.documents:
        missing = [n for n in used if not getattr(d, n)]
        if missing:
            yield Finding("C05", d.id, f"no {', '.join(missing)}")
        numbers = sorted(indexes[d.id])
        if not numbers or numbers != list(range(len(numbers))):
            yield Finding("C08", d.id, f"passages numbered {numbers[:10]}")
        if d.url and (n := pages[page_address(d.url)]) > 2:
            yield Finding("C12", d.id, f"{d.url} is used {n} times")
        if d.topics is None and labelled:
            yield Finding("C13", d.id, "no 'topics'; {} where none holds")


def _documents_are_labelled(corpus: Corpus) -> bool:
    """Whether annotators labelled documents too; without `raw/` they are expected to have."""
    annotations = read_annotations(corpus)
    units = [row.unit for rows in annotations.values() for row in rows]
    return not units or any(unit in corpus.document for unit in units)


def _pages(corpus: Corpus) -> Iterator[Finding]:
    for d in corpus.documents:
        problem = page_problem(d, corpus.passages_of[d.id]) if d.page else None
        if problem:
            yield Finding("C17", d.id, problem)


def _events(corpus: Corpus) -> Iterator[Finding]:
    documents = corpus.documents
    judged = {}
    for pair in read_event_pairs(corpus):
        one, other = (corpus.document[d] for d in pair.documents)
        judged[frozenset(pair.documents)] = pair.same
        same = one.event_id is not None and one.event_id == other.event_id
        if same != pair.same:
            found = f"judged {'the same' if pair.same else 'different'}"
            events = f"the events are {one.event_id} and {other.event_id}"
            yield Finding("C15", one.id, f"{found} as {other.id}, but {events}")
    if not any(d.event_id for d in documents):
        return
    for like in like_documents(corpus):
        one, other = documents[like.first], documents[like.second]
        same = one.event_id is not None and one.event_id == other.event_id
        if not same and frozenset((one.id, other.id)) not in judged:
            how = f"cosine {like.cosine:.2f}, {like.days} days apart"
            yield Finding("C14", one.id, f"like {other.id} ({how}); judge it in events.jsonl")


def _spellings(corpus: Corpus) -> Iterator[Finding]:
    names = {
        "country": [(c, d.id) for d in corpus.documents for c in d.countries],
        "outlet": [(d.outlet, d.id) for d in corpus.documents if d.outlet],
    }
    for field, values in names.items():
        first: dict[str, str] = {}
        for name, document_id in values:
            plain = re.sub(r"\W+", " ", normalise(name)).strip()
            other = first.setdefault(plain, name)
            if other != name:
                yield Finding("C16", document_id, f"{field} {name!r}, elsewhere {other!r}")


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
    current: dict[str, Topics | None] = {p.id: p.topics for p in corpus.passages}
    current |= {p.id: None for p in corpus.undecided}
    if _documents_are_labelled(corpus):
        current |= {d.id: d.topics for d in corpus.documents}
    else:
        yield from _labels_of_passages(corpus)
    deciding = deciding_labels(annotations)
    for unit, topics in current.items():
        n = len(deciding[unit][1]) if unit in deciding else 0
        if n < 2:
            yield Finding("C06", unit, f"annotators in one round: {n}; expected 2")
        elif unit in open_units:
            yield Finding("C07", unit, "the annotators differ and no adjudication decides")
        elif labels[unit] != topics:
            yield Finding("C07", unit, f"found {_brief(topics)}, derived {_brief(labels[unit])}")


def _labels_of_passages(corpus: Corpus) -> Iterator[Finding]:
    """A document that nobody labelled has the labels of its passage, where it has one alone."""
    open_documents = {p.document_id for p in corpus.undecided}
    for d in corpus.documents:
        passages = corpus.passages_of[d.id]
        alone = len(passages) == 1 and d.id not in open_documents
        expected = passages[0].topics if alone else None
        if d.topics is not None and d.topics != expected:
            message = f"found {_brief(d.topics)}, its passages have {_brief(expected)}"
            yield Finding("C07", d.id, f"{message}, and nobody labelled the document")


def _brief(topics: Topics | None) -> str:
    return str({k: f"{v.stance}/{v.basis}" if v.stance else "" for k, v in (topics or {}).items()})


def _splits(corpus: Corpus) -> Iterator[Finding]:
    for path in sorted((corpus.root / "splits").glob("*.json")):
        split = read_split(corpus, path.stem)
        for members, parts in crossing_groups(corpus, split):
            yield Finding("C09", members[0], f"{path.stem}: {members[:6]} are in {parts}")
        left = without_part(corpus, split) if path.stem == "grouped" else []
        if left:
            found = f"{len(left)} documents are in no part of the split 'grouped': {left[:5]}"
            yield Finding("C18", left[0], f"{found}; add them with: corpus split --write")
