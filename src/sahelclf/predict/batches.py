"""What a labeller takes at once and gives back: some items in, their rows and rejects out."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from threadpoolctl import threadpool_limits

from sahelclf.bundle.labeller import Labeller
from sahelclf.bundle.rows import Row
from sahelclf.corpus.language import READ, READ_OF_DOCUMENT, Recognised, recognise_all
from sahelclf.corpus.pages import page_of
from sahelclf.predict.inputs import Source
from sahelclf.predict.rows import Entry, Item, Reject

# Read together: encoders take texts of similar length from among them.
BATCH = {"passage": 1024, "document": 64}
BATCH_CHARACTERS = 4_000_000
RESERVED = frozenset(
    [
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
        "duplicate_of",
        "stories",
    ]
)
INPUT = "input_"  # before the names of carried columns that would be ours
Batch = list[tuple[int, Entry]]


@dataclass
class LabelledBatch:
    """Rows and rejects of a batch in order, and what the job records of it.

    Attributes
    ----------
    file_number, n_from_last_file
        Number of the file that the batch ended in, and how many items of the batch are from it.
    extras
        What is carried beside each row.
    texts
        What the rows label, where it was wanted.
    columns
        Names of what is carried, in order; None where no item was readable.
    """

    size: int
    file_number: int
    n_from_last_file: int
    rows: list[Row] = field(default_factory=list)
    extras: list[dict[str, object]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    foreign: dict[str, int] = field(default_factory=dict)
    word_counts: list[int] = field(default_factory=list)
    columns: dict[str, None] | None = None


def batches_of(source: Source, file: int, taken: int) -> Iterator[Batch]:
    """Items in batches of bounded size; the same batches, wherever in the input a job resumes."""
    batch: Batch = []
    size = 0
    for number, entry in source.items_from(file, taken):
        batch.append((number, entry))
        size += len(entry.text) if isinstance(entry, Item) else 0
        if len(batch) >= BATCH[source.unit] or size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class BatchLabeller:
    """Labels batches one by one; `texts` keeps the text with each row."""

    def __init__(self, labeller: Labeller, unit: str, *, any_language: bool, texts: bool) -> None:
        self.labeller, self.unit, self.any_language = labeller, unit, any_language
        self.texts = texts
        self._names: dict[str, str] = {}
        labeller.predict(
            ["The first text loads the language model, so that the clock measures labelling."]
        )

    def __call__(self, batch: Batch) -> LabelledBatch:
        """Rows of the good items in order; the others are rejected."""
        last = batch[-1][0]
        done = LabelledBatch(len(batch), last, sum(file == last for file, _ in batch))
        columns: dict[str, None] = {}
        entries: list[Entry] = []
        for _, entry in batch:
            if isinstance(entry, Item):
                done.word_counts.append(len(entry.text.split()))
                columns |= dict.fromkeys(self._extra(entry))
                done.columns = columns
            entries.append(self._readable(entry))
        good, languages = self._in_known_languages(entries, done)
        done.rows = self._rows(good, languages)
        done.extras = [self._extra(i) for i in good]
        if self.unit == "document":  # a page knows its own title and date where the row gives none
            done.extras = [
                {k: v for k, v in extra.items() if v is not None} for extra in done.extras
            ]
        done.texts = [_text(i) for i in good] if self.texts else []
        return done

    def _readable(self, entry: Entry) -> Entry:
        """The entry; a document with its page, a reject where nothing is left of it."""
        if self.unit == "passage" or not isinstance(entry, Item):
            return entry
        page = entry.page or page_of(entry.text, entry.title, self.labeller.languages)
        if page.passages:
            return replace(entry, page=page)
        return Reject(entry.where, "no text is left after cleaning", entry.id)

    def _in_known_languages(
        self, entries: Sequence[Entry], done: LabelledBatch
    ) -> tuple[list[Item], list[str]]:
        """Items to label and their languages; the rejects go to `done`.

        An item is rejected where the model was certainly not trained on its language; these are
        counted in `done.foreign`.
        """
        trained = self.labeller.languages
        found = self._languages([e for e in entries if isinstance(e, Item)])
        good: list[Item] = []
        languages: list[str] = []
        for entry in entries:
            if not isinstance(entry, Item):
                done.rejects.append(entry)
                continue
            language, foreign = next(found)
            if self.any_language or not foreign:
                good.append(entry)
                languages.append(language)
                continue
            done.foreign[language] = done.foreign.get(language, 0) + 1
            reason = (
                f"language: {language}; the model was trained on {', '.join(trained)}; "
                "--any-language labels it anyway"
            )
            done.rejects.append(Reject(entry.where, reason, entry.id))
        return good, languages

    def _languages(self, items: Sequence[Item]) -> Iterator[Recognised]:
        """Languages of the items, in order; of a page, more is read."""
        read = READ_OF_DOCUMENT if any(item.page for item in items) else READ
        texts = [item.page.text if item.page else item.text[:READ] for item in items]
        return iter(recognise_all(texts, read, self.labeller.languages))

    def _rows(self, good: list[Item], languages: list[str]) -> list[Row]:
        ids = [i.id for i in good]
        if self.unit == "document":
            return self.labeller.predict_pages([i.page for i in good if i.page], ids, languages)
        return self.labeller.predict([i.text for i in good], ids, languages)

    def _extra(self, item: Item) -> dict[str, object]:
        """What is carried beside the labels, under names that are free."""
        about = (("title", item.title), ("date", item.date))
        extra: dict[str, object] = {k: v for k, v in about if v is not None}
        return extra | {self._free(name): value for name, value in item.extra.items()}

    def _free(self, name: str) -> str:
        """A column's name in the output: different columns never share one."""
        if name not in self._names:
            bare = name
            while bare.startswith(INPUT):
                bare = bare.removeprefix(INPUT)
            ours = bare in RESERVED or any(bare.startswith(f"{t}_") for t in self.labeller.topics)
            self._names[name] = INPUT + name if ours or not bare else name
        return self._names[name]


def _text(item: Item) -> str:
    return item.page.text if item.page else item.text


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
        """Load the bundle; numpy takes one thread, so that all machines give the same bits."""
        os.environ["OMP_NUM_THREADS"] = str(self.threads)
        threadpool_limits(1, user_api="blas")
        labeller = Labeller.load(self.folder, fast=self.fast)
        return BatchLabeller(labeller, self.unit, any_language=self.any_language, texts=self.texts)
