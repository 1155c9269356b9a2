"""What readers and writers of annotation tools share: records with places, names, answers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sahelclf.annotation.answers import Answer, ReadAnswers, choices
from sahelclf.annotation.batch import Batch, BatchUnit
from sahelclf.annotation.checks import value_problems
from sahelclf.corpus.jsonl import cut_off
from sahelclf.errors import RequestError
from sahelclf.records import NO

EQUALS = "="  # between topic and answer, in tools that have one flat list of labels
Json = dict[str, Any]


def parts(batch: Batch) -> dict[str, list[BatchUnit]]:
    """Units by the ending of their file's name.

    One part without an ending where everybody annotates every unit, since a tool keeps its users
    apart; else one part an annotator.
    """
    if all(len(batch.assigned(name)) == len(batch.units) for name in batch.info.annotators):
        return {"": list(batch.units)}
    return {f"-{name}": batch.assigned(name) for name in batch.info.annotators}


def question(batch: Batch, topic: str) -> str:
    """A topic's name and definition on one line."""
    t = batch.codebook.topics[topic]
    target = f" (stance towards: {t.target})" if batch.codebook.stances and t.target else ""
    return " ".join(f"{topic}: {t.holds}{target}".split())


def meanings(batch: Batch, topic: str) -> dict[str, str]:
    """Each possible answer of a topic, and what it means; empty where the codebook says nothing."""
    special = batch.codebook.topics[topic].model_extra or {}
    stances = batch.codebook.stances
    return {
        a: " ".join(str(special.get(a) or stances.get(a, "")).split())
        for a in choices(batch.codebook)
    }


def flat_labels(batch: Batch) -> list[str]:
    """Labels of tools with one flat list: each topic with each answer."""
    topics = batch.codebook.topic_names
    return [f"{t}{EQUALS}{a}" for t in topics for a in choices(batch.codebook)]


def by_topic(labels: Iterable[object]) -> dict[str, list[str]]:
    """Flat labels by topic; a label without `=` is a topic without an answer."""
    answers: dict[str, list[str]] = {}
    for label in labels:
        topic, _, answer = str(label).partition(EQUALS)
        answers.setdefault(topic, []).append(answer)
    return answers


