"""Answers of annotators become a corpus: `raw/<annotator>.jsonl`, documents and passages.

All answers are checked before anything is written. An answer that is in the corpus already changes
nothing. Another answer of the same annotator is refused, unless it is given as a correction: then
it is a new line of `raw/`, where no line is ever edited.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sahelclf.annotation.answers import Answer, ReadAnswers, from_topics, to_topics
from sahelclf.annotation.batch import BATCH, UNITS, Batch, BatchUnit
from sahelclf.annotation.checks import answer_problems, codebook_problems, raise_all
from sahelclf.codebook import validation_problems
from sahelclf.corpus.edit import CorpusEdit
from sahelclf.corpus.rounds import current_labels, deciding_labels
from sahelclf.files import files_sha256
from sahelclf.records import Annotation, BatchRecord, Date, Document, Passage, SampledUnit

ROUND = "round"  # in a batch's strategy: the round of its answers, 1 where it has none


@dataclass
class Imported:
    """What an import did.

    Attributes
    ----------
    new, known, corrected
        Answers by annotator that were added, that the corpus had already, and that replace one.
    missing
        Units by annotator that are assigned and have no answer yet.
    left_out
        Answers that do not count, by reason.
    undecided
        Units of the batch that annotators answered differently and nobody has decided.
    files
        What was written; empty where nothing changed.
    """

    new: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    corrected: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    undecided: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def import_answers(
    batch: Batch, read: Sequence[ReadAnswers], edit: CorpusEdit, *, correct: bool = False
) -> Imported:
    """Add answers to a corpus; raises `RequestError` with every problem before it writes.

    Parameters
    ----------
    batch
        The batch that the answers are about.
    read
        What the tools' readers returned, one a file.
    edit
        The corpus, opened or new; it is written where something changes.
    correct
        Answers that differ from those in the corpus are the annotators' corrections.
    """
    answers = [answer for part in read for answer in part.answers]
    problems = [problem for part in read for problem in part.problems]
    problems += codebook_problems(batch.codebook, edit.codebook, str(edit.root))
    problems += answer_problems(batch, answers)
    problems += _corpus_problems(batch, answers, edit)
    problems += [] if correct else _changed_answers(batch, answers, edit)
    if problems:
        raise_all(problems)
    result = Imported(left_out=sum((part.left_out for part in read), Counter()))
    result.notes += _notes(batch, answers, edit)
    result.notes += _add_passages(batch, {a.unit for a in answers}, edit)
    _add_answers(batch, answers, edit, result)
    _add_batch(batch, {a.unit for a in answers}, edit)
    edit.label({a.unit: None for a in answers})
    labels = current_labels(edit.annotations, edit.adjudications)
    result.undecided = [u.unit for u in batch.units if labels.get(u.unit, {}) is None]
    result.files = edit.write()
    return result


def _corpus_problems(batch: Batch, answers: Sequence[Answer], edit: CorpusEdit) -> list[str]:
    """What does not agree with the corpus: texts, labels without annotations, names."""
    names = {a.lower(): a for a in edit.annotations}
    problems = [
        f"{a.where}: annotator {a.annotator!r}: {edit.root} has {other!r}; give one name with "
        f"--annotator {a.annotator}={other}"
        for a in answers
        if (other := names.get(a.annotator.lower(), a.annotator)) != a.annotator
    ]
    annotated = {row.unit for rows in edit.annotations.values() for row in rows}
    where_of: dict[str, str] = {}
    for a in answers:
        if a.unit in batch.unit:
            where_of.setdefault(a.unit, a.where)
    for unit, where in where_of.items():
        conflict = id_conflict(batch.unit[unit], edit)
        if conflict:
            problems.append(f"{where}: {conflict}")
        elif unit in edit.passages and unit not in annotated:
            problems.append(
                f"{where}: unit: {unit!r} has labels in {edit.root} that no file of raw/ explains; "
                "answers would replace them"
            )
    return problems


def id_conflict(unit: BatchUnit, edit: CorpusEdit) -> str | None:
    """Why a unit cannot join a corpus: another text, or a document, has its id there."""
    name = unit.unit
    if name in edit.documents:
        found = f"{name!r} is a document of {edit.root}"
    elif name in edit.passages and edit.passage(name)["text"] != unit.text:
        found = f"{name!r} has another text in {edit.root}"
    else:
        return None
    return f"unit: {found}; give it another id in the collection, and draw again"


def _changed_answers(batch: Batch, answers: Sequence[Answer], edit: CorpusEdit) -> list[str]:
    """Answers that differ from what the same annotator answered in the corpus."""
    known = _known(edit, _round(batch))
    problems = []
    for a in answers:
        before = known.get((a.annotator, a.unit))
        differing = _differences(edit, before, a) if before else []
        if differing:
            problems.append(
                f"{a.where}: {a.annotator} answered {a.unit!r} otherwise in the corpus: "
                f"{'; '.join(differing)}; if {a.annotator} corrects the answer, add --correct"
            )
    return problems


def _differences(edit: CorpusEdit, before: Annotation, answer: Answer) -> list[str]:
    """Topics with another answer than before."""
    return [
        f"{topic} {old} before, {answer.answers.get(topic)} now"
        for topic, old in from_topics(edit.codebook, before.topics).items()
        if answer.answers.get(topic) != old
    ]


def _known(edit: CorpusEdit, number: int) -> dict[tuple[str, str], Annotation]:
    """The last answer of each annotator to each unit in a round."""
    return {
        (name, row.unit): row
        for name, rows in edit.annotations.items()
        for row in rows
        if row.round == number
    }


def _round(batch: Batch) -> int:
    return int(str(batch.info.strategy.get(ROUND, 1)))


def _notes(batch: Batch, answers: Sequence[Answer], edit: CorpusEdit) -> list[str]:
    others = sorted({a.annotator for a in answers} - {*batch.info.annotators, *edit.annotations})
    if batch.info.annotators and others:
        return [
            f"answers of {', '.join(others)}; the batch was drawn for "
            f"{', '.join(batch.info.annotators)}"
        ]
    return []


def _natural(unit: str) -> list[tuple[int, str]]:
    """Sort key by which x#10 comes after x#9."""
    parts = re.split(r"([0-9]+)", unit)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _add_passages(batch: Batch, answered: set[str], edit: CorpusEdit) -> list[str]:
    """Add the units that the corpus lacks; those of one document follow each other, in order."""
    new = [u for u in batch.units if u.unit in answered and u.unit not in edit.passages]
    ids = {*edit.passages, *batch.unit}
    owner = {u.unit: _document_id(u, ids) for u in new}
    place = {name: k for k, name in reversed([*enumerate(owner.values())])}
    new.sort(key=lambda u: (place[owner[u.unit]], _natural(u.unit)))
    problems, undated = [], 0
    for name, units in groupby(new, key=lambda u: owner[u.unit]):
        units_of_it = list(units)
        if name not in edit.documents:
            record, dated = _document(name, units_of_it[0])
            undated += not dated
            problems += _invalid(Document, record, f"{batch.root / UNITS}: {name}")
            edit.add_document(record)
        for u in units_of_it:
            where = f"{batch.root / UNITS}: {u.unit}"
            row = {"id": u.unit, "document_id": name, "index": 0, "text": u.text, "topics": {}}
            problems += _invalid(Passage, row, where)
            if not u.text.strip():
                problems.append(f"{where}: text: only white space")
            edit.add_passage(u.unit, name, u.text)
    if problems:
        raise_all(problems)
    no_date = f"{undated} documents have a date that is not YYYY-MM-DD; it was left out"
    return [no_date] if undated else []


