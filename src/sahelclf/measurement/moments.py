"""Moment conditions of regressions: their solution, and the covariance of the coefficients."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sahelclf.measurement.estimators import Outcome
from sahelclf.measurement.matrices import Matrix, cluster_sums, gram, solve
from sahelclf.measurement.variance import Sample
from sahelclf.measurement.within import Effects

FAMILIES = ("ols", "logit")
MOST_STEPS = 30  # of Newton's method
SMALL_STEP = 1e-8  # relative; the next step would be its square
MOVING = 1e-3


class NotConvergedError(Exception):
    """A logit without a maximum; `columns` are those whose coefficients still grow."""

    def __init__(self, columns: list[int]) -> None:
        super().__init__(columns)
        self.columns = columns


@dataclass(frozen=True)
class Problem:
    """What is regressed on what.

    Attributes
    ----------
    x
        (N, k) columns; only the first `shown` are reported.
    effects
        Absorbed effects; for least squares of a share of all units alone.
    outcome
        What is regressed.
    base
        The topic, where the outcome is a stance of the units that have it; None: all units count.
    sample
        Coded units of these N; `whole` the sample that they are part of, whose units without a
        value in some column are not among the N.
    """

    x: Matrix
    effects: Effects | None
    outcome: Outcome
    base: Outcome | None
    sample: Sample
    whole: Sample
    family: str
    shown: int

    @cached_property
    def normalised(self) -> np.ndarray:
        """(n,) weights of the coded units, with mean 1."""
        return np.asarray(self.sample.weight / self.sample.weight.mean())

    @cached_property
    def rest(self) -> np.ndarray:
        """(N,) weights that make all units stand for those that were not coded.

        1 for these; for a coded unit 1 less its own share of the sample, 0 with equal chances.
        """
        n = self.x.shape[0]
        weights = np.ones(n)
        weights[self.sample.unit] = 1 - self.normalised
        return weights


@dataclass(frozen=True)
class Fitted:
    """(k,) coefficients, of which the first are reported, and their (k, k) covariance."""

    value: np.ndarray
    covariance: np.ndarray


@dataclass(frozen=True)
class Block:
    """Rows of a moment condition: the sum of `weight * x * (base * mean - target)` is 0."""

    x: Matrix
    weight: np.ndarray
    base: np.ndarray | float
    target: np.ndarray


def newton(
    blocks: Sequence[Block], family: str, k: int, start: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(k,) root of the summed moment conditions, and the (k, k) Hessian there."""
    value = np.zeros(k) if start is None else start.copy()
    before, change = np.inf, np.zeros(k)
    for _ in range(MOST_STEPS):
        score, hessian = np.zeros(k), np.zeros((k, k))
        for b in blocks:
            mean, slope = fitted_mean(b.x @ value, family)
            score += b.x.T @ (b.weight * (b.base * mean - b.target))
            hessian += gram(b.x, b.weight * b.base * slope)
        try:
            step = solve(hessian, score)
        except np.linalg.LinAlgError:
            break
        if family == "ols":
            return value - step, hessian
        decrement = float(score @ step)
        if not np.isfinite(step).all() or decrement < 0:
            break
        if decrement > 2 * before:  # too far: half of the way back
            change = change / 2
            value = value + change
            continue
        before, change, value = decrement, step, value - step
        if np.all(np.abs(step) <= SMALL_STEP * (1 + np.abs(value))):
            return value, hessian
    raise NotConvergedError([j for j in range(k) if abs(change[j]) > MOVING])


def fitted_mean(eta: np.ndarray, family: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the outcome at (N,) linear predictors, and its slope."""
    from scipy.special import expit

    if family == "ols":
        return eta, np.ones(len(eta))
    mean = expit(eta)
    return mean, mean * (1 - mean)


def covariance(
    problem: Problem,
    x: Matrix,
    hessian: np.ndarray,
    coded: np.ndarray | None,
    units: np.ndarray | None,
    *,
    coded_x: Matrix | None = None,
    centre: np.ndarray | None = None,
) -> np.ndarray:
    """(k, k) covariance of coefficients: what units add, by cluster and stratum.

    As `measurement.variance` for shares: what hand codes add is centred within strata.

    Parameters
    ----------
    coded, units
        (n,) and (N,) residuals times weights, each to be multiplied by the unit's row of columns.
    coded_x
        (n, k) columns of the coded units; those of `x` by default.
    centre
        (k,) mean that is subtracted from each product of a unit that is not coded.
    """
    sample, whole, k = problem.sample, problem.whole, len(hessian)
    means = np.zeros((len(whole.clusters), k))
    scores = np.zeros((0, k))
    if coded is not None:
        rows = x[sample.unit] if coded_x is None else coded_x
        factor = whole.inflation[sample.stratum] * coded
        scores = factor[:, None] * (rows if isinstance(rows, np.ndarray) else rows.toarray())
        np.add.at(means, sample.stratum, scores)
        clusters = whole.clusters[:, None]
        means = np.where(clusters > 1, means / np.maximum(clusters, 1), 0.0)
    if sample.cluster is None:
        meat = scores.T @ scores - (means * whole.clusters[:, None]).T @ means
        if units is not None:
            meat = meat + gram(x, units * units)
            if centre is not None:
                n_rest = x.shape[0] - len(sample.unit)
                meat = meat - n_rest * np.outer(centre, centre)
    else:
        totals = _cluster_totals(problem, x, scores, units, centre)
        of, stratum = whole.incidence.T
        np.subtract.at(totals, of, means[stratum])
        meat = totals.T @ totals
    return solve(hessian, solve(hessian, meat).T)


def _cluster_totals(
    problem: Problem,
    x: Matrix,
    scores: np.ndarray,
    units: np.ndarray | None,
    centre: np.ndarray | None,
) -> np.ndarray:
    """(clusters, k) sums of what units add; clusters have the numbers of the whole sample."""
    sample, whole = problem.sample, problem.whole
    assert sample.cluster is not None
    assert whole.cluster is not None
    n = int(whole.cluster.max()) + 1
    totals = np.zeros((n, scores.shape[1]))
    if units is not None:
        totals += cluster_sums(x, units, sample.cluster, n)
        if centre is not None:
            others = np.ones(x.shape[0], dtype=bool)
            others[sample.unit] = False
            counts = np.bincount(sample.cluster[others], minlength=n)
            totals -= counts[:, None] * centre
    if len(scores):
        np.add.at(totals, sample.cluster[sample.unit], scores)
    return totals
