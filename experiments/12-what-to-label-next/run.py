"""Which passages should a team label next? Six ways to choose them, by simulation.

python experiments/12-what-to-label-next/run.py [--seeds 3] [--corpus FOLDER]

For each seed, a fifth of the development documents (a grouped fold) is held out, and the passages
of the others are a collection without labels. A team labels 50 passages that are drawn by chance,
then more, up to 800 passages, each time those that `model=tfidf` of the labels so far proposes; at
most one passage of a document, or of documents with near-duplicates, in a step. After each step the
model is fitted and scored on the passages of the held-out documents. No test document is read.

Each finished cell (seed, way, number of labels) is a line of cells.jsonl and is not computed again.
results.md and the figure are written from the lines: `--write` writes them from what is there.
"""

import argparse
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sahelclf.annotation.next import (
    dictionary_strata,
    draw_by_size,
    equal_scores,
    mixed_sizes,
    text_clusters,
    topic_weights,
    uncertainty,
    unit_groups,
)
from sahelclf.corpus.splits import make_folds
from sahelclf.evaluation.decide import (
    Calibration,
    apply_decision,
    labeller_names,
    probabilities,
)
from sahelclf.evaluation.predictions import Gold
from sahelclf.evaluation.report import report
from sahelclf.models.kinds import build_model
from sahelclf.tasks.labeller import passage_data
from sahelclf.training.compose import compose_config
from sahelclf.training.crossfit import fit_labeller
from sahelclf.training.run import check
from sahelclf.training.seeds import derive_seed

HERE = Path(__file__).parent
STEPS = (50, 100, 200, 400, 800)
RANDOM = 0.4
FOLDS = 5


def margin(p, **_):
    """The smallest distance of a topic's probability from one half."""
    return -np.abs(p - 0.5).min(axis=1)


def cardinality(p, holds, labelled, **_):
    """LCI (Li and Guo 2013): how far the number of topics is from its mean in the labelled."""
    return (holds.sum(axis=1) - labelled.sum(axis=1).mean()) ** 2


def cvirs(p, holds, labelled, **_):
    """CVIRS (Reyes, Morell and Ventura 2018): ranks of margins times inconsistency of topics."""
    n, q = p.shape
    rank = np.abs(2 * p - 1).argsort(axis=0, kind="stable").argsort(axis=0, kind="stable") + 1
    by_rank = (n - rank).sum(axis=1) / (q * (n - 1))
    kinds, which = np.unique(holds, axis=0, return_inverse=True)
    known = Counter(map(tuple, labelled.astype(bool)))
    differs = [
        sum(k * _distance(kind, np.array(row)) for row, k in known.items()) / len(labelled)
        for kind in kinds
    ]
    return by_rank * np.array(differs)[which.ravel()]


def _distance(a, b):
    """Normalised entropy distance of two sets of topics, 1 where no topic is judged alike."""
    if (a != b).all():
        return 1.0
    cells = np.bincount(2 * a.astype(int) + b.astype(int), minlength=4).reshape(2, 2) / len(a)
    joint = _entropy(cells.ravel())
    one, other = _entropy(cells.sum(axis=1)), _entropy(cells.sum(axis=0))
    return (2 * joint - one - other) / joint if joint > 0 else 0.0


def _entropy(shares):
    shares = shares[shares > 0]
    return float(-(shares * np.log2(shares)).sum())


def ours(p, stance, labelled, **_):
    """Uncertainty of topics, and of stances where the topic holds; rare topics weigh more."""
    return uncertainty(p, stance, topic_weights(labelled.sum(axis=0)))


TOP = {"margin": margin, "LCI": cardinality, "CVIRS": cvirs, "uncertainty, highest": ours}
WAYS = ("random", *TOP, "uncertainty, drawn")


def highest(score, groups, n, rng):
    """The n rows of highest score, one of each group; ties in random order."""
    order = np.lexsort((rng.random(len(score)), -score))
    _, first = np.unique(groups[order], return_index=True)
    return order[np.sort(first)][:n]


def choose(way, n, rng, groups, model):
    """Rows of the collection to label next; by chance where there is no model yet."""
    if model and way in TOP:
        return highest(TOP[way](**model), groups, n, rng)
    by_model = model and way != "random"
    score = ours(**model) if by_model else np.ones(len(groups))
    return draw_by_size(mixed_sizes(score, RANDOM), groups, n, rng).rows


class FittedModel(NamedTuple):
    """A model, its (t,) thresholds, its scores."""

    model: object
    thresholds: np.ndarray
    scores: dict


