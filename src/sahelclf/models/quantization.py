"""The eight-bit graph: the weights of the layers in eight bits, activations quantised as they come.

All activations that enter a product share one scale, and an encoder has a few channels ten times as large as the others.
So, before the quantiser is called and without changing what the graph says, what a layer norm gives is evened out
(SmoothQuant; Xiao et al. 2023), and the largest channels of a feed-forward part go through a branch of their own that
stays in float32 (the outliers of LLM.int8; Dettmers et al. 2022). Both halve the error at no cost in speed
(experiments/10-eight-bits). What the last layer computes for one token alone stays too: nothing evens out its error, and
it costs little.
"""

import logging
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

SMOOTHING = 0.5  # of the range goes from activations to weights
SET_ASIDE = 16  # channels of a feed-forward part
SIDE = "_aside"
OF_ALL_TOKENS = (
    "/key/MatMul",
    "/value/MatMul",
)  # the rest of the last layer is computed for one token
POINTWISE = {"Add", "Mul", "Div", "Erf", "Tanh", "Pow", "Gelu", "Relu"}

Batch = Mapping[str, np.ndarray]


def write_int8_graph(source: Path, path: Path, batches: Iterable[Batch]) -> None:
    """Quantise the graph at `source`; `batches`, the inputs of some texts, show how large each channel gets."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    graph = folded(source)
    largest = largest_activations(graph, batches)
    even_out(graph, largest)
    set_aside(graph, largest)
    _drop_unread(graph)
    names = {node.name for node in products(graph)}
    kept = [
        node.name
        for node in graph.graph.node
        if node.op_type in {"MatMul", "Gemm"} and node.name not in names
    ]
    kept += [f"{name}_MatMul" for name in kept]  # as the quantiser renames what was a Gemm
    logging.getLogger().setLevel(logging.ERROR)  # it warns at the root of all loggers
    with tempfile.TemporaryDirectory() as scratch:
        onnx.save(graph, Path(scratch) / "graph.onnx")
        quantize_dynamic(
            Path(scratch) / "graph.onnx", path, op_types_to_quantize=["MatMul", "Gemm"], weight_type=QuantType.QInt8, per_channel=True,
            nodes_to_exclude=kept, extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
        )  # fmt: skip


def folded(source: Path) -> Any:
    """The graph with its weights inside, and without their transposes, behind which the quantiser does not look."""
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
    """Products with weights in all numbered layers, but for those in a side branch, and of the last only BERT's keys and values."""
    weights = {i.name for i in graph.graph.initializer}
    layers = {
        n.name: int(found[1]) for n in graph.graph.node if (found := re.search(r"\.(\d+)/", n.name))
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
    """For each tensor that enters a product, (channels,): the largest magnitude that it takes on these inputs."""
    import onnx
    import onnxruntime

    wanted = list(dict.fromkeys(n.input[0] for n in products(graph)))
    watched = onnx.ModelProto.FromString(graph.SerializeToString())
    watched.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in wanted)
    options = _options(onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL)
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    largest: dict[str, np.ndarray] = {}
    for batch in batches:
        for name, values in zip(wanted, session.run(wanted, dict(batch)), strict=True):
            magnitude = np.abs(values).reshape(-1, values.shape[-1]).max(axis=0)
            largest[name] = np.maximum(largest.get(name, 0.0), magnitude)
    return largest


def even_out(graph: Any, largest: Mapping[str, np.ndarray]) -> None:
    """Divide what a layer norm gives by a scale a channel, and multiply the weights that read it by the same."""
    import onnx

    made_by = _makers(graph)
    readers: dict[str, list[Any]] = {}
    for node in products(graph):
        given = made_by.get(node.input[0])
        if given is not None and given.op_type == "LayerNormalization":
            readers.setdefault(node.input[0], []).append(node)
    weights = _Weights(graph)
    scalings = {}
    for name, nodes in readers.items():
        by_channel = np.max([np.abs(weights[n.input[1]]).max(axis=1) for n in nodes], axis=0)
        tiny = np.finfo(np.float32).tiny
        scale = np.maximum(largest[name], tiny) ** SMOOTHING / np.maximum(by_channel, tiny) ** (
            1 - SMOOTHING
        )
        scale = np.where((largest[name] > 0) & (by_channel > 0), scale, 1.0).astype(np.float32)
        for node in nodes:
            weights[f"{node.name}_even"] = weights[node.input[1]] * scale[:, None]
            node.input[:] = [f"{name}_even", f"{node.name}_even"]
        weights[f"{name}_scale"] = 1 / scale
        scalings[name] = onnx.helper.make_node(
            "Mul", [name, f"{name}_scale"], [f"{name}_even"], name=f"{name}_even"
        )
    _insert_after(graph, {made_by[name].name: [node] for name, node in scalings.items()})


def set_aside(graph: Any, largest: Mapping[str, np.ndarray]) -> None:
    """Split feed-forward parts: the channels that are largest after activation go through a copy that stays in float32."""
    import onnx

    weights, made_by = _Weights(graph), _makers(graph)
    added: dict[str, list[Any]] = {}
    for down in products(graph):
        width = len(weights[down.input[1]])
        between = _feed_forward(graph, made_by, down, weights)
        if not between or width < 4 * SET_ASIDE:
            continue
        aside = np.zeros(width, dtype=bool)
        aside[np.argsort(-largest[down.input[0]])[:SET_ASIDE]] = True
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
                    weights[main.input[k]] = np.compress(~aside, weights[name], axis)
                    weights[side.input[k]] = np.compress(aside, weights[name], axis)
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
    graph: Any, made_by: Mapping[str, Any], down: Any, weights: "_Weights"
) -> list[Any]:
    """The product that widens, and what is done channel by channel until `down` reads it; empty where it is otherwise."""
    found: dict[str, Any] = {}
    ups: dict[str, Any] = {}
    open_ends = [down.input[0]]
    while open_ends:
        node = made_by.get(open_ends.pop())
        if node is None or node.name in found or node.name in ups:
            continue
        if node.op_type == "MatMul" and node.input[1] in weights:
            ups[node.name] = node
        elif node.op_type in POINTWISE:
            found[node.name] = node
            open_ends += [i for i in node.input if i not in weights]
        else:
            return []
    if len(ups) != 1 or not found:
        return []
    inside = {*found, *ups}
    return [node for node in graph.graph.node if node.name in inside]


def _options(level: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level, options.log_severity_level = level, 3
    return options


def _makers(graph: Any) -> dict[str, Any]:
    """The node that makes each tensor."""
    return {output: node for node in graph.graph.node for output in node.output}


def _insert_after(graph: Any, added: Mapping[str, list[Any]]) -> None:
    nodes = []
    for node in graph.graph.node:
        nodes.append(type(node).FromString(node.SerializeToString()))
        nodes += added.get(node.name, [])
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)


def _drop_unread(graph: Any) -> None:
    read = {name for node in graph.graph.node for name in node.input}
    kept = [i for i in graph.graph.initializer if i.name in read]
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(kept)


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
