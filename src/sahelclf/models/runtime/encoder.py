"""Reader of labellers with an encoder: onnxruntime and tokenizers in, labels out, without torch.

The package reads `embedding`, `transformer` and `blend` with this file; every bundle has a copy.
The graph of a transformer gives calibrated logits. That of an embedding gives the mean vector of
a window: the vector of a text is the mean of its windows, weighted by tokens and scaled to length
1. One linear head reads it together with the TF-IDF terms.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from .linear import PlainLabeller, Reader, read_json
from .windows import Cut, Windows, length_sorted_batches

SMALL_GRAPH = "model.int8.onnx"
NEAR = 0.1  # in logits; twice the mean change by eight bits (experiments/10-eight-bits)
Batch = tuple[np.ndarray, dict[str, np.ndarray]]


class OnnxEncoder:
    """A graph over token windows, and its tokenizer; `outputs` gives one row a text."""

    def __init__(
        self,
        graph: str | Path,
        tokenizer: str | Path,
        about: dict[str, Any],
        threads: int | None = None,
    ) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # one batch a core is faster than all cores on one batch
        options.log_severity_level = 3
        self.threads = threads or cores()
        self.session = onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )
        self.inputs = [i.name for i in self.session.get_inputs()]
        self.windows = Windows(
            Tokenizer.from_file(str(tokenizer)), int(about["window"]), int(about["overlap"])
        )
        self.pad = int(about["pad_token_id"])

    def outputs(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> np.ndarray:
        """(n, k) of float64, in the order of the texts."""
        cut = self.windows(list(texts), targets)
        if not len(cut):
            return np.zeros((0, self.session.get_outputs()[0].shape[1]))
        out: list[np.ndarray] = [np.zeros(0)] * len(cut)
        with ThreadPoolExecutor(self.threads) as pool:
            for rows, outputs in pool.map(self._read, self.batches(cut)):
                for row, values in zip(rows, outputs, strict=True):
                    out[row] = values
        return cut.pooled(np.array(out, dtype=np.float64), len(texts))

    def _read(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        rows, inputs = batch
        return rows, self.session.run(None, inputs)[0]

    def batches(self, cut: Cut) -> Iterator[Batch]:
        """Rows of windows of similar length, and the graph's inputs."""
        for rows in length_sorted_batches(cut.lengths):
            batch = cut.batch(rows, self.pad)
            yield rows, {name: batch[name] for name in self.inputs}


class OnnxLabeller(Reader):
    """A fine-tuned transformer: the graph ends in the heads.

    With `quick`, an encoder in eight bits, that one reads first, and the float32 encoder reads
    again the texts whose logits are near a decision, so that hardly any decision differs.
    """

    def __init__(
        self, manifest: dict[str, Any], encoder: OnnxEncoder, quick: OnnxEncoder | None = None
    ) -> None:
        super().__init__(manifest)
        self.encoder, self.quick = encoder, quick

    @classmethod
    def load(cls, folder: str | Path, *, fast: bool = False) -> "OnnxLabeller":
        """Read `manifest.json`, the graph with its weights, and `tokenizer.json`; no code is run.

        `fast` reads `model.int8.onnx` too.
        """
        folder, manifest = Path(folder), read_json(folder)
        graphs = ["model.onnx", SMALL_GRAPH] if fast else ["model.onnx"]
        tokenizer = folder / "tokenizer.json"
        return cls(
            manifest, *(OnnxEncoder(folder / g, tokenizer, manifest["features"]) for g in graphs)
        )

    def clean_logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads) calibrated logits of texts that `clean` was applied to."""
        if self.quick is None:
            return self.encoder.outputs(texts)
        logits = self.quick.outputs(texts)
        again = np.flatnonzero(self.near_a_decision(logits))
        if len(again):
            logits[again] = self.encoder.outputs([texts[i] for i in again.tolist()])
        return logits

    def near_a_decision(self, logits: np.ndarray) -> np.ndarray:
        """(n,) of bool: whether another arithmetic might decide otherwise.

        A topic is near its threshold, or a topic holds and its two likeliest stances are close.
        """
        n = len(self.topics)
        beyond = logits[:, :n] - np.log(self.thresholds / (1 - self.thresholds))
        near = (np.abs(beyond) < NEAR).any(axis=1)
        if len(self.stances) > 1:
            ordered = np.sort(logits[:, n:].reshape(len(logits), n, -1), axis=2)
            near |= ((ordered[:, :, -1] - ordered[:, :, -2] < NEAR) & (beyond >= 0)).any(axis=1)
        return np.asarray(near)


class EmbeddingLabeller(Reader):
    """TF-IDF terms and an encoder's vectors under one linear head."""

    def __init__(
        self,
        manifest: dict[str, Any],
        terms: PlainLabeller,
        vectors: np.ndarray,
        encoder: OnnxEncoder,
    ) -> None:
        super().__init__(manifest)
        self.terms, self.vectors, self.encoder = terms, vectors, encoder

    @classmethod
    def load(cls, folder: str | Path) -> "EmbeddingLabeller":
        """Read the plain files, the encoder's graph and its tokenizer; no code is run."""
        folder, manifest = Path(folder), read_json(folder)
        with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
            vectors = arrays["vectors"]
        encoder = OnnxEncoder(
            folder / "encoder.onnx", folder / "tokenizer.json", manifest["features"]["vectors"]
        )
        return cls(manifest, PlainLabeller.load(folder), vectors, encoder)

    def clean_logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads) calibrated logits of texts that `clean` was applied to."""
        vectors = unit_length(self.encoder.outputs(texts))
        return np.asarray(self.terms.clean_logits(texts) + vectors @ self.vectors)


class BlendLabeller(Reader):
    """A fine-tuned transformer and TF-IDF, whose logits are added.

    The weight of each and the calibration are part of their heads.
    """

    def __init__(
        self, manifest: dict[str, Any], terms: PlainLabeller, encoder: OnnxEncoder
    ) -> None:
        super().__init__(manifest)
        self.terms, self.encoder = terms, encoder

    @classmethod
    def load(cls, folder: str | Path) -> "BlendLabeller":
        """Read the plain files, and in `encoder/` the graph and the tokenizer; no code is run."""
        folder, manifest = Path(folder), read_json(folder)
        inner = folder / "encoder"
        encoder = OnnxEncoder(inner / "model.onnx", inner / "tokenizer.json", manifest["features"])
        return cls(manifest, PlainLabeller.load(folder), encoder)

    def clean_logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads) calibrated logits of texts that `clean` was applied to."""
        return np.asarray(self.terms.clean_logits(texts) + self.encoder.outputs(texts))


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """Rows divided by their Euclidean norm; a row of zeros stays."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0))


def cores() -> int:
    """Cores that this process may use, or the number in OMP_NUM_THREADS."""
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if wanted.isdecimal() and int(wanted):
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
