import itertools

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

from sahelclf.evaluation import decide
from sahelclf.evaluation.metrics import ratio
from sahelclf.evaluation.task_scores import (
    decide_task,
    fit_task_thresholds,
    metric_ratios,
    row_counts,
    scores,
)
from sahelclf.tasks.base import TaskSpec

BINARY = TaskSpec("weather", "binary", ("dry", "wet"), "positive_f1")
ONE_OF = TaskSpec("sky", "multiclass", ("clear", "cloud", "fog"), "macro_f1")
ANY = TaskSpec("news", "multilabel", ("fish", "mud", "song"), "example_f1", may_be_empty=True)
SIDE = TaskSpec("side", "multiclass", ("none", "con", "pro"), "mean_f1/con+pro", uses_target=True)


def one_hot(rows, k=3):
    return np.eye(k, dtype=int)[rows]


def random_rows(seed, spec, n=60):
    rng = np.random.default_rng(seed)
    if spec.kind == "multiclass":
        return one_hot(rng.integers(0, 3, n)), one_hot(rng.integers(0, 3, n))
    k = 1 if spec.kind == "binary" else 3
    return (rng.random((n, k)) < 0.3).astype(int), (rng.random((n, k)) < 0.3).astype(int)


def test_decisions_of_each_kind():
    p = np.array([[0.5, 0.2, 0.49], [0.1, 0.1, 0.1]])
    assert decide_task(ANY, p).tolist() == [[True, False, False], [False, False, False]]
    assert decide_task(ANY, p, [0.6, 0.1, 0.4]).tolist() == [
        [False, True, True],
        [False, True, False],
    ]
    assert decide_task(ONE_OF, p).tolist() == [[True, False, False], [True, False, False]]
    assert decide_task(BINARY, np.array([[0.5], [0.4]])).tolist() == [[True], [False]]


def test_decisions_refuse_what_they_cannot_use():
    with pytest.raises(ValueError, match="no thresholds"):
        decide_task(ONE_OF, np.ones((1, 3)), [0.5] * 3)
    with pytest.raises(ValueError, match=r"thresholds \(2,\), expected \(3,\)"):
        decide_task(ANY, np.ones((1, 3)), [0.5] * 2)
    with pytest.raises(ValueError, match=r"probabilities \(1, 2\), expected \(n, 1\)"):
        decide_task(BINARY, np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"rows \[1\] hold NaN"):
        decide_task(BINARY, np.array([[0.1], [np.nan]]))


def test_multilabel_scores_of_a_worked_example():
    # row 0: gold fish mud, predicted fish       -> 2x1/(2+1) = 2/3
    # row 1: gold nothing, predicted nothing     -> dropped
    # row 2: gold nothing, predicted mud         -> 0
    # row 3: gold song, predicted fish song      -> 2x1/(1+2) = 2/3      mean over three rows 4/9
    # fish: tp 1 fp 1 fn 0 -> 2/3; mud: tp 0 fp 1 fn 1 -> 0; song: tp 1 -> 1; macro 5/9
    # together tp 2 fp 2 fn 1 -> 4/7; rows with all labels right: 1 of 4
    gold = np.array([[1, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1]])
    predicted = np.array([[1, 0, 0], [0, 0, 0], [0, 1, 0], [1, 0, 1]])
    found = scores(ANY, predicted, gold)
    assert found["example_f1"] == pytest.approx(4 / 9)
    assert found["macro_f1"] == pytest.approx(5 / 9)
    assert found["micro_f1"] == pytest.approx(4 / 7)
    assert found["accuracy"] == pytest.approx(1 / 4)
    assert [found[f"fish/{m}"] for m in ("f1", "precision", "recall")] == pytest.approx(
        [2 / 3, 1 / 2, 1]
    )
    assert "positive_f1" not in found


def test_binary_scores_of_a_worked_example():
    # wet: tp 1 fp 1 fn 0 -> 2/3; dry: tp 2 fp 0 fn 1 -> 4/5; macro 11/15; 3 of 4 right
    found = scores(BINARY, np.array([[1], [1], [0], [0]]), np.array([[1], [0], [0], [0]]))
    assert found["positive_f1"] == found["wet/f1"] == pytest.approx(2 / 3)
    assert found["dry/f1"] == pytest.approx(4 / 5)
    assert found["macro_f1"] == pytest.approx(11 / 15)
    assert found["accuracy"] == found["micro_f1"] == pytest.approx(3 / 4)
    assert "example_f1" not in found


