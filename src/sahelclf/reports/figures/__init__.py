"""Figures for print, in one style. To add one, write its module and add a line to FIGURES."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sahelclf.evaluation.groups import GroupScore
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.evaluation.report import Report
from sahelclf.reports.figures import curves, dots, grids
from sahelclf.reports.figures.data import FigureData
from sahelclf.reports.figures.style import PrintFigure

FORMS = ("pdf", "png")
# Functions return None where the data have nothing for them to draw.
FIGURES: dict[str, Callable[[FigureData], PrintFigure | None]] = {
    "precision_recall": curves.precision_recall,
    "reliability": curves.reliability,
    "stance_confusion": grids.stance_confusion,
    "groups": dots.groups,
    "agreement": dots.agreement,
}


def draw(data: FigureData) -> dict[str, PrintFigure]:
    """Every figure of `FIGURES` that the data allow, by name."""
    drawn = {name: function(data) for name, function in FIGURES.items()}
    return {name: figure for name, figure in drawn.items() if figure is not None}


def figures(
    predicted: Predictions,
    gold: Gold,
    thresholds: np.ndarray,
    *,
    groups: Sequence[GroupScore] = (),
    reports: Mapping[str, Report] | None = None,
    agreement: Mapping[str, Mapping[str, float]] | None = None,
) -> dict[str, PrintFigure]:
    """Figures by file name, `figures/<name>.pdf` and `.png`; the arguments are `FigureData`'s."""
    data = FigureData(predicted, gold, thresholds, groups, reports or {}, agreement or {})
    return {f"figures/{name}.{form}": f for name, f in draw(data).items() for form in FORMS}
