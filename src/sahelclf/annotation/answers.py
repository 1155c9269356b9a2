"""Answers of annotators, as every tool's reader returns them: one required answer a topic.

The answers of a topic are `no` and the codebook's stances; `yes` in the place of stances where the
codebook has none.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sahelclf.codebook import Codebook
from sahelclf.records import NO, YES, Label, Topics, answer_to


@dataclass(frozen=True)
class Answer:
    """What one annotator said of one unit.

    `answers` is by topic, complete and of the codebook's values; `where` is the place in the file;
    `check` is the unit's, where the tool gives it back.
    """

    annotator: str
    unit: str
    answers: Mapping[str, str]
    where: str
    check: str | None = None
    note: str = ""


@dataclass
class ReadAnswers:
    """Answers of one file, what was left out by name of the reason, and what is wrong.

    Left out are units that an annotator skipped, that are drafts or rejected, and choices that a
    tool hides but still exports. Problems are raised together, when all files are read.
    """

    answers: list[Answer] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def choices(codebook: Codebook) -> tuple[str, ...]:
    """The possible answers of every topic, `no` first."""
    return (NO, *(codebook.stance_names or (YES,)))


def answer_problem(codebook: Codebook, topic: str, value: object) -> str | None:
    """Why a value is no answer to a topic, or None."""
    allowed = choices(codebook)
    if value is None or value == "":
        return f"{topic}: no answer; expected one of {', '.join(allowed)}"
    if value not in allowed:
        return f"{topic}: found {value!r}, expected one of {', '.join(allowed)}"
    return None


def to_topics(codebook: Codebook, answers: Mapping[str, str]) -> Topics:
    """Answers as labels: a topic holds unless its answer is `no`."""
    return {
        topic: Label(stance=answers[topic] if codebook.stances else None)
        for topic in codebook.topic_names
        if answers[topic] != NO
    }


def from_topics(codebook: Codebook, topics: Topics) -> dict[str, str]:
    """Labels as answers."""
    return {topic: answer_to(topics, topic) for topic in codebook.topic_names}