def test_stance_scores_of_a_worked_example():
    # con: gold rows 0 1, predicted 0 -> 2/3; pro: gold row 2, predicted rows 1 2 -> 2/3; none: gold
    # row 3, predicted row 3 -> 1
    found = scores(SIDE, one_hot([1, 2, 2, 0]), one_hot([1, 1, 2, 0]))
    assert found["mean_f1/con+pro"] == pytest.approx(2 / 3)
    assert found["macro_f1"] == pytest.approx(7 / 9)
    # a row of 'none' called 'con' counts by con's precision alone: con 2/4, pro 2/3
    assert scores(SIDE, one_hot([1, 2, 2, 1]), one_hot([1, 1, 2, 0]))[
        "mean_f1/con+pro"
    ] == pytest.approx((1 / 2 + 2 / 3) / 2)


@pytest.mark.parametrize("seed", range(5))
def test_multilabel_scores_are_scikit_learns(seed):
    predicted, gold = random_rows(seed, ANY)
    found = scores(ANY, predicted, gold)
    kept = (predicted | gold).any(axis=1)
    assert found["example_f1"] == pytest.approx(
        f1_score(gold[kept], predicted[kept], average="samples", zero_division=0), abs=1e-12
    )
    for average in ("macro", "micro"):
        assert found[f"{average}_f1"] == pytest.approx(
            f1_score(gold, predicted, average=average, zero_division=0), abs=1e-12
        )
    assert found["accuracy"] == pytest.approx(accuracy_score(gold, predicted), abs=1e-12)
    expected = precision_recall_fscore_support(gold, predicted, average=None, zero_division=0)
    for k, label in enumerate(ANY.labels):
        assert [found[f"{label}/{m}"] for m in ("precision", "recall", "f1")] == pytest.approx(
            [float(e[k]) for e in expected[:3]], abs=1e-12
        )


@pytest.mark.parametrize("seed", range(5))
def test_scores_of_one_label_a_row_are_scikit_learns(seed):
    predicted, gold = random_rows(seed, SIDE)
    found, s, g = scores(SIDE, predicted, gold), predicted.argmax(axis=1), gold.argmax(axis=1)
    for average in ("macro", "micro"):
        assert found[f"{average}_f1"] == pytest.approx(
            f1_score(g, s, labels=[0, 1, 2], average=average, zero_division=0), abs=1e-12
        )
    assert found["accuracy"] == pytest.approx(accuracy_score(g, s), abs=1e-12)
    assert found["mean_f1/con+pro"] == pytest.approx(
        f1_score(g, s, labels=[1, 2], average="macro", zero_division=0), abs=1e-12
    )
    predicted, gold = random_rows(seed, BINARY)
    found = scores(BINARY, predicted, gold)
    assert found["positive_f1"] == pytest.approx(
        f1_score(gold[:, 0], predicted[:, 0], zero_division=0), abs=1e-12
    )
    assert found["macro_f1"] == pytest.approx(
        f1_score(gold[:, 0], predicted[:, 0], average="macro", zero_division=0), abs=1e-12
    )


def test_example_f1_is_the_published_codes():
    # the released function, line by line: rows with neither dropped, then twice the intersection
    # over the sum of sizes
    predicted, gold = random_rows(9, ANY, n=200)
    rows = [(g, s) for g, s in zip(gold, predicted, strict=True) if sum(g) + sum(s) > 0]
    expected = np.mean([2 * sum(np.logical_and(g, s)) / (sum(g) + sum(s)) for g, s in rows])
    assert len(rows) < 200
    assert scores(ANY, predicted, gold)["example_f1"] == pytest.approx(expected, abs=1e-12)


def test_nothing_to_find_and_nothing_found_is_zero():
    empty = np.zeros((3, 3), dtype=int)
    found = scores(ANY, empty, empty)
    assert (found["example_f1"], found["macro_f1"], found["micro_f1"], found["accuracy"]) == (
        0,
        0,
        0,
        1,
    )
    assert set(scores(ANY, empty[:0], empty[:0]).values()) == {0.0}


def test_a_label_without_support_keeps_its_place_in_the_mean():
    found = scores(ONE_OF, one_hot([0, 1]), one_hot([0, 1]))
    assert found["macro_f1"] == pytest.approx(2 / 3)


