"""Records of an annotated corpus, one a JSON line; names of labels are the codebook's."""

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def matches(pattern: str, length: int, expected: str) -> AfterValidator:
    """A check of a text's form; its message says what is expected, not the pattern."""

    def check(text: str) -> str:
        if len(text) > length or not re.fullmatch(pattern, text):
            raise ValueError(f"found {text[:60]!r}; expected at most {length} {expected}")
        return text

    return AfterValidator(check)


Id = Annotated[str, matches(r"[^\s|]+", 200, "signs, without white space and '|'")]


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
NO, YES = "no", "yes"  # answers: no topic; a topic, where a codebook has no stances


def answer_to(topics: Topics, topic: str) -> str:
    """The answer that labels give to a topic."""
    return (topics[topic].stance or YES) if topic in topics else NO


class Furniture(Frozen):
    """A line of a page that is no part of its text: byline, caption, 'read also', source line.

    `line` is its place among all lines of the page, from 0.
    """

    line: Annotated[int, Field(ge=0)]
    kind: Literal["byline", "caption", "read_also", "furniture"]
    text: Annotated[str, Field(min_length=1)]


class Document(Frozen):
    """One news item. Its text is its passages in order, joined by blank lines.

    `page` says that the text has the shape of a page as `predict` reads it; `furniture` holds the
    page's other lines. `question` is the search that found a document of the stratum `natural`, and
    `source_language` is the language of the page that it renders.
    """

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
    question: str | None = None
    source_language: str | None = None
    page: bool = False
    furniture: list[Furniture] = []
    writer: str | None = None
    topics: Topics | None = None


class AnyPassage(Frozen):
    """One paragraph of a document, or a few short ones on one point."""

    id: Id
    document_id: Id
    index: Annotated[int, Field(ge=0)]
    text: Annotated[str, Field(min_length=1)]
    topics: Topics | None


class Passage(AnyPassage):
    """A passage with its labels."""

    topics: Topics


class UndecidedPassage(AnyPassage):
    """A passage that its annotators labelled differently, until an adjudication decides.

    It is in `passages.jsonl` with `"topics": null`.
    """

    topics: None


class Annotation(Frozen):
    """One annotator's labels of one unit; the line is never edited.

    Round 0 is the pilot. A unit that is labelled again has a higher round: by one annotator as a
    retest, by all of them where the codebook has changed. `suggested` says that the annotator saw a
    model's answers; such labels are left out of agreement. `correction` says that the annotator
    takes back the answer before, of the same round: the last one counts for the label, the first
    one for agreement.
    """

    unit: Id
    round: Annotated[int, Field(ge=0)] = 1
    topics: Topics
    suggested: bool = False
    correction: bool = False
    note: str = ""


class Adjudication(Frozen):
    """The decision on a unit that the annotators labelled differently in that round."""

    unit: Id
    round: Annotated[int, Field(ge=1)] = 1
    decided_by: str
    why: str
    topics: Topics


class SampledUnit(Frozen):
    """How one unit of a batch was drawn; `model` and `again` as in `annotation.batch`."""

    unit: Id
    sampling_probability: Annotated[float, Field(gt=0, le=1)]
    stratum: str = ""
    drawn: Literal["random", "model", "again"] = "random"


class BatchRecord(Frozen):
    """A batch whose answers are in the corpus: how it was drawn, and the units that came back.

    `sha256` is the hash of its `batch.json` and `units.jsonl`; `collection_units` is how many units
    the collection had, 0 where it is not known.
    """

    name: str
    sha256: str
    collection: str
    collection_units: int = 0
    seed: int
    strategy: dict[str, str | int | float | list[str]]
    units: list[SampledUnit]


class EventPair(Frozen):
    """Whether two documents tell of the same event, as a reader judged."""

    documents: Annotated[list[Id], Field(min_length=2, max_length=2)]
    same: bool
    why: Annotated[str, Field(min_length=1)]


class Split(Frozen):
    """Ids of documents by part, and the rule that drew them."""

    name: str
    kind: Literal["partition", "folds"] = "partition"
    rule: str
    parts: dict[str, list[Id]]
