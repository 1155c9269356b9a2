"""What a labeller takes at once and gives back: some items in, their rows and rejects out, wherever that is done."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from threadpoolctl import threadpool_limits

from sahelclf.bundle.labeller import Labeller
from sahelclf.bundle.rows import Row
from sahelclf.corpus.language import READ, READ_OF_DOCUMENT, recognise, surely_foreign
from sahelclf.corpus.pages import page_of
from sahelclf.predict.inputs import Source
from sahelclf.predict.readers import Found, Item, Reject

CHUNK = {
    "passage": 1024,
    "document": 64,
}  # read together: encoders take texts of like length from among them
CHUNK_CHARACTERS = 4_000_000
RESERVED = (
    *(
        "id",
        "unit",
        "language",
        "topics",
        "title",
        "date",
        "passages",
        "dropped",
        "text",
        "start",
        "end",
        "passage",
    ),
    "duplicate_of",
)
Batch = list[tuple[int, Found]]


@dataclass
class LabelledBatch:
    """Rows and rejects of a chunk in order, and what the job's books say of it."""

    size: int
    file: int  # that the chunk ended in
    taken: int  # how much of the chunk was from that file
    rows: list[Row] = field(default_factory=list)
    extras: list[dict[str, object]] = field(default_factory=list)  # what is carried beside each row
    texts: list[str] = field(default_factory=list)  # that the rows label, where they are asked for
    rejects: list[Reject] = field(default_factory=list)
    foreign: dict[str, int] = field(default_factory=dict)
    words: list[int] = field(default_factory=list)
    columns: dict[str, None] | None = (
        None  # carried, in order; None where not one item was readable
    )


def batches_of(source: Source, file: int, taken: int) -> Iterator[Batch]:
    """Items in pieces of some rows, and of bounded size; the same pieces, wherever in the input a job goes on."""
    chunk: Batch = []
    size = 0
    for number, found in source.items_from(file, taken):
        chunk.append((number, found))
        size += len(found.text) if isinstance(found, Item) else 0
        if len(chunk) >= CHUNK[source.unit] or size >= CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


class BatchLabeller:
    """Labels chunks, each by itself; `texts` keeps what the rows label beside them."""

    def __init__(self, labeller: Labeller, unit: str, *, any_language: bool, texts: bool) -> None:
        self.labeller, self.unit, self.any_language, self.texts = (
            labeller,
            unit,
            any_language,
            texts,
        )
        labeller.predict(
            ["The first text loads the language model, so that the clock measures labelling."]
        )

    def __call__(self, chunk: Batch) -> LabelledBatch:
        """Rows of the good items in order; the others are rejected."""
        last = chunk[-1][0]
        done = LabelledBatch(len(chunk), last, sum(file == last for file, _ in chunk))
        good: list[Item] = []
        languages: list[str] = []
        for _, found in chunk:
            if isinstance(found, Item):
                done.words.append(len(found.text.split()))
                done.columns = (done.columns or {}) | dict.fromkeys(self._extra(found))
            item = found
            if self.unit == "document":
                item = _as_page(found, self.labeller.languages)
            if isinstance(item, Item):
                item = self._in_known_language(item, done, languages)
            if isinstance(item, Item):
                good.append(item)
            else:
                done.rejects.append(item)
        done.rows = self._rows(good, languages)
        done.extras = [self._extra(i) for i in good]
        if self.unit == "document":  # a page knows its own title and date where the row gives none
            done.extras = [
                {k: v for k, v in extra.items() if v is not None} for extra in done.extras
            ]
        done.texts = [_text(i) for i in good] if self.texts else []
        return done

    def _in_known_language(self, item: Item, done: LabelledBatch, languages: list[str]) -> Found:
        """The item, its language noted; a reject where that is surely one that the model was not trained on."""
        text, read = _text(item), READ_OF_DOCUMENT if item.page else READ
        language = recognise(text, read)
        trained = self.labeller.manifest["codebook"]["languages"]
        if self.any_language or not surely_foreign(text, language, trained, read):
            languages.append(language)
            return item
        done.foreign[language] = done.foreign.get(language, 0) + 1
        reason = f"language: {language}; the model was trained on {', '.join(trained)}; --any-language labels it all the same"
        return Reject(item.where, reason, item.id)

    def _rows(self, good: list[Item], languages: list[str]) -> list[Row]:
        ids = [i.id for i in good]
        if self.unit == "document":
            return self.labeller.predict_pages([i.page for i in good if i.page], ids)
        return self.labeller.predict([i.text for i in good], ids, languages)

    def _extra(self, item: Item) -> dict[str, object]:
        """What is carried beside the labels, under names that are free."""
        extra: dict[str, object] = {
            k: v for k, v in (("title", item.title), ("date", item.date)) if v is not None
        }
        for name, value in item.extra.items():
            free = name
            while self._is_taken(free) or (free != name and free in item.extra):
                free = f"input_{free}"
            extra[free] = value
        return extra

    def _is_taken(self, name: str) -> bool:
        return name in RESERVED or any(name.startswith(f"{t}_") for t in self.labeller.topics)


def _text(item: Item) -> str:
    return item.page.text if item.page else item.text


def _as_page(found: Found, languages: Sequence[str]) -> Found:
    """An item with its page, cleaned and cut; a reject where nothing is left of it."""
    if not isinstance(found, Item):
        return found
    page = found.page or page_of(found.text, found.title, languages)
    return (
        replace(found, page=page)
        if page.passages
        else Reject(found.where, "no text is left after cleaning", found.id)
    )


@dataclass(frozen=True)
class WorkerSpec:
    """What another process needs to label as this one does."""

    folder: Path
    fast: bool
    unit: str
    any_language: bool
    texts: bool
    threads: int

    def make(self) -> BatchLabeller:
        """Load the bundle, to compute with this many threads. Linear algebra of numpy takes one: the same bits everywhere."""
        os.environ["OMP_NUM_THREADS"] = str(self.threads)
        threadpool_limits(1, user_api="blas")
        return BatchLabeller(
            Labeller.load(self.folder, fast=self.fast),
            self.unit,
            any_language=self.any_language,
            texts=self.texts,
        )
