"""Coverage and error rates in simulations with fixed seeds; resampling against a plain loop."""

import sys
from copy import deepcopy
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from sahelclf.evaluation import intervals
from sahelclf.evaluation.intervals import (
    Score,
    difference,
    holm,
    interval,
    mean_score,
    minus,
    resample,
)
from sahelclf.evaluation.report import document_draws

EXPERIMENT = Path(__file__).parents[2] / "experiments" / "05-intervals" / "run.py"
SETS, RESAMPLES, DOCUMENTS = 500, 400, 100


@pytest.fixture(scope="module")
def experiment():
    spec = spec_from_file_location("intervals_experiment", EXPERIMENT)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def small(seed=0, n=7, cells=3):
    rng = np.random.default_rng(seed)
    below = rng.integers(1, 6, size=(n, cells)).astype(float)
    return Score(np.floor(below * rng.random((n, cells))), below, np.full(cells, 1 / cells))


@pytest.fixture(scope="module")
def simulated(experiment):
    """By set and score, of equal A and B: do A's and the difference's intervals cover, and p."""
    draws = document_draws(DOCUMENTS, 0, RESAMPLES)
    whole = experiment.population("spread", pieces=2).sum(axis=1)
    truth = {
        name: experiment.scores_of(whole[:, cells]).mean()
        for name, cells in experiment.SCORES.items()
    }
    rng = np.random.default_rng(2026)
    out = {name: [] for name in truth}
    positives = []
    for _ in range(SETS):
        positives.append(
            experiment.annotated(deepcopy(rng), DOCUMENTS)[1].sum(axis=0).min()
        )  # of the rarest topic
        x = experiment.made(rng, DOCUMENTS, "spread")
        for name, cells in experiment.SCORES.items():
            a, b = (experiment.score_of(x[k][:, cells]) for k in (0, 1))
            low, high = interval(a, draws)
            d = difference(b, a, draws)
            out[name].append((low <= truth[name] <= high, d.low <= 0 <= d.high, d.p <= 0.05))
    assert np.mean(np.array(positives) >= 30) > 0.95
    return {name: np.mean(values, axis=0) for name, values in out.items()}


@pytest.mark.parametrize("name", ["topic/macro_f1", "stance/macro_f1", "joint/f1"])
def test_intervals_have_their_nominal_coverage(simulated, name):
    score, gap, _ = simulated[name]
    assert 0.93 <= score <= 0.97
    assert 0.93 <= gap <= 0.97


@pytest.mark.parametrize("name", ["topic/macro_f1", "stance/macro_f1", "joint/f1"])
def test_the_paired_test_keeps_its_level(simulated, name):
    assert simulated[name][2] <= 0.06


def test_the_paired_test_detects_a_difference(experiment):
    # B's threshold is far too low: its topic F1 is some 0.1 below A's
    draws = document_draws(DOCUMENTS, 0, RESAMPLES)
    rng = np.random.default_rng(5)
    p = []
    for _ in range(60):
        x = experiment.made(rng, DOCUMENTS, "tilt", 1.8)[:, :, experiment.SCORES["topic/macro_f1"]]
        d = difference(experiment.score_of(x[1]), experiment.score_of(x[0]), draws)
        assert d.value < 0
        p.append(d.p)
    assert np.mean(np.array(p) <= 0.05) > 0.8


def test_resampled_values_and_errors_are_those_of_a_plain_loop():
    score = small()
    other = small(1, cells=2)
    both = minus(score, other)
    draws = document_draws(7, seed=3, resamples=40)
    values, errors = resample(both, draws)
    for r, draw in enumerate(draws.astype(int)):
        rows = [i for i, times in enumerate(draw) for _ in range(times)]
        value, influence = 0.0, [0.0] * len(rows)
        for c in range(5):
            above, below = sum(both.above[i, c] for i in rows), sum(both.below[i, c] for i in rows)
            value += both.weight[c] * above / below
            for j, i in enumerate(rows):
                influence[j] += (
                    both.weight[c] * (both.above[i, c] - above / below * both.below[i, c]) / below
                )
        assert values[r] == pytest.approx(value, abs=1e-12)
        assert errors[r] == pytest.approx((sum(x * x for x in influence) * 7 / 6) ** 0.5, abs=1e-12)


