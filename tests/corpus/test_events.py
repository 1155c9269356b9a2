"""Documents that may tell of one event: which pairs are found, and what `validate` says of them."""

import json

import pytest

from sahelclf.corpus.duplicates import page_address
from sahelclf.corpus.events import like_documents
from sahelclf.corpus.read import read_corpus, read_event_pairs
from sahelclf.corpus.validate import validate
from sahelclf.errors import CorpusError
from support import write_corpus, write_lines


def documents_of(root):
    return [json.loads(line) for line in (root / "documents.jsonl").read_text().splitlines()]


def with_dates(tmp_path, one, other, country="Mali", event="e2"):
    """Two documents on a flood at Mopti among eight others, with these dates."""
    root = write_corpus(tmp_path / "c", 10)
    documents = documents_of(root)
    passages = [json.loads(line) for line in (root / "passages.jsonl").read_text().splitlines()]
    for d in documents:
        d["countries"] = ["Niger"]
    for d, day, name, where in (
        (documents[2], one, "e1", "Mali"),
        (documents[7], other, event, country),
    ):
        d.update(date=day, event_id=name, countries=[where], title="Flood waters reach Mopti")
    write_lines(root / "documents.jsonl", documents)
    write_lines(root / "passages.jsonl", passages)
    return root, documents[2]["id"], documents[7]["id"]


def pairs_of(root):
    corpus = read_corpus(root)
    ids = [d.id for d in corpus.documents]
    return {(ids[p.first], ids[p.second]): p.days for p in like_documents(corpus)}


@pytest.mark.parametrize(
    ("one", "other", "days"),
    [
        ("2024-03-01", "2024-03-08", 7),  # a week apart, the most that counts
        ("2024-03-01", "2024-03-09", None),
        ("2024-03", "2024-04-06", 6),  # from the last day of March
        ("2024", "2024-06-06", 0),  # any day of the year
        ("2024-03-01", "2023-12", None),
    ],
)
def test_like_pairs_are_at_most_a_week_apart(tmp_path, one, other, days):
    root, a, b = with_dates(tmp_path, one, other)
    assert pairs_of(root).get((a, b)) == days


def test_like_pairs_have_a_country_in_common(tmp_path):
    root, a, b = with_dates(tmp_path, "2024-03-01", "2024-03-02", country="Chad")
    assert (a, b) not in pairs_of(root)


def test_a_pair_of_two_events_is_to_be_judged(tmp_path):
    root, a, b = with_dates(tmp_path, "2024-03-01", "2024-03-02")
    found = [f for f in validate(read_corpus(root)) if f.code == "C14"]
    assert a in {f.id for f in found}
    judged = [{"documents": [b, a], "same": False, "why": "two floods"}]
    write_lines(root / "events.jsonl", judged)
    left = [f for f in validate(read_corpus(root)) if f.code in {"C14", "C15"}]
    assert len(left) == len(found) - 1
    assert not [f for f in left if f.code == "C15"]


def test_a_judgement_must_agree_with_the_events(tmp_path):
    root, a, b = with_dates(tmp_path, "2024-03-01", "2024-03-02")
    write_lines(root / "events.jsonl", [{"documents": [a, b], "same": True, "why": "one flood"}])
    assert [f.message for f in validate(read_corpus(root)) if f.code == "C15"] == [
        f"judged the same as {b}, but the events are e1 and e2"
    ]


def test_judged_pairs_of_unknown_documents_and_pairs_judged_twice_are_refused(tmp_path):
    root, a, b = with_dates(tmp_path, "2024-03-01", "2024-03-02")
    rows = [
        {"documents": [a, b], "same": False, "why": "two floods"},
        {"documents": [b, a], "same": True, "why": "one flood"},
        {"documents": [a, "zzz"], "same": False, "why": "unknown"},
    ]
    write_lines(root / "events.jsonl", rows)
    with pytest.raises(CorpusError, match=r"events.jsonl:3: documents: \['zzz'\][\s\S]*:1 too"):
        read_event_pairs(read_corpus(root))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://www.Example.org/a/b/", "example.org/a/b"),
        ("http://m.example.org/a/b/amp", "example.org/a/b"),
        ("https://example.org/n?page=12", "example.org/n"),
        ("https://example.org/index.php?id=7&utm_source=x", "example.org/index.php?id=7"),
        ("https://example.org/a#top", "example.org/a"),
    ],
)
def test_address_of_a_page(url, address):
    assert page_address(url) == address
