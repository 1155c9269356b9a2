"""What the figures of a trained labeller are drawn from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sahelclf.evaluation.groups import GroupScore
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.evaluation.report import Report


@dataclass(frozen=True)
class FigureData:
    """Predictions and scores of one labeller.

    Attributes
    ----------
    predicted, gold
        Passages and their gold labels.
    thresholds
        (n_topics,), on the probabilities.
    groups
        `evaluation.groups.group_scores` of the same passages.
    reports, agreement
        By level (`passage`, `document`): the labeller's report, and the annotators' F1 against
        each other.
    """

    predicted: Predictions
    gold: Gold
    thresholds: np.ndarray
    groups: Sequence[GroupScore] = ()
    reports: Mapping[str, Report] = field(default_factory=dict)
    agreement: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
