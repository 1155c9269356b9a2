"""What commands share at the terminal: a parser that exits with our codes, tables, messages on stderr, a page as a file."""

import argparse
import logging
import sys
from pathlib import Path
from typing import NoReturn

from sahelclf.errors import RequestError, SahelclfError


class Parser(argparse.ArgumentParser):
    """argparse, with complaints raised as request errors."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting, so that every complaint has one form."""
        raise RequestError(f"{self.prog.rpartition(' ')[2]}: {message}; see {self.prog} --help")


def parser(command: str, description: str, epilog: str | None = None) -> Parser:
    """A parser for one command."""
    form = argparse.RawDescriptionHelpFormatter
    return Parser(
        prog=f"python -m sahelclf {command}",
        description=description,
        epilog=epilog,
        formatter_class=form,
        allow_abbrev=False,
    )


class _Messages(logging.StreamHandler):  # type: ignore[type-arg]
    """The package's log records as messages on standard error: warnings are marked, information is not."""

    def format(self, record: logging.LogRecord) -> str:
        """A record as one message."""
        mark = "warning: " if record.levelno >= logging.WARNING else ""
        return mark + record.getMessage()


def show_messages() -> None:
    """Print what the package logs from now on; called once by the command line."""
    log = logging.getLogger("sahelclf")
    log.handlers = [_Messages(sys.stderr)]
    log.setLevel(logging.INFO)
    log.propagate = False


def say(message: str = "") -> None:
    """A message, table or advice: stderr."""
    print(message, file=sys.stderr)


def result(message: str) -> None:
    """A result: stdout."""
    print(message)


def write_page(target: Path, text: str) -> None:
    """Write a page whole or not at all; its folder is made where there is none."""
    from sahelclf.files import file_aside

    try:
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        with file_aside(target) as aside:
            aside.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SahelclfError(f"{target}: not written: {error.strerror}") from error
