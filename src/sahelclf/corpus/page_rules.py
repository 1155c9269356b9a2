"""What cleaning and cutting know of a language: `languages/<code>.yaml`, added to `common.yaml`.

Patterns are regular expressions without regard to case. `<name>` in a pattern stands for the piece
of that name: one pattern, or a list of alternatives. The piece `month` is made of `months`.
To add a language, write one file with the same keys.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sahelclf.codebook import validation_problems
from sahelclf.errors import CorpusError

LOG = logging.getLogger(__name__)
FOLDER = Path(__file__).with_name("languages")
ENGLISH = ("en",)
_PIECE = re.compile(r"(?<!\?P)<([a-z_]+)>")
_NEVER = "(?!)"


class LanguageFile(BaseModel):
    """The form of a language's file; tables of patterns are by the reason that is reported."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    pieces: dict[str, str | list[str]]
    months: list[list[str]] = Field(max_length=12)  # the full name of each, then abbreviations
    numeric_dates: Literal["day first", "month first", "unknown"]  # how 04/03/2021 is read
    abbreviations: list[str]  # whose full stop ends no sentence, written without it
    quotes: dict[Literal["open", "close"], str]
    sections: list[str]  # names of a site's sections
    label_prefixes: list[str]  # counters and labels that run into the first paragraph
    not_titles: list[str]
    boilerplate: dict[str, list[str]]  # whole lines, sentences included
    boilerplate_lines: dict[str, list[str]]  # whole lines, unless they are sentences
    place_lines: list[str]  # whole lines before the first paragraph: place, date, agency
    head_lines: list[str]  # other whole lines between the title and the first paragraph
    end_lines: list[str]  # whole lines or clauses of them after the last paragraph
    leads: list[str]  # date and place lines run into a paragraph; group `date`
    first_leads: list[str]  # the same, in a page where one paragraph alone has one
    credits: list[str]  # of photographs, at the end of their captions
    captions: list[str]  # whole sentences that say what a picture shows, without a verb
    author_boxes: list[str]  # their heads; group 1 is the author's name
    box_biographies: list[str]  # anywhere in a paragraph of an author box
    closing_biographies: list[str]  # at the start of a page's last paragraphs
    stock_phrases: list[str]  # of news anywhere in a paragraph; counted for the corpus's card


def read_language(path: Path) -> LanguageFile:
    """Read a language's file; every problem is named with file and field."""
    try:
        return LanguageFile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        raise CorpusError(validation_problems(error, str(path))) from None


class _Language:
    """A language's file on top of the common one; `common` is a language of its own."""

    def __init__(self, code: str) -> None:
        self.path = FOLDER / f"{code}.yaml"
        self.file = read_language(self.path)
        base = self.file if code == "common" else read_language(FOLDER / "common.yaml")
        self.files = (self.file,) if base is self.file else (self.file, base)
        names = sorted((re.escape(n) for m in self.file.months for n in m), key=len, reverse=True)
        month = rf"\b(?:{'|'.join(names)})\b\.?" if names else _NEVER
        self.pieces = base.pieces | self.file.pieces | {"month": month}

    def patterns(self, key: str, reason: str | None = None) -> Iterator[str]:
        """The patterns under a key, and a reason in it, with their pieces written out."""
        for file in self.files:
            value = getattr(file, key)
            for pattern in value if reason is None else value.get(reason, ()):
                yield _PIECE.sub(lambda m: self.piece(m.group(1)), pattern)

    def piece(self, name: str) -> str:
        """A piece, written out, as a group."""
        if name not in self.pieces:
            raise CorpusError(f"{self.path}: pieces: no <{name}>, which a pattern refers to")
        value = self.pieces[name]
        parts = "|".join(value) if isinstance(value, list) else value
        return f"(?:{_PIECE.sub(lambda m: self.piece(m.group(1)), parts)})"


