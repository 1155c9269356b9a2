"""Text exports of news archives: recognised by their markers, and split with their fields.

LexisNexis ('1 of 40 DOCUMENTS'), Nexis Uni ('Body' … 'End of Document') and Factiva ('Document
ABC0000020210301eh31000b6',
with field codes or without).
"""

import re
from typing import NamedTuple

SPLIT_IT = "split it into one file an article, or export it as .csv, .xlsx or .html"
_LEXIS = re.compile(r"^[ \t\f]*\d+ of [\d,]+ DOCUMENTS?[ \t]*$", re.MULTILINE)
_NEXIS = re.compile(r"^[ \t]*End of Document[ \t]*$", re.MULTILINE)
_NEXIS_BODY = re.compile(r"^[ \t]*Body[ \t]*$", re.MULTILINE)
_FACTIVA = re.compile(r"^[ \t]*Document [A-Z0-9]{5,}\d{8}[a-z0-9]{9,}[ \t]*$", re.MULTILINE)
_CODES = re.compile(
    r"^(SE|HD|BY|CR|WC|PD|ET|SN|SC|ED|PG|LA|CY|VOL|LP|TD|ART|CT|RF|CO|IN|NS|RE|IPD|IPC|PUB|AN)"
    r"(?:[ \t]+|$)",
    re.MULTILINE,
)
_BEFORE = re.compile(r"(byline|section|length|dateline|highlight|series|column|edition) ?:", re.I)
_AFTER = re.compile(
    r"(load-date|language|graphic|publication-type|pub-type|document-type|journal-code|subject|"
    r"acc-no|notes|classification|correction) ?:|(copyright|©|\(c\)) .{0,120}$",
    re.IGNORECASE,
)
_COPYRIGHT = re.compile(r"(copyright|©|\(c\))\b.{0,200}$|©.*", re.IGNORECASE)
_WORDS = re.compile(r"[\d,.]+ words", re.IGNORECASE)
_LONGEST_DATE = 60


class Article(NamedTuple):
    """One article of an export."""

    text: str
    title: str | None
    date: str | None
    source: str | None


def split_export(text: str) -> list[Article] | str | None:
    """Articles of an export; why it cannot be split; None where the text is no export."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _LEXIS.search(text):
        name, parts, read = "LexisNexis", _LEXIS.split(text)[1:], _lexis
    elif _NEXIS.search(text) and _NEXIS_BODY.search(text):
        name, parts, read = "Nexis Uni", _NEXIS.split(text), _nexis
    elif _FACTIVA.search(text):
        name, parts, read = "Factiva", _FACTIVA.split(text), _factiva
    else:
        return None
    articles = [read(part) for part in parts if part.strip()]
    if name != "LexisNexis" and len(articles) > 1 and not articles[-1].text:
        articles.pop()  # a list of subjects or a copyright after the last article
    bad = [number for number, article in enumerate(articles, start=1) if not article.text.strip()]
    if bad:
        what = f"an export of {len(articles)} articles of {name}"
        return f"{what}; no text found in article {bad[0]}; {SPLIT_IT}"
    return articles


def _lexis(part: str) -> Article:
    blocks = _blocks(part)
    fields = [k for k, block in enumerate(blocks) if _BEFORE.match(block)]
    opening = blocks[: fields[0]] if fields else blocks[:3]
    days = [iso_date(block.partition("\n")[0].strip()) for block in opening]
    day = next((k for k, value in enumerate(days) if value), None)
    source = opening[day - 1] if day else None
    later = opening[day + 1 :] if day is not None else opening[1:]
    rest = blocks[fields[-1] + 1 :] if fields else blocks[3:]
    date = days[day] if day is not None else None
    return Article(_body(rest), _line(later[-1]) if later else None, date, source)


def _nexis(part: str) -> Article:
    opening, _, rest = _NEXIS_BODY.sub("\0", part, count=1).partition("\0")
    lines = [line.strip() for line in opening.splitlines() if line.strip()]
    day = next((k for k, line in enumerate(lines) if iso_date(line)), None)
    title = lines[day - 2] if day is not None and day > 1 else next(iter(lines), None)
    source = lines[day - 1] if day else None
    return Article(_body(_blocks(rest)), title, iso_date(lines[day]) if day else None, source)


def _factiva(part: str) -> Article:
    pieces = _CODES.split(part)
    codes = dict(zip(pieces[1::2], (p.strip() for p in pieces[2::2]), strict=True))
    if {"HD", "PD"} <= codes.keys():
        text = "\n\n".join(codes[c] for c in ("LP", "TD", "ART") if codes.get(c))
        return Article(text, _line(codes["HD"]), iso_date(codes["PD"]), codes.get("SN"))
    lines = part.strip().splitlines()
    words = next((k for k, line in enumerate(lines) if _WORDS.fullmatch(line.strip())), None)
    if words is None:
        return Article("", None, None, None)
    head = [line.strip() for line in lines[:words] if line.strip()]
    about = [k for k in range(words + 1, len(lines)) if lines[k].strip()]
    day = next((k for k in about[:3] if iso_date(lines[k].strip())), None)
    after = [lines[k].strip() for k in about if day is not None and k > day]
    source = next((line for line in after if not re.match(r"\d{1,2}:\d\d", line)), None)
    end = next((k for k in about[:10] if _COPYRIGHT.match(lines[k].strip())), None)
    rest = lines[end + 1 :] if end is not None else []
    date = iso_date(lines[day].strip()) if day is not None else None
    return Article(_body(_blocks("\n".join(rest))), head[0] if head else None, date, source)


def _blocks(text: str) -> list[str]:
    return [block.strip() for block in re.split(r"\n[ \t]*\n", text) if block.strip()]


def _body(blocks: list[str]) -> str:
    """Paragraphs up to the fields that follow the text."""
    end = next((k for k, block in enumerate(blocks) if _AFTER.match(block)), len(blocks))
    return "\n\n".join(blocks[:end])


def _line(text: str) -> str:
    return " ".join(text.split())


def iso_date(text: str) -> str | None:
    """A line that is a day, as YYYY-MM-DD; None where it is anything else."""
    from pandas import Timestamp

    if len(text) > _LONGEST_DATE or not re.search(r"\b(?:19|20)\d\d\b", text):
        return None
    if not re.search(r"[^\W\d_]{3}|\d[-/.]\d", text):
        return None
    try:
        return str(Timestamp(re.sub(r"\(.*?\)", "", text)).date().isoformat())
    except (ValueError, OverflowError, TypeError):
        return None
