"""Run the shift tests and the name swaps of one model.

Every test is compared with the reference: the same model, cross-fitted over the folds of `train`,
on the same passages. The swaps use the models of the reference, each on the fold that it has not
seen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sahelclf.config import TrainConfig
from sahelclf.corpus.read import Corpus
from sahelclf.errors import RequestError
from sahelclf.evaluation.decide import (
    document_offsets,
    labeller_names,
)
from sahelclf.evaluation.metrics import scored_metrics
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.models.base import Model
from sahelclf.models.kinds import build_model
from sahelclf.studies.robustness.held_out import HeldOutSet, ShiftTest, reference, shift_tests
from sahelclf.studies.robustness.name_swaps import Swapper, read_swaps
from sahelclf.studies.robustness.shift import (
    Changed,
    ScoreDifference,
    changed_decisions,
    differences,
    direction_of_change,
)
from sahelclf.tasks.labeller import document_targets, passage_data
from sahelclf.training.crossfit import cross_fitted, fit_labeller, predict_documents
from sahelclf.training.run import check
from sahelclf.training.seeds import derive_seed
from sahelclf.training.steps import OnStep, Step

OnFit = Callable[[str], None]
Tables = tuple[Predictions, Predictions]
SPLIT = "grouped"


@dataclass(frozen=True)
class Plan:
    """The tests and swaps to run, and notes about what is left out and why."""

    config: TrainConfig
    corpus: Corpus
    development: list[str]
    reference: ShiftTest
    tests: list[ShiftTest]
    swaps: dict[str, Swapper]
    notes: list[str]

    @property
    def fits(self) -> dict[str, int]:
        """Fits of each test, the reference first."""
        return {t.name: t.fits(self.config.crossfit) for t in (self.reference, *self.tests)}

    def build(self) -> Model:
        """A new model."""
        return build_model(self.config.model, self.corpus.codebook, self.corpus.root)


@dataclass(frozen=True)
class ShiftResult:
    """Scores of one held-out set, or of all sets of a test together, beside the reference."""

    trial: str
    held: str
    n_passages: int
    n_documents: int
    trained_on: int
    reference_trained_on: int
    scores: list[ScoreDifference]


@dataclass(frozen=True)
class SwapResult:
    """What one kind of swap changes in the passages that it touches."""

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
    trials: list[ShiftResult]
    swaps: list[SwapResult]

    def as_dict(self) -> dict[str, Any]:
        """Plain form, for JSON."""
        plan = self.plan
        return {
            "model": plan.config.model.kind,
            "seed": plan.config.seed,
            "corpus_sha256": plan.corpus.sha256,
            "fits": plan.fits,
            "notes": plan.notes,
            "trials": [asdict(t) for t in self.trials],
            "swaps": [asdict(s) for s in self.swaps],
        }


def make_plan(config: TrainConfig) -> Plan:
    """Check the request and choose the documents of every test; nothing is fitted yet.

    Raises
    ------
    RequestError
        `split` or `cv` is set, or the corpus allows no test.
    """
    problems = []
    if config.split != SPLIT:
        problems.append(
            f"split={config.split}: robustness uses the development documents of {SPLIT!r}; "
            "remove split="
        )
    if config.cv is not None:
        problems.append(f"cv={config.cv}: robustness has its own folds; remove cv=")
    if problems:
        raise RequestError(problems)
    corpus, _, development = check(config)
    tests, notes = shift_tests(corpus, development, config)
    swaps = read_swaps(corpus.root / "swaps.yaml")
    if not swaps:
        notes.append(f"swaps: left out; {corpus.root.name} has no swaps.yaml")
    if not tests and not swaps:
        raise RequestError([f"{corpus.root}: no test of robustness is possible", *notes])
    usual = reference(corpus, development, config)
    return Plan(config, corpus, development, usual, tests, swaps, notes)


def run(plan: Plan, on_step: OnStep = lambda _: None) -> Robustness:
    """Fit, score and swap; `on_step` is called at every fit."""
    total, done = sum(plan.fits.values()), 0

    def on_fit(what: str) -> None:
        nonlocal done
        on_step(Step(what, what, done, total))
        done += 1

    data = passage_data(plan.corpus, plan.development)
    swapped = {
        name: {i: swap(text) for i, text in zip(data.ids, data.texts, strict=True)}
        for name, swap in plan.swaps.items()
    }
    touched = [{i: text for i, (text, n) in by_id.items() if n} for by_id in swapped.values()]
    (usual, _), after = rotate(plan, plan.reference, on_fit, touched)
    shifts: list[ShiftResult] = []
    for test in plan.tests:
        rotated = rotate(plan, test, on_fit)[0] if test.rotation else None
        predictions, _ = rotated or forward(plan, test.held[0], on_fit)
        shifts += _shift_results(plan, test, predictions, usual)
    swaps = []
    for name, texts, predictions in zip(swapped, touched, after, strict=True):
        rows = [k for k, unit in enumerate(usual.ids) if unit in texts]
        n_names = sum(n for _, n in swapped[name].values())
        swaps.append(_swap_result(plan, name, n_names, usual.take(rows), predictions.take(rows)))
    return Robustness(plan, shifts, swaps)


def rotate(
    plan: Plan,
    test: ShiftTest,
    on_fit: OnFit = lambda _: None,
    others: Sequence[Mapping[str, str]] = (),
) -> tuple[Tables, list[Predictions]]:
    """Predict every held-out set by a model that did not see it; the other sets fix its decisions.

    With the folds of `train` as sets, this is the cross-fitting of `train`.

    Parameters
    ----------
    others
        Other texts by passage id, such as texts with swapped names. Passages without one keep their
        own.

    Returns
    -------
    Tables of the passages and of the documents, and a table of the passages for each of `others`.
    """
    corpus, names = plan.corpus, labeller_names(plan.corpus.codebook)
    data = passage_data(corpus, test.documents)
    set_of = {d: k for k, held in enumerate(test.held) for d in held.documents}
    part = np.array([set_of[d] for d in data.groups])
    logits = np.zeros((1 + len(others), *data.y.shape))
    for k, held in enumerate(test.held):
        on_fit(f"{test.name}: {held.name}")
        model = plan.build()
        model.fit(passage_data(corpus, held.train), seed=derive_seed(plan.config.seed, "model"))
        rows = np.flatnonzero(part == k)
        logits[:, rows] = model.logits([data.texts[i] for i in rows])
        for n, other in enumerate(others, start=1):
            changed = [i for i in rows if data.ids[i] in other]
            logits[n, changed] = model.logits([other[data.ids[i]] for i in changed])
    targets = document_targets(corpus, document_offsets(data.groups)[0])
    tables = [cross_fitted(logits[0], part, data, targets, names, z) for z in logits]
    return tables[0], [passages for passages, _ in tables[1:]]


def forward(plan: Plan, held: HeldOutSet, on_fit: OnFit = lambda _: None) -> Tables:
    """Predict held-out passages and documents by a labeller of the training documents alone."""

    def on_step(step: Step) -> None:
        if step.done == 0:  # a new fit, not a step of one
            on_fit(f"{held.name}: {len(held.train)} documents trained on")

    corpus = plan.corpus
    fitted = fit_labeller(corpus, held.train, plan.build, plan.config, on_step)
    return predict_documents(corpus, held.documents, fitted)


def _shift_results(
    plan: Plan, test: ShiftTest, predictions: Predictions, usual: Predictions
) -> list[ShiftResult]:
    """Of all sets together where there are several, and of each set that has its own score."""
    groups = [("all", test.held)] if test.rotation else []
    groups += [(h.name, (h,)) for h in test.held] if test.each else []
    headline = (m.name for m in scored_metrics(predictions.names.stances))
    scores = (*headline, *(f"topic/{t}/f1" for t in predictions.names.topics))
    row = {unit: i for i, unit in enumerate(usual.ids)}
    seed = derive_seed(plan.config.seed, "bootstrap")
    results = []
    for name, sets in groups:
        inside = {d for h in sets for d in h.documents}
        new = predictions.take([i for i, d in enumerate(predictions.documents) if d in inside])
        same = usual.take([row[i] for i in new.ids])
        gold = Gold.from_heads(passage_data(plan.corpus, list(inside)).y, new.names)
        sizes = (len(new.ids), len(inside), _mean_size(sets), _mean_size(plan.reference.held))
        moved = differences(new, same, gold, scores, seed)
        results.append(ShiftResult(test.name, name, *sizes, moved))
    return results


def _mean_size(sets: Sequence[HeldOutSet]) -> int:
    return round(sum(len(h.train) for h in sets) / len(sets))


def _swap_result(
    plan: Plan, kind: str, n_names: int, before: Predictions, after: Predictions
) -> SwapResult:
    changed = changed_decisions(before, after, derive_seed(plan.config.seed, "bootstrap"))
    sizes = (len(before.ids), len(set(before.documents)), n_names)
    return SwapResult(kind, *sizes, changed, direction_of_change(before, after))
