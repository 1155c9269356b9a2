"""Lines before the first and after the last paragraph, captions, and near lines of text."""

import time

import pytest

from sahelclf.corpus.page_rules import page_rules
from sahelclf.corpus.pages import clean_text_page

TITLE = "Convoy leaves the harbour"
BODY = [
    "The convoy of grain left the harbour on Monday, and four villages waited for it.",
    "It came back after two nights, because the ford was under water and no boat could pass.",
    "The owners of the boats have not replied to the governor since then.",
]
FRENCH_TITLE = "Le convoi quitte le port"
FRENCH_BODY = [
    "Le convoi de mil a quitté le port lundi, et quatre villages l’attendaient.",
    "Il est revenu après deux nuits, car le gué était sous les eaux.",
    "Les propriétaires des bateaux n’ont pas répondu au gouverneur depuis lors.",
]


def reasons(lines, line, languages=("en",)):
    """Why a line is dropped; no other line of the page is."""
    page = clean_text_page("\n\n".join(lines), languages)
    dropped = {d.text: d.reason for d in page.dropped}
    assert set(dropped) <= {line}
    assert page.text.split() == " ".join(x for x in lines if x not in dropped).split()
    return dropped.get(line)


@pytest.mark.parametrize(
    "line",
    [
        "GAO —",
        "GAO, Mali -",
        "GAO, Feb 27 (AFP) —",
        "Gao, October 7",
        "Gao, Saturday",
        "GAO, Mali",
        "Port-la-Paix, Mali, 24-10-2022 —",
        "(Quay Agency) –",
        "(Quay Agency)",
        "APA-Gao (Mali)",
        "Gao (Mali):",
        "19.04.2024, Gao.",
        "Jane Doe, January 27, 2025",
    ],
)
def test_place_lines_before_the_first_paragraph_are_dropped(line):
    assert reasons([TITLE, line, *BODY], line) == "place line"
    page = clean_text_page("\n\n".join([line, TITLE, *BODY]))
    assert (page.title, [d.text for d in page.dropped]) == (TITLE, [line])


@pytest.mark.parametrize(
    "line",
    [
        "Gao",
        "Background",
        "Sport",
        "Boats wait for the rain",
        "Four villages, one boat",
        "The road to Gao -",
        "What the owners say:",
        "Two years on: the harbour of Gao",
    ],
)
def test_headings_before_the_first_paragraph_are_kept(line):
    assert reasons([TITLE, line, *BODY], line) is None


def test_the_date_of_a_place_line_is_that_of_the_page():
    page = clean_text_page("\n\n".join([TITLE, "Gao, October 7, 2022 —", *BODY]))
    assert page.date == "2022-10-07"


def test_place_lines_between_paragraphs_are_kept():
    line = "Gao, October 7"
    assert reasons([TITLE, BODY[0], line, *BODY[1:]], line) is None


def test_one_line_stays_as_the_title():
    assert clean_text_page("\n\n".join(["Gao, October 7", *BODY])).title == "Gao, October 7"


@pytest.mark.parametrize(
    "line",
    [
        "Monthly report, November 2023",
        "Report on the harbour, February 15, 2022",
        "Thursday, January 9, 2025 — Uncategorized",
        "Quay News – Gao, Mali",
        "Harbour, page 44",
        "Quay Express",
        "Source: Quay weather, May 2025",
        "Source: Quay weather, May 2025. Download the full report.",
        "Browsing tag: boats",
        "In: Harbours",
        "By Doe with Roe",
        "From a correspondent in eastern Mali",
        "Gao, by our newsroom",
        "Harbour desk",
        "Mali — archive",
        "Editorial",
        "IN BRIEF -",
        "Key points",
        "WARNING: Some readers may find details upsetting",
        "This project was funded in part by the Quay Center",
    ],
)
def test_other_lines_between_title_and_first_paragraph_are_dropped(line):
    assert reasons([TITLE, line, *BODY], line) == "head of page"
    assert line in clean_text_page("\n\n".join([TITLE, BODY[0], line, *BODY[1:]])).text


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("By RFI", "author box"),
        ("By WN/APA", "author box"),
        ("By a correspondent", "author box"),
        ("By our reporter, Gao", "author box"),
        ("By our news desk — 1 min read", "author box"),
        ("By Jane Doe — 22 June 2024", "author box"),
        ("By Quay with AFP", "author box"),
        ("Author: Jane", "author box"),
        ("Published Friday 27 February 2026 | aGao.com", "date line"),
        ("Latest Mali News", "menu"),
        ("Jump to navigation", "menu"),
        ("On the same subject: Ten dead in the capital", "source line"),
        ("In the same section: Ten dead in the capital.", "source line"),
        ("Read: Ten dead in the capital", "source line"),
        ("More: Ten dead in the capital", "source line"),
        ("Go to video: Ten dead in the capital", "source line"),
        ("1 day ago: Ten dead in the capital", "source line"),
        ("Map: Mali, its cities and its provinces.", "caption"),
        ("Map by Jane Doe, from a blank map", "photo credit"),
        ("Harbour Department, via Wikimedia Commons", "photo credit"),
        ("Mali has seen more rain than before. /AFP", "caption"),
        ("A nurse treats a man at the ford. © MSF, 2025", "caption"),
        ("Harbour | News", "menu"),
        ("Quay Times | Back to top", "menu"),
    ],
)
def test_lines_that_are_dropped_at_any_place_after_the_title(line, reason):
    for lines in ([TITLE, line, *BODY], [TITLE, BODY[0], line, *BODY[1:]], [TITLE, *BODY, line]):
        assert reasons(lines, line) == reason


