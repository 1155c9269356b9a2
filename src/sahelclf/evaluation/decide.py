"""From logits to decisions: Platt's calibration, thresholds, and the pooling of passages into documents.

Platt, "Probabilistic outputs for support vector machines" (1999): a logistic regression on the held-out logit, with
targets drawn in from 0 and 1 by the number of examples. scikit-learn's calibrators keep their own estimator objects;
ours are two numbers a head, which fold into the head's weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sahelclf.evaluation.predictions import Names

POOLING = "max"


@dataclass(frozen=True)
class Calibration:
    """Scale and offset of each head's logit, both (n_heads,)."""

    scale: np.ndarray
    offset: np.ndarray

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated logits."""
        return np.asarray(logits * self.scale + self.offset)


@dataclass(frozen=True)
class Decision:
    """How probabilities become labels: for passages, and for documents by way of their passages."""

    calibration: Calibration
    thresholds: np.ndarray
    document_calibration: Calibration
    document_thresholds: np.ndarray


def fit_calibration(logits: np.ndarray, y: np.ndarray, mask: np.ndarray) -> Calibration:
    """Platt scaling of each head on the rows where it has an answer.

    A head whose held-out logits rank the wrong way, or that lacks an answer of one kind, is given a scale of 0: it
    then says the smoothed share of ones, and nothing of the text.
    """
    n_heads = logits.shape[1]
    scale, offset = np.zeros(n_heads), np.zeros(n_heads)
    for head in range(n_heads):
        rows = mask[:, head]
        scale[head], offset[head] = _platt(logits[rows, head], y[rows, head])
    return Calibration(scale, offset)


def _platt(z: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    from scipy.optimize import minimize
    from scipy.special import expit

    ones, zeros = int((y == 1).sum()), int((y == 0).sum())
    prior = float(np.log((ones + 1) / (zeros + 1)))
    spread = z.std() if len(z) else 0.0
    if not ones or not zeros or spread == 0:
        return 0.0, prior
    target = np.where(y == 1, (ones + 1) / (ones + 2), 1 / (zeros + 2))

    def loss(ab: np.ndarray) -> tuple[float, np.ndarray]:
        a = ab[0] * z + ab[1]
        p = expit(a)
        return float(np.sum(np.logaddexp(0, a) - target * a)), np.array([np.sum((p - target) * z), np.sum(p - target)])

    found = minimize(loss, np.array([1 / spread, prior]), jac=True, method="BFGS")
    a, b = (float(x) for x in found.x)
    return (a, b) if a > 0 else (0.0, prior)


def best_threshold(p: np.ndarray, y: np.ndarray) -> float:
    """The threshold with the best F1; among equals, the one nearest 0.5. 0.5 where there is nothing to find."""
    if not y.any() or y.all():
        return 0.5
    order = np.argsort(-p, kind="stable")
    ranked, hits = p[order], np.cumsum(y[order])
    last = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    f1 = 2 * hits[last] / (last + 1 + y.sum())
    after = np.r_[ranked[1:], 0.0]
    middle = (ranked[last] + after[last]) / 2
    best = middle[f1 >= f1.max() - 1e-12]
    return float(best[np.argmin(np.abs(best - 0.5))])


def fit_thresholds(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n_topics,) thresholds on probabilities (n, n_topics)."""
    return np.array([best_threshold(p[:, k], y[:, k]) for k in range(p.shape[1])])


def probabilities(logits: np.ndarray, names: Names) -> tuple[np.ndarray, np.ndarray]:
    """Topic probabilities (n, t), and stance probabilities (n, t, s) that sum to one over the stances."""
    p = to_probabilities(logits)
    t, s = len(names.topics), len(names.stances)
    stance = p[:, t:].reshape(len(p), t, s)
    return p[:, :t], stance / stance.sum(axis=2, keepdims=True)


def document_offsets(documents: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Documents in order, and the row at which each begins; rows of one document must stand together."""
    names = np.asarray(documents)
    starts = np.flatnonzero(np.r_[True, names[1:] != names[:-1]]) if len(names) else np.zeros(0, dtype=int)
    ids = [str(n) for n in names[starts]]
    if len(set(ids)) != len(ids):
        raise ValueError("rows of one document do not stand together")
    return ids, starts


def pool(p: np.ndarray, stance: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Passages to documents.

    Returns
    -------
    logits (d, t): the logit of the pooled topic probability, before the documents' own calibration;
    stance (d, t, s): the mean of the passages' stances, weighted by their topic probability;
    evidence (d, t): index within the document of the passage with the highest topic probability.
    """
    ends = np.r_[starts[1:], len(p)]
    top = np.maximum.reduceat(p, starts, axis=0)
    weight = np.add.reduceat(p, starts, axis=0)
    mean = np.add.reduceat(stance * p[:, :, None], starts, axis=0) / weight[:, :, None]
    evidence = np.array([p[a:b].argmax(axis=0) for a, b in zip(starts, ends, strict=True)])
    return to_logits(top), mean, evidence


def to_probabilities(logits: np.ndarray) -> np.ndarray:
    """Sigmoids of logits."""
    from scipy.special import expit

    return np.asarray(expit(logits))


def to_logits(p: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities, kept finite."""
    p = np.clip(p, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(p / (1 - p)))
