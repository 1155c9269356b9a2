"""Settings of `model=transformer` on the development rows of satp_relevant, two seeds for each
variant.

python experiments/07-fine-tuning/satp.py --root CLONE [--only VARIANT …] [--seeds 0 1]

Fitted on the training part and scored on the development part, with thresholds from the other four
fifths of it, as in `benchmark part=dev`; no test row is read. Every cell is stored in satp.jsonl
beside this file and not computed again. A cell takes some five minutes on one thread.
"""

import argparse
import json
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
from sklearn.metrics import average_precision_score

from sahelclf.models import network as classifier
from sahelclf.models.kinds import build_model
from sahelclf.studies.benchmark.scores import decide_held_out, score
from sahelclf.studies.benchmark.sets import read_set
from sahelclf.training.compose import compose_config
from sahelclf.training.seeds import derive_seed

HERE = Path(__file__).parent
VARIANTS = {
    "shipped": [],
    "mean on top of all layers": [],
    "dropout 0.1": ["dropout=0.1"],
    "6 epochs": ["epochs=6"],
}


@contextmanager
def layers_of(variant):
    """The shipped model's own layer takes the place of the encoder's last; `on top` adds one after
    it.
    """
    import transformers

    read = transformers.AutoConfig.from_pretrained

    def one_more(*args, **options):
        found = read(*args, **options)
        found.num_hidden_layers += 1
        return found

    with ExitStack() as patched:
        if "on top" in variant:
            patched.enter_context(
                patch.object(transformers.AutoConfig, "from_pretrained", one_more)
            )
            patched.enter_context(
                patch.object(classifier, "_refuse_other_weights")
            )  # the layer on top is not in the encoder's files
        yield


def cell(variant, seed, found):
    model = build_model(
        compose_config(
            ["model=transformer", "model.threads=1", *(f"model.{v}" for v in VARIANTS[variant])]
        ).model
    )
    started = time.perf_counter()
    with layers_of(variant):
        model.fit(found.train, seed=derive_seed(seed, "model"))
    seconds = time.perf_counter() - started
    logits, y = model.logits(found.dev.texts), found.dev.y > 0
    values = {
        m: score(
            found.spec, m, [decide_held_out(found.spec, m, logits, found.dev)], found.dev
        ).value
        for m in ("example_f1", "macro_f1")
    }
    precision = np.mean([average_precision_score(y[:, k], logits[:, k]) for k in range(y.shape[1])])
    return {
        "variant": variant,
        "seed": seed,
        "average_precision": round(float(precision), 4),
        **{k: round(v, 4) for k, v in values.items()},
        "seconds": round(seconds),
    }


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--root", type=Path, required=True)
    options.add_argument("--only", nargs="*", default=list(VARIANTS))
    options.add_argument("--seeds", type=int, nargs="*", default=[0, 1])
    args = options.parse_args()
    found = read_set("satp_relevant", args.root)
    path = HERE / "satp.jsonl"
    have = (
        {(r["variant"], r["seed"]) for r in map(json.loads, path.read_text().splitlines())}
        if path.exists()
        else set()
    )
    for seed in args.seeds:
        for variant in args.only:
            if (variant, seed) not in have:
                row = cell(variant, seed, found)
                with path.open("a") as stream:
                    stream.write(json.dumps(row) + "\n")
                print(row, flush=True)


if __name__ == "__main__":
    main()
