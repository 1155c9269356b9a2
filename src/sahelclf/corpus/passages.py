"""Cutting a text into passages: paragraphs with their headings, long ones at sentence ends."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from sahelclf.corpus.page_rules import ENGLISH, page_rules

HEADING_WORDS = 12  # a heading has fewer
LONG_WORDS = 150
FEWEST_WORDS = 3

_HEADING_END = re.compile(r"[.!?…,;\"”»)]$")


class Span(NamedTuple):
    """A passage and its place in the text: `text == whole[start:end]`."""

    text: str
    start: int
    end: int


def cut_passages(
    paragraphs: Sequence[str], languages: Sequence[str] = ENGLISH
) -> tuple[str, tuple[Span, ...]]:
    """The text, passages joined by blank lines, and the passages with their offsets in it.

    A short line without a full stop (a heading, a headline) goes with the paragraph after it; a
    paragraph of more than 150 words is cut at sentence ends into parts of similar length; a
    paragraph of fewer than three words goes with the one before it. Other paragraphs are passages.
    """
    passages: list[str] = []
    heading = ""
    for paragraph in paragraphs:
        joined = f"{heading}\n{paragraph}" if heading else paragraph
        if is_heading(paragraph):
            heading = joined
            continue
        heading = ""
        passages += _split_long(joined, languages)
    if heading:
        passages.append(heading)
    spans, position = [], 0
    for passage in _join_crumbs(passages):
        spans.append(Span(passage, position, position + len(passage)))
        position += len(passage) + 2
    return "\n\n".join(s.text for s in spans), tuple(spans)


def is_heading(paragraph: str) -> bool:
    """Whether a paragraph is short and does not end as sentences do."""
    return len(paragraph.split()) < HEADING_WORDS and not _HEADING_END.search(paragraph)


def _join_crumbs(passages: list[str]) -> list[str]:
    """Passages of fewer than three words joined to the one before, or at the start to the next."""
    joined: list[str] = []
    for passage in passages:
        crumbs = len(passage.split()) < FEWEST_WORDS or (
            len(joined) == 1 and len(joined[0].split()) < FEWEST_WORDS
        )
        if joined and crumbs:
            joined[-1] += f"\n{passage}"
        else:
            joined.append(passage)
    return joined


def _split_long(paragraph: str, languages: Sequence[str]) -> list[str]:
    if len(paragraph.split()) <= LONG_WORDS:
        return [paragraph]
    gaps = [m.end() for m in page_rules(languages).sentence_gap.finditer(paragraph)]
    edges = [0, *gaps, len(paragraph)]
    sentences = [s for a, b in pairwise(edges) if (s := paragraph[a:b].strip())]
    n_words = sum(len(s.split()) for s in sentences)
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
