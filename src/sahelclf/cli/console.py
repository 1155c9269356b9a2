"""The terminal: parser, messages, tables and progress. Results go to stdout, all else to stderr."""

import argparse
import codecs
import json
import logging
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from sahelclf.errors import RequestError, SahelclfError, masked

if TYPE_CHECKING:
    from rich.progress import Progress

    from sahelclf.training.steps import Step

ASCII = {"…": "...", "±": "+/-", "→": "->", "≥": ">=", "–": "-", "—": "-", "×": "x"}
EVIDENCE_CHARACTERS = 300
MINUTE = 60.0  # between two lines of progress in a pipe


class Parser(argparse.ArgumentParser):
    """argparse, with complaints raised as request errors."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting, so that every complaint has one form."""
        raise RequestError(f"{self.prog.rpartition(' ')[2]}: {message}; see {self.prog} --help")


def parser(command: str, description: str, epilog: str | None = None) -> Parser:
    """A parser for one command."""
    return Parser(
        prog=f"python -m sahelclf {command}",
        description=description,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


class _Messages(logging.Handler):
    """The package's log records as messages on standard error; warnings are marked."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        warning = record.levelno >= logging.WARNING
        say(("warning: " if warning else "") + record.getMessage(), "yellow" if warning else "")


def names_of(option: str | None) -> list[str]:
    """The names in an option's list, which commas separate."""
    return [name.strip() for name in (option or "").split(",") if name.strip()]


def prepare() -> None:
    """Make both streams print on any terminal; show what the package logs, and its trainings."""
    from sahelclf.workflows.default import show_steps

    show_steps.set(progress)
    codecs.register_error("sahelclf-data", lambda error: _escaped(error, {}))
    codecs.register_error("sahelclf-text", lambda error: _escaped(error, ASCII))
    for stream, errors in ((sys.stdout, "sahelclf-data"), (sys.stderr, "sahelclf-text")):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=errors)
    log = logging.getLogger("sahelclf")
    log.handlers = [_Messages()]
    log.setLevel(logging.INFO)
    log.propagate = False


def _escaped(error: UnicodeError, known: dict[str, str]) -> tuple[str, int]:
    r"""Signs that the terminal's encoding lacks, as `\uXXXX`: JSON stays JSON."""
    assert isinstance(error, UnicodeEncodeError)
    signs = error.object[error.start : error.end]
    return "".join(known.get(c) or json.dumps(c)[1:-1] for c in signs), error.end


@cache
def _console() -> Any:
    from rich.console import Console

    return Console(stderr=True, soft_wrap=True, highlight=False, markup=False, emoji=False)


def say(message: str = "", style: str = "") -> None:
    """Print a message to stderr; `style` is a colour of rich. Passwords are masked."""
    _console().print(masked(message), style=style or None)


def result(message: str) -> None:
    """A result: stdout."""
    print(message)


def json_result(values: Any) -> None:
    """A result as one line of JSON on stdout, whole even if the next one fails."""
    print(json.dumps(values, ensure_ascii=False), flush=True)


