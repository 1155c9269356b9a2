"""Kinds of boilerplate that real pages carry, and sentences that look alike and are kept."""

import pytest

from sahelclf.corpus.boilerplate import boilerplate_reason, is_title, iso_date
from sahelclf.corpus.page_rules import page_rules
from sahelclf.corpus.pages import clean_html_page, clean_text_page

ENGLISH = {
    "comment form": [
        "7 + 2 =",
        "What is 3 + 4?",
        "nine − 3 =",
        "× four = 12",
        "Please enter an answer in digits: 4 × 5 =",
        "Time limit is exhausted. Please reload CAPTCHA.",
        "This site uses Akismet to reduce spam. Learn how your comment data is processed.",
        "Name * Email * Website",
        "Email (required)",
        "Comments are closed.",
        "12 Comments",
        "Post Comment",
        "Leave this field empty",
        "(Log Out / Change)",
    ],
    "share line": [
        "3 bloggers like this:",
        "%d bloggers like this.",
        "Like Loading...",
        "Be the first to like this.",
        "1.2K Shares",
        "Post Views: 345",
    ],
    "menu": [
        "Click here",
        "Click to expand...",
        "Read full story »",
        "Continue reading →",
        "Download PDF",
        "Enlarge this image",
        "Toggle caption",
        "Home > News > Africa > Ten dead after the storm in the harbour",
        "Filed in: World",
    ],
    "address": [
        "https://www.example.org/2023/storm?id=3",
        "www.example.org",
        "newsroom@example.org",
        "example-times.com",
        "pic.twitter.com/AbC123",
        "#Harbour #Storm",
    ],
    "advertisement": [
        "- Advertisement -",
        "ADVERTISEMENT - CONTINUE READING BELOW",
        "Story continues below advertisement",
        "Sponsored content",
        "Report this ad",
    ],
    "template mark": [
        "{{ post.title }}",
        '[caption id="attachment_12" align="left"]The old quay[/caption]',
        "[vc_row]",
        "<!-- wp:paragraph -->",
        "(adsbygoogle = window.adsbygoogle || []).push({});",
        "googletag.cmd.push(function() { googletag.display('ad-1'); });",
        "undefined",
        "INSERT_PAYWALL_HERE",
    ],
    "media player": [
        "Video: The storm in one minute 02:31",
        "Watch | How the quay fell (1:45)",
        "02:31 Now playing The storm in one minute",
        "▶ The storm in one minute",
        "Video Duration 02 minutes 31 seconds 02:31",
        "Listen to this article",
    ],
    "source line": [
        "Read also: Ten dead in the capital",
        "Recommended Stories",
        "list 1 of 3Ten dead in the capital",
        "Sources: AFP, Reuters, The Quay",
        "This article was originally published on The Quay.",
        "You might also like",
    ],
    "cookie or sign-up notice": [
        "Get our daily newsletter in your inbox.",
        "Receive breaking stories straight to your inbox every morning.",
        "Thank you for reading this story.",
        "Privacy Policy",
    ],
    "campaign line": [
        "Support independent journalism with a gift of any size today.",
        "Our journalism depends on readers like you, and every gift helps.",
        "Please consider donating to keep this site free for all.",
        "If you value our work, please subscribe or share it with a friend.",
        "Sign the petition to save the old quay.",
    ],
    "author box": [
        "The views expressed in this article are the author's own and do not reflect the paper's.",
        "By Jane Doe, May 6, 2022",
        "Follow her on Twitter @janedoe",
    ],
    "agency sign-off": [
        "AFP",
        "(Reuters)",
        "bur-ah/kjm",
        "Reporting by Jane Doe in Gao; Editing by John Roe",
        "(Additional reporting by Jane Doe and John Roe; writing by Ann Poe)",
        "With agencies",
        "ENDS",
        "Enditem",
    ],
    "list of sources": [
        "Sources",
        "References",
        "[1] https://example.org/report",
        "Ministry of the Harbour: https://example.org/report.pdf",
    ],
    "forum control": [
        "Quote",
        "Joined: Mar 2012",
        "Posts: 1,234",
        "Page 2 of 14",
        "#12",
        "janedoe said: ↑",
    ],
    "caption": [
        "Fishermen mend the nets in the harbour. [File: Jane Doe/Quay News]",
        "Fishermen mend the nets in the harbour. (Photo by Jane Doe)",
        "Fishermen mend the nets in the harbour. Photo: Jane Doe/AFP",
        "Fishermen mend the nets in the harbour. Jane Doe/AFP via Getty Images",
        "FILE - Fishermen mend the nets in the harbour, March 4, 2021.",
        "Image caption, The old quay after the storm",
        "Image source, Quay News",
    ],
    "mojibake": ["��� ���� the ���", "Ã† Ã‰ Ã¥§ Ã¤§ ð§ Ã¶§ the"],
    "error page": ["403 Forbidden", "404 - Page not found", "nginx/1.18.0", "Access denied"],
    "date line": ["Published On 3 Mar 2024", "3 March 2024, 10:30 GMT", "[3 March 2024]"],
}
FRENCH = {
    "comment form": [
        "Laisser un commentaire",
        "Votre adresse e-mail ne sera pas publiée. Les champs obligatoires sont indiqués avec *",
        "Combien font 3 + 4 ?",
        "sept + 2 =",
        "Aucun commentaire",
        "Nom * E-mail * Site web",
    ],
    "share line": [
        "Partager",
        "Partager sur Facebook | Twitter | WhatsApp",
        "Suivez-nous sur Facebook et Twitter",
        "3 blogueurs aiment cela :",
        "12 partages",
    ],
    "source line": [
        "Lire aussi : Dix morts dans la capitale",
        "LIRE AUSSI Dix morts dans la capitale",
        "À lire également : Dix morts dans la capitale.",
        "Source : AFP",
        "Sur le même sujet",
    ],
    "cookie or sign-up notice": [
        "Abonnez-vous à notre newsletter",
        "Inscrivez-vous gratuitement à notre lettre d’information.",
        "Nous utilisons des cookies pour améliorer votre visite.",
        "Se connecter",
    ],
    "campaign line": ["Soutenez notre rédaction indépendante avec un don de votre choix."],
    "date line": [
        "Publié le 3 mars 2024",
        "Publié le 3 mars 2024 à 10h30",
        "le 1er mars 2024",
        "Mis à jour le lundi 4 mars 2024",
    ],
    "author box": ["Par Jeanne Dupont", "À propos de l’auteur", "Par AFP"],
    "menu": ["Lire la suite »", "Aller au contenu principal", "Accueil | Monde | Afrique"],
    "caption": ["Des pêcheurs réparent les filets dans le port. (Photo Jeanne Dupont/AFP)"],
    "photo credit": ["Crédit photo : Jeanne Dupont"],
    "copyright line": ["© Jeanne Dupont/AFP", "© 2024 Le Quai. Tous droits réservés."],
    "advertisement": ["Publicité"],
    "reading time": ["Temps de lecture : 3 minutes"],
    "error page": ["Accès refusé"],
}
TEXT = {
    "en": [
        "Two plus two is four, said the teacher of the village school.",
        "Captcha or not, the ministry's site was closed to all on Monday.",
        "Bloggers like this one were jailed in May.",
        "Click here, the fraudsters wrote, and the clerk clicked.",
        "Advertisement of the post was stopped by the court",
        "Video of the attack at 12:30",
        "Watch the river, the elders told the young men of the village.",
        "Support for independent journalism fell in the three countries last year.",
        "Support our troops, the governor told the crowd in the stadium.",
        "Donate or flee: how the armed groups tax the herders",
        "Get out of the harbour, the captain told the crews of the boats.",
        "Reporting by night is a risk that few in the town still take",
        "Reuters reporters were held at the gate",
        "Sources in the port say the ship left at dawn",
        "Quote of the day: the river does not wait",
        "Page after page of the report names the dead",
        "The captain, pictured with his crew, said that the photo was taken by a neighbour.",
        "The agencies AFP and Reuters counted ten dead.",
        "File a complaint and wait, the clerk told the widows of the four men.",
        "Access denied to aid convoys in the north",
        "Published in May, the report counts ten dead in the harbour.",
        "It was first published in May, and the ministry has not replied since then to it.",
        "The café's owner — a Malian — said: “São Tomé is far.”",
        "403 people were hurt",
        "Sports clubs of the port meet",
    ],
    "fr": [
        "Partager l’eau du fleuve reste le vœu des quatre villages de la rive.",
        "Lire et écrire, voilà ce que demandent les femmes du village.",
        "Source de vie, le fleuve a débordé deux fois cette année.",
        "Par Toutatis, la ville est tombée",
        "Par la route du nord, le convoi a mis trois jours.",
        "Publié en mai, le rapport compte dix morts dans le port.",
        "Suivez le fleuve, a dit le pêcheur aux trois voyageurs.",
        "Accès refusé aux convois d’aide dans le nord",
        "Le 3 mars 2024, le convoi a quitté la ville.",
        "Abonnez les enfants à la lecture, a dit la maîtresse de l’école.",
    ],
}


