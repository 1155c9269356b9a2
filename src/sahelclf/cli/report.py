"""`report RUN|BUNDLE … -o FOLDER`: figures, tables and the methods paragraph of runs."""

from sahelclf.cli.console import parser, result
from sahelclf.workflows.report import report

EPILOG = """examples:
  python -m sahelclf report bundles/first -o paper
  python -m sahelclf report runs:/<run id> runs:/<run id> runs:/<robustness run id> -o paper

RUN is a run of train, of robustness, or the parent of a sweep (its finished children are taken):
runs:/<id> or the bare id. BUNDLE is a bundle folder. Where the MLflow store has its run, scores are
computed from the run's predictions and the figures drawn; else the tables are those of the
manifest. All must be of one corpus and split.

FOLDER gets report.md, methods.tex, references.bib, tables/*.csv and *.tex, figures/*.png and *.pdf.
"""


def run(args: list[str]) -> int:
    """Write the report and print its folder."""
    about = "Rebuild figures and tables of runs or bundles; write the methods paragraph and BibTeX."
    p = parser("report", about, EPILOG)
    p.add_argument("sources", nargs="+", metavar="RUN|BUNDLE")
    p.add_argument("-o", "--out", required=True, metavar="FOLDER")
    options = p.parse_args(args)
    result(str(report(*options.sources, out=options.out)))
    return 0
