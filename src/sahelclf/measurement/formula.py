"""Formulas of regressions: `outcome ~ columns | effects`, read and checked before data are."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sahelclf.errors import RequestError, perhaps
from sahelclf.evaluation.predictions import Names

EXAMPLE = "expected a formula such as '{topic} ~ C(country) + month' or '{topic} ~ x | month'"
QUOTED = re.compile(r"`([^`]*)`")
# how formulaic marks the place of a mistake
MARKED = re.compile(r"⧛?\x1b?\[1;31m⧛?(.*?)⧚?\x1b?\[0m⧚?", re.DOTALL)


@dataclass(frozen=True)
class Regressed:
    """The left side of a formula: numbers of the topic and the stance.

    Attributes
    ----------
    stance
        None for the topic.
    within
        Whether units without the topic are left out: the stance of those that have it.
    """

    name: str
    topic: int
    stance: int | None
    within: bool


@dataclass(frozen=True)
class Formula:
    """A formula.

    Attributes
    ----------
    right
        The right side before a bar, for formulaic.
    factors
        Its factors, each with the columns that it takes.
    effects
        Columns after the bar.
    """

    text: str
    outcome: Regressed
    right: str
    factors: dict[str, tuple[str, ...]]
    effects: tuple[str, ...]

    @property
    def where(self) -> str:
        """Its place, for messages."""
        return f"--regress {self.text!r}"

    def used(self, function: str | None = None) -> set[str]:
        """Columns of all factors, or of calls of a function."""
        return {
            column
            for factor, columns in self.factors.items()
            for column in columns
            if function is None or factor.startswith(f"{function}(")
        }


def parse_formula(text: str, names: Names) -> Formula:
    """Read a formula.

    The left side is a topic, `topic:stance` (units with this stance, of all), or `stance | topic`
    (units with this stance, of those with the topic). The right side is formulaic's; columns after
    a bar are effects that are absorbed.

    Raises
    ------
    RequestError
        With the place of the mistake and an example.
    """
    where = f"--regress {text!r}"
    left, tilde, right = text.partition("~")
    if not tilde or "~" in right:
        count = "no ~" if not tilde else "more than one ~"
        raise RequestError(f"{where}: {count}; {_example(names)}")
    outcome = _outcome(left.strip(), names, where)
    main, *rest = _split_bar(right)
    if len(rest) > 1:
        raise RequestError(f"{where}: more than one | on the right; name effects once, with +")
    effects = tuple(_effect(part, where) for part in rest[0].split("+")) if rest else ()
    right = main.strip() or "1"
    factors = {factor: tuple(_columns(factor)) for factor in _factors(right, where, names)}
    return Formula(text, outcome, right, factors, effects)


def _example(names: Names) -> str:
    return EXAMPLE.format(topic=names.topics[0])


def _split_bar(right: str) -> list[str]:
    """Parts of the right side between bars that are in no bracket and no quotes."""
    parts, depth, quote = [""], 0, ""
    for sign in right:
        if quote or sign in "`'\"":
            quote = "" if quote == sign else quote or sign
        elif sign in "([{":
            depth += 1
        elif sign in ")]}":
            depth -= 1
        if sign == "|" and not quote and depth == 0:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def _outcome(left: str, names: Names, where: str) -> Regressed:
    for sign, within in (("|", True), (":", False)):
        if sign in left:
            first, second = (part.strip() for part in left.split(sign, 1))
            topic, stance = (second, first) if within else (first, second)
            return Regressed(
                left,
                _number(topic, names.topics, "topic", where, names),
                _number(stance, names.stances, "stance", where, names),
                within,
            )
    return Regressed(left, _number(left, names.topics, "topic", where, names), None, within=False)


def _number(name: str, known: Sequence[str], kind: str, where: str, names: Names) -> int:
    if name in known:
        return known.index(name)
    meant = perhaps(name, known)
    hint = f"; {meant}" if meant else ""
    forms = "a topic"
    if names.stances:
        topic, stance = names.topics[0], names.stances[0]
        forms = f"a topic, topic:stance ({topic}:{stance}), or stance | topic ({stance} | {topic})"
    raise RequestError(
        f"{where}: left of ~: {name!r} is no {kind}{hint}; found {kind}s {', '.join(known)}; "
        f"expected {forms}"
    )


def _effect(part: str, where: str) -> str:
    name = QUOTED.sub(r"\1", part.strip())
    inside = re.fullmatch(r"C\((.*)\)", name)
    name = QUOTED.sub(r"\1", inside[1].strip()) if inside else name
    if not name or re.search(r"[()*:]", name):
        raise RequestError(
            f"{where}: after |: {part.strip()!r}; expected names of columns with + between them"
        )
    return name


def _factors(right: str, where: str, names: Names) -> list[str]:
    """Factors of the right side as formulaic writes them."""
    from formulaic import Formula as Parsed
    from formulaic import SimpleFormula
    from formulaic.errors import FormulaicError

    try:
        parsed = Parsed(right)
    except (FormulaicError, SyntaxError) as error:
        marked = MARKED.sub(r"»\1«", str(error)).replace("insuffient", "too few")
        reason = " ".join(re.sub(r"[⧛⧚]", "", marked).split())
        raise RequestError(
            f"{where}: right of ~: {right!r} is not readable: {reason}; {_example(names)}"
        ) from None
    if not isinstance(parsed, SimpleFormula):
        raise RequestError(f"{where}: right of ~: {right!r} has parts; {_example(names)}")
    return list(dict.fromkeys(str(f.expr) for term in parsed for f in term.factors))


def _columns(factor: str) -> list[str]:
    """Columns that a factor takes: its names that are neither called nor modules."""
    quoted = QUOTED.findall(factor)
    code = factor
    for k, name in enumerate(quoted):
        code = code.replace(f"`{name}`", f"quoted_{k}_")
    if not code.isidentifier() and QUOTED.sub("", factor) == factor and not _parses(code):
        return [factor]
    tree = ast.parse(code.strip(), mode="eval")
    called = {id(n.func) for n in ast.walk(tree) if isinstance(n, ast.Call)}
    owners = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and id(node) not in called | owners:
            place = re.fullmatch(r"quoted_(\d+)_", node.id)
            found.append(quoted[int(place[1])] if place else node.id)
    return found


def _parses(code: str) -> bool:
    try:
        ast.parse(code.strip(), mode="eval")
    except SyntaxError:
        return False
    return True
