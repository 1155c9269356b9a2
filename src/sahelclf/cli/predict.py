"""`predict MODEL INPUT [-o OUT]`."""

from pathlib import Path

from sahelclf.cli.console import parser
from sahelclf.workflows.bundles import local_bundle

EPILOG = """examples:
  python -m sahelclf predict bundles/tfidf-… articles.csv --text body -o labels.csv
  python -m sahelclf predict bundles/tfidf-… pages/ -o labels.jsonl
  python -m sahelclf predict bundles/tfidf-… archive/ -o labels.csv --duplicates --resume
  python -m sahelclf predict bundles/tfidf-… archive/ -o labels.parquet --engine ray --workers 64
  cat article.txt | python -m sahelclf predict runs:/<run id> -

MODEL is a bundle folder, runs:/<run id> or models:/<name or id>. INPUT is .jsonl, .csv, .parquet, .txt or .html, any of
them as .gz or .zst, a folder or pattern of these, or - for standard input. OUT ends in .jsonl, .csv or .parquet (.gz, .zst);
without it, JSON lines go to standard output. Rows that cannot be labelled go to OUT.rejects.jsonl with the reason.
"""


def run(args: list[str]) -> int:
    """Label INPUT."""
    p = parser("predict", "Label passages or documents.", EPILOG)
    p.add_argument("model", metavar="MODEL")
    p.add_argument("input", metavar="INPUT")
    p.add_argument("-o", "--out", metavar="OUT")
    p.add_argument(
        "--unit",
        choices=["passage", "document"],
        help="default: passage for rows, document for .txt and .html",
    )
    for word in ("text", "id", "title", "date"):
        p.add_argument(
            f"--{word}",
            metavar="COLUMN",
            help=f"the column that holds the {word} (default: {word})",
        )
    p.add_argument(
        "--resume",
        action="store_true",
        help="keep what is done beside OUT; after a kill, the same command goes on",
    )
    p.add_argument(
        "--any-language",
        action="store_true",
        help="label rows in languages that the model was not trained on too",
    )
    p.add_argument(
        "--duplicates",
        action="store_true",
        help="add duplicate_of: the first row that a row is a near copy of",
    )
    p.add_argument(
        "--fast",
        action="store_true",
        help="a transformer's eight-bit weights; how often it decides otherwise is told",
    )
    p.add_argument(
        "--engine",
        choices=["local", "ray"],
        default="local",
        help="ray: on this machine, or the cluster that RAY_ADDRESS names",
    )
    p.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes that label (default: one a core; one in all for an encoder's model)",
    )
    options = p.parse_args(args)

    from sahelclf.bundle.labeller import Labeller
    from sahelclf.predict.inputs import open_source
    from sahelclf.predict.readers import Columns
    from sahelclf.predict.run import Options, predict

    columns = Columns(options.text, options.id, options.title, options.date)
    source = open_source(options.input, options.unit, columns)
    asked = Options(
        options.resume, options.any_language, options.duplicates, options.engine, options.workers
    )
    with local_bundle(options.model) as folder:
        predict(
            Labeller.load(folder, fast=options.fast),
            source,
            Path(options.out) if options.out else None,
            asked,
        )
    return 0
