"""Drawing units for hand coding, with the chance that each had."""

from collections.abc import Sequence

import numpy as np

from sahelclf.errors import RequestError


def draw_evenly(
    strata: Sequence[str], n: int, seed: int, units: str
) -> tuple[np.ndarray, np.ndarray]:
    """Rows drawn and their sampling probabilities: as many from every stratum, in random order.

    Strata too small for their share are taken whole and leave the rest to the others. `units` says in messages what is drawn from.
    """
    if seed < 0:
        raise RequestError(f"corpus sample: --seed {seed}; expected 0 or more")
    names, which = np.unique(np.asarray(strata, dtype=object).astype(str), return_inverse=True)
    if not 1 <= n <= len(which):
        raise RequestError(f"corpus sample: --n {n}; expected 1 to {len(which):,}, {units}")
    sizes = np.bincount(which)
    rng = np.random.default_rng(seed)
    rows, probabilities, left = [], [], n
    for done, k in enumerate(np.argsort(sizes, kind="stable")):
        take = min(int(sizes[k]), -(-left // (len(names) - done)))
        rows.append(rng.choice(np.flatnonzero(which == k), size=take, replace=False))
        probabilities.append(np.full(take, take / sizes[k]))
        left -= take
    order = rng.permutation(n)
    return np.concatenate(rows)[order], np.concatenate(probabilities)[order]
