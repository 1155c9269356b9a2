"""Shares measured with codes that the model was trained on: with and without the guard, and fresh.

The collection is the development data of the packaged corpus, so the truth is known. For each seed
300 passages are drawn by chance and coded. TF-IDF is trained on them and labels the collection, and
the shares of the topics are measured three ways: with the same codes, unguarded; with the same
codes and cross-fitted predictions, as `train keep_folds=true` makes them; with 300 fresh codes.

Run: python experiments/15-trained-on-codes/run.py [--seeds 9]
"""

import argparse
from pathlib import Path

import numpy as np

from sahelclf.corpus.read import corpus_root, read_corpus
from sahelclf.corpus.splits import read_split
from sahelclf.evaluation.decide import fit_calibration, to_probabilities
from sahelclf.measurement.estimators import (
    Cells,
    Design,
    Outcome,
    Sample,
    cross_fit_calibration,
    shares,
)
from sahelclf.models.kinds import build_model
from sahelclf.tasks.base import HeadLayout, TaskData
from sahelclf.tasks.labeller import passage_data
from sahelclf.training.compose import compose_config

CODES, FOLDS = 300, 5
WAYS = ("trained on, unguarded", "trained on, cross-fitted", "fresh codes")
ESTIMATORS = ("sample", "ppi", "dsl")


def collection() -> TaskData:
    """The development passages, with the topics alone."""
    corpus = read_corpus(corpus_root(None))
    parts = read_split(corpus, "grouped").parts
    data = passage_data(corpus, [*parts["train"], *parts.get("dev", [])])
    topics = corpus.codebook.topic_names
    n = len(topics)
    return TaskData(
        HeadLayout(topics), data.ids, data.groups, data.texts, data.y[:, :n], data.mask[:, :n]
    )


def predictions(
    data: TaskData, rows: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(N, t) of the model of all codes, and cross-fitted: own fold of the codes, else the mean."""
    settings = compose_config().model
    documents, which = np.unique([data.groups[i] for i in rows], return_inverse=True)
    fold = rng.permutation(np.arange(len(documents)) % FOLDS)[which]
    parts = [rows[fold != k] for k in range(FOLDS)]
    logits = []
    for part in (rows, *parts):
        model = build_model(settings)
        model.fit(data.take(part), seed=0)
        logits.append(model.logits(data.texts))
    of_all, folds = logits[0], logits[1:]
    held_out = np.array([folds[k][i] for k, i in zip(fold, rows, strict=True)])
    y, mask = data.y[rows], data.mask[rows]
    whole = to_probabilities(fit_calibration(held_out, y, mask)(of_all))
    each = []
    for k in range(FOLDS):
        others = fold != k
        calibration = fit_calibration(held_out[others], y[others], mask[others])
        each.append(to_probabilities(calibration(folds[k])))
    crossed = np.mean(each, axis=0)
    crossed[rows] = [each[k][i] for k, i in zip(fold, rows, strict=True)]
    return whole, crossed


def intervals(
    data: TaskData, rows: np.ndarray, p: np.ndarray, *, linear: bool
) -> dict[str, list[tuple[float, float, float]]]:
    """Value, low and high of each topic, by estimator."""
    n = len(data)
    sample = Sample(rows, np.full(len(rows), n / len(rows)), np.zeros(len(rows), dtype=int))
    design = Design(sample, Cells(np.arange(n), np.zeros(n, dtype=int), 1), n)
    y = data.y[rows].astype(float)
    calibrated = cross_fit_calibration(y, p, sample, linear=linear)
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ESTIMATORS}
    for k in range(y.shape[1]):
        outcome = Outcome(y[:, k], p[:, k], (p[:, k] > 0.5).astype(float), calibrated[:, k])
        for name, estimate in shares(design, outcome).items():
            if name in found:
                low, high = estimate.interval
                found[name].append((float(estimate.value[0]), float(low[0]), float(high[0])))
    return found


def main() -> None:
    """Print one line a way and estimator, and write `results.md`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=9)
    seeds = parser.parse_args().seeds
    data = collection()
    truth = data.y.mean(axis=0)
    found: dict[tuple[str, str], list[tuple[bool, float, float]]] = {}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        rows, fresh = (rng.choice(len(data), CODES, replace=False) for _ in range(2))
        whole, crossed = predictions(data, rows, rng)
        ways = ((rows, whole, False), (rows, crossed, True), (fresh, whole, False))
        for way, (drawn, p, linear) in zip(WAYS, ways, strict=True):
            for name, topics in intervals(data, drawn, p, linear=linear).items():
                for (value, low, high), true in zip(topics, truth, strict=True):
                    inside = (low <= true <= high, abs(value - true), high - low)
                    found.setdefault((way, name), []).append(inside)
        print(f"seed {seed} done", flush=True)
    lines = [
        "| codes | estimator | hold the truth | mean error, points | mean width, points |",
        "|---|---|---|---|---|",
    ]
    for (way, name), cells in found.items():
        inside, off, width = np.array(cells, dtype=float).T
        lines.append(
            f"| {way} | {name} | {int(inside.sum())} of {len(inside)} | {100 * off.mean():.1f} | "
            f"{100 * width.mean():.1f} |"
        )
    table = "\n".join(lines)
    print(table)
    about = (
        f"# Codes that the model was trained on\n\n{seeds} seeds, {len(truth)} topics, "
        f"{len(data):,} passages of the development data, {CODES} coded; "
        f"95% intervals. `run.py` writes this page.\n\n{table}\n"
    )
    Path(__file__).with_name("results.md").write_text(about, encoding="utf-8")


if __name__ == "__main__":
    main()
