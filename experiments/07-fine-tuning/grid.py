"""How much better than TF-IDF is `model=transformer`? Five grouped folds, three seeds, paired.

python experiments/07-fine-tuning/grid.py [--models transformer embedding tfidf] [--seeds 0 1 2]

Held-out logits of every (model, seed, fold) are stored in logits/<corpus hash>/ beside this file
and not computed again; several processes can share the work. results.py makes the table from them.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from sahelclf.corpus.splits import make_folds
from sahelclf.models.kinds import build_model
from sahelclf.tasks.labeller import passage_data
from sahelclf.training.compose import compose_config
from sahelclf.training.run import check
from sahelclf.training.seeds import derive_seed

HERE = Path(__file__).parent
FOLDS = 5


def cell(corpus, development, model_name, seed, k, threads, path):
    threads = [f"model.threads={threads}"] if model_name in {"transformer", "embedding"} else []
    config = compose_config([f"model={model_name}", f"seed={seed}", *threads])
    data = passage_data(corpus, development)
    fold_of = dict(
        zip(
            development,
            make_folds(corpus, development, FOLDS, derive_seed(seed, "folds")),
            strict=True,
        )
    )
    fold = np.array([fold_of[d] for d in data.groups])
    model = build_model(config.model, corpus.codebook, corpus.root)
    started = time.perf_counter()
    model.fit(data.take(np.flatnonzero(fold != k)), seed=derive_seed(seed, "model"))
    seconds = time.perf_counter() - started
    held = np.flatnonzero(fold == k)
    logits = model.logits([data.texts[i] for i in held])
    np.savez(path, logits=logits.astype(np.float32), rows=held)
    about = {
        "model": model_name,
        "seed": seed,
        "fold": k,
        "seconds": round(seconds, 1),
        "corpus": corpus.sha256[:16],
    }
    with (HERE / "cells.jsonl").open("a") as stream:
        stream.write(json.dumps(about | {"config": config.model.model_dump(mode="json")}) + "\n")
    print(about, flush=True)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--models", nargs="*", default=["tfidf", "embedding", "transformer"])
    options.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2])
    options.add_argument("--threads", type=int, default=1)
    args = options.parse_args()
    corpus, _, development = check(compose_config())
    folder = HERE / "logits" / corpus.sha256[:16]
    folder.mkdir(parents=True, exist_ok=True)
    for name in args.models:
        for seed in args.seeds:
            for k in range(FOLDS):
                path = folder / f"{name}-{seed}-{k}.npz"
                lock = FileLock(path.with_suffix(".lock"))
                try:
                    with lock.acquire(timeout=0):
                        if not path.exists():
                            cell(corpus, development, name, seed, k, args.threads, path)
                except Timeout:
                    continue


if __name__ == "__main__":
    main()