def table(rows: Sequence[Sequence[str]], *, to_stdout: bool = False) -> None:
    """Print a table with its header first; it fits a terminal's width, and is plain in a pipe."""
    stream = sys.stdout if to_stdout else sys.stderr
    if not stream.isatty():
        from sahelclf.reports.text import table as plain

        print(plain(rows), file=stream)
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    shown = Table(box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for k, name in enumerate(rows[0]):
        shown.add_column(name, overflow="fold", no_wrap=k == 0)
    for row in rows[1:]:
        shown.add_row(*row)
    Console(file=stream, highlight=False, markup=False, emoji=False).print(shown)


def unit_printer() -> Callable[[Sequence[dict[str, Any]]], None]:
    """A function that prints labelled units: topics that hold, and the text that shows them."""

    def show(rows: Sequence[dict[str, Any]]) -> None:
        for row in rows:
            holding = {topic: t for topic, t in row["topics"].items() if t["holds"]}
            print(f"\n{row['id']}  ({row['language']})" + ("" if holding else ": no topic holds"))
            stances = any(t["stance_probability"] for t in holding.values())
            lines = [["topic", "probability", *(["stance"] if stances else []), "evidence"]]
            for topic, t in holding.items():
                text = row["passages"][t["evidence"]]["text"] if "passages" in row else row["text"]
                quoted = f"“{textwrap.shorten(text, EVIDENCE_CHARACTERS, placeholder=' …')}”"
                stance = [t["stance"] or ""] if stances else []
                lines.append([topic, f"{t['probability']:.2f}", *stance, quoted])
            if holding:
                table(lines, to_stdout=True)

    return show


@contextmanager
def row_progress() -> Iterator[Callable[[int, int], None]]:
    """Give a function that shows how many rows are done, as a `_Progress`."""
    shown = _Progress()  # begins with the first rows: the labeller may be trained before that
    try:
        yield lambda done, of: shown("rows", done, of)
    finally:
        shown.bar.stop()


@contextmanager
def progress(first: str = "reading the corpus") -> "Iterator[Callable[[Step], None]]":
    """Give a function that shows the steps of a training, as a `_Progress`.

    `first` is shown until the first step.
    """
    shown = _Progress(first)

    def show(step: "Step") -> None:
        loss = step.numbers.get("loss")
        text = f", step {step.done} of {step.steps}, loss {loss:.3f}" if loss is not None else ""
        shown(step.text + text, 1000 * step.share, 1000)

    try:
        yield show
    finally:
        shown.bar.stop()


class _Progress:
    """A bar on a terminal, until the job ends; elsewhere one line a minute."""

    def __init__(self, first: str | None = None) -> None:
        self.bar = _bar()
        if first:
            self.bar.add_task(first, total=None, ends=None)
            self.bar.start()
        self.began = self.last_line = time.monotonic()
        self.share_before = 0.0  # what an earlier process did takes no time of this one

    def __call__(self, text: str, done: float, total: float) -> None:
        """Show how much is done; less than before is another job, with a bar of its own."""
        bar, now = self.bar, time.monotonic()
        if bar.tasks and done < bar.tasks[-1].completed:
            bar.remove_task(bar.tasks[-1].id)
        if not bar.tasks:
            bar.start()
            self.last_line = now
            bar.add_task(text, total=None, ends=None)
        task = bar.tasks[-1]
        share = done / total
        if task.total is None:
            self.began, self.share_before = now, share
        rate = (share - self.share_before) / max(now - self.began, 1e-9)
        ends = now + (1 - share) / rate if rate > 0 else None
        bar.update(task.id, description=text, completed=done, total=total, ends=ends)
        if not bar.disable or now - self.last_line < MINUTE:
            return
        self.last_line = now
        rest = "" if ends is None else f", about {(ends - now) / 60:.0f} min left"
        say(f"{text}: {100 * share:.0f}% after {(task.elapsed or 0) / 60:.0f} min{rest}")


def _bar() -> "Progress":
    from rich.progress import BarColumn, Progress, ProgressColumn, TaskProgressColumn, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.text import Text

    class Left(ProgressColumn):
        """The time left, estimated from all steps so far."""

        def render(self, task: Any) -> Text:
            """Minutes and seconds; empty before there is an estimate."""
            ends = task.fields["ends"]
            return Text("" if ends is None else f"about {duration(ends - time.monotonic())} left")

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(20),
        TaskProgressColumn(),
        Elapsed(),
        Left(),
        console=_console(),
        transient=True,
        redirect_stdout=False,  # results stay on standard output
        disable=not sys.stderr.isatty(),
        refresh_per_second=4,
    )


def duration(seconds: float) -> str:
    """A time as people say it: 8 s, 1 min 5 s, 2 h 10 min."""
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {whole % 60} s"


def write_page(target: Path, text: str) -> None:
    """Write a page whole or not at all; its folder is made where there is none."""
    from sahelclf.files import file_aside

    try:
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        with file_aside(target) as aside:
            aside.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SahelclfError(f"{target}: not written: {error.strerror}") from error