def _document_id(unit: BatchUnit, ids: set[str]) -> str:
    """The collection's document; another id where a unit has that one, or where it names none."""
    name = unit.document or unit.unit
    return f"d.{name}" if unit.document is None or name in ids else name


def _document(name: str, unit: BatchUnit) -> tuple[dict[str, Any], bool]:
    """The record of a new document, and whether its date, if it has one, is known."""
    record: dict[str, Any] = {"id": name}
    if unit.title:
        record["title"] = unit.title
    if not unit.date:
        return record, True
    try:
        record["date"] = TypeAdapter(Date).validate_python(unit.date.strip()[:10])
    except ValidationError:
        return record, False
    return record, True


def _invalid(form: type[Document] | type[Passage], record: dict[str, Any], where: str) -> list[str]:
    try:
        form.model_validate(record)
    except ValidationError as error:
        return validation_problems(error, where)
    return []


def _add_answers(
    batch: Batch, answers: Sequence[Answer], edit: CorpusEdit, result: Imported
) -> None:
    number = _round(batch)
    known = _known(edit, number)
    order = {u.unit: k for k, u in enumerate(batch.units)}
    corrected = []
    for a in sorted(answers, key=lambda a: (a.annotator, order[a.unit])):
        before = known.get((a.annotator, a.unit))
        if before and not _differences(edit, before, a):
            result.known[a.annotator] += 1
            continue
        row = Annotation(
            unit=a.unit,
            round=number,
            topics=to_topics(batch.codebook, a.answers),
            suggested=batch.unit[a.unit].suggestion is not None,
            correction=before is not None,
            note=a.note,
        )
        edit.add_annotation(a.annotator, row)
        (result.corrected if before else result.new)[a.annotator] += 1
        corrected += [a.unit] if before else []
    result.notes += _without_effect(edit, number, corrected)
    done = {*_known(edit, number)}
    for name in sorted({a.annotator for a in answers} | {*batch.info.annotators}):
        left = [u for u in batch.assigned(name) if (name, u.unit) not in done]
        result.missing[name] = len(left)


def _without_effect(edit: CorpusEdit, number: int, corrected: Sequence[str]) -> list[str]:
    """Corrected units whose label does not follow from this round's answers."""
    decided = {(a.unit, a.round) for a in edit.adjudications}
    deciding = deciding_labels(edit.annotations)
    kept = [
        u for u in dict.fromkeys(corrected) if deciding[u][0] != number or (u, number) in decided
    ]
    if not kept:
        return []
    return [
        f"corrected, but the label stays, since adjudication.jsonl or a later round decides: "
        f"{', '.join(kept)}"
    ]


def _add_batch(batch: Batch, answered: set[str], edit: CorpusEdit) -> None:
    sha256 = files_sha256([batch.root / BATCH, batch.root / UNITS])
    before = next((b for b in edit.batches if b.sha256 == sha256), None)
    known = {u.unit for u in before.units} if before else set()
    units = [
        SampledUnit(
            unit=u.unit,
            sampling_probability=u.sampling_probability,
            stratum=u.stratum,
            drawn=u.drawn,
        )
        for u in batch.units
        if u.unit in known | answered
    ]
    if not units:
        return
    info = batch.info
    edit.put_batch(
        BatchRecord(
            name=before.name if before else batch.root.absolute().name,
            sha256=sha256,
            collection=info.collection,
            collection_units=info.collection_units,
            seed=info.seed,
            strategy=info.strategy,
            units=units,
        )
    )
