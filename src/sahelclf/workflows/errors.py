"""What `errors` does: the error page of a training."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.errors import RequestError
from sahelclf.workflows.default import DEFAULT

if TYPE_CHECKING:
    from sahelclf.bundle.labeller import Labeller
    from sahelclf.corpus.read import Corpus
    from sahelclf.evaluation.predictions import Gold, Predictions


def errors(model: str | Path, corpus: str | Path | None = None) -> str:
    """The error page of a trained labeller, as HTML.

    Parameters
    ----------
    model
        A bundle folder, the id of a run of `train`, or `runs:/<id>`.
    corpus
        By default the corpus that the run names.

    Raises
    ------
    RequestError
        Where the corpus is not the one that the labeller was trained on, or the MLflow store does
        not have its predictions.
    """
    from sahelclf.corpus.read import corpus_root, read_corpus
    from sahelclf.tracking.read import read_run
    from sahelclf.workflows.bundles import load_labeller
    from sahelclf.workflows.tables import read_predictions

    name = str(model)
    is_run = re.fullmatch(r"[0-9a-f]{32}", name) and not Path(name).exists()
    if name == DEFAULT:
        read_run("", name)
    labeller = load_labeller(f"runs:/{name}" if is_run else name)
    manifest = labeller.manifest
    given = manifest["config"]["corpus"] if corpus is None else str(corpus)
    texts = read_corpus(corpus_root(given))
    if texts.sha256 != manifest["corpus"]["sha256"]:
        raise RequestError(
            f"{texts.root}: corpus {texts.sha256[:16]}; the model was trained on "
            f"{manifest['corpus']['sha256'][:16]}, {manifest['corpus']['title']!r}. "
            "--corpus names the folder of that one"
        )
    run = read_run(manifest["run_id"], f"run {manifest['run_id']}")
    return run_page(*read_predictions(run, "passages"), texts, labeller)


def run_page(predicted: "Predictions", gold: "Gold", corpus: "Corpus", labeller: "Labeller") -> str:
    """The page of cross-fitted predictions, with the terms of the final model if it is linear."""
    from sahelclf.bundle.contributions import contributions
    from sahelclf.models.runtime.linear import PlainLabeller
    from sahelclf.reports.error_page import analyzers_of, error_page

    manifest, runtime = labeller.manifest, labeller.runtime
    about = {
        "model": manifest["model"],
        "run": manifest["run_id"],
        "corpus": manifest["corpus"]["title"],
        "split": manifest["corpus"]["split"],
    }
    if not isinstance(runtime, PlainLabeller):
        return error_page(predicted, gold, corpus, about)
    analyzers = analyzers_of([block for _, block, _ in runtime.blocks])
    return error_page(
        predicted, gold, corpus, about, lambda text: contributions(runtime, text), analyzers
    )
