"""Cross-fitting: held-out logits by grouped folds, the decisions that they settle, and the labeller fitted on all."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sahelclf.config import TrainConfig
from sahelclf.corpus.read import Corpus
from sahelclf.corpus.splits import make_folds
from sahelclf.evaluation import decide
from sahelclf.evaluation.decide import (
    Calibration,
    Decision,
    apply_decision,
    fit_decision,
    labelled_documents,
    labeller_names,
)
from sahelclf.evaluation.predictions import Gold, Names, Predictions
from sahelclf.evaluation.report import HEADLINE, report
from sahelclf.models.base import FitCallbacks, Model
from sahelclf.tasks.base import TaskData
from sahelclf.tasks.labeller import document_targets, passage_data
from sahelclf.training.resume import NO_CHECKPOINT, Checkpoint
from sahelclf.training.seeds import derive_seed


@dataclass(frozen=True)
class Step:
    """How far a training is: fit number `fit` of `of`, at `done` of its `steps`, with numbers such as its loss."""

    what: str
    name: str
    fit: int
    of: int
    done: int = 0
    steps: int = 0
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Share of the fits that is done, from 0 to 1."""
        return (self.fit + (self.done / self.steps if self.steps else 0)) / self.of


OnStep = Callable[[Step], None]
Build = Callable[[], Model]


@dataclass(frozen=True)
class Fitted:
    """A model whose head is calibrated, its decisions, and the cross-fitted predictions that settled them."""

    model: Model
    decision: Decision
    passages: tuple[Predictions, Gold]
    documents: tuple[Predictions, Gold]


def fit_labeller(
    corpus: Corpus,
    document_ids: Sequence[str],
    build: Build,
    config: TrainConfig,
    on_step: OnStep = lambda _: None,
    kept: Checkpoint = NO_CHECKPOINT,
    prefix: str = "",
) -> Fitted:
    """Cross-fit calibration and thresholds over grouped folds of these documents, then fit on all of them.

    The predictions that come back are made by models that did not see their fold, and decided by calibrations and
    thresholds fitted on the other folds' held-out logits. `cross_validate` nests the two.
    """
    names = labeller_names(corpus.codebook)
    data = passage_data(corpus, document_ids)
    logits, fold = held_out_logits(corpus, data, document_ids, build, config, on_step, kept, prefix)
    targets = document_targets(corpus, decide.document_offsets(data.groups)[0])
    passages, documents = cross_fitted(logits, fold, data, targets, names)
    decision = fit_decision(logits, data, targets, names)
    model = fit_one(
        build,
        data,
        config,
        kept,
        Step("fitting on all", f"{prefix}final", config.crossfit, config.crossfit + 1),
        on_step,
    )
    model.calibrate(decision.calibration.scale, decision.calibration.offset)
    labelled = np.flatnonzero(targets[1].any(axis=1))
    golds = (Gold.from_heads(data.y, names), Gold.from_heads(targets[0][labelled], names))
    return Fitted(model, decision, (passages, golds[0]), (documents.take(labelled), golds[1]))


