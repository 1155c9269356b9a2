"""Records of an annotated corpus, one a JSON line; names of labels are the codebook's."""

from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Id = Annotated[str, Field(pattern=r"^[^\s|]+$", max_length=200)]


def _possible_date(text: str) -> str:
    try:
        date.fromisoformat(f"{text}-01-01"[:10])
    except ValueError:
        message = f"found {text!r}, which no calendar has; expected YYYY, YYYY-MM or YYYY-MM-DD"
        raise ValueError(message) from None
    return text


Date = Annotated[str, Field(pattern=r"^\d{4}(-\d\d(-\d\d)?)?$"), AfterValidator(_possible_date)]


class Frozen(BaseModel):
    """Base of checked data: cannot be changed, no other fields, no conversion of types."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Label(Frozen):
    """The stance on one topic that holds, its basis, and the parties."""

    stance: str | None = None
    basis: str | None = None
    parties: list[str] = []


Topics = dict[str, Label]


class Document(Frozen):
    """One news item. Its text is its passages in order, joined by blank lines."""

    id: Id
    title: str = ""
    url: str | None = None
    sources: list[str] = []
    outlet: str | None = None
    date: Date | None = None
    countries: list[str] = []
    genre: str | None = None
    stratum: str | None = None
    event_id: str | None = None
    writer: str | None = None
    topics: Topics | None = None


class Passage(Frozen):
    """One paragraph of a document, or a few short ones on one point."""

    id: Id
    document_id: Id
    index: Annotated[int, Field(ge=0)]
    text: Annotated[str, Field(min_length=1)]
    topics: Topics


class Annotation(Frozen):
    """One annotator's labels of one unit, never edited.

    Round 0 is the pilot; a unit that is labelled again has a higher round.
    """

    unit: Id
    round: Annotated[int, Field(ge=0)] = 1
    topics: Topics


class Adjudication(Frozen):
    """The decision on a unit that the annotators labelled differently."""

    unit: Id
    decided_by: str
    why: str
    topics: Topics


class Split(Frozen):
    """Ids of documents by part, and the rule that drew them."""

    name: str
    kind: Literal["partition", "folds"] = "partition"
    rule: str
    parts: dict[str, list[Id]]
