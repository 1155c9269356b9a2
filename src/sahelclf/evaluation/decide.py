"""From logits to decisions: Platt's calibration, thresholds, pooling of passages into documents.

Platt, "Probabilistic outputs for support vector machines" (1999): a logistic regression on the
held-out logit, with targets moved in from 0 and 1 by the number of examples. scikit-learn's
calibrators wrap an estimator; ours are two numbers for each head, which fold into its weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sahelclf.codebook import Codebook
from sahelclf.corpus.read import Corpus
from sahelclf.evaluation.predictions import Gold, Names, Predictions
from sahelclf.tasks.base import TaskData
from sahelclf.tasks.labeller import document_targets

POOLING = "length_weighted_mean"
ROUNDING = 1e-9  # relative to the largest value, or to 1
LARGEST = 1e8  # of a scale and an offset; bundles are refused from 1e9 on


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
    """How probabilities become labels, for passages and documents; thresholds are (n_topics,)."""

    calibration: Calibration
    thresholds: np.ndarray
    document_calibration: Calibration
    document_thresholds: np.ndarray


def fit_calibration(logits: np.ndarray, y: np.ndarray, mask: np.ndarray) -> Calibration:
    """Platt scaling of each head, on the rows that have a label for it.

    Parameters
    ----------
    logits, y, mask
        (n, n_heads): held-out logits, labels of 0 and 1, and where there is a label.

    Returns
    -------
    Calibration
        Numbers up to `LARGEST`. A head whose logits rank the wrong way or do not differ by more
        than rounding, or that has labels of one kind only, gets the scale 0: it predicts the
        class prior, smoothed, for every text.
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
    if not ones or not zeros or constant(z):
        return 0.0, prior
    target = np.where(y == 1, (ones + 1) / (ones + 2), 1 / (zeros + 2))

    def loss(ab: np.ndarray) -> tuple[float, np.ndarray]:
        a = ab[0] * z + ab[1]
        p = expit(a)
        return float(np.sum(np.logaddexp(0, a) - target * a)), np.array(
            [np.sum((p - target) * z), np.sum(p - target)]
        )

    found = minimize(loss, np.array([1 / z.std(), prior]), jac=True, method="BFGS")
    a, b = (float(x) for x in found.x)
    return (a, b) if 0 < a <= LARGEST and abs(b) <= LARGEST else (0.0, prior)


def constant(values: np.ndarray) -> bool:
    """Whether (n,) values differ by no more than rounding errors: a mean of equal numbers may."""
    return len(values) == 0 or bool(np.ptp(values) <= ROUNDING * max(1.0, np.abs(values).max()))


def f1_threshold(p: np.ndarray, y: np.ndarray) -> float:
    """Half of the best F1 of any threshold; 0.5 where labels or probabilities are constant.

    For true probabilities that is the threshold with the best expected F1 (Lipton, Elkan and
    Naryanaswamy 2014). It varies less between samples than the threshold that scored best; see
    experiments/02-decisions.
    """
    return best_f1(p, y) / 2 if y.any() and not y.all() and not constant(p) else 0.5


def best_f1(p: np.ndarray, y: np.ndarray) -> float:
    """The best F1 of `p >= threshold` over all thresholds, of (n,) probabilities and labels."""
    order = np.argsort(-p, kind="stable")
    ranked, hits = p[order], np.cumsum(y[order])
    last = np.flatnonzero(np.r_[ranked[1:] != ranked[:-1], True])
    return float(np.max(2 * hits[last] / (last + 1 + y.sum())))


def fit_thresholds(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n_topics,) thresholds on probabilities (n, n_topics)."""
    return np.array([f1_threshold(p[:, k], y[:, k]) for k in range(p.shape[1])])


def probabilities(logits: np.ndarray, names: Names) -> tuple[np.ndarray, np.ndarray]:
    """Topic probabilities (n, t), and stance probabilities (n, t, s), from logits (n, n_heads).

    The stance probabilities of a topic sum to 1.
    """
    p = to_probabilities(logits)
    t, s = len(names.topics), len(names.stances)
    stance = p[:, t:].reshape(len(p), t, s)
    return p[:, :t], stance / stance.sum(axis=2, keepdims=True)


def document_offsets(documents: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Documents in order, and the row at which each begins, from the document of each row.

    Raises
    ------
    ValueError
        Where the rows of a document are not consecutive.
    """
    names = np.asarray(documents)
    starts = np.flatnonzero(np.r_[len(names) > 0, names[1:] != names[:-1]])
    ids = [str(n) for n in names[starts]]
    if len(set(ids)) != len(ids):
        raise ValueError("the rows of a document are not consecutive; sort them by document")
    return ids, starts


