import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahelclf.corpus.pages import clean_html_page, clean_text_page, furniture_reason
from sahelclf.corpus.passages import LONG_WORDS, cut_passages

FURNISHED = """Soldiers Find Lost Convoy Near the River

A convoy lost since Monday was found by soldiers near the river, the regional governor told reporters on Thursday evening.

Loading video...

It had carried grain for four villages. Two drivers were treated for thirst, and the trucks went on under escort.

Share on Facebook | Twitter | WhatsApp

Original Source: example-times.com

About Jane Doe

Jane Doe has reported from five countries for many years. She holds a degree in history and lives by the sea.

View all posts by Jane Doe →

Leave a Reply

Your email address will not be published. Required fields are marked *
"""
TEASERS = """Talks on the Harbour Begin Again After the Storm
The port's two owners met for the first time since the storm broke the long quay.
Loading video...
The port's two owners met for the first time since the storm broke the long quay.
A fishing crew of nine was rescued on Sunday after two nights on a raft off the cape.
The price of ice has doubled, and boats stay in the harbour while their owners wait for help.
"""


def test_furniture_goes_and_every_paragraph_of_the_item_comes_out_once():
    page = clean_text_page(FURNISHED)
    assert page.title == "Soldiers Find Lost Convoy Near the River"
    assert [s.text for s in page.passages] == [
        "Soldiers Find Lost Convoy Near the River\nA convoy lost since Monday was found by soldiers near the river, the regional "
        "governor told reporters on Thursday evening.",
        "It had carried grain for four villages. Two drivers were treated for thirst, and the trucks went on under escort.",
    ]
    reasons = [d.reason for d in page.dropped]
    assert reasons == ["media player", "share line", "source line", "author box", "author box", "author box", "comment form", "comment form"]


def test_teasers_are_passages_of_their_own_and_a_repeated_one_goes():
    page = clean_text_page(TEASERS)
    assert len(page.passages) == 3
    assert page.text.count("met for the first time") == 1
    assert [d.reason for d in page.dropped] == ["media player", "repeated"]


@pytest.mark.parametrize(
    ("line", "text", "date"),
    [
        ("date 2023-11-06 In a long letter the mayor wrote to the governor about the road.", "In a long letter", "2023-11-06"),
        ("NIAMEY, March 4, 2021 (AFP) — The mayor wrote to the governor about the road.", "The mayor wrote", "2021-03-04"),
        ("Bamako, 12 May 2019 - The mayor wrote to the governor about the road.", "The mayor wrote", "2019-05-12"),
    ],
)
def test_a_date_or_place_line_run_into_the_text_is_taken_off(line, text, date):
    page = clean_text_page(line)
    assert page.text.startswith(text)
    assert page.date == date
    assert page.dropped[0].reason == "date or place line run into the text"


@pytest.mark.parametrize(
    "line",
    [
        "Video shows the moment the bridge fell, the ministry said.",
        "Share prices fell by a third after the news from the mine.",
        "About forty people were killed.",
        "By Friday the town was empty.",
        "Search teams found four survivors.",
        "Home to two million people, the region depends on its rains.",
        "March 4 was the day the rains came.",
        "Soldiers - many of them young - guard the bridge.",
        "Source of the river: nobody knows.",
        "Read the letter of the governor, and you see his fear.",
    ],
)
def test_sentences_that_begin_like_furniture_are_text(line):
    assert furniture_reason(line) is None


@pytest.mark.parametrize(
    "line",
    ["Advertisement", "Share on WhatsApp", "* * *", "3 min read", "5 November 2023", "Home | News | Sport | Africa", "© 2023 The Quay. All rights reserved.",
     "Save my name, email, and website in this browser for the next time I comment.", "Read also: Ten dead in the capital", "Filed under: Africa", "Photo: AFP"],
)
def test_furniture_is_recognised(line):
    assert furniture_reason(line)


def test_wrapped_lines_are_joined_and_unwrapped_ones_are_paragraphs():
    wrapped = "The governor of the river province said on Tuesday that the convoy of grain\nwas found near the second ford, where it had waited since the storm for\nhelp that came late, because the road had been washed away in three places\nand no boat could pass.\n\nA second paragraph stands here, and it is long enough to be a passage."
    assert len(clean_text_page(wrapped).passages) == 2


def test_html_gives_title_date_and_text():
    html = """<html><head><title>Convoy found | The Quay</title><meta property="article:published_time" content="2022-05-06T10:00:00Z">
    <meta property="og:title" content="Convoy found"></head><body><nav><a>Home</a><a>News</a></nav><article><h1>Convoy found</h1>
    <p>A convoy lost since Monday was found by soldiers near the river, the governor told reporters on Thursday evening at his house.</p>
    <p>It had carried grain for four villages. Two drivers were treated for thirst, and the trucks went on under an armed escort.</p>
    <p>Share on Facebook</p></article><footer>Copyright 2022</footer></body></html>"""
    page = clean_html_page(html)
    assert page.title == "Convoy found"
    assert page.date == "2022-05-06"
    assert page.text.count("Convoy found") == 1
    assert "four villages" in page.text
    assert "Facebook" not in page.text


def test_html_without_text_gives_no_passages():
    assert clean_html_page(b"<html><body><nav>Home</nav></body></html>").passages == ()
    assert clean_html_page(b"").passages == ()


PARAGRAPH = st.lists(st.sampled_from(["ab", "word.", "Long!", "The", "é,"]), min_size=1, max_size=400).map(" ".join)


@given(st.lists(PARAGRAPH, max_size=6))
def test_passages_stand_where_they_say_and_lose_no_word(paragraphs):
    text, spans = cut_passages(paragraphs)
    assert text == "\n\n".join(s.text for s in spans)
    assert all(text[s.start : s.end] == s.text for s in spans)
    assert text.split() == " ".join(paragraphs).split()


def test_a_long_paragraph_is_cut_at_sentence_ends():
    paragraph = " ".join(f"Sentence number {i} has exactly eight words here." for i in range(50))
    _, spans = cut_passages([paragraph])
    assert len(spans) == 3
    assert all(s.text.endswith("here.") and len(s.text.split()) <= LONG_WORDS for s in spans)


@given(st.text(max_size=400))
def test_any_text_can_be_cleaned(raw):
    page = clean_text_page(raw)
    assert page.text == "\n\n".join(s.text for s in page.passages)
