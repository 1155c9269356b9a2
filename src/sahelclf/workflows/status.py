"""How far the annotation is, and what more would buy: what `annotate status` does."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sahelclf.errors import RequestError

if TYPE_CHECKING:
    from sahelclf.annotation.progress import Curve, Share
    from sahelclf.codebook import Codebook
    from sahelclf.config import TrainConfig
    from sahelclf.corpus.read import Corpus
    from sahelclf.evaluation.predictions import Gold, Predictions
    from sahelclf.records import BatchRecord
    from sahelclf.tasks.base import TaskData

FEWEST, MOST_TEXTS, DRAWS = 40, 1000, 1000
OF_COLLECTIONS = ("strata", "first", "next")  # names of strategies
SCORES = {"topic/macro_f1": "topic", "stance/macro_f1": "stance"}


@dataclass(frozen=True)
class Status:
    """What the labels allow to say.

    Attributes
    ----------
    units, undecided
        Passages with labels, and those that annotators answered differently.
    batches
        Name and units of each batch, in order.
    curves
        By score; empty where there are too few units.
    kappas
        Of each bundle with the next, on `texts` texts that nobody has labelled.
    problem
        Why the bundles could not be compared; empty where they could.
    """

    units: int
    undecided: int
    batches: list[tuple[str, int]]
    curves: "dict[str, Curve]"
    shares: "list[Share]"
    kappas: list[float] = field(default_factory=list)
    texts: int = 0
    problem: str = ""


def annotate_status(
    corpus: str | Path,
    bundles: Sequence[str | Path] = (),
    *,
    texts: str | Path | None = None,
    text: str | None = None,
    model: str = "tfidf",
    seed: int = 0,
) -> Status:
    """Learning curve over batches, widths of the shares' intervals, agreement of models.

    Parameters
    ----------
    bundles
        Successive models, the oldest first; two or more, or none.
    texts
        Collection on which the models are compared; by default that of the last batch. Up to 1,000
        texts are drawn, always the same; those that are labelled are left out.
    text
        Its column of texts; by default the one that the last batch was drawn with.
    model
        Kind of model of the learning curve.
    """
    from sahelclf.annotation.progress import model_kappas, shares
    from sahelclf.corpus.read import corpus_root, read_batches, read_corpus

    if len(bundles) == 1:
        raise RequestError("annotate status: one bundle; expected two or more, the oldest first")
    opened = read_corpus(corpus_root(str(corpus)))
    batches = read_batches(opened)
    labels = {p.id: p.topics for p in opened.passages}
    sampled: list[str] = []
    answers, problem = [], ""
    try:
        sampled = _unlabelled(opened, batches, texts, text, seed) if bundles else []
        answers = [_answers(str(b), sampled, opened.codebook) for b in bundles]
    except RequestError as error:  # the rest of the status does not need the bundles
        answers, problem = [], str(error)
    return Status(
        units=len(opened.passages),
        undecided=len(opened.undecided),
        batches=[(b.name, len(b.units)) for b in batches],
        curves=learning_curves(opened, [[u.unit for u in b.units] for b in batches], model, seed),
        shares=shares(batches, labels, opened.codebook.topic_names),
        kappas=model_kappas(answers),
        texts=len(sampled),
        problem=problem,
    )


def curve_sizes(n: int, batches: Sequence[int]) -> list[int]:
    """Numbers of units at which the curve is measured: after each batch, and quarters of all."""
    cumulative = [int(k) for k in np.cumsum(batches)]
    return sorted(
        {k for k in (*cumulative, n // 4, n // 2, 3 * n // 4, n) if FEWEST // 2 <= k <= n}
    )


def learning_curves(
    corpus: "Corpus", batches: Sequence[Sequence[str]], model: str, seed: int
) -> "dict[str, Curve]":
    """Scores of all units by models trained on the first units of the other folds.

    The folds and the units that are scored are the same at every size; units come in the order of
    the batches. Thresholds are fitted on the same units as the model.
    """
    from sahelclf.annotation.progress import Curve
    from sahelclf.corpus.splits import document_groups, make_folds
    from sahelclf.evaluation.predictions import Gold
    from sahelclf.evaluation.report import document_draws
    from sahelclf.tasks.labeller import passage_data
    from sahelclf.training.compose import compose_config, overrides_of
    from sahelclf.training.seeds import derive_seed

    settings = {"model": model, "corpus": str(corpus.root), "seed": seed}
    config = compose_config(overrides_of(settings))
    if len(corpus.passages) < FEWEST or len({*document_groups(corpus)}) < config.crossfit:
        return {}
    with_text = {p.document_id for p in corpus.passages}
    documents = [d.id for d in corpus.documents if d.id in with_text]
    folds = make_folds(corpus, documents, config.crossfit, derive_seed(seed, "folds"))
    fold_of = dict(zip(documents, folds, strict=True))
    data = passage_data(corpus, documents)
    fold = np.array([fold_of[d] for d in data.groups])
    first: dict[str, int] = {}
    for unit in (u for batch in batches for u in batch):
        first.setdefault(unit, len(first) + 1)
    order = np.argsort([first.get(unit, 0) for unit in data.ids], kind="stable")
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    known = {*data.ids}
    sizes = curve_sizes(len(data), [sum(u in known for u in b) for b in batches])
    draws = document_draws(len(documents), derive_seed(seed, "bootstrap"), DRAWS)
    points = []
    for size in sizes:
        predicted = _predict_with(corpus, config, data, fold, rank < size)
        gold = Gold.from_heads(data.y, predicted.names)
        points.append(_scores(predicted, gold, draws))
    return {
        name: Curve(
            np.array(sizes),
            np.array([p[name][0] for p in points]),
            np.column_stack([p[name][1] for p in points]),
        )
        for name in (points[0] if len(sizes) > 1 else {})
    }


def _predict_with(
    corpus: "Corpus",
    config: "TrainConfig",
    data: "TaskData",
    fold: np.ndarray,
    inside: np.ndarray,
) -> "Predictions":
    """Predictions of all passages, each by a model of the passages `inside` of other folds."""
    from sahelclf.evaluation.decide import (
        apply_decision,
        document_offsets,
        fit_decision,
        labeller_names,
    )
    from sahelclf.models.base import FitCallbacks
    from sahelclf.models.kinds import build_model
    from sahelclf.training.crossfit import merged
    from sahelclf.training.seeds import derive_seed

    names = labeller_names(corpus.codebook)
    logits = np.zeros(data.y.shape)
    for k in np.unique(fold):
        model = build_model(config.model, corpus.codebook, corpus.root)
        known = data.take(np.flatnonzero(inside & (fold != k)))
        model.fit(known, seed=derive_seed(config.seed, "model"), callbacks=FitCallbacks())
        rows = np.flatnonzero(fold == k)
        logits[rows] = model.logits([data.texts[i] for i in rows])
    parts = []
    for k in np.unique(fold):
        rows, others = np.flatnonzero(fold == k), np.flatnonzero(inside & (fold != k))
        rest = data.take(others)
        nothing = np.zeros((len(document_offsets(rest.groups)[0]), data.y.shape[1]), dtype=bool)
        decision = fit_decision(logits[others], rest, (nothing, nothing), names)
        parts.append(apply_decision(decision, logits[rows], data.take(rows), names)[0])
    return merged(parts, data.ids)


def _scores(
    predicted: "Predictions", gold: "Gold", draws: np.ndarray
) -> dict[str, tuple[float, np.ndarray]]:
    """Macro F1 of topics and of stances, of all documents and of each draw of documents."""
    from sahelclf.evaluation.metrics import counts_by_document

    _, counts = counts_by_document(predicted, gold)
    scores = {}
    for name, what in SCORES.items():
        if not counts[what].shape[1]:
            continue
        all_and_draws = np.vstack([np.ones(len(counts[what])), draws])
        tp, fp, fn = np.moveaxis(np.tensordot(all_and_draws, counts[what], axes=1), -1, 0)
        f1 = np.divide(2 * tp, 2 * tp + fp + fn, out=np.zeros_like(tp), where=tp + fp + fn > 0)
        macro = f1.mean(axis=1)
        scores[name] = (float(macro[0]), macro[1:])
    return scores


def _unlabelled(
    corpus: "Corpus",
    batches: "Sequence[BatchRecord]",
    texts: str | Path | None,
    text: str | None,
    seed: int,
) -> list[str]:
    """Texts of the collection that nobody has labelled, up to `MOST_TEXTS`, always the same.

    Another file than the batch's needs only the column of the texts.
    """
    from sahelclf.predict.rows import Columns
    from sahelclf.workflows.frame import read_items

    drawn = [b for b in batches if b.strategy.get("name") in OF_COLLECTIONS]
    read_as = drawn[-1].strategy if drawn else {}
    names = ("text", "id", "title", "date") if texts is None else ("text",)
    columns = Columns(**{name: str(read_as[name]) for name in names if read_as.get(name)})
    columns = replace(columns, text=text or columns.text)
    texts = texts or (drawn[-1].collection if drawn else None)
    if texts is None or not Path(texts).exists():
        raise RequestError(
            f"annotate status: the collection {texts or ''} is not there; name the texts on which "
            "the models are compared with --texts FILE, and their column with --text COLUMN"
        )
    labelled = {p.text for p in (*corpus.passages, *corpus.undecided)}
    unit = read_as.get("unit")
    found = read_items(str(texts), str(unit) if unit else None, columns)
    items = [i.text for i in found if i.text not in labelled]
    if not items:
        raise RequestError(f"{texts}: every text is labelled; expected some that are not")
    rows = np.random.default_rng(seed).permutation(len(items))[:MOST_TEXTS]
    return [items[k] for k in sorted(rows)]


def _answers(bundle: str, texts: Sequence[str], codebook: "Codebook") -> list[dict[str, str]]:
    """A model's answer to each topic, by text."""
    from sahelclf.records import NO, YES
    from sahelclf.workflows.bundles import load_labeller

    labeller = load_labeller(bundle)
    if {*labeller.topics} != {*codebook.topic_names}:
        raise RequestError(
            f"{bundle}: topics {list(labeller.topics)}; expected {list(codebook.topic_names)}"
        )
    return [
        {t: (v["stance"] or YES) if v["holds"] else NO for t, v in row["topics"].items()}
        for row in labeller.predict(texts)
    ]
