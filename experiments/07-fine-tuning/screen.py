"""Which settings for `model=transformer`? One fold of the corpus and the development part of satp_relevant, several seeds.

python experiments/07-fine-tuning/screen.py [--suite FOLDER] [--only VARIANT …] [--seeds 2]

Every cell (data, variant, seed) is kept in screen.jsonl beside this file and not computed again; two processes may share it.
`--suite` is a clone of github.com/eventdata/ConfliBERT; without it the corpus alone is used. One thread a process.
"""

import argparse
import csv
import json
import time
from pathlib import Path

import numpy as np
from filelock import FileLock
from sklearn.metrics import average_precision_score, f1_score

from sahelclf.corpus.splits import make_folds
from sahelclf.models import finetune
from sahelclf.models.registry import build_model
from sahelclf.tasks.base import HeadLayout, TaskData
from sahelclf.tasks.labeller import passage_data
from sahelclf.training.compose import compose_config
from sahelclf.training.run import check
from sahelclf.training.seeds import derive_seed

HERE = Path(__file__).parent
BASE = ["epochs=4", "learning_rate=0.0001", "dropout=0.0", "batch_size=16"]
VARIANTS = {
    "base": [],
    "rate 2e-4": ["learning_rate=0.0002"],
    "rate 5e-5": ["learning_rate=0.00005"],
    "6 epochs": ["epochs=6"],
    "8 epochs": ["epochs=8"],
    "3 epochs, rate 2e-4": ["epochs=3", "learning_rate=0.0002"],
    "dropout 0.1": ["dropout=0.1"],
    "lower third frozen": [],
    "lower third frozen, rate 2e-4": ["learning_rate=0.0002"],
    "balanced loss": [],
    "batch 32, rate 2e-4": ["batch_size=32", "learning_rate=0.0002"],
}


class LowerThirdFrozen(finetune.FineTuning):
    """Embeddings and the lower third of the layers stay as they are."""

    def __init__(self, model, *rest):
        n = model.config.num_hidden_layers // 3
        for name, parameter in model.named_parameters():
            if ".embeddings." in name or any(f".layer.{k}." in name for k in range(n)):
                parameter.requires_grad = False
        super().__init__(model, *rest)


class Balanced(finetune.FineTuning):
    """Ones of a head weigh as much as its zeros, up to five times."""

    def __init__(self, model, cut, y, mask, *rest):
        super().__init__(model, cut, y, mask, *rest)
        ones = (y * mask).sum(axis=0)
        ratio = np.clip((mask.sum(axis=0) - ones) / np.maximum(ones, 1), 1, 5)
        self.weight *= self.y * ratio[None, :].astype(np.float32) + (1 - self.y)


LOOPS = {"lower third frozen": LowerThirdFrozen, "lower third frozen, rate 2e-4": LowerThirdFrozen, "balanced loss": Balanced}


def corpus_fold(corpus, development, seed):
    """Training and held-out passages of the first fold."""
    data = passage_data(corpus, development)
    fold_of = dict(zip(development, make_folds(corpus, development, 5, derive_seed(seed, "folds")), strict=True))
    fold = np.array([fold_of[d] for d in data.groups])
    return data.take(np.flatnonzero(fold != 0)), data.take(np.flatnonzero(fold == 0))


def satp(root):
    """Training and development rows of satp_relevant."""
    parts = []
    for part in ("train", "dev"):
        with (root / "data" / "satp_relevant" / f"{part}.tsv").open(encoding="utf-8") as stream:
            rows = list(csv.reader(stream, delimiter="\t", quotechar='"'))
        y = np.array([[int(v) for v in r[1:]] for r in rows], dtype=np.int8)
        ids = tuple(f"{part}-{i}" for i in range(len(rows)))
        layout = HeadLayout(("armed_assault", "bombing", "kidnapping", "other"))
        parts.append(TaskData(layout, ids, ids, tuple(r[0] for r in rows), y, np.ones(y.shape, dtype=bool)))
    return parts


def scores(what, logits, held, n_topics):
    """Of topics: macro average precision. Of stances: macro-F1 of the likeliest on gold topics. Of satp: example-based F1."""
    if what == "satp_relevant":
        said, gold = logits > 0, held.y > 0
        either = said.sum(1) + gold.sum(1)
        eb = 2 * (said & gold).sum(1)[either > 0] / either[either > 0]
        return {"example_f1": eb.mean(), "macro_f1": f1_score(gold, said, average="macro", zero_division=0)}
    p = 1 / (1 + np.exp(-logits))
    found = {"topic_ap": np.mean([average_precision_score(held.y[:, k], p[:, k]) for k in range(n_topics)])}
    gold, said = [], []
    for heads in held.layout.groups:
        rows = held.mask[:, heads[0]]
        gold += held.y[rows][:, list(heads)].argmax(1).tolist()
        said += p[rows][:, list(heads)].argmax(1).tolist()
    return found | {"stance_f1": f1_score(gold, said, average="macro")}


def cell(what, variant, seed, parts, corpus):
    train, held = parts
    config = compose_config(["model=transformer", f"seed={seed}", "model.threads=1", *(f"model.{v}" for v in [*BASE, *VARIANTS[variant]])])
    model = build_model(config.model, corpus.codebook, corpus.root)
    plain = finetune.FineTuning
    finetune.FineTuning = LOOPS.get(variant, plain)
    started = time.perf_counter()
    try:
        model.fit(train, seed=derive_seed(seed, "model"))
    finally:
        finetune.FineTuning = plain
    seconds = time.perf_counter() - started
    found = scores(what, model.logits(held.texts), held, len(corpus.codebook.topics))
    return {"data": what, "variant": variant, "seed": seed} | {k: round(float(v), 5) for k, v in found.items()} | {"seconds": round(seconds, 1)}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--suite", type=Path)
    options.add_argument("--only", nargs="*", default=list(VARIANTS))
    options.add_argument("--data", nargs="*", default=["corpus fold", "satp_relevant"])
    options.add_argument("--seed", type=int, nargs="*", default=[0, 1])
    args = options.parse_args()
    corpus, _, development = check(compose_config())
    path, lock = HERE / "screen.jsonl", FileLock(HERE / "screen.lock")
    for variant in args.only:
        for what in args.data:
            for seed in args.seed:
                rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
                if any((r["data"], r["variant"], r["seed"]) == (what, variant, seed) for r in rows):
                    continue
                if what == "satp_relevant" and not args.suite:
                    continue
                parts = corpus_fold(corpus, development, seed) if what == "corpus fold" else satp(args.suite)
                row = cell(what, variant, seed, parts, corpus)
                with lock, path.open("a") as stream:
                    stream.write(json.dumps(row) + "\n")
                print(row, flush=True)


if __name__ == "__main__":
    main()