def pool(
    p: np.ndarray, stance: np.ndarray, lengths: np.ndarray, starts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pool passages into documents; experiments/02-decisions compares the ways to do it.

    Parameters
    ----------
    p, stance
        (n, t) and (n, t, s): probabilities of passages.
    lengths
        (n,) words of each passage.
    starts
        (d,) row at which each document begins.

    Returns
    -------
    logits
        (d, t): logit of the mean topic probability, weighted by length. The calibration of
        documents is not yet applied.
    stance
        (d, t, s): mean stance probabilities, weighted by topic probability; unweighted where that
        is 0 in all passages.
    evidence
        (d, t): index within the document of the passage with the highest topic probability.
    """
    ends = np.r_[starts[1:], len(p)]
    words = np.maximum(lengths, 1.0)[:, None]
    share = np.add.reduceat(p * words, starts, axis=0) / np.add.reduceat(words, starts, axis=0)
    weight = np.add.reduceat(p, starts, axis=0)
    plain = np.add.reduceat(stance, starts, axis=0) / (ends - starts)[:, None, None]
    weighted = np.add.reduceat(stance * p[:, :, None], starts, axis=0)
    mean = np.divide(weighted, weight[:, :, None], out=plain, where=weight[:, :, None] > 0)
    evidence = np.array([p[a:b].argmax(axis=0) for a, b in zip(starts, ends, strict=True)])
    return to_logits(share), mean, evidence


def word_counts(texts: Sequence[str]) -> np.ndarray:
    """(n,) number of words of each text, the weight of a passage in pooling."""
    return np.array([len(t.split()) for t in texts], dtype=float)


def to_probabilities(logits: np.ndarray) -> np.ndarray:
    """Sigmoids of logits."""
    from scipy.special import expit

    return np.asarray(expit(logits))


def to_logits(p: np.ndarray) -> np.ndarray:
    """Log-odds of probabilities, which are clipped to 1e-9 from 0 and 1."""
    p = np.clip(p, 1e-9, 1 - 1e-9)
    return np.asarray(np.log(p / (1 - p)))


def fit_decision(
    logits: np.ndarray, data: TaskData, documents: tuple[np.ndarray, np.ndarray], names: Names
) -> Decision:
    """Fit calibration and thresholds on held-out logits, for passages and for documents.

    Parameters
    ----------
    logits
        (n, n_heads) of the passages of `data`.
    documents
        Targets and mask of the documents, both (d, n_heads). Where no document has labels, the
        pooled probability is compared with the thresholds of passages.
    """
    calibration = fit_calibration(logits, data.y, data.mask)
    t = len(names.topics)
    p, stance = probabilities(calibration(logits), names)
    _, starts = document_offsets(data.groups)
    pooled, _, _ = pool(p, stance, word_counts(data.texts), starts)
    thresholds = fit_thresholds(p, data.y[:, :t])
    y, mask = documents[0][:, :t], documents[1][:, :t]
    labelled = mask.any(axis=1)
    if not labelled.any():
        return Decision(calibration, thresholds, Calibration(np.ones(t), np.zeros(t)), thresholds)
    document_calibration = fit_calibration(pooled, y, mask)
    document_p = to_probabilities(document_calibration(pooled))
    document_thresholds = fit_thresholds(document_p[labelled], y[labelled])
    return Decision(calibration, thresholds, document_calibration, document_thresholds)


def apply_decision(
    decision: Decision, logits: np.ndarray, data: TaskData, names: Names
) -> tuple[Predictions, Predictions]:
    """Predictions for passages and for their documents, from uncalibrated logits."""
    p, stance = probabilities(decision.calibration(logits), names)
    documents, starts = document_offsets(data.groups)
    pooled, document_stance, _ = pool(p, stance, word_counts(data.texts), starts)
    document_p = to_probabilities(decision.document_calibration(pooled))
    ids, holds = tuple(documents), document_p >= decision.document_thresholds
    return (
        Predictions(names, data.ids, data.groups, p, stance, p >= decision.thresholds),
        Predictions(names, ids, ids, document_p, document_stance, holds),
    )


def labelled_documents(corpus: Corpus, documents: Predictions) -> tuple[Predictions, Gold]:
    """Predictions of the documents that have labels, and these labels."""
    y, mask = document_targets(corpus, documents.ids)
    labelled = np.flatnonzero(mask.any(axis=1))
    return documents.take(labelled), Gold.from_heads(y[labelled], documents.names)


def labeller_names(codebook: Codebook) -> Names:
    """Topics and stances of a codebook, in the order of the columns of tables."""
    return Names(codebook.topic_names, codebook.stance_names)
