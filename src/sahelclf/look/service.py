"""What the server answers: texts and files labelled as `predict` labels them, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import Any

from sahelclf.bundle.labeller import Labeller
from sahelclf.bundle.rows import Row
from sahelclf.errors import RequestError
from sahelclf.look.why import why
from sahelclf.predict.batches import BatchLabeller
from sahelclf.predict.forms import BY_SUFFIX, EXPECTED
from sahelclf.predict.inputs import Source
from sahelclf.predict.rows import Columns, Entry, Item, Reject

MOST_ROWS = 100  # of a file, on the page


@dataclass(frozen=True)
class Labelled:
    """Rows of a text or file, the texts of passages without a document, and what was rejected."""

    rows: list[Row]
    texts: list[str]
    rejects: list[str]
    more: bool = False


class Service:
    """A labeller that several requests share; one text is labelled at a time."""

    def __init__(self, labeller: Labeller, model: str) -> None:
        self.labeller, self.model = labeller, model
        self._lock = Lock()
        self._work = {
            unit: BatchLabeller(labeller, unit, any_language=False, texts=True)
            for unit in ("passage", "document")
        }

    @property
    def about(self) -> dict[str, Any]:
        """The model, for the page and for machines."""
        manifest = self.labeller.manifest
        return {
            "model": manifest["model"],
            "name": self.model,
            "corpus": manifest["corpus"]["title"],
            "created": manifest["created"],
            "topics": self.labeller.topics,
            "stances": self.labeller.stances,
            "languages": self.labeller.languages,
        }

    def label(self, text: str, unit: str, id_: str, *, any_language: bool = False) -> Row:
        """The JSON row of one text; `RequestError` with the reason where it has no labels."""
        if not text.strip():
            raise RequestError("text: empty; expected a text to label")
        done = self._label([Item(id_, text, id_)], unit, any_language=any_language)
        if done.rejects:
            raise RequestError(done.rejects[0].replace("--any-language", '"any_language": true'))
        return done.rows[0]

    def read_file(self, data: bytes, suffix: str, unit: str | None = None) -> Labelled:
        """The first `MOST_ROWS` units of a file's bytes."""
        if suffix not in BY_SUFFIX:
            raise RequestError(f"form {suffix!r}; expected {EXPECTED}")
        if not data.strip():
            raise RequestError("the file is empty; expected something to label")
        unit = unit or ("passage" if BY_SUFFIX[suffix].rows else "document")
        languages = self.labeller.languages
        source = Source((), (suffix,), unit, Columns(), stdin=data, languages=languages)
        entries = [*islice(source.items(), MOST_ROWS + 1)]
        done = self._label(entries[:MOST_ROWS], unit)
        return Labelled(done.rows, done.texts, done.rejects, more=len(entries) > MOST_ROWS)

    def why(self, row: Row, text: str = "") -> dict[str, Any]:
        """What decided a row; see `sahelclf.look.why`."""
        return why(self.labeller, row, text)

    def answers(self, texts: Sequence[str]) -> list[Row]:
        """The JSON rows of passages in any language."""
        with self._lock:
            return self.labeller.predict(texts)

    def _label(
        self, entries: Sequence[Entry], unit: str, *, any_language: bool = False
    ) -> Labelled:
        work = self._work[unit]
        with self._lock:
            work.any_language = any_language
            done = work([(0, entry) for entry in entries])
        rows = [row | extra for row, extra in zip(done.rows, done.extras, strict=True)]
        return Labelled(rows, done.texts, [_reason(r) for r in done.rejects])


def _reason(reject: Reject) -> str:
    return f"{reject.where}: {reject.reason}"
