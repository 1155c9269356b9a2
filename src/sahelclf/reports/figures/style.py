"""Style of all figures: colours for any colour vision, markers and lines that differ in grey."""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import PIL.Image
from matplotlib import rc_context, rc_params_from_file
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

P = ParamSpec("P")
T = TypeVar("T")

# Okabe and Ito's palette, dark colours first, without yellow, which is hard to see on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (3, 1)), (0, (1, 1)))
GREY = "0.45"
STYLE = dict(
    rc_params_from_file(Path(__file__).with_name("print.mplstyle"), use_default_template=False)
)
PAGE, COLUMN = 7.0, 4.4  # widths in inches
SCREEN_DPI = 110
SCREEN_COLOURS = 64


class PrintFigure(Figure):
    """A figure that is saved in its style, always as the same bytes."""

    def savefig(self, fname: Any, **options: Any) -> None:
        """Save; a PDF has no date."""
        metadata = {"CreationDate": None} if str(fname).endswith(".pdf") else None
        with rc_context(STYLE):
            super().savefig(fname, **{"metadata": metadata} | options)

    def _repr_png_(self) -> bytes:
        """The figure in a notebook, in few colours: a third of the bytes."""
        full, image = BytesIO(), BytesIO()
        self.savefig(full, format="png", dpi=SCREEN_DPI)
        PIL.Image.open(full).quantize(SCREEN_COLOURS).save(image, format="png", optimize=True)
        return image.getvalue()


def new_figure(width: float, height: float) -> PrintFigure:
    """An empty figure, in inches; draw on it in a function that is `styled`."""
    figure = PrintFigure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def panels(n: int, across: int, height: float, **options: Any) -> tuple[PrintFigure, list[Any]]:
    """A page-wide figure with `n` panels, `across` in a row; `height` of a row in inches."""
    down = -(-n // across)
    figure = new_figure(PAGE, height * down)
    grid = figure.subplots(down, min(n, across), squeeze=False, **options)
    for axes in grid.flat[n:]:
        axes.set_axis_off()
    return figure, list(grid.flat[:n])


def styled(function: Callable[P, T]) -> Callable[P, T]:
    """Run a function that draws under the style."""

    @wraps(function)
    def draw(*args: P.args, **kwargs: P.kwargs) -> T:
        with rc_context(STYLE):
            return function(*args, **kwargs)

    return draw


def looks(n: int) -> Iterator[dict[str, Any]]:
    """Colour, marker and line of each of `n` series."""
    for k in range(n):
        yield {
            "color": COLOURS[k % len(COLOURS)],
            "marker": MARKERS[k % len(MARKERS)],
            "linestyle": LINES[k % len(LINES)],
        }


def legend_line(label: str, look: Mapping[str, Any]) -> Line2D:
    """An entry of a legend."""
    options: dict[str, Any] = {"linestyle": "-", "linewidth": 1} | dict(look)
    return Line2D([], [], label=label, **options)


def words(name: str) -> str:
    """A name as figures show it; `$` is no formula."""
    return name.replace("_", " ").replace("$", r"\$")
