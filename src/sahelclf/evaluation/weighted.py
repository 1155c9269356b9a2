"""Scores on a sample with unequal sampling probabilities: a unit counts 1 / probability times."""

from dataclasses import replace

import numpy as np

from sahelclf.evaluation import metrics
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.evaluation.report import Report, document_draws, summarise


def weighted_report(
    predicted: Predictions, gold: Gold, weights: np.ndarray, seed: int = 0
) -> Report:
    """Estimate scores on the collection that a sample was drawn from (Horvitz and Thompson 1952).

    Parameters
    ----------
    weights
        (n,), 1 / sampling probability of each unit.
    seed
        Of the resampling.

    Returns
    -------
    Report
        Units are resampled one by one with their weights, each as a document. Support and warnings
        count units of the sample, unweighted.
    """
    units = replace(predicted, documents=predicted.ids)
    _, counts = metrics.counts_by_document(units, gold)  # in the order of sorted ids
    order = np.argsort(np.asarray(predicted.ids), kind="stable")
    w = (weights / weights.mean())[order]
    weighted = {k: v * w.reshape(-1, *[1] * (v.ndim - 1)) for k, v in counts.items()}
    return summarise(units, gold, weighted, document_draws(len(w), seed), weights)
