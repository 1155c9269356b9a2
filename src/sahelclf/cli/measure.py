"""`measure PREDICTIONS --gold SHEET --by month,country`: corrected shares of topics and stances."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.cli.console import names_of, parser, result, say
from sahelclf.cli.measure_tables import show_comparisons, show_plan, show_rounds, show_shares
from sahelclf.cli.regression import regression
from sahelclf.errors import RequestError
from sahelclf.files import written_aside

if TYPE_CHECKING:
    import argparse

EPILOG = """examples:
  python -m sahelclf annotate sample articles.csv --predictions labels.csv --n 300 \\
      --by probability -o batch
  (fill batch/sheet.csv in a spreadsheet)
  python -m sahelclf measure labels.csv --gold batch/sheet.csv --by month,country -o shares

  python -m sahelclf measure labels.csv --gold coded.csv --contrast country=Mali,Niger
  python -m sahelclf measure labels.csv --gold coded.csv --before-after 2023-07-26 --by country
  python -m sahelclf measure labels.csv --gold coded.csv --regress "sanctions ~ C(country) + month"
  python -m sahelclf measure labels.csv --plan --n 300 --by country

PREDICTIONS is the table that predict wrote (.csv, .tsv, .parquet, .jsonl), of the whole collection.
--by takes columns of it; year, quarter and month are taken from the date. Every estimate is given
for the whole, by each column, and by all of them together.

Differences and slopes are given for the whole and by each column of --by that they do not use
themselves; p-values are corrected for all of them together (Holm). --of says what is compared:
topic, pair or stance shares, and which topics.

FOLDER gets shares.csv and shares.parquet, a figure for each of these, and units_for_r.csv with
measure.R for R's dsl and survey. Without -o the table goes to standard output as CSV.

--regress takes formulas. Left of ~: a topic, topic:stance (of all units), or 'stance | topic' (of
the topic's units). Columns after a bar, 'sanctions ~ x | month', are effects that are not shown.

docs/measure.md explains the columns and the four estimators.
"""


def run(args: list[str]) -> int:
    """Measure, warn, write."""
    options = _parser().parse_args(args)
    target = _target(options)
    if options.family is not None and not options.regress:
        raise RequestError("--family: only with --regress")
    if options.plan and not options.regress:
        return _plan(options, target)
    if not options.gold:
        raise RequestError("measure: --gold SHEET is missing; or --plan, before anything is coded")
    if options.regress:
        return regression(options, target)

    from sahelclf.workflows.measure import measure

    shares = measure(
        options.predictions,
        options.gold,
        by=names_of(options.by),
        date=options.date,
        once=options.once,
        corpus=options.corpus,
        cluster=options.cluster,
        contrasts=options.contrast,
        before_after=options.before_after,
        trend=options.trend,
        of=names_of(options.of),
        shift=options.shift,
    )
    show_shares(shares.table)
    if shares.rounds is not None:
        show_rounds(shares.rounds)
    if shares.comparisons is not None:
        show_comparisons(shares.comparisons, shares.by)
    for warning in shares.warnings:
        say(f"warning: {warning}", "yellow")
    if target is None:
        shown = shares.table if shares.comparisons is None else shares.comparisons
        shown.to_csv(sys.stdout, index=False, float_format="%.6g", lineterminator="\n")
        return 0
    shares.write(target)
    result(str(target))
    return 0


def _target(options: "argparse.Namespace") -> Path | None:
    """The new folder, None for none; refuse one that exists, and inputs that do not."""
    target = Path(options.out) if options.out else None
    if target is not None and target.exists():
        raise RequestError(f"{target}: exists already; choose another folder, or move it away")
    for name in (options.predictions, *options.gold):
        if not Path(name).is_file() and not (name in options.gold and Path(name).is_dir()):
            kind = "a folder; expected a file" if Path(name).is_dir() else "no such file"
            raise RequestError(f"{name}: {kind}")
    return target


def _plan(options: "argparse.Namespace", target: Path | None) -> int:
    """Show and write expected intervals."""
    from sahelclf.workflows.plan import plan

    if len(options.gold) > 1:
        raise RequestError("measure --plan: --gold: expected one coded sheet at most, the pilot")
    margin = options.margin / 100
    planned, warnings = plan(
        options.predictions,
        options.gold[0] if options.gold else None,
        n=options.n,
        by=names_of(options.by),
        date=options.date,
        margin=margin,
        cost=options.cost,
        corpus=options.corpus,
    )
    show_plan(planned, options.n, margin)
    for warning in warnings:
        say(f"warning: {warning}", "yellow")
    if target is None:
        planned.to_csv(sys.stdout, index=False, float_format="%.6g", lineterminator="\n")
        return 0
    with written_aside(target) as folder:
        planned.to_csv(folder / "plan.csv", index=False, float_format="%.6g")
        planned.to_parquet(folder / "plan.parquet", index=False)
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
    gold += "; once for each round, in order"
    p.add_argument("--gold", action="append", default=[], metavar="SHEET", help=gold)
    p.add_argument("--by", metavar="COLUMN,…", default="", help="for instance month,country")
    date = "the column that holds the date (default: date)"
    p.add_argument("--date", metavar="COLUMN", default="date", help=date)
    once = "count near-duplicates once: leave out rows with a duplicate_of"
    p.add_argument("--once", action="store_true", help=once)
    corpus = (
        "its codebook is the sheet's, and the model was trained on it (default: the packaged one)"
    )
    p.add_argument("--corpus", metavar="FOLDER", help=corpus)
    cluster = "what units belong to: none, or a column (default: document_id or document)"
    p.add_argument("--cluster", metavar="COLUMN", help=cluster)
    shift = "also estimate cells with few codes by label shift, which rests on an assumption"
    p.add_argument("--shift", action="store_true", help=shift)
    p.add_argument("-o", "--out", metavar="FOLDER")
    asked = p.add_argument_group("differences and slopes")
    contrast = "A minus B; also topic=A,B and stance=A,B; may be repeated"
    asked.add_argument(
        "--contrast", action="append", default=[], metavar="COLUMN=A,B", help=contrast
    )
    after = "from that day on, minus before"
    asked.add_argument("--before-after", metavar="DATE", help=after)
    trend = "mean change of a share from one to the next"
    asked.add_argument("--trend", choices=("year", "quarter", "month"), help=trend)
    of = "topic, pair, stance, or topics (default: shares of all topics)"
    asked.add_argument("--of", default="", metavar="WHAT,…", help=of)
    regressed = p.add_argument_group("regressions")
    formula = "regress labels on columns, instead of shares; may be repeated"
    regressed.add_argument(
        "--regress", metavar="FORMULA", action="append", default=[], help=formula
    )
    family = "differences in share or in log odds (default: ols)"
    regressed.add_argument("--family", choices=("ols", "logit"), help=family)
    planned = p.add_argument_group("before coding")
    planned.add_argument("--plan", action="store_true", help="expected intervals for N codes")
    planned.add_argument("--n", type=int, default=300, metavar="N", help="default: 300")
    margin = "half the width that is wanted, in points (default: 2)"
    planned.add_argument("--margin", type=float, default=2.0, metavar="POINTS", help=margin)
    cost = "what a unit's coding costs, a column: for the best allocation"
    planned.add_argument("--cost", metavar="COLUMN", help=cost)
    return p
