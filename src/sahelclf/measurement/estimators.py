"""Shares of a collection from imperfect labels and a hand-coded sample, with 95% intervals.

Four estimators, for many cells at once. `naive` counts the model's decisions. `sample` uses the
hand codes alone, weighted by 1 / sampling probability (Hájek; the standard error is that of R's
`survey`). `ppi` adds to the model's mean probability the weighted mean error on the hand codes,
with power tuning (prediction-powered inference: Angelopoulos et al. 2023, and PPI++ 2023). `dsl`
averages pseudo-outcomes: a prediction calibrated on the hand codes of other folds, plus, where a
unit is coded, its error over its sampling probability (design-based supervised learning: Egami et
al. 2023). The last two are unbiased whatever the model's errors; a good model makes them narrow.

As published, all four treat the units as independent draws from something larger, so a cell that is
coded completely keeps an interval. Where the sample names clusters, these are the draws.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sahelclf.evaluation.decide import Calibration, fit_calibration, to_logits, to_probabilities
from sahelclf.measurement.variance import Layout, Sample

ESTIMATORS = ("naive", "sample", "ppi", "dsl")
Z = 1.959963984540054
FOLDS = 5
FURTHEST = 1e-6  # probabilities are clipped to this distance from 0 and 1 before log-odds are taken
FLAT = 1e-9  # log-odds that differ by less, relative to their size, are constant


@dataclass(frozen=True)
class Cells:
    """Which of `n` cells each unit is in: `unit` and `cell` (m,); it may be in several or none."""

    unit: np.ndarray
    cell: np.ndarray
    n: int

    @cached_property
    def size(self) -> np.ndarray:
        """(n,) units of each cell."""
        return np.bincount(self.cell, minlength=self.n)


@dataclass(frozen=True)
class Outcome:
    """One thing to measure.

    Attributes
    ----------
    y
        (n,) hand codes, 0 or 1.
    p, decision, calibrated
        (N,) of all units: the model's probability, its decision, the calibrated probability.
    """

    y: np.ndarray
    p: np.ndarray
    decision: np.ndarray
    calibrated: np.ndarray

    @cached_property
    def spread(self) -> float:
        """Variance of the probabilities of all units."""
        return float(np.var(self.p, ddof=1)) if len(self.p) > 1 else 0.0


@dataclass(frozen=True)
class Influence:
    """(n_cells,) estimates, and what each member of a cell adds to their errors.

    `coded` (k,) of the coded members, `units` (m,) of all; None where it is zero.
    """

    value: np.ndarray
    coded: np.ndarray | None
    units: np.ndarray | None

    def minus(self, other: "Influence") -> "Influence":
        """The difference of two estimates of the same cells."""
        parts = ((self.coded, other.coded), (self.units, other.units))
        coded, units = (None if a is None or b is None else a - b for a, b in parts)
        return Influence(self.value - other.value, coded, units)


@dataclass(frozen=True)
class Estimate:
    """(n_cells,) value and standard error; nan where there is nothing to estimate from.

    `freedom` has the degrees of freedom, infinite where intervals are normal.
    """

    value: np.ndarray
    error: np.ndarray
    influence: Influence
    freedom: np.ndarray

    @property
    def half(self) -> np.ndarray:
        """Half the width of a 95% interval."""
        return np.asarray(quantile(self.freedom) * self.error)

    @property
    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """95%, cut at 0 and 1."""
        return np.clip(self.value - self.half, 0, 1), np.clip(self.value + self.half, 0, 1)


def quantile(freedom: np.ndarray) -> np.ndarray:
    """What a standard error is multiplied by for a 95% interval: Student's t, or the normal's."""
    from scipy.stats import t

    limited = np.isfinite(freedom)
    if not limited.any():
        return np.full(np.shape(freedom), Z)
    return np.asarray(np.where(limited, t.ppf(0.975, np.where(limited, freedom, 1.0)), Z))


def p_values(value: np.ndarray, error: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Two-sided p-values of estimates against zero; nan where there is no error."""
    from scipy.stats import norm, t

    ratio = np.abs(np.divide(value, error, out=np.full(len(value), np.nan), where=error > 0))
    limited = np.isfinite(freedom)
    few = t.sf(ratio, np.where(limited, freedom, 1.0))
    return np.asarray(2 * np.where(limited, few, norm.sf(ratio)))


