"""Scores as pure functions of counts, so that resampling documents is resampling counts.

Names and conventions are the design's: a score without support is 0 (`zero_division=0`); `topic/macro_f1` is the mean
over the codebook's topics, with or without support; stance is scored on pairs of a unit and a topic that holds in gold,
whatever the model says of the topic; `joint/f1` is micro-F1 over pairs of topic and stance.
"""

from collections.abc import Mapping

import numpy as np

from sahelclf.evaluation.predictions import Gold, Names, Predictions

TP, FP, FN = 0, 1, 2
Counts = Mapping[str, np.ndarray]


def counts_by_document(
    predicted: Predictions, gold: Gold
) -> tuple[list[str], dict[str, np.ndarray]]:
    """Documents in order, and (n_documents, …, 3) true positives, false positives and false negatives.

    `topic` is (d, t, 3); `stance` is (d, s, 3) pooled over topics; `topic_stance` is (d, t, s, 3) on gold topics;
    `joint` is (d, 3); `joint_cell` is (d, t, s, 3).
    """
    names = predicted.names
    documents, owner = np.unique(np.asarray(predicted.documents), return_inverse=True)
    s = len(names.stances)
    said = predicted.stance
    gold_cells = (gold.stance[:, :, None] == np.arange(s)) & gold.topics[:, :, None]
    said_cells = said[:, :, None] == np.arange(s)
    on_gold = said_cells & gold.topics[:, :, None]
    topic_stance = confusion(on_gold, gold_cells)
    joint_cell = confusion(said_cells & predicted.holds[:, :, None], gold_cells)
    per_row = {
        "topic": confusion(predicted.holds, gold.topics),
        "topic_stance": topic_stance,
        "stance": topic_stance.sum(axis=1),
        "joint_cell": joint_cell,
        "joint": joint_cell.sum(axis=(1, 2)),
    }
    summed = {}
    for name, rows in per_row.items():
        total = np.zeros((len(documents), *rows.shape[1:]))
        np.add.at(total, owner, rows)
        summed[name] = total
    return [str(d) for d in documents], summed


def confusion(said: np.ndarray, gold: np.ndarray) -> np.ndarray:
    """(…, 3) true positives, false positives and false negatives of boolean (…) decisions."""
    return np.stack([said & gold, said & ~gold, ~said & gold], axis=-1).astype(float)


def f1(counts: np.ndarray) -> np.ndarray:
    """F1 of (..., 3) counts; 0 where there is nothing to find and nothing found."""
    return ratio(2 * counts[..., TP], 2 * counts[..., TP] + counts[..., FP] + counts[..., FN])


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """`above / below`, and 0 where `below` is."""
    return np.asarray(np.divide(above, below, out=np.zeros(np.shape(below)), where=below > 0))


def ratios(counts: Counts, names: Names) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Every score that follows from counts, as what its cells' ratios stand over: two (..., n_cells) arrays.

    A score is the mean over its cells of `above / below`, 0 where `below` is; leading axes are kept.
    """
    found = {
        "topic/macro_f1": f1_parts(counts["topic"]),
        "stance/macro_f1": f1_parts(counts["stance"]),
        "joint/f1": f1_parts(counts["joint"][..., None, :]),
    }
    for k, topic in enumerate(names.topics):
        of_topic = counts["topic"][..., k : k + 1, :]
        hits = of_topic[..., TP]
        found[f"topic/{topic}/f1"] = f1_parts(of_topic)
        found[f"topic/{topic}/precision"] = (hits, hits + of_topic[..., FP])
        found[f"topic/{topic}/recall"] = (hits, hits + of_topic[..., FN])
        found[f"stance/{topic}/macro_f1"] = f1_parts(counts["topic_stance"][..., k, :, :])
    for j, stance in enumerate(names.stances):
        found[f"stance/{stance}/f1"] = f1_parts(counts["stance"][..., j : j + 1, :])
    return found


def f1_parts(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F1 of (..., 3) counts as what stands above and below the line."""
    return 2 * counts[..., TP], 2 * counts[..., TP] + counts[..., FP] + counts[..., FN]


def scores_from_counts(counts: Counts, names: Names) -> dict[str, np.ndarray]:
    """Every score that follows from counts; leading axes (resamples) are kept."""
    return {
        name: ratio(above, below).mean(axis=-1)
        for name, (above, below) in ratios(counts, names).items()
    }


def scores_from_probabilities(predicted: Predictions, gold: Gold) -> dict[str, float]:
    """Average precision a topic, and the calibration error; they need more than counts."""
    from sklearn.metrics import average_precision_score

    scores = {}
    for k, topic in enumerate(predicted.names.topics):
        held = gold.topics[:, k]
        scores[f"topic/{topic}/average_precision"] = (
            float(average_precision_score(held, predicted.probability[:, k])) if held.any() else 0.0
        )
    scores["calibration/ece"] = expected_calibration_error(
        predicted.probability.ravel(), gold.topics.ravel()
    )
    return scores


def expected_calibration_error(p: np.ndarray, y: np.ndarray, bins: int = 10) -> float:
    """Mean distance between probability and share of ones over ten bins of equal width (Naeini et al. 2015)."""
    if not len(p):
        return 0.0
    which = np.minimum((p * bins).astype(int), bins - 1)
    n = np.bincount(which, minlength=bins)
    gap = np.abs(
        np.bincount(which, p, minlength=bins) - np.bincount(which, y.astype(float), minlength=bins)
    )
    return float(gap[n > 0].sum() / len(p))


def support(gold: Gold, names: Names) -> dict[str, int]:
    """How many units carry each topic and each stance on it."""
    counts = {
        f"topic/{t}/support": int(gold.topics[:, k].sum()) for k, t in enumerate(names.topics)
    }
    for k, t in enumerate(names.topics):
        for j, s in enumerate(names.stances):
            counts[f"stance/{t}/{s}/support"] = int((gold.stance[:, k] == j).sum())
    return counts
