"""Scores as functions of counts: to resample documents is to resample counts.

A score without support is 0 (`zero_division=0` in scikit-learn). A label without support keeps its
place in a macro mean.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sahelclf.evaluation.predictions import Gold, Names, Predictions

TP, FP, FN = 0, 1, 2
Counts = Mapping[str, np.ndarray]
Parts = tuple[np.ndarray, np.ndarray]
"""Numerators and denominators of a score's cells, both (..., n_cells)."""


@dataclass(frozen=True)
class Metric:
    """A headline score.

    Attributes
    ----------
    name
        Its name in reports, tables and MLflow.
    parts
        From counts (see `counts_by_document`) to numerators and denominators; the score is the
        mean over the cells of their ratio.
    title
        Its name in figures.
    definition
        What it is, for a methods paragraph.
    needs_stances
        Whether it is left out for a codebook without stances.
    """

    name: str
    parts: Callable[[Counts], Parts]
    title: str
    definition: str
    needs_stances: bool = False


def topic_macro_f1(counts: Counts) -> Parts:
    """F1 of each topic."""
    return f1_parts(counts["topic"])


def stance_macro_f1(counts: Counts) -> Parts:
    """F1 of each stance, on the topics that hold in gold, whether or not they are predicted."""
    return f1_parts(counts["stance"])


def joint_f1(counts: Counts) -> Parts:
    """Micro-averaged F1 of pairs of topic and stance: one cell."""
    return f1_parts(counts["joint"][..., None, :])


METRICS = (
    Metric("topic/macro_f1", topic_macro_f1, "topics, macro", "F1 averaged over the topics"),
    Metric(
        "stance/macro_f1",
        stance_macro_f1,
        "stance, macro",
        "F1 averaged over the stances, pooled over all pairs of a unit and a topic that holds in "
        "the annotation",
        needs_stances=True,
    ),
    Metric(
        "joint/f1",
        joint_f1,
        "topic and stance",
        "micro-averaged F1 over pairs of topic and stance",
        needs_stances=True,
    ),
)


def scored_metrics(stances: Sequence[str]) -> tuple[Metric, ...]:
    """The metrics of a codebook with these stances; those of topics alone where it has none."""
    return tuple(m for m in METRICS if stances or not m.needs_stances)


