"""What is wrong with answers, whatever file they come from."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from sahelclf.annotation.answers import Answer, ReadAnswers, answer_problem
from sahelclf.annotation.batch import UNITS, AnnotatorName, Batch
from sahelclf.codebook import Codebook
from sahelclf.errors import RequestError, first_problems

SHEETS = (".csv", ".tsv", ".xlsx")


def raise_all(problems: Sequence[str]) -> None:
    """Raise with these problems; where there are many, with the first and their number."""
    raise RequestError(first_problems(problems))


def codebook_problems(ours: Codebook, theirs: Codebook, where: str) -> list[str]:
    """Differences in topics or stances: answers to one codebook are no answers to another."""
    pairs = (
        ("topics", ours.topic_names, theirs.topic_names),
        ("stances", ours.stance_names, theirs.stance_names),
    )
    return [
        f"{where}: {what} of its codebook: found {list(found)}, expected those of the batch, "
        f"{list(expected)}"
        for what, expected, found in pairs
        if set(expected) != set(found)
    ]


def answer_problems(batch: Batch, answers: Sequence[Answer]) -> list[str]:
    """What is wrong with answers: unknown unit, changed text, values, names, twice the same."""
    problems: list[str] = []
    first: dict[tuple[str, str], str] = {}
    for a in answers:
        unit = batch.unit.get(a.unit)
        if unit is None:
            problems.append(f"{a.where}: unit: {a.unit!r} is not in {batch.root / UNITS}")
        elif not _as_drawn(batch, a):
            problems.append(
                f"{a.where}: check: found {a.check!r}, expected {unit.check!r} of {a.unit!r}: its "
                "text or its row was changed after the batch was drawn"
            )
        problems += [f"{a.where}: {p}" for p in value_problems(batch.codebook, a.answers)]
        if (a.annotator, a.unit) in first:
            place = first[a.annotator, a.unit]
            problems.append(
                f"{a.where}: {a.annotator} answered {a.unit!r} at {place} too; expected one answer "
                "an annotator and unit"
            )
        first.setdefault((a.annotator, a.unit), a.where)
    return problems + _name_problems({a.annotator: a.where for a in reversed(answers)})


def merge_problems(batch: Batch, files: Sequence[tuple[Path, ReadAnswers]]) -> None:
    """Make one problem of a file that repeats another one, and of a file of another batch.

    The answers that the problem is about are taken out, so that they are not named one by one too.
    """
    for k, (path, read) in enumerate(files):
        foreign = [a for a in read.answers if not _as_drawn(batch, a)]
        if len(foreign) > 1 and 2 * len(foreign) > len(read.answers):
            read.problems.append(_foreign_file(batch, path, foreign, len(read.answers)))
            read.answers = [a for a in read.answers if _as_drawn(batch, a)]
        for other, before in files[:k]:
            known = {(a.annotator, a.unit): dict(a.answers) for a in before.answers}
            twice = [a for a in read.answers if (a.annotator, a.unit) in known]
            same = all(known[a.annotator, a.unit] == a.answers for a in twice)
            if len(twice) > 1:
                rest = f"answers {len(twice):,} units that {other} answers too, by the same name"
                if same and len(twice) == len(read.answers) == len(before.answers):
                    rest = f"the same file as {other}, or the same answers"
                read.problems.append(f"{path}: {rest}; import one of them")
                read.answers = [a for a in read.answers if (a.annotator, a.unit) not in known]


def _as_drawn(batch: Batch, answer: Answer) -> bool:
    unit = batch.unit.get(answer.unit)
    checks = (None, unit.check, unit.check.partition(".")[0]) if unit else ()
    return answer.check in checks


def _foreign_file(batch: Batch, path: Path, foreign: Sequence[Answer], n: int) -> str:
    kind = "sheet" if path.suffix.lower() in SHEETS else "file"
    unknown = sum(a.unit not in batch.unit for a in foreign)
    if unknown:
        rest = f"{unknown:,} of {n:,} units are not in {batch.root}"
        return f"{path}: a {kind} of another batch ({rest})"
    return (
        f"{path}: a {kind} of another batch, or its texts were changed ({len(foreign):,} of {n:,} "
        f"units are not as {batch.root} has them; the first is {foreign[0].where})"
    )


def value_problems(codebook: Codebook, answers: Mapping[str, object]) -> Iterator[str]:
    """What is wrong with the answers of a unit: missing, or no value or topic of the codebook."""
    for topic in codebook.topic_names:
        problem = answer_problem(codebook, topic, answers.get(topic))
        if problem:
            yield problem
    unknown = [t for t in answers if t not in codebook.topics]
    if unknown:
        yield f"topics {unknown} are not in the codebook; expected {list(codebook.topic_names)}"


def _name_problems(places: dict[str, str]) -> list[str]:
    """Names that cannot be file names, or that differ in case alone."""
    problems = []
    by_case: dict[str, str] = {}
    adapter = TypeAdapter(AnnotatorName)
    for name, where in sorted(places.items()):
        try:
            adapter.validate_python(name)
        except ValidationError:
            problems.append(
                f"{where}: annotator: found {name!r}; expected at most 40 letters, digits, '.', "
                "'_' and '-': give another name with --annotator"
            )
        other = by_case.setdefault(name.lower(), name)
        if other != name:
            problems.append(
                f"{where}: annotators {other!r} and {name!r} differ in case alone; give one name "
                "with --annotator"
            )
    return problems
