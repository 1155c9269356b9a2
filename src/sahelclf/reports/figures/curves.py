"""Curves: precision against recall, reliability, and learning curves."""

from collections.abc import Mapping, Sequence

import numpy as np

from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.reports.figures.style import (
    COLUMN,
    GREY,
    PAGE,
    PrintFigure,
    looks,
    new_figure,
    styled,
    words,
)

BINS = 10
FEWEST_IN_BIN = 10
ACROSS = 4
TICKS = (0, 0.5, 1)


@styled
def precision_recall(predicted: Predictions, gold: Gold, thresholds: np.ndarray) -> PrintFigure:
    """Precision and recall of each topic at every threshold, with a marker at the one chosen; a topic that nobody carries is left out."""
    from sklearn.metrics import precision_recall_curve

    figure = new_figure(PAGE, 3.6)
    axes = figure.subplots()
    topics = predicted.names.topics
    for k, look in enumerate(looks(len(topics))):
        held, p = gold.topics[:, k], predicted.probability[:, k]
        if not held.any():
            continue
        precision, recall, _ = precision_recall_curve(held, p)
        axes.plot(recall, precision, color=look["color"], linestyle=look["linestyle"], linewidth=1)
        said = p >= thresholds[k]
        hit = (said & held).sum()
        axes.plot(
            hit / held.sum(),
            hit / max(said.sum(), 1),
            color=look["color"],
            linestyle=look["linestyle"],
            marker=look["marker"],
            markersize=7,
            markeredgecolor="white",
            label=f"{words(topics[k])}\nn = {held.sum():,}, threshold {thresholds[k]:.2f}",
        )
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02))
    axes.set_title("Markers: the threshold chosen", loc="left", color=GREY, fontsize=8)
    if axes.lines:
        figure.legend(loc="outside right upper", labelspacing=1.2)
    return figure


@styled
def reliability(predicted: Predictions, gold: Gold) -> PrintFigure:
    """The share of passages that hold a topic against the probability given, in ten bins; those of fewer than ten passages are left out."""
    topics = predicted.names.topics
    down = -(-len(topics) // ACROSS)
    figure = new_figure(PAGE, 1.9 * down + 0.35)
    grid = figure.subplots(down, min(len(topics), ACROSS), squeeze=False, sharex=True, sharey=True)
    for axes in grid.flat[len(topics) :]:
        axes.set_axis_off()
    for k, (axes, look) in enumerate(zip(grid.flat, looks(len(topics)), strict=False)):
        p, y = predicted.probability[:, k], gold.topics[:, k]
        which = np.minimum((p * BINS).astype(int), BINS - 1)
        n = np.bincount(which, minlength=BINS)
        keep = n >= FEWEST_IN_BIN
        mean = np.bincount(which, p, minlength=BINS)[keep] / n[keep]
        share = np.bincount(which, y.astype(float), minlength=BINS)[keep] / n[keep]
        error = 1.96 * np.sqrt(share * (1 - share) / n[keep])
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        axes.errorbar(mean, share, error, **look, elinewidth=0.8)
        axes.set(xlim=(0, 1), ylim=(0, 1.02), aspect="equal", xticks=TICKS, yticks=TICKS)
        axes.set_title(words(topics[k]), loc="left", fontsize=8)
    figure.supylabel("share that holds the topic", fontsize=8)
    figure.supxlabel(
        f"probability given (bins of {FEWEST_IN_BIN} passages or more; ± 1.96 standard errors)",
        fontsize=8,
    )
    return figure


@styled
def learning_curve(
    documents: Sequence[int], panels: Mapping[str, Mapping[str, np.ndarray]], band: str
) -> PrintFigure:
    """Scores by number of documents learnt from.

    Parameters
    ----------
    documents
        (n,) documents that each point was fitted on.
    panels
        By title of panel and name of series: (n, 3) middle, lower and upper edge of the band.
    band
        What the band is, such as 'mean ± sd over 3 seeds'.
    """
    figure = new_figure(PAGE if len(panels) > 1 else COLUMN, 3.0)
    row = figure.subplots(1, len(panels), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (title, series) in zip(row, panels.items(), strict=True):
        for look, (name, points) in zip(looks(len(series)), series.items(), strict=True):
            middle, low, high = np.asarray(points, dtype=float).T
            axes.plot(documents, middle, **look, label=words(name))
            axes.fill_between(documents, low, high, color=look["color"], alpha=0.15, linewidth=0)
        axes.set_title(title, loc="left")
        axes.set(xlabel="documents learnt from", xlim=(0, None))
    row[0].set_ylabel("score")
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
    figure.suptitle(f"Bands: {band}", x=0.01, ha="left", color=GREY, fontsize=8)
    return figure