def counts_by_document(
    predicted: Predictions, gold: Gold
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Sum true positives, false positives and false negatives by document.

    Returns
    -------
    documents
        (d,) ids, sorted.
    counts
        By name, arrays (d, ..., 3): `topic` (d, t, 3); `stance` (d, s, 3), pooled over the topics
        that hold in gold; `topic_stance` (d, t, s, 3), the same by topic; `joint` (d, 3) and
        `joint_cell` (d, t, s, 3), of the pairs of topic and stance.
    """
    documents, row_document = np.unique(np.asarray(predicted.documents), return_inverse=True)
    stances = np.arange(len(predicted.names.stances))
    gold_cells = (gold.stance[:, :, None] == stances) & gold.topics[:, :, None]
    predicted_cells = predicted.stance[:, :, None] == stances
    topic_stance = confusion(predicted_cells & gold.topics[:, :, None], gold_cells)
    joint_cell = confusion(predicted_cells & predicted.holds[:, :, None], gold_cells)
    by_row = {
        "topic": confusion(predicted.holds, gold.topics),
        "topic_stance": topic_stance,
        "stance": topic_stance.sum(axis=1),
        "joint_cell": joint_cell,
        "joint": joint_cell.sum(axis=(1, 2)),
    }
    counts = {}
    for name, rows in by_row.items():
        counts[name] = np.zeros((len(documents), *rows.shape[1:]))
        np.add.at(counts[name], row_document, rows)
    return [str(d) for d in documents], counts


def confusion(predicted: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """(..., 3) true positives, false positives and false negatives of boolean (...) labels."""
    return np.stack([predicted & gold, predicted & ~gold, ~predicted & gold], axis=-1).astype(float)


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, and 0 where `below` is 0."""
    return np.asarray(np.divide(above, below, out=np.zeros(np.shape(below)), where=below > 0))


def f1(counts: np.ndarray) -> np.ndarray:
    """F1 of (..., 3) counts; 0 where nothing is labelled and nothing predicted."""
    return ratio(*f1_parts(counts))


def f1_parts(counts: np.ndarray) -> Parts:
    """Numerator and denominator of the F1 of (..., 3) counts."""
    hits = 2 * counts[..., TP]
    return hits, hits + counts[..., FP] + counts[..., FN]


def label_parts(counts: np.ndarray) -> dict[str, Parts]:
    """F1, precision and recall of one label, from (..., 1, 3) counts."""
    hits = counts[..., TP]
    return {
        "f1": f1_parts(counts),
        "precision": (hits, hits + counts[..., FP]),
        "recall": (hits, hits + counts[..., FN]),
    }


def ratios(counts: Counts, names: Names) -> dict[str, Parts]:
    """Numerators and denominators of every score that follows from counts.

    Leading axes (documents, resamples) are kept. A score is the mean of `ratio` over its cells.
    """
    scored = scored_metrics(names.stances)
    parts = {metric.name: metric.parts(counts) for metric in scored}
    for k, topic in enumerate(names.topics):
        of_label = label_parts(counts["topic"][..., k : k + 1, :])
        parts |= {f"topic/{topic}/{name}": part for name, part in of_label.items()}
        if names.stances:
            parts[f"stance/{topic}/macro_f1"] = f1_parts(counts["topic_stance"][..., k, :, :])
    for j, stance in enumerate(names.stances):
        parts[f"stance/{stance}/f1"] = f1_parts(counts["stance"][..., j : j + 1, :])
    return parts


def scores_from_counts(counts: Counts, names: Names) -> dict[str, np.ndarray]:
    """Every score that follows from counts, from 0 to 1; leading axes (resamples) are kept."""
    return {name: ratio(*parts).mean(axis=-1) for name, parts in ratios(counts, names).items()}


def scores_from_probabilities(
    predicted: Predictions, gold: Gold, weights: np.ndarray | None = None
) -> dict[str, float]:
    """Average precision of each topic (0 without support), and the calibration error.

    `weights` (n,) says how often each unit counts; 1 by default.
    """
    from sklearn.metrics import average_precision_score

    scores = {}
    for k, topic in enumerate(predicted.names.topics):
        y, p = gold.topics[:, k], predicted.probability[:, k]
        value = average_precision_score(y, p, sample_weight=weights) if y.any() else 0.0
        scores[f"topic/{topic}/average_precision"] = float(value)
    p = predicted.probability
    spread = None if weights is None else np.broadcast_to(weights[:, None], p.shape).ravel()
    scores["calibration/ece"] = expected_calibration_error(p.ravel(), gold.topics.ravel(), spread)
    return scores


def expected_calibration_error(
    p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None, bins: int = 10
) -> float:
    """Mean distance between probability and share of ones over bins of equal width.

    Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning"
    (2015). 0 without units.
    """
    if not len(p):
        return 0.0
    weight, mean, share = calibration_bins(p, y, weights, bins)
    return float(np.abs(mean - share).sum() / weight.sum())


def calibration_bins(
    p: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None, bins: int = 10
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sums of weights, of weighted probabilities and of weighted ones, each (bins,)."""
    w = np.ones(len(p)) if weights is None else weights
    bin_of = np.minimum((p * bins).astype(int), bins - 1)
    total, probability, ones = (np.bincount(bin_of, v, minlength=bins) for v in (w, w * p, w * y))
    return total, probability, ones


def support(gold: Gold, names: Names) -> dict[str, int]:
    """How many units carry each topic, and each stance on it."""
    counts = {
        f"topic/{t}/support": int(gold.topics[:, k].sum()) for k, t in enumerate(names.topics)
    }
    for k, t in enumerate(names.topics):
        for j, s in enumerate(names.stances):
            counts[f"stance/{t}/{s}/support"] = int((gold.stance[:, k] == j).sum())
    return counts
