"""The error page of a training."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sahelclf.bundle.labeller import Labeller
    from sahelclf.corpus.read import Corpus
    from sahelclf.evaluation.predictions import Gold, Predictions


def run_page(predicted: "Predictions", gold: "Gold", corpus: "Corpus", labeller: "Labeller") -> str:
    """The error page of a training: its cross-fitted predictions, and the terms of its final model where it is linear."""
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
