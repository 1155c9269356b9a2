"""Codes that the model was trained on: refused, or corrected by cross-fitted predictions."""

import numpy as np
import pandas as pd
import pytest

from sahelclf.bundle.folds import MEAN, mixture, page_fold
from sahelclf.bundle.labeller import Labeller
from sahelclf.bundle.write import write_bundle
from sahelclf.corpus.duplicates import text_sha256
from sahelclf.corpus.read import read_corpus
from sahelclf.errors import RequestError
from sahelclf.evaluation.provenance import KEY, BundleIdentity, Provenance, read_provenance
from sahelclf.training.compose import compose_config
from sahelclf.training.run import check, run
from sahelclf.workflows.measure import measure
from sahelclf.workflows.trained_on import trained_on
from support import tfidf_config

TEXT = "the boat crews landed a catch of herring and cod at the quay, item {}"


def hashes(*texts: str) -> set[str]:
    return {text_sha256(t)[:20] for t in texts}


def test_a_unit_is_known_by_its_text_or_by_a_paragraph_of_it():
    page = f"A short title\n\n{TEXT.format(1)}\n\nThe last paragraph says nothing about it."
    texts = [TEXT.format(0), f"  {TEXT.format(1).upper()} ", page, TEXT.format("&amp; 2")]
    assert trained_on(texts, hashes(TEXT.format(1), TEXT.format("& 2"))) == [1, 2, 3]


def test_one_stock_phrase_in_twenty_does_not_count():
    texts = ["Who is in charge?", *(TEXT.format(k) for k in range(19))]
    assert trained_on(texts, hashes(texts[0])) == []
    assert trained_on(texts[:10], hashes(texts[0])) == [0]
    assert trained_on(texts, hashes(texts[0], texts[5])) == [0, 5]


def test_a_mixture_is_linear_in_topics_and_pairs_by_hand():
    # topics .2 and .6: mean .4; pairs .2 x .5 = .1 and .6 x 1 = .6: mean .35, over .4 = .875
    parts = [
        (np.array([[0.2], [0.2]]), np.array([[[0.5, 0.5]], [[0.5, 0.5]]])),
        (np.array([[0.6], [0.6]]), np.array([[[1.0, 0.0]], [[1.0, 0.0]]])),
    ]
    p, stance = mixture(parts, np.array([MEAN, 1]))
    assert p[:, 0] == pytest.approx([0.4, 0.6])
    assert stance[:, 0] == pytest.approx(np.array([[0.875, 0.125], [1.0, 0.0]]))


def test_a_document_has_the_fold_of_most_of_its_words():
    assert page_fold(np.array([MEAN, 2, 1, 1]), np.array([90, 30, 10, 25])) == 1
    assert page_fold(np.array([MEAN, 2]), np.array([90, 4])) == MEAN  # a stock phrase


def test_a_table_says_its_bundle_in_its_file_and_in_memory(tmp_path):
    identity = BundleIdentity(model="tfidf", run_id="r", created="c", sha256="s")
    said = Provenance(version="0", bundle=identity, cross_fitted=True, training_texts="a b")
    frame = pd.DataFrame({"id": ["x"]})
    frame.attrs |= said.attrs
    frame.to_parquet(tmp_path / "t.parquet")
    (tmp_path / "t.csv.about.json").write_text(said.model_dump_json())
    for source in (frame, tmp_path / "t.parquet", tmp_path / "t.csv"):
        assert read_provenance(source) == said
    assert said.hashes == {"a", "b"}
    assert read_provenance(pd.DataFrame()) is None
    assert read_provenance(tmp_path / "other.csv") is None
    (tmp_path / "t.csv.about.json").write_text('{"bundle": 1}')
    with pytest.raises(RequestError, match=r"t\.csv\.about\.json: version"):
        read_provenance(tmp_path / "t.csv")
    frame.attrs[KEY] = {"bundle": 1}
    with pytest.raises(RequestError, match=r"DataFrame\.attrs: version"):
        read_provenance(frame)


@pytest.fixture(scope="module")
def twice(harbour, tmp_path_factory):
    """Passages of a corpus, a sheet of every second one, a training and bundle that keep folds."""
    passages = read_corpus(harbour).passages
    texts = pd.DataFrame({"id": [p.id for p in passages], "text": [p.text for p in passages]})
    codes = [
        {t: p.topics[t].stance if t in p.topics else "no" for t in ("fishing", "dredging")}
        for p in passages
    ]
    sheet = pd.concat([texts, pd.DataFrame(codes)], axis=1).assign(sampling_probability=0.5)
    folder = tmp_path_factory.mktemp("twice") / "folds"
    kept = run(tfidf_config(corpus=str(harbour), keep_folds=True, crossfit=2))
    write_bundle(kept, folder, "0" * 32)
    return texts, sheet.iloc[::2], kept, folder


def test_codes_that_were_trained_on_are_refused_and_cross_fitted_ones_measured(
    twice, bundle, harbour, tmp_path
):
    texts, sheet, kept, folder = twice
    labels = Labeller.load(bundle).frame(texts)
    refused = r"its model was trained on \d+ of the 60 coded units \(h\d+-\d, .*keep_folds=true"
    with pytest.raises(RequestError, match=refused):
        measure(labels, sheet, corpus=harbour)
    labels.to_csv(tmp_path / "bare.csv", index=False)
    warnings = " ".join(measure(tmp_path / "bare.csv", sheet, corpus=harbour).warnings)
    assert "does not say which model made it (no bare.csv.about.json beside it)" in warnings
    crossed = Labeller.load(folder).frame(texts)
    measured = measure(crossed, sheet, corpus=harbour)
    assert not any("trained on" in w for w in measured.warnings)
    held_out = kept.passages.predictions
    of = crossed.set_index("id").loc[[*held_out.ids], ["fishing_probability"]].to_numpy(float)
    assert of[:, 0] == pytest.approx(held_out.probability[:, 0], abs=1e-6)


def test_fold_models_are_those_of_plain_numbers(harbour):
    config = tfidf_config(corpus=str(harbour), keep_folds=True)
    slow = compose_config(["model=transformer"]).model
    with pytest.raises(RequestError, match="keep_folds=true: model=transformer does not keep"):
        check(config.model_copy(update={"model": slow}))
