"""Shares of a collection from labels that err and a hand-coded sample, with 95% intervals: four estimators, for many cells at once.

`naive` counts what the model says. `sample` uses the hand codes alone, weighted by 1 / sampling probability (Hájek; the standard
error is that of R's `survey`). `ppi` adds to the model's mean probability the weighted mean error on the hand codes, with power
tuning (prediction-powered inference: Angelopoulos et al. 2023, and PPI++ 2023). `dsl` averages pseudo-outcomes: a prediction
fitted on the other folds' hand codes, plus, where a unit is coded, its error over its sampling probability (design-based
supervised learning: Egami et al. 2023). The last two are right on average however wrong the model is; a good model makes them narrow.

As published, all four take the units for independent draws, so a cell that is coded whole keeps an interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sahelclf.evaluation.decide import Calibration, fit_calibration, to_logits, to_probabilities

ESTIMATORS = ("naive", "sample", "ppi", "dsl")
Z = 1.959963984540054
FOLDS = 5
FURTHEST = 1e-6  # probabilities are drawn in to this from 0 and 1 before their log-odds are taken


@dataclass(frozen=True)
class Sample:
    """Hand-coded units: `unit` (n,) row in the collection, `weight` (n,) 1 / sampling probability, `stratum` (n,) number."""

    unit: np.ndarray
    weight: np.ndarray
    stratum: np.ndarray


@dataclass(frozen=True)
class Cells:
    """Which units belong to which of `n` cells: `unit` and `cell` (m,); a unit may be in several, or in none."""

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
    """One thing to measure: hand codes `y` (n,) as 0 and 1, and of all units probability `p`, decision `said`, fitted `g`, all (N,)."""

    y: np.ndarray
    p: np.ndarray
    said: np.ndarray
    g: np.ndarray

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
        return np.clip(self.value - Z * self.error, 0, 1), np.clip(
            self.value + Z * self.error, 0, 1
        )


class Design:
    """A sample in cells: what every outcome shares."""

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
        """(n_cells,) mean of (k,) values of coded members, each weighing 1 / its sampling probability."""
        total = np.bincount(self.where, self.weight, minlength=self.cells.n)
        return _over(np.bincount(self.where, self.weight * values, minlength=self.cells.n), total)

    def variance(self, values: np.ndarray) -> np.ndarray:
        """(n_cells,) variance of the weighted mean, taken within strata; what a stratum has outside a cell counts as zero there.

        That is the linearised variance of a domain's mean in `survey`, without finite population correction. A stratum of
        which one unit was drawn is held against zero.
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


def tuned(sample: Sample, outcome: Outcome) -> float:
    """The share of the model's mean to trust: PPI++'s power tuning, for a sample that is part of the collection.

    With equal probabilities it is ppi-python's `lam` times N / (N - n), which calls the sampled units and the N - n others two samples.
    It is fitted on the whole sample and used in every cell, so that no small cell tunes to its own few errors.
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


def fitted(y: np.ndarray, p: np.ndarray, sample: Sample, seed: int = 0) -> np.ndarray:
    """(N, k) predictions of (n, k) hand codes from (N, k) probabilities: Platt's scaling, cross-fitted.

    A unit's prediction never saw its own code: units, coded or not, fall into five folds, and each is predicted from the codes of the
    others. The codes weigh alike, as the estimator needs no unbiased fit.
    """
    rng = np.random.default_rng(seed)
    fold = rng.integers(FOLDS, size=len(p))
    fold[sample.unit] = rng.permutation(np.arange(len(sample.unit)) % FOLDS)
    found = np.empty(p.shape)
    logits = to_logits(np.clip(p, FURTHEST, 1 - FURTHEST))
    for k in range(FOLDS):
        others = fold[sample.unit] != k
        calibration: Calibration = fit_calibration(
            logits[sample.unit[others]], y[others], np.ones(y[others].shape, dtype=bool)
        )
        mine = fold == k
        found[mine] = to_probabilities(calibration(logits[mine]))
    return found


def shares(design: Design, outcome: Outcome) -> dict[str, Estimate]:
    """The share of each cell's units, by each estimator."""
    return _measured(design, [(1.0, outcome)])[0]


