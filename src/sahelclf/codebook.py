"""The codebook of a corpus, `codebook.yaml`: topics, stances, bases and parties."""

import re
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import AfterValidator, ConfigDict, Field, ValidationError, model_validator

from sahelclf.errors import CorpusError
from sahelclf.records import Frozen, matches

LETTERS = "lower-case letters (a to z), digits and '_', the first a letter"
Name = Annotated[str, matches("[a-z][a-z0-9_]*", 60, LETTERS)]


def _language_code(code: str) -> str:
    if not re.fullmatch("[a-z]{2,3}", code):
        lower = code.lower()
        right = repr(lower) if re.fullmatch("[a-z]{2,3}", lower) else "such as 'en' or 'fr'"
        raise ValueError(f"found {code!r}; expected a code of ISO 639-1 in lower case, {right}")
    return code


Language = Annotated[str, AfterValidator(_language_code)]
TABLE_ENDINGS = ("probability", "holds", "stance")
RESERVED = {*TABLE_ENDINGS, "gold", "gold_stance", "no"}


class Topic(Frozen):
    """A topic: when it holds, the target of its stances, and what each stance means for it."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)

    holds: str
    target: str = ""
    parties: str = ""


class Basis(Frozen):
    """Evidence that a stance is based on, and the stances it is allowed for."""

    stances: list[Name] = Field(min_length=1)
    means: str = ""


class Codebook(Frozen):
    """The labels of a corpus, in a fixed order; without `stances` a label is a topic alone."""

    version: str
    title: str
    languages: list[Language] = Field(min_length=1)
    units: list[Name] = Field(["passage", "document"])
    stances: dict[Name, str] = Field({})
    bases: dict[Name, Basis] = Field({})
    topics: dict[Name, Topic] = Field(min_length=1)
    parties: list[Name] = Field([])
    genres: list[Name] = Field([])
    strata: list[Name] = Field([])
    countries: list[str] = Field([])

    @model_validator(mode="after")
    def _bases_name_known_stances(self) -> Self:
        for name, basis in self.bases.items():
            unknown = [s for s in basis.stances if s not in self.stances]
            if unknown:
                raise ValueError(
                    f"basis {name!r} goes with stances {unknown}, which are not among "
                    f"{[*self.stances]}"
                )
        for name, topic in self.topics.items():
            unknown = [
                k
                for k, v in (topic.model_extra or {}).items()
                if k not in self.stances or not isinstance(v, str)
            ]
            if unknown:
                raise ValueError(
                    f"topics.{name}: {unknown}; expected holds, target, parties, or a text under "
                    "the name of a stance"
                )
        if len(self.stances) == 1:
            raise ValueError(f"stances {[*self.stances]}: expected at least two, or none at all")
        taken = [s for s in self.stances if s in RESERVED]
        if taken:
            raise ValueError(
                f"stances {taken}: columns of tables end with these words; choose others"
            )
        columns = [f"{t}_{end}" for t in self.topics for end in (*TABLE_ENDINGS, *self.stances)]
        if len(set(columns)) < len(columns) or {*columns} & {"id", "unit", "passage", "language"}:
            raise ValueError(
                "the names of topics and stances give two columns of one name in tables; rename one"
            )
        if not self.parties and any(t.parties for t in self.topics.values()):
            raise ValueError("a topic takes parties, but the codebook lists none")
        return self

    @property
    def topic_names(self) -> tuple[str, ...]:
        """Topics in the codebook's order."""
        return tuple(self.topics)

    @property
    def stance_names(self) -> tuple[str, ...]:
        """Stances in the codebook's order."""
        return tuple(self.stances)

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for manifests."""
        return self.model_dump(mode="json")


def read_codebook(path: Path) -> Codebook:
    """Read and check a codebook; the error lists every problem with file and field."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CorpusError(
            f"{path}: no such codebook; a corpus folder needs codebook.yaml beside its JSON lines"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    try:
        return Codebook.model_validate(raw)
    except ValidationError as error:
        raise CorpusError(validation_problems(error, str(path))) from None


def validation_problems(error: ValidationError, where: str) -> list[str]:
    """One line a problem: file, field, what was expected, what was found."""
    lines = []
    for e in error.errors():
        is_key = e["loc"][-1:] == ("[key]",)
        field = ".".join(str(part) for part in (e["loc"][:-2] if is_key else e["loc"])) or "(whole)"
        if isinstance(e["input"], bool) and (is_key or "string" in e["type"]):
            hint = "YAML reads yes, no, on and off as true and false; put the name in quotes"
            lines.append(f"{where}: {field}: {hint}")
            continue
        if e["type"] == "missing":
            lines.append(f"{where}: {field}: missing; it is required")
            continue
        if e["type"] == "string_type" and isinstance(e["input"], int | float):
            lines.append(f"{where}: {field}: found {e['input']}; expected text, in quotes")
            continue
        value = "" if e["type"] == "value_error" else f", found {_short(e['input'])}"
        lines.append(f"{where}: {field}: {e['msg'].removeprefix('Value error, ')}{value}")
    return lines


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
