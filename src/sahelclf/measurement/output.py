"""The folder that `measure` writes: tables, files for R, figures."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sahelclf.files import written_aside
from sahelclf.measurement.collection import PERIODS
from sahelclf.measurement.r_files import SCRIPT, UNITS, r_names, r_script, r_table
from sahelclf.measurement.study import Study
from sahelclf.measurement.table import Shares
from sahelclf.reports.figures.shares import MOST_ROWS, share_panels

if TYPE_CHECKING:
    import pandas as pd

LOG = logging.getLogger(__name__)


def write_shares(target: Path, shares: Shares, study: Study, date: str) -> None:
    """Write the table, the files for R, and a figure for each grouping; `target` must be new."""
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    names = r_names(shares.by, study.collection.names)
    units = pa.Table.from_pandas(r_table(study, shares.by, date), preserve_index=False)
    with written_aside(target) as folder:
        shares.table.to_csv(folder / "shares.csv", index=False, float_format="%.6g")
        shares.table.to_parquet(folder / "shares.parquet", index=False)
        pa_csv.write_csv(units, folder / UNITS)  # pandas takes five times as long
        script = r_script(study.collection.names.topics[0], names)
        (folder / SCRIPT).write_text(script, encoding="utf-8")
        for name, figure in _figures(shares, names):
            for form in ("pdf", "png"):
                figure.savefig(folder / f"{name}.{form}")


def _figures(shares: Shares, names: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """Figures of each grouping; periods are the axis, another column the columns of panels."""
    table = shares.table[shares.table["measured"] == "topic"]
    for group in dict.fromkeys([*((b,) for b in shares.by), shares.by]):
        rows = table[table["by"] == ",".join(group)]
        corrected = rows.loc[rows["estimator"] == "dsl", "share"]
        if len(group) > 2:
            LOG.info(f"no figure by {','.join(group)}: a figure shows one or two columns")
            continue
        if not group or corrected.isna().all():
            if group:
                LOG.info(f"no figure by {','.join(group)}: no cell has enough hand-coded units")
            continue
        axis = next((b for b in group if b in PERIODS), group[0])
        other = next((b for b in group if b != axis), None)
        withheld, note = int(corrected.isna().sum()), "Share of units"
        if withheld:
            note += f". {withheld} of {len(corrected)} estimates withheld: too few hand-coded units"
        topics = list(rows["topic"].unique())
        for start in range(0, len(topics), MOST_ROWS):
            part = rows[rows["topic"].isin(topics[start : start + MOST_ROWS])]
            page = f"_{start // MOST_ROWS + 1}" if start else ""
            figure = share_panels(_panels(part, axis, other), ordered=axis in PERIODS, note=note)
            yield f"shares_by_{'_'.join(names[b] for b in group)}{page}", figure


def _panels(
    rows: "pd.DataFrame", axis: str, other: str | None
) -> list[tuple[str, str, Sequence[str], Any]]:
    places = sorted(rows[axis].unique())
    columns = [""]
    if other:
        units = rows[rows["estimator"] == "dsl"].groupby(other)["units"].sum()
        columns = list(units.sort_values(ascending=False).index)
    panels: list[tuple[str, str, Sequence[str], Any]] = []
    for topic in rows["topic"].unique():
        for column in columns:
            inside = rows[(rows["topic"] == topic) & ((rows[other] == column) if other else True)]
            dsl, naive = (
                inside[inside["estimator"] == e].set_index(axis).reindex(places)
                for e in ("dsl", "naive")
            )
            numbers = np.column_stack([dsl["share"], dsl["low"], dsl["high"], naive["share"]])
            panels.append((str(topic), str(column), places, numbers))
    return panels
