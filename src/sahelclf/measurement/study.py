"""A collection with its hand-coded sample: the units of a sheet found among the predictions."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sahelclf.annotation.units import Sheet, fingerprint, unit_id
from sahelclf.errors import RequestError
from sahelclf.evaluation.prediction_files import as_text
from sahelclf.measurement.collection import Collection
from sahelclf.measurement.variance import Sample

DOCUMENT = ("document_id", "document")  # columns that name a unit's document, the default clusters
NO_CLUSTERS = "none"
MISFIT = 0.02
MOST_SHOWN = 20


@dataclass(frozen=True)
class Study:
    """A collection and its coded sheet.

    Attributes
    ----------
    rows
        (n,) row in the collection of each unit of the sheet.
    where
        Where the collection was read from.
    warnings
        What the reader of the results must know.
    cluster
        (N,) number of each unit's cluster; None where every unit is its own.
    clustered_by
        The column of the clusters.
    rounds
        The sheets of each round alone, where there are several.
    """

    collection: Collection
    sheet: Sheet
    rows: np.ndarray
    where: str
    warnings: tuple[str, ...]
    cluster: np.ndarray | None = None
    clustered_by: str | None = None
    rounds: tuple[Sheet, ...] = ()

    @cached_property
    def sample(self) -> Sample:
        """The coded units with their weights, strata and clusters."""
        _, stratum = np.unique(np.array(self.sheet.stratum), return_inverse=True)
        return Sample(self.rows, 1 / self.sheet.probability, stratum, self.cluster)


def build_study(
    collection: Collection,
    sheet: Sheet,
    where: str,
    sheet_name: str,
    *,
    once: bool = False,
    cluster: str | None = None,
) -> Study:
    """A collection with its coded units.

    Parameters
    ----------
    once
        Leave near-duplicates out of both.
    cluster
        Column of the units' clusters, `none` for none; by default a column of `DOCUMENT`.
    """
    rows, warnings = match_sheet(collection, sheet, where, sheet_name)
    column = cluster_column(collection, where, cluster)
    if not once:
        clusters = cluster_numbers(collection, column)
        return Study(collection, sheet, rows, where, tuple(warnings), clusters, column)
    originals = collection.originals(where)
    place = np.full(len(collection), -1)
    place[originals] = np.arange(len(originals))
    chosen = np.flatnonzero(place[rows] >= 0)
    if not len(chosen):
        raise RequestError(
            f"{sheet_name}: every coded unit is a near-duplicate of another; measure without "
            "--once, or draw a sheet from the others"
        )
    warnings.append(
        f"{len(collection) - len(originals):,} near-duplicates are left out, "
        f"{len(rows) - len(chosen)} of them coded by hand; {len(originals):,} units remain"
    )
    kept, coded = collection.take(originals), sheet.take(chosen)
    clusters = cluster_numbers(kept, column)
    return Study(kept, coded, place[rows[chosen]], where, tuple(warnings), clusters, column)


def cluster_column(collection: Collection, where: str, cluster: str | None) -> str | None:
    """The column of the units' clusters: the one named, or the one of their documents."""
    frame = collection.frame
    if cluster == NO_CLUSTERS:
        return None
    if cluster is None:
        return next((c for c in DOCUMENT if c in frame), None)
    if cluster not in frame:
        known = [c for c in frame.columns if not c.startswith(collection.names.topics)]
        raise RequestError(
            f"{where}: --cluster {cluster}: no such column; found {known[:15]}; expected one of "
            f"these, or {NO_CLUSTERS}"
        )
    return cluster


def cluster_numbers(collection: Collection, column: str | None) -> np.ndarray | None:
    """(N,) number of each unit's cluster; a unit without a value is its own.

    None without a column, or where no two units share a value.
    """
    if column is None:
        return None
    names = as_text(collection.frame[column]).to_numpy(dtype=object)
    missing = np.flatnonzero(names == "")
    values, numbers = np.unique(names.astype(str), return_inverse=True)
    numbers[missing] = len(values) + np.arange(len(missing))
    _, numbers = np.unique(numbers, return_inverse=True)
    return None if numbers.max() + 1 == len(numbers) else np.asarray(numbers)


def match_sheet(
    collection: Collection, sheet: Sheet, where: str, sheet_name: str
) -> tuple[np.ndarray, list[str]]:
    """(n,) row of each of the sheet's units in the collection, and warnings.

    Raises
    ------
    RequestError
        Where the collection lacks an id of the sheet.
    """
    place = {unit_id(unit): k for k, unit in enumerate(collection.ids)}
    place |= {unit: k for k, unit in enumerate(collection.ids)}
    unknown = [
        f"{sheet_name}: row {r}, column id: {i!r} is not among the {len(collection):,} ids of "
        f"{where}"
        for r, i in zip(sheet.rows, sheet.ids, strict=True)
        if i not in place
    ]
    if unknown:
        more = len(unknown) - MOST_SHOWN
        raise RequestError(
            [
                *unknown[:MOST_SHOWN],
                *([f"{sheet_name}: {more} more ids"] if more > 0 else []),
                "expected the predictions of the collection that the sheet was drawn from",
            ]
        )
    rows = np.array([place[i] for i in sheet.ids])
    warnings = list(sheet.warnings)
    other = [
        str(r)
        for r, k, f in zip(sheet.rows, rows, sheet.predicted, strict=True)
        if f and f != fingerprint(collection.probability[k])
    ]
    if other:
        listed = ", ".join(other[:5]) + (", …" if len(other) > 5 else "")
        warnings.append(
            f"{sheet_name}: {len(other)} of {len(rows)} rows (rows {listed}) were drawn with other "
            f"predictions than those of {where}: another bundle, or another text. Expected the "
            "same collection"
        )
    implied = float((1 / sheet.probability).sum())
    if abs(implied / len(collection) - 1) > MISFIT:
        warnings.append(
            f"{sheet_name}: its sampling probabilities imply {implied:,.0f} units, {where} has "
            f"{len(collection):,}; is it the collection that was sampled?"
        )
    return rows, warnings
