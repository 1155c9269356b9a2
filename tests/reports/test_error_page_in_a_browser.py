"""The error page opened from disk in Chromium; filters are set by the address."""

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from reports.test_error_page import HOSTILE, hostile_training, page_of

BROWSER = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)
pytestmark = [
    pytest.mark.tools,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium here: apt-get install chromium"),
]


class Reader(HTMLParser):
    """Cards with their text, cells and terms, from the page as the browser had it."""

    def __init__(self, text):
        super().__init__()
        self.cards, self.where, self.tags, self.title = [], None, [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        kind = dict(attributes).get("class") or ""
        self.tags.append(tag)
        if tag == "article":
            self.cards.append({"text": "", "rows": [], "terms": [], "marks": []})
        if not self.cards:
            self.where = tag
            return
        card = self.cards[-1]
        if tag == "p":
            self.where = "text" if kind == "text" else None
        elif tag == "table":
            self.where = "rows" if kind == "labels" else "terms"
        elif tag == "tr" and self.where in ("rows", "terms"):
            card[self.where].append([kind])
        elif tag in ("td", "th") and self.where in ("rows", "terms"):
            card[self.where][-1].append("")
        elif tag == "mark" and self.where == "text":
            card["marks"].append("")
        elif tag == "main":
            self.where = None

    def handle_endtag(self, tag):
        if tag in ("table", "p", "title"):
            self.where = None
        if tag == "mark" and self.cards:
            self.cards[-1]["marks"].append(None)

    def handle_data(self, data):
        if self.where == "title":
            self.title += data
        elif self.cards and self.where == "text":
            self.cards[-1]["text"] += data
            if self.cards[-1]["marks"] and self.cards[-1]["marks"][-1] is not None:
                self.cards[-1]["marks"][-1] += data
        elif self.cards and self.where in ("rows", "terms"):
            line = (self.cards[-1][self.where] or [[]])[-1]
            if len(line) > 1:  # a caption is outside the lines
                line[-1] += data


@pytest.fixture(scope="module")
def made(trained, bundle, tmp_path_factory):
    """A page with one error of each kind, of a corpus with a hostile document; their ids."""
    from sahelclf.models.runtime.linear import PlainLabeller

    folder = tmp_path_factory.mktemp("page")
    gold, predicted = trained.passages.gold, trained.passages.predictions
    p = np.where(gold.topics, 0.8, 0.2)
    held, free = np.flatnonzero(gold.topics[:, 0]), np.flatnonzero(~gold.topics.any(axis=1))
    missed, confident, wrong, false = held[0], held[1], held[2], free[0]
    p[missed, 0], p[confident, 0], p[false, 0] = 0.3, 0.05, 0.7
    stance = np.where(gold.stance[:, :, None] == np.arange(2), 0.9, 0.1)
    stance[wrong, 0] = stance[wrong, 0][::-1]
    scored = replace(
        trained.passages,
        predictions=replace(predicted, probability=p, holds=p >= 0.5, stance_probability=stance),
    )
    page = page_of(
        replace(hostile_training(trained, folder), passages=scored), PlainLabeller.load(bundle)
    )
    (folder / "errors.html").write_text(page, encoding="utf-8")
    names = {"missed": missed, "confident": confident, "wrong": wrong, "false": false}
    return folder / "errors.html", {k: predicted.ids[i] for k, i in names.items()}, scored


def opened(path, address="", folder=None):
    command = [
        BROWSER,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={folder or path.parent / 'profile'}",
    ]
    command += [
        "--virtual-time-budget=2000",
        "--enable-logging=stderr",
        "--dump-dom",
        path.as_uri() + address,
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "CONSOLE" not in done.stderr, done.stderr
    return done.stdout


def ids(dom):
    return re.findall(r'class="meta">[^<]*?(\S+-\d)(?: ·|<)', dom)


def test_errors_come_first_the_surest_before_others(made):
    path, named, _ = made
    dom = opened(path)
    assert ids(dom) == [
        named["confident"],
        named["wrong"],
        named["false"],
        named["missed"],
    ]  # 0.95, 0.9, 0.7, 0.7: then the corpus's order
    assert "4 of 96 passages" in dom or f"4 of {len(made[2].predictions.ids)} passages" in dom


def test_the_address_sets_the_filters(made):
    path, named, scored = made
    topics = scored.predictions.names.topics
    assert ids(opened(path, "#kind=missed&sort=unsure")) == [named["missed"], named["confident"]]
    assert ids(opened(path, f"#kind=false&topic={topics[0]}")) == [named["false"]]
    assert ids(opened(path, f"#kind=missed&topic={topics[1]}")) == []
    assert ids(opened(path, "#kind=wrong")) == [named["wrong"]]
    assert ids(opened(path, f"#kind=all&q={named['false']}")) == [named["false"]]
    country = re.search(r"<option value=\"(Chad|Mali)\"", opened(path, "#kind=nonsense"))[1]
    assert ids(opened(path, f"#country={country}"))


def test_a_card_shows_gold_prediction_and_annotators(made):
    path, named, scored = made
    card = Reader(opened(path, f"#kind=missed&q={named['missed']}")).cards[0]
    row = scored.predictions.ids.index(named["missed"])
    stance = scored.predictions.names.stances[scored.gold.stance[row, 0]]
    first = card["rows"][1]
    assert first[0] == "missed"
    assert first[2:6] == ["missed", f"{stance} (said)", "no", "0.30"]
    assert first[7:] == [f"{stance} (said)"] * 2
    assert card["rows"][2][2] == "none"


def test_terms_the_rest_and_the_intercept_add_up_to_the_logit(made):
    cards = Reader(opened(made[0], "#kind=all")).cards
    assert len(cards) == 25  # more come with scrolling
    for card in cards:
        amounts = [round(1000 * float(line[2].replace("−", "-"))) for line in card["terms"][1:]]
        assert sum(amounts[:-1]) == amounts[-1]
        assert len(amounts) > 4


def test_terms_are_marked_where_they_occur(made):
    path, named, _ = made
    card = Reader(opened(path, f"#kind=missed&q={named['missed']}")).cards[0]
    marked = "".join(m for m in card["marks"] if m).lower()
    terms = [line[1:] for line in card["terms"][1:] if line[1].endswith(" word")]
    words = [name.removesuffix(" word") for name, _ in terms]
    assert words
    assert all(w in card["text"].lower() for word in words for w in word.split())
    largest = max(terms, key=lambda term: abs(float(term[1].replace("−", "-"))))[0]
    assert set(largest.removesuffix(" word").split()) <= set(marked.split())


def test_marks_are_whole_words_with_content(made):
    cards = Reader(opened(made[0], "#kind=all")).cards
    every = {m.lower() for card in cards for m in card["marks"] if m}
    assert {"boat", "dredger"} & every
    assert not every & {"the", "and", "of", "it", "at", "for", "from", "a", "against"}
    for card in cards:
        words = set(re.findall(r"\w+", card["text"].lower()))
        assert {m.lower() for m in card["marks"] if m} <= words  # no piece of a word


def test_the_line_above_the_terms_names_words_and_both_probabilities_are_told_apart(made):
    path, named, _ = made
    dom = opened(path, f"#kind=missed&q={named['missed']}")
    line = re.search(r"<summary><span>(fishing: words [^<]+)</span>", dom)[1]
    text = Reader(dom).cards[0]["text"].lower()
    names = re.findall(r"\w+", line.replace("fishing: words", "").replace("against:", ""))
    assert set(names) - {"for"} <= set(re.findall(r"\w+", text))
    both = re.search(r"passage too\. Its probability is 0\.\d\d; (.*?)\.</p>", dom)
    assert both[1] == "cross-fitted, as in the table above, it is 0.30"


def test_a_hostile_document_runs_nothing(made):
    path, _, _ = made
    dom = opened(path, "#kind=all&q=alert(1)")
    reader = Reader(dom)
    assert reader.cards[0]["text"].replace("\u2028", "") == HOSTILE.replace("\u2028", "")
    assert reader.title.startswith("Errors of")
    assert "img" not in reader.tags
    assert "javascript:" not in re.sub(
        r'<script type="application/json".*?</script>', "", dom, flags=re.DOTALL
    )


def test_every_control_has_a_name(made):
    dom = opened(made[0])
    for control in re.findall(r"<(?:select|input)[^>]*name=\"\w+\"", dom):
        before = dom[: dom.index(control)]
        assert before.rindex("<label") > before.rfind("</label")


def test_five_thousand_passages_are_shown_at_once(trained, tmp_path):
    """A page of many passages is loaded and drawn in two seconds of the browser's time."""
    gold, predicted = trained.passages.gold, trained.passages.predictions
    rows = np.tile(np.arange(len(predicted.ids)), 5000 // len(predicted.ids))
    from sahelclf.evaluation.predictions import Gold
    from sahelclf.reports.error_page import error_page

    many = predicted.take(rows)
    page = error_page(
        many, Gold(gold.topics[rows], gold.stance[rows]), trained.corpus, {"model": "many"}
    )
    (tmp_path / "many.html").write_text(page, encoding="utf-8")
    dom = opened(tmp_path / "many.html", "#kind=all")
    assert len(ids(dom)) >= 25
    assert f"{len(rows):,} of {len(rows):,} passages" in dom
