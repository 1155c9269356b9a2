"""Estimators of shares: by hand, against ppi-python and survey, and in simulation.

The simulated labeller is biased.
"""

import numpy as np
import pytest

from sahelclf.annotation.sampling import probability_strata
from sahelclf.measurement.estimators import (
    ESTIMATORS,
    Cells,
    Design,
    Outcome,
    Sample,
    Z,
    cross_fit_calibration,
    ppi_lambda,
    ratios,
    shares,
)


def one_cell(n: int) -> Cells:
    return Cells(np.arange(n), np.zeros(n, dtype=int), 1)


def equal(rows, n: int) -> Sample:
    return Sample(
        np.asarray(rows), np.full(len(rows), n / len(rows)), np.zeros(len(rows), dtype=int)
    )


# four units, the first two coded 1 and 0, each drawn with probability 1/2
Y = np.array([1.0, 0.0])
P = np.array([0.8, 0.4, 0.6, 0.2])
G = np.array([0.5, 0.5, 0.25, 0.75])
SAID = np.array([1.0, 0.0, 1.0, 0.0])
SMALL = Outcome(Y, P, SAID, G)


def test_by_hand():
    found = shares(Design(equal([0, 1], 4), one_cell(4), 4), SMALL)
    # naive: 2 of 4; variance 1/4 over 4
    assert (found["naive"].value[0], found["naive"].error[0]) == (0.5, 0.25)
    # sample: (1 + 0) / 2; z = (±1/2) / 2, summed squares 1/8, times n / (n - 1) = 2: variance 1/4
    assert (found["sample"].value[0], found["sample"].error[0]) == (0.5, 0.5)
    # dsl: pseudo-outcomes .5 + 2 (.5) = 1.5, .5 - 1 = -.5, .25, .75: mean .5, variance (1 + 1 +
    # 1/16 + 1/16) / 4 = 17/32, over 4
    assert found["dsl"].value[0] == 0.5
    assert found["dsl"].error[0] == pytest.approx(np.sqrt(17 / 128), abs=1e-12)
    # ppi: cov(y, p) = .1; variance of all p, over n - 1: (.09 + .01 + .01 + .09) / 3 = 1/15;
    # lambda 1.5, within N / (N - n) = 2.
    # means of p: all .5, coded .6: .5 + 1.5 (.5 - .6) = .35; of p left, 1.5 (2 / 4) = .75: errors
    # 1 - .6, 0 - .3: mean .05, variance
    # .35² = .1225 over 2; others .75 (.6, .2): variance .75² (.04) = .0225 over 2
    assert ppi_lambda(equal([0, 1], 4), SMALL) == pytest.approx(1.5, abs=1e-12)
    assert found["ppi"].value[0] == pytest.approx(0.35, abs=1e-12)
    assert found["ppi"].error[0] == pytest.approx(np.sqrt(0.1225 / 2 + 0.0225 / 2), abs=1e-12)


def test_a_ratio_by_hand():
    whole = Outcome(np.array([1.0, 1.0]), P, np.array([1.0, 1.0, 1.0, 0.0]), np.ones(4))
    design = Design(equal([0, 1], 4), one_cell(4), 4)
    found = ratios(design, shares(design, SMALL), shares(design, whole))
    # naive: 2 of 3; delta: values 1/3, -2/3, 1/3, -2/3 x 0 = 0: mean 0, variance (1 + 4 + 1) / 9
    # / 4 = 1/6, over 4, over (3/4)²
    assert found["naive"].value[0] == pytest.approx(2 / 3, abs=1e-12)
    assert found["naive"].error[0] == pytest.approx(np.sqrt(1 / 24) / 0.75, abs=1e-12)
    # sample: all codes have the whole, so it is the plain share
    assert (found["sample"].value[0], found["sample"].error[0]) == (0.5, 0.5)


def test_prediction_powered_inference_agrees_with_ppi_python():
    # ppi-python 0.2.3: ppi_mean_pointestimate and ppi_mean_ci(alpha=0.05), the sampled units
    # first, the others as 'unlabeled'
    y = np.array([1, 0, 1, 0, 0, 1, 0, 1.0])
    p = np.array(
        [
            0.9,
            0.4,
            0.7,
            0.2,
            0.3,
            0.6,
            0.5,
            0.3,
            0.1,
            0.8,
            0.35,
            0.6,
            0.2,
            0.5,
            0.9,
            0.15,
            0.45,
            0.3,
            0.25,
            0.7,
        ]
    )
    found = shares(Design(equal(range(8), 20), one_cell(20), 20), Outcome(y, p, p, p))["ppi"]
    low, high = found.interval
    assert [found.value[0], low[0], high[0]] == pytest.approx(
        [0.46897938, 0.16023248197780676, 0.7777262831344558], abs=1e-8
    )


