import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import average_precision_score, f1_score, precision_recall_fscore_support

from sahelclf.errors import RequestError
from sahelclf.evaluation import decide, metrics
from sahelclf.evaluation.intervals import mean_score, resample
from sahelclf.evaluation.prediction_tables import from_flat_rows
from sahelclf.evaluation.predictions import Gold, Names, Predictions
from sahelclf.evaluation.report import document_draws, report

NAMES = Names(("t", "u"), ("pro", "con", "none"))


def made(seed, n=40, documents=9):
    rng = np.random.default_rng(seed)
    stance_p = rng.dirichlet(np.ones(3), size=(n, 2))
    p = rng.random((n, 2))
    held = rng.random((n, 2)) < 0.4
    gold = Gold(held, np.where(held, rng.integers(0, 3, size=(n, 2)), -1))
    owners = tuple(f"d{x}" for x in rng.integers(0, documents, size=n))
    return Predictions(NAMES, tuple(map(str, range(n))), owners, p, stance_p, p >= 0.5), gold


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_scikit_learns(seed):
    predicted, gold = made(seed)
    scores = report(predicted, gold).scores
    for k, topic in enumerate(NAMES.topics):
        expected = precision_recall_fscore_support(
            gold.topics[:, k], predicted.holds[:, k], average="binary", zero_division=0
        )
        found = [scores[f"topic/{topic}/{m}"] for m in ("precision", "recall", "f1")]
        assert found == pytest.approx(list(expected[:3]), abs=1e-12)
        ap = average_precision_score(gold.topics[:, k], predicted.probability[:, k])
        assert scores[f"topic/{topic}/average_precision"] == pytest.approx(ap, abs=1e-12)
    assert scores["topic/macro_f1"] == pytest.approx(
        f1_score(gold.topics, predicted.holds, average="macro", zero_division=0), abs=1e-12
    )
    held = gold.topics
    expected = f1_score(
        gold.stance[held],
        predicted.stance[held],
        labels=[0, 1, 2],
        average="macro",
        zero_division=0,
    )
    assert scores["stance/macro_f1"] == pytest.approx(expected, abs=1e-12)
    for j, stance in enumerate(NAMES.stances):
        expected = f1_score(gold.stance[held] == j, predicted.stance[held] == j, zero_division=0)
        assert scores[f"stance/{stance}/f1"] == pytest.approx(expected, abs=1e-12)
    for k, topic in enumerate(NAMES.topics):
        on = held[:, k]
        expected = f1_score(
            gold.stance[on, k],
            predicted.stance[on, k],
            labels=[0, 1, 2],
            average="macro",
            zero_division=0,
        )
        assert scores[f"stance/{topic}/macro_f1"] == pytest.approx(expected, abs=1e-12)
    cells = lambda stance, on: (stance[:, :, None] == np.arange(3)) & on[:, :, None]
    joint = f1_score(
        cells(gold.stance, gold.topics).reshape(40, 6),
        cells(predicted.stance, predicted.holds).reshape(40, 6),
        average="micro",
        zero_division=0,
    )
    assert scores["joint/f1"] == pytest.approx(joint, abs=1e-12)


def test_scores_of_a_worked_example():
    # t: gold 1 1 0, predicted 1 0 1 -> tp 1, fp 1, fn 1 -> F1 1/2; u: gold 0 0 0, predicted 0 0 0
    # -> 0 (nothing to find); macro 1/4
    # stance on gold pairs: (pro predicted pro), (con predicted pro) -> pro 2/3, con 0, none 0 ->
    # macro 2/9
    # joint: predicted t=pro in rows 0 and 2, gold t=pro row 0, t=con row 1 -> tp 1, fp 1, fn 1 ->
    # 1/2
    stance = np.zeros((3, 2, 3))
    stance[:, :, 0] = 1
    held = np.array([[1, 0], [1, 0], [0, 0]], dtype=bool)
    gold = Gold(held, np.array([[0, -1], [1, -1], [-1, -1]]))
    probability = np.array([[0.9, 0.1], [0.2, 0.1], [0.8, 0.1]])
    scores = report(
        Predictions(
            NAMES, ("1", "2", "3"), ("a", "a", "b"), probability, stance, probability > 0.5
        ),
        gold,
    ).scores
    assert scores["topic/macro_f1"] == pytest.approx(1 / 4)
    assert scores["stance/macro_f1"] == pytest.approx(2 / 9)
    assert scores["joint/f1"] == pytest.approx(1 / 2)


def test_calibration_error_of_a_worked_example():
    # bin 0.2-0.3: mean p 0.25, share 1/2 -> 0.25 x 2 of 4; bin 0.9-1: p 0.95 and 0.95, share 1 ->
    # 0.05 x 2 of 4
    p, y = np.array([0.25, 0.25, 0.95, 0.95]), np.array([0, 1, 1, 1])
    assert metrics.expected_calibration_error(p, y) == pytest.approx(0.25 / 2 + 0.05 / 2)
    assert metrics.expected_calibration_error(np.array([1.0]), np.array([1])) == 0
    assert metrics.expected_calibration_error(np.array([]), np.array([])) == 0


