"""Coverage of 95% intervals with codes that the model was trained on, in simulation."""

import numpy as np

from sahelclf.measurement.estimators import (
    Cells,
    Design,
    Outcome,
    Sample,
    cross_fit_calibration,
    shares,
)

N, CODES, FEATURES, FOLDS = 1200, 300, 80, 5
REPETITIONS = 1000


def fitted(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Weights of least squares without a constant: it learns by heart, and misses new units."""
    return np.linalg.solve(x.T @ x + 0.1 * np.eye(x.shape[1]), x.T @ y)


def covered(design: Design, y: np.ndarray, p: np.ndarray, truth: float) -> np.ndarray:
    """Whether the intervals of ppi and dsl hold the truth."""
    found = cross_fit_calibration(y[:, None], p[:, None], design.sample, linear=True)[:, 0]
    estimates = shares(design, Outcome(y, p, (p > 0.5).astype(float), found))
    bounds = [estimates[name].interval for name in ("ppi", "dsl")]
    return np.array([low[0] <= truth <= high[0] for low, high in bounds])


def one_draw(rng: np.random.Generator, design: Design) -> tuple[np.ndarray, float]:
    """(3, 2) coverage of codes trained on, of cross-fitted and of fresh ones; by ppi and dsl.

    Units have made-up features, two of which say something of the topic.
    """
    x = rng.normal(size=(N, FEATURES))
    chance = np.clip(0.3 + 0.12 * x[:, 0] + 0.08 * x[:, 1], 0.02, 0.98)
    y = (rng.random(N) < chance).astype(float)
    coded, fresh = slice(0, CODES), slice(CODES, 2 * CODES)
    fold = rng.permutation(np.arange(CODES) % FOLDS)
    p = np.clip(x @ fitted(x[coded], y[coded]), 0, 1)
    weights = [fitted(x[coded][fold != k], y[coded][fold != k]) for k in range(FOLDS)]
    each = np.clip(x @ np.array(weights).T, 0, 1)
    crossed = each.mean(axis=1)
    crossed[coded] = each[np.arange(CODES), fold]
    truth = 0.30148  # mean of the clipped chances, by 10 million draws
    order = np.r_[CODES : 2 * CODES, 0:CODES, 2 * CODES : N]  # fresh units first
    ways = ((y[coded], p), (y[coded], crossed), (y[fresh], p[order]))
    return np.array([covered(design, *way, truth) for way in ways])


def test_intervals_hold_the_truth_where_the_guard_makes_predictions_cross_fitted():
    rng = np.random.default_rng(15)
    sample = Sample(np.arange(CODES), np.full(CODES, N / CODES), np.zeros(CODES, dtype=int))
    design = Design(sample, Cells(np.arange(N), np.zeros(N, dtype=int), 1), N)
    share = np.mean([one_draw(rng, design) for _ in range(REPETITIONS)], axis=0)
    unguarded, guarded, fresh = share
    assert ((guarded >= 0.93) & (guarded <= 0.97)).all(), share
    assert ((fresh >= 0.93) & (fresh <= 0.97)).all(), share
    assert (unguarded < 0.85).all(), share
