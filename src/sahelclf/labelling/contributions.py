"""What each term of a text adds to each head's logit of a linear labeller: its value in the text times its weight."""

import numpy as np

from sahelclf.evaluation.error_page import Contributions
from sahelclf.models.plain import PlainLabeller, _weights, normalise


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
