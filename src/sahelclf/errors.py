"""Errors with a message for the person at the terminal; the exit code belongs to the kind."""

import re
from collections.abc import Iterable


class SahelclfError(Exception):
    """The job failed (exit code 1)."""

    exit_code = 1


class RequestError(SahelclfError):
    """What was asked cannot be done as it was asked (exit code 2).

    Parameters
    ----------
    problems
        One message, or all of them at once; each says what, where, what was found and what was expected.
    """

    exit_code = 2

    def __init__(self, problems: str | Iterable[str]) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class CorpusError(RequestError):
    """A corpus, codebook or split file does not hold what it should."""


class BundleError(RequestError):
    """A bundle is damaged, tampered with, or of another format."""


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
