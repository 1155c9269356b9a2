"""A comparison as text for the terminal, Markdown, LaTeX and a self-contained HTML page."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from sahelclf.reports.text import table

if TYPE_CHECKING:
    from sahelclf.evaluation.compare import Comparison, Line

TITLE = "Comparison"
NONE = "—"
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin-top: 2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; } th, td { padding: .3rem .8rem .3rem 0; text-align: left; vertical-align: middle; white-space: nowrap; }
thead th { border-bottom: 2px solid #444; } tbody tr { border-bottom: 1px solid #ddd; } tbody tr.first { border-top: 1px solid #888; }
td.number { font-variant-numeric: tabular-nums; }
.better { color: #00629b; font-weight: 600; } .worse { color: #b04a00; font-weight: 600; } .alike { color: #555; }
.note { color: #444; max-width: 50rem; } code { font-size: .85em; overflow-wrap: anywhere; white-space: normal; }
svg { display: block; } svg .axis { stroke: #999; stroke-dasharray: 2 2; } svg .bar { stroke: #333; stroke-width: 2; } svg .dot { fill: #333; }
"""


@dataclass(frozen=True)
class Page:
    """What every form shows: systems as (letter, name, source), the comparison, parameters that differ, cost, warnings."""

    systems: tuple[tuple[str, str, str], ...]
    about: str
    method: str
    compared: "Comparison"
    parameters: list[list[str]]
    cost: list[list[str]]
    warnings: tuple[str, ...]

    def scores(self) -> list[list[str]]:
        """Header, then one row a score and system."""
        rows = [["score", "system", "value [95%]", "difference [95%]", "p", "p (Holm)", "verdict"]]
        rows += [
            [line.score, self.systems[line.system][0], *_cells(line)]
            for line in self.compared.lines
        ]
        return rows

    def others(self) -> list[tuple[str, list[list[str]]]]:
        """Captions and rows of the tables beside the scores, those that have any."""
        header = ["", *(letter for letter, _, _ in self.systems)]
        parts = (("Parameters that differ", self.parameters), ("Folds and cost", self.cost))
        return [
            (caption, [header, *([c or NONE for c in row] for row in rows)])
            for caption, rows in parts
            if rows
        ]


def _cells(line: "Line") -> list[str]:
    value = f"{line.value:.3f} [{line.low:.3f}, {line.high:.3f}]" + (
        f", sd {line.sd:.3f}" if line.sd is not None else ""
    )
    d = line.difference
    if d is None or line.p_holm is None:
        return [value, "", "", "", ""]
    gap, low, high = (
        f"{round(x, 3) + 0.0:+.3f}" for x in (d.value, d.low, d.high)
    )  # + 0.0, else there is a -0.000
    return [value, f"{gap} [{low}, {high}]", _p(d.p), _p(line.p_holm), line.verdict]


def _p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def terminal(page: Page) -> str:
    """Plain text."""
    parts = ["\n".join(f"{letter}  {name}  ({source})" for letter, name, source in page.systems)]
    parts += [page.about, table(page.scores())]
    parts += [f"{caption}\n{table(rows)}" for caption, rows in page.others()]
    parts += ["\n".join(f"warning {w}" for w in page.warnings)] if page.warnings else []
    return "\n\n".join([*parts, page.method])


def markdown(page: Page) -> str:
    """Markdown with pipe tables."""
    parts = [
        f"# {TITLE}",
        "\n".join(f"- **{letter}** {name} (`{source}`)" for letter, name, source in page.systems),
    ]
    parts += [page.about, table(page.scores(), "github")]
    parts += [f"## {caption}\n\n{table(rows, 'github')}" for caption, rows in page.others()]
    parts += (
        ["## Warnings\n\n" + "\n".join(f"- {w}" for w in page.warnings)] if page.warnings else []
    )
    return "\n\n".join([*parts, page.method]) + "\n"


def latex(page: Page) -> str:
    r"""Tables for \input into an article that uses booktabs."""
    legend = "; ".join(f"{letter}: {name}" for letter, name, _ in page.systems)
    parts = [
        r"% \usepackage{booktabs} in the preamble",
        _float(page.scores(), f"{page.about} {legend}. {page.method}"),
    ]
    parts += [_float(rows, f"{caption}. {legend}.") for caption, rows in page.others()]
    parts += ["\n".join(f"% warning {w}" for w in page.warnings)] if page.warnings else []
    return "\n\n".join(parts) + "\n"


def _float(rows: list[list[str]], caption: str) -> str:
    safe = "".join("\\" + c if c in "#$%&_{}" else c for c in caption)
    body = table(rows, "latex_booktabs").replace(NONE, "---").replace("±", r"\(\pm\)")
    return "\n".join(
        [r"\begin{table}", r"\centering", r"\small", body, rf"\caption{{{safe}}}", r"\end{table}"]
    )


def html(page: Page) -> str:
    """One self-contained page; a bar shows each difference with its interval, the dashed line is no difference."""
    legend = "".join(
        f"<li><strong>{letter}</strong> {escape(name)} <code>{escape(source)}</code></li>"
        for letter, name, source in page.systems
    )
    scores = page.scores()
    head = "".join(f"<th>{escape(c)}</th>" for c in [*scores[0], "interval"])
    reach = max(
        (
            abs(x)
            for line in page.compared.lines
            if line.difference
            for x in (line.difference.low, line.difference.high)
        ),
        default=0.0,
    )
    body = "".join(
        _row(line, row, reach) for line, row in zip(page.compared.lines, scores[1:], strict=True)
    )
    others = "".join(
        f"<h2>{caption}</h2><div class=wide>{table(rows, 'html')}</div>"
        for caption, rows in page.others()
    )
    warnings = "".join(f"<li>{escape(w)}</li>" for w in page.warnings)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{TITLE}</title>'
        f"<style>{STYLE}</style></head><body>\n<h1>{TITLE}</h1>\n<ul>{legend}</ul>\n<p>{escape(page.about)}</p>\n"
        f"<div class=wide><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>\n<p class=note>{escape(page.method)}</p>\n"
        f"{others}\n{'<h2>Warnings</h2><ul>' + warnings + '</ul>' if warnings else ''}</body></html>\n"
    )


def _row(line: "Line", cells: list[str], reach: float) -> str:
    mark = {"better": "better", "worse": "worse"}.get(line.verdict, "alike")
    shown = (
        "".join(f'<td class="number">{escape(c)}</td>' for c in cells[:-1])
        + f'<td class="{mark}">{escape(cells[-1])}</td>'
    )
    first = ' class="first"' if line.system == 0 else ""
    return f"<tr{first}>{shown}<td>{_bar(line, reach)}</td></tr>\n"


def _bar(line: "Line", reach: float) -> str:
    d = line.difference
    if d is None or reach == 0:
        return ""
    low, value, high = (80 + 74 * x / reach for x in (d.low, d.value, d.high))
    label = f"difference {d.value:+.3f}, from {d.low:+.3f} to {d.high:+.3f}"
    return (
        f'<svg width="160" height="16" role="img" aria-label="{label}"><line class="axis" x1="80" x2="80" y1="0" y2="16"/>'
        f'<line class="bar" x1="{low:.1f}" x2="{high:.1f}" y1="8" y2="8"/><circle class="dot" cx="{value:.1f}" cy="8" r="3.5"/></svg>'
    )


FORMS: dict[str, Callable[[Page], str]] = {".md": markdown, ".tex": latex, ".html": html}
