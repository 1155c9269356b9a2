"""Name swaps: what a text reads like with the names of a kind exchanged, as `swaps.yaml` of a corpus lists them.

A pair is exchanged both ways in one pass, so that a text which names both keeps them apart.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sahelclf.codebook import Name, validation_problems
from sahelclf.errors import CorpusError

VARIANTS = "|"
AFTER = r"(?![\w\u0300-\u036f])"  # a combining mark belongs to the word before it


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Pair(_Strict):
    """Two names that change places; variants of a name stand behind `|`, and the first is what is put."""

    swap: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=2, max_length=2)]
    before: list[Annotated[str, Field(min_length=1)]] = []

    def variants(self) -> tuple[list[str], list[str]]:
        """The spellings of the two names."""
        first, second = ([" ".join(v.split()) for v in name.split(VARIANTS)] for name in self.swap)
        return first, second


class Kind(_Strict):
    """One kind of swap: its pairs, and the phrases in which a name stays as it is."""

    means: str = ""
    keep: list[Annotated[str, Field(min_length=1)]] = []
    pairs: Annotated[list[Pair], Field(min_length=1)]


@dataclass(frozen=True)
class Swapper:
    """Exchanges the names of one kind."""

    name: str
    pattern: re.Pattern[str]
    put: dict[str, str]

    def __call__(self, text: str) -> tuple[str, int]:
        """The text with its names exchanged, and how many were."""
        n = 0

        def exchange(match: re.Match[str]) -> str:
            nonlocal n
            found = " ".join(match[0].split())
            if match.lastgroup == "keep" or found not in self.put:
                return match[0]
            n += 1
            return self.put[found]

        return self.pattern.sub(exchange, text), n


def read_swaps(path: Path) -> dict[str, Swapper]:
    """The swappers that `swaps.yaml` describes, by kind; empty where there is no such file."""
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


def _problems(kind: Kind, where: str) -> list[str]:
    seen: set[str] = set()
    problems = []
    for pair in kind.pairs:
        for variant in (v for spellings in pair.variants() for v in spellings):
            if not variant:
                problems.append(
                    f"{where}: {pair.swap}: an empty variant; expected names parted by {VARIANTS!r}"
                )
            elif variant in seen:
                problems.append(f"{where}: {variant!r} stands twice; one name has one partner")
            seen.add(variant)
    return problems


def swapper(name: str, kind: Kind) -> Swapper:
    """Compile one kind. The longest name is tried first, and phrases to keep before any name."""
    put: dict[str, str] = {}
    branches: list[tuple[str, str]] = []
    for pair in kind.pairs:
        first, second = pair.variants()
        for spellings, partner in ((first, second[0]), (second, first[0])):
            for variant in spellings:
                for form, replacement in _forms(variant, partner):
                    put.setdefault(form, replacement)
                    branches.append((form, _followed_by(pair.before)))
    branches.sort(key=lambda b: -len(b[0]))
    kept = sorted(
        {form for phrase in kind.keep for form, _ in _forms(phrase, phrase)}, key=len, reverse=True
    )
    names = "|".join(_literal(form) + AFTER + condition for form, condition in branches)
    keep = "|".join(_literal(form) + AFTER for form in kept) or r"(?!)"
    return Swapper(name, re.compile(rf"(?<!\w)(?:(?P<keep>{keep})|(?P<name>{names}))"), put)


def _forms(name: str, partner: str) -> Iterable[tuple[str, str]]:
    """How a name is written, beside how its partner is then: as listed, in capitals, and at the start of a sentence or title.

    A name listed with a capital is not found in lower case: 'Chad' is a country, 'chad' is not.
    """
    found = {name: partner, name.upper(): partner.upper()}
    if name[0].islower():
        found |= {
            name[0].upper() + name[1:]: partner[0].upper() + partner[1:],
            name.title(): partner.title(),
        }
    if name.isupper():  # an abbreviation says nothing of the case around it
        found = {name: partner}
    for form, replacement in found.items():
        yield form, replacement
        if "'" in form:
            yield form.replace("'", "’"), replacement.replace("'", "’")


def _literal(form: str) -> str:
    return r"\s+".join(re.escape(word) for word in form.split())


def _followed_by(words: list[str]) -> str:
    if not words:
        return ""
    forms = sorted({form for w in words for form, _ in _forms(w, w)}, key=len, reverse=True)
    return rf"(?=\s+(?:{'|'.join(map(_literal, forms))}){AFTER})"
