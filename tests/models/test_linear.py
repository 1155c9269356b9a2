import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer, strip_accents_unicode
from sklearn.linear_model import LogisticRegression

from sahelclf.corpus.read import read_corpus
from sahelclf.errors import RequestError
from sahelclf.models.keywords import KeywordsConfig
from sahelclf.models.kinds import build_model
from sahelclf.models.runtime.linear import WORDS, PlainLabeller, normalise
from sahelclf.tasks.base import HeadLayout, TaskData
from sahelclf.tasks.labeller import passage_data
from support import tfidf_config

TEXTS = (
    "The boat came home",
    "A dredger dug the harbour",
    "The boat, the boat and the dredger!",
    "Rain fell on the église",
    "nothing at all",
)


def made_data():
    y = np.array([[1, 0], [0, 1], [1, 1], [0, 0], [0, 0]], dtype=np.int8)
    return TaskData(
        HeadLayout(("a", "b")),
        tuple("12345"),
        tuple("12345"),
        TEXTS,
        y,
        np.ones((5, 2), dtype=bool),
    )


def fitted(data=None, seed=0):
    model = build_model(tfidf_config().model, None, None)
    model.fit(data or made_data(), seed=seed)
    return model


@settings(max_examples=200)
@given(st.lists(st.text(max_size=80), max_size=6))
def test_the_plain_reader_computes_what_scikit_learn_does(texts):
    texts = [*texts, "The bo\u0301at a\u0300 l'E\u0301GLISE dug, dug", *TEXTS]
    model = fitted()
    expected = []
    for i, block in enumerate(model.blocks):
        v = TfidfVectorizer(
            analyzer=block["analyzer"],
            ngram_range=tuple(block["ngram_range"]),
            token_pattern=block["token_pattern"],
            strip_accents="unicode",
            sublinear_tf=True,
            vocabulary=block["terms"],
        )
        v.idf_ = model.arrays[f"idf{i}"]
        expected.append(v.transform(texts).toarray())
    logits = np.hstack(expected) @ model.arrays["coef"] + model.arrays["intercept"]
    assert model.logits(texts) == pytest.approx(logits, abs=1e-10)


@given(st.text())
def test_normalisation_is_scikit_learns(text):
    assert normalise(text) == strip_accents_unicode(text.lower())


def test_heads_are_scikit_learns_logistic_regressions():
    data = made_data()
    model = fitted(data)
    word = TfidfVectorizer(
        ngram_range=(1, 2), strip_accents="unicode", sublinear_tf=True, token_pattern=WORDS
    )
    char = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(3, 4), strip_accents="unicode", sublinear_tf=True, min_df=2
    )
    x = np.hstack([v.fit_transform(TEXTS).toarray() for v in (word, char)])
    regression = LogisticRegression(
        C=4.0, class_weight="balanced", solver="liblinear", tol=1e-6, max_iter=1000, random_state=0
    )
    expected = regression.fit(x, data.y[:, 0]).decision_function(x)
    assert model.logits(TEXTS)[:, 0] == pytest.approx(expected, abs=1e-5)


def test_the_same_seed_gives_the_same_logits_to_the_bit():
    assert np.array_equal(fitted(seed=3).logits(TEXTS), fitted(seed=3).logits(TEXTS))


def test_order_and_company_of_texts_do_not_change_a_logit():
    model = fitted()
    texts = [*TEXTS, "", "x" * 5000, *TEXTS] * 30
    together = model.logits(texts)
    alone = np.concatenate([model.logits([t]) for t in texts])
    assert np.array_equal(together, alone)
    assert model.logits([]).shape == (0, 2)


def test_a_head_without_both_answers_says_the_prior_and_keeps_its_column():
    data = made_data()
    data.y[:, 1] = 0
    logits = fitted(data).logits(["a boat", "rain"])
    assert logits[:, 1] == pytest.approx([np.log(1 / 6)] * 2)  # no ones of five, one of each added


def test_a_head_is_fitted_on_the_rows_where_it_has_an_answer():
    data = made_data()
    data.mask[:, 1] = [True, True, False, True, False]
    kept = data.take([0, 1, 3])
    one, other = (
        fitted(data),
        fitted(TaskData(data.layout, data.ids, data.groups, data.texts, data.y, data.mask)),
    )
    assert np.array_equal(one.logits(TEXTS), other.logits(TEXTS))
    assert len(kept) == 3
    assert not np.allclose(one.logits(TEXTS)[:, 1], fitted().logits(TEXTS)[:, 1])


def test_calibration_folds_into_the_head():
    model = fitted()
    before = model.logits(TEXTS)
    model.calibrate(np.array([2.0, 0.5]), np.array([0.1, -1.0]))
    assert model.logits(TEXTS) == pytest.approx(before * [2.0, 0.5] + [0.1, -1.0], abs=1e-12)


def test_save_and_load_give_the_same_numbers(tmp_path):
    model = fitted()
    model.save(tmp_path)
    (tmp_path / "manifest.json").write_text(
        json.dumps({"heads": ["a", "b"], "topics": [], "stances": [], "thresholds": {}})
    )
    assert np.array_equal(PlainLabeller.load(tmp_path).logits(TEXTS), model.logits(TEXTS))


def test_keywords_count_different_terms_whatever_case_and_accents(harbour):
    corpus = read_corpus(harbour)
    config = KeywordsConfig(kind="keywords", dictionary=None)
    model = build_model(config, corpus.codebook, corpus.root)
    model.fit(passage_data(corpus, list(corpus.document)), seed=0)
    logits = model.logits(["BOAT boat catch", "harbour works and a dredger, a bóat", "rain"])
    assert logits[:, 0].tolist() == [2, 1, 0]
    assert logits[:, 1].tolist() == [0, 2, 0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("topic: {fishing: [x]}", "Input should be 'topics' or 'stances', found 'topic'"),
        ("topics: {sailing: [x]}", "topics: 'sailing' is unknown, expected one of"),
        (
            "stances: {fishing: {maybe: [x]}}",
            "stances: 'fishing=maybe' is unknown, expected one of",
        ),
        ("topics: {fishing: x}", "topics.fishing"),
        ("- a", "Input should be a valid dictionary"),
        ("a: [", "not readable as YAML"),
    ],
)
def test_a_bad_dictionary_is_refused(harbour, tmp_path, text, message):
    path = tmp_path / "d.yaml"
    path.write_text(text)
    corpus = read_corpus(harbour)
    with pytest.raises(RequestError, match=message):
        build_model(
            KeywordsConfig(kind="keywords", dictionary=str(path)), corpus.codebook, corpus.root
        )


def test_a_missing_dictionary_says_what_one_looks_like(harbour, tmp_path):
    corpus = read_corpus(harbour)
    with pytest.raises(RequestError, match="model=keywords needs one: 'topics:"):
        build_model(
            KeywordsConfig(kind="keywords", dictionary=str(tmp_path / "no.yaml")),
            corpus.codebook,
            corpus.root,
        )


def test_mismatched_shapes_are_refused_at_the_door():
    data = made_data()
    with pytest.raises(ValueError, match="\\(5, 1\\), \\(5, 2\\)\\], expected"):
        TaskData(data.layout, data.ids, data.groups, data.texts, data.y[:, :1], data.mask)
