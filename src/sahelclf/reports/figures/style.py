"""The style of every figure: colours for any colour vision, markers and lines that tell apart in grey, text kept as text."""

from collections.abc import Callable, Iterator
from functools import wraps
from io import BytesIO
from typing import Any, ParamSpec, TypeVar

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

P = ParamSpec("P")
T = TypeVar("T")

# Okabe and Ito's palette, dark ones first, without the yellow that is lost on white paper
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (3, 1)), (0, (1, 1)))
GREY = "0.45"
STYLE = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.labelsize": 8,
    "legend.fontsize": 7.5,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
}
PAGE = 7.0
COLUMN = 4.4
SCREEN_DPI = 110


class PrintFigure(Figure):
    """A figure that is saved in the style it was drawn in, the same bytes each time."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Save; the date is left out of PDF."""
        metadata = {"CreationDate": None} if str(fname).endswith(".pdf") else None
        with rc_context(STYLE):
            super().savefig(fname, **{"metadata": metadata} | options)

    def _repr_png_(self) -> bytes:
        """The figure as a notebook shows it."""
        image = BytesIO()
        self.savefig(image, format="png", dpi=SCREEN_DPI)
        return image.getvalue()


def new_figure(width: float, height: float) -> PrintFigure:
    """An empty figure in inches; draw in it in a `styled` function."""
    figure = PrintFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def styled(function: Callable[P, T]) -> Callable[P, T]:
    """Let a function draw in the style."""

    @wraps(function)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> T:
        with rc_context(STYLE):
            return function(*args, **kwargs)

    return drawn


def looks(n: int) -> Iterator[dict[str, Any]]:
    """Colour, marker and line of each of `n` series."""
    for k in range(n):
        yield {
            "color": COLOURS[k % len(COLOURS)],
            "marker": MARKERS[k % len(MARKERS)],
            "linestyle": LINES[k % len(LINES)],
        }


def words(name: str) -> str:
    """A label's name as it is read in a figure."""
    return name.replace("_", " ")
