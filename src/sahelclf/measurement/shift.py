"""Shares of cells with few or no codes, where only the prior of the labels differs between cells.

Saerens, Latinne and Decaestecker (2002): if P(text | label) is the same everywhere, calibrated
probabilities of the collection give the likelihood of each cell's share, and their EM has its
maximum as fixed point. The score falls as the share rises, so bisection finds that maximum at once
for all cells. Probabilities are calibrated on the hand codes of the whole sample with the sampling
weights; that fit's error is part of the standard error. The assumption itself is not tested here.
"""

from dataclasses import dataclass

import numpy as np

from sahelclf.evaluation.decide import to_logits, to_probabilities
from sahelclf.measurement.estimators import FURTHEST, Design, Estimate, Influence, Outcome
from sahelclf.measurement.variance import Layout, Sample

ASSUMES = "P(text | label) is the same in all cells"
BINS = 400
STEPS = 40  # halvings of the interval from 0 to 1
NEWTON = 25
FEWEST_UNITS = 30
DELTA = 1e-5


@dataclass(frozen=True)
class _Calibration:
    """Offset and scale of the log-odds, and their covariance."""

    values: np.ndarray
    covariance: np.ndarray


def label_shift(design: Design, outcome: Outcome) -> Estimate:
    """(n_cells,) shares on the assumption; nan where the probabilities do not tell units apart."""
    cells, sample = design.cells, design.sample
    z = to_logits(np.clip(outcome.p, FURTHEST, 1 - FURTHEST))
    fitted = _calibrate(z[sample.unit], outcome.y, sample)
    nothing = np.full(cells.n, np.nan)
    if fitted is None:
        return Estimate(nothing, nothing, Influence(nothing, None, None), np.full(cells.n, np.inf))
    edges = np.linspace(z.min(), z.max(), BINS + 1)[1:-1]
    number = np.searchsorted(edges, z)
    counts = np.bincount(number, minlength=BINS)
    middle = np.bincount(number, z, minlength=BINS) / np.maximum(counts, 1)
    key = cells.cell * BINS + number[cells.unit]
    table = np.bincount(key, minlength=cells.n * BINS).reshape(cells.n, BINS).astype(float)

    def excess(values: np.ndarray) -> np.ndarray:
        """(bins,) P(x | 1) / P(x | 0) - 1 for a calibration."""
        odds = np.exp(np.clip(values[0] + values[1] * middle, -30, 30))
        prior = float(counts @ (odds / (1 + odds))) / float(counts.sum())
        return np.asarray(odds * (1 - prior) / prior - 1)

    here = excess(fitted.values)
    share = _roots(table, here)
    slopes = here / (1 + share[:, None] * here)
    information = (table * slopes**2).sum(axis=1)
    moved = []
    for k in range(2):
        values = fitted.values.copy()
        values[k] += DELTA
        other = excess(values)
        change = other / (1 + share[:, None] * other) - slopes
        moved.append((table * change).sum(axis=1) / DELTA)
    known = (information > 0) & (cells.size >= FEWEST_UNITS)
    over = np.divide(1.0, information, out=np.zeros(cells.n), where=known)
    jacobian = np.column_stack(moved) * over[:, None]
    units = slopes[cells.cell, number[cells.unit]] * over[cells.cell]
    inside = (share > 0) & (share < 1)
    units = np.where(inside[cells.cell], units, 0.0)
    variance = design.layout.variance(None, units)
    variance = np.where(inside, variance, over)  # at 0 and 1 the score is not zero
    variance = variance + np.einsum("ci,ij,cj->c", jacobian, fitted.covariance, jacobian)
    value = np.where(known, share, np.nan)
    error = np.where(known, np.sqrt(variance), np.nan)
    return Estimate(value, error, Influence(value, None, units), design.layout.freedom)


def _roots(table: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """(n_cells,) shares at which the score, which falls, is zero; 0 or 1 where it has one sign."""
    low, high = np.zeros(len(table)), np.ones(len(table))
    for _ in range(STEPS):
        middle = (low + high) / 2
        score = (table * (excess / (1 + middle[:, None] * excess))).sum(axis=1)
        low, high = np.where(score > 0, middle, low), np.where(score > 0, high, middle)
    found = (low + high) / 2
    return np.where(found < 1e-9, 0.0, np.where(found > 1 - 1e-9, 1.0, found))


def _calibrate(z: np.ndarray, y: np.ndarray, sample: Sample) -> _Calibration | None:
    """A weighted logistic regression of codes on log-odds, with its robust covariance."""
    if y.min() == y.max() or np.ptp(z) <= DELTA:
        return None
    weight = sample.weight / sample.weight.mean()
    x = np.column_stack([np.ones(len(z)), z])
    values = np.zeros(2)
    for _ in range(NEWTON):
        p = to_probabilities(x @ values)
        hessian = (x * (weight * p * (1 - p))[:, None]).T @ x + 1e-6 * np.eye(2)
        step = np.linalg.solve(hessian, x.T @ (weight * (y - p)))
        values = values + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    if values[1] <= 0:
        return None
    p = to_probabilities(x @ values)
    hessian = (x * (weight * p * (1 - p))[:, None]).T @ x + 1e-6 * np.eye(2)
    parts = (x * (weight * (y - p))[:, None]) @ np.linalg.inv(hessian)
    one = np.zeros(len(z), dtype=int)
    layout = Layout(sample, sample.unit, one, 1, together=False)
    first, second, both = (
        float(layout.variance(v, None)[0]) for v in (parts[:, 0], parts[:, 1], parts.sum(axis=1))
    )
    cross = (both - first - second) / 2
    return _Calibration(values, np.array([[first, cross], [cross, second]]))
