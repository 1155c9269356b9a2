"""Raw pages to clean text: paragraphs that are the item's own, and what was dropped and why.

HTML goes through trafilatura, which finds the main text; what it lets through is cleaned as plain text is.
Plain-text pages are lists of lines in which the item and the page's furniture stand side by side.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise

from sahelclf.corpus.passages import Span, cut_passages


@dataclass(frozen=True)
class Dropped:
    """A paragraph that is no part of the item, and why."""

    text: str
    reason: str


@dataclass(frozen=True)
class Page:
    """A cleaned page: its text is the passages joined by blank lines."""

    title: str
    date: str | None
    text: str
    passages: tuple[Span, ...]
    dropped: tuple[Dropped, ...]


_MEDIA = r"(loading (video|audio|the player)|video|audio|listen to (this|the) (article|story)|watch (the )?video)"
_SHARE = (
    r"((share|tweet|pin|email|e-mail|print|save|copy link|whatsapp|facebook|twitter|telegram|linkedin|reddit|x"
    r"|pinterest|messenger|click to (share|print|email).{0,60})(\b|$)[\s|,·•/:+0-9-]*(on|via|this|by|article|post)?\s*)+"
)
FURNITURE: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (reason, re.compile(pattern, re.IGNORECASE))
    for reason, pattern in (
        ("media player", rf"{_MEDIA}(\s*\.\.\.|…|:)?|advertisement|sponsored( content)?|\[?embedded content\]?"),
        ("share line", rf"{_SHARE}"),
        ("share line", r"(share|like|follow) (this|us|me)\b.{0,60}|(follow|join) us on .{0,80}"),
        ("source line", r"(original |first )?(source|read the original( article)?)\s*:\s*\S.{0,120}"),
        ("source line", r"(read more|read also|also read|see also|related( articles?| posts?| stories)?|more on this)\s*:.{0,200}"),
        ("source line", r"the post .{1,200} (first )?appeared (first )?on .{1,80}"),
        ("author box", r"about (the )?author.{0,60}|about (?-i:[A-Z][\w.'’-]+( [A-Z][\w.'’-]+){1,3})"),
        ("author box", r"(view|see|read) (all|more) (posts|articles|stories)?\s*(by|from|of)\b.{0,80}|more from (this author|(?-i:[A-Z]).{0,60})"),
        ("author box", r"by (?-i:[A-Z][\w.'’-]+( (and )?[A-Z][\w.'’-]+){1,5}(, [A-Z][\w ]{2,40})?)( \||,)?\s*([a-z]+ \d{1,2},? \d{4})?"),
        ("comment form", r"leave a (reply|comment).{0,60}|(\d+|no) comments?( on .{0,80})?|post (a )?comment|cancel reply"),
        ("comment form", r"your email address will not be published.{0,120}|required fields are marked.{0,40}"),
        ("comment form", r"(name|email|website|comment)\s*\*?|save my name, email.{0,120}|notify me of .{0,80}"),
        ("cookie or sign-up notice", r"(we use|this (site|website) uses) cookies.{0,300}|(accept|reject) (all )?cookies|(sign up|subscribe)\b.{0,140}"),
        ("cookie or sign-up notice", r"(log ?in|sign in|register|log ?out|my account)(\s*[|/]\s*\w[\w ]{0,20})*"),
        ("copyright line", r"(©|\(c\)|copyright\b).{0,160}|all rights reserved.{0,60}"),
        ("menu", r"(skip to (main )?content|menu|search|home|close|toggle navigation|back to top|next( (post|article))?|previous( (post|article))?|load(ing)? more|read more|continue reading|show more|trending( now)?|most (read|popular|viewed)|latest( news)?|tags?\s*:.{0,200}|categories\s*:.{0,120}|filed under\s*:?.{0,120})\s*[»›→.…]*"),
        ("menu", r"[\w&'’ -]{1,24}(\s*[|»›>•·]\s*[\w&'’ -]{1,24}){2,}"),
        ("date line", r"(published|updated|posted|last (updated|modified)|date)\b\s*(on|at)?\s*:?.{0,12}\d.{0,40}"),
        ("reading time", r"(reading time\s*:?\s*)?\d+ (min(ute)?s?)( read| ago)?|\d+ (hours?|days?|weeks?|months?) ago"),
        ("photo credit", r"(photo|image|picture)( credit)?s?\s*(by|:|©).{0,120}"),
    )
)
_LONGEST_FURNITURE = 40  # words; a longer paragraph is never dropped for its wording

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*\.?"
_RUN_IN_DATE = re.compile(r"^\s*date\s*:?\s+(\d{4}-\d{2}(?:-\d{2})?)\b[\s:,–—-]*", re.IGNORECASE)
_RUN_IN_PLACE = re.compile(
    rf"^(?P<place>[A-ZÀ-Ý][\w.'’ ,/-]{{1,45}}?)[,\s]+\(?(?P<date>{_MONTH} \d{{1,2}}(?:,? \d{{4}})?|\d{{1,2}} {_MONTH}(?: \d{{4}})?)\)?\s*"
    rf"(?:\((?:[A-Z][\w /-]{{1,20}})\))?\s*[–—-]+\s+",
    re.IGNORECASE,
)
_DATE_ALONE = re.compile(
    rf"^(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,?\s+)?(?:{_MONTH} \d{{1,2}},? \d{{4}}|\d{{1,2}} {_MONTH},? \d{{4}}|\d{{4}}-\d\d-\d\d)(?:[ ,|–-]+\d{{1,2}}[:.h]\d\d.{{0,12}})?$",
    re.IGNORECASE,
)
_ENDS_SENTENCE = re.compile(r"[.!?…:;\"”’»)\]]$")


def clean_text_page(raw: str) -> Page:
    """Clean a page saved as plain text."""
    return _clean(_paragraphs(_plain(raw)), title=None, published=None)


def clean_html_page(raw: bytes | str) -> Page:
    """Clean a page saved as HTML; the title and date are its metadata's where there are any."""
    import trafilatura

    found = trafilatura.bare_extraction(
        raw, include_comments=False, include_tables=True, deduplicate=False, with_metadata=True, favor_recall=True
    )
    if found is None:
        return Page("", None, "", (), ())
    record = found.as_dict()
    paragraphs = _paragraphs(_plain(record.get("text") or ""), one_a_line=True)
    title = _plain(record.get("title") or "").strip()
    if title and paragraphs and _key(title) not in {_key(p) for p in paragraphs[:3]}:
        paragraphs.insert(0, title)
    return _clean(paragraphs, title=title or None, published=record.get("date"))


