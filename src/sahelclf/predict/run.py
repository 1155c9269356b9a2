"""`predict`: items through a labeller into rows and rejects, in order, in constant memory."""

import hashlib
import json
import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile

from sahelclf import __version__
from sahelclf.bundle.labeller import Labeller
from sahelclf.bundle.rows import Row
from sahelclf.corpus.duplicates import DuplicateIndex
from sahelclf.errors import RequestError, SahelclfError
from sahelclf.predict import messages
from sahelclf.predict.batches import LabelledBatch
from sahelclf.predict.checkpoint import Job, Progress, input_sha256
from sahelclf.predict.engines import EngineOptions, labelled
from sahelclf.predict.inputs import Source
from sahelclf.predict.intake import number_of
from sahelclf.predict.layout import Layout, Writer
from sahelclf.predict.messages import Summary
from sahelclf.predict.writers import Rejects, check_out, finish, writer_for

LOG = logging.getLogger(__name__)
Sink = Callable[[Sequence[Row]], object]


@dataclass(frozen=True)
class Options:
    """Settings of a job besides its input and output.

    `with_text` puts texts into rows and flat tables; `overwrite` replaces any file at the output.
    """

    resume: bool = False
    any_language: bool = False
    duplicates: bool = False
    engine: str = "local"
    workers: int | None = None
    with_text: bool = False
    overwrite: bool = False


def predict(
    labeller: Labeller,
    source: Source,
    out: Path | None = None,
    options: Options | None = None,
    sink: Sink | None = None,
    show: messages.ShowRows = lambda _done, _of: None,
) -> Summary:
    """Label everything that the source gives; raise where not one row could be labelled.

    Parameters
    ----------
    out
        File to write; its ending says the form.
    sink
        Takes the rows, some at a time, where `out` is None; without it they are in the summary.
    show
        Receives how many rows are done and of how many, after each batch.
    """
    options = options or Options()
    if out is not None:
        check_out(out, source.paths)
    elif options.resume:
        raise RequestError(
            "--resume goes with -o OUT: what a killed job wrote is in a folder next to OUT"
        )
    source = replace(source, languages=labeller.languages)
    messages.before_the_work(source.intake)
    with ExitStack() as stack:
        try:
            about = _about(labeller, source, options)
            job = out and stack.enter_context(Job(out, about, resume=options.resume))
            return _Run(labeller, source, options, job or None, sink, stack, show).run()
        except BrokenPipeError:
            raise
        except OSError as error:
            name = out or "standard output"
            raise SahelclfError(f"{name}: {error.strerror or error}; {_left(options)}") from error
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"stopped; {_left(options)}") from None


def _left(options: Options) -> str:
    if options.resume:
        return "what was done is kept; the same command resumes"
    return "nothing half-written was left there"


