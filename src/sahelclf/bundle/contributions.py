"""What each term of a text adds to each head's logit of a linear labeller: its value in the text times its weight."""

from dataclasses import dataclass

import numpy as np

from sahelclf.models.runtime.linear import PlainLabeller, _weights, normalise

TOP = 8


@dataclass(frozen=True)
class Contributions:
    """What each term of one text adds to each head: `terms` as (block, term), `values` (n_terms, n_heads), `intercept` (n_heads,)."""

    terms: tuple[tuple[str, str], ...]
    values: np.ndarray
    intercept: np.ndarray

    @property
    def logits(self) -> np.ndarray:
        """(n_heads,)."""
        return np.asarray(self.values.sum(axis=0) + self.intercept)

    def top(self, head: int, n: int = TOP) -> list[int]:
        """The terms that add most, then those that take away most, up to `n` of each."""
        of_head = self.values[:, head]
        ends = np.arange(len(of_head))
        if len(of_head) > 2 * n:
            found = np.argpartition(of_head, [n - 1, -n])
            ends = np.concatenate([found[:n], found[-n:]])
        order = ends[np.lexsort((ends, -of_head[ends]))]
        return [
            int(i)
            for i in (*order[of_head[order] > 0][:n], *order[::-1][of_head[order[::-1]] < 0][:n])
        ]


def contributions(labeller: PlainLabeller, text: str) -> Contributions:
    """Every term of `text` that the labeller knows; the sum over terms plus the intercept is the calibrated logit."""
    clean = normalise(str(text))
    terms: list[tuple[str, str]] = []
    values = [np.zeros((0, len(labeller.heads)))]
    start = 0
    for find, block, idf in labeller.blocks:
        _, ids, value = _weights([find(clean)], block, idf)
        terms += [(block["name"], block["terms"][i]) for i in ids]
        values.append(value[:, None] * labeller.coef[start + ids])
        start += len(idf)
    return Contributions(tuple(terms), np.concatenate(values), labeller.intercept)