@pytest.mark.parametrize(
    "line",
    [
        "By a river, the men waited for the rain that never came.",
        "By our count, ten boats were lost in the harbour.",
        "By Night the Boats Go North",
        "More than the owners can pay",
        "Read the letter of the governor to the four villages",
        "Latest news of the lost boats is bad",
        "On the same subject, the governor said that the boats were lost.",
        "The map of the harbour was drawn by Jane Doe.",
        "Author and captain: two lives",
        "Harbour | Ford",
    ],
)
def test_near_lines_between_paragraphs_are_kept(line):
    assert reasons([TITLE, BODY[0], line, *BODY[1:]], line) is None


@pytest.mark.parametrize(
    "line",
    [
        "Quay News Agency",
        "With Quay Times",
        "Jane Doe, John Roe and Ann Poe",
        "Boats stay in the harbour of the capital",
        "Owners of the boats write to …",
        "This article is more than 9 years old",
        "*Name changed to protect identity",
        "The writer can be reached by text message only.",
        "Send your news tips to the editor.",
        "For any query contact the news desk of the Quay.",
        "Read the original article on the Quay.",
        "View this story on the website of the Quay.",
        "Download the full report on the harbour here.",
        "The Quay is a weekly newsletter. Subscribe for weekly notes.",
        "The Quay, the first news channel of the harbour. Follow us on all platforms.",
        "Filed under: Mali. Leave a comment here.",
        "Download report. Leave a reply: your e-mail address will not be published.",
        "Quay Network. Articles may be reproduced freely provided the source is cited.",
        "The views in this article are those of the author.",
        "“Boats lost”. The Quay. Retrieved 6 January 2023",
        "The Quay, the news arm of a harbour company, is one of many news providers | More results",
    ],
)
def test_lines_after_the_last_paragraph_are_dropped(line):
    assert reasons([TITLE, *BODY, line], line) == "end of page"
    assert line in clean_text_page("\n\n".join([TITLE, *BODY[:2], line, BODY[2]])).text


@pytest.mark.parametrize(
    "line",
    [
        "The boats stay in the harbour.",
        "The report on the harbour can be read by all.",
        "She sent her tips to the editor of the Quay.",
        "The captain reads the original letter to the crews of the boats.",
        "Names were given, and changed again, by the owners of the boats.",
        "“We support our captain,” the crews of the four boats said.",
        "- ten sacks of salt",
        "The owners say what they have said since the rains began, and they say it to all who ask",
        "And the owners?",
        "The owners wait...",
    ],
)
def test_text_at_the_end_is_kept(line):
    assert reasons([TITLE, *BODY, line], line) is None


def test_a_text_without_three_sentences_has_no_end():
    line = "Boats stay in the harbour of the capital"
    assert reasons([TITLE, *BODY[:2], line], line) is None


def test_a_list_at_the_end_is_kept():
    names = [f"{name} Doe, captain" for name in ("Jane", "John", "Ann", "Amy", "Joe")]
    assert clean_text_page("\n\n".join([TITLE, *BODY, *names])).dropped == ()
    assert len(clean_text_page("\n\n".join([TITLE, *BODY, *names[:4]])).dropped) == 4