class _Run:
    """A job from what was kept of it to its end."""

    def __init__(
        self,
        labeller: Labeller,
        source: Source,
        options: Options,
        job: Job | None,
        sink: Sink | None,
        stack: ExitStack,
        show: messages.ShowRows,
    ) -> None:
        self.show = show
        self.labeller, self.source, self.options, self.job = labeller, source, options, job
        self.progress = job.progress if job else Progress({}, resumable=False)
        self.summary = Summary(**self.progress.summary)
        self.sink = sink or self.summary.rows.extend
        self.writer: Writer | None = None
        parts = job.parts if job else {}
        self.rejects = Rejects(
            parts.get("rejects"), self.summary.rejected, self.summary.first_rejects
        )
        self.copies = None
        if options.duplicates and not self.progress.final:
            scratch = None if job else stack.enter_context(TemporaryFile())  # noqa: SIM115 - the stack closes it
            self.copies = DuplicateIndex(scratch or parts["copies"])

    def run(self) -> Summary:
        if not self.progress.final:
            self._label_all()
        if self.job and self.summary.labelled:
            final = self.progress.final or finish(self.job, self.writer)
            self.job.finish(final, rejected=self.rejects.count)
        elif self.job:
            self.job.give_up()
        if not self.summary.labelled:
            raise SahelclfError(
                f"{self.source.name}: no row could be labelled; {self.summary.first_rejects[0]}"
            )
        messages.at_the_end(
            self.summary,
            self.labeller,
            self.source,
            self.job.rejects_path if self.job else None,
            any_language=self.options.any_language,
        )
        return self.summary

    def _label_all(self) -> None:
        earlier = self.summary.labelled + self.rejects.count
        if earlier:
            LOG.info(f"resuming after {number_of(earlier, 'row')}")
        with closing(self._batches()) as batches:
            clock = messages.Clock(self.source, earlier, self.show, resumable=self.options.resume)
            started, before = time.perf_counter(), self.summary.seconds
            first = self._begin(batches, earlier)
            for batch in chain(first, batches):
                rows = self._rows(batch)
                (self.writer.write if self.writer else self.sink)(rows)
                for reject in batch.rejects:
                    self.rejects.add(reject.where, reject.reason, reject.id)
                self.summary.count(rows, batch)
                self.summary.seconds = before + time.perf_counter() - started
                self._checkpoint(batch)
                clock.tick(batch.size)

    @property
    def _texts(self) -> bool:
        """Whether rows carry what they label."""
        return self.options.with_text or bool(self.job and self.job.out.suffix == ".html")

    def _batches(self) -> Generator[LabelledBatch]:
        options = self.options
        wanted = EngineOptions(
            options.engine,
            options.workers,
            options.any_language,
            texts=options.duplicates or self._texts,
        )
        return labelled(
            wanted, self.labeller, self.source, (self.progress.file, self.progress.taken)
        )

    def _begin(self, batches: Iterator[LabelledBatch], earlier: int) -> list[LabelledBatch]:
        """Open the output; returns the batches that were read to know its columns."""
        first: list[LabelledBatch] = []
        if not earlier:
            for batch in batches:
                first.append(batch)
                if batch.columns is not None:
                    break
            if not first:
                raise RequestError(f"{self.source.name}: nothing in it; expected at least one row")
            names: dict[str, None] = {"duplicate_of": None} if self.options.duplicates else {}
            names |= dict.fromkeys(("title", "date")) if self.source.unit == "document" else {}
            self.progress.carried = list(names | (first[-1].columns or {}))
        if self.job:
            layout = Layout(
                self.labeller.topics,
                self.labeller.stances,
                tuple(self.progress.carried),
                self.source.unit,
                with_text=self._texts,
                provenance=self.labeller.provenance,
            )
            self.writer = writer_for(self.job, layout)
            if not earlier:
                self.writer.begin(overwrite=self.options.overwrite)
        return first

    def _rows(self, batch: LabelledBatch) -> list[Row]:
        """A batch's rows: labels, what each is a near-duplicate of, texts, what is carried."""
        rows = batch.rows
        if self.copies:
            firsts = self.copies.find(batch.texts, [row["id"] for row in rows])
            rows = [row | {"duplicate_of": first} for row, first in zip(rows, firsts, strict=True)]
        if self._texts and self.source.unit == "passage":
            rows = [row | {"text": text} for row, text in zip(rows, batch.texts, strict=True)]
        return [row | extra for row, extra in zip(rows, batch.extras, strict=True)]

    def _checkpoint(self, batch: LabelledBatch) -> None:
        if batch.file_number != self.progress.file:
            self.progress.file, self.progress.taken = batch.file_number, 0
        self.progress.taken += batch.n_from_last_file
        self.summary.rejected = self.rejects.count
        self.summary.first_rejects = self.rejects.first
        if self.job:
            self.progress.summary = vars(self.summary).copy()
            self.job.save()


def _about(labeller: Labeller, source: Source, options: Options) -> dict[str, str]:
    """What must be the same for a job to be resumed."""
    bundle = hashlib.sha256(json.dumps(labeller.manifest, sort_keys=True).encode()).hexdigest()
    return {
        "the bundle": f"{bundle} {labeller.graph}",
        "the input": input_sha256(source),
        "--unit": source.unit,
        "the columns named": str(source.columns),
        "how files are read": f"{source.hints} {source.unique_ids}",
        "--any-language": str(options.any_language),
        "--duplicates": str(options.duplicates),
        "--with-text": str(options.with_text),
        "the version of sahelclf": __version__,
    }
