"""Shares of a collection from imperfect labels and a hand-coded sample, with 95% intervals.

Four estimators, for many cells at once. `naive` counts the model's decisions. `sample` uses the
hand codes alone, weighted by 1 / sampling probability (Hájek; the standard error is that of R's
`survey`). `ppi` adds to the model's mean probability the weighted mean error on the hand codes,
with power tuning (prediction-powered inference: Angelopoulos et al. 2023, and PPI++ 2023). `dsl`
averages pseudo-outcomes: a prediction calibrated on the hand codes of other folds, plus, where a
unit is coded, its error over its sampling probability (design-based supervised learning: Egami et
al. 2023). The last two are unbiased whatever the model's errors; a good model makes them narrow.

As published, all four treat the units as independent draws, so a cell that is coded completely
keeps an interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sahelclf.evaluation.decide import Calibration, fit_calibration, to_logits, to_probabilities

ESTIMATORS = ("naive", "sample", "ppi", "dsl")
Z = 1.959963984540054
FOLDS = 5
FURTHEST = 1e-6  # probabilities are clipped to this distance from 0 and 1 before log-odds are taken
FLAT = 1e-9  # log-odds that differ by less, relative to their size, are constant


@dataclass(frozen=True)
class Sample:
    """Hand-coded units.

    Attributes
    ----------
    unit, weight, stratum
        (n,) row in the collection, 1 / sampling probability, number of the stratum.
    cluster
        (N,) number of the cluster of each unit of the collection, such as its document; None where
        each unit is its own.
    """

    unit: np.ndarray
    weight: np.ndarray
    stratum: np.ndarray
    cluster: np.ndarray | None = None


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

    def mean(self, values: np.ndarray) -> np.ndarray:
        """(n,) mean of (m,) values; nan where a cell is empty."""
        return _over(np.bincount(self.cell, values, minlength=self.n), self.size)

    def variance(self, values: np.ndarray) -> np.ndarray:
        """(n,) variance of (m,) values, divided by the number of units."""
        return self.mean((values - self.mean(values)[self.cell]) ** 2)


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
class Estimate:
    """(n_cells,) value and standard error; nan where there is nothing to estimate from."""

    value: np.ndarray
    error: np.ndarray

    @property
    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """95%, cut at 0 and 1."""
        half = Z * self.error
        return np.clip(self.value - half, 0, 1), np.clip(self.value + half, 0, 1)


class Design:
    """A sample divided into cells: what all outcomes have in common."""

    def __init__(self, sample: Sample, cells: Cells, n_units: int) -> None:
        self.sample, self.cells = sample, cells
        place = np.full(n_units, -1)
        place[sample.unit] = np.arange(len(sample.unit))
        self.of = place[cells.unit]  # (m,) number in the sample, -1 where not coded
        self.coded = self.of >= 0
        self.who = self.of[self.coded]  # (k,) number in the sample of each coded member
        self.where = cells.cell[self.coded]
        self.weight = sample.weight[self.who]
        self.strata = np.bincount(sample.stratum)
        self.rest = Cells(cells.unit[~self.coded], cells.cell[~self.coded], cells.n)

    @cached_property
    def codes(self) -> np.ndarray:
        """(n_cells,) hand codes in each cell."""
        return np.bincount(self.where, minlength=self.cells.n)

    def weighted_mean(self, values: np.ndarray) -> np.ndarray:
        """(n_cells,) mean of (k,) values of coded members, weighted by 1 / sampling probability."""
        total = np.bincount(self.where, self.weight, minlength=self.cells.n)
        return _over(np.bincount(self.where, self.weight * values, minlength=self.cells.n), total)

    def variance(self, values: np.ndarray) -> np.ndarray:
        """(n_cells,) variance of the weighted mean within strata; units outside a cell are zero.

        This is the linearised variance of a domain's mean in `survey`, without finite population
        correction. A stratum with one drawn unit is compared with zero.
        """
        n, h = self.cells.n, len(self.strata)
        total = np.bincount(self.where, self.weight, minlength=n)
        z = self.weight * (values - self.weighted_mean(values)[self.where]) / total[self.where]
        key = self.where * h + self.sample.stratum[self.who]
        sums = np.bincount(key, z, minlength=n * h).reshape(n, h)
        squares = np.bincount(key, z**2, minlength=n * h).reshape(n, h)
        size = self.strata.astype(float)
        alone = size <= 1
        within = np.where(
            alone,
            squares,
            (squares - sums**2 / np.maximum(size, 1)) * size / np.maximum(size - 1, 1),
        )
        return np.where(self.codes > 0, within.sum(axis=1), np.nan)


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
    y: np.ndarray, p: np.ndarray, sample: Sample, seed: int = 0
) -> np.ndarray:
    """(N, k) calibrated probabilities from (N, k) probabilities and (n, k) codes, cross-fitted.

    All units fall into five folds; each is predicted by Platt's scaling on the codes of the other
    folds, so never from its own code. The codes have equal weights: the estimator needs no unbiased
    fit. A constant probability becomes the share of the codes.
    """
    rng = np.random.default_rng(seed)
    fold = rng.integers(FOLDS, size=len(p))
    fold[sample.unit] = rng.permutation(np.arange(len(sample.unit)) % FOLDS)
    calibrated = np.empty(p.shape)
    logits = to_logits(np.clip(p, FURTHEST, 1 - FURTHEST))
    for k in range(FOLDS):
        mine, others = fold == k, fold[sample.unit] != k
        train, codes = logits[sample.unit[others]], y[others]
        flat = np.ptp(train, axis=0) <= FLAT * np.abs(train).max(axis=0, initial=1.0)
        calibration: Calibration = fit_calibration(
            np.where(flat, 0.0, train), codes, np.ones(codes.shape, dtype=bool)
        )
        calibrated[mine] = to_probabilities(calibration(np.where(flat, 0.0, logits[mine])))
    return calibrated


def shares(design: Design, outcome: Outcome) -> dict[str, Estimate]:
    """The share of each cell's units, by each estimator."""
    return _measured(design, [(1.0, outcome)])


