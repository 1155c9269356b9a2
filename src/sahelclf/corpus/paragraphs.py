"""Raw page text to paragraphs: encodings repaired, broken words and wrapped lines joined."""

import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from sahelclf.models.runtime.text import clean_text

_CP1252 = {chr(b): b for b in range(0x80, 0x100)} | {
    bytes([b]).decode("cp1252"): b for b in range(0x80, 0xA0) if b not in b"\x81\x8d\x8f\x90\x9d"
}
_CONTINUATION = "".join(re.escape(c) for c, b in _CP1252.items() if b < 0xC0)
_MOJIBAKE = re.compile(
    rf"(?:[ÃÂ][{_CONTINUATION}]|[âï][{_CONTINUATION}]{{2}}|ð[{_CONTINUATION}]{{3}})+"
)
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_WORD = re.compile(r"[^\W\d_]+(?:[-‐'’][^\W\d_]+)*")
_LINE_END_HYPHEN = re.compile(r"[-‐]\n")
_BROKEN = re.compile(r"([^\W\d_]+)[-‐]\n[ \t]*((?=[a-zß-öø-ÿœ])[^\W\d_]+)")
_BULLET = re.compile(r"(?:[*•‣▪●–-]|\d{1,2}[.)])\s+\S")
_ENDS_SENTENCE = re.compile(r"[.!?…:;\"”’»)\]]$")

Judge = Callable[[str], str | None]  # why a line is boilerplate; None where it is text


def repair_encoding(text: str) -> str:
    """UTF-8 that was read as Windows-1252 ('Ã©' for 'é', 'â€™' for '’'), read as it should be."""

    def reread(match: re.Match[str]) -> str:
        try:
            return bytes(_CP1252[c] for c in match.group()).decode("utf-8")
        except UnicodeDecodeError:
            return match.group()

    return text if text.isascii() else _MOJIBAKE.sub(reread, text)


def plain_text(raw: str) -> str:
    """One kind of line end, no control or invisible characters, encodings repaired, NFC."""
    text = "\n".join(raw.replace("\r\r\n", "\n").splitlines())
    return (
        _CONTROL.sub("", clean_text(repair_encoding(text)))
        .replace("\u00a0", " ")
        .replace("\u202f", " ")
    )


def split_paragraphs(text: str, judge: Judge, *, one_a_line: bool = False) -> list[str]:
    """Blocks between blank lines where lines are wrapped within them, else lines."""
    wrapped = not one_a_line and _is_wrapped([line.strip() for line in text.split("\n")], judge)
    lines = [line.strip() for line in _join_broken_words(text).split("\n")]
    if not wrapped:
        return [" ".join(line.split()) for line in lines if line]
    blocks = re.split(r"\n\s*\n", "\n".join(lines).strip())
    return [p for block in blocks if block for p in _join_wrapped(block.split("\n"), judge)]


def _join_broken_words(text: str) -> str:
    """Words broken by a hyphen at a line's end, joined as the page writes them elsewhere.

    What the page does not write elsewhere loses its hyphen only where the page breaks words at line
    ends (one is known to be so, or three lines end in hyphens) and its halves are not both words.
    """
    breaks = _BROKEN.findall(text) if _LINE_END_HYPHEN.search(text) else []
    if not breaks:
        return text
    known = Counter(word.lower() for word in _WORD.findall(_BROKEN.sub(" ", text)))
    hyphenates = len(breaks) > 2 or any(known[(a + b).lower()] for a, b in breaks)

    def join(match: re.Match[str]) -> str:
        halves = [half.lower() for half in match.groups()]
        whole, hyphenated = known["".join(halves)], known["-".join(halves)]
        unknown = not hyphenated and not all(known[half] for half in halves)
        joined = whole > hyphenated or (hyphenates and unknown)
        return ("" if joined else "-").join(match.groups())

    return _BROKEN.sub(join, text)


def _join_wrapped(lines: list[str], judge: Judge) -> list[str]:
    """The paragraphs of a block of wrapped lines.

    Bullets, and boilerplate that no sentence runs on into, are paragraphs of their own.
    """
    paragraphs: list[list[str]] = []
    closed = True
    for line in lines:
        alone = closed and judge(line) is not None
        bullet = _BULLET.match(line) and (closed or _BULLET.match(paragraphs[-1][0]))
        after = closed and paragraphs and len(paragraphs[-1]) == 1 and judge(paragraphs[-1][0])
        if not paragraphs or bullet or (closed and alone) or after:
            paragraphs.append([])
        paragraphs[-1].append(line)
        closed = alone or _ENDS_SENTENCE.search(line) is not None
    return [" ".join(" ".join(paragraph).split()) for paragraph in paragraphs]


def _is_wrapped(lines: list[str], judge: Judge) -> bool:
    """Whether most lines that another follows end within a sentence, at 50 to 100 characters."""
    followed = [a for a, b in pairwise(lines) if a and b and judge(a) is None]
    if len(followed) < 3:
        return False
    inside = [a for a in followed if 50 <= len(a) <= 100 and not re.search(r"[.!?…\"”»]$", a)]
    return len(inside) > 0.5 * len(followed)
