"""What the paragraphs of documents look like: length, sentences, quotations, stock phrases.

A paragraph is a line of a passage that is no heading. A page is its passages' lines and its
furniture, each in its place.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import mean
from typing import Any

from sahelclf.corpus.page_rules import page_rules
from sahelclf.corpus.passages import is_heading
from sahelclf.corpus.read import Corpus
from sahelclf.records import Document, Passage

QUOTED_WORDS = 8  # a quotation that counts has as many or more
_QUOTATION = re.compile(r"[\"“«]([^\"”»]+)[\"”»]")
FEWEST_PARAGRAPHS, MOST_PARAGRAPHS = 8, 25


def paragraphs_of(passages: Iterable[Passage]) -> list[str]:
    """The paragraphs of these passages, without headings."""
    lines = (line for p in passages for line in p.text.split("\n"))
    return [line for line in lines if line.strip() and not is_heading(line)]


def page_lines(document: Document, passages: Sequence[Passage]) -> list[str]:
    """All lines of a document's page: its text, and the furniture at its places."""
    lines = [line for p in passages for line in p.text.split("\n")]
    for furniture in sorted(document.furniture, key=lambda f: f.line):
        lines.insert(furniture.line, furniture.text)
    return lines


def shape(documents: Sequence[tuple[str, Sequence[Passage]]], languages: Sequence[str]) -> Any:
    """Figures of the texts of documents, each with its title.

    Returns
    -------
    Documents and paragraphs; words and sentences a paragraph (means); shares of paragraphs with a
    quotation of eight words or more, with a stock phrase of news, and with the same first three
    words as another; and the share of documents that open with their title.
    """
    rules = page_rules(languages)
    texts = [p for _, passages in documents for p in paragraphs_of(passages)]
    if not texts:
        return {"documents": len(documents), "paragraphs": 0}
    openings = Counter(opening(t) for t in texts)
    titled = [bool(t) and bool(p) and p[0].text.split("\n")[0] == t for t, p in documents]
    return {
        "documents": len(documents),
        "paragraphs": len(texts),
        "words": round(mean(len(t.split()) for t in texts), 1),
        "sentences": round(mean(len(rules.sentence_gap.findall(t)) + 1 for t in texts), 2),
        "quotation": _share(_has_quotation(t) for t in texts),
        "stock_phrase": _share(bool(rules.stock_phrase.search(t)) for t in texts),
        "opens_like_another": _share(openings[opening(t)] > 1 for t in texts),
        "opens_with_title": _share(titled),
    }


def shape_by_genre(corpus: Corpus) -> dict[str, dict[str, Any]]:
    """`shape` of page-like documents and of the others, whole and by genre."""
    table: dict[str, dict[str, Any]] = {}
    for name, is_page in (("page", True), ("other", False)):
        chosen = [d for d in corpus.documents if d.page is is_page and corpus.passages_of[d.id]]
        genres = sorted({d.genre for d in chosen if d.genre})
        for genre in (None, *genres) if chosen else ():
            inside = [d for d in chosen if genre in (None, d.genre)]
            pairs = [(d.title, corpus.passages_of[d.id]) for d in inside]
            figures = shape(pairs, corpus.codebook.languages)
            table.setdefault(name, {})[genre or "all"] = figures
    return table


def _share(values: Iterable[bool]) -> float:
    return round(mean(float(v) for v in values), 4)


def opening(text: str) -> str:
    """The first three words, by which texts that open alike are found."""
    return " ".join(text.lower().split()[:3])


def _has_quotation(text: str) -> bool:
    return any(len(q.split()) >= QUOTED_WORDS for q in _QUOTATION.findall(text))


def page_problem(document: Document, passages: Sequence[Passage]) -> str | None:
    """Why a document that is marked as a page has not the shape of one."""
    first = passages[0].text.split("\n")[0] if passages else ""
    if first != document.title:
        return f"the first line is {first[:60]!r}; expected the title"
    n = len(paragraphs_of(passages))
    if not FEWEST_PARAGRAPHS <= n <= MOST_PARAGRAPHS:
        return f"{n} paragraphs; expected {FEWEST_PARAGRAPHS} to {MOST_PARAGRAPHS}"
    n_lines = sum(p.text.count("\n") + 1 for p in passages) + len(document.furniture)
    places = [f.line for f in document.furniture]
    if len(set(places)) < len(places) or max(places, default=0) >= n_lines:
        return f"furniture at lines {sorted(places)} of {n_lines}"
    return None
