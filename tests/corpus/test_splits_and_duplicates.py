import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sahelclf.corpus.duplicates import linked_groups, near_duplicates
from sahelclf.corpus.read import read_corpus
from sahelclf.corpus.splits import (
    document_groups,
    make_folds,
    make_splits,
    read_split,
    stratify_groups,
    write_splits,
)
from sahelclf.corpus.validate import validate
from sahelclf.errors import CorpusError
from support import write_corpus, write_lines


def test_near_duplicates_by_hand():
    # runs of five words: "a b c d e", "b c d e f" and "a b c d e", "b c d e x": one of three shared
    assert near_duplicates(["a b c d e f", "a b c d e x"], 0.3) == [(0, 1, pytest.approx(1 / 3))]
    assert near_duplicates(["a b c d e f", "a b c d e x"], 0.5) == []
    assert near_duplicates(["Été two", "ete,  TWO", "three"]) == [(0, 1, 1.0)]
    assert near_duplicates(["", " "]) == []
    assert near_duplicates([]) == []


@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=8).map(" ".join), max_size=12),
    st.sampled_from([0.2, 0.5, 0.9]),
)
def test_near_duplicates_are_those_of_a_plain_loop(texts, threshold):
    def runs(text):
        words = text.split()
        return (
            {" ".join(words[i : i + 5]) for i in range(max(1, len(words) - 4))} if words else set()
        )

    expected = []
    for i, a in enumerate(texts):
        for j, b in enumerate(texts[:i]):
            either = runs(a) | runs(b)
            if either and runs(a) & runs(b) and len(runs(a) & runs(b)) / len(either) >= threshold:
                expected.append((j, i))
    assert [(i, j) for i, j, _ in near_duplicates(texts, threshold)] == sorted(expected)


def test_groups_are_joined_by_pairs_and_by_keys():
    groups = linked_groups(5, [(0, 1)], [["e1", "e2", "e2", None, None]])
    assert groups[0] == groups[1] == groups[2]
    assert len(set(groups)) == 3


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(8, 60), st.integers(2, 5))
def test_no_group_is_parted_and_parts_have_their_share(seed, n, parts):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, n, size=n).tolist()
    counts = np.c_[np.ones(n), rng.integers(0, 2, size=(n, 3))]
    part = stratify_groups(counts, groups, [1 / parts] * parts, seed)
    for g in set(groups):
        assert len({p for p, own in zip(part, groups, strict=True) if own == g}) == 1
    largest = max(groups.count(g) for g in groups)
    sizes = np.bincount(part, minlength=parts)
    assert sizes.max() - sizes.min() <= n / parts + largest


def test_rare_labels_are_spread_over_the_folds():
    counts = np.zeros((50, 2))
    counts[:, 0] = 1
    counts[:5, 1] = 1
    part = stratify_groups(counts, list(range(50)), [0.2] * 5, seed=3)
    assert sorted(part[:5]) == [0, 1, 2, 3, 4]
    assert np.bincount(part).tolist() == [10] * 5


def test_splits_keep_events_pages_and_copies_together(tmp_path):
    root = write_corpus(tmp_path / "c", 30)
    documents = [json.loads(line) for line in (root / "documents.jsonl").read_text().splitlines()]
    passages = [json.loads(line) for line in (root / "passages.jsonl").read_text().splitlines()]
    documents[3]["event_id"] = documents[17]["event_id"]
    documents[5]["url"] = documents[20]["url"]
    passages[8 * 3]["text"] = passages[25 * 3]["text"].replace(", item", " again, item")
    write_lines(root / "documents.jsonl", documents)
    write_lines(root / "passages.jsonl", passages)
    corpus = read_corpus(root)
    groups = document_groups(corpus)
    assert (groups[3], groups[5], groups[8]) == (groups[17], groups[20], groups[25])
    splits = write_splits(corpus, root / "splits")
    assert [s.name for s in splits] == ["grouped", "folds", "temporal-2021", "country"]
    assert not [f for f in validate(corpus) if f.code == "C09"]
    parts = read_split(corpus, "grouped").parts
    assert sorted(d for ids in parts.values() for d in ids) == sorted(corpus.document)
    folds = read_split(corpus, "folds").parts
    assert {d for ids in folds.values() for d in ids} == {*parts["train"], *parts["dev"]}


