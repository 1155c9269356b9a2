"""How many layers of mpnet are fine-tuned, and what does the head read? Folds of corpus 1.0.

python experiments/13-strong-encoder/tune.py --corpus FOLDER VARIANT [--seeds 0] [--folds 0]

FOLDER is `annotations/` of corpus 1.0. Held-out logits are kept in logits/ beside this file, a line
for each in cells.jsonl; what is there is not computed again.
"""

import argparse
import time
from unittest.mock import patch

import numpy as np
from data import Development

from sahelclf.models import transformer
from sahelclf.models.network import MEAN_OVER_RESIDUAL, TANH_SLOPE, build_classifier
from sahelclf.models.transformer import Transformer
from sahelclf.training.compose import compose_config
from sahelclf.training.seeds import derive_seed


def settings(layers, rate, *more):
    """Settings that train the top layers."""
    return [
        "model=transformer",
        "model.encoder=mpnet",
        f"model.frozen_layers={12 - layers}",
        f"model.learning_rate={rate}",
        "model.threads=1",
        *more,
    ]


VARIANTS = {
    "top-1-identity": settings(1, 5e-5),
    "top-1-identity-1e-4": settings(1, 1e-4),
    "top-1-1e-4": settings(1, 1e-4),
    "top-1-mean-1e-4": settings(1, 1e-4),
    "top-2-identity-1e-4": settings(2, 1e-4),
    "top-2-mean-1e-4": settings(2, 1e-4),
}


def identity(net):
    """Let the layer before the last linear one begin as the identity, not at random."""
    import torch

    dense = net.classifier.dense
    with torch.no_grad():
        dense.weight.copy_(TANH_SLOPE * torch.eye(dense.in_features))
        dense.bias.zero_()


def mean_layer(net):
    """Replace the last layer by one that begins as the mean of all tokens, as in BERT.

    Its attention is even but for the biases of distance, which all layers share.
    """
    import torch

    layers = net.mpnet.encoder.layer
    fresh = type(layers[-1])(net.config)
    fresh.apply(net._init_weights)
    attention = fresh.attention.attn
    with torch.no_grad():
        for linear in (attention.q, fresh.output.dense):
            linear.weight.zero_()
            linear.bias.zero_()
        for linear, slope in ((attention.v, 1.0), (attention.o, MEAN_OVER_RESIDUAL)):
            linear.weight.copy_(slope * torch.eye(net.config.hidden_size))
            linear.bias.zero_()
    layers[-1] = fresh.eval()
    net.own_layer = True


def fitted(name, config, train, seed):
    """A transformer of this variant."""

    def build(*args):
        net = build_classifier(*args)
        if "mean" in name:
            mean_layer(net)
        if "mean" in name or "identity" in name:
            identity(net)
        return net

    with patch.object(transformer, "build_classifier", build):
        model = Transformer(config)
        model.fit(train, seed=derive_seed(seed, "model"))
    return model


def main():
    options = argparse.ArgumentParser()
    options.add_argument("variant", choices=list(VARIANTS))
    options.add_argument("--corpus", required=True)
    options.add_argument("--seeds", type=int, nargs="*", default=[0])
    options.add_argument("--folds", type=int, nargs="*", default=[0])
    args = options.parse_args()
    development = Development(args.corpus)
    config = compose_config(VARIANTS[args.variant]).model
    data, name = development.data, f"tuned-{args.variant}"
    for k in args.folds:
        for seed in args.seeds:
            held = np.flatnonzero(development.folds(seed) == k)
            if not np.isnan(development.held_out(name, seed)[held]).any():
                continue
            started = time.perf_counter()
            rows = np.flatnonzero(development.folds(seed) != k)
            model = fitted(args.variant, config, data.take(rows), seed)
            seconds = round(time.perf_counter() - started, 1)
            logits = model.logits([data.texts[i] for i in held])
            development.keep(name, seed, k, held, logits, seconds=seconds)


if __name__ == "__main__":
    main()
