"""Raw pages to clean text: paragraphs that are the item's own, and what was dropped and why.

HTML goes through trafilatura, which finds the main text; what it lets through is cleaned as plain
text is. Plain-text pages are lists of lines in which the item and the page's boilerplate alternate.
What is boilerplate is read from the files of the page's languages; English where none are named.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from sahelclf.corpus.boilerplate import (
    author_box,
    boilerplate_reason,
    is_biography,
    is_title,
    iso_date,
    split_label,
    split_lead,
)
from sahelclf.corpus.page_ends import Line, line_key, mark_ends, mark_pictures
from sahelclf.corpus.page_rules import ENGLISH, PageRules, page_rules
from sahelclf.corpus.paragraphs import plain_text, split_paragraphs
from sahelclf.corpus.passages import Span, cut_passages

_GLUED = re.compile(r"(?<=[a-zß-öø-ÿ])(?=[A-ZÀ-Ý][a-zà-ÿ])")
_FEWEST_STORIES = 3
_DATED = {"date line", "author box", "place line", "head of page"}
_HEADLINE_WORDS, _BLURB_WORDS = (5, 25), 60


@dataclass(frozen=True)
class Dropped:
    """A paragraph that is no part of the item, and why."""

    text: str
    reason: str


@dataclass(frozen=True)
class Page:
    """A cleaned page: its text is the passages joined by blank lines.

    `stories` is above 1 where the page looks like a list of several items, headline and blurb each.
    """

    title: str
    date: str | None
    text: str
    passages: tuple[Span, ...]
    dropped: tuple[Dropped, ...]
    stories: int = 1


def clean_text_page(raw: str, languages: Sequence[str] = ENGLISH) -> Page:
    """Clean a page saved as plain text."""
    rules = page_rules(languages)
    judge = partial(boilerplate_reason, rules=rules)
    return _clean(split_paragraphs(plain_text(raw), judge), languages)


def page_of(text: str, title: str | None, languages: Sequence[str] = ENGLISH) -> Page:
    """A page from a row's text and title; the title is a heading unless the text begins with it."""
    page = clean_text_page(text, languages)
    headline = " ".join((title or "").split())
    if not headline or page.text.startswith(headline):
        return page
    whole, passages = cut_passages([headline, *(s.text for s in page.passages)], languages)
    return replace(page, title=headline, text=whole, passages=passages)


def clean_html_page(raw: bytes | str, languages: Sequence[str] = ENGLISH) -> Page:
    """Clean a page saved as HTML; the title and date are its metadata's where there are any."""
    import trafilatura

    empty = Page("", None, "", (), ())
    tree = trafilatura.load_html(raw)
    if tree is None:
        return empty
    for picture in tree.xpath(".//meta[contains(@property, 'image') or contains(@name, 'image')]"):
        picture.getparent().remove(picture)  # the date in a picture's address is not the page's
    extracted = trafilatura.bare_extraction(
        tree,
        include_comments=False,
        include_tables=True,
        deduplicate=False,
        with_metadata=True,
        favor_recall=True,
        # no date out of a copyright line
        date_extraction_params={"extensive_search": False, "original_date": True},
    )
    if extracted is None:
        return empty
    record, rules = extracted.as_dict(), page_rules(languages)
    judge = partial(boilerplate_reason, rules=rules)
    paragraphs = split_paragraphs(plain_text(record.get("text") or ""), judge, one_a_line=True)
    title = " ".join(plain_text(record.get("title") or "").split())
    if not is_title(title, rules):
        title = ""
    if title and paragraphs and line_key(title) not in {line_key(p) for p in paragraphs[:3]}:
        paragraphs.insert(0, title)
    return _clean(paragraphs, languages, title, record.get("date"))


def _clean(
    paragraphs: list[str], languages: Sequence[str], title: str = "", published: str | None = None
) -> Page:
    rules = page_rules(languages)
    lines = [Line(p, boilerplate_reason(p, rules)) for p in paragraphs]
    lines = _mark_captions(lines, rules)
    _mark_author_boxes(lines, rules)
    _mark_repeats(lines)
    _mark_sections(lines, rules)
    mark_ends(lines, rules)
    mark_pictures(lines, rules)
    kept: list[str] = []
    dropped: list[Dropped] = []
    chronology = sum(any(p.match(x.text) for p in rules.first_leads) for x in lines) > 1
    for line in lines:
        if line.reason:
            dropped.append(Dropped(line.text, line.reason))
            if line.reason in _DATED:
                published = published or iso_date(line.text, rules)
            continue
        text = line.text
        if len(kept) < 2:
            label, text = split_label(text, rules)
            dropped += [Dropped(label, "section or counter label")] if label else []
        first = rules.first_leads if len(kept) < 2 and not chronology else []
        lead, text, words = split_lead(text, [*rules.leads, *first])
        if lead:
            dropped.append(Dropped(lead, "date or place line run into the text"))
            published = published or iso_date(words, rules)
        kept.append(text)
    if not title and len(kept) > 1 and is_title(kept[0], rules):
        title = kept[0]
    text, passages = cut_passages(kept, languages)
    return Page(title, published, text, passages, tuple(dropped), _count_stories(kept))


def _mark_captions(lines: list[Line], rules: PageRules) -> list[Line]:
    """Captions by their credit, the same without it, and those glued to a headline."""
    split: list[Line] = []
    for line in lines:
        parts = _GLUED.split(line.text, maxsplit=1) if line.reason == "caption" else []
        if len(parts) == 2 and len(parts[0].split()) > 2:
            split += [Line(parts[0], None), Line(parts[1], "caption")]
        else:
            split.append(line)
    captions = {line_key(rules.credit.sub("", x.text)) for x in split if x.reason == "caption"} - {
        ""
    }
    if not captions:
        return split
    headlines = [x.text for x in split[:3] if x.reason is None and len(x.text.split()) > 2]
    for line in split:
        headline = next((h for h in headlines if line.text.startswith(h) and line.text != h), "")
        if line.key in captions or (headline and line_key(line.text[len(headline) :]) in captions):
            line.reason = line.reason or "caption"
    return split


def _mark_author_boxes(lines: list[Line], rules: PageRules) -> None:
    inside, author = False, ""
    for line in lines:
        if line.reason:
            opens, name = author_box(line.text, rules)
            inside = line.reason == "author box" and (inside or opens)
            author = name or author if inside else ""
        elif inside and is_biography(line.text, author, rules):
            line.reason = "author box"
        else:
            inside = False


def _mark_repeats(lines: list[Line]) -> None:
    seen: set[str] = set()
    for line in lines:
        if line.reason is None and line.key in seen:
            line.reason = "repeated"
        elif line.reason is None:
            seen.add(line.key)


def _mark_sections(lines: list[Line], rules: PageRules) -> None:
    """Names of sections before the first paragraph of text."""
    for line in lines:
        if line.reason is None:
            if not rules.section.fullmatch(line.text.strip()):
                return
            line.reason = "section or counter label"


def _count_stories(kept: list[str]) -> int:
    """How many headlines, each with one short blurb, make up the page; 1 where it is one item."""
    few, many = _HEADLINE_WORDS
    headline = [few <= len(p.split()) <= many and not re.search(r"[.!?…\]]$", p) for p in kept]
    blurb = [len(p.split()) <= _BLURB_WORDS and not h for p, h in zip(kept, headline, strict=True)]
    next_headline = [*headline[2:], True, True]
    stories = sum(
        a and b and c for a, b, c in zip(headline, blurb[1:], next_headline, strict=False)
    )
    return stories if stories >= _FEWEST_STORIES and 2 * stories >= 0.7 * len(kept) else 1
