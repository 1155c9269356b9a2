"""Units that annotators answered differently, and the decisions on them.

A unit is open while its deciding round has different answers and no decision. Decisions come from a
person, or from a rule that was asked for; `decided_by` and `why` in `adjudication.jsonl` say which.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sahelclf.annotation.answers import from_topics
from sahelclf.annotation.checks import raise_all
from sahelclf.annotation.page import Case, Decision
from sahelclf.codebook import Codebook
from sahelclf.corpus.edit import CorpusEdit
from sahelclf.corpus.rounds import deciding_labels
from sahelclf.records import NO, Adjudication, Label, Topics

RULE = "rule: majority"


@dataclass
class Decided:
    """What adjudication did.

    Attributes
    ----------
    new, known
        Decisions that were added, and that the corpus had already.
    against_all
        Units of `new` with a decision on a topic on which all annotators agree, and it is another.
    left_out
        Units of the file without a decision, by reason.
    open
        Units that still have none.
    """

    new: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    against_all: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    open: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)


def differing_labels(edit: CorpusEdit) -> dict[str, tuple[int, list[Topics]]]:
    """Units whose annotators differ in the deciding round: that round and their labels."""
    deciding = deciding_labels(edit.annotations)
    differing = {}
    for unit in (*edit.passages, *edit.documents):
        number, by_annotator = deciding.get(unit, (0, {}))
        given = list(by_annotator.values())
        if any(
            from_topics(edit.codebook, g) != from_topics(edit.codebook, given[0]) for g in given
        ):
            differing[unit] = (number, given)
    return differing


def cases(edit: CorpusEdit, *, decided: bool = False) -> list[Case]:
    """Units to decide, in the corpus's order; with `decided`, those that are decided too."""
    done = {(a.unit, a.round) for a in edit.adjudications}
    result = []
    for unit, (number, given) in differing_labels(edit).items():
        if decided or (unit, number) not in done:
            title, text = edit.text(unit)
            answers = [from_topics(edit.codebook, topics) for topics in given]
            result.append(Case(unit, text, title, answers, number))
    return result


def decide(
    edit: CorpusEdit, decisions: Sequence[Decision], decided_by: str, problems: Sequence[str] = ()
) -> Decided:
    """Add decisions and the labels that follow; raises with every problem before it writes."""
    differing = differing_labels(edit)
    before = {(a.unit, a.round): a for a in edit.adjudications}
    wrong, result = list(problems), Decided()
    for d in decisions:
        number, given = differing.get(d.unit, (0, []))
        known = before.get((d.unit, d.round))
        if number != d.round:
            found = f"{d.unit!r}, round {d.round}"
            wrong.append(f"{d.where}: unit: {found}: its annotators do not differ in {edit.root}")
        elif known is None:
            result.new.append(d.unit)
            topics = decided_topics(edit.codebook, d.answers, given)
            answers = [from_topics(edit.codebook, g) for g in given]
            if any(all(a[t] == answers[0][t] != v for a in answers) for t, v in d.answers.items()):
                result.against_all.append(d.unit)
            edit.add_adjudication(
                Adjudication(
                    unit=d.unit, round=d.round, decided_by=decided_by, why=d.why, topics=topics
                )
            )
        elif from_topics(edit.codebook, known.topics) == dict(d.answers):
            result.known.append(d.unit)
        else:
            wrong.append(
                f"{d.where}: {d.unit!r} is decided otherwise in adjudication.jsonl, by "
                f"{known.decided_by}; remove that line there to decide it again"
            )
    if wrong:
        raise_all(wrong)
    edit.label(result.new)
    result.open = [c.unit for c in cases(edit)]
    result.files = edit.write()
    return result


def decided_topics(
    codebook: Codebook, answers: Mapping[str, str], given: Sequence[Topics]
) -> Topics:
    """Decided answers as labels, with basis and parties where all who gave the answer agree."""
    topics: Topics = {}
    for topic, answer in answers.items():
        if answer == NO:
            continue
        stance = answer if codebook.stances else None
        labels = [t[topic] for t in given if topic in t and t[topic].stance == stance]
        same = labels and all(label == labels[0] for label in labels)
        topics[topic] = labels[0] if same else Label(stance=stance)
    return topics


def majority(edit: CorpusEdit) -> list[Decision]:
    """Decisions where, for every topic, more than half of the annotators gave one answer."""
    decisions = []
    for case in cases(edit):
        answers, why = {}, []
        for topic in edit.codebook.topic_names:
            votes = Counter(a[topic] for a in case.answers)
            answer, n = votes.most_common(1)[0]
            if 2 * n <= votes.total():
                break
            answers[topic] = answer
            if n < votes.total():
                why.append(f"{topic} {answer}, {n} of {votes.total()}")
        else:
            reason = f"majority of the annotators: {'; '.join(why)}"
            decisions.append(Decision(case.unit, case.round, answers, reason, RULE))
    return decisions
