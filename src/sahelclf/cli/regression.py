"""`measure PREDICTIONS --gold SHEET --regress FORMULA`: the coefficients on the terminal."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.cli.console import result, say, table
from sahelclf.errors import RequestError

if TYPE_CHECKING:
    import argparse

# options of shares
OTHERS = ("by", "contrast", "before_after", "trend", "of", "shift", "plan")


def regression(options: "argparse.Namespace", target: Path | None) -> int:
    """Estimate, show, warn, write."""
    others = [name for name in OTHERS if getattr(options, name)]
    if others:
        listed = ", ".join(f"--{name.replace('_', '-')}" for name in others)
        raise RequestError(
            f"{listed}: not with --regress; write columns into the formula, or run measure twice"
        )
    from sahelclf.measurement.regression_output import printed
    from sahelclf.workflows.regress import regress

    found = regress(
        options.predictions,
        options.gold,
        options.regress,
        family=options.family or "ols",
        cluster=options.cluster,
        date=options.date,
        once=options.once,
        corpus=options.corpus,
    )
    what = "differences in share" if found.family == "ols" else "differences in log odds"
    say(f"{found.family}: coefficients ({what}) and 95% intervals\n")
    for formula, lines in printed(found.table):
        say(formula)
        table(lines)
        say()
    for note in found.notes:
        say(note)
    for warning in found.warnings:
        say(f"warning: {warning}", "yellow")
    say(f"\n{found.sentence}")
    if target is None:
        found.table.to_csv(sys.stdout, index=False, float_format="%.6g", lineterminator="\n")
        return 0
    found.write(target)
    result(str(target))
    return 0
