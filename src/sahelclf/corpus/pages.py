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


_CAP = r"(?-i:[A-ZÀ-Ý][\w.'’&-]*+)"
_CAPS = rf"{_CAP}(?: (?:(?:de|du|des|of|the|for|and|et|la|le|al) )?{_CAP}){{0,4}}"
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTH = (
    r"\b(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)\b\.?"
)
_YEAR = r"(?:19|20)\d\d"
_DATED = rf"(?:{_DAY},? )?(?:{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? {_YEAR}|\d{{1,2}}(?:st|nd|rd|th)? {_MONTH},? {_YEAR}|{_YEAR}-\d\d-\d\d)"
_WHEN = (
    rf"(?:{_DATED}|\d{{1,2}}[/.]\d{{1,2}}[/.]\d{{2,4}}|{_MONTH} \d{{1,2}}\b|\d{{1,2}} {_MONTH}|t?\d{{1,2}}[:.h]\d\d(?:[:.]\d\d)?z?"
    rf"|(?:\d+|an?) (?:sec(?:ond)?|min(?:ute)?|hour|hr|day|week|month|year)s? ago|yesterday|today|{_DAY})"
)
_WHEN_TAIL = (
    rf"(?:[\s,|·•()–—+-]|{_WHEN}|\b(?:at|on|[ap]\.?m\.?|gmt|utc|z|c?e[sd]?t|wat|bst|hours|hrs|local time|last|first|published|updated|posted"
    r"|modified)\b[\s:]*+)*+(?:by [\w.'’-]+(?: [\w.'’-]+){0,2})?(?: in [\w&, ]{1,30})?"
)
_NO_NAME = (
    rf"(?!(?:{_DAY}|{_MONTH}|morning|afternoon|evening|night|midnight|noon|dawn|dusk|troops?|soldiers?|army|military|rebels?"
    r"|junta|government|forces?|presidents?|attack(?:s|ed)?|kill(?:s|ed)|dead|left|leaves?|leaving|says?|said|ends?|land|air|sea|road"
    r"|order|law|decree|contrast|day|week|month|year|late|early|mid|next|then|now|all|any|the|a|an|on|in|at|of|from|to|since|until"
    r"|before|after|when|while|half|one|two|three|four|five|six|seven|eight|nine|ten|dozens?|hundreds?|thousands?|millions?|forty|fifty"
    r"|twenty|thirty|sixty|people|civilians|election|coup|vote|was|were|is|are|has|have)(?![\w'’-]))"
)
_NAME_PART = rf"{_NO_NAME}{_CAP}"
_NAME = rf"{_NAME_PART}(?: {_NAME_PART}){{1,3}}"
_ROLE = rf"(?:{_NAME_PART}(?: (?:(?:of|for|de|the|and) )?{_NAME_PART}){{0,3}}|(?:[\w'’-]+ ){{0,4}}(?:correspondent|editor|reporter|writer|analyst|staff))"
_AGENCIES = r"(?:afp|reuters|ap|xinhua|staff|agencies|our (?:staff|correspondents?|reporters?)|(?:news|web) (?:desk|agencies))(?: (?:writers?|reporters?))?"
_NETWORKS = r"(?:facebook|twitter|x|whatsapp|telegram|instagram|linkedin|youtube|tiktok|google news|bluesky|threads|mastodon|social media)"
_LETTERS = r"(?:newsletters?|alerts?|updates?|e-?mails?|inbox|bulletins?|digests?|channels?|podcasts?|notifications?|free|youtube|(?:a|per) (?:week|month|year))"
_SAYS = r"(?!.*\b(?:says?|said|tells?|told|urges?|urged|warns?|warned)\b)"

_MEDIA = r"(loading (video|audio|the player)|video|audio|listen to (this|the) (article|story)|watch (the )?video)"
_SHARE = (
    r"((share|tweet|pin|email|e-mail|print|save|copy link|whatsapp|facebook|twitter|telegram|linkedin|reddit|x"
    r"|pinterest|messenger|click to (share|print|email).{0,60})(\b|$)[\s|,·•/:+0-9-]*+((on|via|this|by|article|post)\s*+)?)++"
)
_Rules = tuple[tuple[str, re.Pattern[str]], ...]


