"""Regressions of a label on columns, from imperfect labels and a hand-coded sample.

The estimators of shares, for coefficients: `naive` regresses the model's decisions; `sample` the
hand codes alone, weighted (R's `survey::svyglm`); `dsl` pseudo-outcomes in the moment conditions of
all units (Egami et al. 2023); `ppi` adds to the regression of predictions that of their errors on
the hand codes, with power tuning (Angelopoulos et al. 2023; PPI++, Angelopoulos, Duchi and Zrnic
2023), step by step as ppi-python's `ppi_ols_ci` and `ppi_logistic_ci` do, so that equal chances
give the same numbers. Errors are robust (sandwich), summed by cluster where the sample has them.
"""

from collections.abc import Callable

import numpy as np

from sahelclf.measurement.estimators import ESTIMATORS, pseudo_outcomes
from sahelclf.measurement.matrices import Matrix, gram, solve
from sahelclf.measurement.moments import (
    Block,
    Fitted,
    Problem,
    covariance,
    fitted_mean,
    newton,
)
from sahelclf.measurement.within import Effects

Solution = tuple[np.ndarray, np.ndarray, np.ndarray | None]
Solver = Callable[[float, np.ndarray | None], Solution]


def fit(problem: Problem, estimator: str) -> Fitted:
    """Coefficients by one of the estimators.

    Raises
    ------
    NotConvergedError
        Where a logit has no maximum.
    """
    if estimator not in ESTIMATORS:
        raise ValueError(f"{estimator!r} is no estimator; expected one of {ESTIMATORS}")
    outcome, base, n = problem.outcome, problem.base, problem.x.shape[0]
    if estimator == "sample":
        return _sample(problem)
    if estimator == "ppi":
        return _powered(problem)
    if estimator == "naive":
        target = outcome.decision
        over: np.ndarray | float = 1.0 if base is None else base.decision
    else:
        target = pseudo_outcomes(outcome, problem.sample)
        over = 1.0 if base is None else pseudo_outcomes(base, problem.sample)
    weight = np.full(n, 1 / n)
    value, x, hessian, residual = _solved(problem, problem.x, problem.effects, weight, over, target)
    return Fitted(value, covariance(problem, x, hessian, None, weight * residual))


def _sample(problem: Problem) -> Fitted:
    sample, outcome = problem.sample, problem.outcome
    weight = sample.weight / sample.weight.sum()
    effects = None
    if problem.effects is not None:
        effects = Effects([c[sample.unit] for c in problem.effects.codes])
    over: np.ndarray | float = 1.0 if problem.base is None else problem.base.y
    rows = problem.x[sample.unit]
    value, x, hessian, residual = _solved(problem, rows, effects, weight, over, outcome.y)
    return Fitted(value, covariance(problem, x, hessian, weight * residual, None, coded_x=x))


def _solved(
    problem: Problem,
    x: Matrix,
    effects: Effects | None,
    weight: np.ndarray,
    base: np.ndarray | float,
    target: np.ndarray,
) -> tuple[np.ndarray, Matrix, np.ndarray, np.ndarray]:
    """Coefficients, columns less the effects, Hessian, and residuals `base * mean - target`."""
    if effects is not None:
        x = effects.residuals(x, weight)
        target = effects.residuals(target[:, None], weight)[:, 0]
    value, hessian = newton([Block(x, weight, base, target)], problem.family, x.shape[1])
    return value, x, hessian, base * fitted_mean(x @ value, problem.family)[0] - target


def _powered(problem: Problem) -> Fitted:
    """PPI++: solved with weight 1 of the predictions, then twice with the tuned weight."""
    n, drawn = problem.x.shape[0], len(problem.sample.unit)
    if n <= drawn:
        return _sample(problem)
    effects, x = problem.effects, problem.x
    closed = problem.family == "ols" and problem.base is None
    solver = _two_regressions(problem) if closed else _one_condition(problem)
    centred = x if effects is None else effects.residuals(x, np.ones(n))
    weight = 1.0
    value, mean, hessian = solver(weight, None)
    for _ in range(2):
        hessian = _pooled(problem, centred, value) if problem.base is None else hessian
        assert hessian is not None
        weight = _power(problem, centred, hessian, mean)
        if weight == 0:
            return _sample(problem)
        value, mean, hessian = solver(weight, value)
    hessian = _pooled(problem, centred, value) if problem.base is None else hessian
    assert hessian is not None
    gold, predicted = _residuals(problem, mean)
    unit, total = problem.sample.unit, problem.rest.sum()
    units = weight * problem.rest * predicted / total
    coded = problem.normalised / drawn * (gold - weight * predicted[unit]) + units[unit]
    units[unit] = 0.0
    centre = np.asarray(centred.T @ units) / (n - drawn)
    correction = np.sqrt((n - drawn) / max(n - drawn - 1, 1))
    return Fitted(
        value,
        covariance(
            problem, centred, hessian, coded, units * correction, centre=centre * correction
        ),
    )