@pytest.mark.parametrize(
    ("language", "reason", "line"),
    [("en", r, line) for r, lines in ENGLISH.items() for line in lines]
    + [("fr", r, line) for r, lines in FRENCH.items() for line in lines],
)
def test_boilerplate_is_recognised_with_its_reason(language, reason, line):
    assert boilerplate_reason(line, page_rules((language,))) == reason


@pytest.mark.parametrize(("language", "line"), [(k, line) for k, v in TEXT.items() for line in v])
def test_text_that_looks_like_boilerplate_is_kept(language, line):
    assert boilerplate_reason(line, page_rules((language,))) is None
    assert clean_text_page(line, (language,)).text == line


BODY = "The convoy of grain left the harbour on Monday, and four villages waited for it."
MORE = "It came back after two nights, because the ford was under water and no boat could pass."


@pytest.mark.parametrize(
    ("line", "title"),
    [
        ("Convoy leaves the harbour", True),
        ("403", False),
        ("403 Forbidden", False),
        ("Access Denied", False),
        ("https://example.org/2023/storm", False),
        ("example-times.com", False),
        ("World News", False),
        ("Politics", False),
        ("403 soldiers leave the harbour", True),
        ("Politics of the harbour", True),
        ("Just a moment...", False),
    ],
)
def test_sections_addresses_and_errors_are_no_titles(line, title):
    assert bool(is_title(line, page_rules())) is title
    head = f"<html><head><meta property='og:title' content='{line}'></head>"
    body = f"<body><article><h1>Storm in the port</h1><p>{BODY}</p><p>{MORE}</p></article></body>"
    page = clean_html_page(f"{head}{body}</html>")
    assert page.title == (line if title else "Storm in the port")