def test_resampled_scores_are_those_of_a_plain_loop():
    predicted, gold = made(11)
    draws = document_draws(len(set(predicted.documents)), seed=4, resamples=25)
    _, counts = metrics.counts_by_document(predicted, gold)
    found, _ = resample(mean_score([metrics.ratios(counts, NAMES)["topic/macro_f1"]]), draws)
    names = sorted(set(predicted.documents))
    values = []
    for draw in draws.astype(int):
        rows = [
            i
            for d, times in zip(names, draw, strict=True)
            for _ in range(times)
            for i, own in enumerate(predicted.documents)
            if own == d
        ]
        values.append(
            f1_score(gold.topics[rows], predicted.holds[rows], average="macro", zero_division=0)
        )
    assert found == pytest.approx(np.array(values), abs=1e-12)


def test_a_label_without_support_scores_zero_and_keeps_its_place():
    predicted, gold = made(3)
    gold = Gold(gold.topics & [True, False], np.where(gold.topics & [True, False], gold.stance, -1))
    found = report(predicted, gold)
    assert found.scores["topic/u/f1"] == found.scores["topic/u/average_precision"] == 0
    assert found.support["topic/u/support"] == 0
    assert found.scores["topic/macro_f1"] == pytest.approx(found.scores["topic/t/f1"] / 2)


@settings(max_examples=60)
@given(
    arrays(float, st.integers(2, 30), elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 1.0])),
    st.randoms(),
)
def test_the_threshold_is_half_of_the_best_f1(p, random):
    y = np.array([random.random() < 0.4 for _ in p])
    best = max(f1_score(y, p >= t, zero_division=0) for t in np.unique(p))
    assert decide.best_f1(p, y) == pytest.approx(best)
    assert decide.f1_threshold(p, y) == pytest.approx(
        best / 2 if y.any() and not y.all() and len(set(p)) > 1 else 0.5
    )


def test_the_threshold_is_the_best_where_probabilities_are_true():
    rng = np.random.default_rng(1)
    p = rng.beta(0.6, 1.8, size=200_000)
    y = rng.random(len(p)) < p
    threshold = decide.f1_threshold(p, y)
    found = f1_score(y, p >= threshold)
    assert found > max(f1_score(y, p >= t) for t in np.linspace(0.05, 0.9, 35)) - 1e-3


def test_a_head_whose_logits_differ_by_rounding_alone_predicts_the_smoothed_share():
    # log((2 + 1) / (4 + 1)) with 2 ones and 4 zeros; the mean of equal numbers is off by some 1e-16
    noise = 1e-16 * np.array([1, -1, 2, 0, -2, 1.0])
    y = np.array([1, 0, 0, 1, 0, 0])
    for value in (0.0, -3.7, 1e5):
        z = (value + noise * max(abs(value), 1))[:, None]
        found = decide.fit_calibration(z, y[:, None], np.ones((6, 1), dtype=bool))
        assert (found.scale[0], found.offset[0]) == (0.0, pytest.approx(np.log(3 / 5)))
        assert decide.f1_threshold(0.375 + noise, y) == 0.5


def test_a_fitted_scale_is_bounded(monkeypatch):
    # ones at 1e-3, zeros at 0: Platt's targets are 3/4 and 1/4, so the scale is 2 log(3) / 1e-3
    z, y, mask = np.array([[0], [1e-3]] * 2), np.array([[0], [1]] * 2), np.ones((4, 1), dtype=bool)
    assert decide.fit_calibration(z, y, mask).scale[0] == pytest.approx(2e3 * np.log(3), rel=1e-3)
    monkeypatch.setattr(decide, "LARGEST", 1e3)
    found = decide.fit_calibration(z, y, mask)
    assert (found.scale[0], found.offset[0]) == (0.0, 0.0)


def test_calibration_is_platts():
    from sklearn.calibration import _SigmoidCalibration

    rng = np.random.default_rng(0)
    z = rng.normal(size=300) * 3
    y = (rng.random(300) < 1 / (1 + np.exp(-(0.7 * z - 0.4)))).astype(int)
    found = decide.fit_calibration(z[:, None], y[:, None], np.ones((300, 1), dtype=bool))
    theirs = _SigmoidCalibration().fit(z, y)
    assert (found.scale[0], found.offset[0]) == pytest.approx((-theirs.a_, -theirs.b_), abs=1e-3)


def test_calibration_uses_only_rows_with_a_label():
    z = np.array([-2.0, -1, 1, 2, 50, -50])[:, None]
    y = np.array([0, 0, 1, 1, 0, 1])[:, None]
    mask = np.array([1, 1, 1, 1, 0, 0], dtype=bool)[:, None]
    masked, short = (
        decide.fit_calibration(z, y, mask),
        decide.fit_calibration(z[:4], y[:4], mask[:4]),
    )
    assert masked.scale == pytest.approx(short.scale)
    assert masked.scale[0] > 0


