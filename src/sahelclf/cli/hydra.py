"""Hydra behind our command line: its options, overrides, sweeps, and paths as they are typed."""

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sahelclf.errors import RequestError
from sahelclf.paths import data_root
from sahelclf.training.compose import complaints, plain_settings, quoted

Config = TypeVar("Config")

PATHS = ("corpus", "out", "root", "resume")
SWEPT = re.compile(r"choice\(.*\)|'[^']*'(,'[^']*')*|\"[^\"]*\"(,\"[^\"]*\")*|null|")
WITH_VALUE = {"--config-dir", "--config-path", "--config-name", "--package", "--cfg"}
WITH_VALUE |= {"-cd", "-cp", "-cn", "-p", "-c"}


def overrides(words: Sequence[str]) -> list[str]:
    """Overrides as Hydra reads them.

    Values of `corpus= out= root= resume=` are paths, whatever signs they contain. A value in quotes
    is left to Hydra: `-m "corpus='one','two'"` is a sweep over two corpora.
    """
    return [_path_quoted(word) for word in words]


def _path_quoted(word: str) -> str:
    name, equals, value = word.partition("=")
    if name not in PATHS or not equals or SWEPT.fullmatch(value):
        return word
    return f"{name}={quoted(value)}"


def composed(command: str, words: list[str], compose: Callable[[list[str]], Config]) -> Config:
    """The configuration that `compose` makes of the words of a command line without options."""
    option = next((w for w in words if w.startswith("-")), None)
    if option:
        _refuse_option(command, option, "; expected key=value")
    return compose(overrides(words))


def run_jobs(
    command: str, words: list[str], job: Callable[[dict[str, Any], list[str]], None]
) -> list[Exception]:
    """Call `job(settings, overrides)` with what Hydra composes, once for each setting of a sweep.

    Returns the exceptions that jobs raised; those of a sweep do not stop the others.
    """
    from hydra import main as hydra_main
    from hydra._internal.utils import get_args_parser  # its own complaint prints a page of usage
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig

    words = _options_first(words)
    unknown = get_args_parser().parse_known_args(words)[1]
    if unknown:
        _refuse_option(command, unknown[0])
    failures: list[Exception] = []

    def one(config: DictConfig) -> None:
        try:
            with complaints(command):
                job(plain_settings(config), list(HydraConfig.get().overrides.task))
        except Exception as error:  # Hydra would print it in its own way; the caller raises it
            failures.append(error)

    folder = str(data_root() / "conf")
    with complaints(command), _as_program(["sahelclf", *words]):
        hydra_main(version_base="1.3", config_path=folder, config_name=command)(one)()
    return failures


def _refuse_option(command: str, option: str, expected: str = "") -> None:
    see = f"see python -m sahelclf {command} --help"
    raise RequestError(f"{command}: unknown option {option!r}{expected}; {see}")


@contextmanager
def _as_program(argv: list[str]) -> Iterator[None]:
    """Hydra reads `sys.argv`, and raises errors only where this variable is set."""
    before, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv, os.environ["HYDRA_FULL_ERROR"] = argv, "1"
    try:
        yield
    finally:
        sys.argv = before
        os.environ.pop("HYDRA_FULL_ERROR")
        if full is not None:
            os.environ["HYDRA_FULL_ERROR"] = full


def _options_first(words: list[str]) -> list[str]:
    """Hydra's own options before the overrides: its parser stops at an option among them."""
    options: list[str] = []
    rest: list[str] = []
    todo = list(words)
    while todo:
        word = todo.pop(0)
        (options if word.startswith("-") else rest).append(word)
        if word in WITH_VALUE and todo:
            options.append(todo.pop(0))
    return [*options, *overrides(rest)]
