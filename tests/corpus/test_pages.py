import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahelclf.corpus.boilerplate import boilerplate_reason
from sahelclf.corpus.page_rules import page_rules
from sahelclf.corpus.pages import clean_html_page, clean_text_page
from sahelclf.corpus.passages import LONG_WORDS, cut_passages

WRAPPED = (
    "The governor of the river province said on Tuesday that the convoy of grain\n"
    "was found near the second ford, where it had waited since the storm for\n"
    "help that came late, because the road had been washed away in three places\n"
    "and no boat could pass."
)
FULL_PAGE = """Soldiers Find Lost Convoy Near the River

A convoy lost since Monday was found by soldiers near the river, the governor told reporters.

Loading video...

It had carried grain for four villages, and the trucks went on under escort.

Share on Facebook | Twitter | WhatsApp

Original Source: example-times.com

About Jane Doe

Jane Doe has reported from five countries for many years. She lives by the sea.

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


def test_boilerplate_goes_and_every_paragraph_of_the_item_comes_out_once():
    page = clean_text_page(FULL_PAGE)
    assert page.title == "Soldiers Find Lost Convoy Near the River"
    assert [s.text for s in page.passages] == [
        "Soldiers Find Lost Convoy Near the River\n"
        "A convoy lost since Monday was found by soldiers near the river, "
        "the governor told reporters.",
        "It had carried grain for four villages, and the trucks went on under escort.",
    ]
    reasons = [d.reason for d in page.dropped]
    assert reasons == [
        "media player",
        "share line",
        "source line",
        "author box",
        "author box",
        "author box",
        "comment form",
        "comment form",
    ]


def test_teasers_are_passages_of_their_own_and_a_repeated_one_goes():
    page = clean_text_page(TEASERS)
    assert len(page.passages) == 3
    assert page.text.count("met for the first time") == 1
    assert [d.reason for d in page.dropped] == ["media player", "repeated"]


@pytest.mark.parametrize(
    ("line", "text", "date"),
    [
        (
            "date 2023-11-06 In a long letter the mayor wrote to the governor about the road.",
            "In a long letter",
            "2023-11-06",
        ),
        (
            "NIAMEY, March 4, 2021 (AFP) — The mayor wrote to the governor about the road.",
            "The mayor wrote",
            "2021-03-04",
        ),
        (
            "Bamako, 12 May 2019 - The mayor wrote to the governor about the road.",
            "The mayor wrote",
            "2019-05-12",
        ),
        (
            "OUAGADOUGOU, Burkina Faso, Jan. 24 (Reuters) - The mayor wrote to the governor.",
            "The mayor wrote",
            None,
        ),
        (
            "N'Djamena (AFP) – The mayor wrote to the governor about the road.",
            "The mayor wrote",
            None,
        ),
        (
            "BAMAKO (Reuters) - The mayor wrote to the governor about the road.",
            "The mayor wrote",
            None,
        ),
        (
            "Niamey, Niger (AP) — The mayor wrote to the governor about the road.",
            "The mayor wrote",
            None,
        ),
        (
            "Port de la Paix, 3 June 2020 — The mayor wrote to the governor about the road.",
            "The mayor wrote",
            "2020-06-03",
        ),
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
        "Posted 200 soldiers to Menaka.",
        "Updated toll: 24 soldiers killed in Tillaberi",
        "Published figures say 300 died",
        "Published 12 May 2021 figures say 300 died",
        "Date of the 2024 vote is still open",
        "Like us, they lost 200 men",
        "Follow me, the colonel told his men",
        "Follow us on the road to the front, the driver said",
        "Share this view",
        "By Monday Evening Troops Left",
        "By April Rebels Held Town",
        "By Night Soldiers Moved North",
        "By Sea and Land They Came",
        "Subscribe to the peace deal, junta urges rebels in Kidal",
        "Sign up to the ceasefire",
        "Copyright dispute delays ECOWAS summit in Abuja",
        "Copyright law of 2019 angers singers",
        "(c) the parties shall hold their fire",
        "All rights reserved for the generals under the charter",
        "Log in the river blocks convoy",
        "Register of voters stolen",
        "Photo shows soldiers at the gate",
        "Photo: soldiers at the gate of the camp",
        "Soldiers at the gate of the camp on 5 May 2021",
        "About Forty Soldiers Killed",
        "Source: army to leave the town",
        "No comment on the killings from the junta",
        "More from Mali as troops leave",
        "Filed under protest, the suit was dropped",
        "See more of the river",
        "12 May 2021 12:30 troops left",
        "12 days in the desert",
    ],
)
def test_sentences_that_begin_like_boilerplate_are_text(line):
    assert boilerplate_reason(line, page_rules()) is None


@pytest.mark.parametrize(
    "line",
    [
        "Advertisement",
        "Share on WhatsApp",
        "* * *",
        "3 min read",
        "5 November 2023",
        "Home | News | Sport | Africa",
        "© 2023 The Quay. All rights reserved.",
        "Save my name, email, and website in this browser for the next time I comment.",
        "Read also: Ten dead in the capital",
        "Filed under: Africa",
        "Photo: AFP",
        "Published: May 6, 2022",
        "Updated 9 May 2022 10:30 GMT",
        "Posted on 6 May 2022 by admin",
        "Last modified: 2022-05-06T10:00:00Z",
        "Updated 3 hours ago",
        "Published May 6, 2022 | Updated May 7, 2022",
        "Friday, 6 May 2022 - 10:30",
        "Like us on Facebook",
        "Follow us on Twitter and Facebook for more news.",
        "Follow the Quay Times channel on WhatsApp",
        "Join our WhatsApp channel",
        "Click here to join our WhatsApp channel",
        "Share this article",
        "Share this:",
        "By Jane Doe",
        "By Jane Doe, Reuters",
        "By Jane Doe and John Roe",
        "By Jane Doe, West Africa correspondent",
        "By Jane Doe | May 6, 2022",
        "BY JANE DOE",
        "By AFP",
        "Subscribe now",
        "Sign up for our newsletter",
        "Sign up for free to get alerts.",
        "Subscribe to our YouTube channel today.",
        "Sign up here",
        "Copyright 2022 The Quay",
        "Copyright © The Quay",
        "Copyright (c) The Quay",
        "(c) 2022 The Quay",
        "The Quay © 2022",
        "Copyright The Quay. All rights reserved.",
        "Log in",
        "Log in to comment",
        "Log in | Register",
        "Photo by Jane Doe / AFP via Getty Images",
        "Photo credit: the port office",
        "(Photo: Jane Doe/AFP)",
        "ALSO READ: Ten dead in the capital",
        "READ ALSO | Ten dead in the capital",
        "READ ALSO Ten dead in the capital",
        "Also read – Ten dead in the capital.",
        "• Read more: Ten dead in the capital",
        "Your email address will not be published.",
        "We use cookies to give you the best experience.",
        "No comments yet",
        "The post Ten dead in the capital appeared first on The Quay.",
        "Original Source: example-times.com",
        "Source: Al Jazeera and news agencies",
        "More from Jane Doe",
    ],
)
def test_boilerplate_is_recognised(line):
    assert boilerplate_reason(line, page_rules())


@pytest.mark.parametrize(
    "line",
    [
        "President Bazoum was ousted on July 26 - a date that many in the town will not forget.",
        "On July 26 - a date that many in the town will not forget - the guard moved.",
        "Friday, July 26 - a date that many in the town will not forget.",
        "Jane Doe (NDP) - who ruled the port until the storm - wrote to the governor.",
        "Ten men were hurt in the port on 3 June - the worst day of the year.",
    ],
)
def test_a_clause_is_no_place_line(line):
    assert clean_text_page(line).text == line


def test_a_byline_does_not_make_the_next_paragraph_a_biography():
    text = "John Roe was a journalist whom the whole port knew, and he was killed on Monday."
    raw = f"By Jane Doe\n\n{text}\n"
    assert [d.text for d in clean_text_page(raw).dropped] == ["By Jane Doe"]


def test_only_the_paragraphs_right_after_an_author_box_are_biography():
    first = "The ferry left the port on Monday with the grain."
    second = "The pilot, Jane Doe, was praised by the owners of the ferry."
    raw = f"About Jane Doe\n\n{first}\n\n{second}"
    assert [d.text for d in clean_text_page(raw).dropped] == ["About Jane Doe"]


@pytest.mark.parametrize("end", ["\r\n", "\r", "\r\r\n", "\u2028", "\x85"])
def test_every_kind_of_line_end_is_one(end):
    plain = clean_text_page(TEASERS)
    assert clean_text_page(TEASERS.replace("\n", end)) == plain
    assert clean_text_page(WRAPPED.replace("\n", end)).text == WRAPPED.replace("\n", " ")


def test_bullets_and_boilerplate_in_wrapped_text_stand_alone():
    raw = (
        "By Jane Doe\nMay 6, 2022\n"
        "The governor of the river province said on Tuesday that the convoy of grain\n"
        "was found near the second ford, where it had waited since the storm for\n"
        "help that came late - and he named what it had carried with it to the town:\n"
        "- forty sacks of millet, which the four villages on the river had waited for\n"
        "since the last rains of the year\n- ten sacks of salt.\n"
        "ALSO READ: Ten dead in the capital\n"
    )
    page = clean_text_page(raw)
    assert [d.text for d in page.dropped] == [
        "By Jane Doe",
        "May 6, 2022",
        "ALSO READ: Ten dead in the capital",
    ]
    assert page.date == "2022-05-06"
    assert "waited for since the last rains of the year" in page.text
    assert "of the year\n\n- ten sacks of salt." in page.text


STORY = (
    "<p>A convoy lost since Monday was found by soldiers near the river, the governor told "
    "reporters on Thursday evening at his house.</p><p>It had carried grain for four villages. "
    "Two drivers were treated for thirst, and the trucks went on under an armed escort.</p>"
)


@pytest.mark.parametrize(
    ("head", "byline", "foot", "date"),
    [
        ("", "", "© 2023 Site", None),
        (
            "",
            "<p>The pact was signed on May 6, 2012 in the capital, and few remember it now.</p>",
            "",
            None,
        ),
        ("", "<p>Published: May 6, 2022</p>", "© 2023 Site", "2022-05-06"),
        ("", "<p class='byline'>By Jane Doe, May 6, 2022</p>", "© 2023 Site", "2022-05-06"),
        ("", "<time datetime='2022-05-06'>6 May</time>", "© 2023 Site", "2022-05-06"),
        (
            "<meta property='article:published_time' content='2022-05-06T10:00:00Z'>",
            "",
            "© 2023 Site",
            "2022-05-06",
        ),
        ("<meta property='og:image' content='https://example.org/2021/02/03/a.jpg'>", "", "", None),
    ],
)
def test_the_date_of_html_is_stated_and_never_invented(head, byline, foot, date):
    article = f"<article><h1>Convoy found</h1>{byline}{STORY}</article>"
    body = f"<body>{article}<footer>{foot}</footer></body>"
    html = f"<html><head><title>Convoy found</title>{head}</head>{body}</html>"
    assert clean_html_page(html).date == date


def test_wrapped_lines_are_joined_and_unwrapped_ones_are_paragraphs():
    second = "A second paragraph follows, and it is long enough to be a passage."
    assert len(clean_text_page(f"{WRAPPED}\n\n{second}").passages) == 2


def test_html_gives_title_date_and_text():
    published = "<meta property='article:published_time' content='2022-05-06T10:00:00Z'>"
    title = "<meta property='og:title' content='Convoy found'>"
    head = f"<head><title>Convoy found | The Quay</title>{published}{title}</head>"
    article = f"<article><h1>Convoy found</h1>{STORY}<p>Share on Facebook</p></article>"
    menu = "<nav><a>Home</a><a>News</a></nav>"
    html = f"<html>{head}<body>{menu}{article}<footer>Copyright 2022</footer></body></html>"
    page = clean_html_page(html)
    assert page.title == "Convoy found"
    assert page.date == "2022-05-06"
    assert page.text.count("Convoy found") == 1
    assert "four villages" in page.text
    assert "Facebook" not in page.text


def test_html_without_text_gives_no_passages():
    assert clean_html_page(b"<html><body><nav>Home</nav></body></html>").passages == ()
    assert clean_html_page(b"").passages == ()


PARAGRAPH = st.lists(
    st.sampled_from(["ab", "word.", "Long!", "The", "é,"]), min_size=1, max_size=400
).map(" ".join)


@given(st.lists(PARAGRAPH, max_size=6))
def test_offsets_of_passages_are_right_and_no_word_is_lost(paragraphs):
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


@pytest.mark.parametrize(
    "line",
    [
        "x " * 39 + "q",
        "Share " * 39 + "q",
        "Published 1 May" + " 12:30" * 35 + " on q",
        "Posted today" + " at on" * 13 + "!",
        "Copyright " + "A." * 200 + " q",
        "Photo: " + "Aa/" * 140 + "q",
        "connexion / encore / " * 30 + "less!",
        "Log in | " + "menu | " * 60 + "!",
        "recherche | " * 38 + "!",
        "[a" + " b=c" * 140,
        "Reporting by " + "Doe, and " * 20 + "q!",
    ],
)
def test_no_line_takes_long(line):
    rules = page_rules(("en", "fr"))
    start = time.perf_counter()
    boilerplate_reason(line, rules)
    assert time.perf_counter() - start < 1


def test_a_crumb_is_no_passage_of_its_own():
    one, two = "A convoy left the harbour on Monday.", "It came back after two nights."
    assert [s.text for s in cut_passages([one, "Wow!", two])[1]] == [f"{one}\nWow!", two]
    assert [s.text for s in cut_passages(["Oh no.", one])[1]] == [f"Oh no.\n{one}"]
    assert [s.text for s in cut_passages([one, "The End"])[1]] == [f"{one}\nThe End"]
    assert [s.text for s in cut_passages([one, "So it goes."])[1]] == [one, "So it goes."]


def test_sentences_without_a_blank_between_them_are_cut():
    paragraph = "".join(f"Sentence number {i} has exactly eight words here." for i in range(40))
    _, spans = cut_passages([paragraph])
    assert len(spans) == 3  # 320 words
    assert all(s.text.endswith("here.") and len(s.text.split()) <= LONG_WORDS for s in spans)


def test_abbreviations_and_initials_end_no_sentence_and_quotes_stay():
    sentence = (
        "“The road is closed,” Gen. A. Doe of the U.S. Army told Mr. Roe. “It will stay so.” "
    )
    _, spans = cut_passages([sentence * 12])
    assert all(s.text.startswith("“The road") and s.text.endswith("so.”") for s in spans)
    assert " ".join(s.text for s in spans) == (sentence * 12).strip()


@pytest.mark.parametrize("hyphen", ["-", "\u2010", "\u00ad"])
def test_words_broken_at_line_ends_are_joined_as_the_page_knows_them(hyphen):
    raw = (
        f"The French ambas{hyphen}\nsador was told to leave within two days, the ministry said on\n"
        "Monday, and the ambassador did not reply to it until the end of the week."
    )
    assert "The French ambassador was told to leave" in clean_text_page(raw).text


def test_a_compound_broken_at_its_hyphen_keeps_it():
    raw = "The counter-\nterrorism pact was signed, and counter-terrorism units came to the port."
    assert clean_text_page(raw).text.startswith("The counter-terrorism pact")
    once = "The French-\nled force left the port on Monday with the boats that it came with."
    assert clean_text_page(once).text.startswith("The French-led force")


def test_a_page_that_breaks_words_at_many_lines_has_them_joined():
    raw = (
        "The French ambas-\nsador was told to leave Niamey within two days, the foreign min-\n"
        "istry said, and the sanc-\ntions were to stay in place until the talks resumed."
    )
    text = clean_text_page(raw).text
    assert [w for w in ("ambassador", "ministry", "sanctions") if w in text] == [
        "ambassador",
        "ministry",
        "sanctions",
    ]
    assert "-" not in text


def test_a_dash_at_a_line_end_is_no_hyphen():
    raw = "The boats -\nten of them - left the port on Monday before the storm came over it."
    assert "boats -" in clean_text_page(raw).text


def test_a_text_in_a_wrong_encoding_is_repaired():
    right = "L’armée a dit « non » : le café de São Tomé est fermé, et l’école aussi."
    wrong = right.encode().decode("cp1252", "replace").replace("\ufffd", "\u009d")
    assert wrong != right
    assert clean_text_page(wrong, ("fr",)).text == right
    assert clean_text_page(right, ("fr",)).text == right


def story(headline, blurb):
    return f"{headline}\n\n{blurb}"


def test_a_list_of_stories_is_recognised_and_an_article_with_headings_is_not():
    stories = [
        story("Ten boats lost in the storm", "The crews were saved by a ferry on Monday night."),
        story("Ice is dear in the harbour", "Its price has doubled since the rains ended..."),
        story("Ferry owners meet the governor", "They ask for a new quay before the next rains."),
    ]
    assert clean_text_page("\n\n".join(stories)).stories == 3
    assert clean_text_page("\n\n".join(["Latest from the harbour", *stories])).stories == 3
    long = " ".join(["The crews were saved by a ferry on Monday night."] * 8)
    article = [story(f"What the owners want, part {k}", long) for k in "abc"]
    assert clean_text_page("\n\n".join(article)).stories == 1
    assert clean_text_page(TEASERS).stories == 1
