"""Which passages should a team label next? Seven ways to choose them, by simulation.

python experiments/12-what-to-label-next/run.py [--seeds 3] [--first 0] [--corpus FOLDER]
python experiments/12-what-to-label-next/run.py --write

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
from sahelclf.reports.figures.curves import learning_curve
from sahelclf.tasks.labeller import passage_data
from sahelclf.training.compose import compose_config
from sahelclf.training.crossfit import fit_labeller
from sahelclf.training.run import check
from sahelclf.training.seeds import derive_seed

HERE = Path(__file__).parent
STEPS = (50, 100, 200, 400, 800)
RANDOM = 0.4
FOLDS = 5
CLUSTER_DIMENSIONS, UNITS_A_CLUSTER, MOST_CLUSTERS = 50, 5, 20


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
AP = "topic/average_precision"  # mean over topics: no threshold has a part in it
SCORES = ("topic/macro_f1", AP, "stance/macro_f1", "joint/f1")
FIRST = ("first: dictionary", "first: clusters")
DRAWN = {"uncertainty, drawn": 1, "uncertainty^4, drawn": 4}  # power of the score
WAYS = ("random", *TOP, *DRAWN)


def highest(score, groups, n, rng):
    """The n rows of highest score, one of each group; ties in random order."""
    order = np.lexsort((rng.random(len(score)), -score))
    _, first = np.unique(groups[order], return_index=True)
    return order[np.sort(first)][:n]


def choose(way, n, rng, groups, model):
    """Rows of the collection to label next; by chance where there is no model yet."""
    if model and way in TOP:
        return highest(TOP[way](**model), groups, n, rng)
    score = ours(**model) ** DRAWN[way] if model else np.ones(len(groups))
    return draw_by_size(mixed_sizes(score, RANDOM), groups, n, rng).rows


def text_clusters(texts, n, seed):
    """Name of each text's cluster: k-means on the principal directions of its TF-IDF words.

    There is a cluster for every `UNITS_A_CLUSTER` of the `n` units to draw, at most
    `MOST_CLUSTERS`.
    """
    from sklearn.cluster import KMeans
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    k = min(n // UNITS_A_CLUSTER, MOST_CLUSTERS, len(set(texts)))
    if k < 2:
        return ["cluster 1"] * len(texts)
    x = TfidfVectorizer(
        strip_accents="unicode", sublinear_tf=True, token_pattern=r"\w+|\S"
    ).fit_transform(texts)
    size = min(CLUSTER_DIMENSIONS, *(m - 1 for m in x.shape))
    if size >= 1:
        x = normalize(TruncatedSVD(size, random_state=seed).fit_transform(x))
    return [f"cluster {c + 1}" for c in KMeans(k, n_init=3, random_state=seed).fit_predict(x)]


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


def values(cells, score, way, step):
    """A score by seed."""
    return {
        c["seed"]: value_of(c["scores"], score)
        for c in cells
        if (c["way"], c["labels"]) == (way, step)
    }


def value_of(scores, name):
    """A score of a cell, or its mean over topics."""
    if name != AP:
        return scores[name]
    return np.mean([v for k, v in scores.items() if k.endswith("/average_precision")])


def mean_and_error(numbers):
    """Mean and its standard error over seeds; nan where there is one seed."""
    x = np.array(list(numbers), dtype=float)
    error = x.std(ddof=1) / np.sqrt(len(x)) if len(x) > 1 else np.nan
    return (x.mean(), error) if len(x) else (np.nan, np.nan)


def gains(cells, score, way, step):
    """Differences from the draw by chance, of the seeds that have both."""
    mine, chance = values(cells, score, way, step), values(cells, score, "random", step)
    return [mine[k] - chance[k] for k in mine.keys() & chance.keys()]


def write(out, cells):
    """results.md and the figure, of the seeds that are complete."""
    have = {(c["seed"], c["way"], c["labels"]) for c in cells}
    every = [
        *((w, s) for w in WAYS for s in STEPS),
        *((w, s) for w in FIRST for s in STEPS[:2]),
    ]
    seeds = {k for k, *_ in have if all((k, *cell) in have for cell in every)}
    cells = [c for c in cells if c["seed"] in seeds]
    lines = [
        f"Corpus {cells[0]['corpus']}; {len(seeds)} seeds; `model=tfidf`; scores on the passages "
        "of held-out documents. Mean ± standard error over seeds (no error where there is one); "
        "the difference from chance is paired by seed. Columns are labelled passages.",
    ]
    cell_of = lambda numbers, form: "{:{f}} ± {:.3f}".format(*mean_and_error(numbers), f=form)
    for score in SCORES:
        for title, numbers, form in (
            (score, lambda *a: values(*a).values(), ".3f"),
            (f"{score}: difference from chance", gains, "+.3f"),
        ):
            table = [
                [way, *(cell_of(numbers(cells, score, way, s), form) for s in STEPS)]
                for way in (*WAYS, *FIRST)
                if way != "random" or numbers is not gains
            ]
            lines += ["", f"## {title}", "", *markdown(["way", *map(str, STEPS)], table)]
    topics = list(cells[0]["positives"])
    table = [
        [way, *(f"{np.mean([c['positives'][t] for c in chosen]):.0f}" for t in topics)]
        for way in WAYS
        if (chosen := [c for c in cells if (c["way"], c["labels"]) == (way, 400)])
    ]
    lines += [
        "",
        "## Passages with each topic among 400 labels",
        "",
        *markdown(["way", *topics], table),
    ]
    (out / "results.md").write_text("\n".join(lines) + "\n")
    draw(out, cells, len(seeds))


def markdown(header, rows):
    """Lines of a table."""
    shown = [["–" if "nan ± nan" in c else c.replace(" ± nan", "") for c in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *shown)]


def draw(out, cells, seeds):
    """Scores by number of labels."""
    panels = {}
    for score in SCORES[:3]:
        panels[score.replace("/", " ").replace("_", "-")] = {
            way: [
                (m, m - e, m + e) if e == e else (m, m, m)
                for m, e in (mean_and_error(values(cells, score, way, s).values()) for s in STEPS)
            ]
            for way in WAYS
        }
    figure = learning_curve(STEPS, panels, f"mean ± standard error over {seeds} seeds")
    for axes in figure.axes:
        axes.set(xscale="log", xlabel="labelled passages", xlim=(STEPS[0] * 0.9, STEPS[-1] * 1.1))
        axes.set_xticks(STEPS, [str(s) for s in STEPS])
        axes.minorticks_off()
    for form in ("png", "pdf"):
        figure.savefig(out / f"curve.{form}")


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

    if args.write:
        write(args.out, list(done.values()))
    for seed in [] if args.write else range(args.first, args.seeds):
        simulation = Simulation(corpus, development, seed)
        for way in WAYS:
            if any((seed, way, step) not in done for step in STEPS):
                simulate(simulation, way, done, keep)
        first_batches(simulation, done, keep)


if __name__ == "__main__":
    main()
