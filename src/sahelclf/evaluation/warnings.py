"""What a reader of scores should know before believing them: warnings with a code each."""

import numpy as np

from sahelclf.evaluation.predictions import Gold, Predictions

CODES = {
    "W1": "no-support: no unit carries the label; its scores are 0 and it keeps its place in macro means",
    "W2": "few-positives: fewer than 30 units carry the label; its interval may not cover as it says",
    "W3": "few-documents: fewer than 100 documents; intervals may not cover as they say, and one document has none",
    "W4": "never-predicted: units carry the label, the system never says it; precision and F1 are 0",
    "W5": "constant-probability: one probability for every unit; average precision is the label's share",
    "W6": "labels-only: no probabilities between 0 and 1; average precision and calibration error are those of the labels",
    "W7": "no-stance: pairs of a unit and a gold topic on which the system says no stance; they count as misses in stance scores",
}
FEW_POSITIVES, FEW_DOCUMENTS = 30, 100


def warnings(predicted: Predictions, gold: Gold) -> list[str]:
    """Warnings on the scores of these predictions, each as 'code label: figure'; CODES says what a code means."""
    names = predicted.names
    found = []
    on_gold = np.where(gold.topics, predicted.stance, -1)
    labels = [(t, gold.topics[:, k], predicted.holds[:, k]) for k, t in enumerate(names.topics)]
    labels += [(s, gold.stance == j, on_gold == j) for j, s in enumerate(names.stances)]
    for label, held, said in labels:
        n = int(held.sum())
        if n == 0:
            found.append(f"W1 no-support: {label}")
        elif n < FEW_POSITIVES:
            found.append(f"W2 few-positives: {label}: {n}")
        if n and not said.any():
            found.append(f"W4 never-predicted: {label}: {n} units carry it")
    unsaid = int((gold.topics & (predicted.stance < 0)).sum())
    if unsaid:
        found.append(f"W7 no-stance: {unsaid} of {int(gold.topics.sum())} pairs")
    n_documents = len(set(predicted.documents))
    if n_documents < FEW_DOCUMENTS:
        found.append(f"W3 few-documents: {n_documents}")
    p = predicted.probability
    if ((p == 0) | (p == 1)).all():
        found.append("W6 labels-only: every probability is 0 or 1")
    elif len(p) > 1:
        found += [
            f"W5 constant-probability: {t}: {p[0, k]:.3g}"
            for k, t in enumerate(names.topics)
            if (p[:, k] == p[0, k]).all()
        ]
    return found
