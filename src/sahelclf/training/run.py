"""run(cfg, on_step) -> Result: cross-fit decisions on the development data, then fit the labeller on all of it."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sahelclf.codebook import Codebook
from sahelclf.config import TrainConfig
from sahelclf.corpus.agreement import annotated_pairs, pairwise_f1
from sahelclf.corpus.read import Corpus, read_annotations, read_corpus
from sahelclf.corpus.splits import make_folds, read_split
from sahelclf.errors import CorpusError, RequestError
from sahelclf.evaluation import decide
from sahelclf.evaluation.decide import Calibration, Decision
from sahelclf.evaluation.predictions import Gold, Names, Predictions
from sahelclf.evaluation.report import HEADLINE, Report, report
from sahelclf.models.base import Model
from sahelclf.models.registry import build_model
from sahelclf.paths import data_root
from sahelclf.records import Split
from sahelclf.tasks.base import TaskData
from sahelclf.tasks.labeller import document_targets, passage_data
from sahelclf.training.seeds import derive_seed

OnStep = Callable[[str, int, int], None]
Checked = tuple[Corpus, Split, list[str]]
FEW_PASSAGES = 100


@dataclass(frozen=True)
class Scored:
    """Predictions of one level beside their gold and their report."""

    predictions: Predictions
    gold: Gold
    report: Report


@dataclass(frozen=True)
class Fitted:
    """A model whose head is calibrated, its decisions, and the cross-fitted predictions that settled them."""

    model: Model
    decision: Decision
    passages: tuple[Predictions, Gold]
    documents: tuple[Predictions, Gold]


@dataclass(frozen=True)
class Result:
    """Everything that tracking and export take from a training."""

    config: TrainConfig
    corpus: Corpus
    fitted: Fitted
    passages: Scored
    documents: Scored | None
    parts: dict[str, list[str]]
    agreement: dict[str, dict[str, float]]
    cv: dict[str, float]
    texts_sha256: list[str]
    seconds: float
    passages_per_second: float
    notes: list[str] = field(default_factory=list)


def corpus_root(name: str | None) -> Path:
    """The corpus folder that `corpus=` names; the packaged one where it names none."""
    return Path(name) if name else data_root() / "annotations"


def run(config: TrainConfig, on_step: OnStep = lambda *_: None, checked: Checked | None = None) -> Result:
    """Train a labeller; test documents are neither read for fitting nor scored.

    `on_step(what, done, of)` is told of every fit; `checked` is what `check(config)` gave, where it was asked before.
    """
    started = time.perf_counter()
    corpus, split, development = checked or check(config)
    build = _builder(config, corpus)
    fitted = fit_labeller(corpus, development, build, config, on_step)
    cv = cross_validate(corpus, development, build, config, on_step) if config.cv else {}
    human = agreement_scores(corpus, set(development))
    data = passage_data(corpus, development)
    scored = [
        Scored(p, g, report(p, g, derive_seed(config.seed, "bootstrap"))) if p.ids else None
        for p, g in (fitted.passages, fitted.documents)
    ]
    assert scored[0] is not None
    return Result(
        config=config,
        corpus=corpus,
        fitted=fitted,
        passages=scored[0],
        documents=scored[1],
        parts={name: list(ids) for name, ids in split.parts.items()},
        agreement=human,
        cv=cv,
        texts_sha256=sorted({text_sha256(t) for t in data.texts}),
        seconds=time.perf_counter() - started,
        passages_per_second=_speed(fitted.model, data.texts),
        notes=_notes(data, fitted, len(development)),
    )


def check(config: TrainConfig) -> Checked:
    """The corpus, the split and the ids of its development documents; raise where the request cannot be done."""
    corpus = read_corpus(corpus_root(config.corpus))
    split = read_split(corpus, config.split)
    if split.kind != "partition" or "train" not in split.parts:
        raise RequestError(f"split={config.split}: a set of folds ({sorted(split.parts)}); expected a split with a train part")
    wanted = {*split.parts["train"], *split.parts.get("dev", [])}
    development = [d.id for d in corpus.documents if d.id in wanted]
    if not any(p.topics for d in development for p in corpus.passages_of[d]):
        raise CorpusError(f"{corpus.root}: not one passage of the development data carries a topic; there is nothing to learn")
    for n_folds in {config.crossfit, config.cv or config.crossfit}:
        make_folds(corpus, development, n_folds, config.seed)
    build_model(config.model, corpus.codebook, corpus.root)
    return corpus, split, development


def fit_labeller(
    corpus: Corpus, document_ids: Sequence[str], build: Callable[[], Model], config: TrainConfig, on_step: OnStep
) -> Fitted:
    """Cross-fit calibration and thresholds over grouped folds of these documents, then fit on all of them.

    The predictions that come back are made by models that did not see their fold, and decided by calibrations and
    thresholds fitted on the other folds' held-out logits. `cross_validate` nests the two.
    """
    names = labeller_names(corpus.codebook)
    data = passage_data(corpus, document_ids)
    fold_of = dict(zip(document_ids, make_folds(corpus, document_ids, config.crossfit, derive_seed(config.seed, "folds")), strict=True))
    fold = np.array([fold_of[d] for d in data.groups])
    logits = np.zeros(data.y.shape)
    for k in range(config.crossfit):
        on_step("cross-fitting", k, config.crossfit + 1)
        model = build()
        model.fit(data.take(np.flatnonzero(fold != k)), seed=derive_seed(config.seed, "model"))
        held = np.flatnonzero(fold == k)
        logits[held] = model.logits([data.texts[i] for i in held])
    documents, starts = decide.document_offsets(data.groups)
    targets = document_targets(corpus, documents)
    document_fold = fold[starts]
    out = [_Blank(names, data.ids, data.groups), _Blank(names, tuple(documents), tuple(documents))]
    for k in range(config.crossfit):
        inside, held = fold != k, fold == k
        others = (targets[0][document_fold != k], targets[1][document_fold != k])
        decision = fit_decision(logits[inside], data.take(np.flatnonzero(inside)), others, names)
        found = apply_decision(decision, logits[held], data.take(np.flatnonzero(held)), names)
        for blank, rows, table in zip(out, (held, document_fold == k), found, strict=True):
            blank.fill(np.flatnonzero(rows), table)
    decision = fit_decision(logits, data, targets, names)
    on_step("fitting", config.crossfit, config.crossfit + 1)
    model = build()
    model.fit(data, seed=derive_seed(config.seed, "model"))
    model.calibrate(decision.calibration.scale, decision.calibration.offset)
    labelled = np.flatnonzero(targets[1].any(axis=1))
    golds = (Gold.from_heads(data.y, names), Gold.from_heads(targets[0][labelled], names))
    return Fitted(model, decision, (out[0].table(), golds[0]), (out[1].table().take(labelled), golds[1]))


def fit_decision(logits: np.ndarray, data: TaskData, documents: tuple[np.ndarray, np.ndarray], names: Names) -> Decision:
    """Calibration and thresholds from held-out logits, for passages and then for documents (their targets and mask).

    Where no document has labels of its own, a document is decided by the pooled probability and the passages' thresholds.
    """
    calibration = decide.fit_calibration(logits, data.y, data.mask)
    t = len(names.topics)
    p, stance = decide.probabilities(calibration(logits), names)
    _, starts = decide.document_offsets(data.groups)
    pooled, _, _ = decide.pool(p, stance, decide.word_counts(data.texts), starts)
    thresholds = decide.fit_thresholds(p, data.y[:, :t])
    held, mask = documents[0][:, :t], documents[1][:, :t]
    labelled = mask.any(axis=1)
    if not labelled.any():
        return Decision(calibration, thresholds, Calibration(np.ones(t), np.zeros(t)), thresholds)
    document_calibration = decide.fit_calibration(pooled, held, mask)
    document_p = decide.to_probabilities(document_calibration(pooled))
    return Decision(calibration, thresholds, document_calibration, decide.fit_thresholds(document_p[labelled], held[labelled]))


def apply_decision(decision: Decision, logits: np.ndarray, data: TaskData, names: Names) -> tuple[Predictions, Predictions]:
    """Predictions for passages and for their documents, from uncalibrated logits."""
    p, stance = decide.probabilities(decision.calibration(logits), names)
    documents, starts = decide.document_offsets(data.groups)
    pooled, document_stance, _ = decide.pool(p, stance, decide.word_counts(data.texts), starts)
    document_p = decide.to_probabilities(decision.document_calibration(pooled))
    return (
        Predictions(names, data.ids, data.groups, p, stance, p >= decision.thresholds),
        Predictions(
            names, tuple(documents), tuple(documents), document_p, document_stance, document_p >= decision.document_thresholds
        ),
    )


def cross_validate(
    corpus: Corpus, document_ids: Sequence[str], build: Callable[[], Model], config: TrainConfig, on_step: OnStep
) -> dict[str, float]:
    """Means over `cv` folds of the scores of labellers fitted, thresholds and all, on the other folds."""
    assert config.cv
    names = labeller_names(corpus.codebook)
    fold = make_folds(corpus, document_ids, config.cv, derive_seed(config.seed, "cv"))
    ids = np.asarray(document_ids)
    per_fold: dict[str, list[float]] = {}
    for k in range(config.cv):
        on_step("cross-validating", k, config.cv)
        fitted = fit_labeller(corpus, [str(d) for d in ids[fold != k]], build, config, lambda *_: None)
        data = passage_data(corpus, [str(d) for d in ids[fold == k]])
        identity = Calibration(np.ones(len(data.layout)), np.zeros(len(data.layout)))
        decision = Decision(identity, fitted.decision.thresholds, fitted.decision.document_calibration, fitted.decision.document_thresholds)
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


def labelled_documents(corpus: Corpus, documents: Predictions) -> tuple[Predictions, Gold]:
    """Predictions of those documents that have labels of their own, beside these labels."""
    y, mask = document_targets(corpus, documents.ids)
    labelled = np.flatnonzero(mask.any(axis=1))
    return documents.take(labelled), Gold.from_heads(y[labelled], documents.names)


def agreement_scores(corpus: Corpus, document_ids: set[str]) -> dict[str, dict[str, float]]:
    """The annotators' F1 against each other on the same documents, by level; empty without raw annotations."""
    pairs = [p for p in annotated_pairs(corpus, read_annotations(corpus)) if p.document_id in document_ids]
    by_level = {
        "passage": [p for p in pairs if p.unit not in corpus.document],
        "document": [p for p in pairs if p.unit in corpus.document],
    }
    book = corpus.codebook
    return {k: pairwise_f1(v, book.topic_names, book.stance_names) for k, v in by_level.items() if v}


