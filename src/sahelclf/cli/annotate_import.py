"""`annotate import BATCH FILES --corpus FOLDER`: answers of annotators become a corpus."""

from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.cli.console import parser, result, say, table

if TYPE_CHECKING:
    import argparse

    from sahelclf.annotation.importing import Imported

EPILOG = """examples:
  python -m sahelclf annotate import batch-1 batch-1/answers-*.jsonl --corpus my-corpus
  python -m sahelclf annotate import batch-1 export.json --corpus my-corpus --from label-studio
  python -m sahelclf annotate import batch-1 sheet.xlsx --corpus my-corpus --annotator anna
  python -m sahelclf annotate import batch-1 export.json --corpus my-corpus --annotator 3=anna,4=ben
  python -m sahelclf annotate import batch-1 sheet-anna.csv --corpus my-corpus --correct

All files are checked first; every problem is shown with its place, and then nothing is written.
Work that is half done can be imported, and again later. Importing twice changes nothing. Where
annotators differ, a unit has no label until it is decided: annotate adjudicate.
"""


def run(args: list[str]) -> int:
    """Import, and say what came in."""
    options = _parser().parse_args(args)

    from sahelclf.workflows.annotate import annotate_import

    imported = annotate_import(
        options.batch,
        options.files,
        options.corpus,
        codebook=options.codebook,
        annotator=options.annotator,
        tool=options.tool,
        correct=options.correct,
    )
    _show(imported, options.corpus)
    if Path(options.corpus).exists():
        result(options.corpus)
    return 0


def _parser() -> "argparse.ArgumentParser":
    p = parser("annotate import", "Answers of annotators become a corpus, or join it.", EPILOG)
    p.add_argument("batch", metavar="BATCH", help="the folder that annotate sample wrote")
    p.add_argument("files", metavar="FILE", nargs="+", help="what annotators or tools gave back")
    p.add_argument("--corpus", metavar="FOLDER", required=True, help="made where there is none")
    codebook = "codebook of a new corpus (default: the batch's)"
    p.add_argument("--codebook", metavar="FILE", help=codebook)
    annotator = (
        "the annotator, where a file names none; where it names one, both must agree. Or names for "
        "those in the file, which may be ids: 3=anna,4=ben"
    )
    p.add_argument("--annotator", metavar="NAME", help=annotator)
    p.add_argument("--from", dest="tool", metavar="TOOL", help="tool of the files")
    correct = "answers that differ from the annotator's earlier ones correct them; they decide on "
    correct += "the label, and agreement stays that of the first answers"
    p.add_argument("--correct", action="store_true", help=correct)
    return p


def _show(imported: "Imported", corpus: str) -> None:
    from sahelclf.predict.intake import number_of

    counts = {"new": imported.new, "known": imported.known, "corrected": imported.corrected}
    shown = {k: n for k, n in counts.items() if n or k != "corrected"}
    shown |= {"not yet answered": imported.missing}
    rows = [["annotator", *shown]]
    rows += [[name, *(f"{n[name]:,}" for n in shown.values())] for name in imported.missing]
    table(rows)
    for reason, n in sorted(imported.left_out.items()):
        say(f"left out: {n:,} {reason}")
    for note in imported.notes:
        say(f"note: {note}")
    if imported.undecided:
        units = number_of(len(imported.undecided), "unit")
        say(
            f"no label yet, since the answers differ: {units}. "
            f"Then: python -m sahelclf annotate adjudicate --corpus {corpus} -o decide.html"
        )
    if not imported.files and Path(corpus).exists():
        say("nothing new: the corpus is as it was")
    elif not imported.files:
        say("no answers yet, so no corpus was made")
