"""Shares by period or by group: the corrected share with its band, and the naive count as a line to compare."""

from collections.abc import Sequence

import numpy as np

from sahelclf.reports.figures.style import (
    COLOURS,
    GREY,
    PAGE,
    PrintFigure,
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
        Title of the row, title of the column, values on the axis, and (n, 4): corrected share, low, high, naive share; nan where
        it is withheld.
    ordered
        Values are periods: a line with a band; else points with bars.
    note
        What the band is, and what is left out.
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
            axes.vlines(
                place, low, high, color=COLOURS[0], alpha=0.4, linewidth=0.6
            )  # of points that stand alone, all there is of the band
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
        note = f"{note}. The {len(columns)} largest groups; {left_out} are in the table alone"
    handles = [
        _handle("corrected (dsl), 95% interval", ordered=ordered, corrected=True),
        _handle("naive count", ordered=ordered, corrected=False),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    figure.suptitle(note, x=0.01, ha="left", color=GREY, fontsize=7.5)
    return figure


def _handle(label: str, *, ordered: bool, corrected: bool) -> object:
    from matplotlib.lines import Line2D

    if corrected:
        return Line2D(
            [], [], color=COLOURS[0], marker="o", markersize=3, linestyle="-", label=label
        )
    return Line2D(
        [],
        [],
        color=GREY,
        linestyle="--" if ordered else "",
        marker="" if ordered else "x",
        label=label,
    )
