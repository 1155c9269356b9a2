"""A collection with its hand-coded sample: the units of a sheet found among the predictions."""

from dataclasses import dataclass

import numpy as np

from sahelclf.annotation.units import Sheet, fingerprint, unit_id
from sahelclf.errors import RequestError
from sahelclf.measurement.collection import Collection

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
    """

    collection: Collection
    sheet: Sheet
    rows: np.ndarray
    where: str
    warnings: tuple[str, ...]


def build_study(
    collection: Collection, sheet: Sheet, where: str, sheet_name: str, *, once: bool = False
) -> Study:
    """A collection with its coded units; `once` leaves near-duplicates out of both."""
    rows, warnings = match_sheet(collection, sheet, where, sheet_name)
    if not once:
        return Study(collection, sheet, rows, where, tuple(warnings))
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
    return Study(kept, coded, place[rows[chosen]], where, tuple(warnings))


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
            "same collection, and a model that was not trained on these answers"
        )
    implied = float((1 / sheet.probability).sum())
    if abs(implied / len(collection) - 1) > MISFIT:
        warnings.append(
            f"{sheet_name}: its sampling probabilities imply {implied:,.0f} units, {where} has "
            f"{len(collection):,}; is it the collection that was sampled?"
        )
    return rows, warnings
