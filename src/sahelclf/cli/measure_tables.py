"""What `measure` shows on a terminal: shares, rounds, differences and plans."""

from typing import TYPE_CHECKING, Any

from sahelclf.cli.console import say, table

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ("naive", "sample", "ppi", "dsl")
CORRECTED = SHOWN[1:]
MOST_LINES = 40
TINY = 1e-12  # a rounding error
SMALLEST = 0.0005  # what rounds to 0.0%


def show_shares(shares: "pd.DataFrame") -> None:
    """The whole collection: one line a topic and a stance, one column an estimator."""
    whole = shares[(shares["by"] == "") & (shares["measured"] != "pair")]
    first, labels = whole.iloc[0], [c for c in ("topic", "stance") if c in whole]
    of_stances = " (stances: of the topic's units)" if "stance" in labels else ""
    say(
        f"{first['units']:,} units, {first['codes']} coded by hand; share of all units, 95% "
        f"intervals{of_stances}\n"
    )
    lines = [["", *SHOWN, "units (dsl)"]]
    for (_, *names), rows in whole.groupby(["measured", *labels], sort=False):
        by_name = {r["estimator"]: r for _, r in rows.iterrows()}
        best, count = by_name["dsl"], ""
        if best["count"] == best["count"]:
            low, high = best["count_low"], best["count_high"]
            count = f"{best['count']:,.0f} [{low:,.0f}, {high:,.0f}]"
        lines.append(
            [" ".join(map(str, names)).strip(), *(_cell(by_name[n]) for n in SHOWN), count]
        )
    table(lines)
    say()


def _cell(row: Any) -> str:
    import pandas as pd

    if row["share"] == row["share"]:
        if row["standard_error"] < TINY and min(row["share"], 1 - row["share"]) < TINY:
            return _without_error(row)
        return f"{percent(row['share'])}% [{percent(row['low'])}, {percent(row['high'])}]"
    if row["estimator"] == "naive":
        return "–"
    if pd.isna(row["more_codes"]):
        return "– (too few units)"
    return f"– ({row['more_codes']} more codes)" if row["more_codes"] else "–"


def _without_error(row: Any) -> str:
    """None or all of the units have it: an interval of width 0 would be wrong."""
    word = "0" if row["share"] < TINY else "all"
    bound = f"up to {percent(row['high'])}%" if word == "0" else f"{percent(row['low'])}% or more"
    if row["estimator"] == "naive":
        return f"{word} predicted"
    return f"{word} of {row['codes']} coded; {bound}"


def percent(share: float) -> str:
    """A share in per cent; what is above 0 never reads 0.0."""
    return "<0.1" if 0 < share < SMALLEST else f"{100 * share:.1f}"


def show_rounds(rounds: "pd.DataFrame") -> None:
    """Topics by round and pooled: one line a topic and round."""
    rows = rounds[rounds["measured"] == "topic"]
    lines = [["round", "topic", "codes", *CORRECTED]]
    for (topic, number), cells in rows.groupby(["topic", "round"], sort=False):
        by_name = {r["estimator"]: r for _, r in cells.iterrows()}
        shown = [_cell(by_name[n]) for n in CORRECTED]
        lines.append([str(number), str(topic), str(cells["codes"].iloc[0]), *shown])
    table(lines)
    say()


def show_comparisons(comparisons: "pd.DataFrame", by: tuple[str, ...]) -> None:
    """One line a comparison, by dsl: difference in points, p-value alone and by Holm."""
    import pandas as pd

    from sahelclf.measurement.output import comparison_label

    rows = comparisons[comparisons["estimator"] == "dsl"]
    lines = [["difference in points (dsl), 95% interval", "", "p", "p (Holm)"]]
    for row in rows.head(MOST_LINES).to_dict("records"):
        label = comparison_label(row, by)
        if row["difference"] == row["difference"]:
            value, low, high = (f"{100 * row[c]:+.2f}" for c in ("difference", "low", "high"))
            shown = [f"{value} [{low}, {high}]", _p(row["p_value"]), _p(row["p_holm"])]
        else:
            more = row["more_codes"]
            few = pd.isna(more)
            shown = ["– (too few units)" if few else f"– ({more:,} more codes a cell)", "", ""]
        lines.append([label, *shown])
    table(lines)
    left = len(rows) - MOST_LINES
    tested = int(rows["p_holm"].notna().sum())
    rest = f"; {left} more in the table" if left > 0 else ""
    say(f"p (Holm) is corrected for the {tested} comparisons of this run{rest}\n")


def _p(value: float) -> str:
    if value != value:
        return "–"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def show_plan(planned: "pd.DataFrame", n: int, margin: float) -> None:
    """By design and topic: half-widths in the whole, the widest cell, and codes for the margin."""
    head = [f"{n} codes", "topic", "+- whole, codes alone", "+- whole, dsl", "+- widest cell, dsl"]
    lines = [[*head, f"codes for +-{100 * margin:g} (whole)"]]
    for (design, topic), rows in planned.groupby(["design", "topic"], sort=False):
        whole, cells = rows[rows["by"] == ""].iloc[0], rows[rows["by"] != ""]
        widest = f"{100 * cells['half_width_dsl'].max():.1f}" if len(cells) else "–"
        needed = whole["codes_needed_dsl"]
        lines.append(
            [
                str(design),
                str(topic),
                f"{100 * whole['half_width_sample']:.1f}",
                f"{100 * whole['half_width_dsl']:.1f}",
                widest,
                f"{needed:,.0f}" if needed == needed else "more than there are units",
            ]
        )
    table(lines)
    costs = planned.drop_duplicates("design")
    if (costs["cost"] != n).any():
        pairs = zip(costs["design"], costs["cost"], strict=True)
        listed = "; ".join(f"{design}: {cost:,.0f}" for design, cost in pairs)
        say(f"expected cost of {n} codes: {listed}")
    say()
