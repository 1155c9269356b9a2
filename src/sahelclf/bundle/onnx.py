"""What is written beside a transformer's weights, each checked against the golden outputs and left out where it differs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sahelclf.bundle.golden import GOLDEN_TEXTS, check_same
from sahelclf.models.quantization import write_int8_graph
from sahelclf.models.runtime.encoder import SMALL_GRAPH, OnnxLabeller
from sahelclf.models.runtime.linear import Reader, sigmoid, split_heads

FLIPS_ALLOWED = 0.02
SAMPLE = 200
MOST_BYTES = 1_900_000_000  # protobuf ends at 2 GB
SHOWN = 64  # texts of the sample that show how large each channel gets
LOGITS_TOLERANCE = 1e-4


def transformer_forms(
    folder: Path, manifest: dict[str, Any], texts: Sequence[str]
) -> dict[str, Any]:
    """Check Transformers' own layout, write the eight-bit graph; returns what the manifest says of each form."""
    short = check_transformers(folder, manifest)
    plain, small = OnnxLabeller.load(folder), folder / SMALL_GRAPH
    forms: dict[str, Any] = {
        "model.safetensors": {
            "loads_with": "transformers, AutoModelForSequenceClassification",
            "golden_texts_within_one_window": short,
        },
        "model.onnx": {
            "loads_with": "onnxruntime; its weights are those of model.safetensors",
            "tolerance": LOGITS_TOLERANCE,
        },
    }
    if (folder / "model.safetensors").stat().st_size > MOST_BYTES:
        return forms | {
            "left_out": {
                small.name: f"weights of more than {MOST_BYTES / 1e9:.1f} GB, which a graph does not hold"
            }
        }
    sample = [*GOLDEN_TEXTS, *list(texts)[:: max(len(texts) // SAMPLE, 1)]]
    shown = plain.encoder.windows(sample[:SHOWN])
    write_int8_graph(
        folder / "model.onnx", small, (batch for _, batch in plain.encoder.batches(shown))
    )
    fast = OnnxLabeller.load(folder, fast=True)
    assert fast.quick is not None
    full, quick = plain.encoder.outputs(sample), fast.quick.outputs(sample)
    again = fast.near_a_decision(quick)
    flipped = decisions_flipped(fast, full, np.where(again[:, None], full, quick)) | {
        "read_again": round(float(again.mean()), 5)
    }
    if max(flipped["topics_flipped"], flipped["stances_flipped"]) > FLIPS_ALLOWED:
        small.unlink()
        return forms | {"left_out": {small.name: flipped}}
    return forms | {small.name: {"loads_with": "onnxruntime", "texts": len(sample)} | flipped}


def decisions_flipped(reader: Reader, one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Share of topic decisions in which logits differ from others, and of stances where the first say that the topic holds."""
    (holds, stance), (still, other_stance) = decisions(reader, one), decisions(reader, other)
    changed = (stance != other_stance)[holds]
    return {
        "topics_flipped": round(float((holds != still).mean()), 5),
        "stances_flipped": round(float(changed.mean()) if len(changed) else 0.0, 5),
    }


def decisions(reader: Reader, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, n_topics): does a topic hold; and (n, n_topics): which stance is the likeliest."""
    p, stance = split_heads(sigmoid(logits), len(reader.topics), len(reader.stances))
    return p >= reader.thresholds, stance.argmax(axis=2)


def check_transformers(folder: Path, manifest: dict[str, Any]) -> int:
    """The classifier as Transformers loads it says the golden logits, on the texts that fit one window; returns how many."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    net = AutoModelForSequenceClassification.from_pretrained(
        folder, local_files_only=True, use_safetensors=True
    ).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    expected, found = [], []
    for golden in manifest["golden"]:
        given = tokenizer(golden["text"], return_tensors="pt")
        if given["input_ids"].shape[1] <= manifest["features"]["window"]:
            with torch.inference_mode():
                found.append(net(**given).logits[0].numpy())
            expected.append(golden["logits"])
    check_same(
        np.array(expected), np.array(found), LOGITS_TOLERANCE, "Transformers' own layout's logits"
    )
    return len(expected)


def check_pipeline(folder: Path, manifest: dict[str, Any]) -> None:
    """`pipeline("text-classification", folder, top_k=None)` gives the golden sigmoids, on the texts that fit one window."""
    from transformers import pipeline

    classify = pipeline("text-classification", str(folder), top_k=None)
    window = manifest["features"]["window"]
    short = [
        g for g in manifest["golden"] if len(classify.tokenizer(g["text"])["input_ids"]) <= window
    ]
    found = [
        {one["label"]: one["score"] for one in scores}
        for scores in classify([g["text"] for g in short])
    ]
    expected = 1 / (1 + np.exp(-np.array([g["logits"] for g in short])))
    check_same(
        expected,
        np.array([[f[head] for head in manifest["heads"]] for f in found]),
        LOGITS_TOLERANCE,
        "the pipeline's sigmoids",
    )