class Simulation:
    """One seed: held-out documents, a collection, and its groups."""

    def __init__(self, corpus, development, seed):
        self.corpus, self.seed, self.fits = corpus, seed, {}
        self.names = labeller_names(corpus.codebook)
        self.config = compose_config([f"seed={seed}"])
        fold = make_folds(corpus, development, FOLDS, derive_seed(seed // FOLDS, "held out"))
        held = [d for d, f in zip(development, fold, strict=True) if f == seed % FOLDS]
        self.test = passage_data(corpus, held)
        pool = {*development} - {*held}
        self.passages = [p for p in corpus.passages if p.document_id in pool]
        self.groups = unit_groups(
            [p.text for p in self.passages], [p.document_id for p in self.passages]
        )

    def fit(self, rows):
        """The model of these labels, its thresholds, its scores on the held-out passages."""
        if tuple(rows) in self.fits:
            return self.fits[tuple(rows)]
        chosen = tuple(self.passages[r] for r in rows)
        ids = {p.document_id for p in chosen}
        documents = tuple(
            d.model_copy(update={"topics": None}) for d in self.corpus.documents if d.id in ids
        )
        corpus = replace(self.corpus, documents=documents, passages=chosen)
        build = lambda: build_model(self.config.model, corpus.codebook, corpus.root)
        fitted = fit_labeller(corpus, [d.id for d in documents], build, self.config)
        heads = len(self.test.layout)
        as_it_is = Calibration(np.ones(heads), np.zeros(heads))
        predicted, _ = apply_decision(
            replace(fitted.decision, calibration=as_it_is),
            fitted.model.logits(self.test.texts),
            self.test,
            self.names,
        )
        scores = report(predicted, Gold.from_heads(self.test.y, self.names)).scores
        result = FittedModel(fitted.model, fitted.decision.thresholds, scores)
        if len(rows) == STEPS[0]:  # the first batch is the same for all ways
            self.fits[tuple(rows)] = result
        return result

    def known(self, fitted, rest, rows):
        """What a way may know of the rest of the collection."""
        logits = fitted.model.logits([self.passages[r].text for r in rest])
        p, stance = probabilities(logits, self.names)
        holds = p >= fitted.thresholds
        return {"p": p, "stance": stance, "holds": holds, "labelled": self.labelled(rows)}

    def labelled(self, rows):
        """(n, t) topics that hold."""
        return np.array([[t in self.passages[r].topics for t in self.names.topics] for r in rows])


def simulate(simulation, way, done, keep):
    """All steps of a way that are not in `done`."""
    rows, fitted = np.array([], dtype=int), None
    for step in STEPS:
        key = (simulation.seed, way, step)
        if key in done:
            rows, fitted = np.array(done[key]["rows"]), None
            continue
        rest = np.setdiff1d(np.arange(len(simulation.passages)), rows)
        if len(rows) and way != "random":
            fitted = fitted or simulation.fit(rows)
        model = simulation.known(fitted, rest, rows) if fitted and way != "random" else {}
        groups = simulation.groups[rest]
        rng = np.random.default_rng(derive_seed(simulation.seed, f"{way if model else ''} {step}"))
        n = min(step - len(rows), len(np.unique(groups)))
        rows = np.concatenate([rows, rest[choose(way, n, rng, groups, model)]])
        fitted = simulation.fit(rows)
        keep(cell(simulation, way, step, fitted, rows))


def first_batches(simulation, done, keep):
    """A first batch without a model: by the dictionary of the corpus, and by clusters."""
    texts = [p.text for p in simulation.passages]
    for step in STEPS[:2]:
        for way, strata in {
            "first: dictionary": lambda _: dictionary_strata(
                simulation.corpus.root / "keywords.yaml", simulation.corpus.codebook, texts
            ),
            "first: clusters": lambda n: text_clusters(texts, n, simulation.seed),
        }.items():
            if (simulation.seed, way, step) in done:
                continue
            rng = np.random.default_rng(derive_seed(simulation.seed, f"{way} {step}"))
            size = mixed_sizes(equal_scores(strata(step)), RANDOM)
            rows = draw_by_size(size, simulation.groups, step, rng).rows
            keep(cell(simulation, way, step, simulation.fit(rows), rows))


def cell(simulation, way, step, fitted, rows):
    """What is kept of one fit."""
    positives = simulation.labelled(rows).sum(axis=0)
    return {
        "seed": simulation.seed,
        "way": way,
        "labels": step,
        "scores": {k: round(float(v), 4) for k, v in fitted.scores.items() if v == v},
        "positives": dict(zip(simulation.names.topics, map(int, positives), strict=True)),
        "rows": rows.tolist(),
    }


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--corpus")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--write", action="store_true")
    options.add_argument("--out", type=Path, default=HERE)
    args = options.parse_args()
    corpus, _, development = check(compose_config([f"corpus={args.corpus}"] if args.corpus else []))
    path = args.out / "cells.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    done = {(c["seed"], c["way"], c["labels"]): c for c in map(json.loads, lines)}

    def keep(cell):
        with path.open("a") as stream:
            stream.write(json.dumps(cell | {"corpus": corpus.sha256[:16]}) + "\n")
        print(cell["seed"], cell["way"], cell["labels"], flush=True)

    for seed in [] if args.write else range(args.first, args.seeds):
        simulation = Simulation(corpus, development, seed)
        for way in WAYS:
            if any((seed, way, step) not in done for step in STEPS):
                simulate(simulation, way, done, keep)
        first_batches(simulation, done, keep)


if __name__ == "__main__":
    main()
