"""Errors with a message for the user; the class sets the exit code."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

MOST_PROBLEMS = 50


class SahelclfError(Exception):
    """The job failed (exit code 1)."""

    exit_code = 1


class RequestError(SahelclfError):
    """The request is wrong (exit code 2).

    Parameters
    ----------
    problems
        One message, or several; each with place, what was found, and what was expected.
    """

    exit_code = 2

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


def nearest(name: str, known: Sequence[str]) -> str:
    """What was perhaps meant, else all that is known."""
    return perhaps(name, known) or f"expected one of {', '.join(known)}"


def perhaps(name: str, known: Sequence[str]) -> str:
    """What was perhaps meant; empty where nothing known is near."""
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def first_problems(problems: Sequence[str]) -> list[str]:
    """The first `MOST_PROBLEMS` problems, and how many more there are."""
    more = len(problems) - MOST_PROBLEMS
    rest = [f"… and {more:,} more problems"] if more > 0 else []
    return [*problems[:MOST_PROBLEMS], *rest]


class CorpusError(RequestError):
    """A corpus, codebook or split file is not valid."""


class BundleError(RequestError):
    """A bundle is damaged, was changed, or has another format."""


PASSWORD = re.compile(
    r"(?P<before>\w+://[^\s:/@]*:|https?://(?=[^\s/@:]+@))[^\s'\"]*(?P<at>@)"
    r"|(?P<key>[?&;](?:\w*(?:password|passwd|pwd|token|secret|api_?key))=)[^&;\s'\"]+",
    re.IGNORECASE,
)


def masked(text: str) -> str:
    """The text with the passwords of addresses in it as `***`."""
    return PASSWORD.sub(
        lambda m: f"{m['before']}***@" if m["at"] else f"{m['key']}***",
        text,
    )
