"""Measure how far scores and decisions move between two predictions of the same units."""

from dataclasses import dataclass

import numpy as np

from sahelclf.evaluation import intervals, metrics
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.evaluation.report import document_draws

PASSAGES, TOPICS, STANCES = "passages with other topics", "topic decisions", "stance decisions"


@dataclass(frozen=True)
class ScoreDifference:
    """A score of a system and of its reference on the same units; intervals are 95%."""

    score: str
    value: float
    interval: tuple[float, float]
    reference: float
    difference: float
    difference_interval: tuple[float, float]


@dataclass(frozen=True)
class Changed:
    """How many decisions of a kind changed: the share, its 95% interval, and the counts."""

    what: str
    share: float
    interval: tuple[float, float]
    changed: int
    of: int
    n_documents: int


def differences(
    predictions: Predictions,
    reference: Predictions,
    gold: Gold,
    scores: tuple[str, ...],
    seed: int,
) -> list[ScoreDifference]:
    """Compare scores with a reference on the same rows; both use the same draws of documents."""
    if predictions.ids != reference.ids:
        raise ValueError("the two tables do not hold the same units in the same order")
    (documents, counts), (_, usual) = (
        metrics.counts_by_document(table, gold) for table in (predictions, reference)
    )
    draws = document_draws(len(documents), seed)
    ratios = [metrics.ratios(c, predictions.names) for c in (counts, usual)]
    results = []
    for name in scores:
        score, other = (intervals.mean_score([r[name]]) for r in ratios)
        bounds = intervals.interval(score, draws)
        d = intervals.difference(score, other, draws)
        about = (name, score.value, bounds, other.value)
        results.append(ScoreDifference(*about, d.value, (d.low, d.high)))
    return results


def changed_decisions(before: Predictions, after: Predictions, seed: int) -> list[Changed]:
    """Count the passages whose topics changed, and the topic and stance decisions that changed.

    A topic decision is a passage and a topic. A stance decision is a passage and a topic that holds
    both before and after. Without any decision the share is 0, with the interval [0, 0].
    """
    topic = before.holds != after.holds
    both = before.holds & after.holds
    stance = (before.stance != after.stance) & both
    documents, owner = np.unique(np.asarray(before.documents), return_inverse=True)
    decisions = [
        (PASSAGES, topic.any(axis=1), np.ones(len(topic))),
        (TOPICS, topic.sum(axis=1), np.full(len(topic), topic.shape[1])),
    ]
    if before.names.stances:
        decisions.append((STANCES, stance.sum(axis=1), both.sum(axis=1)))
    results = []
    for what, changed, of in decisions:
        above, below = (
            np.bincount(owner, v.astype(float), minlength=len(documents)) for v in (changed, of)
        )
        deciding = below > 0  # other documents have no decision of this kind
        share = intervals.Score(above[deciding, None], below[deciding, None], np.ones(1))
        n = int(deciding.sum())
        bounds = intervals.interval(share, document_draws(n, seed)) if n else (0.0, 0.0)
        results.append(Changed(what, share.value, bounds, int(above.sum()), int(below.sum()), n))
    return results


def direction_of_change(before: Predictions, after: Predictions) -> dict[str, dict[str, float]]:
    """For each topic: passages that gained and lost it, and the mean change of its probability."""
    change = after.probability - before.probability
    mean = change.mean(axis=0) if len(change) else change.sum(axis=0)
    return {
        topic: {
            "gained": int((~before.holds & after.holds)[:, k].sum()),
            "lost": int((before.holds & ~after.holds)[:, k].sum()),
            "mean_shift": round(float(mean[k]), 6),
        }
        for k, topic in enumerate(before.names.topics)
    }
