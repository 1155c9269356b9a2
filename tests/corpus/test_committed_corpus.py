"""The committed corpus holds what its card says, and what was promised of it."""

import json
from collections import Counter
from pathlib import Path

import pytest

from sahelclf.corpus.card import compute_card
from sahelclf.corpus.duplicates import page_address
from sahelclf.corpus.read import read_adjudications, read_annotations, read_corpus
from sahelclf.corpus.rounds import annotated_units, derive_labels
from sahelclf.corpus.splits import make_splits, read_split
from sahelclf.corpus.validate import validate
from sahelclf.paths import data_root

ROOT = data_root() / "annotations"


@pytest.fixture(scope="module")
def corpus():
    return read_corpus(ROOT)


def test_it_is_valid_and_no_excuse_is_stale(corpus):
    assert validate(corpus) == []


def test_the_card_is_what_the_corpus_gives(corpus):
    assert json.loads((ROOT / "card.json").read_text(encoding="utf-8")) == json.loads(
        json.dumps(compute_card(corpus))
    )


def test_labels_follow_from_raw_annotations_and_adjudication(corpus):
    annotations = read_annotations(corpus)
    labels, open_units = derive_labels(annotations, read_adjudications(corpus))
    assert open_units == []
    assert labels == {d.id: d.topics for d in corpus.documents} | {
        p.id: p.topics for p in corpus.passages
    }


def test_every_unit_has_two_first_round_annotators(corpus):
    assert len(annotated_units(corpus, read_annotations(corpus))) == len(corpus.documents) + len(
        corpus.passages
    )


def test_adjudications_are_of_units_that_differed_and_say_why(corpus):
    given: dict[tuple[str, int], list] = {}
    for rows in read_annotations(corpus).values():
        for row in rows:
            given.setdefault((row.unit, row.round), []).append(row.topics)
    for decision in read_adjudications(corpus):
        one, other = given[decision.unit, decision.round]
        assert one != other, decision.unit
        assert len(decision.why.split()) >= 2


def test_committed_splits_are_those_of_the_rule(corpus):
    for split in make_splits(corpus):
        assert read_split(corpus, split.name) == split
    grouped = read_split(corpus, "grouped").parts
    n = sum(map(len, grouped.values()))
    sizes = {k: len(v) / n for k, v in grouped.items()}
    # test takes the whole of each event of which it had a document in version 1.0
    assert sizes["train"] == pytest.approx(0.7, abs=0.05)
    assert sizes["test"] == pytest.approx(0.2, abs=0.06)
    assert len(corpus.documents) - n == 80


def test_nothing_crosses_a_split():
    card = json.loads((ROOT / "card.json").read_text(encoding="utf-8"))
    assert {name: parts["crossing"] for name, parts in card["splits"].items()} == {
        "grouped": 0,
        "folds": 0,
        "pages": 0,
        "temporal-2021": 0,
        "temporal-2023": 0,
        "country": 0,
    }


def test_new_documents_are_shaped_like_pages(corpus):
    figures = json.loads((ROOT / "card.json").read_text(encoding="utf-8"))["shape"]["page"]["all"]
    assert figures["documents"] >= 300
    assert 20 <= figures["words"] <= 30
    assert figures["sentences"] <= 1.6
    assert figures["quotation"] >= 0.2
    assert figures["opens_with_title"] == 1
    natural = {page_address(d.url) for d in corpus.documents if d.question}
    assert len(natural) >= 150


def test_size_and_spread_are_as_promised(corpus):
    card = json.loads((ROOT / "card.json").read_text(encoding="utf-8"))
    assert card["documents"] >= 950
    assert card["passages"] >= 6900
    assert card["outlets"] >= 120
    assert card["largest_outlet"][1] <= 0.05 * card["documents"]
    assert card["long_documents"] >= 40
    assert card["strata"]["natural"] >= 120
    assert min(card["genres"].values()) >= 25
    assert set(card["genres"]) == set(corpus.codebook.genres)
    assert card["without_topic"]["passages"] >= 0.2 * card["passages"]
    assert all(
        card["countries"][c] >= n
        for c, n in (
            ("Mali", 60),
            ("Niger", 60),
            ("Burkina Faso", 60),
            ("Chad", 60),
            ("Mauritania", 25),
        )
    )
    assert max(Counter(d.url for d in corpus.documents).values()) <= 2


def test_sources_of_long_documents_are_named(corpus):
    for d in corpus.documents:
        if sum(len(p.text.split()) for p in corpus.passages_of[d.id]) > 850:
            assert d.sources, d.id


def test_datasets_reads_it(corpus, tmp_path):
    from datasets import load_dataset

    for name, n in (("passages", len(corpus.passages)), ("documents", len(corpus.documents))):
        loaded = load_dataset(
            "json", data_files=str(ROOT / f"{name}.jsonl"), cache_dir=str(tmp_path), split="train"
        )
        assert len(loaded) == n


def test_pandas_reads_it(corpus):
    import pandas as pd

    assert len(pd.read_json(ROOT / "passages.jsonl", lines=True)) == len(corpus.passages)


def test_no_text_names_this_project(corpus):
    for p in corpus.passages:
        assert "sahelclf" not in p.text
    assert Path(ROOT / "LICENSE").read_text().startswith("The annotated corpus")
