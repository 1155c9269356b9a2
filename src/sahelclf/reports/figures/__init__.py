"""Figures for print, in one style: each as PDF and as PNG."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sahelclf.evaluation.groups import GroupScore
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.evaluation.report import Report

FORMS = ("pdf", "png")


def figures(
    predicted: Predictions,
    gold: Gold,
    thresholds: np.ndarray,
    *,
    groups: Sequence[GroupScore] = (),
    reports: Mapping[str, Report] | None = None,
    agreement: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, Any]:
    """Matplotlib figures by file name.

    Parameters
    ----------
    predicted, gold
        Passages, and what holds of them.
    thresholds
        (n_topics,) on the probabilities.
    groups
        `evaluation.groups.group_scores` of the same passages; without them there is no figure of groups.
    reports, agreement
        By level ('passage', 'document'): the model's report, and the annotators' F1 against each other. A level is drawn
        where both are given.
    """
    from sahelclf.reports.figures import curves, dots, grids

    drawn = {
        "precision_recall": curves.precision_recall(predicted, gold, thresholds),
        "reliability": curves.reliability(predicted, gold),
        "stance_confusion": grids.stance_confusion(predicted, gold),
    }
    if groups:
        drawn["groups"] = dots.groups(groups)
    levels = [level for level in (reports or {}) if (agreement or {}).get(level)]
    if reports and agreement and levels:
        drawn["agreement"] = dots.agreement(
            {k: reports[k] for k in levels}, agreement, predicted.names
        )
    return {f"figures/{name}.{form}": figure for name, figure in drawn.items() for form in FORMS}
