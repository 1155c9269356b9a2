"""`predict`: a stream of items through a labeller into rows and rejects, in order, with memory that does not grow."""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile

from sahelclf import __version__
from sahelclf.errors import RequestError, SahelclfError
from sahelclf.labelling import advice
from sahelclf.labelling.advice import Summary
from sahelclf.labelling.copies import Copies
from sahelclf.labelling.inputs import Source
from sahelclf.labelling.job import Job, Progress, input_sha256
from sahelclf.labelling.labeller import Labeller, Row, page_of
from sahelclf.labelling.language import READ, READ_OF_DOCUMENT, recognise, surely_foreign
from sahelclf.labelling.outputs import Output, Rejects, check_form, finish, stdout_stream
from sahelclf.labelling.readers import Found, Item, Reject

CHUNK = {"passage": 1024, "document": 64}  # read together: encoders take texts of like length from among them
CHUNK_CHARACTERS = 4_000_000
RESERVED = (
    *("id", "unit", "language", "topics", "title", "date", "passages", "dropped", "text", "start", "end", "passage"),
    "duplicate_of",
)
Chunk = list[tuple[int, Found]]


@dataclass(frozen=True)
class Options:
    """What a job may be asked besides its input and output."""

    resume: bool = False
    any_language: bool = False
    duplicates: bool = False


def predict(labeller: Labeller, source: Source, out: Path | None, options: Options | None = None) -> Summary:
    """Label everything that the source gives; raise where not one row could be labelled."""
    options = options or Options()
    if out is not None:
        _refuse_same_file(source, out)
        check_form(out)
    elif options.resume:
        raise RequestError("--resume goes with -o OUT: what a killed job wrote is kept beside OUT")
    with ExitStack() as stack:
        try:
            job = None if out is None else stack.enter_context(Job(out, _about(labeller, source, options), resume=options.resume))
            return _Run(labeller, source, options, job, stack).run()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise SahelclfError(f"{out or 'standard output'}: {error.strerror or error}; {_left(options)}") from error
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"stopped; {_left(options)}") from None


def _left(options: Options) -> str:
    return "what was done is kept; the same command goes on with it" if options.resume else "nothing half-written was left there"


