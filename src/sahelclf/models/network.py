"""The network that is fine-tuned: Transformers' classifier of an encoder."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from sahelclf.errors import RequestError, SahelclfError
from sahelclf.models.encoder_files import EncoderFiles, quiet_transformers
from sahelclf.models.onnx_graph import input_names

MEAN_OVER_RESIDUAL = 4.0
TANH_SLOPE = 0.5


def build_classifier(
    files: EncoderFiles, names: Sequence[str], pooling: str, dropout: float | None
) -> Any:
    """`AutoModelForSequenceClassification` with one output a head, on the GPU where there is one.

    Parameters
    ----------
    names
        Names of the heads.
    pooling
        `mean`, `first` or `auto`, as in `model.pooling`.
    dropout
        Rate for all layers; None for the encoder's own.

    Returns
    -------
    The network; `net.inputs` names its inputs, `net.own_layer` tells whether its last layer is new.
    On a CPU attention is eager: its backward pass is faster than that of the fused kernel.
    """
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    from sahelclf.models.first_token import last_layer_for_first_token

    quiet_transformers()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    kept = {"local_files_only": True}
    by_index = dict(enumerate(names))
    settings = AutoConfig.from_pretrained(
        files.folder,
        num_labels=len(names),
        id2label=by_index,
        label2id={v: k for k, v in by_index.items()},
        problem_type="multi_label_classification",
        **kept,
    )
    pooling = _pooling(pooling, settings, files.name)
    if hasattr(settings, "classifier_pooling"):
        settings.classifier_pooling = "mean" if pooling == "mean" else "cls"
    net, loaded = AutoModelForSequenceClassification.from_pretrained(
        files.folder,
        config=settings,
        use_safetensors=True,
        dtype=torch.float32,
        ignore_mismatched_sizes=True,
        output_loading_info=True,
        attn_implementation="eager" if device == "cpu" else "sdpa",
        **kept,
    )
    _refuse_other_weights(net, loaded, files.name)
    net.own_layer = pooling == "mean" and settings.model_type == "bert"
    if net.own_layer:
        _start_with_mean_pooling(net)
    last_layer_for_first_token(net)
    if dropout is not None:
        for module in net.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = dropout
    net.inputs = input_names(net)
    return net.to(device)


def refuse_pooling(files: EncoderFiles, pooling: str) -> None:
    """Refuse `model.pooling=mean` where Transformers' classifier of the encoder has no mean."""
    from transformers import AutoConfig

    if pooling == "mean":
        settings = AutoConfig.from_pretrained(files.folder, local_files_only=True)
        _pooling(pooling, settings, files.name)


def _refuse_other_weights(net: Any, loaded: Mapping[str, Any], name: str) -> None:
    """Refuse missing weights and wrong shapes, but for the head of an earlier fine-tuning."""
    body = {n for n, _ in net.named_parameters()} - _outside_encoder(net)
    for part, there, expected in loaded["mismatched_keys"]:
        if part in body:
            raise RequestError(
                f"model.encoder={name}: {part} is {tuple(there)} in its weights, expected "
                f"{tuple(expected)} by its config.json"
            )
    missing = sorted(body & set(loaded["missing_keys"]))
    if missing:
        raise RequestError(
            f"model.encoder={name}: its weights have no {missing[0]} ({len(missing)} parts are "
            "missing), which its config.json requires"
        )


def _pooling(asked: str, settings: Any, name: str) -> str:
    possible = settings.model_type == "bert" or hasattr(settings, "classifier_pooling")
    if asked == "mean" and not possible:
        raise RequestError(
            f"model.pooling=mean: Transformers' classifier for {name} ({settings.model_type}) does "
            "not support it; choose model.pooling=first"
        )
    return ("mean" if possible else "first") if asked == "auto" else asked


def _start_with_mean_pooling(net: Any) -> None:
    """Replace BERT's last layer by one that passes the mean of all tokens to the first token.

    A BERT classifier reads the first token alone, which in a sentence encoder is less informative
    than the mean (experiments/07-fine-tuning). In the new layer the queries are zero, so that all
    tokens get the same attention; values and outputs are the identity; the feed-forward block adds
    nothing. The pooler starts as the identity. The result is an ordinary BERT.
    """
    import torch

    layer, width = net.bert.encoder.layer[-1], net.config.hidden_size
    fresh = type(layer)(net.config)
    fresh.apply(net._init_weights)
    one = torch.eye(width)
    with torch.no_grad():
        attention, pooler = fresh.attention, net.bert.pooler.dense
        for linear in (attention.self.query, fresh.output.dense):
            linear.weight.zero_()
            linear.bias.zero_()
        for linear, slope in (
            (attention.self.value, 1.0),
            (attention.output.dense, MEAN_OVER_RESIDUAL),
            (pooler, TANH_SLOPE),
        ):
            linear.weight.copy_(slope * one)
            linear.bias.zero_()
    net.bert.encoder.layer[-1] = fresh


