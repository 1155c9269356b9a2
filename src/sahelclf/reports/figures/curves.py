"""Curves: precision against recall, reliability, and learning curves."""

from collections.abc import Mapping, Sequence

import numpy as np

from sahelclf.evaluation.metrics import calibration_bins
from sahelclf.reports.figures.data import FigureData
from sahelclf.reports.figures.style import (
    COLUMN,
    GREY,
    PAGE,
    PrintFigure,
    looks,
    new_figure,
    panels,
    styled,
    words,
)

FEWEST_IN_BIN = 10
ACROSS = 4
TICKS = (0, 0.5, 1)


@styled
def precision_recall(data: FigureData) -> PrintFigure:
    """Precision and recall of each topic at every threshold, with a marker at the chosen one.

    Topics without support are left out.
    """
    from sklearn.metrics import precision_recall_curve

    figure = new_figure(PAGE, 3.6)
    axes = figure.subplots()
    topics = data.predicted.names.topics
    for k, look in enumerate(looks(len(topics))):
        y, p, threshold = (
            data.gold.topics[:, k],
            data.predicted.probability[:, k],
            data.thresholds[k],
        )
        if not y.any():
            continue
        precision, recall, _ = precision_recall_curve(y, p)
        line = {"color": look["color"], "linestyle": look["linestyle"]}
        axes.plot(recall, precision, linewidth=1, **line)
        holds = p >= threshold
        hits = (holds & y).sum()
        label = f"{words(topics[k])}\nn = {y.sum():,}, threshold {threshold:.2f}"
        marker = {"marker": look["marker"], "markersize": 7, "markeredgecolor": "white"}
        axes.plot(hits / y.sum(), hits / max(holds.sum(), 1), label=label, **line, **marker)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02))
    axes.set_title("Markers: the chosen threshold", loc="left", color=GREY, fontsize=8)
    if axes.lines:
        figure.legend(loc="outside right upper", labelspacing=1.2)
    return figure


@styled
def reliability(data: FigureData) -> PrintFigure:
    """Share of passages with a topic against its probability, in ten bins.

    Bins of fewer than ten passages are left out.
    """
    topics = data.predicted.names.topics
    figure, grid = panels(len(topics), ACROSS, 1.9, sharex=True, sharey=True)
    figure.set_figheight(figure.get_figheight() + 0.35)  # for the label below
    for k, (axes, look) in enumerate(zip(grid, looks(len(topics)), strict=True)):
        p, y = data.predicted.probability[:, k], data.gold.topics[:, k]
        n, mean, share = calibration_bins(p, y)
        keep = n >= FEWEST_IN_BIN
        n, mean, share = n[keep], mean[keep] / n[keep], share[keep] / n[keep]
        error = 1.96 * np.sqrt(share * (1 - share) / n)
        axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8)
        axes.errorbar(mean, share, error, **look, elinewidth=0.8)
        axes.set(xlim=(0, 1), ylim=(0, 1.02), aspect="equal", xticks=TICKS, yticks=TICKS)
        axes.set_title(words(topics[k]), loc="left", fontsize=8)
    bins = f"bins of {FEWEST_IN_BIN} passages or more; ± 1.96 standard errors"
    figure.supylabel("share with the topic", fontsize=8)
    figure.supxlabel(f"predicted probability ({bins})", fontsize=8)
    return figure


@styled
def learning_curve(
    documents: Sequence[int], panels: Mapping[str, Mapping[str, np.ndarray]], band: str
) -> PrintFigure:
    """Scores by number of training documents.

    Parameters
    ----------
    documents
        (n,) numbers of documents that the points were trained on.
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
        axes.set(xlabel="training documents", xlim=(0, None))
    row[0].set_ylabel("score")
    handles, labels = row[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
    figure.suptitle(f"Bands: {band}", x=0.01, ha="left", color=GREY, fontsize=8)
    return figure
