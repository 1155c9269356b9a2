import krippendorff
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from sahelclf.corpus.agreement import (
    PAIRS,
    agreement,
    agreement_scores,
    alpha_from_coincidences,
    coincidences,
    masi_distance,
    pairwise_f1,
)
from sahelclf.corpus.pairs import kappa_matrix
from sahelclf.corpus.read import read_corpus
from sahelclf.corpus.rounds import CodedUnit, derive_labels, retest_units
from sahelclf.records import Adjudication, Annotation, Label
from sahelclf.workflows.agreement import corpus_agreement, corpus_pairs
from support import write_corpus, write_lines


def alpha(table, k):
    table = np.array(table)
    counts = coincidences(table, np.arange(len(table)), k)
    return alpha_from_coincidences(counts.sum(axis=0), 1 - np.eye(k))


def test_alpha_of_a_worked_example():
    # ten units, binary: seven agree on 0, one on 1, two differ.
    # coincidences: o00 = 14, o11 = 2, o01 = o10 = 2; n0 = 16, n1 = 4, n = 20.
    # observed disagreement 4, expected 2 * 16 * 4 = 128; alpha = 1 - 19 * 4 / 128 = 0.40625
    table = [(0, 0)] * 7 + [(1, 1)] + [(0, 1), (1, 0)]
    assert alpha(table, 2) == pytest.approx(0.40625)


def test_alpha_of_three_annotators_by_hand():
    # units 001, 11-, 000, 111: pairs of a unit of m answers weigh 1 / (m - 1).
    # 001: o00 1, o01 1, o10 1; 11-: o11 2; 000: o00 3; 111: o11 3.
    # o00 = 4, o11 = 5, o01 = o10 = 1; n0 = 5, n1 = 6, n = 11; alpha = 1 - 10 * 2 / (2 * 30) = 2 / 3
    table = [(0, 0, 1), (1, 1, -1), (0, 0, 0), (1, 1, 1)]
    assert alpha(table, 2) == pytest.approx(2 / 3)


ANSWERS = st.lists(st.lists(st.integers(-1, 2), min_size=4, max_size=4), min_size=2, max_size=40)


@given(ANSWERS)
def test_alpha_with_missing_answers_is_the_librarys(rows):
    table = np.array(rows)
    table = table[(table >= 0).sum(axis=1) >= 2]
    assume(len(np.unique(table[table >= 0])) > 1)
    data = np.where(table.T < 0, np.nan, table.T)
    theirs = krippendorff.alpha(reliability_data=data, level_of_measurement="nominal")
    assert alpha(table, 3) == pytest.approx(theirs, abs=1e-12)


def test_alpha_without_variation_is_nan():
    assert np.isnan(alpha([(0, 0)] * 5, 2))


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


def coded(rows):
    return [
        CodedUnit(str(i), "d", dict(zip("abc", labels, strict=False)))
        for i, labels in enumerate(rows)
    ]


@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=30))
def test_annotators_f1_is_scikit_learns_and_symmetric(rows):
    scores = pairwise_f1(coded(rows), ["t", "u"], ["pro", "con"])
    for topic in "tu":
        one, other = ([topic in labels for labels in side] for side in zip(*rows, strict=True))
        assert scores[f"topic/{topic}/f1"] == pytest.approx(f1_score(one, other, zero_division=0))
    stances = [(a[t].stance, b[t].stance) for a, b in rows for t in "tu" if t in a and t in b]
    if stances:
        expected = f1_score(
            *zip(*stances, strict=True), labels=["pro", "con"], average="macro", zero_division=0
        )
        assert scores["stance/macro_f1"] == pytest.approx(expected)
    swapped = coded([(b, a) for a, b in rows])
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


def rows_of(*given):
    """Annotations of unit 1: (annotator, round, topics)."""
    rows: dict[str, list[Annotation]] = {}
    for name, number, topics in given:
        rows.setdefault(name, []).append(Annotation(unit="1", round=number, topics=topics))
    return rows


def test_a_later_round_of_two_annotators_decides_and_a_retest_does_not():
    pro, con = {"t": Label(stance="pro")}, {"t": Label(stance="con")}
    first = (("a", 1, pro), ("b", 1, pro))
    assert derive_labels(rows_of(*first, ("a", 2, con)), []) == ({"1": pro}, [])
    again = (("a", 3, con), ("b", 3, con))
    assert derive_labels(rows_of(*first, ("a", 2, pro), *again), []) == ({"1": con}, [])


