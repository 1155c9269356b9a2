"""Fine-tuning: one loop for every encoder and task, with mixed precision and checkpoints.

Fast on a CPU because the windows of a batch have similar lengths and need little padding, because
of bfloat16 where the hardware supports it, because what the frozen lower layers give is computed
once, and because there is no dropout, whose random numbers cost more than they gain.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from sahelclf.errors import RequestError
from sahelclf.files import file_aside
from sahelclf.models.base import FitCallbacks, ModelConfig
from sahelclf.models.frozen import FrozenLayers, window_keys
from sahelclf.models.memory import return_free_pages
from sahelclf.models.named_encoders import DEFAULT, NAMED
from sahelclf.models.network import head_names
from sahelclf.models.runtime.windows import Cut, padded

BUCKET = 50  # batches whose windows are sorted by length together
MULTIPLE = 8  # lengths are padded to one: the kernels keep memory for every length
CHECKPOINT_SECONDS = 60.0
DIVERGED = 5.0  # times log 2, the loss of a constant 0.5, or the first losses if they are higher


class TransformerConfig(ModelConfig):
    """`model=transformer`: an encoder, fine-tuned with one head of sigmoids."""

    kind: Literal["transformer"]
    encoder: str | None
    window: Annotated[int, Field(ge=16, le=8192)]
    overlap: Annotated[int, Field(ge=0)]
    epochs: Annotated[int, Field(ge=1, le=100)]
    batch_size: Annotated[int, Field(ge=1, le=1024)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    head_learning_rate: Annotated[float, Field(gt=0, le=1)]
    frozen_layers: Annotated[int, Field(ge=0)]
    pooling: Literal["auto", "mean", "first"]
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    warmup: Annotated[float, Field(ge=0, lt=1)]
    dropout: Annotated[float, Field(ge=0, lt=1)] | None
    precision: Literal["auto", "float32", "bfloat16"]
    threads: Annotated[int, Field(ge=1)] | None

    @model_validator(mode="before")
    @classmethod
    def _as_the_encoder_needs(cls, values: Any) -> Any:
        """Fill in what is left open: the values of a named encoder, for others those of minilm."""
        if not isinstance(values, dict):
            return values
        encoder = NAMED.get(values.get("encoder") or DEFAULT, NAMED[DEFAULT])
        tuned = {name: getattr(encoder, name) for name in ("frozen_layers", "learning_rate")}
        return values | {k: v for k, v in tuned.items() if values.get(k, v) is None}

    @property
    def encoder_name(self) -> str | None:
        """The encoder that the settings name; None for the packaged one."""
        return self.encoder


def best_dtype(precision: str, device: str) -> Any:
    """Type of the forward pass; `auto` is bfloat16 where the hardware supports it, else float32."""
    import torch

    if precision != "auto":
        return getattr(torch, precision)
    if device == "cuda":
        return (
            torch.bfloat16
            if torch.cuda.is_bf16_supported(including_emulation=False)
            else torch.float32
        )
    has_units = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if has_units else torch.float32


class FineTuning:
    """State of a training: the network, its optimizer, the number of steps done."""

    def __init__(
        self,
        frozen: FrozenLayers,
        cut: Cut,
        y: np.ndarray,
        mask: np.ndarray,
        config: TransformerConfig,
        seed: int,
        pad: int,
    ) -> None:
        import torch
        from datasets import Dataset

        self.frozen, self.model = frozen, frozen.net
        self.config, self.seed, self.pad = config, seed, pad
        self.device, self.dtype = frozen.device, frozen.dtype
        weight = cut.weight[:, None] * mask[cut.text]
        self.keys = window_keys(cut)
        self.windows = Dataset.from_dict({"ids": cut.ids, "types": cut.types})
        self.lengths = cut.lengths
        self.y = torch.tensor(y[cut.text], dtype=torch.float32)
        self.weight = torch.tensor(weight, dtype=torch.float32)
        new = head_names(self.model)
        self.trained = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]
        self.rates = (config.learning_rate, config.head_learning_rate)
        groups = [
            {"params": [p for n, p in self.trained if (n in new) == head]} for head in (False, True)
        ]
        self.optimizer = torch.optim.AdamW(
            groups, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.per_epoch = math.ceil(len(cut) / config.batch_size)
        self.total = self.per_epoch * config.epochs
        self.done = 0
        self.first: list[float] = []

    def run(self, callbacks: FitCallbacks) -> None:
        """Train to the end, from the checkpoint if it exists."""
        import time

        import torch

        torch.manual_seed(self.seed)
        if callbacks.checkpoint is not None and callbacks.checkpoint.is_file():
            self.restore(callbacks.checkpoint)
        self.model.train()
        saved = time.monotonic()
        for step, rows in self._batches():
            numbers = self._step(step, rows)
            self.done = step + 1
            callbacks.on_step(self.done, self.total, numbers)
            if self.done % BUCKET == 0:
                return_free_pages()
            if callbacks.checkpoint is not None and time.monotonic() - saved > CHECKPOINT_SECONDS:
                self.store(callbacks.checkpoint)
                saved = time.monotonic()
        self.model.zero_grad(set_to_none=True)
        self.model.eval()

    def _batches(self) -> Iterator[tuple[int, np.ndarray]]:
        """Remaining steps and their windows; the order depends on seed and epoch alone."""
        for epoch in range(self.done // self.per_epoch, self.config.epochs):
            order = length_buckets(
                self.lengths, self.config.batch_size, np.random.default_rng([self.seed, epoch])
            )
            for k, rows in enumerate(order):
                step = epoch * self.per_epoch + k
                if step >= self.done:
                    yield step, rows

    def _step(self, step: int, rows: np.ndarray) -> dict[str, float]:
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits

        share = schedule(step, self.total, self.config.warmup)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * share
        windows = padded(
            **self.windows[rows.tolist()], pad=self.pad, multiple=MULTIPLE, limit=self.config.window
        )
        batch = {k: torch.from_numpy(windows[k]).to(self.device) for k in self.model.inputs}
        with torch.autocast(
            self.device.type, dtype=self.dtype, enabled=self.dtype != torch.float32
        ):
            logits = self.frozen(batch, [self.keys[row] for row in rows])
        y, weight = self.y[rows].to(self.device), self.weight[rows].to(self.device)
        loss = binary_cross_entropy_with_logits(
            logits.float(), y, weight=weight, reduction="sum"
        ) / len(rows)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for _, p in self.trained], 1.0)
        self.optimizer.step()
        value = float(loss.detach())
        self._refuse_divergence(value * len(rows) / max(float(weight.sum()), 1e-9))
        return {"loss": value, "learning_rate": self.rates[0] * share}

    def _refuse_divergence(self, loss: float) -> None:
        """Stop when the loss, the weighted mean over the answers of a batch, has grown."""
        if len(self.first) < 10:
            self.first.append(loss)
        if not math.isfinite(loss) or loss > DIVERGED * max(
            float(np.mean(self.first)), math.log(2)
        ):
            raise RequestError(  # resuming would end in the same way
                f"the loss diverged at step {self.done + 1} of {self.total} (now {loss:.3g}, at "
                f"first {np.mean(self.first):.3g}); divide model.learning_rate="
                f"{self.config.learning_rate:g} by three, or use model.precision=float32"
            )

    def store(self, path: Path) -> None:
        """Write the state of the training into one file, without pickle."""
        import torch
        from safetensors.torch import save_file

        tensors = {f"model.{n}": p.detach() for n, p in self.trained}
        for n, p in self.trained:
            tensors |= {f"optimizer.{k}.{n}": v for k, v in self.optimizer.state[p].items()}
        tensors["random"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["random_cuda"] = torch.cuda.get_rng_state()
        with file_aside(path) as aside:
            save_file(
                {k: v.contiguous() for k, v in tensors.items()},
                aside,
                {"state": json.dumps({"done": self.done, "first": self.first})},
            )

    def restore(self, path: Path) -> None:
        """Read what `store` wrote."""
        import torch
        from safetensors import safe_open

        with safe_open(path, "pt") as stored:
            state = json.loads(stored.metadata()["state"])
            with torch.no_grad():
                for n, p in self.trained:
                    p.copy_(stored.get_tensor(f"model.{n}"))
                    self.optimizer.state[p] = {
                        k: stored.get_tensor(f"optimizer.{k}.{n}").to(p.device)
                        for k in ("step", "exp_avg", "exp_avg_sq")
                    }
            torch.set_rng_state(stored.get_tensor("random"))
            if self.device.type == "cuda" and "random_cuda" in stored.keys():  # noqa: SIM118 - not a mapping
                torch.cuda.set_rng_state(stored.get_tensor("random_cuda"))
        self.done, self.first = state["done"], state["first"]


def schedule(step: int, total: int, warmup: float) -> float:
    """Factor of the learning rate at a step, from 0: linear warm-up, then linear decay to 0.

    Both the last step of the warm-up and the next have the factor 1, unlike those of
    `transformers.get_linear_schedule_with_warmup`; published results depend on it.
    """
    ramp = max(round(warmup * total), 1)
    return (step + 1) / ramp if step < ramp else max((total - step) / max(total - ramp, 1), 0.0)


def length_buckets(lengths: np.ndarray, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Rows in batches of `size`: shuffled, sorted by length within 50 batches, batches shuffled."""
    order = rng.permutation(len(lengths))
    batches: list[np.ndarray] = []
    for start in range(0, len(order), size * BUCKET):
        bucket = order[start : start + size * BUCKET]
        bucket = bucket[np.argsort(lengths[bucket], kind="stable")]
        batches += [bucket[k : k + size] for k in range(0, len(bucket), size)]
    return [batches[k] for k in rng.permutation(len(batches))]