class PageRules:
    """The compiled rules of one or more languages together."""

    def __init__(self, codes: Sequence[str]) -> None:
        self._languages = [_Language(code) for code in codes]
        files = [language.file for language in self._languages]
        self.boilerplate = self._by_reason("boilerplate")
        self.boilerplate_lines = self._by_reason("boilerplate_lines")
        self.place_line = self._any("place_lines")
        self.head_line = self._any("head_lines")
        self.end_line = self._any("end_lines")
        self.leads = self._each("leads")
        self.first_leads = self._each("first_leads")
        self.author_boxes = self._each("author_boxes")
        self.credit = self._any("credits", r"\s*(?:{})[\s.)\]]*$")
        self.caption = self._any("captions")
        self.box_biography = self._any("box_biographies")
        self.closing_biography = self._any("closing_biographies")
        self.not_title = self._any("not_titles")
        self.stock_phrase = self._any("stock_phrases")
        self.section = re.compile("|".join(_sections(files)) or _NEVER, re.IGNORECASE)
        self.label_prefix = self._label_prefix(_sections(files))
        self.month_number = {
            name: number
            for file in files
            for number, month in enumerate(file.months, 1)
            for name in month
        }
        self.month, self.ordinal, self.date_joiner = (
            "|".join(language.piece(name) for language in self._languages)
            for name in ("month", "ordinal", "date_joiner")
        )
        self.numeric_dates = files[0].numeric_dates
        self.sentence_gap = _sentence_gap(files)

    def _patterns(self, key: str, reason: str | None = None) -> list[str]:
        languages = self._languages
        return [*dict.fromkeys(p for one in languages for p in one.patterns(key, reason))]

    def _compiled(self, patterns: list[str], field: str, form: str = "{}") -> re.Pattern[str]:
        try:
            return re.compile(form.format("|".join(patterns) or _NEVER), re.IGNORECASE)
        except re.error as error:
            files = ", ".join(str(language.path) for language in self._languages)
            raise CorpusError(f"{files}: {field}: not a regular expression: {error}") from None

    def _each(self, key: str) -> list[re.Pattern[str]]:
        return [self._compiled([p], key) for p in self._patterns(key)]

    def _any(self, key: str, form: str = "{}") -> re.Pattern[str]:
        return self._compiled(self._patterns(key), key, form)

    def _by_reason(self, key: str) -> dict[str, re.Pattern[str]]:
        files = [f for language in self._languages for f in language.files]
        reasons = dict.fromkeys(r for f in files for r in getattr(f, key))
        return {r: self._compiled(self._patterns(key, r), f"{key}.{r}") for r in reasons}

    def _label_prefix(self, sections: list[str]) -> re.Pattern[str]:
        """Section names and counters that run into a paragraph: 'NEWSTen dead', 'Africa | Ten'."""
        upper = "|".join(s.upper() for s in sections) or _NEVER
        names = f"{'|'.join(sections) or _NEVER}|{upper}"
        others = "|".join(self._patterns("label_prefixes")) or _NEVER
        word = "[A-ZÀ-Ý][a-zà-ÿ]"
        named = rf"(?:{names})(?:(?={word})|\s*[|›»•]\s*)"
        return re.compile(rf"(?:{named}|(?:{upper})\s+(?={word}+\s)|(?i:{others}))+")


def _sections(files: list[LanguageFile]) -> list[str]:
    return sorted((re.escape(s) for f in files for s in f.sections), key=len, reverse=True)


def _sentence_gap(files: list[LanguageFile]) -> re.Pattern[str]:
    """Ends at the start of a sentence: closing quotation marks and, where there are any, blanks."""
    opening, closing = (
        re.escape("".join(dict.fromkeys(c for f in files for c in f.quotes[side])))
        for side in ("open", "close")
    )
    names = dict.fromkeys(a for f in files for a in f.abbreviations)
    no_abbreviation = "".join(rf"(?<!\b{re.escape(name)}\.)" for name in names)
    end, start = rf"(?<=[.!?…])(?<!\b[A-Z]\.){no_abbreviation}", rf"[{opening}]?\s?[A-ZÀ-Ý0-9]"
    spaced = rf"{end}[{closing}]*(?:\s»)?\s+(?={start})"
    glued = rf"(?<=[a-zà-ÿ][a-zà-ÿ][.!?])[{closing}]*(?=[A-ZÀ-Ý][a-zà-ÿ])"
    return re.compile(f"{spaced}|{glued}")


def page_rules(languages: Sequence[str] = ENGLISH) -> PageRules:
    """The rules for these languages (ISO 639-1 codes); a message names those without a file."""
    return _page_rules(tuple(dict.fromkeys(languages)))


@cache
def _page_rules(codes: tuple[str, ...]) -> PageRules:
    available = sorted(p.stem for p in FOLDER.glob("*.yaml") if p.stem != "common")
    if missing := [c for c in codes if c not in available]:
        LOG.warning(
            "no rules for pages in %s: cleaned with the rules that all languages share (there are "
            "rules for %s)",
            *(", ".join(missing), ", ".join(available)),
        )
    return PageRules([c for c in codes if c in available] or ["common"])
