"""`measure PREDICTIONS --gold SHEET --by month,country`: corrected shares of topics and stances."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.cli.console import names_of, parser, result, say, table
from sahelclf.errors import RequestError

if TYPE_CHECKING:
    import argparse

    import pandas as pd

EPILOG = """examples:
  python -m sahelclf annotate sample articles.csv --predictions labels.csv --n 300 \\
      --by probability -o batch
  (fill batch/sheet.csv in a spreadsheet)
  python -m sahelclf measure labels.csv --gold batch/sheet.csv --by month,country -o shares

PREDICTIONS is the table that predict wrote (.csv, .tsv, .parquet, .jsonl), of the whole collection.
--by takes columns of it; year, quarter and month are taken from the date. Every estimate is given
for the whole, by each column, and by all of them together.

FOLDER gets shares.csv and shares.parquet, a figure for each of these, and units_for_r.csv with
measure.R for R's dsl and survey. Without -o the table goes to standard output as CSV.
docs/measure.md explains the columns and the four estimators.
"""
SHOWN = ("naive", "sample", "ppi", "dsl")


def run(args: list[str]) -> int:
    """Measure, warn, write."""
    options = _parser().parse_args(args)
    target = Path(options.out) if options.out else None
    if target is not None and target.exists():
        raise RequestError(f"{target}: exists already; choose another folder, or move it away")
    for name in (options.predictions, options.gold):
        if not Path(name).is_file() and not (name == options.gold and Path(name).is_dir()):
            kind = "a folder; expected a file" if Path(name).is_dir() else "no such file"
            raise RequestError(f"{name}: {kind}")

    from sahelclf.workflows.measure import measure

    shares = measure(
        options.predictions,
        options.gold,
        by=names_of(options.by),
        date=options.date,
        once=options.once,
        corpus=options.corpus,
    )
    _show(shares.table)
    for warning in shares.warnings:
        say(f"warning: {warning}", "yellow")
    if target is None:
        shares.table.to_csv(sys.stdout, index=False, float_format="%.6g", lineterminator="\n")
        return 0
    shares.write(target)
    result(str(target))
    return 0


def _parser() -> "argparse.ArgumentParser":
    p = parser(
        "measure",
        "Shares and counts of topics and stances in a collection, corrected by a coded sample.",
        EPILOG,
    )
    p.add_argument("predictions", metavar="PREDICTIONS")
    gold = "the filled sheet that annotate sample drew, or the batch after annotate import"
    p.add_argument("--gold", required=True, metavar="SHEET", help=gold)
    p.add_argument("--by", metavar="COLUMN,…", default="", help="for instance month,country")
    date = "the column that holds the date (default: date)"
    p.add_argument("--date", metavar="COLUMN", default="date", help=date)
    once = "count near-duplicates once: leave out rows with a duplicate_of"
    p.add_argument("--once", action="store_true", help=once)
    corpus = (
        "its codebook is the sheet's, and the model was trained on it (default: the packaged one)"
    )
    p.add_argument("--corpus", metavar="FOLDER", help=corpus)
    p.add_argument("-o", "--out", metavar="FOLDER")
    return p


def _show(shares: "pd.DataFrame") -> None:
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
        return f"{100 * row['share']:.1f}% [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"
    if row["estimator"] == "naive":
        return "–"
    if pd.isna(row["more_codes"]):
        return "– (too few units)"
    return f"– ({row['more_codes']} more codes)" if row["more_codes"] else "–"
