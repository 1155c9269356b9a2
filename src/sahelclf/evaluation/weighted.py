"""Scores on a sample with unequal chances: every unit counts 1 / its sampling probability times."""

import numpy as np

from sahelclf.evaluation import intervals, metrics
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.evaluation.report import Report, document_draws
from sahelclf.evaluation.warnings import warnings


def weighted_report(
    predicted: Predictions, gold: Gold, weights: np.ndarray, seed: int = 0
) -> Report:
    """A report on the collection that a sample was drawn from.

    `weights` (n,) are 1 / sampling probability. Units are resampled one by one, each with its weight; support and warnings count units
    of the sample, unweighted. Each unit is taken for a document of its own.
    """
    order = np.argsort(np.asarray(predicted.ids), kind="stable")
    alone = Predictions(
        predicted.names,
        predicted.ids,
        predicted.ids,
        predicted.probability,
        predicted.stance_probability,
        predicted.holds,
    )
    _, counts = metrics.counts_by_document(alone, gold)  # sorted by id
    w = (weights / weights.mean())[order]
    heavy = {k: v * w.reshape(-1, *[1] * (v.ndim - 1)) for k, v in counts.items()}
    names = predicted.names
    total = {k: v.sum(axis=0) for k, v in heavy.items()}
    scores = {k: float(v) for k, v in metrics.scores_from_counts(total, names).items()}
    draws = document_draws(len(w), seed)
    cells = {k: intervals.mean_score([v]) for k, v in metrics.ratios(heavy, names).items()}
    return Report(
        n_units=len(predicted.ids),
        n_documents=len(predicted.ids),
        scores=scores | _from_probabilities(predicted, gold, weights),
        intervals={k: intervals.interval(v, draws) for k, v in cells.items()},
        support=metrics.support(gold, names),
        warnings=tuple(warnings(alone, gold)),
    )


def _from_probabilities(
    predicted: Predictions, gold: Gold, weights: np.ndarray
) -> dict[str, float]:
    from sklearn.metrics import average_precision_score

    scores = {}
    for k, topic in enumerate(predicted.names.topics):
        held = gold.topics[:, k]
        value = (
            average_precision_score(held, predicted.probability[:, k], sample_weight=weights)
            if held.any()
            else 0.0
        )
        scores[f"topic/{topic}/average_precision"] = float(value)
    p, y = predicted.probability, gold.topics
    which = np.minimum((p * 10).astype(int), 9)
    heavy = np.broadcast_to(weights[:, None], p.shape)
    gap = np.abs(np.bincount(which.ravel(), (heavy * (p - y)).ravel(), minlength=10))
    scores["calibration/ece"] = float(gap.sum() / heavy.sum())
    return scores
