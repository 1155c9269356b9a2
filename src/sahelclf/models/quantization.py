"""Quantise the ONNX graph of a classifier: weights in eight bits, activations as they are computed.

All activations of a matrix product share one scale, and some channels of an encoder are ten times
as large as the others. So the graph is changed first, without changing its output: outputs of
layer norms are smoothed (SmoothQuant; Xiao et al. 2023), and the largest channels of each
feed-forward block stay in float32 (the outliers of LLM.int8; Dettmers et al. 2022). Both halve
the error at no cost in speed (experiments/10-eight-bits). What the last layer computes for the
first token alone stays in float32 too: its errors do not average out, and it costs little.
"""

import logging
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

SMOOTHING = 0.5  # share of the range that moves from activations to weights
OUTLIER_CHANNELS = 16  # of each feed-forward block
SIDE = "_outliers"
OF_ALL_TOKENS = (  # in the last layer of BERT and MPNet; the rest is of one token
    "/key/MatMul",
    "/value/MatMul",
    "/k/MatMul",
    "/v/MatMul",
)
POINTWISE = {"Add", "Mul", "Div", "Erf", "Tanh", "Pow", "Gelu", "Relu"}

Batch = Mapping[str, np.ndarray]


def write_int8_graph(source: Path, path: Path, batches: Iterable[Batch]) -> None:
    """Quantise a graph.

    Parameters
    ----------
    batches
        Inputs of some texts, from which the largest activation of each channel is taken.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    graph = inline_weights(source)
    largest = largest_activations(graph, batches)
    smooth_activations(graph, largest)
    split_outlier_channels(graph, largest)
    _drop_unused(graph)
    names = {node.name for node in products(graph)}
    excluded = [
        node.name
        for node in graph.graph.node
        if node.op_type in {"MatMul", "Gemm"} and node.name not in names
    ]
    excluded += [f"{name}_MatMul" for name in excluded]  # the quantiser renames a Gemm
    with _root_log_at(logging.ERROR), tempfile.TemporaryDirectory() as scratch:
        onnx.save(graph, Path(scratch) / "graph.onnx")
        quantize_dynamic(
            Path(scratch) / "graph.onnx",
            path,
            op_types_to_quantize=["MatMul", "Gemm"],
            weight_type=QuantType.QInt8,
            per_channel=True,
            nodes_to_exclude=excluded,
            extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )


@contextmanager
def _root_log_at(level: int) -> Iterator[None]:
    """The root log at `level` for a while: the quantiser writes its warnings there."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(level)
    try:
        yield
    finally:
        root.setLevel(before)


