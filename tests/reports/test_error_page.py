import base64
import hashlib
import json
import re

import numpy as np
import pytest

from sahelclf.bundle.contributions import Contributions, contributions
from sahelclf.models.runtime.linear import PlainLabeller
from sahelclf.reports import error_page as module
from sahelclf.reports.error_page import analyzers_of, error_page
from support import write_corpus, write_lines

HOSTILE = (
    "</script><img src=x onerror=\"document.title='owned'\"><!-- <script>alert(1)</script> & "
    "\u2028 &lt;b&gt; catch"
)


def labeller_of(terms, coef, intercept, **block):
    about = {"heads": ["t"], "topics": ["t"], "stances": [], "thresholds": {"t": 0.5}}
    features = {
        "name": "word",
        "analyzer": "word",
        "ngram_range": [1, 2],
        "token_pattern": r"(?u)\b\w\w+\b",
        "sublinear_tf": True,
        "norm": "l2",
        "terms": terms,
    }
    return PlainLabeller(
        about,
        [features | block],
        {
            "idf0": np.array([2.0, 1.0, 1.0]),
            "coef": np.array(coef)[:, None],
            "intercept": np.array([intercept]),
        },
    )


def test_contributions_of_a_worked_example():
    # 'boat boat sank': boat twice, tf 1 + ln 2, idf 2; 'boat sank' once, idf 1; 'rain' not there
    found = contributions(
        labeller_of(["boat", "boat sank", "rain"], [3.0, -1.0, 9.0], 0.25), "Boat boat SANK"
    )
    boat, pair = 2 * (1 + np.log(2)), 1.0
    norm = np.hypot(boat, pair)
    assert found.terms == (("word", "boat"), ("word", "boat sank"))
    assert found.values[:, 0] == pytest.approx([3 * boat / norm, -pair / norm], abs=1e-12)
    assert found.logits[0] == pytest.approx(3 * boat / norm - pair / norm + 0.25, abs=1e-12)


def test_contributions_of_a_text_without_known_terms_are_the_intercept():
    found = contributions(
        labeller_of(["boat", "boat sank", "rain"], [3.0, -1.0, 9.0], 0.25), "nothing here"
    )
    assert found.terms == ()
    assert found.logits.tolist() == [0.25]
    assert found.top(0) == []


def test_contributions_add_up_to_the_logits_of_a_training(bundle, trained):
    labeller = PlainLabeller.load(bundle)
    texts = [p.text for p in trained.corpus.passages[:40]] + ["", "ÉTÉ é catch catch"]
    found = np.array([contributions(labeller, t).logits for t in texts])
    assert np.abs(found - labeller.logits(texts)).max() < 1e-9


def test_the_top_terms_are_the_largest_of_each_sign():
    values = np.array([0.5, -0.1, 0.0, 2.0, -3.0, 0.4, 1.0, -0.2])
    made = Contributions(tuple(("b", str(i)) for i in range(8)), values[:, None], np.zeros(1))
    assert made.top(0, 2) == [3, 6, 4, 7]
    assert made.top(0, 3) == [3, 6, 0, 4, 7, 1]
    assert made.top(0, 9) == [3, 6, 0, 5, 4, 7, 1]  # what adds nothing is not among them
    many = np.random.default_rng(0).normal(size=500)
    made = Contributions((("b", "x"),) * 500, many[:, None], np.zeros(1))
    assert made.top(0, 8) == [*np.argsort(-many)[:8], *np.argsort(many)[:8]]


def page_of(trained, labeller=None):
    explain = (lambda text: contributions(labeller, text)) if labeller else None
    analyzers = analyzers_of([block for _, block, _ in labeller.blocks]) if labeller else None
    return error_page(
        trained.passages.predictions,
        trained.passages.gold,
        trained.corpus,
        {"model": "tfidf", "run": "r1"},
        explain,
        analyzers,
    )


def data_of(page):
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1]
    )