def freeze_lower_layers(net: Any, n_layers: int) -> None:
    """Do not train the embeddings, the lowest layers, and what these use; 0 trains everything."""
    layers, prefix = layers_of(net)
    if n_layers > len(layers):
        raise RequestError(f"model.frozen_layers={n_layers}: the encoder has {len(layers)} layers")
    if n_layers == 0:
        return
    trained = (f"{prefix}.{n_layers}.", "pooler", "classifier", "score", "head")
    shared = _used_below(net, min(n_layers, len(layers) - 1))
    below = True
    for name, parameter in net.named_parameters():
        below = below and not name.startswith(trained[0])
        if name in shared or (below and not any(part in name for part in trained[1:])):
            parameter.requires_grad = False


def _used_below(net: Any, n: int) -> set[str]:
    """Parameters that the input of layer `n` depends on, such as MPNet's biases of distance."""
    import torch

    device = next(net.parameters()).device
    batch = {k: torch.ones((1, 2), dtype=torch.long, device=device) for k in net.inputs}
    if "token_type_ids" in batch:
        batch["token_type_ids"].zero_()
    names, parameters = zip(*net.named_parameters(), strict=True)
    total = states_before(net, n, batch).sum()
    gradients = torch.autograd.grad(total, parameters, allow_unused=True)
    return {name for name, g in zip(names, gradients, strict=True) if g is not None}


class _ReachedError(Exception):
    """A forward pass has reached the layer whose input is wanted."""


def states_before(net: Any, n: int, batch: Mapping[str, Any]) -> Any:
    """The input of layer `n`, (n_windows, length, width); the layers from there on do not run."""

    def stop(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        reached.append(args[0] if args else kwargs["hidden_states"])
        raise _ReachedError

    reached: list[Any] = []
    hook = layers_of(net)[0][n].register_forward_pre_hook(stop, with_kwargs=True)
    try:
        net(**batch)
    except _ReachedError:
        return reached[0]
    finally:
        hook.remove()
    raise SahelclfError(f"{type(net).__name__}: its layer {n} is not run; choose another encoder")


@contextmanager
def starting_at(net: Any, n: int, states: Any) -> Iterator[None]:
    """The network runs from layer `n`, which is given these states, (n_windows, length, width)."""
    import torch

    layers, prefix = layers_of(net)
    parent, _, attribute = prefix.rpartition(".")

    def replace(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return (
            ((states, *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": states})
        )

    hook = layers[n].register_forward_pre_hook(replace, with_kwargs=True)
    setattr(net.get_submodule(parent), attribute, torch.nn.ModuleList(layers[n:]))
    try:
        yield
    finally:
        hook.remove()
        setattr(net.get_submodule(parent), attribute, layers)


def head_names(net: Any) -> set[str]:
    """Parameters that are not pretrained: those of the head, and a new last layer."""
    layers, prefix = layers_of(net)
    return _outside_encoder(net) | {
        n
        for n, _ in net.named_parameters()
        if net.own_layer and n.startswith(f"{prefix}.{len(layers) - 1}.")
    }


def _outside_encoder(net: Any) -> set[str]:
    """Parameters of the head and of the pooler; a last norm belongs to the encoder."""
    return {
        n
        for n, _ in net.named_parameters()
        if not n.startswith(f"{net.base_model_prefix}.") or "pooler" in n
    }


def layers_of(net: Any) -> tuple[Any, str]:
    """The encoder's stack of layers, and the prefix of their parameters' names."""
    import torch

    for name, module in net.named_modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == net.config.num_hidden_layers:
            return module, name
    raise SahelclfError(
        f"{type(net).__name__}: no stack of {net.config.num_hidden_layers} layers found; choose "
        "another encoder"
    )


def last_linear(net: Any, n_heads: int) -> Any:
    """The layer whose outputs are the logits, whatever its name."""
    import torch

    layers_of_depth = [
        m
        for m in net.modules()
        if isinstance(m, torch.nn.Linear) and m.out_features == n_heads and m.bias is not None
    ]
    if not layers_of_depth:
        raise SahelclfError(
            f"{type(net).__name__}: no last linear layer with a bias and {n_heads} outputs, which "
            "calibration needs; choose another encoder"
        )
    return layers_of_depth[-1]


def set_head(net: Any, coef: np.ndarray, intercept: np.ndarray) -> None:
    """Set the weights of the last linear layer, (n_features, n_heads) and (n_heads,)."""
    import torch

    head = last_linear(net, len(intercept))
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(coef.T).float())
        head.bias.copy_(torch.from_numpy(intercept).float())
