"""Dots with intervals: scores by group, and the model beside the annotators."""

from collections.abc import Mapping, Sequence
from typing import Any

from sahelclf.evaluation.groups import FEWEST_DOCUMENTS, KINDS, GroupScore
from sahelclf.evaluation.predictions import Names
from sahelclf.evaluation.report import Report
from sahelclf.reports.figures.style import (
    COLOURS,
    GREY,
    PAGE,
    PrintFigure,
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
def groups(scores: Sequence[GroupScore]) -> PrintFigure:
    """Topic and stance by group, 95% intervals; a group of fewer than ten documents that count is named below, not drawn."""
    wanted = [s for s in scores if s.score in DRAWN]
    shown = {(s.kind, s.group): s for s in wanted if s.low is not None}
    by_kind = {k: [s for (kind, _), s in shown.items() if kind == k] for k in KINDS}
    by_kind = {k: v for k, v in by_kind.items() if v}
    columns = _two_columns({k: len(v) + 2.2 for k, v in by_kind.items()})
    height = 0.19 * max((sum(len(by_kind[k]) + 2.2 for k in c) for c in columns), default=1) + 0.75
    figure = new_figure(PAGE, height)
    outer = figure.add_gridspec(1, max(1, len(columns)))
    for column, kinds in enumerate(columns):
        inner = outer[column].subgridspec(
            len(kinds), 1, height_ratios=[len(by_kind[k]) + 0.6 for k in kinds]
        )
        for line, kind in enumerate(kinds):
            _group_panel(figure.add_subplot(inner[line]), kind, by_kind[kind], wanted)
    handles = [
        _handle("topic: F1 pooled over topics (by basis: recall)", TOPIC),
        _handle("stance: share right, where a topic holds", STANCE),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=2)
    figure.supxlabel(
        _left_out([s for s in wanted if (s.kind, s.group) not in shown]),
        fontsize=6.5,
        color=GREY,
        x=0.01,
        ha="left",
    )
    return figure


def _two_columns(heights: Mapping[str, float]) -> list[list[str]]:
    """Kinds in two columns of like height, in order."""
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
        if (
            s.kind == kind
            and s.group in place
            and s.value is not None
            and s.low is not None
            and s.high is not None
        ):
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
    note = f"95% intervals, resampled by document. A score that fewer than {FEWEST_DOCUMENTS} documents have a part in is not drawn"
    return f"{note}:\n" + "\n".join(parts) if parts else f"{note}."


@styled
def agreement(
    reports: Mapping[str, Report], human: Mapping[str, Mapping[str, float]], names: Names
) -> PrintFigure:
    """F1 of the model, with its interval, beside the annotators' against each other; one panel a level."""
    scores = [f"topic/{t}/f1" for t in names.topics] + [
        "topic/macro_f1",
        "stance/macro_f1",
        "joint/f1",
    ]
    titles = [words(t) for t in names.topics] + [
        "topics, macro",
        "stance, macro",
        "topic and stance",
    ]
    figure = new_figure(PAGE if len(reports) > 1 else 4.6, 0.27 * len(scores) + 0.9)
    row = figure.subplots(1, len(reports), sharey=True, squeeze=False)[0]
    for axes, (level, report) in zip(row, reports.items(), strict=True):
        for k, name in enumerate(scores):
            low, high = report.intervals[name]
            _dot(axes, report.scores[name], low, high, -k, TOPIC)
            if name in human[level]:
                axes.plot(human[level][name], -k, **ANNOTATORS)
        axes.axhline(0.5 - len(names.topics), color=GREY, linewidth=0.6)
        axes.set_title(
            f"{report.n_units:,} {level}s"
            + (
                f" of {report.n_documents:,} documents"
                if report.n_units > report.n_documents
                else ""
            ),
            loc="left",
        )
        axes.set(xlim=(0, 1), ylim=(0.6 - len(scores), 0.6), xlabel="F1")
        axes.tick_params(axis="y", length=0)
    row[0].set_yticks([-k for k in range(len(scores))], titles)
    handles = [
        _handle("model against the final labels, 95% interval", TOPIC),
        _handle("one annotator against the other", ANNOTATORS),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure


def _dot(
    axes: Any, value: float, low: float, high: float, y: float, look: Mapping[str, Any]
) -> None:
    axes.plot([low, high], [y, y], color=look["color"], linewidth=1, solid_capstyle="butt")
    axes.plot(value, y, **look)


def _handle(label: str, look: Mapping[str, Any]) -> Any:
    from matplotlib.lines import Line2D

    options: dict[str, Any] = {"linestyle": "-", "linewidth": 1} | dict(look)
    return Line2D([], [], **options, label=label)
