"""Read a fine-tuned transformer in eight bits, and count the decisions that each step changes.

python experiments/10-eight-bits/run.py HELDOUT

HELDOUT is the bundle of a transformer that has not seen a fifth of the development documents
(benchmarks/predict.py --prepare). Variants of the eight-bit graph are compared with float32 on the
passages of these documents: mean difference of logits, decisions that differ, topic macro-F1. For
several margins in logits: how many passages are read again in float32, and what still differs. No
test document is read.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
from sklearn.metrics import f1_score

from sahelclf.bundle.onnx import decisions, decisions_flipped
from sahelclf.models import quantization as eight_bits
from sahelclf.models.runtime import encoder as onnx_reader
from sahelclf.models.runtime.encoder import SMALL_GRAPH, OnnxLabeller

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
from predict import heldout_passages

HERE = Path(__file__).parent
VARIANTS = {
    "plain": ["smooth_activations", "split_outlier_channels"],
    "evened out": ["split_outlier_channels"],
    "set aside": ["smooth_activations"],
    "both": [],
}  # what is left away
MARGINS = [0.05, 0.1, 0.15, 0.2, 0.3]


def compared(full, small, gold, labeller):
    """Logits (n, heads) in float32 and otherwise: what differs, in percent."""
    before, after = (
        100 * f1_score(gold, decisions(labeller, x)[0], average="macro") for x in (full, small)
    )
    flipped = {
        name: round(100 * share, 2)
        for name, share in decisions_flipped(labeller, full, small).items()
    }
    return flipped | {"macro_f1_lost": round(float(before - after), 2)}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("heldout", type=Path)
    bundle = options.parse_args().heldout
    texts, gold = heldout_passages(bundle)
    plain = OnnxLabeller.load(bundle)
    full = plain.logits(texts)
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(shutil.copytree(bundle, Path(scratch) / "bundle"))
        for name, without in VARIANTS.items():
            shown = (
                batch
                for _, batch in plain.encoder.batches(plain.encoder.windows(training_texts(bundle)))
            )
            with patch.multiple(
                eight_bits,
                SMOOTHING=eight_bits.SMOOTHING,
                **{step: lambda *_: None for step in without},
            ):
                eight_bits.write_int8_graph(folder / "model.onnx", folder / SMALL_GRAPH, shown)
            fast = OnnxLabeller.load(folder, fast=True)
            small = fast.quick.outputs(texts)
            lines.append(
                {
                    "variant": name,
                    "margin": 0,
                    "read_again": 0,
                    "difference": round(float(np.abs(small - full).mean()), 4),
                    **compared(full, small, gold, plain),
                }
            )
            for margin in MARGINS:
                with patch.object(onnx_reader, "NEAR", margin):
                    again = fast.near_a_decision(small)
                mixed = np.where(again[:, None], full, small)
                lines.append(
                    {
                        "variant": name,
                        "margin": margin,
                        "read_again": round(100 * float(again.mean()), 1),
                        **compared(full, mixed, gold, plain),
                    }
                )
    (HERE / "results.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    print(f"{len(texts)} passages", *map(json.dumps, lines), sep="\n")


def training_texts(bundle, n=64):
    """Texts that the bundle was trained on, to show how large each channel gets."""
    from sahelclf.corpus.duplicates import text_sha256
    from sahelclf.corpus.read import corpus_root, read_corpus

    known = set(
        json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))["training_texts"]
    )
    seen = [
        p.text for p in read_corpus(corpus_root(None)).passages if text_sha256(p.text)[:20] in known
    ]
    return seen[:: len(seen) // n]


if __name__ == "__main__":
    main()