def ratios(
    design: Design,
    part: Outcome,
    whole: Outcome,
    tops: dict[str, Estimate],
    bottoms: dict[str, Estimate],
) -> dict[str, Estimate]:
    """The share of `part` among the units that have `whole`, from the shares of both, with the delta method's standard error."""
    found = {}
    for name in ESTIMATORS:
        below = bottoms[name].value
        ratio = _over(tops[name].value, np.where(below > 0, below, np.nan))
        _, errors = _measured(design, [(1.0, part), (-ratio, whole)], only=name)
        found[name] = Estimate(np.clip(ratio, 0, 1), _over(errors[name], np.abs(below)))
    return found


def _measured(
    design: Design, terms: Sequence[tuple[float | np.ndarray, Outcome]], only: str | None = None
) -> tuple[dict[str, Estimate], dict[str, np.ndarray]]:
    """Value and standard error, by estimator, of a sum of outcomes, each times a number or a number a cell."""
    cells, sample = design.cells, design.sample
    names = [only] if only else list(ESTIMATORS)
    found = {}
    for name in names:
        if name == "naive":
            value, variance = _simple(design, [(c, o.said) for c, o in terms])
        elif name == "dsl":
            value, variance = _simple(design, [(c, _pseudo(o, sample)) for c, o in terms])
        elif name == "sample":
            y = _sum(design.where, [(c, o.y[design.who]) for c, o in terms])
            value, variance = design.weighted_mean(y), design.variance(y)
        else:
            value, variance = _powered(design, terms)
        found[name] = Estimate(value, np.sqrt(variance))
    empty = np.where(cells.size > 0, 1.0, np.nan)
    return {k: Estimate(e.value * empty, e.error * empty) for k, e in found.items()}, {
        k: e.error * empty for k, e in found.items()
    }


def _simple(
    design: Design, terms: Sequence[tuple[float | np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean over all units of a cell, and its variance as a mean of independent draws."""
    cells = design.cells
    values = _sum(cells.cell, [(c, v[cells.unit]) for c, v in terms])
    return cells.mean(values), _over(cells.variance(values), cells.size)


def _pseudo(outcome: Outcome, sample: Sample) -> np.ndarray:
    """(N,) DSL's pseudo-outcomes; their mean is the share, their variance over N its squared error."""
    found = outcome.g.copy()
    found[sample.unit] += sample.weight * (outcome.y - outcome.g[sample.unit])
    return found


def _powered(
    design: Design, terms: Sequence[tuple[float | np.ndarray, Outcome]]
) -> tuple[np.ndarray, np.ndarray]:
    """PPI++ in every cell.

    The sampled units are part of the collection. With the N - n others as the published 'unlabelled' sample, their mean is that of all
    units less that of the sampled ones, estimated with the weights; with equal probabilities it is their plain mean.
    """
    cells, sample, who = design.cells, design.sample, design.who
    size, codes = cells.size, design.codes
    left = _over(size - codes, size)  # (n_cells,) share of a cell that is not coded
    value = np.zeros(cells.n)
    labelled, others = [], []
    for c, o in terms:
        trust = tuned(sample, o)
        value = value + c * (
            trust * (cells.mean(o.p[cells.unit]) - design.weighted_mean(o.p[sample.unit][who]))
            + design.weighted_mean(o.y[who])
        )
        share = trust * left
        labelled += [(c, o.y[who]), (-c * share, o.p[sample.unit][who])]
        others.append((c * share, o.p[design.rest.unit]))
    n = len(sample.unit)
    errors = (
        design.variance(_sum(design.where, labelled)) * (n - 1) / n
    )  # the published variance divides by n, survey's by n - 1
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
