"""The table of the cells of grid.py: cross-fitted scores over seeds, each model against TF-IDF.

python experiments/07-fine-tuning/results.py

Models are compared on the same passages, and also within each stratum.
"""

import json
from pathlib import Path

import numpy as np

from sahelclf.corpus.splits import make_folds
from sahelclf.evaluation.compare import System, compare
from sahelclf.evaluation.decide import document_offsets, labeller_names
from sahelclf.evaluation.predictions import Gold
from sahelclf.evaluation.report import HEADLINE
from sahelclf.tasks.labeller import document_targets, passage_data
from sahelclf.training.compose import compose_config
from sahelclf.training.crossfit import cross_fitted
from sahelclf.training.run import check
from sahelclf.training.seeds import derive_seed

HERE = Path(__file__).parent
FOLDS = 5
MODELS = ("tfidf", "embedding", "transformer")
BLEND = "blend"


def held_out(corpus, name, seed, shape):
    """(n, n_heads) logits of a model and seed from its folds, or None where one is missing."""
    logits = np.full(shape, np.nan)
    for k in range(FOLDS):
        path = HERE / "logits" / corpus.sha256[:16] / f"{name}-{seed}-{k}.npz"
        if not path.exists():
            return None
        with np.load(path) as stored:
            logits[stored["rows"]] = stored["logits"]
    return logits


def all_predictions(corpus, development, data, targets, names):
    """By model and seed: predictions of passages and of documents.

    The blend is what `model=blend` would be: the same fits, added.
    """
    found = {name: {} for name in (*MODELS, BLEND)}
    weight = compose_config(["model=blend"]).model.tfidf_weight
    for seed in range(10):
        folds = dict(
            zip(
                development,
                make_folds(corpus, development, FOLDS, derive_seed(seed, "folds")),
                strict=True,
            )
        )
        fold = np.array([folds[d] for d in data.groups])
        logits = {
            name: z
            for name in MODELS
            if (z := held_out(corpus, name, seed, data.y.shape)) is not None
        }
        if {"transformer", "tfidf"} <= set(logits):
            logits[BLEND] = logits["transformer"] + weight * logits["tfidf"]
        for name, z in logits.items():
            found[name][seed] = cross_fitted(z, fold, data, targets, names)
    return {name: by_seed for name, by_seed in found.items() if by_seed}


def section(title, systems):
    """A table of one comparison."""
    result = compare(systems)
    lines = [
        f"## {title}: {result.n_units:,} of {result.n_documents} documents",
        "",
        "| model | " + " | ".join(HEADLINE) + " |",
        "|---|---|---|---|",
    ]
    for k, name in enumerate(result.systems):
        cells = []
        for score in HEADLINE:
            x = result.row(score, k)
            d = x.difference
            against = ""
            if d is not None:
                bounds = f"[{d.low:+.3f}, {d.high:+.3f}]"
                against = f"; {d.value:+.3f} {bounds}, p {x.p_holm:.4f}, {x.verdict}"
            cells.append(f"{x.value:.3f} [{x.low:.3f}, {x.high:.3f}]{against}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def main():
    corpus, _, development = check(compose_config())
    data = passage_data(corpus, development)
    names = labeller_names(corpus.codebook)
    targets = document_targets(corpus, document_offsets(data.groups)[0])
    found = all_predictions(corpus, development, data, targets, names)
    seeds = sorted(set.intersection(*(set(s) for s in found.values())))
    stratum = np.array([corpus.document[d].stratum for d in data.groups])
    labelled = np.flatnonzero(targets[1].any(axis=1))
    parts = [("passages", 0, np.arange(len(data)), Gold.from_heads(data.y, names))]
    parts += [
        (f"passages, {s}", 0, np.flatnonzero(stratum == s), parts[0][3])
        for s in sorted(set(stratum))
    ]
    parts += [("documents", 1, labelled, Gold.from_heads(targets[0], names))]
    lines = [
        f"Corpus {corpus.sha256[:16]}, {FOLDS} grouped folds, seeds {', '.join(map(str, seeds))}; "
        "differences from tfidf, paired, 95% intervals, Holm's p.",
        "",
    ]
    for title, level, rows, gold in parts:
        own = Gold(gold.topics[rows], gold.stance[rows])
        lines += section(
            title,
            [
                System(n, tuple((by_seed[s][level].take(rows), own) for s in seeds))
                for n, by_seed in found.items()
            ],
        )
    seconds = {}
    for line in (HERE / "cells.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["corpus"] == corpus.sha256[:16]:
            seconds.setdefault(row["model"], []).append(row["seconds"])
    lines.append(
        "Seconds a fit, one thread, two at a time on a busy machine: "
        + ", ".join(f"{m} {np.mean(s):.0f}" for m, s in seconds.items())
    )
    (HERE / "results.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
