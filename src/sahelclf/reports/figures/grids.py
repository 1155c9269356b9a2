"""Confusion of stances, topic by topic."""

from typing import Any

import numpy as np

from sahelclf.reports.figures.data import FigureData
from sahelclf.reports.figures.style import PrintFigure, panels, styled, words

ACROSS = 4
WHITE_ABOVE = 0.62  # share from which on a cell is too dark for black text


@styled
def stance_confusion(data: FigureData) -> PrintFigure | None:
    """Passages by annotated and most probable stance, where a topic holds, predicted or not.

    The shade is the share of the row. None for a codebook without stances.
    """
    names, gold = data.predicted.names, data.gold
    if not names.stances:
        return None
    n = len(names.stances)
    figure, grid = panels(len(names.topics), ACROSS, 2.25)
    for k, axes in enumerate(grid):
        holds = gold.topics[:, k]
        table = np.zeros((n, n), dtype=int)
        np.add.at(table, (gold.stance[holds, k], data.predicted.stance[holds, k]), 1)
        _draw(axes, table)
        axes.set_xticks(range(n), [words(x) for x in names.stances])
        axes.set_yticks(range(n), [words(x) for x in names.stances] if k % ACROSS == 0 else [])
        axes.set_title(f"{words(names.topics[k])} (n = {holds.sum():,})", fontsize=8)
    figure.supylabel("annotated", fontsize=8)
    figure.supxlabel("predicted, where the topic holds (passages, share of the row)", fontsize=8)
    return figure


def _draw(axes: Any, table: np.ndarray) -> None:
    share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    look = {"ha": "center", "va": "center", "fontsize": 7}
    for i, j in np.ndindex(*table.shape):
        colour = "white" if share[i, j] > WHITE_ABOVE else "black"
        axes.text(j, i, f"{table[i, j]}\n{share[i, j]:.0%}", color=colour, **look)
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
