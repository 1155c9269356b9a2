"""Choose the documents of each shift test: held out by country, by date, by outlet, and trained on.

All are development documents of the split 'grouped'. Documents that share an event, a page or
near-duplicate passages with a held-out document are not trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sahelclf.config import TrainConfig
from sahelclf.corpus.duplicates import linked_groups
from sahelclf.corpus.read import Corpus
from sahelclf.corpus.splits import (
    CUTS,
    group_of,
    label_counts,
    make_folds,
    read_split,
    stratify_groups,
)
from sahelclf.training.seeds import derive_seed

FEWEST_DOCUMENTS = 10

Parts = dict[str, list[str]]


@dataclass(frozen=True)
class HeldOutSet:
    """Documents held out together, and those trained on."""

    name: str
    documents: tuple[str, ...]
    train: tuple[str, ...]


@dataclass(frozen=True)
class ShiftTest:
    """One kind of shift, and the sets that it holds out.

    In a `rotation`, the decisions of each set are fitted on the held-out logits of the other sets;
    else they are cross-fitted within the training documents. With `each`, every set also has a
    score of its own.
    """

    name: str
    held: tuple[HeldOutSet, ...]
    rotation: bool
    each: bool = False

    @property
    def documents(self) -> list[str]:
        """All held-out documents."""
        return [d for h in self.held for d in h.documents]

    def fits(self, crossfit: int) -> int:
        """Number of models to fit."""
        return len(self.held) * (1 if self.rotation else crossfit + 1)


def reference(corpus: Corpus, development: Sequence[str], config: TrainConfig) -> ShiftTest:
    """The folds of `train`: the same model where nothing but the text itself is new."""
    fold = make_folds(corpus, development, config.crossfit, derive_seed(config.seed, "folds"))
    return rotation("reference", corpus, development, _fold_parts(development, fold))


def rotation(
    name: str, corpus: Corpus, pool: Sequence[str], parts: Parts, *, each: bool = False
) -> ShiftTest:
    """Hold out one part at a time, and train on the independent documents of the pool."""
    held = (HeldOutSet(k, tuple(v), independent(corpus, pool, v)) for k, v in parts.items())
    return ShiftTest(name, tuple(held), rotation=True, each=each)


def shift_tests(
    corpus: Corpus, development: Sequence[str], config: TrainConfig
) -> tuple[list[ShiftTest], list[str]]:
    """The tests that this corpus allows, and notes about what is left out and why."""
    notes: list[str] = []
    n_test = len(corpus.documents) - len(development)
    if n_test:
        notes.append(
            f"{n_test} documents of test parts are neither trained on nor scored in any split below"
        )
    tests = [
        _country(corpus, development, notes),
        *(_temporal(corpus, development, name, config, notes) for name in CUTS),
        _outlet(corpus, development, config, notes),
    ]
    return [test for test in tests if test], notes


def _country(corpus: Corpus, development: Sequence[str], notes: list[str]) -> ShiftTest | None:
    every = _parts(corpus, "country", development, notes)
    parts = {k: v for k, v in every.items() if len(v) >= FEWEST_DOCUMENTS}
    small = ", ".join(f"{k} ({len(v)})" for k, v in every.items() if k not in parts)
    if small:
        fewer = f"fewer than {FEWEST_DOCUMENTS} development documents"
        notes.append(f"country: not held out, {fewer}: {small}")
    if every and len(parts) < 2:
        notes.append(
            f"country: left out; found {len(parts)} countries of {FEWEST_DOCUMENTS} development "
            "documents or more, expected 2"
        )
    if len(parts) < 2:
        return None
    test = rotation("country", corpus, development, parts, each=True)
    return _with_note(test, development, notes)


def _temporal(
    corpus: Corpus, development: Sequence[str], name: str, config: TrainConfig, notes: list[str]
) -> ShiftTest | None:
    parts = _parts(corpus, name, development, notes)
    if not parts:
        return None
    after, before = parts.get("test", []), parts.get("train", [])
    train = independent(corpus, before, after)
    group = group_of(corpus)
    n_groups = len({group[d] for d in train})
    if not after or n_groups < config.crossfit:
        notes.append(
            f"{name}: left out; found {n_groups} independent development documents before the cut "
            f"and {len(after)} after, expected {config.crossfit} and 1"
        )
        return None
    held = HeldOutSet("after the cut", tuple(after), train)
    return _with_note(ShiftTest(name, (held,), rotation=False, each=True), before, notes)


def _outlet(
    corpus: Corpus, development: Sequence[str], config: TrainConfig, notes: list[str]
) -> ShiftTest | None:
    """Folds that divide no outlet and no event; documents without an outlet are only trained on."""
    known = [d for d in development if corpus.document[d].outlet]
    missing = len(development) - len(known)
    if missing:
        notes.append(f"outlet: {missing} documents name no outlet; they are trained on, not scored")
    group = group_of(corpus)
    outlets = [" ".join(str(corpus.document[d].outlet).casefold().split()) for d in known]
    linked = linked_groups(len(known), [], [outlets, [group[d] for d in known]])
    if len(set(linked)) < config.crossfit:
        notes.append(
            f"outlet: left out; found {len(set(linked))} outlets without an event in common, "
            f"expected {config.crossfit}"
        )
        return None
    shares = [1 / config.crossfit] * config.crossfit
    seed = derive_seed(config.seed, "folds")
    fold = stratify_groups(label_counts(corpus, known), linked, shares, seed)
    return rotation("outlet", corpus, development, _fold_parts(known, fold))


def _fold_parts(documents: Sequence[str], fold: np.ndarray) -> Parts:
    parts: Parts = {f"fold{k}": [] for k in range(max(fold) + 1)}
    for document, k in zip(documents, fold, strict=True):
        parts[f"fold{k}"].append(document)
    return parts


def _parts(corpus: Corpus, name: str, development: Sequence[str], notes: list[str]) -> Parts:
    """Development documents in each part of a split; none where there is no such split."""
    if not (corpus.root / "splits" / f"{name}.json").exists():
        notes.append(
            f"{name}: left out; the corpus has no splits/{name}.json "
            "(corpus split --write writes what its dates and countries allow)"
        )
        return {}
    parts = read_split(corpus, name).parts
    return {part: [d for d in development if d in set(ids)] for part, ids in parts.items()}


def independent(corpus: Corpus, pool: Sequence[str], held: Sequence[str]) -> tuple[str, ...]:
    """Documents of the pool that share no event, page or passage with the held-out ones."""
    group = group_of(corpus)
    held_groups = {group[d] for d in held}
    return tuple(d for d in pool if group[d] not in held_groups)


def _with_note(test: ShiftTest, pool: Sequence[str], notes: list[str]) -> ShiftTest:
    linked = sum(len(set(pool) - set(h.documents) - set(h.train)) for h in test.held)
    if linked:
        notes.append(
            f"{test.name}: {linked} documents are not trained on: they share an event, a page or a "
            "passage with the held-out ones"
        )
    return test
