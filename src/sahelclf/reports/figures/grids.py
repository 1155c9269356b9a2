"""Grids: annotated against predicted stance, topic by topic."""

import numpy as np

from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.reports.figures.style import PAGE, PrintFigure, new_figure, styled, words

ACROSS = 4


@styled
def stance_confusion(predicted: Predictions, gold: Gold) -> PrintFigure:
    """Passages by annotated and likeliest stance, where the topic holds, found or not; the shade is the share of the row."""
    names = predicted.names
    n, s = len(names.topics), len(names.stances)
    down = -(-n // ACROSS)
    figure = new_figure(PAGE, 2.25 * down)
    grid = figure.subplots(down, min(n, ACROSS), squeeze=False)
    for k, axes in enumerate(grid.flat):
        if k >= n:
            axes.set_axis_off()
            continue
        held = gold.topics[:, k]
        table = np.zeros((s, s), dtype=int)
        np.add.at(table, (gold.stance[held, k], predicted.stance[held, k]), 1)
        share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for i, j in np.ndindex(*table.shape):
            text = f"{table[i, j]}\n{share[i, j]:.0%}"
            axes.text(
                j,
                i,
                text,
                ha="center",
                va="center",
                fontsize=7,
                color="white" if share[i, j] > 0.62 else "black",
            )
        axes.set_xticks(range(s), [words(x) for x in names.stances])
        axes.set_yticks(range(s), [words(x) for x in names.stances] if k % ACROSS == 0 else [])
        axes.set_title(f"{words(names.topics[k])} (n = {held.sum():,})", fontsize=8)
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
    figure.supylabel("annotated", fontsize=8)
    figure.supxlabel("predicted, where the topic holds (passages, share of the row)", fontsize=8)
    return figure