def test_an_adjudication_decides_in_its_own_round_alone():
    pro, con = {"t": Label(stance="pro")}, {"t": Label(stance="con")}
    rows = rows_of(("a", 1, pro), ("b", 1, con), ("a", 3, pro), ("b", 3, {}))
    first = Adjudication(unit="1", decided_by="c", why="an act", topics=con)
    assert derive_labels(rows, [first]) == ({}, ["1"])
    third = Adjudication(unit="1", round=3, decided_by="c", why="no clause", topics={})
    assert derive_labels(rows, [first, third]) == ({"1": {}}, [])


def test_a_retest_is_a_round_of_one_annotator(harbour):
    corpus = read_corpus(harbour)
    unit = corpus.passages[0].id

    def retests(*given):
        rows = {
            name: [Annotation(unit=unit, round=n, topics=t) for who, n, t in given if who == name]
            for name in "ab"
        }
        return [u.labels for u in retest_units(corpus, rows)]

    first = (("a", 1, PRO), ("b", 1, PRO))
    assert retests(*first, ("a", 2, CON)) == [{"1": PRO, "2": CON}]
    assert retests(*first, ("a", 3, CON), ("b", 3, CON)) == []


PRO, CON = {"fishing": Label(stance="pro")}, {"fishing": Label(stance="con")}


@pytest.fixture
def three(harbour):
    """Four passages: a and b agree on all, c on the first two; the last has no labels by b."""
    passages = read_corpus(harbour).passages[:4]
    rows = [(PRO, PRO, PRO), ({}, {}, {}), (PRO, PRO, {}), (CON, None, {})]
    return [
        CodedUnit(
            p.id, p.document_id, {n: t for n, t in zip("abc", row, strict=True) if t is not None}
        )
        for p, row in zip(passages, rows, strict=True)
    ]


def test_figures_of_three_annotators_by_hand(harbour, three):
    found = {a.what: a for a in agreement(read_corpus(harbour), three)}
    fishing = found["fishing"]
    assert (fishing.n, fishing.annotators, fishing.pairs) == (4, 3, 3)
    assert fishing.support == (3, 2, 1)
    # 111, 000, 110, 1-0: o11 = 3 + 1, o00 = 3, o10 = o01 = 1 + 1; n1 = 6, n0 = 5, n = 11
    assert fishing.alpha == pytest.approx(1 - 10 * 4 / 60)
    # units: 1, 1, 1/3, 0
    assert fishing.agree == pytest.approx((1 + 1 + 1 / 3 + 0) / 4)
    # a-b: 1; b-c on 3 units: observed 2/3, by chance 2/3 * 1/3 + 1/3 * 2/3 = 4/9, so 2/5;
    # a-c on 4: observed 1/2, by chance 3/4 * 1/4 + 1/4 * 3/4 = 3/8, so 1/5
    assert fishing.kappa == pytest.approx((1 + 2 / 5 + 1 / 5) / 3)
    # of the stance, the units that two or more gave the topic: pro pro pro, pro pro
    assert found["fishing stance"].n == 2
    assert found["fishing stance"].agree == 1


def test_annotators_f1_is_the_mean_over_their_pairs(three):
    scores = pairwise_f1(three, ["fishing"], ["pro", "con"])
    # a-b: 1; b-c: 1 of 2 and 1, so 2/3; a-c: 1 of 3 and 1, so 1/2
    assert scores["topic/fishing/f1"] == pytest.approx((1 + 2 / 3 + 1 / 2) / 3)
    assert scores[PAIRS] == 3


def test_the_names_of_the_annotators_change_nothing(harbour, tmp_path):
    import shutil

    corpus = tmp_path / "corpus"
    shutil.copytree(harbour, corpus)
    units = [p.id for p in read_corpus(harbour).passages[:6]]
    rows = {"anna": [PRO] * 6, "ben": [PRO] * 6, "third": [CON, {}, PRO, {}, CON, {}]}
    shutil.rmtree(corpus / "raw", ignore_errors=True)
    (corpus / "raw").mkdir()
    for name, labels in rows.items():
        lines = [Annotation(unit=u, topics=t) for u, t in zip(units, labels, strict=True)]
        text = "".join(line.model_dump_json() + "\n" for line in lines)
        (corpus / "raw" / f"{name}.jsonl").write_text(text)
    documents = {d.id for d in read_corpus(corpus).documents}
    first = agreement_scores(read_corpus(corpus), documents)
    (corpus / "raw" / "third.jsonl").rename(corpus / "raw" / "aaron.jsonl")
    again = agreement_scores(read_corpus(corpus), documents)
    assert again["passage"] == pytest.approx(first["passage"])
    # fishing: anna-ben 1, and twice 3 of 6 and 3, so 2/3
    assert first["passage"]["topic/fishing/f1"] == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)


