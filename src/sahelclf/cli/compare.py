"""`compare A B …`: scores on the same units, paired differences, a verdict, parameters and cost."""

import sys
from pathlib import Path

from sahelclf.cli.console import json_result, parser, result, say, write_page
from sahelclf.errors import RequestError
from sahelclf.workflows.compare import LEVELS, compare, comparison_in_ui, log_comparison

EPILOG = """Each of A B … is one system: a run id or runs:/<id>, a bundle folder (its run is looked
up), a predictions table of any system (.csv, .parquet, .jsonl), or several of these joined by
commas that differ in seed alone: their scores are averaged. The parent run of a sweep is one
system for each of its settings. Every other system is compared with the first.

examples:
  python -m sahelclf compare bundles/tfidf-… bundles/keywords-…
  python -m sahelclf compare <run>,<run>,<run> llm.csv --split test --to comparison.html

The result is a table on a terminal; in a pipe it is JSON, and the table goes to standard error.
--to writes it as .md, .tex or .html instead. docs/compare.md says how to read it.
"""


def run(args: list[str]) -> int:
    """Compare."""
    p = parser("compare", "Compare systems on the same units.", EPILOG)
    p.add_argument("systems", nargs="+", metavar="A B …")
    p.add_argument("--level", choices=LEVELS, default="passage", help="default: passage")
    p.add_argument(
        "--split",
        metavar="PART",
        help="which predictions of runs: 'development' (default), or a part that `evaluate` "
        "scored: test",
    )
    p.add_argument(
        "--corpus",
        metavar="FOLDER",
        help="gold for tables that have none (default: the packaged corpus)",
    )
    p.add_argument("--to", metavar="FILE", help="write the table as .md, .tex or .html")
    p.add_argument(
        "--track", action="store_true", help="log the table as a run of kind 'comparison' in MLflow"
    )
    options = p.parse_args(args)
    from sahelclf.reports.comparison import FORMS

    target = Path(options.to) if options.to else None
    if target and target.suffix not in FORMS:
        raise RequestError(
            f"--to {target}: unknown form {target.suffix!r}; expected one of {', '.join(FORMS)}"
        )
    report = compare(
        *options.systems, level=options.level, split=options.split, corpus=options.corpus
    )
    if target or not sys.stdout.isatty():
        say(report.text())
    if target:
        write_page(target, FORMS[target.suffix](report))
        result(str(target))
    elif sys.stdout.isatty():
        result(report.text())
    else:
        json_result(report.as_dict())
    if report.run_ids:
        say(f"\nthe same runs as charts: {comparison_in_ui(report.run_ids)}")
    if options.track:
        run_id = log_comparison(report)
        say(f"logged as run {run_id} of kind 'comparison'")
    return 0