def labeller_names(codebook: Codebook) -> Names:
    """Columns of a labeller's tables."""
    return Names(codebook.topic_names, codebook.stance_names)


def text_sha256(text: str) -> str:
    """How a text is recognised again: white space and case do not count."""
    return hashlib.sha256(" ".join(text.lower().split()).encode()).hexdigest()


class _Blank:
    """A predictions table that folds fill in."""

    def __init__(self, names: Names, ids: tuple[str, ...], documents: tuple[str, ...]) -> None:
        n, t, s = len(ids), len(names.topics), len(names.stances)
        self.names, self.ids, self.documents = names, ids, documents
        self.p, self.stance, self.holds = np.zeros((n, t)), np.zeros((n, t, s)), np.zeros((n, t), dtype=bool)

    def fill(self, rows: np.ndarray, found: Predictions) -> None:
        self.p[rows], self.stance[rows], self.holds[rows] = found.probability, found.stance_probability, found.holds

    def table(self) -> Predictions:
        return Predictions(self.names, self.ids, self.documents, self.p, self.stance, self.holds)


def _builder(config: TrainConfig, corpus: Corpus) -> Callable[[], Model]:
    return lambda: build_model(config.model, corpus.codebook, corpus.root)


def _speed(model: Model, texts: Sequence[str]) -> float:
    sample = list(texts[:512])
    started = time.perf_counter()
    model.logits(sample)
    return len(sample) / max(time.perf_counter() - started, 1e-9)


def _notes(data: TaskData, fitted: Fitted, n_documents: int) -> list[str]:
    """What a reader of the scores should know: heads without support, and heads that say nothing of the text."""
    notes = []
    for head, name in enumerate(data.layout.names):
        held = int(data.y[data.mask[:, head], head].sum())
        if held == 0:
            notes.append(f"{name}: no passage of the development data carries it; it is never predicted")
        elif fitted.decision.calibration.scale[head] == 0:
            notes.append(f"{name}: nothing was learnt of it from {held} passages; it says its share whatever the text")
    if len(data) < FEW_PASSAGES:
        notes.append(f"{len(data)} passages: scores from so few are rough; see their intervals")
    labelled = len(fitted.documents[0].ids)
    if labelled < n_documents:
        notes.append(f"{n_documents - labelled} of {n_documents} documents have no labels of their own; document scores leave them out")
    return notes
