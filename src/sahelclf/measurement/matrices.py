"""Sums over the rows of a regression's columns, dense or sparse, in bounded memory."""

from typing import Any

import numpy as np

ROWS = 65_536  # of a dense matrix at a time
DENSE = 0.25  # share of cells that are not 0 from which a matrix is kept dense
RANK = 1e-9  # share of a column's length that is left where it depends on others
Matrix = Any  # (N, k): numpy array, or scipy's csr_array where most cells are 0


def gram(x: Matrix, weights: np.ndarray | None = None) -> np.ndarray:
    """(k, k) sum over rows of `weight * x x'`."""
    if not isinstance(x, np.ndarray):
        scaled = x if weights is None else x.multiply(weights[:, None]).tocsr()
        return np.asarray((x.T @ scaled).toarray())
    total = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), ROWS):
        part = x[start : start + ROWS]
        w = None if weights is None else weights[start : start + ROWS, None]
        total += part.T @ (part if w is None else w * part)
    return total


def cluster_sums(x: Matrix, values: np.ndarray, cluster: np.ndarray, n: int) -> np.ndarray:
    """(n, k) sums of `value * x` over the rows of each cluster."""
    from scipy.sparse import csr_array

    rows = np.arange(len(cluster))
    members = csr_array((values, (cluster, rows)), shape=(n, len(cluster)))
    total = members @ x
    return np.asarray(total if isinstance(total, np.ndarray) else total.toarray())


def solve(hessian: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solution of a symmetric system, its columns brought to one scale first."""
    scale = np.sqrt(np.abs(np.diag(hessian)))
    scale[scale == 0] = 1.0
    shape = (-1,) + (1,) * (right.ndim - 1)
    inner = np.linalg.solve(hessian / np.outer(scale, scale), right / scale.reshape(shape))
    return np.asarray(inner / scale.reshape(shape))


def dependent(products: np.ndarray, lengths: np.ndarray) -> dict[int, list[int]]:
    """Columns that are sums of multiples of columns before them, with these.

    Parameters
    ----------
    products
        (k, k) sums of squares and products of the columns.
    lengths
        (k,) sums of squares before effects were absorbed.
    """
    found: dict[int, list[int]] = {}
    kept: list[int] = []
    scale = np.sqrt(np.where(lengths > 0, lengths, 1.0))
    scaled = products / np.outer(scale, scale)
    for j in range(len(scaled)):
        share, left = np.zeros(len(kept)), scaled[j, j]
        if kept and left > RANK:
            share = np.linalg.solve(scaled[np.ix_(kept, kept)], scaled[kept, j])
            left -= scaled[kept, j] @ share
        if left > RANK:
            kept.append(j)
        else:
            found[j] = [i for i, s in zip(kept, share, strict=True) if abs(s) > 1e-6]
    return found
