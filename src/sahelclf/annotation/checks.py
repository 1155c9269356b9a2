"""What is wrong with answers, whatever file they come from."""

from collections.abc import Iterator, Mapping, Sequence

from pydantic import TypeAdapter, ValidationError

from sahelclf.annotation.answers import Answer, answer_problem
from sahelclf.annotation.batch import UNITS, AnnotatorName, Batch
from sahelclf.codebook import Codebook
from sahelclf.errors import RequestError

MOST_PROBLEMS = 50


def raise_all(problems: Sequence[str]) -> None:
    """Raise with these problems; where there are many, with the first and their number."""
    more = len(problems) - MOST_PROBLEMS
    raise RequestError(
        [*problems[:MOST_PROBLEMS], *([f"… and {more:,} more problems"] if more > 0 else [])]
    )


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
        elif a.check is not None and a.check not in (unit.check, unit.check.partition(".")[0]):
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
