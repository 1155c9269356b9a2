"""Which settings for `model=transformer`? One fold of the corpus, one seed for each variant.

python experiments/07-fine-tuning/screen.py [--only VARIANT …] [--seed 0] [--threads 1]

Every cell (variant, seed) is stored in screen.jsonl beside this file and not computed again.
grid.py tests the best variant.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, f1_score

from sahelclf.corpus.splits import make_folds
from sahelclf.models.base import FitCallbacks
from sahelclf.models.kinds import build_model
from sahelclf.models.transformer import Transformer
from sahelclf.tasks.labeller import passage_data
from sahelclf.training.compose import compose_config
from sahelclf.training.run import check
from sahelclf.training.seeds import derive_seed

HERE = Path(__file__).parent
USUAL = ["pooling=first", "frozen_layers=0", "head_learning_rate=0.0001", "learning_rate=0.0001"]
VARIANTS = {
    "usual: first token, random head, rate 1e-4": USUAL,
    "usual, rate 2e-4": [*USUAL, "learning_rate=0.0002", "head_learning_rate=0.0002"],
    "first token, head from the probe": USUAL,
    "mean, head from the probe, all layers, rate 1e-4": ["frozen_layers=0", "learning_rate=0.0001"],
    "mean, head from the probe, 2 layers frozen, rate 2e-4 (shipped)": [],
    "the same, 6 epochs": ["epochs=6"],
    "the same, 3 layers frozen, rate 3e-4": ["frozen_layers=3", "learning_rate=0.0003"],
    "the same, dropout 0.1": ["dropout=0.1"],
}


class RandomHead(Transformer):
    """The head that Transformers makes, at random."""

    def _start_head(self, *_):
        pass


def scores(logits, held, n_topics):
    """Of topics: macro average precision. Of stances: macro-F1 of the likeliest on gold topics."""
    p = 1 / (1 + np.exp(-logits))
    gold, predicted = [], []
    for heads in held.layout.groups:
        rows = held.mask[:, heads[0]]
        gold += held.y[rows][:, list(heads)].argmax(1).tolist()
        predicted += p[rows][:, list(heads)].argmax(1).tolist()
    precision = np.mean([average_precision_score(held.y[:, k], p[:, k]) for k in range(n_topics)])
    return {
        "topic_average_precision": round(float(precision), 4),
        "stance_macro_f1": round(f1_score(gold, predicted, average="macro"), 4),
    }


def corpus_fold(corpus, development, seed):
    """Training and held-out passages of the first fold."""
    data = passage_data(corpus, development)
    fold_of = dict(
        zip(
            development, make_folds(corpus, development, 5, derive_seed(seed, "folds")), strict=True
        )
    )
    fold = np.array([fold_of[d] for d in data.groups])
    return data.take(np.flatnonzero(fold != 0)), data.take(np.flatnonzero(fold == 0))


def cell(variant, seed, threads, corpus, development):
    train, held = corpus_fold(corpus, development, seed)
    config = compose_config(
        [
            "model=transformer",
            f"seed={seed}",
            f"model.threads={threads}",
            *(f"model.{v}" for v in VARIANTS[variant]),
        ]
    )
    model = (
        RandomHead(config.model)
        if variant.startswith("usual")
        else build_model(config.model, corpus.codebook, corpus.root)
    )
    started, losses = time.perf_counter(), []
    model.fit(
        train,
        seed=derive_seed(seed, "model"),
        callbacks=FitCallbacks(
            lambda _done, _of, numbers: losses.extend([numbers["loss"]] if numbers else [])
        ),
    )
    seconds = time.perf_counter() - started
    found = scores(model.logits(held.texts), held, len(corpus.codebook.topics))
    return (
        {"variant": variant, "seed": seed}
        | found
        | {"last_loss": round(float(np.mean(losses[-50:])), 3), "seconds": round(seconds, 1)}
    )


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--only", nargs="*", default=list(VARIANTS))
    options.add_argument("--seed", type=int, nargs="*", default=[0])
    options.add_argument("--threads", type=int, default=1)
    args = options.parse_args()
    corpus, _, development = check(compose_config())
    path = HERE / "screen.jsonl"
    for variant in args.only:
        for seed in args.seed:
            rows = (
                [json.loads(line) for line in path.read_text().splitlines()]
                if path.exists()
                else []
            )
            if not any((r["variant"], r["seed"]) == (variant, seed) for r in rows):
                row = cell(variant, seed, args.threads, corpus, development)
                with path.open("a") as stream:
                    stream.write(json.dumps(row) + "\n")
                print(row, flush=True)


if __name__ == "__main__":
    main()