def test_a_page_that_is_an_error_has_no_passages():
    assert clean_text_page("403 Forbidden\n\nnginx/1.18.0").passages == ()


@pytest.mark.parametrize(
    ("first", "text", "dropped"),
    [
        ("NEWSTen boats lost in the storm", "Ten boats lost in the storm", "NEWS"),
        ("AfricaTen boats lost in the storm", "Ten boats lost in the storm", "Africa"),
        ("WORLD NEWS Ten boats lost in the storm", "Ten boats lost in the storm", "WORLD NEWS"),
        ("Africa | Ten boats lost in the storm", "Ten boats lost in the storm", "Africa |"),
        ("12 SharesTen boats lost in the storm", "Ten boats lost in the storm", "12 Shares"),
        ("3 min read Ten boats lost in the storm", "Ten boats lost in the storm", "3 min read"),
    ],
)
def test_labels_that_run_into_the_first_passage_are_cut_off(first, text, dropped):
    page = clean_text_page(f"{first}\n\n{BODY}")
    assert page.text.startswith(f"{text}\n{BODY}")
    assert [(d.text, d.reason) for d in page.dropped] == [(dropped, "section or counter label")]


@pytest.mark.parametrize(
    "first",
    [
        "Africa Union leaders meet in the port",
        "World leaders meet in the port town",
        "12 shares of the mine were sold",
        "Politics and sport met in the port",
    ],
)
def test_words_of_a_headline_are_no_labels(first):
    assert clean_text_page(f"{first}\n\n{BODY}").text == f"{first}\n{BODY}"


