import csv

import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, f1_score

from sahelclf.corpus.agreement import (
    Pair,
    alpha_from_coincidences,
    derive_labels,
    kappa_from_confusion,
    masi_distance,
    pairwise_f1,
)
from sahelclf.records import Adjudication, Annotation, Label


def coincidences(table, k):
    counts = np.zeros((k, k))
    for a, b in table:
        counts[a, b] += 1
        counts[b, a] += 1
    return counts


def test_alpha_of_a_worked_example():
    # ten units, binary: seven agree on 0, one on 1, two differ.
    # coincidences: o00 = 14, o11 = 2, o01 = o10 = 2; n0 = 16, n1 = 4, n = 20.
    # observed disagreement 4, expected 2 * 16 * 4 = 128; alpha = 1 - 19 * 4 / 128 = 0.40625
    table = [(0, 0)] * 7 + [(1, 1)] + [(0, 1), (1, 0)]
    assert alpha_from_coincidences(coincidences(table, 2), 1 - np.eye(2)) == pytest.approx(0.40625)


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=40))
def test_alpha_and_kappa_are_the_libraries(table):
    a, b = (list(x) for x in zip(*table, strict=True))
    assume(len({*a, *b}) > 1)
    ours = alpha_from_coincidences(coincidences(table, 3), 1 - np.eye(3))
    theirs = krippendorff.alpha(
        reliability_data=[a, b], level_of_measurement="nominal", value_domain=[0, 1, 2]
    )
    assert ours == pytest.approx(theirs, abs=1e-12)
    confusion = np.zeros((3, 3))
    for i, j in table:
        confusion[i, j] += 1
    if len(set(a)) > 1 or len(set(b)) > 1:
        assert kappa_from_confusion(confusion) == pytest.approx(cohen_kappa_score(a, b), abs=1e-12)


def test_alpha_without_variation_is_nan():
    assert np.isnan(alpha_from_coincidences(coincidences([(0, 0)] * 5, 2), 1 - np.eye(2)))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [  # 1 - Jaccard x monotonicity (1 equal, 2/3 one inside the other, 1/3 overlapping, 0 disjoint)
        ("xy", "xy", 0.0),
        ("", "", 0.0),
        ("x", "xy", 1 - 1 / 2 * 2 / 3),
        ("xy", "yz", 1 - 1 / 3 * 1 / 3),
        ("x", "y", 1.0),
        ("", "x", 1.0),
    ],
)
def test_masi_distance_of_worked_examples(a, b, expected):
    assert masi_distance(frozenset(a), frozenset(b)) == pytest.approx(expected)
    assert masi_distance(frozenset(b), frozenset(a)) == pytest.approx(expected)


LABELS = st.dictionaries(
    st.sampled_from(["t", "u"]), st.sampled_from(["pro", "con"]).map(lambda s: Label(stance=s))
)


@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=30))
def test_annotators_f1_is_scikit_learns_and_symmetric(rows):
    pairs = [Pair(str(i), "d", a, b) for i, (a, b) in enumerate(rows)]
    scores = pairwise_f1(pairs, ["t", "u"], ["pro", "con"])
    for topic in "tu":
        one, other = [topic in p.first for p in pairs], [topic in p.second for p in pairs]
        assert scores[f"topic/{topic}/f1"] == pytest.approx(f1_score(one, other, zero_division=0))
    said = [
        (p.first[t].stance, p.second[t].stance)
        for p in pairs
        for t in "tu"
        if t in p.first and t in p.second
    ]
    if said:
        expected = f1_score(
            *zip(*said, strict=True), labels=["pro", "con"], average="macro", zero_division=0
        )
        assert scores["stance/macro_f1"] == pytest.approx(expected)
    swapped = [Pair(p.unit, p.document_id, p.second, p.first) for p in pairs]
    assert pairwise_f1(swapped, ["t", "u"], ["pro", "con"]) == pytest.approx(scores)