def _rules(*rules: tuple[str, str]) -> _Rules:
    return tuple((reason, re.compile(pattern, re.IGNORECASE)) for reason, pattern in rules)


# Phrases that are furniture even where they are sentences.
PHRASES = _rules(
    (
        "comment form",
        r"your email address will not be published.{0,120}|required fields are marked.{0,40}",
    ),
    (
        "comment form",
        r"save my name, email.{0,120}|notify me of (follow-?up|new|further|all)\b.{0,80}|you must be logged in to .{0,60}",
    ),
    (
        "cookie or sign-up notice",
        r"(we use|(this|our) (site|website) uses?) cookies.{0,300}|by (continuing|using|clicking|browsing)\b.{0,80}\b(cookies|privacy policy|terms)\b.{0,100}",
    ),
    (
        "cookie or sign-up notice",
        rf"{_SAYS}(please )?(sign up|subscribe)( (now|today|here|online|for free))*( (to|for|and|with)( [\w'’&.-]+){{0,7}}?)?\s{_LETTERS}\b.{{0,80}}",
    ),
    (
        "share line",
        rf"{_SAYS}((click|tap) (here )?to |please )?(like|follow|join|find)( and (like|follow|join))? (us|me|our [\w ]{{1,30}})( (on|at|via))?:?( our)?( [@\w]+,?){{0,4}}? {_NETWORKS}\b.{{0,80}}",
    ),
    (
        "share line",
        rf"{_SAYS}((click|tap) (here )?to |please )?(follow|join|subscribe to) (the|our) .{{1,60}}\b(channel|group|page|community) on {_NETWORKS}\b.{{0,80}}",
    ),
    (
        "share line",
        rf"{_SAYS}((click|tap) (here )?to |please )?(follow|join|subscribe to) our ([\w'’]+ )?{_NETWORKS} (channel|group|page|community)\b.{{0,80}}",
    ),
    (
        "source line",
        r"(((must|don['’]t miss|you may also) )?(read more|read also|also read|see also)|you may also like|related( articles?| posts?| stories)?|more on this)\s*[:|–—]\s*\S.{0,200}",
    ),
    (
        "source line",
        rf"the post .{{1,200}} (appeared first|first appeared) on (?:{_CAP}|\S+\.\w{{2,4}}\b).{{0,80}}",
    ),
    (
        "copyright line",
        rf"(copyright\s*|[\w&'’. -]{{1,40}})?©.{{0,160}}|copyright\s*:?\s*\(c\).{{0,160}}|\(c\)\s*(copyright\b|{_YEAR}).{{0,140}}",
    ),
    (
        "copyright line",
        rf"copyright\W{{0,3}}({_CAP}\W{{1,2}}){{0,5}}{_YEAR}([-–]\d{{2,4}})?(\W*|\W+({_CAP}|by\b|all\b).{{0,120}})|copyright\b.{{0,80}}all rights reserved.{{0,60}}",
    ),
    ("copyright line", rf"all rights reserved(\W*|[.,;|–-]\s.{{0,60}}| (to|by) {_CAP}.{{0,40}})"),
)
# Wordings that are furniture unless the line is a whole sentence.
FURNITURE = _rules(
    (
        "media player",
        rf"{_MEDIA}(\s*\.\.\.|…|:)?|advertisement|sponsored( content)?|\[?embedded content\]?",
    ),
    ("share line", rf"{_SHARE}"),
    (
        "share line",
        r"share this( (article|story|post|page|news))?( (with|on|via) .{0,40})?\s*:?|like this( (article|story|post|page))?\s*:|(like|follow|join) us\s*:?",
    ),
    (
        "source line",
        rf"(original |first )?source\s*:\s*(\S+\.[a-z]{{2,}}(/\S*)?|{_CAPS}([,/] ?{_CAPS}){{0,4}}( (and|with|\+) (news )?(agencies|staff|wires))?)|read the original( article)?( (at|on|here)\b.{{0,60}}|\s*:.{{0,120}})?",
    ),
    (
        "source line",
        r"(?-i:READ ALSO|ALSO READ|READ MORE|SEE ALSO)\b.{0,200}|(?-i:READ|WATCH|LISTEN)\s*[:|].{0,200}",
    ),
    ("author box", rf"about (the )?authors?(\s*[:|–-].{{0,60}}| {_CAP}.{{0,40}})?|about {_NAME}"),
    (
        "author box",
        rf"(view|see|read) (all |more )?(posts|articles|stories) (by|from)\b.{{0,80}}|(view|see|read) (all|more) (by|from) {_CAPS}|more from (this (author|section)|{_CAPS})",
    ),
    (
        "author box",
        rf"by ({_NAME}(,? and {_NAME}|, {_NAME}){{0,3}}|{_AGENCIES})(,? (in|for|with) {_CAPS}|(, | [|/–-] ){_ROLE}| \(?{_AGENCIES}\)?)?( \||,| [–-])?\s*({_WHEN}{_WHEN_TAIL})?",
    ),
    (
        "comment form",
        r"leave a (reply|comment).{0,60}|\d+ comments?( on .{0,80})?|no comments( yet| on .{0,80})?|post (a )?comment|cancel reply",
    ),
    ("comment form", r"(name|email|website|comment)\s*\*?"),
    (
        "cookie or sign-up notice",
        r"(accept|reject) (all )?cookies|(sign up|subscribe)( (now|today|here|online|for free))*",
    ),
    (
        "cookie or sign-up notice",
        r"(log ?in|sign in|register|log ?out|my account)( (or|to) (register|sign up|sign in|log ?in|comment|reply|continue|your account|read more).{0,20})?(\s*[|/]\s*\w[\w ]{0,20})*",
    ),
    (
        "menu",
        r"(skip to (main )?content|menu|search|home|close|toggle navigation|back to top|next( (post|article))?|previous( (post|article))?|load(ing)? more|read more|continue reading|show more|trending( now)?|most (read|popular|viewed)|latest( news)?|tags?\s*:.{0,200}|categories\s*:.{0,120}|filed under\s*:.{0,120}|(next|previous) (post|article)\s*:.{0,120})\s*[»›→.…]*",
    ),
    (
        "menu",
        rf"filed under( {_CAPS}(, {_CAPS}){{0,5}})?|[\w&'’ -]{{1,24}}(\s*[|»›>•·]\s*[\w&'’ -]{{1,24}}){{2,}}",
    ),
    (
        "date line",
        rf"(first )?(published|updated|posted|(last )?(updated|modified)|date)( by {_NAME}| by \w+)?( (on|at))?\s*[:|–-]?\s*{_WHEN}{_WHEN_TAIL}",
    ),
    (
        "reading time",
        r"(reading time\s*:?\s*)?\d+ (min(ute)?s?)( read| ago)?|\d+ (hours?|days?|weeks?|months?) ago",
    ),
    (
        "photo credit",
        rf"\(?(photo|image|picture|file photo)s?( (credit|courtesy)s?( of)?)?\s*( by\b|:|©|/)\s*{_CAPS}(( via |\s?[/,|]\s?| for ){_CAPS}){{0,4}}\)?|(photo|image|picture) credits?\s*:\s*\S.{{0,80}}",
    ),
)
_LONGEST_FURNITURE = 40  # words; a longer paragraph is never dropped for its wording
_LONGEST_LINE = 500  # characters, likewise
_SENTENCE_WORDS = (
    6  # a line of so many words that ends as sentences do is text unless its phrase is known
)

