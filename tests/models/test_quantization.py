"""The eight-bit graph: rearranging changes nothing; what is quantised; what is read again."""

import logging
from pathlib import Path

import numpy as np
import pytest

from encoders import write_encoder
from sahelclf.models.onnx_graph import write_head_graph
from sahelclf.models.quantization import (
    inline_weights,
    largest_activations,
    smooth_activations,
    split_outlier_channels,
    write_int8_graph,
)
from sahelclf.models.runtime import encoder as onnx_reader
from sahelclf.models.runtime.encoder import OnnxEncoder, OnnxLabeller

onnx = pytest.importorskip("onnx")

TEXTS = [
    "the boat landed a catch of cod",
    "mud",
    "residents praised the plan warmly and it rained while the choir sang",
]
HEADS = [
    "fishing",
    "dredging",
    *(f"{t}={s}" for t in ("fishing", "dredging") for s in ("for", "against", "neither")),
]
ABOUT = {"window": 32, "overlap": 8, "pad_token_id": 0}


def written(folder: Path, kind: str) -> Path:
    """The graph of a tiny classifier with two layers below the last."""
    from transformers import AutoModelForSequenceClassification

    write_encoder(folder, kind)
    AutoModelForSequenceClassification.from_pretrained(
        folder, num_labels=len(HEADS)
    ).save_pretrained(folder)
    write_head_graph(folder, folder / "model.onnx")
    return folder / "model.onnx"


@pytest.fixture(scope="module")
def graph(tmp_path_factory) -> Path:
    return written(tmp_path_factory.mktemp("classifiers") / "bert", "bert")


def reader(graph: Path) -> OnnxEncoder:
    return OnnxEncoder(graph, graph.parent / "tokenizer.json", ABOUT, threads=1)


def inputs(graph: Path) -> list[dict[str, np.ndarray]]:
    encoder = reader(graph)
    return [batch for text in TEXTS for _, batch in encoder.batches(encoder.windows([text]))]


def said(model, batches):
    import onnxruntime

    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.concatenate([session.run(["logits"], batch)[0] for batch in batches])


@pytest.mark.parametrize(
    ("kind", "branches"), [("bert", 2), ("mpnet", 2), ("roberta", 2), ("modernbert", 0)]
)  # ModernBERT's part is gated
def test_smoothing_and_outlier_branches_do_not_change_the_output(tmp_path, kind, branches):
    graph = written(tmp_path / kind, kind)
    model, batches = inline_weights(graph), inputs(graph)
    before, largest = said(model, batches), largest_activations(model, batches)
    smooth_activations(model, largest)
    split_outlier_channels(model, largest)
    assert np.abs(said(model, batches) - before).max() < 1e-5
    smoothed = sum(n.name.endswith("_smooth") for n in model.graph.node)
    assert smoothed == (
        5 if branches else 4
    )  # two norms in each of two layers; what enters the last layer's keys and values
    widened = [i.dims for i in model.graph.initializer if i.name.endswith("MatMul_1_outliers")]
    assert sorted(map(list, widened)) == branches * [[16, 32]] + branches * [[32, 16]]


def test_the_largest_activations_are_those_of_all_inputs(graph):
    model, batches = inline_weights(graph), inputs(graph)
    each = [largest_activations(model, [batch]) for batch in batches]
    found = largest_activations(model, batches)
    assert len(found) == 9
    assert all(
        np.array_equal(values, np.max([one[name] for one in each], axis=0))
        for name, values in found.items()
    )


def test_all_but_what_the_last_layer_does_for_one_token_is_in_eight_bits(graph):
    small, level = graph.with_name("model.int8.onnx"), logging.getLogger().level
    write_int8_graph(graph, small, inputs(graph))
    assert logging.getLogger().level == level  # the caller's log still has its warnings
    nodes = onnx.load(small).graph.node
    names = [n.name for n in nodes if n.op_type == "MatMulInteger"]
    # query, key, value, their output, and two of the feed-forward part, in each of two layers;
    # key and value of the last
    assert len(names) == 14
    assert sum("layer.2/" in name for name in names) == 2
    assert not any(
        part in name
        for name in names
        for part in ("layer.2/output", "pooler", "classifier", "_outliers")
    )
    difference = np.abs(reader(small).outputs(TEXTS) - reader(graph).outputs(TEXTS)).max()
    assert 0 < difference < 0.05


def labeller(graph: Path, quick: Path | None = None) -> OnnxLabeller:
    manifest = {
        "heads": HEADS,
        "topics": ["fishing", "dredging"],
        "stances": ["for", "against", "neither"],
        "thresholds": {"fishing": 0.5, "dredging": 0.2},
    }
    return OnnxLabeller(manifest, reader(graph), reader(quick) if quick else None)


def test_what_is_near_a_decision(graph):
    # the thresholds' logits are 0 and ln(0.2 / 0.8) = -1.386
    settled = [
        2.0,
        -3.0,
        1.0,
        -1.0,
        -1.0,
        0.0,
        0.0,
        0.0,
    ]  # fishing holds and its stance is plain; dredging does not hold, so its stances are nothing
    near_fishing = [0.05, -3.0, 1.0, -1.0, -1.0, 0.0, 0.0, 0.0]
    near_dredging = [2.0, -1.3, 1.0, -1.0, -1.0, 5.0, 0.0, 0.0]
    near_stance = [2.0, -3.0, 1.0, 0.95, -1.0, 0.0, 0.0, 0.0]
    found = labeller(graph).near_a_decision(
        np.array([settled, near_fishing, near_dredging, near_stance])
    )
    assert found.tolist() == [False, True, True, True]


@pytest.mark.parametrize(("near", "read_by"), [(1e9, "model.onnx"), (0.0, "model.int8.onnx")])
def test_what_is_near_a_decision_is_read_again_in_full(graph, monkeypatch, near, read_by):
    small = graph.with_name("model.int8.onnx")
    write_int8_graph(graph, small, inputs(graph))
    monkeypatch.setattr(onnx_reader, "NEAR", near)
    assert np.array_equal(
        labeller(graph, small).logits(TEXTS), reader(graph.with_name(read_by)).outputs(TEXTS)
    )
