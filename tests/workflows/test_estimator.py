"""The scikit-learn estimator, by scikit-learn's own tools."""

import pickle
import random

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score

import sahelclf
from sahelclf.errors import RequestError
from support import made_text

NAMES = {"fishing": "Fishing rights", "dredging": "Dredging (harbour)"}
FORM = {"pro": "for it", "con": "against it"}


@pytest.fixture(scope="module")
def texts() -> list[str]:
    rng = random.Random(5)
    return [made_text(rng, *k) for k in keys()]


def keys() -> list[tuple[str, ...]]:
    return [
        ("other",) if i % 3 == 0 else (("fishing", "dredging")[i % 3 - 1], ("pro", "con")[i % 2])
        for i in range(60)
    ]


def labels() -> list[dict[str, str]]:
    return [{NAMES[k[0]]: FORM[k[1]]} if len(k) == 2 else {} for k in keys()]


@pytest.fixture(scope="module")
def classifier(texts):
    return sahelclf.TopicStanceClassifier(crossfit=3).fit(texts, labels())


def test_it_learns_topics_and_stances_of_any_name(classifier, texts):
    assert classifier.topics_ == ("Dredging (harbour)", "Fishing rights")
    assert classifier.classes_.tolist() == list(classifier.topics_)
    assert classifier.stances_ == ("against it", "for it")
    assert classifier.predict(texts) == labels()
    p = classifier.predict_proba(pd.Series(texts, index=range(100, 160)))
    assert p.shape == (60, 2)
    assert ((p >= 0) & (p <= 1)).all()
    assert classifier.score(texts, labels()) == 1.0


def test_score_is_macro_f1_over_topics_worked_out_by_hand(classifier, texts, monkeypatch):
    predictions = [{"Fishing rights": "for it"}, {}, {"Dredging (harbour)": "for it"}]
    monkeypatch.setattr(classifier, "predict", lambda _: predictions)
    gold = [{"Fishing rights": "against it"}, {"Fishing rights": "for it"}, {}]
    # fishing: precision 1, recall 1/2, F1 2/3; dredging: one false alarm, F1 0
    assert classifier.score(texts[:3], gold) == pytest.approx((2 / 3 + 0) / 2)


def test_it_decides_as_the_training_of_a_corpus_does(harbour, trained, tmp_path):
    from sahelclf.tasks.labeller import passage_data

    corpus, parts = trained.corpus, trained.parts
    wanted = {*parts["train"], *parts["dev"]}
    rows = [p for d in corpus.documents if d.id in wanted for p in corpus.passages_of[d.id]]
    features = [f.model_dump() for f in trained.config.model.features]
    estimator = sahelclf.TopicStanceClassifier(settings={"features": features}, crossfit=3)
    estimator.fit(
        [p.text for p in rows],
        [{t: label.stance for t, label in p.topics.items()} for p in rows],
        groups=[p.document_id for p in rows],
    )
    assert estimator.topics_ == tuple(sorted(corpus.codebook.topic_names))
    texts = passage_data(corpus, parts["test"]).texts
    p = dict(zip(estimator.topics_, estimator.predict_proba(texts).T, strict=True))
    z = trained.fitted.model.logits(texts)
    for k, topic in enumerate(corpus.codebook.topic_names):
        # document labels take part in the folds of a corpus, so that these are near, not equal
        assert np.corrcoef(p[topic], 1 / (1 + np.exp(-z[:, k])))[0, 1] > 0.99


def test_scikit_learns_own_tools_take_it(texts):
    estimator = sahelclf.TopicStanceClassifier(crossfit=2, seed=3)
    copy = clone(estimator)
    assert copy.get_params() == estimator.get_params() | {"model": "tfidf", "settings": None}
    assert pickle.loads(pickle.dumps(estimator)).get_params() == estimator.get_params()
    assert copy.set_params(seed=4).seed == 4
    scores = cross_val_score(estimator, texts, labels(), cv=2)
    assert scores.shape == (2,)
    assert scores.min() > 0.7
    groups = [i // 2 for i in range(60)]
    cv = GroupKFold(2)
    grouped = cross_val_score(
        estimator, texts, labels(), groups=groups, cv=cv, params={"groups": groups}
    )
    assert grouped.min() > 0.7
    search = GridSearchCV(estimator, {"settings": [{"C": 0.5}, {"C": 8.0}]}, cv=2)
    assert search.fit(texts, labels()).best_params_["settings"]["C"] in {0.5, 8.0}


def test_nothing_is_written(texts, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sahelclf.TopicStanceClassifier(crossfit=2).fit(texts, labels()).predict(texts[:2])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (["a", 3.0], [{}, {}], "X: found 3.0 at position 1"),
        (["a", "b"], [{}], "found {'X': 2, 'y': 1, 'groups': 2}"),
        (["a", "b"], [{}, "fishing"], "y: found 'fishing' at position 1"),
        (
            ["a", "b"],
            [{"x": "pro"}, {"x": None}],
            "at position 1 .*expected a stance on every topic",
        ),
        (["a", "b"], [{"x": "pro"}, ["x"]], "at position 1 .*expected a stance on every topic"),
        (["a", "b"], [{}, {}], "there is nothing to learn"),
        (["a", "b"], [{"t": "s"}, {}], "2 independent documents"),
    ],
)
def test_what_cannot_be_learned_is_refused(X, y, message):
    with pytest.raises(RequestError, match=message):
        sahelclf.TopicStanceClassifier().fit(X, y)


def test_an_estimator_that_is_not_fitted_says_so():
    with pytest.raises(NotFittedError):
        sahelclf.TopicStanceClassifier().predict(["a"])
