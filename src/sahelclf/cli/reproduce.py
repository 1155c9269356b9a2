"""`reproduce BUNDLE|RUN`: train again from the record, and compare."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from sahelclf.cli.console import json_result, parser, progress, say, table

if TYPE_CHECKING:
    from sahelclf.workflows.reproduce import Reproduction

EPILOG = """example:
  python -m sahelclf reproduce bundles/first

The corpus must be the one of the record; --corpus says where it lies now. Exit code 0: the same
labeller; 1: another one. docs/reproduce.md says what is compared.
"""
VERDICTS = {
    "identical": "identical: the weights have the same bytes",
    "equal": "equal: logits differ by at most {gap:.1g} ({tolerance:g} is allowed), no decision "
    "differs",
    "different": "different: logits differ by up to {gap:.2g} ({tolerance:g} is allowed); {topics} "
    "of {decisions:,} decisions and {stances} stances differ",
}


def run(args: list[str]) -> int:
    """Reproduce."""
    p = parser("reproduce", "Train a bundle again from its record, and compare the two.", EPILOG)
    p.add_argument("source", metavar="BUNDLE|RUN", help="a bundle folder, a run id, or runs:/…")
    p.add_argument("--corpus", metavar="FOLDER", help="where the corpus of the record lies now")
    p.add_argument("-o", "--out", metavar="FOLDER", help="keep the second bundle here")
    options = p.parse_args(args)
    from sahelclf.workflows.reproduce import reproduce  # after --help, which is to be quick

    with progress() as show:
        found = reproduce(options.source, corpus=options.corpus, out=options.out, show=show)
    _show(found)
    if not sys.stdout.isatty():
        json_result(asdict(found))
    return 0 if found.succeeded else 1


def _show(found: "Reproduction") -> None:
    from sahelclf.evaluation.report import HEADLINE

    rows = [["score", "recorded", "now"]]
    shown = {k: v for k, v in found.scores.items() if k.split("/", 1)[1] in HEADLINE}
    rows += [[k, f"{then:.4f}", f"{now:.4f}"] for k, (then, now) in shown.items()]
    table(rows)
    differing = sum(then != now for then, now in found.scores.values())
    say(f"{differing} of {len(found.scores)} scores differ")
    for name, (then, now) in found.versions.items():
        say(f"{name}: {then} then, {now} now")
    for note in found.notes:
        say(note)
    say(
        VERDICTS[found.verdict].format(
            gap=found.logit_difference,
            tolerance=found.tolerance,
            topics=found.topics_changed,
            decisions=found.decisions,
            stances=found.stances_changed,
        )
    )
