"""Before coding: how wide intervals will be, from predictions alone or with a pilot of codes.

If a unit has the topic with probability g, its code adds y - m to the error of a cell's hand-coded
share m, and y - g to that of `ppi` and `dsl`, each over its chance of being drawn. The expected
squares give the variance for n codes as K / n + B; B is the variance between the units of the
collection, which no number of codes removes. Without a pilot, g is the model's probability, which
may be wrong; the codes of a pilot calibrate it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sahelclf.annotation.sampling import probability_strata
from sahelclf.errors import RequestError
from sahelclf.measurement.collection import Collection, cell_members, cross_cells
from sahelclf.measurement.estimators import Cells, Z, cross_fit_calibration
from sahelclf.measurement.variance import Sample

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Chances:
    """A way to draw: its name, (N,) number of each unit's stratum, (h,) codes per stratum.

    The codes sum to 1: they are shares of all codes.
    """

    name: str
    stratum: np.ndarray
    allocation: np.ndarray

    def codes(self, n: int) -> np.ndarray:
        """(h,) expected codes of each stratum; small ones are coded whole, others get the rest."""
        size = np.bincount(self.stratum, minlength=len(self.allocation)).astype(float)
        codes, free = np.zeros(len(size)), np.ones(len(size), dtype=bool)
        for _ in range(len(size)):
            left = n - codes[~free].sum()
            part = self.allocation * free
            codes[free] = (left * part / max(part.sum(), 1e-300))[free]
            over = free & (codes > size)
            if not over.any():
                break
            codes[over] = size[over]
            free &= ~over
        return np.asarray(np.minimum(codes, size))


def calibrated(collection: Collection, pilot: tuple[Sample, np.ndarray] | None) -> np.ndarray:
    """(N, t) probabilities to plan by; `pilot` is a sample with its (n, t) codes."""
    if pilot is None:
        return collection.probability
    sample, y = pilot
    return cross_fit_calibration(y.astype(float), collection.probability, sample)


def designs(
    collection: Collection,
    g: np.ndarray,
    by: Sequence[str],
    where: str,
    date: str = "date",
    cost: np.ndarray | None = None,
) -> list[Chances]:
    """The designs of `annotate sample`, and the allocation that would be best by Neyman's rule."""
    n = len(collection)
    likely = np.unique(probability_strata(g), return_inverse=True)[1]
    found = [_equal("simple", np.zeros(n, dtype=int))]
    if by:
        labels = np.zeros(n, dtype=int)
        for name in by:
            (units, codes), values = cell_members(collection, name, where, date)
            number = np.zeros(n, dtype=int)
            number[units] = codes + 1
            labels = labels * (len(values) + 1) + number
        cell = np.unique(labels, return_inverse=True)[1]
        found.append(_equal(f"--by {','.join(by)}", cell))
    found.append(_equal("--by probability", likely))
    if by:
        both = np.unique(cell * (likely.max() + 1) + likely, return_inverse=True)[1]
        found.append(_equal(f"--by {','.join(by)},probability", both))
    spread = (g * (1 - g) / np.maximum((g * (1 - g)).mean(axis=0), 1e-12)).mean(axis=1)
    size = np.bincount(likely)
    price = np.ones(len(size)) if cost is None else np.bincount(likely, cost) / size
    best = size * np.sqrt(np.bincount(likely, spread) / size / price)
    found.append(Chances("probability, best allocation", likely, best / best.sum()))
    return found


def _equal(name: str, stratum: np.ndarray) -> Chances:
    k = int(stratum.max()) + 1
    return Chances(name, stratum, np.full(k, 1 / k))


def expected_widths(
    g: np.ndarray, cells: Cells, design: Chances, n: int
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For `sample` and `dsl`: (n_cells,) K / n and B of the variance of one topic's share.

    Parameters
    ----------
    g
        (N,) probabilities of one topic.
    """
    codes = design.codes(n)
    size = np.bincount(design.stratum, minlength=len(codes)).astype(float)
    factor = size**2 / np.maximum(codes, 1e-12)
    stratum, value = design.stratum[cells.unit], g[cells.unit]
    units = np.maximum(cells.size, 1)
    mean = np.bincount(cells.cell, value, minlength=cells.n) / units
    centre = mean[cells.cell]
    key, h = cells.cell * len(codes) + stratum, len(codes)

    def summed(values: np.ndarray) -> np.ndarray:
        """(n_cells, h) means over all units of each stratum; units outside a cell are zero."""
        return np.asarray(np.bincount(key, values, minlength=cells.n * h).reshape(-1, h) / size)

    square = summed(value * (1 - centre) ** 2 + (1 - value) * centre**2)
    alone = ((square - summed(value - centre) ** 2) @ factor) / units**2
    powered = (summed(value * (1 - value)) @ factor) / units**2
    between = np.bincount(cells.cell, (value - centre) ** 2, minlength=cells.n) / units**2
    return {"sample": (alone, np.zeros(cells.n)), "dsl": (powered, between)}


def plan_table(
    collection: Collection,
    g: np.ndarray,
    by: Sequence[str],
    n: int,
    *,
    where: str,
    date: str = "date",
    margin: float = 0.02,
    cost: np.ndarray | None = None,
) -> "pd.DataFrame":
    """One row a design, cell and topic, as docs/measure.md describes them."""
    import pandas as pd

    total = len(collection)
    if not 1 <= n <= total:
        raise RequestError(f"--n {n}; expected 1 to {total:,}, the units of {where}")
    if not 0 < margin < 1:
        raise RequestError(f"--margin {100 * margin:g}; expected points, above 0 and below 100")
    parts = {name: cell_members(collection, name, where, date) for name in by}
    frames = []
    for design in designs(collection, g, by, where, date, cost):
        codes = design.codes(n)
        size = np.bincount(design.stratum, minlength=len(codes))
        chance = (codes / size)[design.stratum]
        price = float(chance @ cost) if cost is not None else float(n)
        for group in dict.fromkeys([(), *((b,) for b in by), tuple(by)]):
            cells, values = cross_cells(total, [parts[b] for b in group])
            names = {b: [v[group.index(b)] if b in group else "" for v in values] for b in by}
            expected = np.bincount(cells.cell, chance[cells.unit], minlength=cells.n)
            for k, topic in enumerate(collection.names.topics):
                likely = np.bincount(cells.cell, (chance * g[:, k])[cells.unit], minlength=cells.n)
                share = np.bincount(cells.cell, g[cells.unit, k], minlength=cells.n) / cells.size
                row: dict[str, Any] = {
                    "design": design.name,
                    "by": ",".join(group),
                    **names,
                    "topic": topic,
                }
                row |= {"units": cells.size, "predicted_share": share}
                row |= {"codes": expected, "positive_codes": likely}
                for name, (drawn, fixed) in expected_widths(g[:, k], cells, design, n).items():
                    row[f"half_width_{name}"] = Z * np.sqrt(drawn + fixed)
                    target = (margin / Z) ** 2 - fixed
                    needed = np.where(target > 0, drawn * n / np.maximum(target, 1e-12), np.inf)
                    row[f"codes_needed_{name}"] = np.where(needed <= total, np.ceil(needed), np.nan)
                frames.append(pd.DataFrame(row | {"cost": price}))
    return pd.concat(frames, ignore_index=True)
