"""`predict`: a stream of items through a labeller into rows and rejects, in order, with memory that does not grow."""

import hashlib
import json
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile

from sahelclf import __version__
from sahelclf.bundle.labeller import Labeller
from sahelclf.bundle.rows import Row
from sahelclf.corpus.duplicates import DuplicateIndex
from sahelclf.errors import RequestError, SahelclfError
from sahelclf.predict import messages as advice
from sahelclf.predict.batches import LabelledBatch
from sahelclf.predict.checkpoint import Job, Progress, input_sha256
from sahelclf.predict.engines import EngineOptions, labelled
from sahelclf.predict.inputs import Source
from sahelclf.predict.messages import Summary
from sahelclf.predict.writers import Output, Rejects, check_form, finish, stdout_stream


@dataclass(frozen=True)
class Options:
    """What a job may be asked besides its input and output."""

    resume: bool = False
    any_language: bool = False
    duplicates: bool = False
    engine: str = "local"
    workers: int | None = None


def predict(
    labeller: Labeller, source: Source, out: Path | None, options: Options | None = None
) -> Summary:
    """Label everything that the source gives; raise where not one row could be labelled."""
    options = options or Options()
    if out is not None:
        _refuse_same_file(source, out)
        check_form(out)
    elif options.resume:
        raise RequestError("--resume goes with -o OUT: what a killed job wrote is kept beside OUT")
    with ExitStack() as stack:
        try:
            job = (
                None
                if out is None
                else stack.enter_context(
                    Job(out, _about(labeller, source, options), resume=options.resume)
                )
            )
            return _Run(labeller, source, options, job, stack).run()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise SahelclfError(
                f"{out or 'standard output'}: {error.strerror or error}; {_left(options)}"
            ) from error
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"stopped; {_left(options)}") from None


def _left(options: Options) -> str:
    return (
        "what was done is kept; the same command goes on with it"
        if options.resume
        else "nothing half-written was left there"
    )


class _Run:
    """A job from what was kept of it to its end."""

    def __init__(
        self,
        labeller: Labeller,
        source: Source,
        options: Options,
        job: Job | None,
        stack: ExitStack,
    ) -> None:
        self.labeller, self.source, self.options, self.job = labeller, source, options, job
        self.progress = job.progress if job else Progress({}, resumable=False)
        self.summary = Summary(**self.progress.summary)
        parts = job.parts if job else {}
        self.rejects = Rejects(parts.get("rejects"), self.summary.rejected, self.summary.first)
        self.stream = parts.get("rows", stdout_stream())
        self.copies = None
        if options.duplicates and not self.progress.final:
            scratch = None if job else stack.enter_context(TemporaryFile())  # noqa: SIM115 - the stack closes it
            self.copies = DuplicateIndex(scratch or parts["copies"])

    def run(self) -> Summary:
        if not self.progress.final:
            self._label_all()
        if self.job and self.summary.labelled:
            self.job.finish(self.progress.final or finish(self.job), rejected=self.rejects.count)
        elif self.job:
            self.job.give_up()
        if not self.summary.labelled:
            raise SahelclfError(
                f"{_names(self.source)}: no row could be labelled; {self.summary.first[0]}"
            )
        rejects_path = self.job.rejects_path if self.job else None
        advice.at_the_end(
            self.summary,
            self.labeller,
            self.source,
            rejects_path,
            labelled_others=self.options.any_language,
        )
        return self.summary

    def _label_all(self) -> None:
        earlier = self.summary.labelled + self.rejects.count
        if earlier:
            advice.say(f"going on after {earlier:,} rows")
        with closing(self._pieces()) as pieces:
            clock = advice.Clock(self.source, earlier, resumable=self.options.resume)
            started, before = time.perf_counter(), self.summary.seconds
            with clock.bar:
                output, first = self._begin(pieces, earlier)
                for piece in chain(first, pieces):
                    rows = self._rows(piece)
                    output.write(rows)
                    for reject in piece.rejects:
                        self.rejects.add(reject.where, reject.reason, reject.id)
                    self.summary.count(rows, piece)
                    self.summary.seconds = before + time.perf_counter() - started
                    self._checkpoint(piece)
                    clock.tick(piece.size)

    def _pieces(self) -> Generator[LabelledBatch]:
        options = self.options
        asked = EngineOptions(
            options.engine, options.workers, options.any_language, texts=options.duplicates
        )
        return labelled(
            asked, self.labeller, self.source, (self.progress.file, self.progress.taken)
        )

    def _begin(
        self, pieces: Iterator[LabelledBatch], earlier: int
    ) -> tuple[Output, list[LabelledBatch]]:
        """The output, and the pieces that were read to settle its columns: those up to the first readable row, and those read with it."""
        first: list[LabelledBatch] = []
        if not earlier:
            for piece in pieces:
                first.append(piece)
                if piece.columns is not None:
                    break
            if not first:
                raise RequestError(
                    f"{_names(self.source)}: nothing in it; expected at least one row"
                )
            names: dict[str, None] = {"duplicate_of": None} if self.options.duplicates else {}
            names |= dict.fromkeys(("title", "date")) if self.source.unit == "document" else {}
            self.progress.carried = list(names | (first[-1].columns or {}))
        out = self.job.out if self.job else None
        output = Output(
            out, self.stream, self.labeller.topics, self.labeller.stances, self.progress.carried
        )
        if not earlier:
            output.begin()
        return output, first

    def _rows(self, piece: LabelledBatch) -> list[Row]:
        """A piece's rows: labels, the first row that each is a near copy of where that was asked for, what is carried."""
        rows = piece.rows
        if self.copies:
            firsts = self.copies.find(piece.texts, [row["id"] for row in rows])
            rows = [row | {"duplicate_of": first} for row, first in zip(rows, firsts, strict=True)]
        return [row | extra for row, extra in zip(rows, piece.extras, strict=True)]

    def _checkpoint(self, piece: LabelledBatch) -> None:
        if piece.file != self.progress.file:
            self.progress.file, self.progress.taken = piece.file, 0
        self.progress.taken += piece.taken
        self.summary.rejected, self.summary.first = self.rejects.count, self.rejects.first
        self.progress.summary = asdict(self.summary)
        if self.job:
            self.job.keep()


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
