"""Regressions: against an independent implementation, ppi-python's figures, and in simulation."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_array

from sahelclf.measurement.estimators import ESTIMATORS, Outcome
from sahelclf.measurement.moments import NotConvergedError, Problem
from sahelclf.measurement.regression import fit
from sahelclf.measurement.variance import Sample
from sahelclf.measurement.within import Effects

REFERENCE = json.loads(Path(__file__).with_name("ppi_regressions.json").read_text())


def problem(x, y, p, sample, *, family="ols", calibrated=None, effects=None, shown=None):
    outcome = Outcome(y, p, (p >= 0.5).astype(float), p if calibrated is None else calibrated)
    k = x.shape[1] if shown is None else shown
    return Problem(x, effects, outcome, None, sample, sample, family, k)


def errors(found):
    return np.sqrt(np.diag(found.covariance))


def equal(rows, n, cluster=None):
    return Sample(rows, np.full(len(rows), n / len(rows)), np.zeros(len(rows), dtype=int), cluster)


@pytest.fixture(scope="module")
def unequal():
    """600 units, 150 coded with unequal chances in two strata, in clusters of 3."""
    rng = np.random.default_rng(4)
    n = 600
    x = np.column_stack([np.ones(n), rng.normal(size=n), rng.integers(2, size=n)])
    y = (rng.random(n) < 1 / (1 + np.exp(0.5 - x[:, 1] - 0.5 * x[:, 2]))).astype(float)
    p = 1 / (1 + np.exp(-1.5 * x[:, 1] - y + rng.normal(size=n)))
    stratum = (p > 0.5).astype(int)
    rows = np.concatenate([np.flatnonzero(stratum == h)[:k] for h, k in ((0, 50), (1, 100))])
    size = np.bincount(stratum)[stratum[rows]]
    weight = size / np.where(stratum[rows], 100, 50)
    return x, y, p, Sample(rows, weight, stratum[rows], np.arange(n) // 3)


def by_hand(family, x, target, weight, groups, strata=None):
    """Weighted moment condition by plain Newton steps; sandwich by loops over groups."""
    beta = np.zeros(x.shape[1])
    for _ in range(60):
        mean = x @ beta if family == "ols" else 1 / (1 + np.exp(-x @ beta))
        slope = np.ones(len(x)) if family == "ols" else mean * (1 - mean)
        hessian = sum(w * s * np.outer(r, r) for w, s, r in zip(weight, slope, x, strict=True))
        beta = beta + np.linalg.solve(hessian, x.T @ (weight * (target - mean)))
    scores = [w * (t - m) * r for w, t, m, r in zip(weight, target, mean, x, strict=True)]
    meat = np.zeros(hessian.shape)
    for h in np.unique(strata) if strata is not None else [None]:
        keys = {}
        for i, score in enumerate(scores):
            if h is None or strata[i] == h:
                keys[groups[i]] = keys.get(groups[i], 0) + score
        totals = np.array(list(keys.values()))
        centre = totals.mean(axis=0) if h is not None else 0
        factor = len(totals) / (len(totals) - 1) if h is not None else 1
        meat += factor * (totals - centre).T @ (totals - centre)
    bread = np.linalg.inv(hessian)
    return beta, np.sqrt(np.diag(bread @ meat @ bread))


@pytest.mark.parametrize("family", ["ols", "logit"])
def test_hand_codes_alone_and_dsl_equal_an_independent_implementation(unequal, family):
    x, y, p, clustered = unequal
    rows, n = clustered.unit, len(p)
    units = Sample(rows, clustered.weight, clustered.stratum)
    found = fit(problem(x, y[rows], p, units, family=family), "sample")
    beta, error = by_hand(
        family, x[rows], y[rows], clustered.weight, np.arange(len(rows)), clustered.stratum
    )
    assert found.value == pytest.approx(beta, abs=1e-9)
    assert errors(found) == pytest.approx(error, abs=1e-9)
    pseudo = p.copy()
    pseudo[rows] += clustered.weight * (y[rows] - p[rows])
    for sample, groups in ((units, np.arange(n)), (clustered, clustered.cluster)):
        found = fit(problem(x, y[rows], p, sample, family=family), "dsl")
        beta, error = by_hand(family, x, pseudo, np.full(n, 1.0), groups)
        assert found.value == pytest.approx(beta, abs=1e-9)
        assert errors(found) == pytest.approx(error, abs=1e-9)


@pytest.mark.parametrize("case", REFERENCE["cases"], ids=lambda c: f"{c['n']}-{c['family']}")
def test_ppi_equals_ppi_python(case):
    x, y, p, rows = (
        np.array(REFERENCE["data"][str(case["n"])][k]) for k in ("x", "y", "p", "rows")
    )
    for columns in (x, csr_array(x)):
        found = fit(problem(columns, y[rows], p, equal(rows, len(y)), family=case["family"]), "ppi")
        assert found.value == pytest.approx(np.array(case["value"]), abs=1e-8)
        assert errors(found) == pytest.approx(np.array(case["error"]), abs=1e-8)


def test_absorbed_effects_are_those_of_dummies(unequal):
    x, y, p, sample = unequal
    rng = np.random.default_rng(0)
    first, second = rng.integers(4, size=len(p)), rng.integers(3, size=len(p))
    dummies = np.column_stack(
        [*(first == k for k in range(4)), *(second == k for k in (1, 2))]
    ).astype(float)
    y = y[sample.unit]
    for name in ESTIMATORS:
        within = fit(problem(x[:, 1:], y, p, sample, effects=Effects([first, second])), name)
        full = fit(problem(np.hstack([x[:, 1:], dummies]), y, p, sample, shown=2), name)
        assert within.value == pytest.approx(full.value[:2], abs=1e-9)
        assert errors(within) == pytest.approx(errors(full)[:2], abs=1e-9)


def test_a_separated_logit_names_the_columns():
    x = np.column_stack([np.ones(80), np.arange(80) % 2])
    y = x[:, 1].copy()
    p = np.full(80, 0.5)
    with pytest.raises(NotConvergedError) as caught:
        fit(problem(x, y, p, equal(np.arange(80), 80), family="logit"), "sample")
    assert 1 in caught.value.columns


def simulated(family, repetitions=1000):
    """Coverage of the coefficients, by estimator, of units in clusters drawn with unequal chances.

    The labeller says yes far too often where the regressor is 1.
    """
    rng = np.random.default_rng(20)
    n = 1500
    cluster = np.arange(n) // 3
    found = {name: [] for name in ("naive", "sample", "ppi", "dsl")}
    for repetition in range(repetitions):
        x, y, p, stratum = population(rng, n, cluster)
        rows = np.concatenate(
            [
                rng.choice(np.flatnonzero(stratum == h), k, replace=False)
                for h, k in ((0, 120), (1, 180))
            ]
        )
        size = np.bincount(stratum)[stratum[rows]]
        weight = size / np.where(stratum[rows], 180, 120)
        sample = Sample(rows, weight, stratum[rows], cluster)
        # two halves calibrate each other: least squares of the codes on the probability
        fold = rng.permutation(n) % 2
        g = np.empty(n)
        for k in (0, 1):
            other = fold[rows] != k
            slope, offset = np.polyfit(p[rows[other]], y[rows[other]], 1)
            g[fold == k] = offset + slope * p[fold == k]
        task = problem(x, y[rows], p, sample, family=family, calibrated=g)
        for name, kept in found.items():
            if name == "naive" and repetition % 10:
                continue  # it is so far off that a tenth shows it
            result = fit(task, name)
            kept.append((result.value, errors(result)))
    return {name: np.array(kept) for name, kept in found.items()}


def population(rng, n, cluster):
    """Columns, truth, the labeller's probabilities, and strata of them."""
    z = rng.normal(size=n // 3)[cluster]
    x = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(float)
    y = (rng.random(n) < 1 / (1 + np.exp(1 - 0.6 * x - 0.8 * z))).astype(float)
    p = 1 / (1 + np.exp(-(1.2 * x - 1.2 + 1.6 * (y - 0.5) + rng.normal(scale=0.8, size=n))))
    return np.column_stack([np.ones(n), x]), y, p, (p >= 0.5).astype(int)


def true_coefficients(family):
    """Of the model that the populations are drawn from, by numerical integration."""
    z = np.linspace(-8, 8, 4001)
    density = np.exp(-z * z / 2)
    of_x = 1 / (1 + np.exp(-z))
    shares = [
        np.average(1 / (1 + np.exp(1 - 0.6 * x - 0.8 * z)), weights=density * chance)
        for x, chance in ((0, 1 - of_x), (1, of_x))
    ]
    if family == "logit":
        shares = [np.log(s / (1 - s)) for s in shares]
    return np.array([shares[0], shares[1] - shares[0]])


@pytest.mark.parametrize("family", ["ols", "logit"])
def test_intervals_cover_the_coefficients_and_those_of_predicted_labels_do_not(family):
    found, truth = simulated(family), true_coefficients(family)
    covered = {
        name: (np.abs(kept[:, 0] - truth) <= 1.959964 * kept[:, 1]).mean(axis=0)
        for name, kept in found.items()
    }
    for name in ("sample", "ppi", "dsl"):
        assert np.all(covered[name] >= 0.93), (name, covered)
        assert np.all(covered[name] <= 0.97), (name, covered)
    assert covered["naive"][1] < 0.05
