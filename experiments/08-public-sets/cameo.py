"""Choose settings for cameo_class by folds of its training part: it has no development part.

python experiments/08-public-sets/cameo.py --root CLONE [--variants …] [--encoder FOLDER]

The test part differs much from the training part. So each of the four folds consists of whole
clusters of similar sentences (k-means on the vectors of the encoder, 48 clusters). No test row is
read. The score is the macro-F1 of all held-out sentences. One variant takes 3 to 12 minutes on one
thread. Held-out logits are stored in cameo-logits/, lines in cameo.jsonl. `words-dropped` masks a
tenth of the tokens of every training text; `weights-averaged` predicts with the moving average of
the weights. `on-the-labeller` and `adapted` start from the encoder of `--encoder`: a bundle of
`train model=transformer` on our own corpus, or the result of adapt.py.
"""

import argparse
import json
import re
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np

from sahelclf.evaluation.task_scores import decide_task, scores
from sahelclf.models import finetune, transformer
from sahelclf.models.embedding_cache import EmbeddingCache
from sahelclf.models.encoder_files import find_encoder
from sahelclf.models.kinds import build_model
from sahelclf.studies.benchmark.sets import read_set
from sahelclf.training.compose import compose_config
from sahelclf.training.seeds import derive_seed

HERE = Path(__file__).parent
CLUSTERS, FOLDS = 48, 4
LINEAR = {"tfidf": ["model=tfidf"], "embedding": ["model=embedding", "model.threads=1"]}
LONGER = "epochs=8 dropout=0.1"
VARIANTS = [
    "tfidf",
    "embedding",
    "defaults",
    "epochs=2",
    "epochs=8",
    "softmax",
    "tfidf masked",
    "embedding masked",
    "defaults masked",
    LONGER,
    "epochs=12 dropout=0.1",
    f"{LONGER} words-dropped",
    f"{LONGER} weights-averaged",
]
DROPPED, MASK, SPECIAL = 0.1, 103, (101, 102)  # share of the tokens; the packaged tokenizer's ids
DECAY = 0.99


def make_folds(texts):
    """(n,) folds: clusters are dealt out, the largest first, each to the fold that is smallest."""
    from sklearn.cluster import KMeans

    vectors = EmbeddingCache(find_encoder(None), 256, 64, 1)(texts)
    cluster = KMeans(CLUSTERS, n_init=3, random_state=0).fit_predict(vectors)
    sizes, load, fold_of = np.bincount(cluster), [0] * FOLDS, {}
    for c in np.argsort(-sizes):
        fold_of[c] = int(np.argmin(load))
        load[fold_of[c]] += sizes[c]
    return np.array([fold_of[c] for c in cluster])


def masked(texts):
    """Runs of capitalised words, which are mostly names, become 'someone'."""
    common = {w for t in texts for w in re.findall(r"\b[a-z][\w'-]*", t)}

    def one(text):
        out, inside = [], False
        for i, word in enumerate(text.split()):
            core = word.strip(".,;:()\"'")
            name = core[:1].isupper() and not (i == 0 and core.lower() in common)
            if not name or not inside:
                out.append("someone" if name else word)
            inside = name and not word.endswith((",", ".", ";"))
        return " ".join(out)

    return tuple(one(t) for t in texts)


def softmax_loss(logits, y, weight, **_):
    from torch.nn.functional import cross_entropy

    return (cross_entropy(logits, y.argmax(1), reduction="none") * weight[:, 0]).sum()


class WordsDropped(finetune.FineTuning):
    """Every step masks other tokens."""

    def run(self, callbacks):
        """Train, with numbers of its own for what is masked."""
        self.rng = np.random.default_rng(self.seed)
        self.keys = [b""] * len(self.keys)  # all layers read what is masked
        super().run(callbacks)

    def _step(self, step, rows):
        plain = finetune.padded

        def dropped(*windows, **options):
            out = plain(*windows, **options)
            tokens = out["input_ids"]
            gone = (
                (self.rng.random(tokens.shape) < DROPPED)
                & (tokens != self.pad)
                & ~np.isin(tokens, SPECIAL)
            )
            return {**out, "input_ids": np.where(gone, MASK, tokens)}

        with patch.object(finetune, "padded", dropped):
            return super()._step(step, rows)


class WeightsAveraged(finetune.FineTuning):
    """The end of the training is the moving average of its steps (Polyak and Juditsky 1992)."""

    def run(self, callbacks):
        """Train, then read with the average."""
        import torch

        self.mean = {n: p.detach().clone() for n, p in self.trained}
        super().run(callbacks)
        with torch.no_grad():
            for n, p in self.trained:
                p.copy_(self.mean[n])

    def _step(self, step, rows):
        told = super()._step(step, rows)
        decay = min(DECAY, (step + 1) / (step + 10))
        for n, p in self.trained:
            self.mean[n].lerp_(p.detach(), 1 - decay)
        return told


OTHER_ENCODER = {"on-the-labeller", "adapted"}
LOOPS = {"words-dropped": WordsDropped, "weights-averaged": WeightsAveraged}


def settings(variant, other):
    words = variant.split()
    if words[0] in LINEAR:
        return compose_config(LINEAR[words[0]]).model
    encoder = [f"model.encoder={other}"] if OTHER_ENCODER & set(words) else []
    return compose_config(
        [
            "model=transformer",
            "model.threads=1",
            *encoder,
            *(f"model.{w}" for w in words if "=" in w),
        ]
    ).model


def held_out_logits(variant, data, fold, seed, other):
    import torch.nn.functional

    loss = (
        softmax_loss
        if "softmax" in variant
        else torch.nn.functional.binary_cross_entropy_with_logits
    )
    loop = next((own for name, own in LOOPS.items() if name in variant), finetune.FineTuning)
    read = replace(data, texts=masked(data.texts)) if "masked" in variant else data
    logits = np.zeros(data.y.shape)
    for f in range(FOLDS):
        held = np.flatnonzero(fold == f)
        model = build_model(settings(variant, other))
        with (
            patch("torch.nn.functional.binary_cross_entropy_with_logits", loss),
            patch.object(transformer, "FineTuning", loop),
        ):
            model.fit(read.take(np.flatnonzero(fold != f)), seed=derive_seed(seed, "model"))
        logits[held] = model.logits([read.texts[i] for i in held])
    return logits


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--root", type=Path, required=True)
    options.add_argument("--variants", nargs="*", default=VARIANTS)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--encoder", type=Path)
    args = options.parse_args()
    found = read_set("cameo_class", args.root)
    data, spec = found.train, found.spec
    fold = make_folds(data.texts)
    (HERE / "cameo-logits").mkdir(exist_ok=True)
    for variant in args.variants:
        path = HERE / "cameo-logits" / f"{variant.replace(' ', '-')}-{args.seed}.npz"
        if path.exists():
            continue
        started = time.perf_counter()
        logits = held_out_logits(variant, data, fold, args.seed, args.encoder)
        np.savez_compressed(path, logits=logits.astype(np.float32))
        value = scores(spec, decide_task(spec, 1 / (1 + np.exp(-logits))), data.y > 0)["macro_f1"]
        line = {
            "variant": variant,
            "seed": args.seed,
            "macro_f1": round(value, 4),
            "seconds": round(time.perf_counter() - started),
        }
        with (HERE / "cameo.jsonl").open("a") as stream:
            stream.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
