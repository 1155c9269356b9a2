"""How a model fares where the text comes from elsewhere, and whether names alone change its labels.

Every test is scored beside the reference: the same model, cross-fitted over the folds of `train`, on the same passages.
The name swaps use the reference's models, each on the fold that it has not seen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sahelclf.config import TrainConfig
from sahelclf.corpus.read import Corpus
from sahelclf.errors import RequestError
from sahelclf.evaluation.decide import (
    Calibration,
    Decision,
    apply_decision,
    document_offsets,
    fit_decision,
    labeller_names,
)
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.evaluation.report import HEADLINE
from sahelclf.models.base import Model
from sahelclf.models.kinds import build_model
from sahelclf.studies.robustness.held_out import Held, Trial, reference, trials
from sahelclf.studies.robustness.name_swaps import Swapper, read_swaps
from sahelclf.studies.robustness.shift import (
    Beside,
    Changed,
    beside_reference,
    changed_decisions,
    direction_of_change,
)
from sahelclf.tasks.labeller import document_targets, passage_data
from sahelclf.training.crossfit import OnStep, Step, fit_labeller
from sahelclf.training.run import check
from sahelclf.training.seeds import derive_seed

Build = Callable[[], Model]
Tell = Callable[[str], None]
Tables = tuple[Predictions, Predictions]
SPLIT = "grouped"


@dataclass(frozen=True)
class Plan:
    """What will be done: the tests, the swaps, what is left out and why, and how many fits it takes."""

    config: TrainConfig
    corpus: Corpus
    development: list[str]
    reference: Trial
    trials: list[Trial]
    swaps: dict[str, Swapper]
    notes: list[str]

    @property
    def fits(self) -> dict[str, int]:
        """Fits of each test, the reference first."""
        return {t.name: t.fits(self.config.crossfit) for t in (self.reference, *self.trials)}


@dataclass(frozen=True)
class TrialResult:
    """Scores of one held-out part, or of all parts of a test together, beside the reference."""

    trial: str
    held: str
    n_passages: int
    n_documents: int
    trained_on: int
    reference_trained_on: int
    scores: list[Beside]


@dataclass(frozen=True)
class SwapResult:
    """What one kind of swap changes, over the passages that it touches."""

    kind: str
    n_passages: int
    n_documents: int
    n_names: int
    changed: list[Changed]
    topics: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Robustness:
    """All results of one model."""

    plan: Plan
    trials: list[TrialResult] = field(default_factory=list)
    swaps: list[SwapResult] = field(default_factory=list)


def make_plan(config: TrainConfig) -> Plan:
    """Check the request and lay out every test; nothing is fitted yet."""
    problems = []
    if config.split != SPLIT:
        problems.append(
            f"split={config.split}: robustness draws its tests from the development documents of {SPLIT!r}; leave split alone"
        )
    if config.cv is not None:
        problems.append(f"cv={config.cv}: robustness has folds of its own; leave cv alone")
    if problems:
        raise RequestError(problems)
    corpus, _, development = check(config)
    found, notes = trials(corpus, development, config)
    swaps = read_swaps(corpus.root / "swaps.yaml")
    if not swaps:
        notes.append(f"swaps: left out; {corpus.root.name} has no swaps.yaml")
    if not found and not swaps:
        raise RequestError([f"{corpus.root}: no test of robustness is possible", *notes])
    return Plan(
        config, corpus, development, reference(corpus, development, config), found, swaps, notes
    )


def run(plan: Plan, on_step: OnStep = lambda _: None) -> Robustness:
    """Fit, score and swap; `on_step` is told of every fit."""
    corpus, config = plan.corpus, plan.config
    build: Build = lambda: build_model(config.model, corpus.codebook, corpus.root)  # noqa: E731
    total, done = sum(plan.fits.values()), 0

    def step(what: str) -> None:
        nonlocal done
        on_step(Step(what, what, done, total))
        done += 1

    data = passage_data(corpus, plan.development)
    touched = [_touched(swap, data.ids, data.texts) for swap in plan.swaps.values()]
    (usual, _), swapped = rotate(
        corpus, plan.reference, build, config, step, [t.texts for t in touched]
    )
    results: list[TrialResult] = []
    for trial in plan.trials:
        if trial.rotation:
            (found, _), _ = rotate(corpus, trial, build, config, step)
        else:
            found, _ = forward(corpus, trial.held[0], build, config, step)
        results += _results(plan, trial, found, usual)
    return Robustness(
        plan,
        results,
        [_swap_result(plan, t, usual, s) for t, s in zip(touched, swapped, strict=True)],
    )


def rotate(
    corpus: Corpus,
    trial: Trial,
    build: Build,
    config: TrainConfig,
    step: Tell,
    others: Sequence[Mapping[str, str]] = (),
) -> tuple[Tables, list[Predictions]]:
    """Predictions of every held-out passage and document by a model that did not see its part, decided by the other parts' logits.

    With the folds of `train` as parts this is its cross-fitting. `others` are further texts by passage id; each gives one
    more table of passages, predicted and decided as the own texts are. A passage without another text keeps its own.
    """
    names = labeller_names(corpus.codebook)
    data = passage_data(corpus, [d for h in trial.held for d in h.documents])
    part_of = {d: k for k, h in enumerate(trial.held) for d in h.documents}
    part = np.array([part_of[d] for d in data.groups])
    logits = np.zeros((1 + len(others), *data.y.shape))
    for k, held in enumerate(trial.held):
        step(f"{trial.name}: {held.name}")
        model = build()
        model.fit(passage_data(corpus, held.train), seed=derive_seed(config.seed, "model"))
        rows = np.flatnonzero(part == k)
        logits[:, rows] = model.logits([data.texts[i] for i in rows])
        for n, other in enumerate(others, start=1):
            with_other = [i for i in rows if data.ids[i] in other]
            logits[n, with_other] = model.logits([other[data.ids[i]] for i in with_other])
    documents, starts = document_offsets(data.groups)
    targets, document_part = document_targets(corpus, documents), part[starts]
    found: list[list[Tables]] = [[] for _ in logits]
    for k in range(len(trial.held)):
        inside, held_rows = part != k, np.flatnonzero(part == k)
        rest = (targets[0][document_part != k], targets[1][document_part != k])
        decision = fit_decision(logits[0][inside], data.take(np.flatnonzero(inside)), rest, names)
        for tables, z in zip(found, logits, strict=True):
            tables.append(apply_decision(decision, z[held_rows], data.take(held_rows), names))
    passages = [_joined([p for p, _ in tables], data.ids) for tables in found]
    return (passages[0], _joined([d for _, d in found[0]], documents)), passages[1:]


def forward(corpus: Corpus, held: Held, build: Build, config: TrainConfig, step: Tell) -> Tables:
    """Predictions of held-out passages and documents by a labeller that was fitted, decisions and all, on the training part."""
    names = labeller_names(corpus.codebook)

    def told(inner: Step) -> None:
        if inner.done == 0:  # a new fit, not a step of one
            step(f"{held.name}: {len(held.train)} documents trained on")

    fitted = fit_labeller(corpus, held.train, build, config, told)
    data = passage_data(corpus, held.documents)
    n = len(data.layout)
    whole = fitted.decision  # the model's head is calibrated already
    decision = Decision(
        Calibration(np.ones(n), np.zeros(n)),
        whole.thresholds,
        whole.document_calibration,
        whole.document_thresholds,
    )
    return apply_decision(decision, fitted.model.logits(data.texts), data, names)


def _joined(tables: Sequence[Predictions], order: Sequence[str]) -> Predictions:
    """Parts put together again, in the order of these ids."""
    ids = tuple(i for t in tables for i in t.ids)
    whole = Predictions(
        tables[0].names,
        ids,
        tuple(d for t in tables for d in t.documents),
        np.concatenate([t.probability for t in tables]),
        np.concatenate([t.stance_probability for t in tables]),
        np.concatenate([t.holds for t in tables]),
    )
    row = {unit: i for i, unit in enumerate(ids)}
    return whole.take([row[unit] for unit in order])


def _results(plan: Plan, trial: Trial, found: Predictions, usual: Predictions) -> list[TrialResult]:
    """Of all parts together where there are several, and of each part that has a meaning of its own."""
    groups = [("all", trial.held)] if trial.rotation else []
    groups += [(h.name, (h,)) for h in trial.held] if trial.each else []
    wanted = (*HEADLINE, *(f"topic/{t}/f1" for t in found.names.topics))
    row = {unit: i for i, unit in enumerate(usual.ids)}
    results = []
    for name, parts in groups:
        inside = {d for h in parts for d in h.documents}
        own = found.take([i for i, d in enumerate(found.documents) if d in inside])
        gold = Gold.from_heads(passage_data(plan.corpus, list(inside)).y, own.names)
        same = usual.take([row[i] for i in own.ids])
        results.append(
            TrialResult(
                trial=trial.name,
                held=name,
                n_passages=len(own.ids),
                n_documents=len(inside),
                trained_on=_mean_size(parts),
                reference_trained_on=_mean_size(plan.reference.held),
                scores=beside_reference(
                    own, same, gold, wanted, derive_seed(plan.config.seed, "bootstrap")
                ),
            )
        )
    return results


def _mean_size(parts: Sequence[Held]) -> int:
    return round(sum(len(h.train) for h in parts) / len(parts))


@dataclass(frozen=True)
class _Touched:
    """The passages that a swap changes: their new texts by id, and how many names were exchanged."""

    kind: str
    texts: dict[str, str]
    n_names: int


def _touched(swap: Swapper, ids: Sequence[str], texts: Sequence[str]) -> _Touched:
    found = [(i, *swap(t)) for i, t in zip(ids, texts, strict=True)]
    return _Touched(swap.name, {i: text for i, text, n in found if n}, sum(n for _, _, n in found))


def _swap_result(
    plan: Plan, touched: _Touched, usual: Predictions, swapped: Predictions
) -> SwapResult:
    rows = [k for k, unit in enumerate(usual.ids) if unit in touched.texts]
    before, after = usual.take(rows), swapped.take(rows)
    changed = changed_decisions(before, after, derive_seed(plan.config.seed, "bootstrap"))
    return SwapResult(
        touched.kind,
        len(rows),
        len(set(before.documents)),
        touched.n_names,
        changed,
        direction_of_change(before, after),
    )


def as_dict(result: Robustness) -> dict[str, Any]:
    """Plain form, for JSON."""
    from dataclasses import asdict

    plan = result.plan
    return {
        "model": plan.config.model.kind,
        "seed": plan.config.seed,
        "corpus_sha256": plan.corpus.sha256,
        "fits": plan.fits,
        "notes": plan.notes,
        "trials": [asdict(t) for t in result.trials],
        "swaps": [asdict(s) for s in result.swaps],
    }
