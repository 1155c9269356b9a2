"""ONNX graphs of an encoder's mean vectors and of a fine-tuned classifier.

They are written by torch's older exporter (`dynamo=False`): the newer one needs onnxscript.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from sahelclf.models.encoder_files import quiet_transformers

OPSET = 17
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def write_vector_graph(folder: Path, path: Path) -> None:
    """Write a graph of the encoder in `folder`: inputs (n, length), output `vector` (n, d).

    The vector is the mean over the tokens of a window.
    """
    import torch
    from transformers import AutoModel

    net = _quiet(AutoModel.from_pretrained, folder)

    class MeanVector(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, *given: torch.Tensor) -> torch.Tensor:
            named = dict(zip(names, given, strict=True))
            states = self.net(**named).last_hidden_state
            weight = named["attention_mask"].unsqueeze(-1).to(states.dtype)
            return (states * weight).sum(1) / weight.sum(1)

    names = input_names(net)
    _export(MeanVector().eval(), names, path, "vector", fold=True)


def write_head_graph(folder: Path, path: Path) -> None:
    """Write a graph of the classifier in `folder`: inputs (n, length), output `logits` (n, heads).

    Its weights are external data in `model.safetensors` beside it, so each is stored once.
    """
    import onnx
    import torch
    from transformers import AutoModelForSequenceClassification

    from sahelclf.models.first_token import last_layer_for_first_token

    net = _quiet(AutoModelForSequenceClassification.from_pretrained, folder)
    last_layer_for_first_token(net)

    class Logits(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, *given: torch.Tensor) -> Any:
            return self.net(**dict(zip(names, given, strict=True))).logits

    names = input_names(net)
    _export(Logits().eval(), names, path, "logits", fold=False)
    graph = onnx.load(path)
    _point_at_safetensors(graph, folder / "model.safetensors")
    onnx.save(graph, path)


def input_names(net: Any) -> tuple[str, ...]:
    """The inputs of an encoder, out of three."""
    import inspect

    takes = inspect.signature(net.forward).parameters
    segments = getattr(net.config, "type_vocab_size", 0) or 0
    return tuple(n for n in INPUTS if n in takes and (n != "token_type_ids" or segments > 1))


def _quiet(load: Any, folder: Path) -> Any:
    """Load for export: float32, plain attention, no progress bars."""
    import torch

    quiet_transformers()
    return load(
        folder,
        local_files_only=True,
        use_safetensors=True,
        attn_implementation="eager",
        dtype=torch.float32,
    ).eval()


def _export(net: Any, names: tuple[str, ...], path: Path, output: str, *, fold: bool) -> None:
    import torch

    ones = torch.ones((2, 8), dtype=torch.int64)
    segments = torch.zeros((2, 8), dtype=torch.int64)
    example = tuple(segments if n == "token_type_ids" else ones for n in names)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            example,
            str(path),
            input_names=list(names),
            output_names=[output],
            opset_version=OPSET,
            dynamo=False,
            do_constant_folding=fold,
            dynamic_axes={n: {0: "rows", 1: "tokens"} for n in names} | {output: {0: "rows"}},
        )


def _point_at_safetensors(graph: Any, weights: Path) -> None:
    """Replace initialisers by references to equal numbers in a safetensors file."""
    from onnx import numpy_helper
    from onnx.external_data_helper import set_external_data

    with weights.open("rb") as stream:
        header_size = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(header_size))
    stored = {name: about for name, about in header.items() if name != "__metadata__"}
    numbers = np.memmap(weights, dtype=np.uint8, mode="r")
    base = 8 + header_size
    for tensor in graph.graph.initializer:
        about = stored.get(tensor.name.removeprefix("net."))
        if about is None or list(tensor.dims) != about["shape"] or about["dtype"] != "F32":
            continue
        begin, end = about["data_offsets"]
        if numbers[base + begin : base + end].tobytes() != numpy_helper.to_array(tensor).tobytes():
            continue
        set_external_data(tensor, location=weights.name, offset=base + begin, length=end - begin)
        tensor.ClearField("raw_data")
        tensor.ClearField("float_data")