def test_a_head_that_ranks_the_wrong_way_predicts_the_prior():
    z = np.array([3.0, 2, -2, -3, -4])[:, None]
    y = np.array([0, 0, 1, 1, 1])[:, None]
    found = decide.fit_calibration(z, y, np.ones((5, 1), dtype=bool))
    assert found.scale[0] == 0
    assert found.offset[0] == pytest.approx(
        np.log(4 / 3)
    )  # three ones, two zeros, one of each added


def test_pooling_of_a_worked_example():
    p = np.array([[0.2], [0.8], [0.5]])
    stance = np.array([[[1.0, 0, 0]], [[0, 1.0, 0]], [[0, 0, 1.0]]])
    documents, starts = decide.document_offsets(("a", "a", "b"))
    logits, mean, evidence = decide.pool(p, stance, np.array([30.0, 10.0, 7.0]), starts)
    assert documents == ["a", "b"]
    assert mean[0, 0] == pytest.approx([0.2, 0.8, 0])  # weights 0.2 and 0.8
    assert evidence.tolist() == [[1], [0]]
    assert logits[1, 0] == pytest.approx(0)
    assert decide.to_probabilities(logits)[0, 0] == pytest.approx(
        (30 * 0.2 + 10 * 0.8) / 40
    )  # weighted by words


def test_a_topic_with_no_probability_at_all_has_the_plain_mean_of_the_stances():
    p = np.zeros((2, 1))  # logits below -745
    stance = np.array([[[1.0, 0, 0]], [[0.5, 0.5, 0]]])
    _, mean, _ = decide.pool(p, stance, np.array([5.0, 3.0]), np.array([0]))
    assert mean[0, 0].tolist() == [0.75, 0.25, 0]


def test_rows_of_a_document_must_be_consecutive():
    with pytest.raises(ValueError, match="are not consecutive"):
        decide.document_offsets(("a", "b", "a"))


def test_stance_probabilities_are_sigmoids_over_their_sum():
    # logits 0, ln 3 and -ln 3 are sigmoids 1/2, 3/4, 1/4; over their sum 1/3, 1/2, 1/6
    logits = np.array([[0.0, np.log(3), -np.log(3), 0, 0, 0, 1.0, 2.0]])
    topics, stance = decide.probabilities(np.c_[logits[:, 6:], logits[:, :6]], NAMES)
    assert stance[0, 0] == pytest.approx([1 / 3, 1 / 2, 1 / 6])
    assert topics[0] == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.exp(-2))])


def test_a_flat_table_comes_back():
    predicted, gold = made(5, n=6)
    owner = dict(zip(predicted.ids, predicted.documents, strict=True))
    again = from_flat_rows(predicted.flat_rows(gold), NAMES, owner, "t.csv")
    assert again.ids == predicted.ids
    assert np.array_equal(again.holds, predicted.holds)
    assert again.probability == pytest.approx(predicted.probability)


def test_another_systems_table_needs_only_labels():
    rows = [{"id": "1", "t_holds": "true", "t_stance": "con", "u_holds": "0"}]
    found = from_flat_rows(rows, NAMES, {"1": "d"}, "llm.csv")
    assert found.holds.tolist() == [[True, False]]
    assert found.stance[0, 0] == 1
    assert found.probability.tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            {"id": "9", "t_holds": 1, "t_stance": "pro", "u_holds": 0},
            r"row 1 \(id '9'\), column id: found '9'; expected a unit of the corpus",
        ),
        (
            {"id": "1", "t_holds": 1, "u_holds": 0},
            r"no column t_stance; found \['id', 't_holds', 'u_holds'\]",
        ),
        (
            {"id": "1", "t_holds": "perhaps", "u_holds": 0},
            "column t_holds: found 'perhaps'; expected true or false",
        ),
        (
            {"id": "1", "t_holds": 0, "t_probability": 1.4, "u_holds": 0},
            "column t_probability: found '1.4'; expected a probability from 0 to 1",
        ),
        ({"id": "1", "t_holds": 0}, "no column u_holds"),
    ],
)
def test_a_bad_row_of_a_table_is_named(row, message):
    with pytest.raises(RequestError, match=message):
        from_flat_rows([row], NAMES, {"1": "d"}, "llm.csv")


def test_a_unit_that_stands_twice_is_refused():
    row = {"id": "1", "t_holds": 0, "u_holds": 0}
    with pytest.raises(RequestError, match="row 2 .*expected an id that no other row has"):
        from_flat_rows([row, row], NAMES, {"1": "d"}, "x")


def test_without_stances_every_metric_of_topics_is_scored(monkeypatch):
    second = metrics.Metric("topic/micro_f1", metrics.joint_f1, "micro", "micro F1 of the topics")
    monkeypatch.setattr(metrics, "METRICS", (*metrics.METRICS, second))
    topics = ["topic/macro_f1", "topic/micro_f1"]
    assert [m.name for m in metrics.scored_metrics(())] == topics
    assert {m.name for m in metrics.scored_metrics(("pro", "con"))} == {
        *topics,
        "stance/macro_f1",
        "joint/f1",
    }
