"""Train a labeller: check the request, cross-fit its decisions, fit it on all development data."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sahelclf.config import TrainConfig
from sahelclf.corpus.agreement import agreement_scores
from sahelclf.corpus.duplicates import text_sha256, training_hash
from sahelclf.corpus.read import Corpus, corpus_root, read_corpus
from sahelclf.corpus.splits import make_folds, read_split, without_part
from sahelclf.errors import CorpusError, RequestError
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.evaluation.report import Report, report
from sahelclf.models.base import Model, ModelConfig
from sahelclf.models.encoder_files import find_encoder, training_texts_of
from sahelclf.models.kinds import NAMES, build_model, kind_named
from sahelclf.models.student import Lesson
from sahelclf.records import Split
from sahelclf.tasks.base import TaskData
from sahelclf.tasks.labeller import passage_data
from sahelclf.training.collection import collection_gain
from sahelclf.training.crossfit import Build, Fitted, Fitter, cross_validate, fit_labeller
from sahelclf.training.resume import NO_CHECKPOINT, Checkpoint
from sahelclf.training.seeds import derive_seed
from sahelclf.training.steps import OnStep, step_after

Checked = tuple[Corpus, Split, list[str]]
FEW_PASSAGES = 100
UNKNOWN_SHARE = 0.01


@dataclass(frozen=True)
class Scored:
    """Cross-fitted predictions of one level, the labels, and the scores with their intervals."""

    predictions: Predictions
    gold: Gold
    report: Report


@dataclass(frozen=True)
class Result:
    """A finished training: the labeller, and everything that is tracked and written of it.

    Parameters
    ----------
    config
        The settings, complete.
    fitted
        The model and its decisions.
    passages, documents
        Cross-fitted development predictions and scores; `documents` is None where no document of
        the development data has labels of its own.
    parts
        Ids of documents by part of the split.
    agreement
        Scores of the annotators against each other, by level and score.
    cv
        Cross-validated scores, as `cv/…`; empty without `cv`.
    texts_sha256
        Hashes of the passages that the model was fitted on, sorted.
    seconds
        Duration of the training.
    passages_per_second
        Speed of the fitted model on up to 512 passages.
    peak_gib
        Largest memory of this process in GiB; None where the system does not report it.
    notes
        What a reader of the scores should know.
    """

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
    peak_gib: float | None
    notes: list[str] = field(default_factory=list)


def run(
    config: TrainConfig,
    on_step: OnStep = lambda _: None,
    checked: Checked | None = None,
    checkpoint: Checkpoint = NO_CHECKPOINT,
    lesson: Lesson | None = None,
) -> Result:
    """Train a labeller; test documents are neither used for fitting nor scored.

    Parameters
    ----------
    on_step
        Called at the start of every fit and after each of its steps.
    checked
        What `check(config)` returned, if it was called before.
    checkpoint
        Where a long training saves its state, and resumes from.
    lesson
        What the model learns besides labels, for kinds that have a teacher.
    """
    started = time.perf_counter()
    corpus, split, development = checked or check(config)
    build = _builder(config, corpus, lesson)
    fitted = fit_labeller(corpus, development, build, config, on_step, checkpoint)
    fitter = Fitter(build, config, on_step, checkpoint)
    cv = cross_validate(corpus, development, fitter) if config.cv else {}
    data = passage_data(corpus, development)
    gain = []
    if lesson and lesson.texts:
        without = replace(fitter, build=_builder(config, corpus, lesson.without_texts()))
        gain = [collection_gain(without, data, fitted, len(lesson.texts))]
    on_step(step_after(config, 0))
    passages, documents = (
        Scored(p, g, report(p, g)) if p.ids else None
        for p, g in (fitted.passages, fitted.documents)
    )
    assert passages is not None
    return Result(
        config=config,
        corpus=corpus,
        fitted=fitted,
        passages=passages,
        documents=documents,
        parts={name: list(ids) for name, ids in split.parts.items()},
        agreement=agreement_scores(corpus, set(development)),
        cv=cv,
        texts_sha256=sorted({text_sha256(t) for t in data.texts}),
        seconds=time.perf_counter() - started,
        passages_per_second=_speed(fitted.model, data.texts),
        peak_gib=_peak_gib(),
        notes=[*gain, *_notes(data, fitted, len(development)), *_left_out(corpus, split)],
    )


def _builder(config: TrainConfig, corpus: Corpus, lesson: Lesson | None) -> Build:
    """A function that makes a model which has seen no data, with its lesson."""
    teach = kind_named(config.model.kind).teach

    def build() -> Model:
        model = build_model(config.model, corpus.codebook, corpus.root)
        if teach and lesson:
            teach(model, lesson)
        return model

    return build


def check(config: TrainConfig) -> Checked:
    """Corpus, split and ids of the development documents; an error where training is impossible."""
    corpus = read_corpus(corpus_root(config.corpus))
    split = read_split(corpus, config.split)
    if split.kind != "partition" or "train" not in split.parts:
        raise RequestError(
            f"split={config.split}: a set of folds ({sorted(split.parts)}); expected a split with "
            "a train part"
        )
    wanted = {*split.parts["train"], *split.parts.get("dev", [])}
    development = [d.id for d in corpus.documents if d.id in wanted]
    if not any(p.topics for d in development for p in corpus.passages_of[d]):
        raise CorpusError(
            f"{corpus.root}: no passage of the development data has a topic; expected some to "
            "train on"
        )
    make_folds(corpus, development, config.crossfit, config.seed)
    if config.cv:
        fold = make_folds(corpus, development, config.cv, derive_seed(config.seed, "cv"))
        for k in range(config.cv):
            rest = [d for d, f in zip(development, fold, strict=True) if f != k]
            make_folds(corpus, rest, config.crossfit, config.seed)
    build_model(config.model, corpus.codebook, corpus.root)
    _refuse_trained_encoder(corpus, config.model)
    if config.keep_folds:
        _refuse_folds(config.model)
    return corpus, split, development


def _refuse_trained_encoder(corpus: Corpus, config: ModelConfig) -> None:
    """A labeller can be the encoder of another, but not one trained on texts held out here."""
    known = training_texts_of(config.encoder_name)
    seen = sum(training_hash(p.text) in known for p in corpus.passages) if known else 0
    if seen:
        raise RequestError(
            f"model.encoder={config.encoder_name}: fine-tuned on {seen:,} of the "
            f"{len(corpus.passages):,} passages of this corpus, so that held-out scores and "
            "thresholds would not be valid; expected an encoder that was not trained on this corpus"
        )


def _refuse_folds(config: ModelConfig) -> None:
    """Fold models are kept as plain numbers, and none may know what its encoder was trained on."""
    if kind_named(config.kind).slow:
        able = [name for name in NAMES if not kind_named(name).slow]
        raise RequestError(
            f"keep_folds=true: model={config.kind} does not keep the models of its folds; expected "
            f"model={' or '.join(able)}"
        )
    if training_texts_of(config.encoder_name):
        raise RequestError(
            f"keep_folds=true: model.encoder={config.encoder_name} was fine-tuned on labelled "
            "texts, so no fold is held out from it; expected an encoder that was not"
        )


def input_hashes(config: TrainConfig, corpus: Corpus) -> dict[str, str]:
    """Hashes of the corpus and of the encoder: a training is resumed with the same ones only."""
    encoder = find_encoder(config.model.encoder_name)
    return {"corpus_sha256": corpus.sha256, "encoder": encoder.content}


def _speed(model: Model, texts: Sequence[str]) -> float:
    """Passages a second."""
    sample = list(texts[:512])
    started = time.perf_counter()
    model.logits(sample)
    return len(sample) / max(time.perf_counter() - started, 1e-9)


def _peak_gib() -> float | None:
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _left_out(corpus: Corpus, split: Split) -> list[str]:
    """Passages without a decision, and documents that the split does not name."""
    notes = []
    if n := len(corpus.undecided):
        notes.append(f"{n} passages are undecided and were left out: annotate adjudicate")
    if n := len(without_part(corpus, split)):
        note = f"{n} documents are in no part of {split.name!r} and are not used"
        if split.name == "grouped":
            note += f": python -m sahelclf corpus split --write --corpus {corpus.root}"
        notes.append(note)
    return notes


def _notes(data: TaskData, fitted: Fitted, n_documents: int) -> list[str]:
    """Labels without support, few passages, and what the encoder did not read as it is."""
    notes = []
    for head, name in enumerate(data.layout.names):
        n = int(data.y[data.mask[:, head], head].sum())
        if n == 0:
            notes.append(f"{name}: no passage of the development data has it; never predicted")
        elif fitted.decision.calibration.scale[head] == 0:
            notes.append(
                f"{name}: nothing was learned from {n} passages; its probability is the same for "
                "every text"
            )
    if len(data) < FEW_PASSAGES:
        notes.append(f"{len(data)} passages: scores are imprecise; see their intervals")
    read = fitted.model.describe().get("training_texts_read", {})
    if read.get("longer_than_window"):
        notes.append(
            f"{read['longer_than_window']} passages were longer than the window and were read in "
            "overlapping windows; nothing was cut off"
        )
    if read.get("unknown_tokens", 0) > UNKNOWN_SHARE * read.get("tokens", 0):
        notes.append(
            f"{read['unknown_tokens']:,} of {read['tokens']:,} tokens are not in the encoder's "
            "vocabulary; choose an encoder for these languages"
        )
    labelled = len(fitted.documents[0].ids)
    if labelled < n_documents:
        notes.append(
            f"{n_documents - labelled} of {n_documents} documents have no labels of their own and "
            "are not in the document scores"
        )
    return notes
