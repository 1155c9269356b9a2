"""What each term of a text adds to each logit of a linear labeller: its value times its weight."""

from dataclasses import dataclass

import numpy as np

from sahelclf.models.runtime.linear import PlainLabeller

TOP = 8


@dataclass(frozen=True)
class Contributions:
    """What each term of one text adds to each head.

    `terms` are (block, term) pairs, `values` is (n_terms, n_heads), `intercept` (n_heads,).
    """

    terms: tuple[tuple[str, str], ...]
    values: np.ndarray
    intercept: np.ndarray

    @property
    def logits(self) -> np.ndarray:
        """(n_heads,)."""
        return np.asarray(self.values.sum(axis=0) + self.intercept)

    def top(self, head: int, n: int = TOP) -> list[int]:
        """The terms that add most, then those that subtract most, up to `n` of each."""
        values = self.values[:, head]
        order = np.argsort(-values, kind="stable")
        added, subtracted = order[values[order] > 0], order[::-1][values[order[::-1]] < 0]
        return [int(i) for i in (*added[:n], *subtracted[:n])]


def contributions(labeller: PlainLabeller, text: str) -> Contributions:
    """Every term of `text` that the labeller knows.

    The sum over the terms plus the intercept is the calibrated logit.
    """
    terms: list[tuple[str, str]] = []
    values = [np.zeros((0, len(labeller.heads)))]
    for block, ids, of_terms, coef in labeller.terms_of(str(text)):
        terms += [(block["name"], block["terms"][i]) for i in ids]
        values.append(of_terms[:, None] * coef)
    return Contributions(tuple(terms), np.concatenate(values), labeller.intercept)