def test_lines_that_are_section_names_go_before_the_text_only():
    page = clean_text_page(f"News\n\nAfrica\n\nConvoy leaves the harbour\n\n{BODY}\n\n{MORE}")
    assert (page.title, [d.text for d in page.dropped]) == (
        "Convoy leaves the harbour",
        ["News", "Africa"],
    )


CAPTION = "Fishermen mend the nets in the harbour of Gao"
CREDIT = "[File: Jane Doe/Quay News]"


@pytest.mark.parametrize(
    "lines",
    [
        [f"{CAPTION}. {CREDIT}", "Convoy leaves the harbour"],
        ["Convoy leaves the harbour", f"{CAPTION}.", f"{CAPTION}. {CREDIT}"],
        ["Convoy leaves the harbour", f"Convoy leaves the harbour{CAPTION}. {CREDIT}"],
        [
            "Convoy leaves the harbour",
            f"Convoy leaves the harbour {CAPTION}",
            f"{CAPTION} {CREDIT}",
        ],
        [f"Convoy leaves the harbour{CAPTION}. {CREDIT}"],
    ],
)
def test_captions_go_alone_twice_and_glued_to_the_headline(lines):
    page = clean_text_page("\n\n".join([*lines, BODY, MORE]))
    assert page.text == f"Convoy leaves the harbour\n{BODY}\n\n{MORE}"
    assert page.title == "Convoy leaves the harbour"
    assert {d.reason for d in page.dropped} <= {"caption", "repeated"}


def test_a_biography_at_the_end_goes_and_one_within_the_text_stays():
    bio = "Jane Doe is a reporter based in the harbour who covers storms."
    last = clean_text_page(f"{BODY}\n\n{MORE}\n\n{bio}")
    assert [(d.text, d.reason) for d in last.dropped] == [(bio, "author box")]
    assert bio in clean_text_page(f"{BODY}\n\n{bio}\n\n{MORE}").text


@pytest.mark.parametrize(
    ("raw", "date", "text"),
    [
        (f"By Jane Doe, May 6, 2022\n\n{BODY}", "2022-05-06", BODY),
        (f"3 March 2024 | {BODY}", "2024-03-03", BODY),
        (f"[March 3, 2024] – {BODY}", "2024-03-03", BODY),
        (f"Published on 3 March 2024 {BODY}", "2024-03-03", BODY),
        (f"GAO, Mali, 3 March 2024 /APO Group/ -- {BODY}", "2024-03-03", BODY),
        (f"Gao, 3 March 2024: {BODY}", "2024-03-03", BODY),
        (f"Published On 3 Mar 20243 Mar 2024\n\n{BODY}", "2024-03-03", BODY),
        (f"Published: 30/04/2024\n\n{BODY}", "2024-04-30", BODY),
        (f"Published: 03/04/2024\n\n{BODY}", None, BODY),
        ("3 March 2024 was the day on which the convoy left.", None, None),
        ("3 March 2024: Boats leave the port.\n\n4 March 2024: Boats come back to it.", None, None),
    ],
)
def test_dates_in_a_line_are_found(raw, date, text):
    page = clean_text_page(raw)
    assert (page.date, page.text) == (date, text or raw)


@pytest.mark.parametrize(
    ("raw", "date"),
    [
        (f"Publié le 1er mars 2024 à 10h30\n\n{BODY}", "2024-03-01"),
        (f"Bamako, le 3 mars 2024 – {BODY}", "2024-03-03"),
        (f"Niamey, 3 mars 2024 (AFP) - {BODY}", "2024-03-03"),
        (f"Publié le 03/04/2024\n\n{BODY}", "2024-04-03"),
        (f"Par Jeanne Dupont, le 12 août 2023\n\n{BODY}", "2023-08-12"),
    ],
)
def test_french_dates(raw, date):
    page = clean_text_page(raw, ("fr",))
    assert (page.date, page.text) == (date, BODY)


def test_impossible_dates_are_none():
    assert iso_date("30 February 2023", page_rules()) is None
    assert iso_date("2023-02-30", page_rules()) is None