_RUN_IN_DATE = re.compile(r"^\s*date\s*:?\s+(\d{4}-\d{2}(?:-\d{2})?)\b[\s:,–—-]*", re.IGNORECASE)
_PLACE_PART = rf"{_NO_NAME}(?-i:[A-ZÀ-Ý][\w.'’-]*+)"
_PLACE = rf"{_PLACE_PART}(?:(?:, ?|/| )(?:(?:de|du|des|of|la|le|el|al|and|et|sur) ){{0,2}}{_PLACE_PART}){{0,4}}"
_AGENCY = (
    r"\((?-i:AFP|AP|Reuters|REUTERS|Xinhua|XINHUA|PANA|APA|ANP|AIB|AMAP|ANA|DPA|dpa|EFE|TASS|ANSA|AA|Anadolu|UPI|BBC|VOA|RFI|CNN|DW|IRIN|ANI|IPS"
    r"|Bloomberg|UN News|Associated Press|The Associated Press|Agence France-Presse|The New Humanitarian|Thomson Reuters Foundation)(?:/[\w ]{2,20})?\)"
)
_RUN_IN_PLACE = re.compile(
    rf"^{_PLACE}(?:(?: {_AGENCY})?[,\s]+\(?(?P<date>{_MONTH} \d{{1,2}}(?:,? \d{{4}})?|\d{{1,2}} {_MONTH}(?: \d{{4}})?)\)?\s*"
    rf"(?:\((?-i:[A-Z])[\w /.-]{{1,30}}\))?|\s?{_AGENCY})\s*[–—-]+\s+",
    re.IGNORECASE,
)
_DATE_ALONE = re.compile(rf"{_DATED}{_WHEN_TAIL}", re.IGNORECASE)
_BULLET = re.compile(r"(?:[*•‣▪●–-]|\d{1,2}[.)])\s+\S")
_ENDS_SENTENCE = re.compile(r"[.!?…:;\"”’»)\]]$")


