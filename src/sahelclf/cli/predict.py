"""`predict [MODEL] INPUT [-o OUT]`, and `predict --check INPUT`."""

import sys
from typing import Any

from sahelclf.cli.console import parser, result, row_progress, unit_printer
from sahelclf.errors import RequestError

EPILOG = """examples:
  python -m sahelclf predict article.txt
  python -m sahelclf predict articles.csv --text body -o labels.csv
  python -m sahelclf predict bundles/tfidf-… pages/ -o labels.jsonl
  python -m sahelclf predict bundles/tfidf-… archive/ -o labels.csv --duplicates --resume
  python -m sahelclf predict bundles/tfidf-… archive/ -o labels.parquet --engine ray --workers 64
  python -m sahelclf predict --check archive/
  cat article.txt | python -m sahelclf predict runs:/<run id> -

MODEL is a bundle folder, runs:/<run id>, models:/<name or id>, or default: the labeller of the
packaged corpus, which the first command that needs it trains, once. Without MODEL it is default.
INPUT is {inputs},
a folder or pattern of these, or - for standard input. OUT is {outputs};
without it, a terminal shows the labels and a pipe gets JSON lines. Rows that cannot be labelled
go to OUT.rejects.jsonl with the reason. Exit code 1: the job failed, or a file was not read to
its end.
"""
SWITCHES = {
    "resume": "keep what is done beside OUT; after a kill, the same command resumes",
    "any-language": "label rows in languages that the model was not trained on too",
    "duplicates": "add duplicate_of: the first row that a row is a near-duplicate of",
    "unique-ids": "make ids unique: the file's name before, the row's number after repeated ones",
    "with-text": "add the text, and the evidence of each topic, to tables",
    "overwrite": "replace OUT, whatever wrote it",
    "fast": "a transformer's eight-bit weights; a message says how often they decide otherwise",
}


def run(args: list[str]) -> int:
    """Label INPUT, or report what is in it."""
    from sahelclf.predict import forms

    text = EPILOG.format(inputs=forms.EXPECTED, outputs=forms.EXPECTED_OUT)
    p = parser("predict", "Label passages or documents.", text)
    p.add_argument("model", metavar="MODEL", nargs="?", default="default")
    p.add_argument("input", metavar="INPUT")
    p.add_argument("-o", "--out", metavar="OUT")
    p.add_argument("--check", action="store_true", help="report what INPUT holds; label nothing")
    p.add_argument(
        "--unit",
        choices=["passage", "document"],
        help="default: passage for rows, document for pages of text and HTML",
    )
    for word in ("text", "id", "title", "date"):
        p.add_argument(
            f"--{word}", metavar="COLUMN", help=f"column of the {word} (default: {word})"
        )
    p.add_argument("--delimiter", type=_delimiter, metavar="CHARACTER", help="of tables; or: tab")
    p.add_argument("--encoding", metavar="NAME", help="of tables and texts, such as cp1252")
    p.add_argument("--quoting", choices=["quotes", "backslash", "none"], help="of tables")
    p.add_argument("--sheet", metavar="NAME", help="of a workbook (default: the first)")
    for name, what in SWITCHES.items():
        p.add_argument(f"--{name}", action="store_true", help=what)
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
    return _run(vars(p.parse_args(args)))


def _run(options: dict[str, Any]) -> int:
    from sahelclf.workflows.bundles import names_bundle
    from sahelclf.workflows.predict import check_file, predict_file

    name = options["input"]
    if names_bundle(name):
        raise RequestError(
            f"predict: {name} is a bundle, and INPUT is missing; expected predict {name} INPUT"
        )
    model, check = options.pop("model"), options.pop("check")
    if check:
        names = "input unit text id title date delimiter encoding quoting sheet unique_ids"
        report = check_file(**{name: options[name] for name in names.split()})
        result("\n".join(report.lines()))
        return 1 if report.unread or report.rejected.total() == report.rows else 0
    if options["out"] is None and sys.stdout.isatty():  # the rows themselves show the progress
        units = {"sink": unit_printer(), "with_text": True}
        return 1 if predict_file(model, **options | units).unread else 0
    if options["out"] is None:
        options["sink"] = _write_lines
    with row_progress() as show:
        summary = predict_file(model, show=show, **options)
    return 1 if summary.unread else 0


def _write_lines(rows: Any) -> None:
    from sahelclf.predict.layout import json_line

    sys.stdout.buffer.write(b"".join(map(json_line, rows)))


def _delimiter(value: str) -> str:
    return {"tab": "\t", "\\t": "\t"}.get(value, value)
