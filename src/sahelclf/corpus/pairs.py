"""Annotators two by two: kappa of each pair, and where they differ.

A topic is one categorical variable here: `no`, or its stance (`yes` where the codebook has none).
"""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from sahelclf.corpus.read import Corpus
from sahelclf.corpus.rounds import CodedUnit, by_level
from sahelclf.records import answer_to


@dataclass(frozen=True)
class Pair:
    """Two annotators on one topic.

    Attributes
    ----------
    n, differ
        Units that both answered, and those of them with different answers.
    kappa
        Cohen's kappa; nan where both gave one and the same answer to all units.
    differences
        Answers of the two that differ and how often, the most frequent first.
    """

    level: str
    topic: str
    annotators: tuple[str, str]
    n: int
    differ: int
    kappa: float
    differences: tuple[tuple[str, str, int], ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain form, rounded."""
        kappa = None if np.isnan(self.kappa) else round(self.kappa, 4)
        return {
            "annotators": list(self.annotators),
            "n": self.n,
            "differ": self.differ,
            "kappa": kappa,
            "differences": [list(d) for d in self.differences],
        }


def compare_pairs(corpus: Corpus, units: Sequence[CodedUnit]) -> list[Pair]:
    """Every pair of annotators with units in common, by level and topic."""
    pairs = []
    for level, chosen in by_level(corpus, units).items():
        names = sorted({a for u in chosen for a in u.labels})
        for one, other in combinations(names, 2):
            shared = [
                (u.labels[one], u.labels[other]) for u in chosen if {one, other} <= {*u.labels}
            ]
            for topic in corpus.codebook.topic_names if shared else ():
                answers = [(answer_to(a, topic), answer_to(b, topic)) for a, b in shared]
                pairs.append(_pair(level, topic, (one, other), answers))
    return pairs


def _pair(
    level: str, topic: str, annotators: tuple[str, str], answers: Sequence[tuple[str, str]]
) -> Pair:
    differing = Counter((a, b) for a, b in answers if a != b)
    frequent = sorted(differing.items(), key=lambda item: (-item[1], item[0]))
    return Pair(
        level,
        topic,
        annotators,
        n=len(answers),
        differ=differing.total(),
        kappa=cohen_kappa(*zip(*answers, strict=True)),
        differences=tuple((a, b, n) for (a, b), n in frequent),
    )


def cohen_kappa(a: Sequence[Any], b: Sequence[Any]) -> float:
    """Cohen's kappa of two annotators' answers; nan without variation."""
    from sklearn.metrics import cohen_kappa_score

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(cohen_kappa_score(a, b))


def kappa_matrix(pairs: Sequence[Pair], level: str) -> tuple[list[str], np.ndarray]:
    """Names of the annotators of a level, and the kappa of each pair: the mean over the topics.

    nan on the diagonal, for pairs without a unit in common, and where no topic has a kappa.
    """
    of_level = [p for p in pairs if p.level == level]
    names = sorted({name for p in of_level for name in p.annotators})
    matrix = np.full((len(names), len(names)), np.nan)
    for i, j in combinations(range(len(names)), 2):
        kappas = [p.kappa for p in of_level if p.annotators == (names[i], names[j])]
        finite = [k for k in kappas if np.isfinite(k)]
        matrix[i, j] = matrix[j, i] = np.mean(finite) if finite else np.nan
    return names, matrix