def ratios(
    design: Design,
    part: Outcome,
    whole: Outcome,
    tops: dict[str, Estimate],
    bottoms: dict[str, Estimate],
) -> dict[str, Estimate]:
    """The share of `part` among the units with `whole`; standard errors by the delta method."""
    estimates = {}
    for name in ESTIMATORS:
        below = bottoms[name].value
        ratio = _over(tops[name].value, np.where(below > 0, below, np.nan))
        error = _measured(design, [(1.0, part), (-ratio, whole)], only=name)[name].error
        estimates[name] = Estimate(np.clip(ratio, 0, 1), _over(error, np.abs(below)))
    return estimates


def _measured(
    design: Design, terms: Sequence[tuple[float | np.ndarray, Outcome]], only: str | None = None
) -> dict[str, Estimate]:
    """Value and standard error, by estimator, of a sum of outcomes times numbers or (n_cells,)."""
    sample = design.sample
    estimates = {}
    for name in [only] if only else ESTIMATORS:
        if name == "naive":
            value, variance = _simple(design, [(c, o.decision) for c, o in terms])
        elif name == "dsl":
            value, variance = _simple(design, [(c, _pseudo(o, sample)) for c, o in terms])
        elif name == "sample":
            y = _sum(design.where, [(c, o.y[design.who]) for c, o in terms])
            value, variance = design.weighted_mean(y), design.variance(y)
        else:
            value, variance = _powered(design, terms)
        empty = np.where(design.cells.size > 0, 1.0, np.nan)
        estimates[name] = Estimate(value * empty, np.sqrt(variance) * empty)
    return estimates


def _simple(
    design: Design, terms: Sequence[tuple[float | np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean over all units of a cell, and its variance as a mean of independent draws."""
    cells = design.cells
    values = _sum(cells.cell, [(c, v[cells.unit]) for c, v in terms])
    return cells.mean(values), _over(cells.variance(values), cells.size)


def _pseudo(outcome: Outcome, sample: Sample) -> np.ndarray:
    """(N,) DSL's pseudo-outcomes: the mean is the share, the variance over N its squared error."""
    values = outcome.calibrated.copy()
    values[sample.unit] += sample.weight * (outcome.y - outcome.calibrated[sample.unit])
    return values


def _powered(
    design: Design, terms: Sequence[tuple[float | np.ndarray, Outcome]]
) -> tuple[np.ndarray, np.ndarray]:
    """PPI++ in every cell.

    The sampled units are part of the collection. The N - n others are the published 'unlabelled'
    sample: their mean is that of all units minus that of the sampled ones, estimated with the
    weights; with equal probabilities it is their plain mean.
    """
    cells, sample, who = design.cells, design.sample, design.who
    size, codes = cells.size, design.codes
    left = _over(size - codes, size)  # (n_cells,) share of a cell that is not coded
    value = np.zeros(cells.n)
    labelled, others = [], []
    for c, o in terms:
        weight = ppi_lambda(sample, o)
        value = value + c * (
            weight * (cells.mean(o.p[cells.unit]) - design.weighted_mean(o.p[sample.unit][who]))
            + design.weighted_mean(o.y[who])
        )
        share = weight * left
        labelled += [(c, o.y[who]), (-c * share, o.p[sample.unit][who])]
        others.append((c * share, o.p[design.rest.unit]))
    n = len(sample.unit)
    # the published variance divides by n, survey's by n - 1
    errors = design.variance(_sum(design.where, labelled)) * (n - 1) / n
    values = _sum(design.rest.cell, others)
    spread = np.nan_to_num(_over(design.rest.variance(values), design.rest.size))
    return value, errors + spread


def _sum(cell: np.ndarray, terms: Sequence[tuple[float | np.ndarray, np.ndarray]]) -> np.ndarray:
    """(m,) sum of values, each times a number or a number a cell."""
    total = np.zeros(len(cell))
    for c, values in terms:
        total += (c[cell] if isinstance(c, np.ndarray) else c) * values
    return total


def _over(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, nan where `below` is 0."""
    return np.asarray(
        np.divide(above, below, out=np.full(np.shape(above), np.nan), where=np.asarray(below) != 0)
    )