def test_labels_follow_from_agreement_or_adjudication():
    pro, con = {"t": Label(stance="pro")}, {"t": Label(stance="con")}
    annotations = {
        "a": [
            Annotation(unit="1", topics=pro),
            Annotation(unit="2", topics=pro),
            Annotation(unit="3", topics=pro),
        ],
        "b": [
            Annotation(unit="1", topics=pro),
            Annotation(unit="2", topics=con),
            Annotation(unit="3", topics={}),
        ],
        "pilot": [Annotation(unit="1", round=0, topics=con)],
    }
    decided = [Adjudication(unit="2", decided_by="c", why="an act", topics=con)]
    labels, open_units = derive_labels(annotations, decided)
    assert labels == {"1": pro, "2": con}
    assert open_units == ["3"]


def test_order_of_parties_is_no_difference():
    one = {"t": Label(stance="pro", parties=["x", "y"])}
    other = {"t": Label(stance="pro", parties=["y", "x"])}
    annotations = {
        "a": [Annotation(unit="1", topics=one)],
        "b": [Annotation(unit="1", topics=other)],
    }
    assert derive_labels(annotations, []) == ({"1": one}, [])


def filled(path, answers):
    rows = list(csv.reader(path.open(encoding="utf-8-sig")))
    for row in rows[2:]:
        row[4:] = answers(row[0])
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return rows


def test_a_sheet_draws_every_cell_and_scores_a_person(harbour, tmp_path):
    from sahelclf.annotation.corpus_sheet import (
        read_sheet,
        sample_passages,
        sheet_agreement,
        write_sheet,
    )
    from sahelclf.corpus.read import read_corpus

    corpus = read_corpus(harbour)
    gold = {p.id: p.topics for p in corpus.passages}
    path = tmp_path / "s.csv"
    assert write_sheet(corpus, path, 40, seed=0) == 40
    drawn = sample_passages(corpus, 40, seed=0)
    assert len({p.id for p, _ in drawn}) == 40
    cells = [next(iter(p.topics.items()), ("none", None)) for p, _ in drawn]
    assert {(t, label.stance if label else None) for t, label in cells} == {
        ("none", None),
        *((t, s) for t in ("fishing", "dredging") for s in ("pro", "con")),
    }
    rows = filled(
        path,
        lambda unit: [
            gold[unit][t].stance if t in gold[unit] else "no" for t in ("fishing", "dredging")
        ],
    )
    assert all(0 < float(row[1]) <= 1 for row in rows[2:])
    labels = read_sheet(corpus, path)
    with (tmp_path / "semicolons.csv").open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream, delimiter=";").writerows(
            [*rows, [""] * 6]
        )  # as spreadsheets of other countries save it
    assert read_sheet(corpus, tmp_path / "semicolons.csv") == labels
    figures = {a.what: a for a in sheet_agreement(corpus, labels)}
    assert figures["fishing"].alpha == figures["fishing stance"].alpha == 1.0
    assert figures["fishing"].n == 40


def test_every_slip_on_a_sheet_is_named_by_its_cell(harbour, tmp_path):
    from sahelclf.annotation.corpus_sheet import read_sheet, sample_passages, write_sheet
    from sahelclf.corpus.read import read_corpus
    from sahelclf.errors import RequestError

    corpus = read_corpus(harbour)
    path = tmp_path / "s.csv"
    write_sheet(corpus, path, 5, seed=0)
    filled(path, lambda unit: ["maybe", ""])
    with pytest.raises(RequestError) as caught:
        read_sheet(corpus, path)
    assert "row 3, column fishing: found 'maybe'; expected one of ['no', 'pro', 'con']" in str(
        caught.value
    )
    assert "row 3, column dredging: found an empty cell" in str(caught.value)
    path.write_text("a,b\n")
    with pytest.raises(RequestError, match="row 1: found columns"):
        read_sheet(corpus, path)
    with pytest.raises(RequestError, match="expected 1 to 120"):
        sample_passages(corpus, 1000, seed=0)