class Fit:
    """Means of cells, or slopes over `x`, with what each member adds: weighted least squares."""

    def __init__(self, cells: Cells, weight: np.ndarray | None, x: np.ndarray | None) -> None:
        self.cell, self.n = cells.cell, cells.n
        counted = np.bincount(self.cell, weight, minlength=self.n).astype(float)
        part = _over(np.ones(self.n), counted)[self.cell]
        self.part = part if weight is None else part * weight
        self.total = counted
        self.x: np.ndarray | None = None
        if x is not None:
            self.x = x - self._sum(self.part * x)[self.cell]
            moment = self._sum(self.x * self.x * (1.0 if weight is None else weight))
            inverse = _over(np.ones(self.n), np.where(moment > FLAT, moment, 0.0))[self.cell]
            self.slope = self.x * inverse * (1.0 if weight is None else weight)
            self.total = moment

    def _sum(self, values: np.ndarray) -> np.ndarray:
        return np.asarray(np.bincount(self.cell, values, minlength=self.n))

    def value(self, values: np.ndarray) -> np.ndarray:
        """(n_cells,) of (m,) values; nan where a cell is empty."""
        found = self._sum((self.part if self.x is None else self.slope) * values)
        return np.where(self.total > 0, found, np.nan)

    def influence(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n_cells,) of (m,) values, and (m,) what each adds to the error."""
        value = self.value(values)
        if self.x is None:
            return value, self.part * (values - value[self.cell])
        mean = self._sum(self.part * values)
        fitted = mean[self.cell] + value[self.cell] * self.x
        return value, self.slope * (values - fitted)


class Design:
    """A sample divided into cells: what all outcomes have in common.

    Parameters
    ----------
    time
        (N,) numbers: slopes over them are estimated in place of shares.
    """

    def __init__(
        self, sample: Sample, cells: Cells, n_units: int, time: np.ndarray | None = None
    ) -> None:
        self.sample, self.cells, self.n_units = sample, cells, n_units
        self.layout = Layout(sample, cells.unit, cells.cell, cells.n, together=False)
        self.coded, self.who, self.where = self.layout.coded, self.layout.who, self.layout.where
        self.rest = ~self.coded
        x = None if time is None else time[cells.unit].astype(float)
        within = Cells(cells.unit[self.coded], self.where, cells.n)
        others = Cells(cells.unit[self.rest], cells.cell[self.rest], cells.n)
        self.all = Fit(cells, None, x)
        parts = (None, None) if x is None else (x[self.coded], x[self.rest])
        self.codes_fit = Fit(within, sample.weight[self.who], parts[0])
        self.rest_fit = Fit(others, None, parts[1])

    @cached_property
    def codes(self) -> np.ndarray:
        """(n_cells,) hand codes in each cell."""
        return np.bincount(self.where, minlength=self.cells.n)

    def estimate(self, influence: Influence) -> Estimate:
        """An estimate with its standard error."""
        variance = self.layout.variance(influence.coded, influence.units)
        value = np.where(self.cells.size > 0, influence.value, np.nan)
        unknown = np.isnan(value) | ((self.codes == 0) & (influence.coded is not None))
        error = np.where(unknown, np.nan, np.sqrt(variance))
        return Estimate(value, error, influence, self.layout.freedom)


def ppi_lambda(sample: Sample, outcome: Outcome) -> float:
    """Weight of the model's mean: PPI++'s power tuning; the sample is part of the collection.

    With equal probabilities it is ppi-python's `lam` times N / (N - n): that package treats the
    sampled units and the N - n others as two samples. It is fitted on the whole sample and used in
    every cell, so that a small cell does not tune to its own few errors.
    """
    f, y, w = outcome.p[sample.unit], outcome.y, sample.weight / sample.weight.mean()
    centred = f - np.average(f, weights=w)
    inside = float(np.mean(w * centred**2))
    if outcome.spread <= 0 or inside <= 0:
        return 0.0
    together = float(np.mean(w**2 * (y - np.average(y, weights=w)) * centred))
    share = together / (outcome.spread * float(np.mean(w**2 * centred**2)) / inside)
    n, whole = len(y), len(outcome.p)
    return float(np.clip(share, 0.0, whole / max(whole - n, 1)))


def cross_fit_calibration(
    y: np.ndarray, p: np.ndarray, sample: Sample, seed: int = 0, *, linear: bool = False
) -> np.ndarray:
    """(N, k) calibrated probabilities from (N, k) probabilities and (n, k) codes, cross-fitted.

    All units fall into five folds; each is predicted by Platt's scaling on the codes of the other
    folds, so never from its own code. The codes have equal weights: the estimator needs no unbiased
    fit. A constant probability becomes the share of the codes.

    `linear` fits a straight line instead, for predictions that are cross-fitted: units that are not
    coded have the mean of several models, and only a line takes a mean to the mean.
    """
    rng = np.random.default_rng(seed)
    fold = rng.integers(FOLDS, size=len(p))
    fold[sample.unit] = rng.permutation(np.arange(len(sample.unit)) % FOLDS)
    calibrated = np.empty(p.shape)
    logits = to_logits(np.clip(p, FURTHEST, 1 - FURTHEST))
    for k in range(FOLDS):
        mine, others = fold == k, fold[sample.unit] != k
        if linear:
            calibrated[mine] = _on_a_line(p[sample.unit[others]], y[others], p[mine])
            continue
        train, codes = logits[sample.unit[others]], y[others]
        flat = np.ptp(train, axis=0) <= FLAT * np.abs(train).max(axis=0, initial=1.0)
        calibration: Calibration = fit_calibration(
            np.where(flat, 0.0, train), codes, np.ones(codes.shape, dtype=bool)
        )
        calibrated[mine] = to_probabilities(calibration(np.where(flat, 0.0, logits[mine])))
    return calibrated


def _on_a_line(p: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Least squares of each column of `y` on that of `p`, at `new`; the mean where `p` is flat."""
    centred, mean = p - p.mean(axis=0), y.mean(axis=0)
    squares = (centred**2).sum(axis=0)
    slope = np.where(squares > FLAT, (centred * y).sum(axis=0) / np.maximum(squares, FLAT), 0.0)
    return np.asarray(mean + slope * (new - p.mean(axis=0)))


