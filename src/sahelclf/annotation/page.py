"""A page without any tool: one HTML file to annotate a batch in a browser, and what it saves.

The page saves JSON lines, one a unit: `{"batch", "annotator", "unit", "check", "answers", "note",
"seconds"}`. A unit that the annotator skipped has `"skipped"` with the reason, one that is not
finished has `"draft": true`. `seconds` is how long the unit was on the screen of a visible window;
after two minutes without a key or a touch the time is not counted.

The page for adjudication saves `{"unit", "round", "answers", "why"}`, skipped and draft likewise.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field, ValidationError

from sahelclf.annotation.answers import Answer, ReadAnswers, choices
from sahelclf.annotation.batch import AnnotatorName, Batch
from sahelclf.annotation.checks import answer_problems, value_problems
from sahelclf.annotation.exports import Collector
from sahelclf.codebook import Codebook, validation_problems
from sahelclf.corpus.jsonl import read_lines
from sahelclf.errors import RequestError
from sahelclf.files import file_aside
from sahelclf.records import Frozen, Id
from sahelclf.templates import render_page

SKIPPED, DRAFT = "skipped", "draft"
S = TypeVar("S", bound="_Saved")


class _Saved(Frozen):
    """What every line that a page saves has."""

    unit: Id
    answers: dict[str, Any] = Field({})
    note: str = ""
    seconds: Annotated[float, Field(ge=0)] = 0
    skipped: Annotated[str, Field(min_length=1)] | None = None
    draft: bool = False


class _SavedAnswer(_Saved):
    batch: str
    annotator: AnnotatorName
    check: str


class _SavedDecision(_Saved):
    round: Annotated[int, Field(ge=1)]
    why: str = ""


@dataclass(frozen=True)
class Case:
    """A unit to decide: the answers of each annotator, without names."""

    unit: str
    text: str
    title: str
    answers: Sequence[Mapping[str, str]]
    round: int = 1


@dataclass(frozen=True)
class Decision:
    """The decided answers of a unit, complete, and the reason; `where` is the place in the file."""

    unit: str
    round: int
    answers: Mapping[str, str]
    why: str
    where: str


@dataclass
class ReadDecisions:
    """Decisions of one file, what was left out by name of the reason, and what is wrong."""

    decisions: list[Decision] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def batch_id(batch: Batch) -> str:
    """Hash of a batch's codebook and units, by which answers to another batch are seen."""
    return _digest(batch.info.codebook_sha256, *(f"{u.unit}\x1f{u.check}" for u in batch.units))


def write(batch: Batch) -> list[Path]:
    """Write a page for each annotator; without annotators one that asks for a name."""
    paths = []
    names: list[str | None] = [*batch.info.annotators]
    for annotator in names or [None]:
        units = [
            {"id": u.unit, "title": u.title, "text": u.text, "check": u.check}
            | ({"suggestion": u.suggestion} if u.suggestion else {})
            for u in (batch.assigned(annotator) if annotator else batch.units)
        ]
        path = batch.root / (f"page-{annotator}.html" if annotator else "page.html")
        about = {"batch": batch_id(batch), "annotator": annotator, "decide": False}
        paths.append(_write_page(path, batch.codebook, about, units))
    return paths


def write_decisions_page(path: Path, codebook: Codebook, cases: Sequence[Case]) -> Path:
    """Write the page for adjudication.

    The order of a unit's answers is that of a hash, so that it does not tell who gave them.
    """
    units = [
        {"id": c.unit, "title": c.title, "text": c.text, "round": c.round}
        | {"given": sorted(map(dict, c.answers), key=lambda a: _digest(c.unit, json.dumps(a)))}
        for c in cases
    ]
    key = _digest(*(json.dumps(u) for u in units))
    return _write_page(path, codebook, {"batch": key, "annotator": None, "decide": True}, units)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1e".join(parts).encode()).hexdigest()[:16]


