"""Shares over time and by category, and differences, with their intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import PercentFormatter

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

PERCENT = PercentFormatter(1.0, decimals=0)
LOOKS: dict[str, dict[str, Any]] = {
    "dsl": {"color": COLOURS[0], "marker": "o"},
    "ppi": {"color": COLOURS[1], "marker": "s", "markerfacecolor": "white"},
    "sample": {"color": COLOURS[2], "marker": "^", "markerfacecolor": "white"},
    "shift": {"color": COLOURS[3], "marker": "D", "markerfacecolor": "white", "linestyle": ":"},
    "naive": {"color": GREY, "marker": "x"},
}
NAMED = {
    "dsl": "corrected (dsl)",
    "ppi": "corrected (ppi)",
    "sample": "hand codes alone",
    "shift": "label shift (by assumption)",
    "naive": "naive count",
}
LONGEST = 34

ACROSS = 6
MOST_PANELS = 4
MOST_ROWS = 8
MOST_TICKS = 6


@styled
def share_panels(
    panels: Sequence[tuple[str, str, Sequence[str], np.ndarray]], *, note: str
) -> PrintFigure:
    """Shares over time: one panel a topic (row) and group (column).

    Parameters
    ----------
    panels
        Title of the row, title of the column, (n,) names on the axis, and (n, 4) from 0 to 1:
        corrected share, low, high, naive share; NaN where the share is withheld.
    note
        What the interval is, and what is left out.
    """
    rows = list(dict.fromkeys(p[0] for p in panels))[:MOST_ROWS]
    columns = list(dict.fromkeys(p[1] for p in panels))[:ACROSS]
    figure = new_figure(PAGE, 1.6 * len(rows) + 0.7)
    grid = figure.subplots(len(rows), len(columns), squeeze=False, sharex=True, sharey="row")
    for title, column, values, numbers in panels:
        if title not in rows or column not in columns:
            continue
        axes = grid[rows.index(title)][columns.index(column)]
        value, low, high, naive = np.asarray(numbers, dtype=float).T
        place = np.arange(len(values))
        axes.fill_between(place, low, high, color=COLOURS[0], alpha=0.2, linewidth=0)
        # a point without neighbours has no band
        axes.vlines(place, low, high, color=COLOURS[0], alpha=0.4, linewidth=0.6)
        axes.plot(place, value, color=COLOURS[0], marker="o", markersize=2.5)
        axes.plot(place, naive, color=GREY, linestyle="--", linewidth=0.9)
        axes.yaxis.set_major_formatter(PERCENT)
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
    handles = [
        legend_line("corrected (dsl), 95% interval", corrected),
        legend_line("naive count", {"color": GREY, "linewidth": 1.3, "linestyle": "--"}),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    figure.suptitle(note, x=0.01, ha="left", color=GREY, fontsize=7.5)
    return figure


@styled
def share_dots(
    panels: Sequence[tuple[str, Mapping[str, np.ndarray]]], labels: Sequence[str], *, note: str
) -> PrintFigure:
    """Shares by category: one panel a topic, all on one scale, estimators one below the other.

    Parameters
    ----------
    panels
        Topic, and by estimator (n, 3) share, low, high of the categories; NaN where withheld.
    labels
        (n,) categories, from the top down.
    """
    names = [*panels[0][1]]
    across = min(len(panels), 2 if max(map(len, labels)) > LONGEST // 2 else MOST_PANELS)
    down = -(-len(panels) // across)
    lane = 0.16 if len(labels) == 1 else 0.11 if len(labels) <= MOST_ROWS else 0.07
    height = max(len(labels) * (len(names) * lane + 0.09), 0.6)
    figure = new_figure(PAGE, down * (height + 0.45) + 0.75)
    grid = figure.subplots(down, across, squeeze=False, sharex=True, sharey=True)
    place = -np.arange(len(labels), dtype=float)
    offsets = np.linspace(0.36, -0.36, len(names)) if len(names) > 1 else np.zeros(1)
    for axes, (topic, series) in zip(grid.flat, panels, strict=False):
        for y in place[:-1] - 0.5:
            axes.axhline(y, color="0.9", linewidth=0.5, zorder=0)
        for name, offset in zip(names, offsets, strict=True):
            value, low, high = series[name].T
            look = {"linestyle": "-"} | LOOKS[name]
            line = {"color": look["color"], "linestyle": look.pop("linestyle")}
            axes.hlines(place + offset, low, high, linewidth=1.1, **line)
            axes.plot(value, place + offset, linestyle="none", markersize=3.4, **look)
        axes.set_title(words(topic), loc="left", fontsize=8)
        axes.set_yticks(place, [_short(label) for label in labels])
        axes.set_ylim(place[-1] - 0.55, 0.55)
        axes.set_xlim(left=0)
        axes.xaxis.set_major_formatter(PERCENT)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    handles = [
        legend_line(NAMED[n], {"markersize": 3.4, "linewidth": 1.1} | LOOKS[n]) for n in names
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(names), 3))
    figure.suptitle(note, x=0.01, ha="left", color=GREY, fontsize=7.5)
    return figure


@styled
def difference_dots(
    labels: Sequence[str], numbers: np.ndarray, clear: np.ndarray, *, axis: str, note: str
) -> PrintFigure:
    """Differences with 95% intervals beside zero; (n, 3) value, low, high from -1 to 1.

    Dots are filled where `clear` (n,) is true.
    """
    figure = new_figure(PAGE, 0.19 * len(labels) + 0.95)
    axes = figure.subplots()
    value, low, high = 100 * np.asarray(numbers, dtype=float).T
    place = -np.arange(len(labels), dtype=float)
    axes.axvline(0, color=GREY, linewidth=0.8, linestyle="--", zorder=0)
    axes.hlines(place, low, high, color=COLOURS[0], linewidth=1.2)
    for filled, face in ((clear, COLOURS[0]), (~clear, "white")):
        axes.plot(
            value[filled],
            place[filled],
            color=COLOURS[0],
            marker="o",
            markerfacecolor=face,
            markersize=4,
            linestyle="none",
        )
    axes.set_yticks(place, [_short(label, 2 * LONGEST) for label in labels])
    axes.set_ylim(place[-1] - 0.7, 0.7)
    axes.set_xlabel(f"{axis} (dsl, 95% intervals)")
    figure.suptitle(note, x=0.01, ha="left", color=GREY, fontsize=7.5)
    return figure


def _short(label: str, most: int = LONGEST) -> str:
    label = words(label)
    if len(label) <= most:
        return label
    end = most // 3  # names often differ at their end
    return f"{label[: most - end - 1]}…{label[-end:]}"
