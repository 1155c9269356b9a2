"""Label audit: the ranking is cleanlab's, and the batch is a later round."""

import numpy as np
import pytest

from sahelclf.annotation.audit import (
    answer_probabilities,
    by_annotator,
    doubtful_units,
    doubts,
    normalized_margin,
    self_confidence,
)
from sahelclf.annotation.batch import read_batch
from sahelclf.annotation.page import batch_id
from sahelclf.codebook import Codebook
from sahelclf.corpus.edit import plain_topics
from sahelclf.corpus.read import read_annotations, read_corpus
from sahelclf.corpus.rounds import annotated_units
from sahelclf.evaluation.predictions import Names, Predictions
from sahelclf.records import Label
from sahelclf.workflows.annotate import annotate_import
from sahelclf.workflows.audit import annotate_audit
from support import write_corpus, write_lines

BOOK = Codebook(
    version="1",
    title="t",
    languages=["en"],
    stances={"pro": "for", "con": "against"},
    topics={"fish": {"holds": "fish", "target": "catch"}},
)


def predictions():
    """Two units: fish at 0.8, pro 0.75 of it; fish at 0.1."""
    return Predictions(
        Names(("fish",), ("pro", "con")),
        ("u1", "u2"),
        ("d1", "d2"),
        np.array([[0.8], [0.1]]),
        np.array([[[0.75, 0.25]], [[0.5, 0.5]]]),
        np.array([[True], [False]]),
    )


def test_qualities_by_hand():
    # answers no, pro, con: u1 0.2, 0.6, 0.2; u2 0.9, 0.05, 0.05
    p = answer_probabilities(predictions())[:, 0]
    np.testing.assert_allclose(p, [[0.2, 0.6, 0.2], [0.9, 0.05, 0.05]])
    np.testing.assert_allclose(self_confidence(np.array([2, 0]), p), [0.2, 0.9])
    # u1 said con: (0.2 - 0.6 + 1) / 2 = 0.3; u2 said no: (0.9 - 0.05 + 1) / 2 = 0.925
    np.testing.assert_allclose(normalized_margin(np.array([2, 0]), p), [0.3, 0.925])


def test_the_most_doubtful_answer_comes_first_with_its_annotator():
    con, pro = {"fish": Label(stance="con")}, {"fish": Label(stance="pro")}
    labels = {"u1": {"anna": con, "ben": pro}, "u2": {"anna": con}}
    ranked = doubts(predictions(), labels, BOOK)
    # u2 anna con: (0.05 - 0.9 + 1) / 2 = 0.075; u1 anna con 0.3; u1 ben pro (0.6 - 0.2 + 1) / 2
    assert [(d.unit, d.annotator, d.given, d.predicted) for d in ranked] == [
        ("u2", "anna", "con", "no"),
        ("u1", "anna", "con", "pro"),
        ("u1", "ben", "pro", "pro"),
    ]
    assert [d.quality for d in ranked] == pytest.approx([0.075, 0.3, 0.7])
    assert doubtful_units(ranked, 5) == ["u2", "u1"]
    assert by_annotator(ranked) == [("anna", "fish", 2, 2), ("ben", "fish", 0, 1)]


@pytest.mark.parametrize("method", ["self_confidence", "normalized_margin"])
def test_qualities_are_cleanlabs(method):
    rank = pytest.importorskip("cleanlab.rank")
    rng = np.random.default_rng(0)
    p = rng.dirichlet([0.4, 0.4, 0.4], size=300)
    given = rng.integers(0, 3, size=300)
    given[:3] = 0, 1, 2
    ours = {"self_confidence": self_confidence, "normalized_margin": normalized_margin}[method]
    theirs = rank.get_label_quality_scores(given, p, method=method, adjust_pred_probs=False)
    np.testing.assert_allclose(ours(given, p), theirs, atol=1e-12)


def test_wrong_labels_come_back_as_a_batch_of_the_next_round(tmp_path):
    root = write_corpus(tmp_path / "c", 60)
    corpus = read_corpus(root)
    wrong = [p.id for p in corpus.passages if "dredging" in p.topics][:3]
    other = {"fishing": {"stance": "pro", "basis": "said"}}
    rows = [
        {"unit": p.id, "round": 1, "topics": other if p.id in wrong else plain_topics(p.topics)}
        for p in corpus.passages
    ]
    for name in "ab":
        write_lines(root / "raw" / f"{name}.jsonl", rows)
    done = annotate_audit(root, tmp_path / "again", n=6, tools=["page"])
    assert {*wrong} <= {u.unit for u in done.batch.units}
    batch = read_batch(tmp_path / "again")
    assert {(u.drawn, tuple(u.annotators), u.suggestion) for u in batch.units} == {
        ("again", ("a", "b"), None)
    }
    assert batch.info.strategy == {"name": "audit", "round": 2}
    assert (tmp_path / "again" / "page-a.html").exists()
    # both say dredging again: round 2 decides, agreement stays that of round 1
    before = annotated_units(corpus, read_annotations(corpus))
    for name in "ab":
        saved = [
            {"batch": batch_id(batch), "annotator": name, "unit": u.unit, "check": u.check,
             "answers": {"fishing": "no", "dredging": "con"}}
            for u in batch.units
        ]  # fmt: skip
        write_lines(tmp_path / f"answers-{name}.jsonl", saved)
    files = [tmp_path / f"answers-{name}.jsonl" for name in "ab"]
    annotate_import(tmp_path / "again", files, root)
    after = read_corpus(root)
    labels = {p.id: p.topics for p in after.passages}
    assert {labels[unit]["dredging"].stance for unit in wrong} == {"con"}
    again = annotated_units(after, read_annotations(after))
    assert [u.labels for u in again] == [u.labels for u in before]