def held_out_logits(
    corpus: Corpus,
    data: TaskData,
    document_ids: Sequence[str],
    build: Build,
    config: TrainConfig,
    on_step: OnStep,
    kept: Checkpoint,
    prefix: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Logits (n, n_heads) of each passage by a model that did not see its fold, and the fold (n,) of each."""
    folds = make_folds(corpus, document_ids, config.crossfit, derive_seed(config.seed, "folds"))
    fold_of = dict(zip(document_ids, folds, strict=True))
    fold = np.array([fold_of[d] for d in data.groups])
    logits = np.zeros(data.y.shape)
    for k in range(config.crossfit):
        held, name = np.flatnonzero(fold == k), f"{prefix}fold-{k + 1}"
        found = kept.logits(name)
        if found is None:
            step = Step(f"cross-fitting {k + 1} of {config.crossfit}", name, k, config.crossfit + 1)
            model = fit_one(
                build, data.take(np.flatnonzero(fold != k)), config, kept, step, on_step
            )
            found = model.logits([data.texts[i] for i in held])
            kept.save(name, found)
        logits[held] = found
    return logits, fold


def fit_one(
    build: Build, data: TaskData, config: TrainConfig, kept: Checkpoint, step: Step, on_step: OnStep
) -> Model:
    """A new model fitted on this data; `on_step` is told of its beginning and of every step that it reports."""
    on_step(step)

    def tell(done: int, of: int, numbers: Mapping[str, float]) -> None:
        on_step(replace(step, done=done, steps=of, numbers=numbers))

    model = build()
    model.fit(
        data,
        seed=derive_seed(config.seed, "model"),
        watch=FitCallbacks(tell, kept.checkpoint(step.name)),
    )
    return model


def cross_fitted(
    logits: np.ndarray,
    fold: np.ndarray,
    data: TaskData,
    targets: tuple[np.ndarray, np.ndarray],
    names: Names,
    shown: np.ndarray | None = None,
) -> tuple[Predictions, Predictions]:
    """Predictions for passages and documents; each fold is decided by the held-out logits of the others.

    `shown` are other logits of the same passages, to be decided in their place.
    """
    shown = logits if shown is None else shown
    documents, starts = decide.document_offsets(data.groups)
    document_fold = fold[starts]
    out = [_Blank(names, data.ids, data.groups), _Blank(names, tuple(documents), tuple(documents))]
    for k in np.unique(fold):
        inside, held = fold != k, fold == k
        others = (targets[0][document_fold != k], targets[1][document_fold != k])
        decision = fit_decision(logits[inside], data.take(np.flatnonzero(inside)), others, names)
        found = apply_decision(decision, shown[held], data.take(np.flatnonzero(held)), names)
        for blank, rows, table in zip(out, (held, document_fold == k), found, strict=True):
            blank.fill(np.flatnonzero(rows), table)
    return out[0].table(), out[1].table()


def cross_validate(
    corpus: Corpus,
    document_ids: Sequence[str],
    build: Build,
    config: TrainConfig,
    on_step: OnStep,
    kept: Checkpoint = NO_CHECKPOINT,
) -> dict[str, float]:
    """Means over `cv` folds of the scores of labellers fitted, thresholds and all, on the other folds."""
    assert config.cv
    names = labeller_names(corpus.codebook)
    fold = make_folds(corpus, document_ids, config.cv, derive_seed(config.seed, "cv"))
    ids = np.asarray(document_ids)
    per_fold: dict[str, list[float]] = {}
    for k in range(config.cv):
        what, done, of = f"cross-validating {k + 1} of {config.cv}", k, config.cv

        def tell(step: Step, what: str = what, done: int = done, of: int = of) -> None:
            on_step(
                replace(
                    step,
                    what=f"{what}, {step.what}",
                    fit=done * step.of + step.fit,
                    of=of * step.of,
                )
            )

        fitted = fit_labeller(
            corpus, [str(d) for d in ids[fold != k]], build, config, tell, kept, f"cv-{k + 1}-"
        )
        data = passage_data(corpus, [str(d) for d in ids[fold == k]])
        identity = Calibration(np.ones(len(data.layout)), np.zeros(len(data.layout)))
        decision = Decision(
            identity,
            fitted.decision.thresholds,
            fitted.decision.document_calibration,
            fitted.decision.document_thresholds,
        )
        passages, documents = apply_decision(decision, fitted.model.logits(data.texts), data, names)
        for prefix, found, gold in (
            ("cv/", passages, Gold.from_heads(data.y, names)),
            ("cv/document/", *labelled_documents(corpus, documents)),
        ):
            if not found.ids:
                continue
            scores = report(found, gold, derive_seed(config.seed, "bootstrap")).scores
            for name in HEADLINE if "document" in prefix else scores:
                per_fold.setdefault(prefix + name, []).append(scores[name])
    means = {name: float(np.mean(values)) for name, values in per_fold.items()}
    return means | {f"cv/{n}/sd": float(np.std(per_fold[f"cv/{n}"], ddof=1)) for n in HEADLINE}


class _Blank:
    """A predictions table that folds fill in."""

    def __init__(self, names: Names, ids: tuple[str, ...], documents: tuple[str, ...]) -> None:
        n, t, s = len(ids), len(names.topics), len(names.stances)
        self.names, self.ids, self.documents = names, ids, documents
        self.p, self.stance, self.holds = (
            np.zeros((n, t)),
            np.zeros((n, t, s)),
            np.zeros((n, t), dtype=bool),
        )

    def fill(self, rows: np.ndarray, found: Predictions) -> None:
        self.p[rows], self.stance[rows], self.holds[rows] = (
            found.probability,
            found.stance_probability,
            found.holds,
        )

    def table(self) -> Predictions:
        return Predictions(self.names, self.ids, self.documents, self.p, self.stance, self.holds)
