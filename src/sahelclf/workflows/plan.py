"""How wide intervals will be before anything is coded: what `measure --plan` does."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.errors import RequestError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from sahelclf.measurement.collection import Collection
    from sahelclf.measurement.variance import Sample

    Pilot = tuple[Sample, np.ndarray]

NO_PILOT = (
    "without a pilot (--gold), the model's probabilities are taken as right: a worse model makes "
    "ppi and dsl wider, at most as wide as sample"
)


def plan(
    labels: "str | Path | pd.DataFrame",
    pilot: "str | Path | pd.DataFrame | None" = None,
    *,
    n: int = 300,
    by: str | Sequence[str] = (),
    date: str = "date",
    margin: float = 0.02,
    cost: str | None = None,
    corpus: str | Path | None = None,
) -> "tuple[pd.DataFrame, tuple[str, ...]]":
    """Expected 95% intervals of each cell for `n` codes, by each way to draw them, and warnings.

    Parameters
    ----------
    labels, by, date, corpus
        As `measure` takes them.
    pilot
        A coded sheet of the collection, by which probabilities are calibrated.
    margin
        Half the width that is wanted, from 0 to 1.
    cost
        Column of what the coding of a unit costs; the best allocation then takes it into account.

    Returns
    -------
    pandas.DataFrame
        One row a design, cell and topic: expected codes, half-widths, and codes needed for
        `margin` with that design, missing where the collection is too small.
    """
    from sahelclf.corpus.read import corpus_root, read_corpus
    from sahelclf.evaluation.decide import labeller_names
    from sahelclf.measurement.collection import read_collection
    from sahelclf.measurement.plan import calibrated, plan_table
    from sahelclf.measurement.study import build_study
    from sahelclf.workflows.measure import listed, read_gold, source_name

    annotated = read_corpus(corpus_root(None if corpus is None else str(corpus)))
    where = source_name(labels, "labels")
    collection = read_collection(labels, labeller_names(annotated.codebook), where)
    codes: Pilot | None = None
    warnings: tuple[str, ...] = (NO_PILOT,)
    if pilot is not None:
        sheet, _, name = read_gold(pilot, annotated)
        study = build_study(collection, sheet, where, name, cluster="none")
        codes, warnings = (study.sample, sheet.gold.topics), study.warnings
    table = plan_table(
        collection,
        calibrated(collection, codes),
        listed(by),
        n,
        where=where,
        date=date,
        margin=margin,
        cost=None if cost is None else _costs(collection, cost, where),
    )
    return table, warnings


def _costs(collection: "Collection", column: str, where: str) -> "np.ndarray":
    """(N,) positive numbers of a column."""
    import numpy as np
    import pandas as pd

    if column not in collection.frame:
        raise RequestError(f"{where}: --cost {column}: no such column")
    values = pd.to_numeric(collection.frame[column], errors="coerce").to_numpy(dtype=float)
    wrong = np.flatnonzero(~(values > 0) | ~np.isfinite(values))
    if len(wrong):
        k = int(wrong[0])
        raise RequestError(
            f"{where}: --cost {column}: {len(wrong):,} units without a number above 0, such as id "
            f"{collection.ids[k]!r}: {collection.frame[column].iloc[k]!r}"
        )
    return values
