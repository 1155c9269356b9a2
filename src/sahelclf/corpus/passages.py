"""Cutting a text into passages: paragraphs, headings with what they head, long ones at sentence ends."""

import re
from typing import NamedTuple

SHORT_WORDS = 12
LONG_WORDS = 150


class Span(NamedTuple):
    """A passage and where it stands: `text == whole[start:end]`."""

    text: str
    start: int
    end: int


_SENTENCE_END = re.compile(
    r"(?<=[.!?…])(?<!\b[A-Z]\.)(?<!\b(?:Mr|Dr|St|Lt)\.)(?<!\b(?:Gen|Col|Maj|Mrs|Rev)\.)(?<!\b(?:Capt|Prof)\.)[\"”’»)]*\s+(?=[\"“‘«(]?[A-ZÀ-Ý0-9])"
)
_HEADING_END = re.compile(r"[.!?…,;\"”»)]$")


def cut_passages(paragraphs: list[str]) -> tuple[str, tuple[Span, ...]]:
    """The text, passages joined by blank lines, and the passages with their offsets in it.

    A short line without a full stop (a heading, a headline) goes with the paragraph after it; a paragraph of more
    than 150 words is cut at sentence ends into parts of like length. Other paragraphs are passages as they are.
    """
    units: list[str] = []
    heading = ""
    for paragraph in paragraphs:
        joined = f"{heading}\n{paragraph}" if heading else paragraph
        if _is_heading(paragraph):
            heading = joined
            continue
        heading = ""
        units += _split_long(joined)
    if heading:
        units.append(heading)
    spans, position = [], 0
    for unit in units:
        spans.append(Span(unit, position, position + len(unit)))
        position += len(unit) + 2
    return "\n\n".join(units), tuple(spans)


def _is_heading(paragraph: str) -> bool:
    return len(paragraph.split()) < SHORT_WORDS and not _HEADING_END.search(paragraph)


def _split_long(paragraph: str) -> list[str]:
    n_words = len(paragraph.split())
    if n_words <= LONG_WORDS:
        return [paragraph]
    sentences = [s for s in _SENTENCE_END.split(paragraph) if s.strip()]
    target = n_words / -(-n_words // LONG_WORDS)
    parts: list[list[str]] = [[]]
    filled = 0
    for sentence in sentences:
        n = len(sentence.split())
        if parts[-1] and filled + n / 2 > target * len(parts):
            parts.append([])
        parts[-1].append(sentence)
        filled += n
    return [" ".join(part) for part in parts]
