"""Swap names of a kind in a text; `swaps.yaml` of a corpus lists them.

The two names of a pair are swapped in one pass, so a text with both of them keeps them apart.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from sahelclf.codebook import Name, validation_problems
from sahelclf.errors import CorpusError
from sahelclf.records import Frozen

VARIANTS = "|"
AFTER = r"(?![\w\u0300-\u036f])"  # a combining mark belongs to the word before it

Phrase = Annotated[str, Field(min_length=1)]


class Pair(Frozen):
    """Two names to swap. `|` separates the variants of a name; the first is the one that is
    written.

    With `before`, a name is swapped only in front of one of these words.
    """

    swap: Annotated[list[Phrase], Field(min_length=2, max_length=2)]
    before: list[Phrase] = Field([])

    def variants(self) -> tuple[list[str], list[str]]:
        """The spellings of the two names."""
        first, second = ([" ".join(v.split()) for v in name.split(VARIANTS)] for name in self.swap)
        return first, second


class Kind(Frozen):
    """One kind of swap: its pairs, and the phrases in which names are not swapped."""

    means: str = ""
    keep: list[Phrase] = Field([])
    pairs: Annotated[list[Pair], Field(min_length=1)]


@dataclass(frozen=True)
class Swapper:
    """Swaps the names of one kind; `partners` gives the other name for each spelling."""

    name: str
    pattern: re.Pattern[str]
    partners: dict[str, str]

    def __call__(self, text: str) -> tuple[str, int]:
        """The text with its names swapped, and how many were."""
        n = 0

        def partner(match: re.Match[str]) -> str:
            nonlocal n
            spelling = " ".join(match[0].split())
            if match.lastgroup == "keep" or spelling not in self.partners:
                return match[0]
            n += 1
            return self.partners[spelling]

        return self.pattern.sub(partner, text), n


def read_swaps(path: Path) -> dict[str, Swapper]:
    """The swappers that `swaps.yaml` describes, by kind; none where there is no such file."""
    if not path.exists():
        return {}
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
        kinds = TypeAdapter(dict[Name, Kind]).validate_python(raw)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise CorpusError(validation_problems(error, str(path))) from None
    problems = [p for name, kind in kinds.items() for p in _problems(kind, f"{path}: {name}")]
    if problems:
        raise CorpusError(problems)
    return {name: swapper(name, kind) for name, kind in kinds.items()}


def _problems(kind: Kind, where: str) -> Iterator[str]:
    counts = Counter(v for pair in kind.pairs for names in pair.variants() for v in names)
    for variant, n in counts.items():
        if not variant:
            yield f"{where}: an empty variant; expected names separated by {VARIANTS!r}"
        elif n > 1:
            yield f"{where}: {variant!r} is duplicated; one name has one partner"


def swapper(name: str, kind: Kind) -> Swapper:
    """Compile one kind. Phrases to keep come before names, and longer names before shorter ones."""
    partners: dict[str, str] = {}
    branches: list[tuple[str, str]] = []
    for pair in kind.pairs:
        first, second = pair.variants()
        before = rf"(?=\s+(?:{_any_of(pair.before)}))" if pair.before else ""
        for spellings, partner in ((first, second[0]), (second, first[0])):
            for form, replacement in (f for v in spellings for f in _forms(v, partner)):
                partners.setdefault(form, replacement)
                branches.append((form, before))
    branches.sort(key=lambda b: -len(b[0]))
    names = "|".join(_literal(form) + before for form, before in branches)
    keep = _any_of(kind.keep) or r"(?!)"
    return Swapper(name, re.compile(rf"(?<!\w)(?:(?P<keep>{keep})|(?P<name>{names}))"), partners)


def _forms(name: str, partner: str) -> Iterator[tuple[str, str]]:
    """Spellings of a name with those of its partner: as listed, in capitals, and as in a title.

    A name that is listed with a capital is not found in lower case: 'Chad' is a country, 'chad' is
    not.
    """
    forms = {name: partner}
    if not name.isupper():  # an abbreviation has one spelling
        forms[name.upper()] = partner.upper()
    if name[0].islower():
        forms[name[0].upper() + name[1:]] = partner[0].upper() + partner[1:]
        forms[name.title()] = partner.title()
    for form, replacement in forms.items():
        yield form, replacement
        if "'" in form:
            yield form.replace("'", "’"), replacement.replace("'", "’")


def _any_of(phrases: list[str]) -> str:
    """A pattern of these phrases in all their spellings, the longest first."""
    forms = {form for phrase in phrases for form, _ in _forms(phrase, phrase)}
    return "|".join(map(_literal, sorted(forms, key=len, reverse=True)))


def _literal(form: str) -> str:
    return r"\s+".join(re.escape(word) for word in form.split()) + AFTER
