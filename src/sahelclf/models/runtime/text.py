"""One normalisation of text, for rows, pages, training and all readers. Standard library alone.

The Cf characters are listed, so that the result does not depend on the version of Python.
"""

import html
import re
import unicodedata
from collections.abc import Callable
from html.entities import html5
from typing import Any

SOFT_HYPHEN = "\u00ad"
# Unicode category Cf without the soft hyphen: zero-width characters, marks of direction.
INVISIBLE = (
    "\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
STEPS = (
    "HTML character references that end in ';' become their characters: names of HTML 5, decimal "
    "and hexadecimal numbers by HTML's rules; other names stay as they are",
    "soft hyphens (U+00AD) are removed; at the end of a line, the line end and the blanks around "
    "it are removed too, unless the next line is blank",
    "all other characters of Unicode category Cf (15.1) are removed",
    "Unicode NFC",
    "all of this again, until nothing changes",
)

_REFERENCE = re.compile(r"&(?:#[0-9]{1,8}|#[xX][0-9a-fA-F]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});")
_HYPHENS = re.compile(rf"{SOFT_HYPHEN}+(?:[ \t]*\r?\n[ \t]*(?=\S))?")
_INVISIBLE = re.compile(f"[{INVISIBLE}]")


def clean_text(text: str) -> str:
    """Decode HTML entities, remove invisible characters, join words at soft hyphens, NFC.

    A second call changes nothing: `clean_text(clean_text(text)) == clean_text(text)`.
    """
    if text.isascii() and "&" not in text:
        return text
    while (cleaned := _clean_once(text)) != text:
        text = cleaned
    return text


def _clean_once(text: str) -> str:
    if "&" in text:
        text = _REFERENCE.sub(_character, text)
    text = _HYPHENS.sub("", _INVISIBLE.sub("", text))
    return unicodedata.normalize("NFC", text)


def _character(match: re.Match[str]) -> str:
    reference = match.group()
    if reference[1] == "#":
        return html.unescape(reference)
    return html5.get(reference[1:], reference)


TEXT_RULES: dict[str, Callable[[str], str]] = {"as_given": str, "clean": clean_text}


def text_rule(manifest: dict[str, Any]) -> Callable[[str], str]:
    """What a bundle does to a text first: the rule that its manifest names as `text.rule`.

    A manifest of format 1 names none, and texts are read as given.
    """
    return TEXT_RULES[manifest["text"]["rule"] if "text" in manifest else "as_given"]