def test_resampled_counts_give_the_scores_of_the_resampled_rows():
    predicted, gold = random_rows(3, ANY, n=20)
    rows = [0, 0, 5, 7, 7, 7, 19]
    weight = np.bincount(rows, minlength=20).astype(float)
    counts = {
        k: np.tensordot(np.stack([weight, np.ones(20)]), v, axes=1)
        for k, v in row_counts(ANY, predicted, gold).items()
    }
    found = {
        k: ratio(above, below).mean(axis=-1)
        for k, (above, below) in metric_ratios(ANY, counts).items()
    }
    for name, value in scores(ANY, predicted[rows], gold[rows]).items():
        assert found[name][0] == pytest.approx(value, abs=1e-12)
    for name, value in scores(ANY, predicted, gold).items():
        assert found[name][1] == pytest.approx(value, abs=1e-12)


def test_rows_that_cannot_be_scored_are_refused():
    with pytest.raises(ValueError, match=r"decisions hold \[0.0, 0.5\], expected 0 and 1"):
        scores(BINARY, np.array([[0.5], [0]]), np.array([[1], [0]]))
    with pytest.raises(ValueError, match=r"gold labels: rows \[1\] do not have exactly one label"):
        scores(ONE_OF, one_hot([0, 1]), np.array([[1, 0, 0], [1, 1, 0]]))
    with pytest.raises(ValueError, match="1 rows of decisions, 2 of gold labels"):
        scores(ANY, np.zeros((1, 3)), np.zeros((2, 3)))
    wrong = TaskSpec("side", "multiclass", ("a", "b"), "mean_f1/a+c")
    with pytest.raises(ValueError, match=r"names \['c'\]; expected some of \['a', 'b'\]"):
        scores(wrong, one_hot([0], 2), one_hot([0], 2))


def test_thresholds_of_label_f1_are_decides():
    rng = np.random.default_rng(0)
    p = rng.random((80, 3))
    y = (rng.random((80, 3)) < p).astype(int)
    assert (
        fit_task_thresholds(ANY, p, y, "macro_f1").tolist() == decide.fit_thresholds(p, y).tolist()
    )
    assert fit_task_thresholds(BINARY, p[:, :1], y[:, :1], "positive_f1").tolist() == [
        decide.f1_threshold(p[:, 0], y[:, 0])
    ]


def test_a_multi_class_task_has_no_thresholds():
    assert fit_task_thresholds(ONE_OF, np.ones((2, 3)), one_hot([0, 1]), "macro_f1") is None


def test_thresholds_for_example_f1_of_a_worked_example():
    # one label besides two silent ones: fish holds where p is 0.3 or more, so any threshold in
    # (0.12, 0.3] finds all
    # and gives 1; the one of them on the grid nearest to 0.5 is 0.3
    p, y = np.zeros((4, 3)), np.zeros((4, 3), dtype=int)
    p[:, 0], y[:, 0] = [0.3, 0.4, 0.12, 0.1], [1, 1, 0, 0]
    found = fit_task_thresholds(ANY, p, y, "example_f1")
    assert found.tolist() == [0.3, 0.5, 0.5]
    assert scores(ANY, decide_task(ANY, p, found), y)["example_f1"] == 1


@pytest.mark.parametrize("metric", ["example_f1", "micro_f1", "accuracy"])
def test_searched_thresholds_are_near_the_best_of_all_on_a_grid(metric):
    rng = np.random.default_rng(2)
    p = rng.beta(0.7, 1.5, size=(40, 2))
    y = (rng.random((40, 2)) < p).astype(int)
    two = TaskSpec("two", "multilabel", ("a", "b"), metric, may_be_empty=True)
    value = lambda limits: scores(two, decide_task(two, p, limits), y)[metric]
    best = max(
        value(limits)
        for limits in itertools.product(np.arange(0.02, 0.99, 0.02).round(2), repeat=2)
    )
    found = fit_task_thresholds(two, p, y, metric)
    assert value(found) >= max(value([0.5, 0.5]), best - 0.02)


def test_an_unknown_metric_is_refused():
    with pytest.raises(ValueError, match="no metric 'auc'; expected one of"):
        fit_task_thresholds(ANY, np.ones((2, 3)), np.array([[1, 0, 1], [0, 1, 0]]), "auc")
