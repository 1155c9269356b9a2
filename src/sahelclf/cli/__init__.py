"""The front door: `python -m sahelclf COMMAND`. Imports stay inside commands, so that --help is quick."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import cast

COMMANDS: dict[str, str] = {
    "train": "train a labeller, track it in MLflow, write its bundle (Hydra overrides: model=keywords seed=3 cv=5 -m)",
    "predict": "label a file, a folder or standard input with a bundle",
    "evaluate": "score a bundle or a predictions table on a part of a corpus that it was not trained on",
    "compare": "hold runs, bundles or predictions tables against each other on the same units: differences, intervals, verdicts",
    "measure": "shares and counts of topics and stances in a collection, corrected by a hand-coded sample, with intervals",
    "benchmark": "the models on public data sets beside the figures of others (Hydra overrides: root=CLONES benchmark=conflict part=test)",
    "robustness": "score a model on unseen countries, times and outlets, and exchange names in its texts (Hydra overrides, as train)",
    "report": "rebuild figures and tables of runs or bundles, and write the methods paragraph with its BibTeX",
    "errors": "write a page of a model's errors: filter, search, read, see which terms decided",
    "corpus": "validate, describe, measure agreement in, or split a corpus",
    "export": "write a bundle in another tool's form",
    "doctor": "what is installed, what is missing, and what to type to mend it",
}

USAGE = "usage: python -m sahelclf COMMAND [options]"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 1 the job failed, 2 the request was wrong."""
    args = list(sys.argv[1:] if argv is None else argv)
    if not args or args[0] in {"-h", "--help"}:
        _print_help()
        return 0 if args else 2
    if args[0] == "--version":
        from sahelclf import __version__

        print(f"sahelclf {__version__}")
        return 0
    if args[0] not in COMMANDS:
        from difflib import get_close_matches

        near = get_close_matches(args[0], COMMANDS, n=1)
        hint = (
            f"; did you mean {near[0]!r}?" if near else f"; expected one of {', '.join(COMMANDS)}"
        )
        return _complain(f"unknown command {args[0]!r}{hint}", 2)
    return _guarded(args[0], args[1:])


def _guarded(command: str, args: list[str]) -> int:
    """Errors become one message and an exit code; nothing else prints a traceback but a fault of ours."""
    from sahelclf.cli.console import show_messages
    from sahelclf.errors import SahelclfError

    if hasattr(signal, "SIGTERM"):
        signal.signal(signal.SIGTERM, _as_interrupt)
    show_messages()
    try:
        run = cast("Callable[[list[str]], int]", import_module(f"sahelclf.cli.{command}").run)
        code = run(args)
        sys.stdout.flush()
    except SahelclfError as error:
        return _complain(str(error), error.exit_code)
    except KeyboardInterrupt as stop:
        return _complain(str(stop) or "stopped; nothing half-written was left", 130)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # the reader went away, as `head` does
        return 0
    except OSError as error:
        return _complain(f"{error.filename or command}: {error.strerror or error}", 1)
    except ModuleNotFoundError as error:
        return _complain(
            f"the package {error.name!r} is not installed; python -m sahelclf doctor says how to get it",
            1,
        )
    except (
        Exception
    ) as error:  # a fault of ours; one line that can be reported, with where it happened
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{os.path.basename(last.filename)}:{last.lineno}"  # noqa: PTH119
        return _complain(
            f"a fault in sahelclf, please report it: {type(error).__name__}: {str(error)[:300]} ({where})",
            1,
        )
    return code


def _as_interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _complain(message: str, code: int) -> int:
    for line in message.splitlines() or [""]:
        print(f"sahelclf: {line}", file=sys.stderr)
    return code


def _print_help() -> None:
    print(
        USAGE,
        "\n\nTopics and stances of Sahel security news: train, label, measure.\n\ncommands:",
        sep="",
    )
    for name, what in COMMANDS.items():
        print(f"  {name:<10} {what}")
    print("\npython -m sahelclf COMMAND --help says more. Start with: python -m sahelclf train")
