"""`annotate adjudicate --corpus FOLDER -o FILE`, then `--from FILE`: decide where they differ."""

from typing import TYPE_CHECKING

from sahelclf.cli.console import parser, result, say
from sahelclf.errors import RequestError

if TYPE_CHECKING:
    import argparse

    from sahelclf.annotation.adjudication import Decided

EPILOG = """examples:
  python -m sahelclf annotate adjudicate --corpus my-corpus -o decide.html
  python -m sahelclf annotate adjudicate --corpus my-corpus --from decisions.jsonl --annotator eva
  python -m sahelclf annotate adjudicate --corpus my-corpus --rule majority

The page (.html) or the sheet (.csv, .xlsx) shows the answers to each unit without names, and asks
for a decision and its reason. Decisions go to adjudication.jsonl, and the units get their labels.
--rule majority decides without a person where more than half of the annotators gave one answer to
every topic; decided_by and why say so. Other units stay undecided, and are not trained on.
"""


def run(args: list[str]) -> int:
    """Write what is to be decided, or add decisions."""
    options = _parser().parse_args(args)

    from sahelclf.predict.intake import number_of
    from sahelclf.workflows.annotate import annotate_adjudicate

    if (options.annotator is not None) != (options.decisions is not None):
        raise RequestError("annotate adjudicate: --annotator NAME goes with --from FILE, always")
    decided = annotate_adjudicate(
        options.corpus,
        options.decisions,
        out=options.out,
        decided_by=options.annotator or "",
        rule=options.rule,
    )
    if options.out is not None:
        n = len(decided.open)
        command = f"python -m sahelclf annotate adjudicate --corpus {options.corpus}"
        say(f"{number_of(n, 'unit')} to decide. Then: {command} --from FILE --annotator NAME")
        result(options.out)
        return 0
    _show(decided)
    result(options.corpus)
    return 0


def _parser() -> "argparse.ArgumentParser":
    p = parser(
        "annotate adjudicate", "Decide on units that annotators answered differently.", EPILOG
    )
    p.add_argument("--corpus", metavar="FOLDER", required=True)
    p.add_argument(
        "-o", "--out", metavar="FILE", help="write a page (.html) or a sheet (.csv, .xlsx)"
    )
    decisions = "the filled sheet, or what the page saved"
    p.add_argument("--from", dest="decisions", metavar="FILE", help=decisions)
    p.add_argument("--annotator", metavar="NAME", help="who decided")
    rule = "decide by a rule, which decided_by names"
    p.add_argument("--rule", choices=["majority"], help=rule)
    return p


def _show(decided: "Decided") -> None:
    from sahelclf.predict.intake import number_of

    say(f"{number_of(len(decided.new), 'new decision')}, {len(decided.known):,} known")
    if decided.against_all:
        say(
            f"{number_of(len(decided.against_all), 'new decision')} on a topic differs from what "
            f"all annotators answered: {', '.join(decided.against_all)}"
        )
    for reason, n in sorted(decided.left_out.items()):
        say(f"left out: {n:,} {reason}")
    if decided.open:
        say(f"still undecided, and not trained on: {number_of(len(decided.open), 'unit')}")
