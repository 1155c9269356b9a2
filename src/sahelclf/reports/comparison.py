"""A comparison of systems for the terminal, a notebook, Markdown, LaTeX and an HTML page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from sahelclf.evaluation.compare import Comparison, ScoreRow
from sahelclf.reports.text import escape_latex, escape_markdown, one_line, table
from sahelclf.templates import render

if TYPE_CHECKING:
    import pandas as pd

HEADER = ["score", "system", "value [95%]", "difference [95%]", "p", "p (Holm)", "verdict"]
NONE = "—"
HALF_BAR, BAR_REACH = 80, 74  # pixels from the left edge to no difference, and from there


@dataclass(frozen=True)
class ComparisonReport:
    """Scores of systems on the same units, with paired differences from the first system.

    Attributes
    ----------
    systems
        Letter, name and source of each system.
    about
        One sentence on the units and where the predictions come from.
    comparison
        The numbers, as `sahelclf.evaluation.compare.compare` gives them.
    parameters, cost
        Rows of the tables beside the scores: a name, then a cell for each system.
    warnings
        Each warning once, after the letters of the systems that it is about.
    level, split
        What was compared: passages or documents; development predictions or a part of a split.
    corpus_sha256
        Of the corpus that the runs were trained on; empty where there are only tables.
    run_ids
        Ids of the runs that were compared, of all seeds.
    """

    title: ClassVar[str] = "Comparison"
    systems: tuple[tuple[str, str, str], ...]
    about: str
    comparison: Comparison
    parameters: list[list[str]]
    cost: list[list[str]]
    warnings: tuple[str, ...]
    level: str = "passage"
    split: str = ""
    corpus_sha256: str = ""
    run_ids: tuple[str, ...] = ()

    @property
    def table(self) -> "pd.DataFrame":
        """One row for each score and system, numbers in full; differences are from system A."""
        import pandas as pd

        return pd.DataFrame([self._record(row) for row in self.comparison.rows])

    def as_dict(self) -> dict[str, Any]:
        """Plain form, as the command prints it in a pipe."""
        names = ("letter", "name", "source")
        return {
            "systems": [dict(zip(names, s, strict=True)) for s in self.systems],
            "level": self.level,
            "split": self.split,
            "units": self.comparison.n_units,
            "documents": self.comparison.n_documents,
            "resamples": self.comparison.resamples,
            "scores": [self._record(row) for row in self.comparison.rows],
            "parameters": {name: cells for name, *cells in self.parameters},
            "cost": {name: cells for name, *cells in self.cost},
            "warnings": list(self.warnings),
        }

    def _record(self, row: ScoreRow) -> dict[str, Any]:
        letter, name, _ = self.systems[row.system]
        d = row.difference
        record: dict[str, Any] = {"score": row.score, "system": letter, "name": name}
        record |= {"value": row.value, "low": row.low, "high": row.high, "sd": row.sd}
        record |= {"difference": d and d.value, "difference_low": d and d.low}
        record |= {"difference_high": d and d.high, "p": d and d.p}
        return record | {"p_holm": row.p_holm, "verdict": row.verdict}

    @property
    def method(self) -> str:
        """How intervals and p-values were computed."""
        tests = sum(row.difference is not None for row in self.comparison.rows)
        return (
            f"95% intervals and p from {self.comparison.resamples:,} resamples of whole documents, "
            f"the same for all; p corrected for {tests} tests (Holm). "
            "Differences and verdicts are against A."
        )

    def scores(self) -> list[list[str]]:
        """The table of scores as text; the first row is its header."""
        rows = self.comparison.rows
        return [HEADER, *([r.score, self.systems[r.system][0], *_cells(r)] for r in rows)]

    def details(self) -> list[tuple[str, list[list[str]]]]:
        """Captions and rows of the other tables, where they have rows."""
        header = ["", *(letter for letter, _, _ in self.systems)]
        tables = (("Parameters that differ", self.parameters), ("Folds and cost", self.cost))
        return [
            (caption, [header, *([cell or NONE for cell in row] for row in rows)])
            for caption, rows in tables
            if rows
        ]

    def text(self) -> str:
        """Plain text, for a terminal."""
        return self._render("txt").rstrip("\n")

    def markdown(self) -> str:
        """Markdown with pipe tables."""
        return self._render("md")

    def latex(self) -> str:
        r"""Tables to `\\input` into an article that loads booktabs."""
        return self._render("tex")

    def html(self) -> str:
        """One self-contained page."""
        reach = max(
            (
                max(abs(r.difference.low), abs(r.difference.high))
                for r in self.comparison.rows
                if r.difference
            ),
            default=0.0,
        )
        rows = self.comparison.rows
        return self._render(
            "html",
            header=HEADER,
            rows=[(r, c, _bar(r, reach)) for r, c in zip(rows, self.scores()[1:], strict=True)],
        )

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False, na_rep="", float_format="{:.3f}".format))

    def _render(self, form: str, **values: Any) -> str:
        return render(
            "sahelclf.reports",
            f"comparison.{form}",
            report=self,
            legend="; ".join(f"{letter}: {name}" for letter, name, _ in self.systems),
            table=table,
            latex=escape_latex,
            markdown=escape_markdown,
            one_line=one_line,
            **values,
        )


def _cells(row: ScoreRow) -> list[str]:
    value = f"{row.value:.3f} [{row.low:.3f}, {row.high:.3f}]"
    value += f", sd {row.sd:.3f}" if row.sd is not None else ""
    d = row.difference
    if d is None or row.p_holm is None:
        return [value, "", "", "", ""]
    # adding 0.0 turns -0.000 into +0.000
    gap, low, high = (f"{round(x, 3) + 0.0:+.3f}" for x in (d.value, d.low, d.high))
    return [value, f"{gap} [{low}, {high}]", _p(d.p), _p(row.p_holm), row.verdict]


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _bar(row: ScoreRow, reach: float) -> Mapping[str, str] | None:
    """Places in pixels of a difference and its interval, and the text for a screen reader."""
    d = row.difference
    if d is None or reach == 0:
        return None
    places = {"low": d.low, "value": d.value, "high": d.high}
    label = f"difference {d.value:+.3f}, from {d.low:+.3f} to {d.high:+.3f}"
    return {k: f"{HALF_BAR + BAR_REACH * x / reach:.1f}" for k, x in places.items()} | {
        "label": label
    }


FORMS: dict[str, Callable[[ComparisonReport], str]] = {
    ".md": ComparisonReport.markdown,
    ".tex": ComparisonReport.latex,
    ".html": ComparisonReport.html,
}
