"""`annotate import BATCH FILES --corpus FOLDER`: answers of annotators become a corpus."""

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

All files are checked first; every problem is shown with its place, and then nothing is written.
Work that is half done can be imported, and again later. Importing twice changes nothing. Where
annotators differ, a unit has no label until it is decided: annotate adjudicate.
"""


def run(args: list[str]) -> int:
    """Import, and say what came in."""
    options = _parser().parse_args(args)

    from sahelclf.workflows.annotate import import_batch

    imported = import_batch(
        options.batch,
        options.files,
        options.corpus,
        codebook=options.codebook,
        annotator=options.annotator,
        tool=options.tool,
    )
    _show(imported, options.corpus)
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
    return p


def _show(imported: "Imported", corpus: str) -> None:
    from sahelclf.predict.intake import number_of

    rows = [["annotator", "new", "known", "not yet answered"]]
    for name in imported.missing:
        counts = (imported.new[name], imported.known[name], imported.missing[name])
        rows.append([name, *(f"{n:,}" for n in counts)])
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
    if not imported.files:
        say("nothing new: the corpus is as it was")
