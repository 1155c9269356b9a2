"""Shares by period or by group: the corrected share with its interval, beside the naive share."""

from collections.abc import Sequence

import numpy as np

from sahelclf.reports.figures.style import (
    COLOURS,
    GREY,
    PAGE,
    PrintFigure,
    legend_line,
    new_figure,
    styled,
    words,
)

ACROSS = 6
MOST_ROWS = 8
MOST_TICKS = 6


@styled
def share_panels(
    panels: Sequence[tuple[str, str, Sequence[str], np.ndarray]], *, ordered: bool, note: str
) -> PrintFigure:
    """One panel a topic (row) and group (column).

    Parameters
    ----------
    panels
        Title of the row, title of the column, (n,) names on the axis, and (n, 4) from 0 to 1:
        corrected share, low, high, naive share; NaN where the share is withheld.
    ordered
        Whether the names are periods: a line with a band; else points with bars.
    note
        What the interval is, and what is left out.
    """
    rows = list(dict.fromkeys(p[0] for p in panels))[:MOST_ROWS]
    columns = list(dict.fromkeys(p[1] for p in panels))[:ACROSS]
    figure = new_figure(PAGE, 1.6 * len(rows) + 0.7)
    grid = figure.subplots(len(rows), len(columns), squeeze=False, sharex=ordered, sharey="row")
    for title, column, values, numbers in panels:
        if title not in rows or column not in columns:
            continue
        axes = grid[rows.index(title)][columns.index(column)]
        value, low, high, naive = np.asarray(numbers, dtype=float).T
        place = np.arange(len(values))
        if ordered:
            axes.fill_between(place, low, high, color=COLOURS[0], alpha=0.2, linewidth=0)
            # a point without neighbours has no band
            axes.vlines(place, low, high, color=COLOURS[0], alpha=0.4, linewidth=0.6)
            axes.plot(place, value, color=COLOURS[0], marker="o", markersize=2.5)
            axes.plot(place, naive, color=GREY, linestyle="--", linewidth=0.9)
        else:
            axes.vlines(place, low, high, color=COLOURS[0], linewidth=1.2)
            axes.plot(place, value, color=COLOURS[0], marker="o", linestyle="")
            axes.plot(place, naive, color=GREY, marker="x", linestyle="")
        step = max(1, -(-len(values) // MOST_TICKS))
        axes.set_xticks(place[::step], [words(v) for v in values][::step], rotation=30, ha="right")
        if rows.index(title) == 0 and column:
            axes.set_title(words(column), loc="left", fontsize=8)
        if columns.index(column) == 0:
            axes.set_ylabel(words(title))
    for axes in grid[:, 0]:
        axes.set_ylim(bottom=0)
    left_out = len({p[1] for p in panels}) - len(columns)
    if left_out:
        note = f"{note}. The {len(columns)} largest groups; {left_out} more are in the table"
    corrected = {"color": COLOURS[0], "marker": "o", "markersize": 3, "linewidth": 1.3}
    naive_look = {"linestyle": "--"} if ordered else {"linestyle": "", "marker": "x"}
    handles = [
        legend_line("corrected (dsl), 95% interval", corrected),
        legend_line("naive count", {"color": GREY, "linewidth": 1.3} | naive_look),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    figure.suptitle(note, x=0.01, ha="left", color=GREY, fontsize=7.5)
    return figure
