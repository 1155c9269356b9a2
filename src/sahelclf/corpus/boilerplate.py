"""What of a page is no part of the item, by the rules of the page's languages."""

import re
from datetime import date

from sahelclf.corpus.page_rules import PageRules

_LONGEST = 40  # words; only a caption may be longer
_LONGEST_CAPTION = 90
_LONGEST_LINE = 600  # characters
_LONGEST_CREDIT = 120  # characters
_LONGEST_BIOGRAPHY = 120
_SENTENCE_WORDS = 6  # a line of so many words that ends as sentences do is a sentence
_CREDIT_MARK = re.compile(r"[\])/©|:]|hoto|HOTO|via ")  # no credit is without one: saves time
_GARBLED = re.compile(r"\ufffd|[ÃÂâð][^\w\s.,;:!?'’\"”»)-]")


def boilerplate_reason(paragraph: str, rules: PageRules) -> str | None:
    """Why a paragraph is boilerplate; None where it is text."""
    line = paragraph.strip().strip("*_-–—•|→»« ")
    if not any(c.isalnum() for c in line):
        return "no words"
    if not line.isascii() and 12 * len(_GARBLED.findall(line)) > len(line):
        return "mojibake"
    n_words = len(line.split())
    if len(line) > _LONGEST_LINE or n_words > _LONGEST_CAPTION:
        return None
    tail = max(len(line) - _LONGEST_CREDIT, 0)
    if _CREDIT_MARK.search(line, tail) and rules.credit.search(line, tail):
        return "caption"
    tables = (
        [rules.boilerplate]
        if is_sentence(paragraph)
        else [
            rules.boilerplate,
            rules.boilerplate_lines,
        ]
    )
    found = (r for table in tables for r, pattern in table.items() if pattern.fullmatch(line))
    reason = next(found, None)
    return reason if n_words <= _LONGEST or reason == "caption" else None


def is_sentence(line: str) -> bool:
    """Whether a line has six words or more and ends as sentences do."""
    ends = re.search(r"[.!?][\"'”’»)]*$", line.strip())
    return ends is not None and len(line.split()) >= _SENTENCE_WORDS


def is_title(line: str, rules: PageRules) -> bool:
    """Whether a line may be a page's title: short, no sentence, no section, address or error."""
    refused = rules.not_title.fullmatch(line.strip()) or rules.section.fullmatch(line.strip())
    return not refused and 0 < len(line.split()) <= 25 and not re.search(r"[.!…]$", line)


def split_label(paragraph: str, rules: PageRules) -> tuple[str, str]:
    """A section's name, tag or counter that runs into a paragraph, and the paragraph without it."""
    match = rules.label_prefix.match(paragraph)
    if match is None or len(paragraph[match.end() :].split()) < 4 or paragraph.isupper():
        return "", paragraph
    return match.group().strip(), paragraph[match.end() :]


def split_lead(paragraph: str, patterns: list[re.Pattern[str]]) -> tuple[str, str, str]:
    """A date or place line that runs into a paragraph, what follows it, and the date in it."""
    for pattern in patterns:
        match = pattern.match(paragraph)
        if match and len(paragraph) - match.end() > 20:
            return match.group().strip(), paragraph[match.end() :], match.groupdict()["date"] or ""
    return "", paragraph, ""


def author_box(line: str, rules: PageRules) -> tuple[bool, str]:
    """Whether a line is the head of an author box, and the name in it.

    A byline is not an author box: the text after it belongs to the item and may name a reporter.
    """
    match = next((m for p in rules.author_boxes if (m := p.fullmatch(line.strip()))), None)
    return match is not None, (match and match.group(1)) or ""


def is_biography(paragraph: str, author: str, rules: PageRules) -> bool:
    """Whether a paragraph of an author box names the author or is worded as biographies are."""
    if author and author.lower() in paragraph.lower():
        return True
    short = len(paragraph.split()) < _LONGEST_BIOGRAPHY
    return short and rules.box_biography.search(paragraph) is not None


def iso_date(text: str, rules: PageRules) -> str | None:
    """The first date with a year, as YYYY-MM-DD; None where there is none or it is ambiguous."""
    month, year = rf"(?P<month>{rules.month})", r"(?P<year>\d{4})"
    day = rf"(?P<day>\d{{1,2}})(?:{rules.ordinal})?"
    joiner = rf"(?:(?:{rules.date_joiner}) )?"
    numeric = r"\b(?P<day>\d{1,2})[/.](?P<month>\d{1,2})[/.](?P<year>\d{4})\b"
    iso = r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    for pattern in (
        iso,
        rf"{month} {day},? {year}",
        rf"{day} {joiner}{month},? {joiner}{year}",
        numeric,
    ):
        if match := re.search(pattern, text, re.IGNORECASE):
            name, first = match["month"].rstrip(".").lower(), int(match["day"])
            second = rules.month_number.get(name) or int(name)
            if pattern == numeric:
                first, second = _day_and_month(first, second, rules.numeric_dates)
            try:
                return date(int(match["year"]), second, first).isoformat()
            except ValueError:
                return None
    return None


def _day_and_month(first: int, second: int, order: str) -> tuple[int, int]:
    """Day and month of a date in numbers; zeros where it can be read both ways."""
    if order == "month first" or second > 12:
        return second, first
    return (first, second) if order == "day first" or first > 12 or first == second else (0, 0)