def three_annotators(root):
    """Anna and ben label four passages, eva two of them."""
    write_corpus(root, 4)
    for p in (root / "raw").iterdir():
        p.unlink()
    units = ["h000-0", "h000-1", "h000-2", "h001-0"]
    said = {
        "anna": ["pro", "con", "no", "no"],
        "ben": ["pro", "pro", "no", "con"],
        "eva": ["con", "pro", None, None],
    }
    for name, answers in said.items():
        rows = [
            {"unit": u, "round": 1, "topics": {} if a == "no" else {"fishing": {"stance": a}}}
            for u, a in zip(units, answers, strict=True)
            if a
        ]
        write_lines(root / "raw" / f"{name}.jsonl", rows)
    return read_corpus(root)


def test_pairs_of_three_annotators_by_hand(tmp_path):
    corpus = three_annotators(tmp_path / "c")
    pairs = {p.annotators: p for p in corpus_pairs(corpus) if p.topic == "fishing"}
    # anna, ben: pro/pro, con/pro, no/no, no/con: 2 of 4 equal; chance is
    # (1*2 + 1*1 + 2*1) / 16 = 5/16; kappa = (8/16 - 5/16) / (11/16) = 3/11
    one = pairs["anna", "ben"]
    assert (one.n, one.differ, one.kappa) == (4, 2, pytest.approx(3 / 11))
    assert one.differences == (("con", "pro", 1), ("no", "con", 1))
    # anna, eva: pro/con, con/pro: none equal, chance 1/2: kappa -1
    assert (pairs["anna", "eva"].n, pairs["anna", "eva"].kappa) == (2, pytest.approx(-1))
    # ben, eva: pro/con, pro/pro: half equal, chance (2*1) / 4 = 1/2: kappa 0
    assert pairs["ben", "eva"].kappa == pytest.approx(0)
    names, matrix = kappa_matrix([*corpus_pairs(corpus)], "passage")
    assert names == ["anna", "ben", "eva"]
    # nobody gave dredging, so its kappa is not defined and the mean is that of fishing
    expected = [[np.nan, 3 / 11, -1], [3 / 11, np.nan, 0], [-1, 0, np.nan]]
    np.testing.assert_allclose(matrix, expected, atol=1e-12)


def test_alpha_and_prevalence_of_three_annotators_by_hand(tmp_path):
    corpus = three_annotators(tmp_path / "c")
    figures = {a.what: a for a in corpus_agreement(corpus)}
    # fishing holds: 111, 11-... of eva: units 111, 111, 00-, 01-: o11 = 3 + 3 = 6, o00 = 2,
    # o01 = o10 = 1; n1 = 7, n0 = 3, n = 10; alpha = 1 - 9 * 2 / (2 * 21) = 4 / 7
    assert figures["fishing"].alpha == pytest.approx(4 / 7)
    assert figures["fishing"].prevalence == pytest.approx(7 / 10)
    assert figures["fishing"].support == (2, 3, 2)
    data = [[1, 1, 0, 0], [1, 1, 0, 1], [1, 1, np.nan, np.nan]]
    theirs = krippendorff.alpha(reliability_data=np.array(data), level_of_measurement="nominal")
    assert figures["fishing"].alpha == pytest.approx(theirs)
    # stances where two or more give the topic: pro pro con, con pro pro: each unit of three adds
    # 1/2 a pair: o(pp) = 2, o(pc) = o(cp) = 2; n(p) = 4, n(c) = 2;
    # alpha = 1 - 5 * 4 / (2 * 8) = -1/4
    assert figures["fishing stance"].alpha == pytest.approx(-1 / 4)
    assert figures["fishing stance"].prevalence is None


def test_the_annotators_row_of_training_is_the_mean_over_all_pairs(tmp_path):
    corpus = three_annotators(tmp_path / "c")
    scores = agreement_scores(corpus, {*corpus.document})["passage"]
    # F1 of the topic: anna {0, 1}, ben {0, 1, 3} of 4: 4/5; with eva on two units, all given: 1
    assert scores["topic/fishing/f1"] == pytest.approx((4 / 5 + 1 + 1) / 3)
    assert scores[PAIRS] == 3
