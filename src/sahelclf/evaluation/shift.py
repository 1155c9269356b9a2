"""How far scores and decisions move: two predictions of the same units, and the same texts with names exchanged."""

from dataclasses import dataclass

import numpy as np

from sahelclf.evaluation import metrics
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


def beside_reference(found: Predictions, reference: Predictions, gold: Gold, scores: tuple[str, ...], seed: int) -> list[Beside]:
    """Scores of `found` beside those of `reference` on the same rows; both are resampled by the same draws of documents."""
    if found.ids != reference.ids:
        raise ValueError("the two tables do not hold the same units in the same order")
    documents, _ = metrics.counts_by_document(found, gold)
    draws = document_draws(len(documents), seed)
    (own, own_draws), (other, other_draws) = (_scored(table, gold, draws) for table in (found, reference))
    return [
        Beside(
            score=name,
            value=float(own[name]),
            interval=_interval(own_draws[name]),
            reference=float(other[name]),
            difference=float(own[name] - other[name]),
            difference_interval=_interval(own_draws[name] - other_draws[name]),
        )
        for name in scores
    ]


def _scored(table: Predictions, gold: Gold, draws: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    _, counts = metrics.counts_by_document(table, gold)
    total = {k: v.sum(axis=0) for k, v in counts.items()}
    resampled = {k: np.tensordot(draws, v, axes=1) for k, v in counts.items()}
    return metrics.scores_from_counts(total, table.names), metrics.scores_from_counts(resampled, table.names)


PASSAGES, TOPICS, STANCES = "passages with other topics", "topic decisions", "stance decisions"


def changed_decisions(before: Predictions, after: Predictions, seed: int) -> list[Changed]:
    """Shares of passages whose set of topics changed, of topic decisions that changed, and of stance decisions that changed.

    A topic decision is a passage and a topic; a stance decision is one where the topic holds both before and after. A
    share of none is 0, with the interval [0, 0]. Resamples in which a share has no decisions are left out of its interval.
    """
    other = before.holds != after.holds
    both = before.holds & after.holds
    other_stance = (before.stance != after.stance) & both
    documents, owner = np.unique(np.asarray(before.documents), return_inverse=True)
    draws = document_draws(len(documents), seed) if len(documents) else np.zeros((1, 0))
    found = []
    for what, changed, of in (
        (PASSAGES, other.any(axis=1), np.ones(len(other))),
        (TOPICS, other.sum(axis=1), np.full(len(other), other.shape[1])),
        (STANCES, other_stance.sum(axis=1), both.sum(axis=1)),
    ):
        above, below = (np.bincount(owner, v.astype(float), minlength=len(documents)) for v in (changed, of))
        drawn = draws @ below
        shares = (draws @ above)[drawn > 0] / drawn[drawn > 0]
        total = float(below.sum())
        touched = len(np.unique(owner[of > 0]))
        found.append(
            Changed(what, float(above.sum() / total) if total else 0.0, _interval(shares), int(above.sum()), int(total), touched)
        )
    return found


def direction_of_change(before: Predictions, after: Predictions) -> dict[str, dict[str, float]]:
    """For each topic: how many passages gained and lost it, and by how much its probability moved on average."""
    names = before.names
    gained, lost = (~before.holds & after.holds).sum(axis=0), (before.holds & ~after.holds).sum(axis=0)
    moved = (after.probability - before.probability).mean(axis=0) if len(before.ids) else np.zeros(len(names.topics))
    return {
        topic: {"gained": int(gained[k]), "lost": int(lost[k]), "mean_shift": round(float(moved[k]), 6)}
        for k, topic in enumerate(names.topics)
    }


def _interval(values: np.ndarray) -> tuple[float, float]:
    if not len(values):
        return 0.0, 0.0
    return float(np.percentile(values, 2.5)), float(np.percentile(values, 97.5))