def test_it_agrees_in_a_collection_and_in_a_cell_of_it():
    rng = np.random.default_rng(8)
    n, drawn = 2000, 150
    x = rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(1.5 - 2 * x))).astype(float)
    p = 1 / (1 + np.exp(0.3 - 2.2 * x - rng.normal(size=n)))
    rows = np.sort(rng.choice(n, drawn, replace=False))
    outcome, sample = Outcome(y[rows], p, p, p), equal(rows, n)
    for cells, expected in (
        (one_cell(n), [0.24683807972, 0.18421861391041924, 0.3094575455303137]),
        # the first 700 units; ppi-python with lam of the whole times N / (N - n) times the cell's
        # own share that is not coded
        (
            Cells(np.arange(n), (np.arange(n) >= 700).astype(int), 2),
            [0.24164131992, 0.13680724256365934, 0.3464753972717028],
        ),
    ):
        found = shares(Design(sample, cells, n), outcome)["ppi"]
        low, high = found.interval
        assert [found.value[0], low[0], high[0]] == pytest.approx(expected, abs=1e-8)


def test_the_sample_alone_has_the_standard_error_of_survey():
    # strata of 4 and 8 units, 2 drawn of each: weights 2 and 4; svymean by hand: (2 + 4 + 4 x 0
    # ...) / 12
    y = np.array([1.0, 1.0, 1.0, 0.0])
    sample = Sample(np.array([0, 1, 4, 5]), np.array([2.0, 2, 4, 4]), np.array([0, 0, 1, 1]))
    found = shares(
        Design(sample, one_cell(12), 12),
        Outcome(y, np.full(12, 0.5), np.ones(12), np.full(12, 0.5)),
    )["sample"]
    # mean 8/12; z = 2 (1/3) / 12 twice, then 4 (1/3) / 12 and -4 (2/3) / 12; within the strata 0
    # and (1/9 + 2/9)² / 2, times 2
    assert found.value[0] == pytest.approx(2 / 3, abs=1e-12)
    assert found.error[0] == pytest.approx(1 / 3, abs=1e-12)


def test_a_cell_without_codes_or_units_has_no_share_of_that_kind():
    cells = Cells(np.arange(4), np.array([0, 0, 1, 1]), 3)
    found = shares(Design(equal([0, 1], 4), cells, 4), SMALL)
    for name in ("sample", "ppi"):
        assert np.isnan(found[name].value[1:]).all()
    assert found["naive"].value.tolist()[:2] == [0.5, 0.5]
    assert all(np.isnan(found[name].value[2]) for name in ESTIMATORS)  # a cell without units


def test_what_is_coded_whole_is_the_mean_of_the_codes():
    y = np.array([1.0, 0, 1, 1, 0, 1])
    p = np.array([0.2, 0.9, 0.1, 0.4, 0.3, 0.6])
    found = shares(Design(equal(range(6), 6), one_cell(6), 6), Outcome(y, p, p > 0.5, p))
    for name in ("sample", "ppi", "dsl"):
        assert found[name].value[0] == pytest.approx(4 / 6, abs=1e-12)


def test_a_prediction_is_never_fitted_on_the_units_own_code():
    rng = np.random.default_rng(0)
    p = rng.random((200, 1))
    rows = np.arange(60)
    y = (rng.random((60, 1)) < p[rows]).astype(float)
    sample = equal(rows, 200)
    before = cross_fit_calibration(y, p, sample)
    for k in (0, 17, 59):
        other = y.copy()
        other[k] = 1 - other[k]
        after = cross_fit_calibration(other, p, sample)
        assert after[k] == before[k]
        assert (after[rows] != before[rows]).sum() >= 40


def labelled(
    rng: np.random.Generator, n: int, rarity: float = 2.2
) -> tuple[np.ndarray, np.ndarray]:
    """Truth, and a labeller that says yes far too often.

    It says 37% where 20.2% are true, and with rarity 4 15% where 6.8% are.
    """
    x = rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(rarity - 2 * x))).astype(float)
    return y, 1 / (1 + np.exp(rarity - 1.3 - 2.5 * (x + rng.normal(scale=0.5, size=n))))


