"""`errors RUN|BUNDLE [-o errors.html]`: the error page of a training."""

import re
from pathlib import Path

from sahelclf.cli.console import parser, result, write_page
from sahelclf.errors import RequestError
from sahelclf.workflows.bundles import load_labeller
from sahelclf.workflows.errors import run_page

EPILOG = """RUN is the id of a run of `train` (or runs:/<id>), BUNDLE the folder that it wrote. The page is one HTML file that opens
from disk, without a network: every development passage with gold, cross-fitted prediction and both annotators' labels, and
for linear models what each term adds. It holds the passages' texts: whoever has the page has these.
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

    from sahelclf.corpus.read import corpus_root, read_corpus
    from sahelclf.tracking.read import read_run
    from sahelclf.workflows.tables import read_predictions

    labeller = load_labeller(_model(options.model))
    manifest = labeller.manifest
    corpus = read_corpus(corpus_root(options.corpus or manifest["config"]["corpus"]))
    if corpus.sha256 != manifest["corpus"]["sha256"]:
        raise RequestError(
            f"{corpus.root}: corpus {corpus.sha256[:16]}; the model was trained on {manifest['corpus']['sha256'][:16]}, "
            f"{manifest['corpus']['title']!r}. --corpus names the folder that holds that one"
        )
    found = read_run(manifest["run_id"], f"run {manifest['run_id']}")
    page = run_page(*read_predictions(found, "passages"), corpus, labeller)
    write_page(out, page)
    result(str(out))
    return 0


def _model(name: str) -> str:
    """A run's id stands for its labeller, unless a folder has that name."""
    return (
        f"runs:/{name}" if re.fullmatch(r"[0-9a-f]{32}", name) and not Path(name).exists() else name
    )