def inline_weights(source: Path) -> Any:
    """The graph with its weights inside and already transposed, as the quantiser needs them."""
    import onnx
    import onnxruntime

    options = _options(onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC)
    with tempfile.TemporaryDirectory() as scratch:
        whole, options.optimized_model_filepath = (
            Path(scratch) / "whole.onnx",
            str(Path(scratch) / "folded.onnx"),
        )
        onnx.save(onnx.load(source), whole)
        onnxruntime.InferenceSession(str(whole), options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def products(graph: Any) -> list[Any]:
    """Matrix products to quantise: those with weights in the layers, without outlier branches.

    Of the last layer only the keys and values of BERT and MPNet, which are computed for all tokens.
    """
    weights = {i.name for i in graph.graph.initializer}
    layers = {
        n.name: int(number[1])
        for n in graph.graph.node
        if (number := re.search(r"\.(\d+)/", n.name))
    }
    last = max(layers.values(), default=0)
    of_layers = [
        n
        for n in graph.graph.node
        if n.op_type == "MatMul" and n.input[1] in weights and not n.name.endswith(SIDE)
    ]
    return [
        n for n in of_layers if layers.get(n.name, last) != last or n.name.endswith(OF_ALL_TOKENS)
    ]


def largest_activations(graph: Any, batches: Iterable[Batch]) -> dict[str, np.ndarray]:
    """(channels,) largest magnitude on these inputs, for each tensor that enters a product."""
    import onnx
    import onnxruntime

    names = list(dict.fromkeys(n.input[0] for n in products(graph)))
    observed = onnx.ModelProto.FromString(graph.SerializeToString())
    observed.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in names)
    options = _options(onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    session = onnxruntime.InferenceSession(
        observed.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    largest: dict[str, np.ndarray] = {}
    for batch in batches:
        for name, values in zip(names, session.run(names, dict(batch)), strict=True):
            magnitude = np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)
            largest[name] = np.maximum(largest.get(name, 0.0), magnitude)
    return largest


def smooth_activations(graph: Any, largest: Mapping[str, np.ndarray]) -> None:
    """Divide each channel of a layer norm's output by a scale, and multiply its weights by it."""
    import onnx

    producer = _producers(graph)
    readers: dict[str, list[Any]] = {}
    for node in products(graph):
        given = producer.get(node.input[0])
        if given is not None and given.op_type == "LayerNormalization":
            readers.setdefault(node.input[0], []).append(node)
    weights = _Weights(graph)
    scalings = {}
    for name, nodes in readers.items():
        largest_weight = np.max([np.abs(weights[n.input[1]]).max(axis=1) for n in nodes], axis=0)
        tiny = np.finfo(np.float32).tiny
        scale = np.maximum(largest[name], tiny) ** SMOOTHING / np.maximum(largest_weight, tiny) ** (
            1 - SMOOTHING
        )
        scale = np.where((largest[name] > 0) & (largest_weight > 0), scale, 1.0).astype(np.float32)
        for node in nodes:
            weights[f"{node.name}_smooth"] = weights[node.input[1]] * scale[:, None]
            node.input[:] = [f"{name}_smooth", f"{node.name}_smooth"]
        weights[f"{name}_scale"] = 1 / scale
        scalings[name] = onnx.helper.make_node(
            "Mul", [name, f"{name}_scale"], [f"{name}_smooth"], name=f"{name}_smooth"
        )
    _insert_after(graph, {producer[name].name: [node] for name, node in scalings.items()})


def split_outlier_channels(graph: Any, largest: Mapping[str, np.ndarray]) -> None:
    """Compute the channels that are largest after the activation in a float32 copy of the block."""
    import onnx

    weights, producer = _Weights(graph), _producers(graph)
    added: dict[str, list[Any]] = {}
    for down in products(graph):
        width = len(weights[down.input[1]])
        between = _feed_forward(graph, producer, down, weights)
        if not between or width < 4 * OUTLIER_CHANNELS:
            continue
        outlier = np.zeros(width, dtype=bool)
        outlier[np.argsort(-largest[down.input[0]])[:OUTLIER_CHANNELS]] = True
        part = [*between, down]
        branch = [onnx.NodeProto.FromString(n.SerializeToString()) for n in part]
        inside = {output for n in branch for output in n.output}
        for main, side in zip(part, branch, strict=True):
            for k, name in enumerate(side.input):
                if name in inside:
                    side.input[k] = name + SIDE
                elif name in weights and width in weights[name].shape:
                    axis = 0 if main is down else -1
                    main.input[k], side.input[k] = f"{main.name}_{k}_main", f"{main.name}_{k}{SIDE}"
                    weights[main.input[k]] = np.compress(~outlier, weights[name], axis)
                    weights[side.input[k]] = np.compress(outlier, weights[name], axis)
            side.name += SIDE
            side.output[:] = [output + SIDE for output in side.output]
        total = down.output[0]
        down.output[0] = f"{total}_main"
        added[down.name] = [
            *branch,
            onnx.helper.make_node(
                "Add", [f"{total}_main", total + SIDE], [total], name=f"{total}_sum"
            ),
        ]
    _insert_after(graph, added)
    del graph.graph.value_info[:]


def _feed_forward(
    graph: Any, producer: Mapping[str, Any], down: Any, weights: "_Weights"
) -> list[Any]:
    """Nodes from the widening product to the input of `down`; empty for another structure."""
    downs: dict[str, Any] = {}
    ups: dict[str, Any] = {}
    pending = [down.input[0]]
    while pending:
        node = producer.get(pending.pop())
        if node is None or node.name in downs or node.name in ups:
            continue
        if node.op_type == "MatMul" and node.input[1] in weights:
            ups[node.name] = node
        elif node.op_type in POINTWISE:
            downs[node.name] = node
            pending += [i for i in node.input if i not in weights]
        else:
            return []
    if len(ups) != 1 or not downs:
        return []
    inside = {*downs, *ups}
    return [node for node in graph.graph.node if node.name in inside]


def _options(level: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level, options.log_severity_level = level, 3
    return options


def _producers(graph: Any) -> dict[str, Any]:
    """The node that computes each tensor."""
    return {output: node for node in graph.graph.node for output in node.output}


def _insert_after(graph: Any, added: Mapping[str, list[Any]]) -> None:
    nodes = []
    for node in graph.graph.node:
        nodes.append(type(node).FromString(node.SerializeToString()))
        nodes += added.get(node.name, [])
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)


def _drop_unused(graph: Any) -> None:
    used = {name for node in graph.graph.node for name in node.input}
    weights = [i for i in graph.graph.initializer if i.name in used]
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(weights)


class _Weights:
    """A graph's initialisers as arrays, by name."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.by_name = {i.name: i for i in graph.graph.initializer}

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def __getitem__(self, name: str) -> np.ndarray:
        from onnx import numpy_helper

        return np.asarray(numpy_helper.to_array(self.by_name[name]))

    def __setitem__(self, name: str, values: np.ndarray) -> None:
        from onnx import numpy_helper

        tensor = numpy_helper.from_array(np.ascontiguousarray(values), name)
        if name in self.by_name:
            self.by_name[name].CopyFrom(tensor)
        else:
            self.graph.graph.initializer.append(tensor)
            self.by_name[name] = self.graph.graph.initializer[-1]
