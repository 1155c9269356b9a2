"""`annotate sample [INPUT] -o BATCH`: units to annotate, with their sampling probabilities."""

from typing import TYPE_CHECKING

from sahelclf.cli.console import names_of, parser, result, say
from sahelclf.errors import RequestError

if TYPE_CHECKING:
    import argparse

EPILOG = """examples:
  python -m sahelclf annotate sample articles.csv --text body --codebook codebook.yaml \\
      --n 100 --first --annotators anna,ben --to page,xlsx -o batch-1
  python -m sahelclf annotate sample articles.csv --text body --corpus my-corpus \\
      --next bundles/tfidf --n 100 -o batch-2
  python -m sahelclf annotate sample articles.csv --predictions labels.csv --by probability \\
      --n 300 -o batch      then fill batch/sheet.csv, and measure labels.csv --gold batch/sheet.csv
  python -m sahelclf annotate sample --n 150 -o check      then fill check/sheet.csv, and
      python -m sahelclf corpus agreement --with check/sheet.csv

INPUT is a collection as predict takes it (.jsonl, .csv, .parquet, a folder, …). Without it,
passages of the corpus are drawn, equally many of each topic and stance.
BATCH gets batch.json, units.jsonl, codebook.yaml and the files for the tools: page (one HTML file,
no tool needed), sheet (.csv), xlsx, label-studio, doccano, prodigy, argilla, potato.
"""
OF_INPUT = (
    "codebook",
    "by",
    "predictions",
    "next",
    "first",
    "suggest",
    "unit",
    "text",
    "id",
    "title",
    "date",
)


def run(args: list[str]) -> int:
    """Draw a batch and write it."""
    options = _parser().parse_args(args)
    given = [f"--{w}" for w in OF_INPUT if getattr(options, w)]
    if given and options.input is None:
        raise RequestError(
            f"annotate sample: {', '.join(given)} needs INPUT, the collection to draw from"
        )

    from sahelclf.predict.intake import number_of
    from sahelclf.predict.rows import COLUMN_ROLES
    from sahelclf.workflows.sampling import annotate_sample

    of_input = {
        "by": names_of(options.by),
        "next_by": options.next,
        "predictions": options.predictions,
        "first": options.first,
        "random": options.random,
        "suggest": options.suggest,
        "codebook": options.codebook,
        "unit": options.unit,
        **{role: getattr(options, role) for role in COLUMN_ROLES},
    }
    batch = annotate_sample(
        options.input,
        out=options.out,
        n=options.n,
        seed=options.seed,
        tools=names_of(options.to),
        annotators=names_of(options.annotators),
        overlap=options.overlap,
        corpus=options.corpus,
        **(of_input if options.input is not None else {}),
    )
    many = ", ".join(batch.info.annotators) or "everybody"
    say(f"{number_of(len(batch.units), 'unit')} for {many}. Answer every topic of every unit.")
    result(options.out)
    return 0


def _parser() -> "argparse.ArgumentParser":
    p = parser(
        "annotate sample",
        "Draw units to annotate, with known probabilities, and write them for the tools.",
        EPILOG,
    )
    p.add_argument("input", nargs="?", metavar="INPUT", help="your collection")
    p.add_argument("-o", "--out", required=True, metavar="BATCH", help="a new folder")
    p.add_argument("--n", type=int, default=100, help="units to draw (default: 100)")
    p.add_argument("--seed", type=int, default=0, help="of the draw (default: 0)")
    codebook = "topics and stances to annotate (default: of --corpus)"
    p.add_argument("--codebook", metavar="FILE", help=codebook)
    corpus = "its codebook, keywords.yaml and labels so far (default: the packaged corpus)"
    p.add_argument("--corpus", metavar="FOLDER", help=corpus)
    p.add_argument(
        "--to", default="page,sheet", metavar="TOOL,…", help="tools (default: page,sheet)"
    )
    p.add_argument("--annotators", metavar="NAME,…", help="files for each (default: one for all)")
    overlap = "share of the units that all annotators get; the rest is divided (default: 1.0)"
    p.add_argument("--overlap", type=float, default=1.0, metavar="SHARE", help=overlap)
    how = p.add_argument_group("how to draw (default: every unit with the same probability)")
    by = "the same number from each stratum: columns, year, quarter, month, or probability"
    how.add_argument("--by", metavar="COLUMN,…", help=by)
    predictions = "the output of predict for INPUT; needed for --by probability"
    how.add_argument("--predictions", metavar="TABLE", help=predictions)
    how.add_argument(
        "--first",
        action="store_true",
        help="a first batch without a model: by the corpus's keywords.yaml, else by chance",
    )
    model = "what to label next: units of which this bundle (or table of predict) is least sure"
    how.add_argument("--next", metavar="MODEL", help=model)
    random = "with --next or --first: the share that is drawn by chance (default: 0.4)"
    how.add_argument("--random", type=float, default=0.4, metavar="SHARE", help=random)
    suggest = "show the annotators a model's answers (default: that of --next); such units do not "
    suggest += "count for agreement or measure"
    p.add_argument("--suggest", nargs="?", const=True, metavar="MODEL", help=suggest)
    p.add_argument("--unit", choices=["passage", "document"], help="as for predict")
    for word in ("text", "id", "title", "date"):
        column = f"the column that holds the {word} (default: {word})"
        p.add_argument(f"--{word}", metavar="COLUMN", help=column)
    return p