def clean_text_page(raw: str) -> Page:
    """Clean a page saved as plain text."""
    return _clean(_paragraphs(_plain(raw)), title=None, published=None)


def clean_html_page(raw: bytes | str) -> Page:
    """Clean a page saved as HTML; the title and date are its metadata's where there are any."""
    import trafilatura

    tree = trafilatura.load_html(raw)
    if tree is None:
        return Page("", None, "", (), ())
    for picture in tree.xpath(".//meta[contains(@property, 'image') or contains(@name, 'image')]"):
        picture.getparent().remove(picture)  # the date in a picture's address is not the page's
    found = trafilatura.bare_extraction(
        tree,
        include_comments=False,
        include_tables=True,
        deduplicate=False,
        with_metadata=True,
        favor_recall=True,
        date_extraction_params={
            "extensive_search": False,
            "original_date": True,
        },  # no date out of a copyright line
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
    if len(line) > _LONGEST_LINE or len(line.split()) > _LONGEST_FURNITURE:
        return None
    if _DATE_ALONE.fullmatch(line):
        return "date line"
    rules = PHRASES if _is_sentence(paragraph) else PHRASES + FURNITURE
    return next((reason for reason, pattern in rules if pattern.fullmatch(line)), None)


def _is_sentence(line: str) -> bool:
    return (
        len(line.split()) >= _SENTENCE_WORDS
        and re.search(r"[.!?][\"'”’»)]*$", line.strip()) is not None
    )


def _clean(paragraphs: list[str], title: str | None, published: str | None) -> Page:
    kept: list[str] = []
    dropped: list[Dropped] = []
    seen: set[str] = set()
    inside = False  # within an author box
    for position, paragraph in enumerate(paragraphs):
        reason = furniture_reason(paragraph)
        if reason:
            inside = reason == "author box" and (inside or _opens_author_box(paragraph))
        elif inside and _is_biography(paragraph, paragraphs[:position]):
            reason = "author box"
        elif _key(paragraph) in seen:
            reason = "repeated"
        if reason == "date line" and published is None:
            published = _iso_date(paragraph)
        if reason:
            dropped.append(Dropped(paragraph, reason))
            continue
        inside = False
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
    text = unicodedata.normalize("NFC", re.sub(r"\r*\n|[\r\u2028\u2029\x85\v\f]", "\n", raw))
    return "".join(
        c
        for c in text.replace("\u00a0", " ")
        if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf"}
    )


def _paragraphs(text: str, *, one_a_line: bool = False) -> list[str]:
    """Paragraphs: blocks between blank lines where lines are wrapped within them, else lines."""
    lines = [line.strip() for line in text.split("\n")]
    if one_a_line or not _is_wrapped(lines):
        return [" ".join(line.split()) for line in lines if line]
    blocks = re.split(r"\n\s*\n", "\n".join(lines))
    return [
        paragraph
        for block in blocks
        if block.strip()
        for paragraph in _joined(block.strip().split("\n"))
    ]


def _joined(lines: list[str]) -> list[str]:
    """The paragraphs of a block of wrapped lines: bullets, and furniture that no sentence runs on into, stand alone."""
    paragraphs: list[list[str]] = []
    closed = True
    for line in lines:
        alone = closed and furniture_reason(line) is not None
        bullet = _BULLET.match(line) and (closed or _BULLET.match(paragraphs[-1][0]))
        if not paragraphs or bullet or (closed and (alone or _stands_alone_before(paragraphs))):
            paragraphs.append([])
        paragraphs[-1].append(line)
        closed = alone or _ENDS_SENTENCE.search(line) is not None
    return [" ".join(" ".join(paragraph).split()) for paragraph in paragraphs]


def _stands_alone_before(paragraphs: list[list[str]]) -> bool:
    return (
        bool(paragraphs)
        and len(paragraphs[-1]) == 1
        and furniture_reason(paragraphs[-1][0]) is not None
    )


def _is_wrapped(lines: list[str]) -> bool:
    """Whether line ends fall inside sentences: most lines that another follows stop at 50 to 100 characters mid-sentence."""
    followed = [a for a, b in pairwise(lines) if a and b and furniture_reason(a) is None]
    if len(followed) < 3:
        return False
    inside = [a for a in followed if 50 <= len(a) <= 100 and not re.search(r"[.!?…\"”»]$", a)]
    return len(inside) > 0.5 * len(followed)


def _strip_lead(paragraph: str) -> tuple[str, str, str | None]:
    """The paragraph without a date or place line run into it, that line, and its date."""
    if match := _RUN_IN_DATE.match(paragraph):
        return paragraph[match.end() :], match.group().strip(), match.group(1)
    if (match := _RUN_IN_PLACE.match(paragraph)) and len(paragraph) - match.end() > 20:
        return paragraph[match.end() :], match.group().strip(), _iso_date(match.group("date") or "")
    return paragraph, "", None


def _iso_date(text: str) -> str | None:
    if match := re.search(r"\d{4}-\d\d-\d\d", text):
        try:
            return date.fromisoformat(match.group()).isoformat()
        except ValueError:
            return None
    match = re.search(rf"({_MONTH}) (\d{{1,2}}),? (\d{{4}})", text, re.IGNORECASE)
    parts = (match.group(2), match.group(1), match.group(3)) if match else None
    if parts is None and (
        match := re.search(rf"(\d{{1,2}}) ({_MONTH}),? (\d{{4}})", text, re.IGNORECASE)
    ):
        parts = match.groups()  # type: ignore[assignment]
    if parts is None:
        return None
    try:
        day = f"{int(parts[0])} {parts[1][:3].title()} {parts[2]}"
        return datetime.strptime(day, "%d %b %Y").date().isoformat()  # noqa: DTZ007
    except ValueError:
        return None


def _opens_author_box(paragraph: str) -> bool:
    """A byline is no author box: the text that follows it is the item's, and may well name a reporter."""
    return re.match(r"\W*about\b", paragraph, re.IGNORECASE) is not None


def _is_biography(paragraph: str, before: list[str]) -> bool:
    """Within an author box: the paragraph names the author that the box announced, or speaks as biographies do."""
    heads = [
        m.group(1)
        for p in before
        if (m := re.match(r"about (?!the author)(.{3,60})$", p.strip(), re.IGNORECASE))
    ]
    if any(name.lower() in paragraph.lower() for name in heads):
        return True
    return (
        bool(
            re.search(
                r"\b(is|was|has been) an? .{0,60}(journalist|writer|reporter|editor|author|correspondent|analyst)\b",
                paragraph,
                re.IGNORECASE,
            )
        )
        and len(paragraph.split()) < 120
    )


def _looks_like_title(paragraph: str) -> bool:
    return len(paragraph.split()) <= 25 and not re.search(r"[.!…]$", paragraph)


def _key(paragraph: str) -> str:
    return re.sub(r"\W+", " ", paragraph).strip().lower()
