"""run(cfg, on_step) -> Result: cross-fit decisions on the development data, then fit the labeller on all of it."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from sahelclf.config import TrainConfig
from sahelclf.corpus.agreement import agreement_scores
from sahelclf.corpus.duplicates import text_sha256
from sahelclf.corpus.read import Corpus, corpus_root, read_corpus
from sahelclf.corpus.splits import make_folds, read_split
from sahelclf.errors import CorpusError, RequestError
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.evaluation.report import Report, report
from sahelclf.models.base import Model, ModelConfig
from sahelclf.models.encoder_files import find_encoder, texts_learnt
from sahelclf.models.kinds import build_model
from sahelclf.records import Split
from sahelclf.tasks.base import TaskData
from sahelclf.tasks.labeller import passage_data
from sahelclf.training.crossfit import Build, Fitted, OnStep, cross_validate, fit_labeller
from sahelclf.training.resume import NO_CHECKPOINT, Checkpoint
from sahelclf.training.seeds import derive_seed

Checked = tuple[Corpus, Split, list[str]]
FEW_PASSAGES = 100
UNKNOWN_SHARE = 0.01


@dataclass(frozen=True)
class Scored:
    """Predictions of one level beside their gold and their report."""

    predictions: Predictions
    gold: Gold
    report: Report


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
    peak_gib: float | None
    notes: list[str] = field(default_factory=list)


def run(
    config: TrainConfig,
    on_step: OnStep = lambda _: None,
    checked: Checked | None = None,
    kept: Checkpoint = NO_CHECKPOINT,
) -> Result:
    """Train a labeller; test documents are neither read for fitting nor scored.

    `on_step` is told of every fit and of the steps within it; `checked` is what `check(config)` gave, where it was asked
    before; `kept` is where a long training keeps itself, so that it can go on.
    """
    started = time.perf_counter()
    corpus, split, development = checked or check(config)
    build = _builder(config, corpus)
    fitted = fit_labeller(corpus, development, build, config, on_step, kept)
    cv = cross_validate(corpus, development, build, config, on_step, kept) if config.cv else {}
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
        peak_gib=_peak_gib(),
        notes=_notes(data, fitted, len(development)),
    )


def check(config: TrainConfig) -> Checked:
    """The corpus, the split and the ids of its development documents; raise where the request cannot be done."""
    corpus = read_corpus(corpus_root(config.corpus))
    split = read_split(corpus, config.split)
    if split.kind != "partition" or "train" not in split.parts:
        raise RequestError(
            f"split={config.split}: a set of folds ({sorted(split.parts)}); expected a split with a train part"
        )
    wanted = {*split.parts["train"], *split.parts.get("dev", [])}
    development = [d.id for d in corpus.documents if d.id in wanted]
    if not any(p.topics for d in development for p in corpus.passages_of[d]):
        raise CorpusError(
            f"{corpus.root}: not one passage of the development data carries a topic; there is nothing to learn"
        )
    make_folds(corpus, development, config.crossfit, config.seed)
    if config.cv:
        fold = make_folds(corpus, development, config.cv, derive_seed(config.seed, "cv"))
        for k in range(config.cv):
            make_folds(
                corpus,
                [d for d, f in zip(development, fold, strict=True) if f != k],
                config.crossfit,
                config.seed,
            )
    build_model(config.model, corpus.codebook, corpus.root)
    _refuse_an_encoder_that_knows(corpus, config.model)
    return corpus, split, development


def _refuse_an_encoder_that_knows(corpus: Corpus, config: ModelConfig) -> None:
    """A labeller can be the encoder of another, but not where it has learnt labels that this training holds out."""
    name = config.encoder_name
    known = texts_learnt(name)
    seen = sum(text_sha256(p.text)[:20] in known for p in corpus.passages) if known else 0
    if seen:
        raise RequestError(
            f"model.encoder={name}: it was fine-tuned on {seen:,} of this corpus's {len(corpus.passages):,} passages, so that held-out "
            "scores and thresholds would come from an encoder that knows their labels; expected one that has not learnt from this corpus"
        )


def learnt_from(config: TrainConfig, corpus: Corpus) -> dict[str, str]:
    """Hashes of the corpus and of the encoder's files, of a model that reads with one."""
    return {
        "corpus_sha256": corpus.sha256,
        "encoder": find_encoder(config.model.encoder_name).content,
    }


def _builder(config: TrainConfig, corpus: Corpus) -> Build:
    return lambda: build_model(config.model, corpus.codebook, corpus.root)


def _speed(model: Model, texts: Sequence[str]) -> float:
    sample = list(texts[:512])
    started = time.perf_counter()
    model.logits(sample)
    return len(sample) / max(time.perf_counter() - started, 1e-9)


def _peak_gib() -> float | None:
    """Largest resident set of this process so far; None where the system does not say."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    unit = 2**30 if sys.platform == "darwin" else 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _notes(data: TaskData, fitted: Fitted, n_documents: int) -> list[str]:
    """What a reader of the scores should know: heads without support, and heads that say nothing of the text."""
    notes = []
    for head, name in enumerate(data.layout.names):
        held = int(data.y[data.mask[:, head], head].sum())
        if held == 0:
            notes.append(
                f"{name}: no passage of the development data carries it; it is never predicted"
            )
        elif fitted.decision.calibration.scale[head] == 0:
            notes.append(
                f"{name}: nothing was learnt of it from {held} passages; it says its share whatever the text"
            )
    if len(data) < FEW_PASSAGES:
        notes.append(f"{len(data)} passages: scores from so few are rough; see their intervals")
    read = fitted.model.describe().get("training_texts_read", {})
    if read.get("longer_than_window"):
        notes.append(
            f"{read['longer_than_window']} passages were longer than the window and read in windows that overlap; nothing was cut off"
        )
    if read.get("unknown_tokens", 0) > UNKNOWN_SHARE * read.get("tokens", 0):
        notes.append(
            f"{read['unknown_tokens']:,} of {read['tokens']:,} tokens are unknown to the encoder's vocabulary; choose one for these languages"
        )
    labelled = len(fitted.documents[0].ids)
    if labelled < n_documents:
        notes.append(
            f"{n_documents - labelled} of {n_documents} documents have no labels of their own; document scores leave them out"
        )
    return notes