def furniture_reason(paragraph: str) -> str | None:
    """Why a paragraph is page furniture; None where it is text."""
    line = paragraph.strip().strip("*_-–—•|→»« ")
    if not line or not any(c.isalnum() for c in line):
        return "no words"
    if len(line.split()) > _LONGEST_FURNITURE:
        return None
    if _DATE_ALONE.match(line):
        return "date line"
    return next((reason for reason, pattern in FURNITURE if pattern.fullmatch(line)), None)


def _clean(paragraphs: list[str], title: str | None, published: str | None) -> Page:
    kept: list[str] = []
    dropped: list[Dropped] = []
    seen: set[str] = set()
    inside: str | None = None
    for position, paragraph in enumerate(paragraphs):
        reason = furniture_reason(paragraph)
        if reason in {"author box", "comment form"}:
            inside = reason
        elif reason is None and inside == "author box" and _is_biography(paragraph, paragraphs[:position]):
            reason = "author box"
        elif reason is None and _key(paragraph) in seen:
            reason = "repeated"
        if reason == "date line" and published is None:
            published = _iso_date(paragraph)
        if reason:
            dropped.append(Dropped(paragraph, reason))
            continue
        text, lead, lead_date = _strip_lead(paragraph)
        if lead:
            dropped.append(Dropped(lead, "date or place line run into the text"))
            published = published or lead_date
        seen.add(_key(paragraph))
        kept.append(text)
    if title is None:
        title = kept[0] if len(kept) > 1 and _looks_like_title(kept[0]) else ""
    text, passages = cut_passages(kept)
    return Page(title, published, text, passages, tuple(dropped))