def test_temporal_splits_cut_by_date(harbour):
    corpus = read_corpus(harbour)
    split = next(s for s in make_splits(corpus) if s.name == "temporal-2021")
    assert all(corpus.document[d].date < "2022-01-01" for d in split.parts["train"])
    assert all(corpus.document[d].date >= "2022-01-01" for d in split.parts["test"])


def test_the_same_seed_gives_the_same_folds(harbour):
    corpus = read_corpus(harbour)
    ids = list(corpus.document)
    assert (make_folds(corpus, ids, 4, 7) == make_folds(corpus, ids, 4, 7)).all()
    assert (make_folds(corpus, ids, 4, 7) != make_folds(corpus, ids, 4, 8)).any()


def test_a_split_that_crosses_is_found(tmp_path):
    root = write_corpus(tmp_path / "c", 12)
    corpus = read_corpus(root)
    write_splits(corpus, root / "splits")
    documents = [json.loads(line) for line in (root / "documents.jsonl").read_text().splitlines()]
    parts = read_split(corpus, "grouped").parts
    one, other = parts["train"][0], parts["test"][0]
    for d in documents:
        if d["id"] in {one, other}:
            d["event_id"] = "same"
    write_lines(root / "documents.jsonl", documents)
    assert {f.code for f in validate(read_corpus(root))} == {"C09"}


def test_a_split_of_unknown_or_doubled_documents_is_refused(tmp_path):
    root = write_corpus(tmp_path / "c", 12)
    corpus = read_corpus(root)
    (root / "splits").mkdir()
    bad = {
        "name": "mine",
        "kind": "partition",
        "rule": "r",
        "parts": {"train": ["h000", "h001"], "test": ["h001", "zzz"]},
    }
    (root / "splits" / "mine.json").write_text(json.dumps(bad))
    with pytest.raises(
        CorpusError, match=r"in two parts: \['h001'\][\s\S]*does not have: \['zzz'\]"
    ):
        read_split(corpus, "mine")
    with pytest.raises(CorpusError, match=r"no such split; expected one of \['mine'\]"):
        read_split(corpus, "ours")
    with pytest.raises(CorpusError, match="folds need at least"):
        make_folds(corpus, ["h000", "h001"], 5, 0)


def page_corpus(root, n_documents, pages):
    """A corpus whose last documents have the shape of pages."""
    write_corpus(root, n_documents)
    documents = [json.loads(line) for line in (root / "documents.jsonl").read_text().splitlines()]
    for d in documents[n_documents - pages :]:
        d["page"] = True
    write_lines(root / "documents.jsonl", documents)
    return documents


def test_parts_once_given_are_kept_and_new_documents_are_added(tmp_path):
    root = write_corpus(tmp_path / "c", 30)
    before = write_splits(read_corpus(root), root / "splits")[0].parts
    more = write_corpus(tmp_path / "more", 60, seed=2)
    for name in ("documents", "passages"):
        lines = (more / f"{name}.jsonl").read_text().splitlines()
        new = [line for line in lines if json.loads(line).get("document_id", "") >= "h030"]
        new += [line for line in lines if json.loads(line)["id"] >= "h030" and name == "documents"]
        with (root / f"{name}.jsonl").open("a") as stream:
            stream.write("\n".join(new) + "\n")
    corpus = read_corpus(root)
    found = [f.message for f in validate(corpus) if f.code == "C18"]
    assert [f.split(": ")[0] for f in found] == [
        "30 documents are in no part of the split 'grouped'"
    ]
    after = write_splits(corpus, root / "splits")[0].parts
    assert not [f for f in validate(corpus) if f.code == "C18"]
    assert all(set(ids) <= set(after[part]) for part, ids in before.items())
    assert sorted(d for ids in after.values() for d in ids) == sorted(corpus.document)
    assert len(after["test"]) == pytest.approx(12, abs=3)
    assert write_splits(corpus, root / "splits")[0].parts == after


