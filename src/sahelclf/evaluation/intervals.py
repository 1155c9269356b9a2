"""95% intervals and paired tests, resampled by document, of scores that are means of ratios.

The bootstrap is studentized (bootstrap-t; Efron and Tibshirani 1993, chapter 12): the difference
of each resample's score from the score is divided by the resample's own standard error, which the
delta method gives. A single score is treated on the log-odds scale, a difference of two scores on
its own scale. experiments/05-intervals compares this with percentiles, BCa and sign flips;
scipy.stats.bootstrap has no studentized method.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sahelclf.evaluation.decide import to_logits, to_probabilities
from sahelclf.evaluation.metrics import ratio

LEVEL = 0.05
TAILS = (LEVEL / 2, 1 - LEVEL / 2)
NO_ERROR = 1e-9  # a smaller standard error is rounding: all documents have the same score
FEW = 0.01  # share of resamples without a standard error from which on percentiles are taken
BLOCK = 4_000_000  # numbers in memory at a time


@dataclass(frozen=True)
class Score:
    """A weighted sum of ratios of sums over documents.

    `above` and `below` are (n_documents, n_cells), `weight` is (n_cells,).
    """

    above: np.ndarray
    below: np.ndarray
    weight: np.ndarray

    @property
    def value(self) -> float:
        """The score of all documents."""
        return float(ratio(self.above.sum(axis=0), self.below.sum(axis=0)) @ self.weight)


@dataclass(frozen=True)
class Difference:
    """One score less another, its 95% interval, and the two-sided p-value of no difference."""

    value: float
    low: float
    high: float
    p: float


def mean_score(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> Score:
    """The mean over cells and over seeds.

    `parts` has numerators and denominators (n_documents, n_cells) of each seed.
    """
    above, below = (np.concatenate([part[side] for part in parts], axis=1) for side in (0, 1))
    return Score(above, below, np.full(above.shape[1], 1 / above.shape[1]))


def minus(score: Score, other: Score) -> Score:
    """The difference of two scores of the same documents."""
    above, below = np.hstack([score.above, other.above]), np.hstack([score.below, other.below])
    return Score(above, below, np.r_[score.weight, -other.weight])


def resample(score: Score, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and standard errors of resamples, both (n_resamples,).

    Parameters
    ----------
    draws
        (n_resamples, n_documents): how often each document counts.

    Notes
    -----
    The variance is that of a mean of ratios by the delta method: the sum of the documents' squared
    influences, times n / (n - 1). The standard error is 0 where all documents drawn have the same
    score, and where a cell is empty because none of its documents is drawn.
    """
    n = draws.shape[1]
    values, squares = np.empty(len(draws)), np.empty(len(draws))
    filled = score.below.any(axis=0)
    step = max(1, BLOCK // max(n, 1))
    for start in range(0, len(draws), step):
        rows = slice(start, start + step)
        above, below = draws[rows] @ score.above, draws[rows] @ score.below
        ratios = ratio(above, below)
        values[rows] = ratios @ score.weight
        slope = ratio(np.broadcast_to(score.weight, below.shape), below)
        influence = slope @ score.above.T - (slope * ratios) @ score.below.T
        squares[rows] = np.einsum("rd,rd,rd->r", draws[rows], influence, influence) * (
            below[:, filled] > 0
        ).all(axis=1)
    return values, np.sqrt(squares * (n / (n - 1) if n > 1 else 0.0))


def interval(score: Score, draws: np.ndarray) -> tuple[float, float]:
    """95% interval of a score from 0 to 1, studentized on the log-odds scale.

    Percentiles of the resampled scores are taken instead where the score is 0 or 1, where all
    documents have the same score, and where more than 1% of the resamples are such or leave a cell
    empty, as with a label of only four documents.
    """
    value, (error,) = score.value, resample(score, np.ones((1, draws.shape[1])))[1]
    values, errors = resample(score, draws)
    known = (errors > NO_ERROR) & (values > 0) & (values < 1)
    if error <= NO_ERROR or not 0 < value < 1 or (~known).mean() > FEW:
        return _percentiles(values)
    centre = to_logits(np.asarray(value))
    gap = to_logits(values) - centre
    t = np.divide(gap * values * (1 - values), errors, out=np.copysign(np.inf, gap), where=known)
    low, high = to_probabilities(centre - np.array(_outer(t)) * error / (value * (1 - value)))
    return float(low), float(high)


def difference(score: Score, other: Score, draws: np.ndarray) -> Difference:
    """`score` less `other`, with its 95% interval and two-sided p, from |t| of the same resamples.

    A resample without a standard error counts as extreme, so that a few documents that differ
    never give a small p. Where more than 1% of the resamples are such, the interval is that of the
    percentiles. Two systems that differ nowhere have p = 1.
    """
    both = minus(score, other)
    value, (error,) = score.value - other.value, resample(both, np.ones((1, draws.shape[1])))[1]
    values, errors = resample(both, draws)
    if error <= NO_ERROR:
        return Difference(value, *_percentiles(values), p=1.0)
    known = errors > NO_ERROR
    t = np.divide(np.abs(values - value), errors, out=np.full(len(values), np.inf), where=known)
    p = (1 + (t >= abs(value) / error).sum()) / (1 + len(t))
    half = float(np.quantile(t, 1 - LEVEL, method="higher")) * error
    low, high = (value - half, value + half) if (~known).mean() <= FEW else _percentiles(values)
    return Difference(value, max(low, -1.0), min(high, 1.0), float(p))


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm 1979), in the order given.

    At level 5%, a false rejection occurs in at most 5% of such families of tests.
    """
    order = np.argsort(p, kind="stable")
    steps = np.asarray(p)[order] * np.arange(len(p), 0, -1)
    out = np.empty(len(p))
    out[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(x) for x in out]


def _percentiles(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, TAILS)
    return float(low), float(high)


def _outer(t: np.ndarray) -> tuple[float, float]:
    """Upper and lower tail as order statistics; `t` may be infinite, so nothing is interpolated."""
    upper = np.quantile(t, TAILS[1], method="higher")
    return float(upper), float(np.quantile(t, TAILS[0], method="lower"))