def true_share(rarity: float) -> float:
    """The share that all populations are drawn with."""
    x = np.linspace(-10, 10, 200_001)
    return float(np.average(1 / (1 + np.exp(rarity - 2 * x)), weights=np.exp(-x * x / 2)))


def simulated(repetitions: int, *, stratified: bool, rarity: float = 2.2) -> dict[str, np.ndarray]:
    """(repetitions, 3) value, error and whether the interval covers the true share."""
    truth = true_share(rarity)
    n, drawn = 10_000, 300
    found: dict[str, list] = {}
    for seed in range(repetitions):
        rng = np.random.default_rng(seed)
        y, p = labelled(rng, n, rarity)
        stratum = (
            np.unique(probability_strata(p[:, None]), return_inverse=True)[1]
            if stratified
            else np.zeros(n, dtype=int)
        )
        k = stratum.max() + 1
        rows = np.concatenate(
            [rng.choice(np.flatnonzero(stratum == h), drawn // k, replace=False) for h in range(k)]
        )
        sample = Sample(rows, np.bincount(stratum)[stratum[rows]] / (drawn // k), stratum[rows])
        g = cross_fit_calibration(y[rows, None], p[:, None], sample)[:, 0]
        for name, e in shares(
            Design(sample, one_cell(n), n), Outcome(y[rows], p, (p >= 0.5).astype(float), g)
        ).items():
            low, high = e.interval
            found.setdefault(name, []).append((e.value[0], e.error[0], low[0] <= truth <= high[0]))
    return {name: np.array(rows, dtype=float) for name, rows in found.items()}


def test_corrected_intervals_cover_and_naive_ones_do_not():
    found = simulated(1000, stratified=False)
    covered = {name: rows[:, 2].mean() for name, rows in found.items()}
    assert covered["naive"] < 0.5
    assert 0.93 <= covered["ppi"] <= 0.97
    assert 0.93 <= covered["dsl"] <= 0.97
    # Theory (Angelopoulos, Duchi and Zrnic 2023, power tuning): the variance is that of the
    # sample times 1 - rho² (1 - n / N), rho the
    # correlation of truth and prediction. dsl predicts with a fitted curve, of which the same
    # holds.
    rng = np.random.default_rng(12345)
    y, p = labelled(rng, 400_000)
    narrower = np.sqrt(1 - np.corrcoef(y, p)[0, 1] ** 2 * (1 - 300 / 10_000))
    errors = {name: rows[:, 1].mean() for name, rows in found.items()}
    assert narrower < 0.9
    assert errors["ppi"] / errors["sample"] == pytest.approx(narrower, abs=0.01)
    assert errors["dsl"] / errors["sample"] == pytest.approx(narrower, abs=0.02)
    for name in ("sample", "ppi", "dsl"):
        assert errors[name] == pytest.approx(
            found[name][:, 0].std(), rel=0.07
        )  # the errors said are those made


def test_a_rare_share_is_covered_and_narrower_where_likely_positives_are_drawn_more_often():
    found = simulated(200, stratified=True, rarity=4.0)
    share = true_share(4.0)
    assert share == pytest.approx(0.068, abs=0.001)
    for name in ("sample", "ppi", "dsl"):
        assert 0.90 <= found[name][:, 2].mean() <= 0.99
        assert found[name][:, 1].mean() == pytest.approx(found[name][:, 0].std(), rel=0.12)
    assert found["naive"][:, 2].mean() < 0.5
    # Theory: the sum over strata of (share of the units)² x variance / 75, beside 300 codes drawn
    # with equal chances
    y, p = labelled(np.random.default_rng(12345), 400_000, 4.0)
    strata = np.array(probability_strata(p[:, None]))
    variance = sum((strata == s).mean() ** 2 * y[strata == s].var() / 75 for s in np.unique(strata))
    equal_chances = np.sqrt(share * (1 - share) / 300)
    assert np.sqrt(variance) / equal_chances < 0.85
    assert found["sample"][:, 1].mean() == pytest.approx(np.sqrt(variance), rel=0.05)


def test_z_is_that_of_95_percent():
    from scipy.stats import norm

    assert pytest.approx(norm.ppf(0.975), abs=1e-14) == Z
