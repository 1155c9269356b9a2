"""How far scores and decisions move: two predictions of the same units, and the same texts with names exchanged."""

from dataclasses import dataclass

import numpy as np

from sahelclf.evaluation import intervals, metrics
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.evaluation.report import document_draws


@dataclass(frozen=True)
class Beside:
    """One score of a system, of its reference on the same units, and their difference; intervals are 95%."""

    score: str
    value: float
    interval: tuple[float, float]
    reference: float
    difference: float
    difference_interval: tuple[float, float]


@dataclass(frozen=True)
class Changed:
    """A share of decisions that changed, of how many, over how many documents."""

    what: str
    share: float
    interval: tuple[float, float]
    changed: int
    of: int
    n_documents: int


def beside_reference(
    found: Predictions, reference: Predictions, gold: Gold, scores: tuple[str, ...], seed: int
) -> list[Beside]:
    """Scores of `found` beside those of `reference` on the same rows; both are resampled by the same draws of documents."""
    if found.ids != reference.ids:
        raise ValueError("the two tables do not hold the same units in the same order")
    (documents, own), (_, other) = (
        metrics.counts_by_document(table, gold) for table in (found, reference)
    )
    draws = document_draws(len(documents), seed)
    own_ratios, other_ratios = (metrics.ratios(counts, found.names) for counts in (own, other))
    out = []
    for name in scores:
        score, usual = (intervals.mean_score([r[name]]) for r in (own_ratios, other_ratios))
        apart = intervals.difference(score, usual, draws)
        out.append(
            Beside(
                name,
                score.value,
                intervals.interval(score, draws),
                usual.value,
                apart.value,
                (apart.low, apart.high),
            )
        )
    return out


PASSAGES, TOPICS, STANCES = "passages with other topics", "topic decisions", "stance decisions"


def changed_decisions(before: Predictions, after: Predictions, seed: int) -> list[Changed]:
    """Shares of passages whose set of topics changed, of topic decisions that changed, and of stance decisions that changed.

    A topic decision is a passage and a topic; a stance decision is one where the topic holds both before and after. A
    share of none is 0, with the interval [0, 0].
    """
    other = before.holds != after.holds
    both = before.holds & after.holds
    other_stance = (before.stance != after.stance) & both
    documents, owner = np.unique(np.asarray(before.documents), return_inverse=True)
    found = []
    for what, changed, of in (
        (PASSAGES, other.any(axis=1), np.ones(len(other))),
        (TOPICS, other.sum(axis=1), np.full(len(other), other.shape[1])),
        (STANCES, other_stance.sum(axis=1), both.sum(axis=1)),
    ):
        above, below = (
            np.bincount(owner, v.astype(float), minlength=len(documents)) for v in (changed, of)
        )
        deciding = below > 0  # documents without a decision of this kind say nothing of its share
        share = intervals.Score(above[deciding, None], below[deciding, None], np.ones(1))
        n = int(deciding.sum())
        bounds = intervals.interval(share, document_draws(n, seed)) if n else (0.0, 0.0)
        found.append(Changed(what, share.value, bounds, int(above.sum()), int(below.sum()), n))
    return found


def direction_of_change(before: Predictions, after: Predictions) -> dict[str, dict[str, float]]:
    """For each topic: how many passages gained and lost it, and by how much its probability moved on average."""
    names = before.names
    gained, lost = (
        (~before.holds & after.holds).sum(axis=0),
        (before.holds & ~after.holds).sum(axis=0),
    )
    moved = (
        (after.probability - before.probability).mean(axis=0)
        if len(before.ids)
        else np.zeros(len(names.topics))
    )
    return {
        topic: {
            "gained": int(gained[k]),
            "lost": int(lost[k]),
            "mean_shift": round(float(moved[k]), 6),
        }
        for k, topic in enumerate(names.topics)
    }
