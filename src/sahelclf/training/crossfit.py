"""Cross-fitting: held-out logits by folds of documents, decisions fitted on them, a final fit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sahelclf.config import TrainConfig
from sahelclf.corpus.read import Corpus
from sahelclf.corpus.splits import make_folds
from sahelclf.evaluation.decide import (
    Calibration,
    Decision,
    apply_decision,
    document_offsets,
    fit_decision,
    labelled_documents,
    labeller_names,
)
from sahelclf.evaluation.predictions import Gold, Names, Predictions
from sahelclf.evaluation.report import HEADLINE, report
from sahelclf.models.base import FitCallbacks, Model
from sahelclf.models.kinds import kind_named
from sahelclf.tasks.base import TaskData
from sahelclf.tasks.labeller import document_targets, passage_data
from sahelclf.training.resume import NO_CHECKPOINT, Checkpoint
from sahelclf.training.seeds import derive_seed
from sahelclf.training.steps import OnStep, Step, n_steps

Build = Callable[[], Model]


@dataclass(frozen=True)
class FoldModel:
    """A calibrated model that was fitted on the other folds, its decisions, and its fold's texts.

    Calibration and decisions are fitted on the held-out logits of the other folds.
    """

    model: Model
    decision: Decision
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Fitted:
    """A calibrated model, its decisions, and cross-fitted predictions of passages and documents.

    `documents` has only those with labels of their own. `logits` are the held-out logits of
    passages, (n, n_heads), before any calibration, and `fold` their folds, (n,). `folds` is empty
    unless they are kept.
    """

    model: Model
    decision: Decision
    passages: tuple[Predictions, Gold]
    documents: tuple[Predictions, Gold]
    logits: np.ndarray
    fold: np.ndarray
    folds: tuple[FoldModel, ...] = ()


@dataclass(frozen=True)
class Fitter:
    """Fits the models of one labeller: reports every step, saves the state of long fits."""

    build: Build
    config: TrainConfig
    on_step: OnStep
    checkpoint: Checkpoint = NO_CHECKPOINT
    prefix: str = ""

    def fit(self, data: TaskData, text: str, name: str, number: int) -> Model:
        """A new model fitted on this data, as fit `number` of all folds and the final one."""
        step = Step(text, self.prefix + name, number, n_steps(self.config))
        self.on_step(step)

        def on_model_step(done: int, total: int, numbers: Mapping[str, float]) -> None:
            self.on_step(replace(step, done=done, steps=total, numbers=numbers))

        model = self.build()
        callbacks = FitCallbacks(on_model_step, self.checkpoint.state_file(step.name))
        model.fit(data, seed=derive_seed(self.config.seed, "model"), callbacks=callbacks)
        return model

    def encode(self, texts: Sequence[str]) -> None:
        """Encode the texts of all fits, for kinds of model that keep vectors."""
        encode = kind_named(self.config.model.kind).encode

        def on_text(done: int, total: int, numbers: Mapping[str, float]) -> None:
            text = f"encoding texts, {done:,} of {total:,}"
            self.on_step(Step(text, "encode", 0, 1, done, total, numbers))

        if encode:
            encode(self.build(), texts, on_text)

    def held_out_logits(
        self, data: TaskData, fold: np.ndarray, models: list[Model] | None = None
    ) -> np.ndarray:
        """(n, n_heads) logits of each row by a model fitted on the other folds; `fold` is (n,).

        The models are added to `models`, where a list is given.
        """
        logits = np.zeros(data.y.shape)
        for k in range(self.config.crossfit):
            rows, name = np.flatnonzero(fold == k), f"fold-{k + 1}"
            stored = None if models is not None else self.checkpoint.logits(self.prefix + name)
            if stored is None:
                text = f"cross-fitting {k + 1} of {self.config.crossfit}"
                model = self.fit(data.take(np.flatnonzero(fold != k)), text, name, k)
                stored = model.logits([data.texts[i] for i in rows])
                self.checkpoint.save(self.prefix + name, stored)
                if models is not None:
                    models.append(model)
            logits[rows] = stored
        return logits


def fit_labeller(
    corpus: Corpus,
    document_ids: Sequence[str],
    build: Build,
    config: TrainConfig,
    on_step: OnStep = lambda _: None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
    prefix: str = "",
) -> Fitted:
    """Cross-fit calibration and thresholds over folds of these documents, then fit on all of them.

    The predictions returned are by models that did not see the fold, decided by calibrations and
    thresholds fitted on the held-out logits of the other folds.

    Parameters
    ----------
    build
        Makes an empty model; called once a fold and once for the final fit.
    checkpoint, prefix
        Where finished folds are saved and looked up, and what their names begin with.
    """
    names = labeller_names(corpus.codebook)
    data = passage_data(corpus, document_ids)
    folds = make_folds(corpus, document_ids, config.crossfit, derive_seed(config.seed, "folds"))
    fold_of = dict(zip(document_ids, folds, strict=True))
    fold = np.array([fold_of[d] for d in data.groups])
    fitter = Fitter(build, config, on_step, checkpoint, prefix)
    fitter.encode(data.texts)
    models: list[Model] = []
    logits = fitter.held_out_logits(data, fold, models if config.keep_folds else None)
    targets = document_targets(corpus, document_offsets(data.groups)[0])
    passages, documents = cross_fitted(logits, fold, data, targets, names)
    decision = fit_decision(logits, data, targets, names)
    model = fitter.fit(data, "fitting on all", "final", config.crossfit)
    model.calibrate(decision.calibration.scale, decision.calibration.offset)
    labelled = np.flatnonzero(targets[1].any(axis=1))
    return Fitted(
        model,
        decision,
        (passages, Gold.from_heads(data.y, names)),
        (documents.take(labelled), Gold.from_heads(targets[0][labelled], names)),
        logits,
        fold,
        tuple(_fold_models(models, logits, fold, data, targets, names)),
    )


def _fold_models(
    models: Sequence[Model],
    logits: np.ndarray,
    fold: np.ndarray,
    data: TaskData,
    targets: tuple[np.ndarray, np.ndarray],
    names: Names,
) -> Iterator[FoldModel]:
    """The models with the calibrations and decisions that their own folds had no part in."""
    for k, model in enumerate(models):
        decision = _decision_of_others(k, logits, fold, data, targets, names)
        model.calibrate(decision.calibration.scale, decision.calibration.offset)
        texts = tuple(data.texts[i] for i in np.flatnonzero(fold == k))
        yield FoldModel(model, decision, texts)


def _decision_of_others(
    k: int,
    logits: np.ndarray,
    fold: np.ndarray,
    data: TaskData,
    targets: tuple[np.ndarray, np.ndarray],
    names: Names,
) -> Decision:
    """Calibration and thresholds by the held-out logits of all folds but the k-th."""
    _, starts = document_offsets(data.groups)
    document_fold = fold[starts]
    others = (targets[0][document_fold != k], targets[1][document_fold != k])
    return fit_decision(logits[fold != k], data.take(np.flatnonzero(fold != k)), others, names)


def cross_fitted(
    logits: np.ndarray,
    fold: np.ndarray,
    data: TaskData,
    targets: tuple[np.ndarray, np.ndarray],
    names: Names,
    shown: np.ndarray | None = None,
) -> tuple[Predictions, Predictions]:
    """Predictions for passages and documents, each fold decided by the held-out logits of others.

    Parameters
    ----------
    logits
        (n, n_heads) held-out logits of passages.
    fold
        (n,) fold of each passage; the passages of a document share one.
    targets
        Answers and mask of the documents, both (n_documents, n_heads).
    shown
        (n, n_heads) other logits of the same passages, which are decided in place of `logits`.
    """
    shown = logits if shown is None else shown
    documents, _ = document_offsets(data.groups)
    levels: tuple[list[Predictions], list[Predictions]] = ([], [])
    for k in np.unique(fold):
        decision = _decision_of_others(int(k), logits, fold, data, targets, names)
        inside = data.take(np.flatnonzero(fold == k))
        for parts, part in zip(
            levels, apply_decision(decision, shown[fold == k], inside, names), strict=True
        ):
            parts.append(part)
    return merged(levels[0], data.ids), merged(levels[1], documents)


def merged(parts: Sequence[Predictions], ids: Sequence[str]) -> Predictions:
    """The rows of all parts, in the order of these ids."""
    row = {name: i for i, name in enumerate(name for part in parts for name in part.ids)}
    order = [row[name] for name in ids]

    def all_of(column: str) -> np.ndarray:
        return np.asarray(np.concatenate([getattr(part, column) for part in parts])[order])

    documents = [name for part in parts for name in part.documents]
    return Predictions(
        parts[0].names,
        tuple(ids),
        tuple(documents[i] for i in order),
        all_of("probability"),
        all_of("stance_probability"),
        all_of("holds"),
    )


def cross_validate(corpus: Corpus, document_ids: Sequence[str], fitter: Fitter) -> dict[str, float]:
    """Means over `cv` folds of the scores of labellers fitted on the other folds, as `cv/…`.

    Each labeller fits its own thresholds and calibration; `cv/<score>/sd` is the deviation over
    the folds of the main scores.
    """
    config = fitter.config
    assert config.cv
    fold = make_folds(corpus, document_ids, config.cv, derive_seed(config.seed, "cv"))
    ids = np.asarray(document_ids)
    per_fold: dict[str, list[float]] = {}
    for k in range(config.cv):

        def on_step(step: Step, k: int = k, n: int = config.cv) -> None:
            text = f"cross-validating {k + 1} of {n}, {step.text}"
            done = (k + 1) * (config.crossfit + 1) + step.fit
            fitter.on_step(replace(step, text=text, fit=done))

        rest = [str(d) for d in ids[fold != k]]
        alone = config.model_copy(update={"keep_folds": False})
        fitted = fit_labeller(
            corpus, rest, fitter.build, alone, on_step, fitter.checkpoint, f"cv-{k + 1}-"
        )
        held_out = [str(d) for d in ids[fold == k]]
        for name, score in _held_out_scores(corpus, held_out, fitted, config.seed).items():
            per_fold.setdefault(name, []).append(score)
    means = {name: float(np.mean(values)) for name, values in per_fold.items()}
    main = [f"cv/{name}" for name in HEADLINE if f"cv/{name}" in means]
    return means | {f"{name}/sd": float(np.std(per_fold[name], ddof=1)) for name in main}


def predict_documents(
    corpus: Corpus, document_ids: Sequence[str], fitted: Fitted
) -> tuple[Predictions, Predictions]:
    """Predictions of a fitted labeller for the passages of documents and for the documents."""
    data = passage_data(corpus, document_ids)
    n = len(data.layout)
    in_the_model = Calibration(np.ones(n), np.zeros(n))
    decision = replace(fitted.decision, calibration=in_the_model)
    logits = fitted.model.logits(data.texts)
    return apply_decision(decision, logits, data, labeller_names(corpus.codebook))


def _held_out_scores(
    corpus: Corpus, document_ids: Sequence[str], fitted: Fitted, seed: int
) -> dict[str, float]:
    """Scores of a labeller on documents that it was not fitted on, as `cv/…`, `cv/document/…`."""
    seed = derive_seed(seed, "bootstrap")
    passages, documents = predict_documents(corpus, document_ids, fitted)
    gold = Gold.from_heads(passage_data(corpus, document_ids).y, passages.names)
    scores_of_fold = {f"cv/{n}": score for n, score in report(passages, gold, seed).scores.items()}
    labelled, gold = labelled_documents(corpus, documents)
    if labelled.ids:
        scores = report(labelled, gold, seed).scores
        scores_of_fold |= {f"cv/document/{n}": scores[n] for n in HEADLINE if n in scores}
    return scores_of_fold
