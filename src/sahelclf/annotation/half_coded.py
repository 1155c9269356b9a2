"""Sheets of which only some rows are coded: those stand for the others of their stratum."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from sahelclf.errors import RequestError


def coded_part(
    where: str, strata: Sequence[str], coded: Sequence[bool] | np.ndarray
) -> tuple[np.ndarray, str]:
    """Chance of each coded row to be among those drawn in its stratum, and what that assumes.

    Parameters
    ----------
    strata, coded
        (n,) of all rows as drawn, in the order of the sheet, which is random.

    Raises
    ------
    RequestError
        Where a stratum has no coded row, so that nothing stands for its units.
    """
    coded = np.asarray(coded, dtype=bool)
    drawn = Counter(strata)
    of_coded = [s for s, done in zip(strata, coded, strict=True) if done]
    done = Counter(of_coded)
    n, m = len(coded), len(of_coded)
    empty = [s for s in drawn if not done[s]]
    if empty:
        named = f": {', '.join(empty[:3])}{', …' if empty[3:] else ''}" if any(empty) else ""
        raise RequestError(
            f"{where}: {m:,} of {n:,} rows are coded, and none in {len(empty)} of {len(drawn)} "
            f"strata{named}; code rows of each stratum, for instance all rows from the first on"
        )
    names = np.array(strata, dtype=object)
    first = all(_come_first(coded[names == h].tolist()) for h in drawn)
    assumed = (
        "they are the first of a random order, if the sheet was not sorted"
        if first
        else "that is right if the others were left out by chance, not because they were hard"
    )
    line = f"{where}: {m:,} of {n:,} rows are coded and stand for the rest of their stratum; "
    return np.array([done[s] / drawn[s] for s in of_coded]), line + assumed


def _come_first(coded: Sequence[bool]) -> bool:
    """Whether no row that is not coded comes before one that is."""
    return all(before or not after for before, after in pairwise(coded))