def write_json(path: Path, value: object) -> Path:
    """Write one JSON value, in ASCII: no tool mistakes its encoding."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    return path


def write_lines(path: Path, records: Iterable[Json]) -> Path:
    """Write JSON lines, in ASCII."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(r) + "\n" for r in records]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def read_text(path: Path) -> str:
    """The text of a file."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise RequestError(f"{path}: not readable: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RequestError(f"{path}: not in UTF-8; export it again") from None


def parse_records(where: str, text: str, expected: str) -> list[tuple[str, Json]]:
    """Places and objects of a JSON list, or of JSON lines; `expected` says of what form."""
    problem = RequestError(f"{where}: not {expected}")
    if text.lstrip()[:1] == "[":
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            cut = "" if text.rstrip().endswith("]") else "the file ends in the middle, or is "
            raise RequestError(f"{where}:{error.lineno}: {cut}no JSON: {error.msg}") from None
        numbered = [(f"{where}: record {k}", v) for k, v in enumerate(values, 1)]
    else:
        numbered = []
        lines = text.split("\n")  # str.splitlines splits at U+2028 too
        for k, line in enumerate(lines, 1):
            if line.strip():
                try:
                    numbered.append((f"{where}:{k}", json.loads(line)))
                except json.JSONDecodeError as error:
                    reason = f"no JSON: {error.msg}"
                    if k == len(lines) and cut_off(line.encode()):
                        reason = f"the file ends in the middle of line {k:,}; export it again"
                    raise RequestError(f"{where}:{k}: {reason}") from None
    if not numbered or not all(isinstance(v, dict) for _, v in numbered):
        raise problem
    return numbered


@dataclass
class Collector:
    """Checks what one file says and keeps it as answers and problems.

    Attributes
    ----------
    given
        What `--annotator` gives: a name for a file that names nobody, or names for the names and
        ids in the file: `3=anna,4=ben`.
    """

    batch: Batch
    given: str | None
    read: ReadAnswers = field(default_factory=ReadAnswers)
    users: dict[str, str] = field(default_factory=dict)

    def problem(self, where: str, message: str) -> None:
        """Keep a problem with its place."""
        self.read.problems.append(f"{where}: {message}")

    def skip(self, reason: str, count: int = 1) -> None:
        """Count what is left out."""
        if count:
            self.read.left_out[reason] += count

    def annotator(self, where: str, user: str, *aliases: str, named: bool = True) -> str | None:
        """Name of a file's user; None where it and `--annotator` do not agree, which is a problem.

        Where the batch names annotators, another name is a problem too, unless `--annotator` gives
        it in place of one of them.
        `aliases` are other names of that user, such as the part of an address before the at sign.
        `named` is False where `user` is an id, which names nobody unless the batch knows it.
        """
        known = next((a for a in (*aliases, user) if a in self.batch.info.annotators), None)
        own = known or (user if named else None)
        name, problem = own or user, ""
        if self.given and EQUALS in self.given:
            pairs = (pair.split(EQUALS, 1) for pair in self.given.split(",") if EQUALS in pair)
            names = {key.strip(): value.strip() for key, value in pairs}
            name = next((names[a] for a in (user, *aliases) if a in names), "")
            if not name:
                problem = f"annotator {user!r} is not in --annotator, which has {', '.join(names)}"
        elif self.given:
            name = self.given
            if own not in (None, name):
                name = ""
                problem = (
                    f"annotator: found {own!r}, expected {self.given!r} (--annotator); "
                    f"--annotator '{own}={self.given}' renames"
                )
        if name and known is None and not self._is_of_batch(name):
            problem = (
                f"annotator {name!r} is not of this batch ({', '.join(self.batch.info.annotators)})"
                f"; name the coder with --annotator '{user}=NAME'"
            )
            name = ""
        if problem and user not in self.users:
            self.problem(where, problem)
        first = next((u for u, n in self.users.items() if n == name and u != user), None)
        if first is not None and name and user not in self.users:
            self.problem(
                where,
                f"annotators {first!r} and {user!r} both get the name {name!r}; give names with "
                f"--annotator {first}=NAME,{user}=NAME",
            )
        self.users[user] = name or user
        return name or None

    def _is_of_batch(self, name: str) -> bool:
        return not self.batch.info.annotators or name in self.batch.info.annotators

    def unit(self, where: str, values: Mapping[str, Any]) -> str | None:
        """Id of the unit that a record is about; None, and a problem, where it cannot be told."""
        name = values.get("unit")
        if not isinstance(name, str) or not name:
            self.problem(where, "no field 'unit', by which the batch's units are known; export all")
            return None
        unit, text = self.batch.unit.get(name), values.get("text")
        if unit and isinstance(text, str) and text.split() != unit.text.split():
            self.problem(
                where,
                f"unit {name!r}: the text was changed: found {_start(text)!r}, expected "
                f"{_start(unit.text)!r}",
            )
            return None
        return name

    def take(
        self,
        where: str,
        annotator: str | None,
        unit: str,
        answers: Mapping[str, Sequence[str]],
        check: object = None,
        note: str = "",
    ) -> None:
        """Keep what one annotator said of one unit, in lists by topic, or say what is wrong."""
        codebook = self.batch.codebook
        if not any(answers.values()):
            self.skip("without an answer")
            return
        values = {topic: [*dict.fromkeys(given)] for topic, given in answers.items()}
        problems = [
            f"{topic}: contradictory: found {' and '.join(several)}; expected one"
            for topic, several in values.items()
            if len(several) > 1
        ]
        single = {t: v[0] if len(v) == 1 else NO for t, v in values.items() if v}
        problems += value_problems(codebook, single)
        for problem in problems:
            self.problem(where, f"unit {unit!r}, annotator {annotator}: {problem}")
        if annotator is not None and not problems:
            whole = {t: answers[t][0] for t in codebook.topic_names}
            text = check if isinstance(check, str) else None
            self.read.answers.append(Answer(annotator, unit, whole, where, text, note.strip()))


def _start(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"