def test_the_page_holds_every_passage_with_its_labels_and_terms(trained, bundle):
    labeller = PlainLabeller.load(bundle)
    data, predicted, gold = (
        data_of(page_of(trained, labeller)),
        trained.passages.predictions,
        trained.passages.gold,
    )
    assert [r["i"] for r in data["rows"]] == list(predicted.ids)
    passages = {p.id: p for p in trained.corpus.passages}
    logits = labeller.logits([passages[i].text for i in predicted.ids])
    for k, row in enumerate(data["rows"]):
        assert row["x"] == passages[row["i"]].text
        assert data["documents"][row["d"]]["id"] == predicted.documents[k]
        assert row["p"] == pytest.approx(1000 * predicted.probability[k], abs=0.5)
        assert row["h"] == np.flatnonzero(predicted.holds[k]).tolist()
        assert [t for t, _, _ in row["g"]] == np.flatnonzero(gold.topics[k]).tolist()
        assert row["a"] == [row["g"], row["g"]]  # the annotators of this corpus are of one mind
        for head, logit, *pairs in row["w"]:
            assert logit == pytest.approx(1000 * logits[k, head], abs=0.5)
            shown = {
                tuple(data["terms"][t]): v for t, v in zip(pairs[::2], pairs[1::2], strict=True)
            }
            whole = contributions(labeller, row["x"])
            exact = dict(zip(whole.terms, whole.values[:, head], strict=True))
            assert all(v == pytest.approx(1000 * exact[t], abs=0.5) for t, v in shown.items())
    assert data["intercept"] == pytest.approx(1000 * labeller.intercept, abs=0.5)
    assert data["annotators"] == ["a", "b"]
    assert data["analyzers"] == {"word": "word", "char": "char_wb"}


def test_a_model_that_is_not_linear_has_a_page_without_terms(trained):
    data = data_of(page_of(trained))
    assert data["intercept"] == data["terms"] == []
    assert "w" not in data["rows"][0]


def hostile_training(trained, tmp_path):
    """The same predictions over a corpus whose first document is out to break the page."""
    from dataclasses import replace

    from sahelclf.corpus.read import read_corpus

    root = write_corpus(tmp_path / "hostile")
    for name, field in (("documents", "title"), ("passages", "text")):
        rows = [
            json.loads(line)
            for line in (root / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        rows = [r | {field: HOSTILE} if r["id"].startswith("h001") else r for r in rows]
        rows = [
            r | {"url": "javascript:alert(1)", "outlet": HOSTILE} if r["id"] == "h001" else r
            for r in rows
        ]
        write_lines(root / f"{name}.jsonl", rows)
    return replace(trained, corpus=read_corpus(root))


def test_a_hostile_text_stays_text(trained, tmp_path):
    page = page_of(hostile_training(trained, tmp_path))
    assert page.count("</script>") == page.count("<script") == 2
    assert "<img" not in page
    assert "\u2028" not in page
    row = next(r for r in data_of(page)["rows"] if r["i"] == "h001-0")
    assert row["x"] == HOSTILE


def test_the_title_is_escaped(trained):
    found = error_page(
        trained.passages.predictions, trained.passages.gold, trained.corpus, {"model": "<b>&"}
    )
    assert "<title>Errors of &lt;b&gt;&amp;</title>" in found


def test_script_and_style_are_allowed_by_their_hash_and_the_network_is_not(trained):
    page = page_of(trained)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    assert policy.startswith("default-src 'none';")
    for kind, text in (
        ("script-src", re.findall(r"<script>(.*?)</script>", page, re.DOTALL)[0]),
        ("style-src", re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]),
    ):
        wanted = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind} 'sha256-{wanted}'" in policy
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", page.split('id="data"')[0])


def test_of_too_many_passages_the_most_confident_mistakes_are_kept(trained, monkeypatch):
    from dataclasses import replace

    gold, predicted = trained.passages.gold, trained.passages.predictions
    p = np.where(gold.topics, 0.6, 0.4)
    p[5], p[7, 0], p[9, 0] = (
        1 - p[5],
        0.9 if not gold.topics[7, 0] else 0.1,
        0.45 if gold.topics[9, 0] else 0.55,
    )  # three passages with mistakes
    stance = np.where(gold.stance[:, :, None] == np.arange(2), 0.9, 0.1)
    scored = replace(
        trained.passages,
        predictions=replace(predicted, probability=p, holds=p >= 0.5, stance_probability=stance),
    )
    made = replace(trained, passages=scored)
    for most, kept in ((3, [5, 7, 9]), (2, [5, 7]), (1, [7])):
        monkeypatch.setattr(module, "MOST_PASSAGES", most)
        data = data_of(page_of(made))
        assert [r["i"] for r in data["rows"]] == [predicted.ids[i] for i in kept]
        assert data["left_out"] == len(predicted.ids) - most


def test_a_corpus_without_annotators_or_bases_has_a_page(trained, tmp_path):
    from dataclasses import replace

    from sahelclf.corpus.read import read_corpus

    data = data_of(
        page_of(
            replace(trained, corpus=read_corpus(write_corpus(tmp_path / "plain", annotators=False)))
        )
    )
    assert data["annotators"] == []
    assert data["rows"][0]["a"] == []
