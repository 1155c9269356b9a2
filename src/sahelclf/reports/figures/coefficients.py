"""Coefficients of a regression: dots with intervals, estimators beside each other."""

from collections.abc import Sequence
from typing import Any

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

MOST_TERMS = 40
LOOKS: tuple[dict[str, Any], ...] = (
    {"color": COLOURS[0], "marker": "o"},
    {"color": COLOURS[1], "marker": "s", "markerfacecolor": "white"},
    {"color": COLOURS[2], "marker": "^"},
    {"color": GREY, "marker": "x", "linestyle": "none"},
)


@styled
def coefficients(
    terms: Sequence[str], numbers: dict[str, np.ndarray], *, title: str, axis: str
) -> PrintFigure:
    """One line a term, one dot an estimator.

    Parameters
    ----------
    terms
        Names, at most `MOST_TERMS` of which are drawn.
    numbers
        Of each estimator, (n, 3): coefficient, low, high; NaN where there is none. Only the dot is
        drawn where low is NaN.
    title, axis
        The formula, and what the coefficients are.
    """
    shown = list(terms)[:MOST_TERMS]
    step = 0.66 / max(len(numbers), 1)
    figure = new_figure(PAGE, 0.12 * (len(numbers) + 1) * len(shown) + 1.1)
    axes = figure.subplots()
    axes.axvline(0, color=GREY, linewidth=0.6)
    handles = []
    for k, (name, values) in enumerate(numbers.items()):
        look = LOOKS[k % len(LOOKS)]
        place = -np.arange(len(shown)) + step * ((len(numbers) - 1) / 2 - k)
        value, low, high = np.asarray(values, dtype=float)[: len(shown)].T
        axes.hlines(place, low, high, color=look["color"], linewidth=1.1)
        marks: dict[str, Any] = {"linestyle": "none", "markersize": 3.5} | look
        axes.plot(value, place, **marks)
        line = {} if np.isfinite(low).any() else {"linestyle": "none"}
        handles.append(legend_line(name, look | line))
    axes.set_yticks(-np.arange(len(shown)), [words(t) for t in shown])
    axes.set_ylim(-len(shown) + 0.4, 0.6)
    axes.tick_params(axis="y", length=0)
    left_out = len(terms) - len(shown)
    axes.set_xlabel(axis + (f". {left_out} more terms are in the table" if left_out else ""))
    axes.set_title(words(title), loc="left", fontsize=8)
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure
