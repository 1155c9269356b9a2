"""Dots with intervals: scores by group, and the labeller beside the annotators."""

from collections.abc import Mapping, Sequence
from typing import Any

from sahelclf.evaluation.groups import FEWEST_DOCUMENTS, KINDS, GroupScore
from sahelclf.evaluation.metrics import METRICS
from sahelclf.reports.figures.data import FigureData
from sahelclf.reports.figures.style import (
    COLOURS,
    GREY,
    PAGE,
    PrintFigure,
    legend_line,
    new_figure,
    styled,
    words,
)

TOPIC: dict[str, Any] = {"color": COLOURS[0], "marker": "o"}
STANCE: dict[str, Any] = {"color": COLOURS[1], "marker": "s", "markerfacecolor": "white"}
ANNOTATORS: dict[str, Any] = {
    "color": "black",
    "marker": "D",
    "markerfacecolor": "white",
    "linestyle": "none",
}
DRAWN = {"topic/micro_f1": TOPIC, "topic/recall": TOPIC, "stance/accuracy": STANCE}
MOST_NAMED = 8


@styled
def groups(data: FigureData) -> PrintFigure | None:
    """Topic and stance scores by group, with 95% intervals.

    Groups with fewer than ten documents that count are named below, not drawn.
    """
    scores = [s for s in data.groups if s.score in DRAWN]
    if not scores:
        return None
    shown = {(s.kind, s.group): s for s in scores if s.low is not None}
    by_kind = {k: [s for (kind, _), s in shown.items() if kind == k] for k in KINDS}
    by_kind = {k: v for k, v in by_kind.items() if v}
    columns = _two_columns({k: len(v) + 2.2 for k, v in by_kind.items()})
    height = 0.19 * max((sum(len(by_kind[k]) + 2.2 for k in c) for c in columns), default=1) + 0.75
    figure = new_figure(PAGE, height)
    outer = figure.add_gridspec(1, max(1, len(columns)))
    for column, kinds in enumerate(columns):
        heights = [len(by_kind[k]) + 0.6 for k in kinds]
        inner = outer[column].subgridspec(len(kinds), 1, height_ratios=heights)
        for line, kind in enumerate(kinds):
            _group_panel(figure.add_subplot(inner[line]), kind, by_kind[kind], scores)
    handles = [legend_line("topic: F1 pooled over topics (by basis: recall)", TOPIC)]
    if data.predicted.names.stances:
        handles.append(legend_line("stance: share right, where a topic holds", STANCE))
    figure.legend(handles=handles, loc="outside upper left", ncols=2)
    note = _left_out([s for s in scores if (s.kind, s.group) not in shown])
    figure.supxlabel(note, fontsize=6.5, color=GREY, x=0.01, ha="left")
    return figure


def _two_columns(heights: Mapping[str, float]) -> list[list[str]]:
    """Kinds in two columns of about the same height, in order."""
    kinds = list(heights)
    if len(kinds) < 2:
        return [kinds] if kinds else []
    total = sum(heights.values())
    cut = min(
        range(1, len(kinds)), key=lambda i: abs(2 * sum(heights[k] for k in kinds[:i]) - total)
    )
    return [kinds[:cut], kinds[cut:]]


def _group_panel(
    axes: Any, kind: str, order: Sequence[GroupScore], scores: Sequence[GroupScore]
) -> None:
    place = {s.group: -k for k, s in enumerate(order)}
    for s in scores:
        if s.kind == kind and s.group in place and s.low is not None:
            shift = 0.16 if DRAWN[s.score] is TOPIC else -0.16
            _dot(axes, s.value, s.low, s.high, place[s.group] + shift, DRAWN[s.score])
    axes.set_yticks(list(place.values()), [f"{words(s.group)} ({s.documents:,})" for s in order])
    axes.set(xlim=(0, 1), ylim=(-len(order) + 0.4, 0.6))
    axes.tick_params(axis="y", length=0)
    axes.set_title(f"{kind} (documents)", loc="left")


def _left_out(scores: Sequence[GroupScore]) -> str:
    parts = []
    for kind in KINDS:
        few = {s.group: s.documents for s in scores if s.kind == kind}
        named = ", ".join(f"{words(g)} {n}" for g, n in list(few.items())[:MOST_NAMED])
        more = f" and {len(few) - MOST_NAMED} more" if len(few) > MOST_NAMED else ""
        parts += [f"{kind}: {named}{more}"] if few else []
    note = (
        "95% intervals, resampled by document. Not drawn: scores that count fewer than "
        f"{FEWEST_DOCUMENTS} documents"
    )
    return f"{note}:\n" + "\n".join(parts) if parts else f"{note}."


@styled
def agreement(data: FigureData) -> PrintFigure | None:
    """F1 of the labeller with its interval, and of one annotator against the other, by level."""
    reports = {k: r for k, r in data.reports.items() if data.agreement.get(k)}
    if not reports:
        return None
    topics = data.predicted.names.topics
    titles = {f"topic/{t}/f1": words(t) for t in topics} | {m.name: m.title for m in METRICS}
    scored = set.intersection(*({*r.scores} for r in reports.values()))
    titles = {name: title for name, title in titles.items() if name in scored}
    figure = new_figure(PAGE if len(reports) > 1 else 4.6, 0.27 * len(titles) + 0.9)
    row = figure.subplots(1, len(reports), sharey=True, squeeze=False)[0]
    for axes, (level, report) in zip(row, reports.items(), strict=True):
        for k, name in enumerate(titles):
            _dot(axes, report.scores[name], *report.intervals[name], -k, TOPIC)
            if name in data.agreement[level]:
                axes.plot(data.agreement[level][name], -k, **ANNOTATORS)
        axes.axhline(0.5 - len(topics), color=GREY, linewidth=0.6)
        several = report.n_units > report.n_documents
        documents = f" of {report.n_documents:,} documents" if several else ""
        axes.set_title(f"{report.n_units:,} {level}s{documents}", loc="left")
        axes.set(xlim=(0, 1), ylim=(0.6 - len(titles), 0.6), xlabel="F1")
        axes.tick_params(axis="y", length=0)
    row[0].set_yticks([-k for k in range(len(titles))], list(titles.values()))
    handles = [
        legend_line("labeller against the final labels, 95% interval", TOPIC),
        legend_line("one annotator against the other", ANNOTATORS),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _dot(axes: Any, value: Any, low: Any, high: Any, y: float, look: Mapping[str, Any]) -> None:
    axes.plot([low, high], [y, y], color=look["color"], linewidth=1, solid_capstyle="butt")
    axes.plot(value, y, **look)