def test_blocks_do_not_change_the_numbers(monkeypatch):
    score, draws = small(), document_draws(7, 0, 30)
    whole = resample(score, draws)
    monkeypatch.setattr(intervals, "BLOCK", 21)  # three resamples at a time
    assert np.array_equal(resample(score, draws)[0], whole[0])
    assert resample(score, draws)[1] == pytest.approx(whole[1], abs=1e-15)


def test_the_interval_of_a_worked_example():
    # one cell, documents 1/2 and 1/2 and 2/2; F = 4/6; influences (1 - 2/3·2)/6 = -1/18 twice and
    # (2 - 4/3)/6 = 1/9;
    # error = sqrt((1/324 + 1/324 + 4/324) · 3/2) = sqrt(1/36) = 1/6
    score = Score(np.array([[1.0], [1], [2]]), np.full((3, 1), 2.0), np.ones(1))
    values, errors = resample(score, np.array([[1.0, 1, 1], [0, 1, 2], [0, 0, 3]]))
    assert values == pytest.approx([4 / 6, 5 / 6, 1])
    assert errors[0] == pytest.approx(1 / 6)
    # drawn (b, c, c): F = 5/6; (1 - 5/3)/6 = -1/9 and twice (2 - 5/3)/6 = 1/18: the same squares
    assert errors[1] == pytest.approx(1 / 6)
    assert errors[2] == pytest.approx(0)


def test_seeds_are_averaged_within_each_draw():
    a, b = small(0), small(1)
    draws = document_draws(7, 0, 20)
    both = mean_score([(a.above, a.below), (b.above, b.below)])
    assert resample(both, draws)[0] == pytest.approx(
        (resample(a, draws)[0] + resample(b, draws)[0]) / 2, abs=1e-12
    )
    assert both.value == pytest.approx((a.value + b.value) / 2)


@pytest.mark.parametrize(("above", "expected"), [(0.0, (0.0, 0.0)), (2.0, (1.0, 1.0))])
def test_a_score_of_zero_or_one_has_no_width(above, expected):
    score = Score(np.full((9, 1), above), np.full((9, 1), 2.0), np.ones(1))
    assert interval(score, document_draws(9, 0, 200)) == expected


def test_one_document_has_an_interval_without_width_and_no_significance():
    a, b = (Score(np.array([[x]]), np.array([[4.0]]), np.ones(1)) for x in (1.0, 3.0))
    draws = document_draws(1, 0, 50)
    assert interval(a, draws) == (0.25, 0.25)
    d = difference(b, a, draws)
    assert (d.value, d.low, d.high, d.p) == (0.5, 0.5, 0.5, 1.0)


def test_a_label_without_support_counts_as_zero():
    above, below = np.zeros((50, 2)), np.zeros((50, 2))
    above[:, 0], below[:, 0] = np.arange(50) % 2 + 1, 3
    found = interval(mean_score([(above, below)]), document_draws(50, 0, 400))
    alone = interval(mean_score([(above[:, :1], below[:, :1])]), document_draws(50, 0, 400))
    assert mean_score([(above, below)]).value == pytest.approx(0.25)  # half of 75/150
    assert found == pytest.approx(tuple(x / 2 for x in alone), abs=0.01)


def test_the_same_system_twice_differs_in_nothing():
    d = difference(small(), small(), document_draws(7, 0, 100))
    assert (d.value, d.p) == (0, 1)
    assert d.low == pytest.approx(0, abs=1e-12)
    assert d.high == pytest.approx(0, abs=1e-12)


def test_two_differing_documents_of_many_are_not_significant():
    # B is right where A is wrong in 2 documents of 60: a resample misses both with probability
    # (58/60)^60 = 0.13
    below = np.full((60, 1), 4.0)
    above = np.where(np.arange(60) < 30, 2.0, 4.0)[:, None]
    better = above.copy()
    better[:2] = 4.0
    d = difference(
        Score(better, below, np.ones(1)),
        Score(above, below, np.ones(1)),
        document_draws(60, 0, 2000),
    )
    assert d.value == pytest.approx(4 / 240)
    assert d.p > 0.1
    assert 0 <= d.low <= d.value <= d.high < 0.05


def test_holm_of_a_worked_example():
    # sorted .01 .02 .04 -> x3 .03, x2 .04, x1 .04; and steps never fall
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    assert holm([0.02, 0.02]) == pytest.approx([0.04, 0.04])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []
