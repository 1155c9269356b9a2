"""`errors RUN|BUNDLE [-o errors.html]`: the error page of a training."""

from pathlib import Path

from sahelclf.cli.console import parser, result, write_page
from sahelclf.errors import RequestError
from sahelclf.workflows.errors import errors

EPILOG = """RUN is the id of a run of `train` (or runs:/<id>), BUNDLE the folder that it wrote. The
page is one HTML file that opens from disk, without a network: every development passage with gold,
cross-fitted prediction and the annotators' labels, and for linear models what each term adds. The
file contains the texts of the passages: share it only where these may be shared.

examples:
  python -m sahelclf errors bundles/tfidf-… -o errors.html
  python -m sahelclf errors runs:/<run id> --corpus my-corpus
"""


def run(args: list[str]) -> int:
    """Write the error page of RUN or BUNDLE."""
    p = parser("errors", "Write a page of a model's errors, to filter, search and read.", EPILOG)
    p.add_argument("model", metavar="RUN|BUNDLE")
    p.add_argument(
        "-o", "--out", metavar="FILE", default="errors.html", help="default: errors.html"
    )
    p.add_argument("--corpus", metavar="FOLDER", help="default: the corpus that the run names")
    options = p.parse_args(args)
    out = Path(options.out)
    if out.is_dir():
        raise RequestError(f"-o {out}: a folder; expected the name of an HTML file")
    write_page(out, errors(options.model, options.corpus))
    result(str(out))
    return 0
