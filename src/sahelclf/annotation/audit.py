"""Label audit: answers that a cross-fitted model most confidently contradicts.

A topic is one categorical variable: `no` and the stances. Ranking is that of confident learning
(Northcutt, Jiang and Chuang 2021) as in cleanlab: `self_confidence` is the probability of the given
answer, `normalized_margin` is (that minus the largest of the others, plus 1) / 2. Low is doubtful.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sahelclf.annotation.answers import choices, from_topics
from sahelclf.codebook import Codebook
from sahelclf.evaluation.predictions import Predictions
from sahelclf.records import Topics

METHODS = ("normalized_margin", "self_confidence")


@dataclass(frozen=True)
class Doubt:
    """An answer of an annotator, and what the model says of it.

    Attributes
    ----------
    given, predicted
        The annotator's answer, and the model's most probable one.
    quality
        By the ranking's method, from 0 (doubtful) to 1.
    """

    unit: str
    topic: str
    annotator: str
    given: str
    predicted: str
    quality: float

    @property
    def contradicted(self) -> bool:
        """Whether the model says something else."""
        return self.given != self.predicted


def answer_probabilities(predicted: Predictions) -> np.ndarray:
    """(n, t, 1 + s) probabilities of each topic's answers, `no` first; they sum to 1."""
    p = predicted.probability[:, :, None]
    stances = predicted.stance_probability if predicted.names.stances else np.ones_like(p)
    return np.concatenate([1 - p, p * stances], axis=2)


def self_confidence(given: np.ndarray, p: np.ndarray) -> np.ndarray:
    """(n,) probability of each given answer; `given` (n,) are columns of `p` (n, k)."""
    return np.asarray(p[np.arange(len(given)), given])


def normalized_margin(given: np.ndarray, p: np.ndarray) -> np.ndarray:
    """(n,) half of one plus: probability of the given answer less the largest of the others."""
    others = p.copy()
    others[np.arange(len(given)), given] = -np.inf
    return np.asarray((self_confidence(given, p) - others.max(axis=1) + 1) / 2)


def doubts(
    predicted: Predictions,
    labels: Mapping[str, Mapping[str, Topics]],
    codebook: Codebook,
    method: str = "normalized_margin",
) -> list[Doubt]:
    """Every answer with its quality, the most doubtful first.

    Parameters
    ----------
    predicted
        Cross-fitted: by models that did not see the unit.
    labels
        By unit, each annotator's labels.
    method
        One of `METHODS`.
    """
    score = {"normalized_margin": normalized_margin, "self_confidence": self_confidence}[method]
    p, possible = answer_probabilities(predicted), choices(codebook)
    cells = [
        (k, unit, name, from_topics(codebook, topics))
        for k, unit in enumerate(predicted.ids)
        for name, topics in sorted(labels.get(unit, {}).items())
    ]
    rows = np.array([k for k, *_ in cells], dtype=int)
    result = []
    for t, topic in enumerate(predicted.names.topics):
        given = np.array([possible.index(a[topic]) for *_, a in cells], dtype=int)
        quality, best = score(given, p[rows, t]), p[rows, t].argmax(axis=1)
        result += [
            Doubt(unit, topic, name, answers[topic], possible[b], float(q))
            for (_, unit, name, answers), b, q in zip(cells, best, quality, strict=True)
        ]
    return sorted(result, key=lambda d: (d.quality, d.unit, d.topic, d.annotator))


def doubtful_units(ranked: Sequence[Doubt], n: int) -> list[str]:
    """The first n units of a ranking that have a contradicted answer, each once."""
    return list(dict.fromkeys(d.unit for d in ranked if d.contradicted))[:n]


def by_annotator(ranked: Sequence[Doubt]) -> list[tuple[str, str, int, int]]:
    """Annotator, topic, contradicted answers, all answers; in the order of their names."""
    answers = Counter((d.annotator, d.topic) for d in ranked)
    contradicted = Counter((d.annotator, d.topic) for d in ranked if d.contradicted)
    topics = list(dict.fromkeys(d.topic for d in ranked))
    order = sorted(answers, key=lambda key: (key[0], topics.index(key[1])))
    return [(*key, contradicted[key], answers[key]) for key in order]
