"""The fine-tuned transformer: one linear layer of sigmoids on an encoder."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sahelclf.errors import RequestError, SahelclfError
from sahelclf.models.base import NO_CALLBACKS, BundleReader, FitCallbacks, ModelKind, OnFitStep
from sahelclf.models.encoder_files import check_window, find_encoder, load_tokenizer
from sahelclf.models.finetune import FineTuning, TransformerConfig, best_dtype
from sahelclf.models.frozen import FrozenLayers, window_keys
from sahelclf.models.linear import fit_heads
from sahelclf.models.memory import return_free_pages, return_large_blocks
from sahelclf.models.network import build_classifier, last_linear, refuse_pooling, set_head
from sahelclf.models.runtime.windows import Cut, Windows, length_sorted_batches
from sahelclf.tasks.base import HeadLayout, TaskData

PROBE_C = 0.1
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")


class Transformer:
    """`AutoModelForSequenceClassification` with a sigmoid a head and masked binary cross-entropy.

    The head starts as a logistic regression on the encoder's output, and the lower layers are not
    trained (experiments/07-fine-tuning).
    """

    name = "transformer"
    kind = "transformer"

    def __init__(self, config: TransformerConfig) -> None:
        self.config = config
        self.files = find_encoder(config.encoder)
        check_window(self.files, config.window, config.overlap)
        refuse_pooling(self.files, config.pooling)
        if 0 < self.files.layers < config.frozen_layers:
            raise RequestError(
                f"model.frozen_layers={config.frozen_layers}: the encoder has {self.files.layers} "
                "layers"
            )
        self.layout = HeadLayout(())
        self.net: Any = None
        self.read: dict[str, int] = {}
        self.computed_with: dict[str, Any] = {}

    def fit(self, data: TaskData, *, seed: int, callbacks: FitCallbacks = NO_CALLBACKS) -> None:
        """Fine-tune on windows of the texts; those of a text share its labels and weight."""
        import torch

        self.layout = data.layout
        torch.set_num_threads(self.threads)
        return_large_blocks()
        self.tokenizer = load_tokenizer(self.files)
        self._refuse_long_targets(data.targets)
        self.windows = Windows(self.tokenizer, self.config.window, self.config.overlap)
        cut = self.windows(data.texts, data.targets)
        self.read = _reading_statistics(cut, len(data))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.net = build_classifier(
                self.files, self.layout.names, self.config.pooling, self.config.dropout
            )
            device = next(self.net.parameters()).device.type
            dtype = best_dtype(self.config.precision, device)
            precision = str(dtype).removeprefix("torch.")
            self.computed_with = {"precision": precision, "threads": self.threads, "device": device}
            self.frozen = self._freeze(self.net, dtype)
            try:
                self.frozen.fill(cut, callbacks.on_step)
                training = FineTuning(
                    self.frozen, cut, data.y, data.mask, self.config, seed, self.files.pad
                )
                if callbacks.checkpoint is None or not callbacks.checkpoint.is_file():
                    self._start_head(cut, data, seed)
                training.run(callbacks)
            except (RuntimeError, MemoryError) as error:
                if not any(sign in str(error).lower() for sign in OUT_OF_MEMORY) and not isinstance(
                    error, MemoryError
                ):
                    raise
                raise SahelclfError(
                    "out of memory in fine-tuning; halve "
                    f"model.batch_size={self.config.batch_size}, or "
                    f"model.window={self.config.window}"
                ) from error
        del training  # and its optimizer
        return_free_pages()

    def encode(self, texts: Sequence[str], on_step: OnFitStep) -> None:
        """Compute what the frozen layers give for these texts, and keep it for all fits."""
        import torch

        if self.config.frozen_layers == 0:
            return
        torch.set_num_threads(self.threads)
        net = build_classifier(self.files, ["any"], self.config.pooling, self.config.dropout)
        dtype = best_dtype(self.config.precision, next(net.parameters()).device.type)
        windows = Windows(load_tokenizer(self.files), self.config.window, self.config.overlap)
        self._freeze(net, dtype).fill(windows(list(texts)), on_step)

    def _freeze(self, net: Any, dtype: Any) -> FrozenLayers:
        return FrozenLayers(net, self.files, self.config.frozen_layers, self.config.dropout, dtype)

    def _refuse_long_targets(self, targets: Sequence[str] | None) -> None:
        """Refuse a target that leaves no token of a window for new text."""
        window, overlap = self.config.window, self.config.overlap
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        for target in dict.fromkeys(targets or ()):
            taken = len(self.tokenizer.encode("", target).ids)
            if taken + overlap >= window:
                raise RequestError(
                    f"target {target[:80]!r}: takes {taken} tokens, which leaves none for the text "
                    f"in windows of model.window={window} that share model.overlap={overlap}; "
                    "choose a larger window or a shorter target"
                )

    @property
    def threads(self) -> int:
        """Threads of torch: those of the settings, else the number of physical cores."""
        import psutil

        return self.config.threads or psutil.cpu_count(logical=False) or 1

    def _start_head(self, cut: Cut, data: TaskData, seed: int) -> None:
        """Start the head as a logistic regression on its inputs (Kumar et al. 2022)."""
        given: list[np.ndarray] = []
        head = last_linear(self.net, len(self.layout))
        hook = head.register_forward_pre_hook(
            lambda _, inputs: given.append(inputs[0].float().cpu().numpy())
        )
        dtype = best_dtype(self.config.precision, next(self.net.parameters()).device.type)
        order = np.concatenate([rows for rows, _ in self._outputs(cut, dtype)])
        hook.remove()
        features = np.zeros((len(cut), given[0].shape[1]))
        features[order] = np.concatenate(given)
        set_head(
            self.net, *fit_heads(cut.pooled(features, len(data)), data, PROBE_C, "balanced", seed)
        )

    def _outputs(self, cut: Cut, dtype: Any) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Rows of windows, in batches of similar length, and their logits."""
        import torch

        device = next(self.net.parameters()).device
        keys = window_keys(cut) if dtype == self.frozen.dtype else [b""] * len(cut)
        self.net.eval()
        for rows in length_sorted_batches(cut.lengths):
            batch = cut.batch(rows, self.files.pad)
            given = {k: torch.from_numpy(batch[k]).to(device) for k in self.net.inputs}
            with (
                torch.inference_mode(),
                torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32),
            ):
                yield rows, self.frozen(given, [keys[row] for row in rows]).float().cpu().numpy()

    def logits(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> np.ndarray:
        """(n, n_heads) in float32: the mean over the windows of a text, weighted by tokens."""
        import torch

        cut = self.windows(list(texts), targets)
        out = np.zeros((len(cut), len(self.layout)))
        for rows, logits in self._outputs(cut, torch.float32):
            out[rows] = logits
        return cut.pooled(out, len(texts))

    def calibrate(self, scale: np.ndarray, offset: np.ndarray) -> None:
        """Change the last linear layer; pooling of windows is linear, so it may come after."""
        import torch

        head = last_linear(self.net, len(self.layout))
        with torch.no_grad():
            by = torch.tensor(scale, dtype=torch.float32, device=head.weight.device)
            head.weight.mul_(by[:, None])
            head.bias.mul_(by).add_(
                torch.tensor(offset, dtype=torch.float32, device=head.bias.device)
            )

    def save(self, folder: Path) -> None:
        """Write config.json, model.safetensors, and the tokenizer without truncation or padding."""
        from transformers import AutoTokenizer

        self.net.config.dtype = "float32"
        self.net.save_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(self.files.folder, local_files_only=True)
        tokenizer.model_max_length = self.config.window
        tokenizer.save_pretrained(folder)
        plain = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
        plain |= {"truncation": None, "padding": None}
        (folder / "tokenizer.json").write_text(
            json.dumps(plain, ensure_ascii=False) + "\n", encoding="utf-8"
        )

    def describe(self) -> dict[str, Any]:
        """The encoder, its window, and how the training texts were read."""
        return {
            **self.files.describe(self.config.window, self.config.overlap),
            "inputs": list(self.net.inputs),
            "window_pooling": "mean of the logits, weighted by the tokens that a window does not "
            "share with the one before",
            "training_texts_read": self.read,
        }


def _reading_statistics(cut: Cut, n_texts: int) -> dict[str, int]:
    """Numbers of texts, tokens, windows, texts longer than a window, and unknown tokens."""
    windows = np.bincount(cut.text, minlength=n_texts)
    return {
        "texts": n_texts,
        "tokens": int(cut.lengths.sum()),
        "windows": len(cut),
        "longer_than_window": int((windows > 1).sum()),
        "unknown_tokens": cut.unknown,
    }


KIND = ModelKind(
    "transformer",
    TransformerConfig,
    lambda config, *_: Transformer(config),
    BundleReader("transformer", "OnnxLabeller", "float32"),
    folds=3,
    slow=True,
    deterministic=False,
    reads_targets=True,
    exports=frozenset({"hub"}),
    encode=lambda model, texts, on_step: model.encode(texts, on_step),
    transformers_layout=True,
)
