"""The frozen layers of a network: what they give for a window is computed once, kept, and shared.

Folds, epochs and seeds then run the layers above them alone. The outputs are files in the cache
folder, by the encoder, the number of frozen layers and the arithmetic.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from sahelclf.models.base import OnFitStep, ignore_step
from sahelclf.models.encoder_files import EncoderFiles
from sahelclf.models.network import freeze_lower_layers, layers_of, starting_at, states_before
from sahelclf.models.runtime.windows import Cut, length_sorted_batches
from sahelclf.models.state_store import HEAD, LIMIT, StateStore, state_store
from sahelclf.paths import cache_folder

LOG = logging.getLogger(__name__)
CHUNK = 256  # windows that are computed and stored together


@cache
def _say_once(message: str) -> None:
    LOG.info(message)


def window_keys(cut: Cut) -> list[bytes]:
    """A hash of the tokens and segments of each window."""
    windows = zip(cut.ids, cut.types, strict=True)
    return [hashlib.sha256(np.array(w, dtype="<i4").tobytes()).digest() for w in windows]


class FrozenLayers:
    """A network whose embeddings and lowest layers are not trained.

    Their outputs are kept where the forward pass is on the CPU, and nothing random is in them.

    Parameters
    ----------
    n_layers
        How many layers are frozen; 0 trains everything.
    dropout
        Rate in all layers; None is the encoder's own.
    dtype
        Type of the forward pass in training.
    """

    def __init__(
        self, net: Any, files: EncoderFiles, n_layers: int, dropout: float | None, dtype: Any
    ) -> None:
        self.net, self.pad, self.dtype = net, files.pad, dtype
        freeze_lower_layers(net, n_layers)
        self.n = min(n_layers, len(layers_of(net)[0]) - 1)
        self.device = next(net.parameters()).device
        self.store: StateStore | None = None
        if self.n == 0 or self.device.type != "cpu":
            return
        if dropout != 0:
            _say_once(
                f"model.dropout={'null' if dropout is None else f'{dropout:g}'}: the frozen layers "
                "are computed in every epoch; with model.dropout=0 they are computed once"
            )
            return
        number_type = str(dtype).removeprefix("torch.")
        name = f"states-{files.content[:16]}-{self.n}-{number_type}.f32"
        self.store = state_store(cache_folder() / name)

    def __call__(self, batch: Mapping[str, Any], keys: Sequence[bytes]) -> Any:
        """Logits of a batch of windows, from the stored states where all of them are known."""
        import torch

        known = self.store.states if self.store else {}
        if not all(key in known for key in keys):
            return self.net(**batch).logits
        states = [known[key] for key in keys]
        length = batch["attention_mask"].shape[1]
        whole = np.zeros((len(states), length, states[0].shape[1]), dtype=np.float32)
        for row, values in zip(whole, states, strict=True):
            row[: len(values)] = values
        with starting_at(self.net, self.n, torch.from_numpy(whole)):
            return self.net(**batch).logits

    def fill(self, cut: Cut, on_step: OnFitStep = ignore_step) -> None:
        """Compute and store what the frozen layers give for windows that are not stored yet.

        `on_step` is called after every chunk, with how many are known. The chunks are in the order
        of the windows, so that a process that goes on after another was killed computes the same
        chunks, with the same rounding.
        """
        if self.store is None:
            return
        self.store.read()
        row = {key: k for k, key in enumerate(window_keys(cut)) if key not in self.store.states}
        if not row or not self._fits(cut, list(row.values())):
            return
        keys, total = list(row), len(cut)
        on_step(total - len(keys), total, {})
        for start in range(0, len(keys), CHUNK):
            chunk = keys[start : start + CHUNK]
            self.store.append(self._states(cut, {key: row[key] for key in chunk}))
            on_step(total - len(keys) + start + len(chunk), total, {})

    def _fits(self, cut: Cut, rows: Sequence[int]) -> bool:
        """Whether the states of these windows can be used and kept; without a store if not."""
        assert self.store
        size = int(cut.lengths[rows].sum()) * self.net.config.hidden_size * 4
        size += len(rows) * HEAD.itemsize
        if not self._runs_from_above(cut, rows[0]):
            reason = f"{type(self.net).__name__} cannot be run from its layer {self.n}"
        elif not self.store.make_room(size):
            reason = (
                f"what they give takes {size / 2**30:.1f} GiB, and {self.store.path} holds at most "
                f"{LIMIT / 2**30:g} GiB (if there is room without it, delete it)"
            )
        else:
            return True
        _say_once(f"the {self.n} frozen layers are computed in every epoch: {reason}")
        self.store = None
        return False

    def _runs_from_above(self, cut: Cut, row: int) -> bool:
        """Whether the layers above, given the states of a window, have the output of all layers."""
        import torch

        batch = self._batch(cut, [row])
        with torch.no_grad():
            whole = self.net(**batch).logits
            with starting_at(self.net, self.n, states_before(self.net, self.n, batch)):
                above = self.net(**batch).logits
        return bool(torch.allclose(above, whole, rtol=1e-3, atol=1e-5))

    def _states(self, cut: Cut, row: Mapping[bytes, int]) -> dict[bytes, np.ndarray]:
        import torch

        states: dict[bytes, np.ndarray] = {}
        keys, rows = list(row), np.array(list(row.values()))
        on = self.dtype != torch.float32
        for batch in length_sorted_batches(cut.lengths[rows]):
            with torch.inference_mode(), torch.autocast("cpu", dtype=self.dtype, enabled=on):
                found = states_before(self.net, self.n, self._batch(cut, rows[batch]))
            for k, values in zip(batch, found.float().numpy(), strict=True):
                states[keys[k]] = values[: cut.lengths[rows[k]]]
        return {key: states[key] for key in keys}

    def _batch(self, cut: Cut, rows: Sequence[int] | np.ndarray) -> dict[str, Any]:
        import torch

        batch = cut.batch(rows, self.pad)
        return {k: torch.from_numpy(batch[k]).to(self.device) for k in self.net.inputs}
