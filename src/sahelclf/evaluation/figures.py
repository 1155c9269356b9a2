"""Figures in one style: precision and recall by topic with the threshold, stance confusion, reliability."""

from typing import Any

import numpy as np

from sahelclf.evaluation.predictions import Gold, Predictions

# Okabe and Ito's palette, told apart with any colour vision
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
STYLE = {
    "font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25,
    "figure.dpi": 150, "legend.frameon": False,
}


def figures(predicted: Predictions, gold: Gold, thresholds: np.ndarray) -> dict[str, Any]:
    """Matplotlib figures by file name."""
    from matplotlib import rc_context

    with rc_context(STYLE):
        return {
            "figures/precision_recall.png": _precision_recall(predicted, gold, thresholds),
            "figures/reliability.png": _reliability(predicted, gold),
            "figures/stance_confusion.png": _stance_confusion(predicted, gold),
        }


def _new(width: float, height: float, columns: int = 1) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def _precision_recall(predicted: Predictions, gold: Gold, thresholds: np.ndarray) -> Any:
    from sklearn.metrics import precision_recall_curve

    figure, (axes,) = _new(5.2, 4.2)
    for k, topic in enumerate(predicted.names.topics):
        held, p = gold.topics[:, k], predicted.probability[:, k]
        if not held.any():
            continue
        precision, recall, _ = precision_recall_curve(held, p)
        colour = COLOURS[k % len(COLOURS)]
        axes.plot(recall, precision, color=colour, label=f"{topic} (n = {held.sum()})")
        said = p >= thresholds[k]
        hit = (said & held).sum()
        axes.plot(hit / held.sum(), hit / max(said.sum(), 1), "o", color=colour, markeredgecolor="white", markersize=7)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02), title="Precision and recall; the dot is the threshold")
    axes.legend(loc="lower left")
    return figure


def _reliability(predicted: Predictions, gold: Gold, bins: int = 10) -> Any:
    figure, (axes,) = _new(4.6, 4.2)
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--")
    p, y = predicted.probability, gold.topics
    for k, topic in enumerate(predicted.names.topics):
        which = np.minimum((p[:, k] * bins).astype(int), bins - 1)
        n = np.bincount(which, minlength=bins)
        keep = n >= 5
        mean = np.bincount(which, p[:, k], minlength=bins)[keep] / n[keep]
        share = np.bincount(which, y[:, k].astype(float), minlength=bins)[keep] / n[keep]
        axes.plot(mean, share, "o-", color=COLOURS[k % len(COLOURS)], label=topic, markersize=4)
    axes.set(xlabel="probability", ylabel="share that holds", xlim=(0, 1), ylim=(0, 1), title="Reliability (bins of 5 passages or more)")
    axes.legend(loc="upper left")
    return figure


def _stance_confusion(predicted: Predictions, gold: Gold) -> Any:
    names = predicted.names
    figure, axes = _new(2.6 * len(names.topics) + 0.6, 3.0, len(names.topics))
    for k, topic in enumerate(names.topics):
        held = gold.topics[:, k]
        table = np.zeros((len(names.stances), len(names.stances)), dtype=int)
        np.add.at(table, (gold.stance[held, k], predicted.stance[held, k]), 1)
        share = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        ax = axes[k]
        ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
        for i, j in np.ndindex(*table.shape):
            ax.text(j, i, str(table[i, j]), ha="center", va="center", color="white" if share[i, j] > 0.55 else "black")
        ticks = range(len(names.stances))
        ax.set_xticks(ticks, names.stances, rotation=30)
        ax.set_yticks(ticks, names.stances if k == 0 else [""] * len(names.stances))
        ax.set_title(topic, fontsize=9)
        ax.grid(visible=False)
    axes[0].set_ylabel("annotated")
    figure.supxlabel("predicted, where the topic holds", fontsize=9)
    return figure
