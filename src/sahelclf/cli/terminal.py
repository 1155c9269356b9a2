"""What commands share at the terminal: a parser that exits with our codes, tables, messages on stderr, a page as a file."""

import argparse
import sys
from collections.abc import Sequence
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
    return Parser(prog=f"python -m sahelclf {command}", description=description, epilog=epilog, formatter_class=form, allow_abbrev=False)


def say(message: str = "") -> None:
    """A message, table or advice: stderr."""
    print(message, file=sys.stderr)


def result(message: str) -> None:
    """A result: stdout."""
    print(message)


def table(rows: Sequence[Sequence[str]], tablefmt: str = "simple") -> str:
    """A table whose first row is its header."""
    from tabulate import tabulate

    return tabulate(list(rows[1:]), headers=list(rows[0]), tablefmt=tablefmt, disable_numparse=True, colalign=("left",))


def write_page(target: Path, text: str) -> None:
    """Write a page whole or not at all; its folder is made where there is none."""
    from sahelclf.aside import file_aside

    try:
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        with file_aside(target) as aside:
            aside.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SahelclfError(f"{target}: not written: {error.strerror}") from error
