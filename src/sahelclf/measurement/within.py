"""Effects of many levels, absorbed: what weighted least squares leaves of columns beside them."""

from collections.abc import Sequence

import numpy as np

from sahelclf.errors import RequestError

MOST_SWEEPS = 2000
CONVERGED = 1e-11  # largest change of a sweep, relative to the largest value of a column


class Effects:
    """Effects of one or more groupings; `codes` has the level of each of N units in each."""

    def __init__(self, codes: Sequence[np.ndarray]) -> None:
        self.codes = list(codes)
        self.sizes = [int(c.max(initial=-1)) + 1 for c in codes]

    def residuals(self, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(N, c) values less the effects that are fitted with (N,) weights.

        A unit with weight 0 adds nothing to the fit; the effects of its levels are subtracted all
        the same. One grouping takes one pass, several are alternated until nothing changes.
        """
        left = np.array(values, dtype=float)
        totals = [
            np.bincount(c, weights, minlength=n)
            for c, n in zip(self.codes, self.sizes, strict=True)
        ]
        for column in left.T:
            self._absorb(column, weights, totals)
        return left

    def _absorb(
        self, column: np.ndarray, weights: np.ndarray, totals: Sequence[np.ndarray]
    ) -> None:
        """Subtract the effects from one column, in place."""
        enough = CONVERGED * max(float(np.abs(column).max(initial=0.0)), 1e-300)
        for _ in range(MOST_SWEEPS):
            change = 0.0
            for codes, total in zip(self.codes, totals, strict=True):
                sums = np.bincount(codes, weights * column, minlength=len(total))
                means = np.divide(sums, total, out=np.zeros(len(total)), where=total != 0)
                column -= means[codes]
                change = max(change, float(np.abs(means).max(initial=0.0)))
            if len(self.codes) == 1 or change <= enough:
                return
        raise RequestError(
            "--regress: the effects after | cannot be told apart: few units connect their levels. "
            "Keep one of them, or write the smaller one as C(…)"
        )
