"""`python -m sahelclf COMMAND`. Imports stay inside commands, so that --help is quick."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import cast

from sahelclf.errors import RequestError, SahelclfError, nearest

COMMANDS: dict[str, str] = {
    "train": "train a labeller, track it in MLflow, write its bundle (model=keywords seed=3 -m)",
    "predict": "label a file, a folder or standard input with a bundle",
    "look": "a page on this machine to label texts on, with a REST interface",
    "evaluate": "score a bundle or a predictions table on texts that it was not trained on",
    "compare": "compare runs, bundles or predictions tables on the same units, with intervals",
    "measure": "shares and counts of topics and stances in a collection, from a hand-coded sample",
    "benchmark": "the models on public data sets beside published scores (root=CLONES part=test)",
    "robustness": "score a model on unseen countries, times and outlets, and with names exchanged",
    "report": "figures and tables of runs or bundles, the methods paragraph and its BibTeX",
    "errors": "write a page of a model's errors: filter, search, read, see which terms decided",
    "annotate": "draw units to annotate, bring the answers back, say what to label next",
    "corpus": "validate, describe, measure agreement in, or split a corpus",
    "reproduce": "train a bundle again from its record, and compare the two",
    "export": "write a bundle in another tool's form",
    "doctor": "what is installed, what is missing, and what to type to fix it",
}

HELP = "\n".join((
    "usage: python -m sahelclf COMMAND [options]",
    "",
    "Topics and stances of Sahel security news: train, label, measure.",
    "",
    "commands:",
    *(f"  {name:<10} {what}" for name, what in COMMANDS.items()),
    "",
    "python -m sahelclf COMMAND --help says more. Start with: sahelclf predict article.txt",
))  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 1 the job failed, 2 the request was wrong."""
    from sahelclf.cli.console import prepare, result, say

    prepare()
    args = list(sys.argv[1:] if argv is None else argv)
    if not args or args[0] in {"-h", "--help"}:
        result(HELP)
        return 0 if args else 2
    if args[0] == "--version":
        from sahelclf import __version__

        result(f"sahelclf {__version__}")
        return 0
    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = _command(args[0])(args[1:])
        sys.stdout.flush()
    except BrokenPipeError:  # the reader went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        message, code = _explained(error, args[0])
        for line in message.splitlines() or [""]:
            say(f"sahelclf: {line}", "red")
    return code


def _command(name: str) -> Callable[[list[str]], int]:
    if name in COMMANDS:
        run = import_module(f"sahelclf.cli.{name}").run
        return cast("Callable[[list[str]], int]", run)
    raise RequestError(f"unknown command {name!r}; {nearest(name, [*COMMANDS])}")


def _explained(error: BaseException, command: str) -> tuple[str, int]:
    """Message and exit code of an error; a fault of ours is one line that can be reported."""
    if isinstance(error, SahelclfError):
        return str(error), error.exit_code
    if isinstance(error, KeyboardInterrupt):
        return str(error) or "stopped; nothing half-written was left", 130
    if isinstance(error, OSError):
        return f"{error.filename or command}: {error.strerror or error}", 1
    if isinstance(error, ModuleNotFoundError):
        cure = "python -m sahelclf doctor says how to get it"
        return f"the package {error.name!r} is not installed; {cure}", 1
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    what = f"{type(error).__name__}: {str(error)[:300]} ({where})"
    return f"a fault in sahelclf, please report it: {what}", 1


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