def _plain(raw: str) -> str:
    """NFC, one kind of line end, no control or invisible characters."""
    text = unicodedata.normalize("NFC", raw.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n"))
    return "".join(c for c in text.replace("\u00a0", " ") if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf"})


def _paragraphs(text: str, *, one_a_line: bool = False) -> list[str]:
    """Paragraphs: blocks between blank lines where lines are wrapped within them, else lines."""
    lines = [line.strip() for line in text.split("\n")]
    if one_a_line or not _is_wrapped(lines):
        return [" ".join(line.split()) for line in lines if line]
    blocks = re.split(r"\n\s*\n", "\n".join(lines))
    return [" ".join(block.split()) for block in blocks if block.strip()]


def _is_wrapped(lines: list[str]) -> bool:
    """Whether line ends fall inside sentences: most lines that another follows stop at 50 to 100 characters mid-sentence."""
    followed = [a for a, b in pairwise(lines) if a and b]
    if len(followed) < 3:
        return False
    inside = [a for a in followed if 50 <= len(a) <= 100 and not re.search(r"[.!?…\"”»]$", a)]
    return len(inside) > 0.5 * len(followed)


def _strip_lead(paragraph: str) -> tuple[str, str, str | None]:
    """The paragraph without a date or place line run into it, that line, and its date."""
    if match := _RUN_IN_DATE.match(paragraph):
        return paragraph[match.end() :], match.group().strip(), match.group(1)
    if (match := _RUN_IN_PLACE.match(paragraph)) and len(paragraph) - match.end() > 20:
        return paragraph[match.end() :], match.group().strip(), _iso_date(match.group("date"))
    return paragraph, "", None


def _iso_date(text: str) -> str | None:
    if match := re.search(r"\d{4}-\d\d-\d\d", text):
        try:
            return date.fromisoformat(match.group()).isoformat()
        except ValueError:
            return None
    match = re.search(rf"({_MONTH}) (\d{{1,2}}),? (\d{{4}})", text, re.IGNORECASE)
    parts = (match.group(2), match.group(1), match.group(3)) if match else None
    if parts is None and (match := re.search(rf"(\d{{1,2}}) ({_MONTH}),? (\d{{4}})", text, re.IGNORECASE)):
        parts = match.groups()  # type: ignore[assignment]
    if parts is None:
        return None
    try:
        return datetime.strptime(f"{int(parts[0])} {parts[1][:3].title()} {parts[2]}", "%d %b %Y").date().isoformat()  # noqa: DTZ007
    except ValueError:
        return None


def _is_biography(paragraph: str, before: list[str]) -> bool:
    """Within an author box: the paragraph names the author that the box announced, or speaks as biographies do."""
    heads = [m.group(1) for p in before if (m := re.match(r"about (?!the author)(.{3,60})$", p.strip(), re.IGNORECASE))]
    if any(name.lower() in paragraph.lower() for name in heads):
        return True
    return bool(re.search(r"\b(is|was|has been) an? .{0,60}(journalist|writer|reporter|editor|author|correspondent|analyst)\b", paragraph, re.IGNORECASE)) and len(paragraph.split()) < 120


def _looks_like_title(paragraph: str) -> bool:
    return len(paragraph.split()) <= 25 and not re.search(r"[.!…]$", paragraph)


def _key(paragraph: str) -> str:
    return re.sub(r"\W+", " ", paragraph).strip().lower()