def shares(design: Design, outcome: Outcome) -> dict[str, Estimate]:
    """The share of each cell's units, by each estimator; its slope where the design has a time."""
    return {name: design.estimate(_influence(name, design, outcome)) for name in ESTIMATORS}


def ratios(
    design: Design, tops: dict[str, Estimate], bottoms: dict[str, Estimate]
) -> dict[str, Estimate]:
    """The shares `tops` among the units with `bottoms`; standard errors by the delta method."""
    estimates = {}
    for name in ESTIMATORS:
        top, bottom = tops[name].influence, bottoms[name].influence
        below = np.where(bottom.value > 0, bottom.value, np.nan)
        ratio, over = top.value / below, 1 / below
        parts = []
        for a, b, cell in (
            (top.coded, bottom.coded, design.where),
            (top.units, bottom.units, design.cells.cell),
        ):
            part = None if a is None or b is None else (a - ratio[cell] * b) * over[cell]
            parts.append(part)
        estimates[name] = design.estimate(Influence(np.clip(ratio, 0, 1), *parts))
    return estimates


def _influence(name: str, design: Design, outcome: Outcome) -> Influence:
    unit, who = design.cells.unit, design.who
    if name in {"naive", "dsl"}:
        values = outcome.decision if name == "naive" else pseudo_outcomes(outcome, design.sample)
        value, units = design.all.influence(values[unit])
        return Influence(value, None, units)
    if name == "sample":
        value, coded = design.codes_fit.influence(outcome.y[who])
        return Influence(value, coded, None)
    return _powered(design, outcome)


def pseudo_outcomes(outcome: Outcome, sample: Sample) -> np.ndarray:
    """(N,) DSL's pseudo-outcomes: the mean is the share, the variance over N its squared error."""
    values = outcome.calibrated.copy()
    values[sample.unit] += sample.weight * (outcome.y - outcome.calibrated[sample.unit])
    return values


def _powered(design: Design, outcome: Outcome) -> Influence:
    """PPI++ in every cell.

    The sampled units are part of the collection. The N - n others are the published 'unlabelled'
    sample: their mean is that of all units minus that of the sampled ones, estimated with the
    weights; with equal probabilities it is their plain mean.
    """
    sample, who, fit = design.sample, design.who, design.codes_fit
    left = np.nan_to_num(_over(design.rest_fit.total, design.all.total))  # share that is not coded
    weight = ppi_lambda(sample, outcome)
    p, y = outcome.p[sample.unit][who], outcome.y[who]
    predicted = design.all.value(outcome.p[design.cells.unit])
    value = weight * (predicted - fit.value(p)) + fit.value(y)
    share = weight * left
    _, coded = fit.influence(y - share[design.where] * p)
    others = share[design.rest_fit.cell] * outcome.p[design.cells.unit[design.rest]]
    units = np.zeros(len(design.cells.unit))
    units[design.rest] = design.rest_fit.influence(others)[1]
    n = len(sample.unit)
    # the published variance divides by n, survey's by n - 1
    return Influence(value, coded * np.sqrt((n - 1) / n), units)


def _over(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, nan where `below` is 0."""
    return np.asarray(
        np.divide(above, below, out=np.full(np.shape(above), np.nan), where=np.asarray(below) != 0)
    )
