"""What stands before the first paragraph of a page and after the last one: no part of the text.

A line there is judged by its place too: a place and a date before the first paragraph, and a line
without a full stop after the last one, are dropped, but kept between two paragraphs.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from sahelclf.corpus.boilerplate import boilerplate_reason, is_sentence
from sahelclf.corpus.page_rules import PageRules

_FEWEST_PARAGRAPHS = 3  # with fewer sentences a page has no end that is known
_MOST_LOOSE, _LOOSE_WORDS = 4, 11  # more lines without a full stop are a list
_END_WORDS = 40
_CAPTION_WORDS = 20
_HEAD_WORDS = 14
_CLAUSE = re.compile(r"\s*[|•·]\s*|\s+[–—-]\s+|(?<=[.!?])\s+")
_COLUMN = re.compile(r"\s*[|•·]\s*")
_ENDS = re.compile(r"(?<=\S)[.!?:…][\"'”’»)]*$")
_BULLET = re.compile(r"(?:[*•‣▪●–-]|\d{1,2}[.)])\s+\S")


@dataclass
class Line:
    """A paragraph of the page; `reason` says why it is dropped, None that it is kept."""

    text: str
    reason: str | None

    @cached_property
    def key(self) -> str:
        """The words of the line, to compare lines by."""
        return line_key(self.text)


def line_key(paragraph: str) -> str:
    """A paragraph's words in lower case, without marks."""
    return re.sub(r"\W+", " ", paragraph).strip().lower()


def mark_ends(lines: list[Line], rules: PageRules) -> None:
    """Mark menus between paragraphs, and what stands before the first and after the last one."""
    for line in _kept(lines)[1:]:
        columns = _COLUMN.split(line.text)
        if (
            len(columns) > 1
            and columns[0]
            and not is_sentence(line.text)
            and _any_known(columns, rules)
        ):
            line.reason = "menu"
    _mark_head(_kept(lines), rules)
    _mark_end(_kept(lines), rules)


def mark_pictures(lines: list[Line], rules: PageRules) -> None:
    """Mark sentences without a verb that say what a picture shows; two in a row are a list."""
    kept = _kept(lines)
    shows = [
        len(line.text.split()) <= _CAPTION_WORDS and rules.caption.fullmatch(line.text) is not None
        for line in kept
    ]
    for i in range(1, len(kept)):
        in_list = shows[i - 1] or any(shows[i + 1 : i + 2]) or kept[i - 1].text.endswith(":")
        if shows[i] and not in_list:
            kept[i].reason = "caption"


def _kept(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.reason is None]


def _mark_head(kept: list[Line], rules: PageRules) -> None:
    """Place lines, bylines and the like before the first paragraph; one line stays as the title."""

    def known(line: Line) -> str | None:
        if rules.place_line.fullmatch(line.text):
            return "place line"
        inside = line is not kept[0] and len(line.text.split()) <= _HEAD_WORDS
        return (
            "head of page"
            if inside and rules.head_line.fullmatch(line.text.strip(" –—-"))
            else None
        )

    first = next((i for i, x in enumerate(kept) if is_sentence(x.text) and not known(x)), 0)
    left = first
    for line in reversed(kept[:first]):
        if left > 1 and (reason := known(line)):
            line.reason, left = reason, left - 1


def _mark_end(kept: list[Line], rules: PageRules) -> None:
    """Biographies, known lines, and lines without a full stop after the last paragraph."""
    has_end = sum(is_sentence(line.text) for line in kept) >= _FEWEST_PARAGRAPHS
    loose: list[Line] = []
    for line in reversed(kept[1:]):
        if rules.closing_biography.match(line.text):
            line.reason = "author box"
        elif _is_end_line(line.text, rules):
            line.reason = "end of page"
        elif has_end and _is_loose(line.text):
            loose.append(line)
        else:
            break
    for line in loose if len(loose) <= _MOST_LOOSE else []:
        line.reason = "end of page"


def _is_end_line(text: str, rules: PageRules) -> bool:
    """Whether a clause of a short line is known; in a sentence, as rules for sentences have it."""
    clauses = _CLAUSE.split(text)
    if len(text.split()) > _END_WORDS:
        return False
    if any(rules.end_line.fullmatch(c.strip(" .*()")) for c in (text, *clauses)):
        return True
    if is_sentence(text):
        tables = rules.boilerplate.values()
        return any(p.fullmatch(c) for c in clauses if len(c.split()) > 2 for p in tables)
    return len(clauses) > 1 and _any_known(clauses, rules)


def _any_known(parts: list[str], rules: PageRules) -> bool:
    return any(
        rules.section.fullmatch(p) or boilerplate_reason(p, rules) not in {None, "no words"}
        for p in parts
    )


def _is_loose(text: str) -> bool:
    """Whether a line is short, no bullet, and ends as no sentence does."""
    return len(text.split()) <= _LOOSE_WORDS and not _ENDS.search(text) and not _BULLET.match(text)