class _Run:
    """One process's share of a job."""

    def __init__(self, labeller: Labeller, source: Source, options: Options, job: Job | None, stack: ExitStack) -> None:
        self.labeller, self.source, self.options, self.job = labeller, source, options, job
        self.progress = job.progress if job else Progress({}, resumable=False)
        self.summary = Summary(**self.progress.summary)
        parts = job.parts if job else {}
        self.rejects = Rejects(parts.get("rejects"), self.summary.rejected, self.summary.first)
        self.stream = parts.get("rows", stdout_stream())
        self.copies = None
        if options.duplicates and not self.progress.final:
            scratch = None if job else stack.enter_context(TemporaryFile())  # noqa: SIM115 - the stack closes it
            self.copies = Copies(scratch or parts["copies"])

    def run(self) -> Summary:
        if not self.progress.final:
            self._label_all()
        if self.job and self.summary.labelled:
            self.job.finish(self.progress.final or finish(self.job), rejected=self.rejects.count)
        elif self.job:
            self.job.give_up()
        if not self.summary.labelled:
            raise SahelclfError(f"{_names(self.source)}: no row could be labelled; {self.summary.first[0]}")
        rejects_path = self.job.rejects_path if self.job else None
        advice.at_the_end(self.summary, self.labeller, self.source, rejects_path, labelled_others=self.options.any_language)
        return self.summary

    def _label_all(self) -> None:
        earlier = self.summary.labelled + self.rejects.count
        chunks = _chunks(self.source, self.progress)
        if not earlier:
            chunks = self._begin(chunks)
        else:
            advice.say(f"going on after {earlier:,} rows")
        output = Output(
            self.job.out if self.job else None, self.stream, self.labeller.topics, self.labeller.stances, self.progress.carried
        )
        if not earlier:
            output.begin()
        self.labeller.predict(["The first text loads the language model, so that the clock measures labelling."])
        clock = advice.Clock(self.source, earlier, resumable=self.options.resume)
        started, before = time.perf_counter(), self.summary.seconds
        with clock.bar:
            for chunk in chunks:
                rows = self._label([found for _, found in chunk])
                output.write(rows)
                self.summary.count(rows, [found for _, found in chunk])
                self.summary.seconds = before + time.perf_counter() - started
                self._checkpoint(chunk)
                clock.tick(len(chunk))

    def _begin(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        """Settle the columns that a table carries, by the rows up to the first good one and those read with it."""
        first: Chunk = []
        for chunk in chunks:
            first += chunk
            if any(isinstance(found, Item) for _, found in chunk):
                break
        if not first:
            raise RequestError(f"{_names(self.source)}: nothing in it; expected at least one row")
        names: dict[str, None] = {"duplicate_of": None} if self.options.duplicates else {}
        names |= dict.fromkeys(("title", "date")) if self.source.unit == "document" else {}
        for _, found in first:
            if isinstance(found, Item):
                names |= dict.fromkeys(_extra(found, self.labeller))
        self.progress.carried = list(names)
        return chain([first], chunks)

    def _checkpoint(self, chunk: Chunk) -> None:
        last = chunk[-1][0]
        if last != self.progress.file:
            self.progress.file, self.progress.taken = last, 0
        self.progress.taken += sum(file == last for file, _ in chunk)
        self.summary.rejected, self.summary.first = self.rejects.count, self.rejects.first
        self.progress.summary = asdict(self.summary)
        if self.job:
            self.job.keep()

    def _label(self, chunk: list[Found]) -> list[Row]:
        """Rows of the good ones in order; the others are rejected."""
        as_document = self.source.unit == "document"
        good, languages = [], []
        for found in chunk:
            item, reason = (_as_page(found) if as_document else found), ""
            if not isinstance(item, Item):
                self.rejects.add(item.where, item.reason, item.id)
                continue
            text, read = (item.page.text, READ_OF_DOCUMENT) if item.page else (item.text, READ)
            language = recognise(text, read)
            if not self.options.any_language and (reason := self._foreign(text, language, read)):
                self.summary.foreign[language] = self.summary.foreign.get(language, 0) + 1
                self.rejects.add(item.where, reason, item.id)
            else:
                good.append(item)
                languages.append(language)
        if as_document:
            rows = self.labeller.predict_pages([i.page for i in good if i.page], [i.id for i in good])
        else:
            rows = self.labeller.predict([i.text for i in good], [i.id for i in good], languages)
        if self.copies:
            firsts = self.copies.of([i.page.text if i.page else i.text for i in good], [i.id for i in good])
            rows = [row | {"duplicate_of": first} for row, first in zip(rows, firsts, strict=True)]
        extras = [_extra(i, self.labeller) for i in good]
        if as_document:  # a page knows its own title and date where the row gives none
            extras = [{k: v for k, v in extra.items() if v is not None} for extra in extras]
        return [row | extra for row, extra in zip(rows, extras, strict=True)]

    def _foreign(self, text: str, language: str, read: int) -> str:
        trained = self.labeller.manifest["codebook"]["languages"]
        if not surely_foreign(text, language, trained, read):
            return ""
        return f"language: {language}; the model was trained on {', '.join(trained)}; --any-language labels it all the same"


def _as_page(found: Found) -> Found:
    """An item with its page, cleaned and cut; a reject where nothing is left of it."""
    if not isinstance(found, Item):
        return found
    page = found.page or page_of(found.text, found.title)
    return replace(found, page=page) if page.passages else Reject(found.where, "no text is left after cleaning", found.id)


def _chunks(source: Source, progress: Progress) -> Iterator[Chunk]:
    """Items in pieces of some rows, and of bounded size; the same pieces, wherever in the input a job goes on."""
    chunk: Chunk = []
    size = 0
    for file, found in source.items_from(progress.file, progress.taken):
        chunk.append((file, found))
        size += len(found.text) if isinstance(found, Item) else 0
        if len(chunk) >= CHUNK[source.unit] or size >= CHUNK_CHARACTERS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _about(labeller: Labeller, source: Source, options: Options) -> dict[str, str]:
    """What must be the same for a job to be gone on with."""
    bundle = hashlib.sha256(json.dumps(labeller.manifest, sort_keys=True).encode()).hexdigest()
    return {
        "the bundle": f"{bundle} {labeller.graph}",
        "the input": input_sha256(source),
        "--unit": source.unit,
        "the columns named": str(source.columns),
        "--any-language": str(options.any_language),
        "--duplicates": str(options.duplicates),
        "the version of sahelclf": __version__,
    }


def _refuse_same_file(source: Source, output: Path) -> None:
    if any(p.exists() and output.exists() and p.samefile(output) for p in source.paths):
        raise RequestError(f"{output}: it is the input too; choose another file for the labels")


def _names(source: Source) -> str:
    if not source.paths:
        return "standard input"
    return str(source.paths[0]) if len(source.paths) == 1 else f"{len(source.paths)} files"


def _extra(item: Item, labeller: Labeller) -> dict[str, object]:
    extra: dict[str, object] = {k: v for k, v in (("title", item.title), ("date", item.date)) if v is not None}
    for name, value in item.extra.items():
        free = name
        while _taken(free, labeller) or (free != name and free in item.extra):
            free = f"input_{free}"
        extra[free] = value
    return extra


def _taken(name: str, labeller: Labeller) -> bool:
    return name in RESERVED or any(name.startswith(f"{t}_") for t in labeller.topics)