CAPTIONS = [
    "A road in the harbour district of western Mali.",
    "A soldier on patrol in northern Mali.",
    "A soldier stands guard on a road outside Gao.",
    "Malian soldiers on patrol.",
    "Small gardens along the outer wall of the camp.",
    "Jane Doe at the foreign ministry in Gao on Tuesday.",
    "Supporters of the owners at a rally in Gao.",
    "Smoke seen over the southern districts of Gao.",
    "The gate of Camp Doe in Gao, a district of the harbour.",
    "A map of the region.",
]


@pytest.mark.parametrize("line", CAPTIONS)
def test_sentences_without_a_verb_that_show_a_picture_are_captions(line):
    assert reasons([TITLE, BODY[0], line, *BODY[1:]], line) == "caption"


@pytest.mark.parametrize(
    "line",
    [
        "Soldiers in the town fled to the harbour.",
        "Soldiers arrived in Gao on Tuesday.",
        "Residents in Gao report hunger.",
        "Traders from the south bring salt to the market.",
        "Prices rise in Gao.",
        "The war spreads to the harbour.",
        "The case against the owners is weak.",
        "The convoy took the road over the ford on Monday.",
        "According to the army.",
        "None of the owners in Gao.",
        "A road in the harbour district?",
        "A soldier folds the flag in Gao.",
    ],
)
def test_short_sentences_of_text_are_no_captions(line):
    assert reasons([TITLE, BODY[0], line, *BODY[1:]], line) is None


def test_captions_in_a_row_or_after_a_colon_are_a_list():
    lines = [TITLE, BODY[0], *CAPTIONS[:3], *BODY[1:]]
    assert clean_text_page("\n\n".join(lines)).dropped == ()
    listed = [TITLE, f"{BODY[0][:-1]}:", CAPTIONS[0], *BODY[1:]]
    assert reasons(listed, CAPTIONS[0]) is None


@pytest.mark.parametrize(
    ("line", "before", "kept_within"),
    [
        ("Publié vendredi 27 février 2026 | aGao.com", True, False),
        ("GAO —", True, True),
        ("Gao, le 7 octobre 2022", True, False),
        ("Par notre correspondant à Gao", True, False),
        ("Gao, par notre rédaction", True, True),
        ("Rapport mensuel, novembre 2023", True, True),
        ("Quai Infos – Gao, Mali", True, True),
        ("En bref", True, True),
        ("Pays : Mali", True, True),
        ("Télécharger le rapport complet sur le port du Mali.", False, True),
        ("Cet article a été publié une première fois en mai.", False, True),
        ("Les prénoms ont été modifiés pour des raisons de sécurité.", False, True),
        ("Avec le Quai du Mali", False, True),
    ],
)
def test_french_pages(line, before, kept_within):
    lines = [FRENCH_TITLE, *([line] if before else []), *FRENCH_BODY, *([] if before else [line])]
    assert reasons(lines, line, ("fr",)) is not None
    within = [FRENCH_TITLE, FRENCH_BODY[0], line, *FRENCH_BODY[1:]]
    assert (line in clean_text_page("\n\n".join(within), ("fr",)).text) is kept_within


@pytest.mark.parametrize(
    "line",
    [
        "Le rapport sur le port est public.",
        "L’article de la loi a été retiré par le gouverneur lundi.",
        "- dix sacs de sel",
    ],
)
def test_french_text_at_the_end_is_kept(line):
    assert reasons([FRENCH_TITLE, *FRENCH_BODY, line], line, ("fr",)) is None


@pytest.mark.parametrize("length", [200, 600, 20000])
@pytest.mark.parametrize(
    "unit",
    [
        "Gao, ",
        "Gao – ",
        "A soldier ",
        "on the road to Gao, and ",
        "Aa de la ",
        "AFP/",
        "(AFP) – ",
        "12 May 2021 – ",
        "by an aa ",
        "Source: x ",
        "Download the full ",
        "x | ",
        "aa.. ",
        "A B-",
    ],
)
def test_no_line_at_the_ends_takes_long(unit, length):
    line = (unit * (length // len(unit) + 1))[:length] + "!"
    page_rules(("en", "fr"))
    start = time.perf_counter()
    clean_text_page("\n\n".join([TITLE, line, *BODY, line, "and"]), ("en", "fr"))
    assert time.perf_counter() - start < 1
