"""The folder that `measure` writes: tables, files for R, figures."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sahelclf.files import written_aside
from sahelclf.measurement.collection import PERIODS
from sahelclf.measurement.r_files import SCRIPT, UNITS, r_names, r_script, r_table
from sahelclf.measurement.study import Study
from sahelclf.measurement.table import Shares
from sahelclf.measurement.table_warnings import SHIFT
from sahelclf.reports.figures.shares import (
    MOST_PANELS,
    MOST_ROWS,
    difference_dots,
    share_dots,
    share_panels,
)

if TYPE_CHECKING:
    import pandas as pd

LOG = logging.getLogger(__name__)
ALL_ESTIMATORS = ("dsl", "ppi", "sample", "naive")
FEW_CELLS = 12  # with more, a figure shows two estimators, not all
MOST_CELLS = 40
MOST_MONTHS = 600  # a longer axis comes from a wrong date
LEVEL = 0.05


def write_shares(target: Path, shares: Shares, study: Study, date: str) -> None:
    """Write the tables, the files for R, and a figure for each grouping; `target` must be new."""
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    names = r_names(shares.by, study.collection.names)
    units = pa.Table.from_pandas(r_table(study, shares.by, date), preserve_index=False)
    tables = {"shares": shares.table, "comparisons": shares.comparisons, "rounds": shares.rounds}
    with written_aside(target) as folder:
        for name, table in tables.items():
            if table is not None:
                table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g")
                table.to_parquet(folder / f"{name}.parquet", index=False)
        pa_csv.write_csv(units, folder / UNITS)  # pandas takes five times as long
        topic = study.collection.names.topics[0]
        script = r_script(topic, names, clustered=study.cluster is not None)
        (folder / SCRIPT).write_text(script, encoding="utf-8")
        for name, figure in (*_figures(shares, names), *_difference_figures(shares)):
            for form in ("pdf", "png"):
                figure.savefig(folder / f"{name}.{form}")


def _figures(shares: Shares, names: dict[str, str]) -> Iterator[tuple[str, Any]]:
    """Figures of each grouping: over time where it has a period, else dots by category."""
    table = shares.table[shares.table["measured"] == "topic"]
    for group in dict.fromkeys([*((b,) for b in shares.by), shares.by]):
        rows = table[table["by"] == ",".join(group)]
        corrected = rows.loc[rows["estimator"] == "dsl", "share"]
        others = rows.loc[rows["estimator"] == SHIFT, "share"]
        if len(group) > 2:
            LOG.info(f"no figure by {','.join(group)}: a figure shows one or two columns")
            continue
        if not group or (corrected.isna().all() and others.isna().all()):
            if group:
                LOG.info(f"no figure by {','.join(group)}: no cell has enough hand-coded units")
            continue
        axis = next((b for b in group if b in PERIODS), None)
        withheld, note = int(corrected.isna().sum()), "Share of units, 95% intervals"
        if withheld:
            note += f". {withheld} of {len(corrected)} estimates withheld: too few hand-coded units"
        most = MOST_ROWS if axis else MOST_PANELS
        topics = list(rows["topic"].unique())
        for start in range(0, len(topics), most):
            part = rows[rows["topic"].isin(topics[start : start + most])]
            page = f"_{start // most + 1}" if start else ""
            if axis:
                other = next((b for b in group if b != axis), None)
                figure = share_panels(_panels(part, axis, other), note=note)
            else:
                figure = _dots(part, group, note)
            yield f"shares_by_{'_'.join(names[b] for b in group)}{page}", figure


def _dots(rows: "pd.DataFrame", group: Sequence[str], note: str) -> Any:
    """Dots by category, largest first; many categories show fewer estimators, and not all."""
    rows = rows.assign(label=rows[list(group)].agg(" | ".join, axis=1))
    sizes = rows[rows["estimator"] == "dsl"].groupby("label", sort=False)["units"].max()
    labels = [*sizes.sort_values(ascending=False, kind="stable").index]
    shown = ALL_ESTIMATORS if len(labels) <= FEW_CELLS else ("dsl", "naive")
    if rows.loc[rows["estimator"] == SHIFT, "share"].notna().any():
        shown = (*shown[:-1], SHIFT, "naive")
    if len(labels) > MOST_CELLS:
        note += f". The {MOST_CELLS} largest cells; {len(labels) - MOST_CELLS} more in the table"
        labels = labels[:MOST_CELLS]
    panels = []
    for topic, inside in rows.groupby("topic", sort=False):
        series = {
            name: inside[inside["estimator"] == name]
            .set_index("label")
            .reindex(labels)[["share", "low", "high"]]
            .to_numpy(float)
            for name in shown
        }
        panels.append((str(topic), series))
    return share_dots(panels, labels, note=note)


def _difference_figures(shares: Shares) -> Iterator[tuple[str, Any]]:
    """A figure of all differences, and one of slopes, by design-based supervised learning."""
    if shares.comparisons is None:
        return
    table = shares.comparisons
    rows = table[(table["estimator"] == "dsl") & table["difference"].notna()]
    trend = rows["comparison"].str.startswith("trend")
    for name, part in (("differences", rows[~trend]), ("trends", rows[trend])):
        if not len(part):
            continue
        left_out = len(part) - MOST_CELLS
        part = part.head(MOST_CELLS)
        labels = [comparison_label(row, shares.by) for row in part.to_dict("records")]
        numbers = part[["difference", "low", "high"]].to_numpy(float)
        clear = (part["p_holm"] < LEVEL).to_numpy()
        note = f"Filled: p < {LEVEL} after Holm's correction"
        note += f". {left_out} more in the table" if left_out > 0 else ""
        step = str(part["comparison"].iloc[0]).removeprefix("trend by ")
        axis = "difference in points" if name == "differences" else f"points a {step}"
        yield name, difference_dots(labels, numbers, clear, axis=axis, note=note)


def comparison_label(row: "Mapping[Any, Any]", by: Sequence[str]) -> str:
    """What is compared, in words: topic and stance, the two sides, the cell."""
    sides = f"{row['first']} - {row['second']}" if row["first"] else row["comparison"]
    what = " ".join(v for v in (row["topic"], row.get("stance", "")) if v)
    cell = ", ".join(row[b] for b in by if row[b])
    return "; ".join(v for v in (what, sides, cell) if v)


def _panels(
    rows: "pd.DataFrame", axis: str, other: str | None
) -> list[tuple[str, str, Sequence[str], Any]]:
    places = _all_periods(sorted(rows[axis].unique()))
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


def _all_periods(periods: list[str]) -> list[str]:
    """Months between the first and the last, those without units too; other periods as they are."""
    import pandas as pd

    if not all(len(p) == 7 and p[5:].isdigit() for p in periods):
        return periods
    first, last = (12 * int(p[:4]) + int(p[5:]) for p in (periods[0], periods[-1]))
    if last - first > MOST_MONTHS:
        return periods
    return [str(p) for p in pd.period_range(periods[0], periods[-1], freq="M")]
