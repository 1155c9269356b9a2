"""Variances of estimates from what each unit adds to them, by cluster and stratum of the sample.

An estimate's error is nearly a sum over units (its influence function, or linearised variable).
Its variance is the sum of the squared totals of clusters. What hand codes add is centred within
strata first, as in `survey`: per stratum, k / (k - 1) times the squared differences from the mean
of its k clusters. A cluster with codes in several strata is one cluster in each; the products of
its totals in two strata are added, so that units of one document count as dependent wherever they
were drawn. A stratum with one cluster is compared with zero.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True)
class Sample:
    """Hand-coded units.

    Attributes
    ----------
    unit, weight, stratum
        (n,) row in the collection, 1 / sampling probability, number of the stratum.
    cluster
        (N,) number of the cluster of each unit of the collection, such as its document; None where
        each unit is its own.
    """

    unit: np.ndarray
    weight: np.ndarray
    stratum: np.ndarray
    cluster: np.ndarray | None = None

    @cached_property
    def incidence(self) -> np.ndarray:
        """(k, 2) pairs that occur: number of a coded cluster, number of its stratum."""
        cluster = np.arange(len(self.unit)) if self.cluster is None else self.cluster[self.unit]
        return np.unique(np.column_stack([cluster, self.stratum]), axis=0)

    @cached_property
    def clusters(self) -> np.ndarray:
        """(h,) coded clusters of each stratum."""
        return np.bincount(self.incidence[:, 1], minlength=int(self.stratum.max(initial=-1)) + 1)

    @cached_property
    def inflation(self) -> np.ndarray:
        """(h,) root of k / (k - 1) for k clusters; 1 where there is one."""
        k = self.clusters.astype(float)
        return np.where(k > 1, np.sqrt(k / np.maximum(k - 1, 1)), 1.0)

    @cached_property
    def shared(self) -> "csr_array":
        """(h, h) number of clusters that two strata have in common."""
        from scipy.sparse import csr_array

        _, row = np.unique(self.incidence[:, 0], return_inverse=True)
        ones = np.ones(len(row))
        table = csr_array((ones, (row, self.incidence[:, 1])), shape=(len(row), len(self.clusters)))
        return csr_array(table.T @ table)


class Layout:
    """Which units add to which of `n` estimates: the variances of sums over these members.

    Parameters
    ----------
    unit, column
        (m,) row of the unit and number of the estimate of each member.
    together
        Whether a unit can be several members of one estimate, as it can in a difference.
    """

    def __init__(
        self, sample: Sample, unit: np.ndarray, column: np.ndarray, n: int, *, together: bool
    ) -> None:
        self.sample, self.column, self.n = sample, column, n
        self.n_units = int(max(unit.max(initial=-1), sample.unit.max(initial=-1))) + 1
        place = np.full(self.n_units, -1)
        place[sample.unit] = np.arange(len(sample.unit))
        number = place[unit]
        self.coded = number >= 0  # (m,)
        self.who = number[self.coded]  # (k,) number in the sample of each coded member
        self.where = column[self.coded]
        self.stratum = sample.stratum[self.who]
        self.clustered = sample.cluster is not None
        self.cluster: np.ndarray | None = None  # (m,)
        if sample.cluster is not None:
            self.cluster = sample.cluster[unit]
        elif together:
            self.cluster = unit

    @cached_property
    def _pairs(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(m,) number of each member's pair of estimate and cluster; both of each pair."""
        assert self.cluster is not None
        size = int(self.cluster.max(initial=0)) + 1
        keys, pair = np.unique(self.column * size + self.cluster, return_inverse=True)
        return pair, keys // size, keys % size

    @cached_property
    def _strata(self) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of coded clusters, once for each of their strata, and the key of the stratum."""
        _, column, cluster = self._pairs
        sample = self.sample
        of, stratum = sample.incidence.T
        if sample.cluster is None:
            of = sample.unit[of]
        order = np.argsort(of, kind="stable")
        of, stratum = of[order], stratum[order]
        low, high = np.searchsorted(of, cluster), np.searchsorted(of, cluster, side="right")
        repeats = high - low
        rows = np.repeat(np.arange(len(cluster)), repeats)
        offset = np.arange(len(rows)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        return rows, column[rows] * len(sample.clusters) + stratum[low[rows] + offset]

    def variance(self, coded: np.ndarray | None, units: np.ndarray | None) -> np.ndarray:
        """(n,) variances of sums of (k,) values of coded and (m,) values of all members."""
        sample, n, h = self.sample, self.n, len(self.sample.clusters)
        values = None if coded is None else sample.inflation[self.stratum] * coded
        if self.cluster is None:
            total: np.ndarray = np.zeros(n)
            for where, part in ((self.column, units), (self.where, values)):
                if part is not None:
                    total = total + np.bincount(where, part * part, minlength=n)
        else:
            pair, column, _ = self._pairs
            sums: np.ndarray = np.zeros(len(column))
            for of, part in ((pair, units), (pair[self.coded], values)):
                if part is not None:
                    sums = sums + np.bincount(of, part, minlength=len(column))
            total = np.bincount(column, sums * sums, minlength=n)
        if values is None:
            return np.asarray(total)
        key = self.where * h + self.stratum
        inside = np.bincount(key, values, minlength=n * h).reshape(n, h)
        centre = np.where(sample.clusters > 1, inside / np.maximum(sample.clusters, 1), 0.0)
        if self.cluster is None:
            return np.asarray(total - (centre * centre) @ sample.clusters)
        rows, keys = self._strata
        crossed = np.bincount(keys, sums[rows], minlength=n * h).reshape(n, h)
        total = total + ((centre @ sample.shared - 2 * crossed) * centre).sum(axis=1)
        return np.asarray(np.maximum(total, 0.0))

    @cached_property
    def freedom(self) -> np.ndarray:
        """(n,) degrees of freedom: coded clusters less strata; infinite where units are their own.

        Published intervals of independent units use the normal distribution, and so do ours.
        """
        if not self.clustered:
            return np.full(self.n, np.inf)
        pair, column, _ = self._pairs
        clusters = np.bincount(column[np.unique(pair[self.coded])], minlength=self.n)
        keys = np.unique(self.where * len(self.sample.clusters) + self.stratum)
        strata = np.bincount(keys // len(self.sample.clusters), minlength=self.n)
        return np.asarray(np.maximum(clusters - strata, 1), dtype=float)