def _residuals(problem: Problem, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) of the hand codes and (N,) of the predictions, about the (N,) fitted means."""
    outcome, base, unit = problem.outcome, problem.base, problem.sample.unit
    gold = mean[unit] * (1.0 if base is None else base.y) - outcome.y
    return gold, mean * (1.0 if base is None else base.p) - outcome.p


def _pooled(problem: Problem, x: Matrix, value: np.ndarray) -> np.ndarray:
    """Hessian of all units."""
    if problem.family == "ols":
        return np.asarray(gram(x) / x.shape[0])
    return gram(x, fitted_mean(x @ value, problem.family)[1] / x.shape[0])


def _two_regressions(problem: Problem) -> Solver:
    """Least squares: predictions of the units that are not coded, plus errors of the coded."""
    effects, x, unit = problem.effects, problem.x, problem.sample.unit
    weight = np.zeros(x.shape[0])
    weight[unit] = problem.normalised
    y = np.zeros(x.shape[0])
    y[unit] = problem.outcome.y
    predicted = problem.outcome.p

    def least_squares(w: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if effects is None:
            slopes = solve(gram(x, w), np.asarray(x.T @ (w[:, None] * targets)))
            return slopes, np.asarray(x @ slopes)
        inner, left = effects.residuals(x, w), effects.residuals(targets, w)
        slopes = solve(gram(inner, w), inner.T @ (w[:, None] * left))
        return slopes, targets - left + inner @ slopes

    others, others_fitted = least_squares(problem.rest, predicted[:, None])
    coded, coded_fitted = least_squares(weight, np.column_stack([y, predicted]))

    def solver(power: float, _: np.ndarray | None) -> Solution:
        value = coded[:, 0] + power * (others[:, 0] - coded[:, 1])
        mean = coded_fitted[:, 0] + power * (others_fitted[:, 0] - coded_fitted[:, 1])
        return value, mean, None

    return solver


def _one_condition(problem: Problem) -> Solver:
    """The moment condition of hand codes, plus that of predictions less that of their errors."""
    x, outcome, base, unit = problem.x, problem.outcome, problem.base, problem.sample.unit
    rows = x[unit]
    rest = problem.rest / problem.rest.sum()
    weight = problem.normalised / len(unit)

    def solver(power: float, start: np.ndarray | None) -> Solution:
        if base is None:
            coded_base: np.ndarray | float = 1 - power
            all_base: np.ndarray | float = power
        else:
            coded_base, all_base = base.y - power * base.p[unit], power * base.p
        blocks = [
            Block(rows, weight, coded_base, outcome.y - power * outcome.p[unit]),
            Block(x, rest, all_base, power * outcome.p),
        ]
        value, hessian = newton(blocks, problem.family, x.shape[1], start)
        return value, fitted_mean(x @ value, problem.family)[0], hessian

    return solver


def _power(problem: Problem, x: Matrix, hessian: np.ndarray, mean: np.ndarray) -> float:
    """Weight of the predictions that makes the variances of the reported coefficients least.

    ppi-python's `lam`: the sum of their variances, so that the units of columns matter. With
    unequal chances the variance on the coded units is enlarged as that of the sample is.
    """
    sample, shown = problem.sample, problem.shown
    gold, predicted = _residuals(problem, mean)
    inverse = np.linalg.pinv(hessian, hermitian=True)[:, :shown]
    n, drawn = x.shape[0], len(sample.unit)
    rows = np.asarray(x[sample.unit] @ inverse)
    w = problem.normalised[:, None]
    of_gold, of_predicted = (rows * r[:, None] for r in (gold, predicted[sample.unit]))
    a, b = (w * v - (w * v).mean(axis=0) for v in (of_gold, of_predicted))
    first = np.asarray(x.T @ predicted) / n
    spread = (gram(x, predicted**2) - n * np.outer(first, first)) / (n - 1)
    pooled = float(np.sum(inverse * (spread @ inverse)))
    flat = of_predicted - (w * of_predicted).mean(axis=0)
    inside = float((w * flat**2).sum())
    if pooled <= 0 or inside <= 0:
        return 0.0
    enlarged = float((w**2 * flat**2).sum()) / inside
    share = float((a * b).sum()) / drawn / ((1 + drawn / (n - drawn)) * pooled * enlarged)
    return float(np.clip(share, 0.0, 1.0))
