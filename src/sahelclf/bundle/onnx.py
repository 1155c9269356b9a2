"""Forms of a transformer's bundle; each is checked with the golden outputs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sahelclf.bundle.golden import GOLDEN_TEXTS, check_same
from sahelclf.models.quantization import write_int8_graph
from sahelclf.models.runtime.encoder import SMALL_GRAPH, OnnxLabeller
from sahelclf.models.runtime.linear import Reader, sigmoid, split_heads
from sahelclf.models.runtime.text import text_rule

FLIPS_ALLOWED = 0.02
SAMPLE = 200
MOST_BYTES = 1_900_000_000  # protobuf ends at 2 GB
SHOWN = 64  # texts of the sample that show how large each channel gets
LOGITS_TOLERANCE = 1e-4


def transformer_forms(
    folder: Path, manifest: dict[str, Any], texts: Sequence[str]
) -> dict[str, Any]:
    """Check Transformers' own layout, write the eight-bit graph; returns the manifest's `forms`."""
    short = check_transformers(folder, manifest)
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
        why = f"weights of more than {MOST_BYTES / 1e9:.1f} GB, which a graph does not hold"
        return forms | {"left_out": {SMALL_GRAPH: why}}
    sample = [*GOLDEN_TEXTS, *list(texts)[:: max(len(texts) // SAMPLE, 1)]]
    flipped = _write_small_graph(folder, [text_rule(manifest)(t) for t in sample])
    if max(flipped["topics_flipped"], flipped["stances_flipped"]) > FLIPS_ALLOWED:
        (folder / SMALL_GRAPH).unlink()
        return forms | {"left_out": {SMALL_GRAPH: flipped}}
    return forms | {SMALL_GRAPH: {"loads_with": "onnxruntime", "texts": len(sample)} | flipped}


def _write_small_graph(folder: Path, texts: Sequence[str]) -> dict[str, float]:
    """Write `model.int8.onnx`; the shares of decisions that it changes, and of texts read again."""
    plain, small = OnnxLabeller.load(folder).encoder, folder / SMALL_GRAPH
    batches = (batch for _, batch in plain.batches(plain.windows(texts[:SHOWN])))
    write_int8_graph(folder / "model.onnx", small, batches)
    fast = OnnxLabeller.load(folder, fast=True)
    assert fast.quick is not None
    full, quick = plain.outputs(texts), fast.quick.outputs(texts)
    again = fast.near_a_decision(quick)
    flipped = decisions_flipped(fast, full, np.where(again[:, None], full, quick))
    return flipped | {"read_again": round(float(again.mean()), 5)}


def decisions_flipped(reader: Reader, one: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Share of topic decisions in which two arrays of logits differ.

    And the share of stances, where the first array says that the topic holds.
    """
    (holds, stance), (still, other_stance) = decisions(reader, one), decisions(reader, other)
    changed = (stance != other_stance)[holds]
    return {
        "topics_flipped": round(float((holds != still).mean()), 5),
        "stances_flipped": round(float(changed.mean()) if len(changed) else 0.0, 5),
    }


def decisions(reader: Reader, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n, n_topics): whether a topic holds, and its likeliest stance as a number."""
    p, stance = split_heads(sigmoid(logits), len(reader.topics), len(reader.stances))
    likeliest = stance.argmax(axis=2) if reader.stances else np.zeros(p.shape, dtype=int)
    return p >= reader.thresholds, likeliest


def check_transformers(folder: Path, manifest: dict[str, Any]) -> int:
    """Check the logits of the classifier as Transformers loads it; returns for how many texts."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    net = AutoModelForSequenceClassification.from_pretrained(
        folder, local_files_only=True, use_safetensors=True
    ).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    expected, actual = [], []
    for text, logits in _within_one_window(manifest, tokenizer):
        with torch.inference_mode():
            actual.append(net(**tokenizer(text, return_tensors="pt")).logits[0].numpy())
        expected.append(logits)
    what = "logits of Transformers' own layout"
    check_same(np.array(expected), np.array(actual), LOGITS_TOLERANCE, what)
    return len(expected)


def check_pipeline(folder: Path, manifest: dict[str, Any]) -> None:
    """Check the sigmoids of `pipeline("text-classification", folder, top_k=None)`."""
    from transformers import pipeline

    classify = pipeline("text-classification", str(folder), top_k=None)
    texts, logits = zip(*_within_one_window(manifest, classify.tokenizer), strict=True)
    outputs = [{one["label"]: one["score"] for one in heads} for heads in classify([*texts])]
    actual = np.array([[scores[head] for head in manifest["heads"]] for scores in outputs])
    check_same(sigmoid(np.array(logits)), actual, LOGITS_TOLERANCE, "sigmoids of the pipeline")


def _within_one_window(manifest: dict[str, Any], tokenizer: Any) -> list[tuple[str, list[float]]]:
    """Golden texts that one window holds, the text rule applied, and their logits."""
    clean, window = text_rule(manifest), manifest["features"]["window"]
    golden = [(clean(g["text"]), g["logits"]) for g in manifest["golden"]]
    return [(t, logits) for t, logits in golden if len(tokenizer(t)["input_ids"]) <= window]
