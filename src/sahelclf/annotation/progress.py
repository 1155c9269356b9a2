"""What more labels would buy: a fitted learning curve, shares with intervals, successive models.

The curve is `score = a - b / sqrt(n)`, the error of an average. It says what 100 more units would
add where it goes on as it does, and no more than that.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, sqrt

import numpy as np

from sahelclf.corpus.pairs import cohen_kappa
from sahelclf.records import BatchRecord, Topics

Z = 1.959963984540054
BAND = (2.5, 97.5)


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95% interval; infinite where the curve never gets there."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Curve:
    """Scores by the number of labelled units.

    Attributes
    ----------
    sizes
        (k,) labelled units.
    scores
        (k,) scores of all units, by models trained on that many others.
    draws
        (B, k) the same over documents drawn with replacement.
    """

    sizes: np.ndarray
    scores: np.ndarray
    draws: np.ndarray

    def band(self) -> np.ndarray:
        """(2, k) lower and upper bounds."""
        return np.asarray(np.nanpercentile(self.draws, BAND, axis=0))

    def gain(self, more: int) -> Estimate:
        """What `more` units would add to the last score; no score exceeds 1."""
        scores = np.vstack([self.scores, self.draws])
        _, slope = fit(self.sizes, scores)
        last = self.sizes[-1]
        gain = slope * (1 / sqrt(last) - 1 / sqrt(last + more))
        return _estimate(np.minimum(gain, 1 - scores[:, -1]))

    def units_for(self, points: float) -> Estimate:
        """How many more units would add `points` to the fitted score; never where 1 is nearer."""
        scores = np.vstack([self.scores, self.draws])
        _, slope = fit(self.sizes, scores)
        last = self.sizes[-1]
        left = slope / sqrt(last) - points  # what is still missing to the limit, then
        with np.errstate(divide="ignore", invalid="ignore"):
            within = (left > 0) & (scores[:, -1] + points <= 1)
            wanted = np.where(within, (slope / left) ** 2 - last, np.inf)
        return _estimate(wanted)


def fit(sizes: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(B,) limits a and slopes b of `a - b / sqrt(n)`, by least squares, of (B, k) scores."""
    x = -1 / np.sqrt(sizes)
    centred = x - x.mean()
    slope = (scores * centred).sum(axis=1) / (centred**2).sum()
    return scores.mean(axis=1) - slope * x.mean(), slope


def _estimate(values: np.ndarray) -> Estimate:
    """The first is the estimate, the others are draws; nan draws do not count."""
    draws = np.sort(values[1:][~np.isnan(values[1:])])
    if not len(draws):
        return Estimate(float(values[0]), np.nan, np.nan)
    low, high = (draws[round(q / 100 * (len(draws) - 1))] for q in BAND)  # no infinite averages
    return Estimate(float(values[0]), float(low), float(high))


@dataclass(frozen=True)
class Share:
    """Share of the collection that a topic holds in, estimated from n coded units.

    `left` is how many units of the collection have no label yet, or about that.
    """

    topic: str
    n: int
    share: Estimate
    left: float

    @property
    def width(self) -> float:
        """Of the interval, in the unit of the share."""
        return self.share.high - self.share.low

    def width_after(self, more: int) -> float:
        """Width with `more` units drawn in the same way; 0 where none is left then.

        The variance of a share of n of N units is in proportion to 1 / n - 1 / N.
        """
        if more >= self.left:
            return 0.0
        return self.width * sqrt(self.n * (1 - more / self.left) / (self.n + more))


def shares(
    batches: Sequence[BatchRecord], labels: Mapping[str, Topics], topics: Sequence[str]
) -> list[Share]:
    """Shares of topics in the collection, from the units that were drawn with known probabilities.

    A unit counts 1 / sampling probability times (Hájek). Batches count by their number of units.
    Units that were drawn again, and those without a decision, are left out; the probabilities of
    the others are then lower by the share of the batch that is missing. The interval is Wilson's,
    of as many units as have the same variance.
    """
    weights, probabilities, holding = [np.zeros(0)], [np.zeros(0)], []
    left: dict[str, float] = {}
    labelled: Counter[str] = Counter()
    for batch in batches:
        drawn = [u for u in batch.units if u.drawn != "again"]
        units = [u for u in drawn if u.unit in labels]
        if not units:
            continue
        size = max(int(str(batch.strategy.get("n", 0))), len(drawn))
        p = np.array([u.sampling_probability for u in units]) * len(units) / size
        weights.append(1 / p / (1 / p).sum() * len(units))
        probabilities.append(p)
        labelled[batch.collection] += len(units)
        known = batch.collection_units - labelled[batch.collection]
        left[batch.collection] = known if known >= 0 else float((1 / p).sum()) - len(units)
        holding += [[topic in labels[u.unit] for topic in topics] for u in units]
    weight, probability = np.concatenate(weights), np.concatenate(probabilities)
    y = np.array(holding, dtype=float).reshape(len(weight), len(topics))
    return [
        Share(t, len(weight), weighted_share(y[:, k], weight, probability), sum(left.values()))
        for k, t in enumerate(topics)
        if len(weight) > 1
    ]


def weighted_share(y: np.ndarray, weight: np.ndarray, probability: np.ndarray) -> Estimate:
    """Weighted mean of (n,) zeros and ones, with Wilson's interval.

    A unit's part of the variance counts 1 - `probability` times (Hájek): with equal probabilities
    n / N, that is the correction for a finite collection.
    """
    n, total = len(y), weight.sum()
    share = float((weight * y).sum() / total)
    squares = weight**2 * (1 - probability)
    variance = n / (n - 1) * float((squares * (y - share) ** 2).sum()) / total**2
    even = total**2 / squares.sum() if squares.sum() > 0 else inf  # Kish
    units = float(share * (1 - share) / variance if variance > 0 else even)
    middle = (share + Z**2 / (2 * units)) / (1 + Z**2 / units)
    half = Z / (1 + Z**2 / units) * sqrt(share * (1 - share) / units + Z**2 / (4 * units**2))
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))


def model_kappas(answers: Sequence[Sequence[Mapping[str, str]]]) -> list[float]:
    """Kappa of each model with the next, on the same texts: the mean over the topics.

    Parameters
    ----------
    answers
        By model and text, the answer to each topic.
    """
    kappas = []
    for one, other in pairwise(answers):
        by_topic = [cohen_kappa([a[t] for a in one], [b[t] for b in other]) for t in one[0]]
        finite = [k for k in by_topic if np.isfinite(k)]
        kappas.append(float(np.mean(finite)) if finite else float("nan"))
    return kappas