def test_where_a_group_has_two_parts_test_goes_first(tmp_path):
    root = write_corpus(tmp_path / "c", 30)
    before = write_splits(read_corpus(root), root / "splits")[0].parts
    documents = [json.loads(line) for line in (root / "documents.jsonl").read_text().splitlines()]
    joined = {before["train"][0], before["dev"][0], before["test"][0]}
    two = {before["train"][1], before["dev"][1]}
    for d in documents:
        if d["id"] in joined | two:
            d["event_id"] = "joined" if d["id"] in joined else "two"
    write_lines(root / "documents.jsonl", documents)
    after = write_splits(read_corpus(root), root / "splits")[0].parts
    assert joined <= set(after["test"])
    assert two <= set(after["dev"])


def test_eighty_pages_are_held_apart_from_every_other_split(tmp_path):
    root = tmp_path / "c"
    documents = page_corpus(root, 220, pages=180)
    corpus = read_corpus(root)
    splits = {s.name: s.parts for s in write_splits(corpus, root / "splits")}
    apart = set(splits["pages"]["pages"])
    assert len(apart) == pytest.approx(80, abs=4)
    assert apart <= {d["id"] for d in documents if d.get("page")}
    others = [d for name, p in splits.items() if name != "pages" for ids in p.values() for d in ids]
    assert not apart & set(others)
    assert not [f for f in validate(corpus) if f.code in {"C09", "C18"}]
    assert {s.name: s.parts for s in write_splits(corpus, root / "splits")} == splits
    in_two = splits["grouped"] | {"train": [*splits["grouped"]["train"], sorted(apart)[0]]}
    text = json.dumps({"name": "grouped", "rule": "r", "parts": in_two})
    (root / "splits" / "grouped.json").write_text(text)
    assert "C09" in {f.code for f in validate(corpus)}


def test_few_pages_are_not_held_apart(tmp_path):
    page_corpus(tmp_path / "c", 40, pages=20)
    assert "pages" not in {s.name for s in make_splits(read_corpus(tmp_path / "c"))}


def test_no_event_crosses_a_cut_by_date_or_country(tmp_path):
    root = write_corpus(tmp_path / "c", 30)
    documents = [json.loads(line) for line in (root / "documents.jsonl").read_text().splitlines()]
    old = next(d for d in documents if d["date"] < "2022")
    new = next(d for d in documents if d["date"] >= "2022")
    also = next(d for d in documents if d["date"] >= "2022" and d is not new)
    for d, country in ((old, "Niger"), (new, "Mali"), (also, "Mali")):
        d.update(event_id="long", countries=[country])
    write_lines(root / "documents.jsonl", documents)
    corpus = read_corpus(root)
    splits = {s.name: s.parts for s in write_splits(corpus, root / "splits")}
    assert new["id"] in splits["temporal-2021"]["test"]
    assert old["id"] not in {d for ids in splits["temporal-2021"].values() for d in ids}
    assert {old["id"], new["id"], also["id"]} <= set(splits["country"]["Mali"])
    assert not [f for f in validate(corpus) if f.code == "C09"]


def test_stock_phrases_link_no_documents(tmp_path):
    root = write_corpus(tmp_path / "c", 12)
    passages = [json.loads(line) for line in (root / "passages.jsonl").read_text().splitlines()]
    passages[3]["text"] = passages[30]["text"] = "No group has claimed responsibility for the raid."
    write_lines(root / "passages.jsonl", passages)
    corpus = read_corpus(root)
    groups = document_groups(corpus)
    assert groups[1] != groups[10]
    assert not [f for f in validate(corpus) if f.code in {"C01", "C02"}]