def _write_page(
    path: Path, codebook: Codebook, about: Mapping[str, Any], units: list[dict[str, Any]]
) -> Path:
    topics = [
        {"name": name, "holds": t.holds, "target": t.target if codebook.stances else ""}
        | {
            "meanings": [
                (t.model_extra or {}).get(s) or codebook.stances[s] for s in codebook.stances
            ]
        }
        for name, t in codebook.topics.items()
    ]
    data = {
        **about,
        "title": codebook.title,
        "language": codebook.languages[0] if len(codebook.languages) == 1 else "",
        "choices": choices(codebook),
        "stances": codebook.stances,
        "topics": topics,
        "units": units,
    }
    title = f"{'Adjudicate' if about['decide'] else 'Annotate'}: {codebook.title}"
    page = render_page("sahelclf.annotation", "page", data, title=title, decide=about["decide"])
    with file_aside(path) as aside:
        aside.write_text(page, encoding="utf-8")
    return path


def read(path: Path, batch: Batch, annotator: str | None) -> ReadAnswers:
    """Read `answers-<name>.jsonl`; every problem is named by line."""
    names = Collector(batch, annotator)
    result, expected = names.read, batch_id(batch)
    foreign: dict[str, list[str]] = {}
    answers = []
    for where, line in _lines(path, _SavedAnswer, result.problems):
        if line.batch != expected:
            foreign.setdefault(line.batch, []).append(where)
            continue
        if not _finished(where, line, result):
            continue
        name = names.annotator(where, line.annotator)
        if name:
            note = line.note.strip()
            answers.append(Answer(name, line.unit, line.answers, where, line.check, note))
    for found, places in foreign.items():
        more = f", and {len(places) - 1:,} more lines" if len(places) > 1 else ""
        result.problems.append(
            f"{places[0]}: batch: found {found!r}, expected {expected!r} ({batch.root}){more}"
        )
    wrong = answer_problems(batch, answers)
    result.problems += wrong
    result.answers += [a for a in answers if not any(p.startswith(f"{a.where}: ") for p in wrong)]
    return result


def read_decisions(path: Path, codebook: Codebook, cases: Iterable[Case]) -> ReadDecisions:
    """Read `decisions.jsonl` of the page for adjudication; every problem is named by line."""
    result = ReadDecisions()
    known = {(c.unit, c.round) for c in cases}
    first: dict[tuple[str, int], str] = {}
    for where, line in _lines(path, _SavedDecision, result.problems):
        if not _finished(where, line, result):
            continue
        wrong = [*value_problems(codebook, line.answers)]
        if (line.unit, line.round) not in known:
            wrong.append(f"round {line.round}: not among the {len(known):,} units to decide")
        if not line.why.strip():
            wrong.append("why: no reason; expected one for every decision")
        place = first.setdefault((line.unit, line.round), where)
        if place != where:
            wrong.append(f"decided at {place} too; expected one line a unit")
        result.problems += [f"{where}: unit {line.unit!r}: {problem}" for problem in wrong]
        if not wrong:
            result.decisions.append(
                Decision(line.unit, line.round, line.answers, line.why.strip(), where)
            )
    return result


def _lines(path: Path, form: type[S], problems: list[str]) -> Iterator[tuple[str, S]]:
    """Place and content of each line of the form; raise where no line has it."""
    keys = [name for name, info in form.model_fields.items() if info.is_required()]
    right = False
    try:
        stream = path.open("rb")
    except OSError as error:
        raise RequestError(f"{path}: not readable: {error.strerror}") from None
    with stream:
        for line in read_lines(stream):
            where = f"{path}:{line.number}"
            if line.record is None:
                problems.append(f"{where}: {line.problem}")
                continue
            right = right or {*keys} <= {*line.record}
            try:
                yield where, form.model_validate(line.record)
            except ValidationError as error:
                problems += validation_problems(error, where)
    if not right:
        raise RequestError(
            f"{path}: no line with {', '.join(keys)}; expected the file that the page saved"
        )


def _finished(where: str, line: _Saved, result: ReadAnswers | ReadDecisions) -> bool:
    """Whether a line is neither skipped nor a draft; those are counted."""
    if line.skipped is not None and line.answers:
        result.problems.append(
            f"{where}: unit {line.unit!r}: has answers and is skipped; expected one of both"
        )
    elif line.skipped is not None or line.draft:
        result.left_out[DRAFT if line.skipped is None else SKIPPED] += 1
    else:
        return True
    return False
