"""Warnings with codes: what a reader should know before trusting scores."""

from collections.abc import Sequence

import numpy as np

from sahelclf.evaluation.predictions import Gold, Predictions

CODES = {
    "W1": "no-support: no unit has the label; its scores are 0 and it counts in macro means",
    "W2": "few-positives: fewer than 30 units have the label; its interval may be too narrow",
    "W3": "few-documents: fewer than 100 documents; intervals may be too narrow, with one document "
    "there is no interval",
    "W4": "never-predicted: units have the label, none is predicted; precision and F1 are 0",
    "W5": "constant-probability: one probability for all units; average precision is the label's "
    "share",
    "W6": "labels-only: no probability between 0 and 1; average precision and calibration error "
    "are those of the labels",
    "W7": "no-stance: pairs of a unit and a gold topic without a predicted stance; they count as "
    "misses in stance scores",
}
FEW_POSITIVES, FEW_DOCUMENTS = 30, 100


def explained(lines: Sequence[str]) -> list[str]:
    """Warnings of one code as one line, with what the code means, for readers."""
    by_code: dict[str, list[str]] = {}
    for line in lines:
        code, _, figures = line.partition(": ")
        by_code.setdefault(code, []).append(figures.replace(": ", " "))
    return [
        f"{CODES[code[:2]].partition(': ')[2]} ({code[:2]}): {', '.join(figures)}"
        for code, figures in by_code.items()
    ]


def warnings(predicted: Predictions, gold: Gold) -> list[str]:
    """Warnings on the scores of these predictions, each as 'code name: figures'; see `CODES`."""
    names, p = predicted.names, predicted.probability
    stance_on_gold = np.where(gold.topics, predicted.stance, -1)
    labels = [(t, gold.topics[:, k], predicted.holds[:, k]) for k, t in enumerate(names.topics)]
    labels += [(s, gold.stance == j, stance_on_gold == j) for j, s in enumerate(names.stances)]
    lines = []
    for name, labelled, predicted_at in labels:
        n = int(labelled.sum())
        if n == 0:
            lines.append(f"W1 no-support: {name}")
        elif n < FEW_POSITIVES:
            lines.append(f"W2 few-positives: {name}: {n}")
        if n and not predicted_at.any():
            lines.append(f"W4 never-predicted: {name}: {n} units have it")
    without_stance = int((gold.topics & (predicted.stance < 0)).sum())
    if without_stance and names.stances:
        lines.append(f"W7 no-stance: {without_stance} of {int(gold.topics.sum())} pairs")
    n_documents = len(set(predicted.documents))
    if n_documents < FEW_DOCUMENTS:
        lines.append(f"W3 few-documents: {n_documents}")
    if ((p == 0) | (p == 1)).all():
        lines.append("W6 labels-only: every probability is 0 or 1")
    elif len(p) > 1:
        constant = (p == p[0]).all(axis=0)
        lines += [
            f"W5 constant-probability: {t}: {p[0, k]:.3g}"
            for k, t in enumerate(names.topics)
            if constant[k]
        ]
    return lines
