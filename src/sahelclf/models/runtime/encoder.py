"""Reader of labellers with an encoder: onnxruntime and tokenizers in, labels out, without torch.

The package's own runtime for `embedding`, `transformer` and `blend`; it travels, behind the plain reader, inside every bundle.
A transformer's graph gives calibrated logits. An embedding's gives the mean vector of a window: a text's vector is the
mean over its windows, weighted by tokens, brought to length 1, and stands beside the TF-IDF terms under one linear head.
"""

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from sahelclf.models.runtime.linear import PlainLabeller, Reader
from sahelclf.models.runtime.windows import Cut, Windows, length_sorted_batches

SMALL_GRAPH = "model.int8.onnx"
NEAR = 0.1  # in logits, twice what eight bits change on the average (experiments/10-eight-bits)


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
        options.intra_op_num_threads = (
            1  # a batch a core scales better than all cores on each batch
        )
        self.threads = threads or cores()
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )
        self.takes = [i.name for i in self.session.get_inputs()]
        self.windows = Windows(
            Tokenizer.from_file(str(tokenizer)), int(about["window"]), int(about["overlap"])
        )
        self.pad = int(about["pad_token_id"])

    def outputs(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> np.ndarray:
        """(n, k) of float64; windows of like length are read together, whatever the order of the texts."""
        cut = self.windows(list(texts), targets)
        if not len(cut):
            return np.zeros((0, self.session.get_outputs()[0].shape[1]))
        out: list[np.ndarray] = [np.zeros(0)] * len(cut)
        with ThreadPoolExecutor(self.threads) as pool:
            for rows, found in pool.map(self._read, self.batches(cut)):
                for row, values in zip(rows, found, strict=True):
                    out[row] = values
        return cut.pooled(np.array(out, dtype=np.float64), len(texts))

    def _read(
        self, given: tuple[np.ndarray, dict[str, np.ndarray]]
    ) -> tuple[np.ndarray, np.ndarray]:
        rows, batch = given
        return rows, self.session.run(None, batch)[0]

    def batches(self, cut: Cut) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Rows of windows, of like length together, and the graph's inputs."""
        for rows in length_sorted_batches(cut.lengths):
            batch = cut.batch(rows, self.pad)
            yield rows, {name: batch[name] for name in self.takes}


class OnnxLabeller(Reader):
    """A fine-tuned transformer: the graph ends in the heads. With a quick encoder that reads in eight bits, the other reads
    again what that finds near a decision, so that hardly any decision differs.
    """

    def __init__(
        self, manifest: dict[str, Any], encoder: OnnxEncoder, quick: OnnxEncoder | None = None
    ) -> None:
        super().__init__(manifest)
        self.encoder, self.quick = encoder, quick

    @classmethod
    def load(cls, folder: str | Path, *, fast: bool = False) -> "OnnxLabeller":
        """Read `manifest.json`, the graph with its weights, and `tokenizer.json`; no code is run. `fast` reads `model.int8.onnx` too."""
        folder = Path(folder)
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        graphs = ["model.onnx", SMALL_GRAPH] if fast else ["model.onnx"]
        return cls(
            manifest,
            *(
                OnnxEncoder(folder / graph, folder / "tokenizer.json", manifest["features"])
                for graph in graphs
            ),
        )

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads) calibrated logits."""
        texts = [str(t) for t in texts]
        if self.quick is None:
            return self.encoder.outputs(texts)
        logits = self.quick.outputs(texts)
        again = np.flatnonzero(self.near_a_decision(logits))
        if len(again):
            logits[again] = self.encoder.outputs([texts[i] for i in again])
        return logits

    def near_a_decision(self, logits: np.ndarray) -> np.ndarray:
        """(n,): a topic is near its threshold, or the two likeliest stances of a topic that holds are near each other."""
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
        folder = Path(folder)
        terms = PlainLabeller.load(folder)
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
            vectors = arrays["vectors"]
        return cls(
            manifest,
            terms,
            vectors,
            OnnxEncoder(
                folder / "encoder.onnx", folder / "tokenizer.json", manifest["features"]["vectors"]
            ),
        )

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads) calibrated logits."""
        texts = [str(t) for t in texts]
        return np.asarray(
            self.terms.logits(texts) + unit_length(self.encoder.outputs(texts)) @ self.vectors
        )


class BlendLabeller(Reader):
    """A fine-tuned transformer and TF-IDF, whose logits are added; weights and calibration are folded into both."""

    def __init__(
        self, manifest: dict[str, Any], terms: PlainLabeller, encoder: OnnxEncoder
    ) -> None:
        super().__init__(manifest)
        self.terms, self.encoder = terms, encoder

    @classmethod
    def load(cls, folder: str | Path) -> "BlendLabeller":
        """Read the plain files, and in `encoder/` the graph with its weights and the tokenizer; no code is run."""
        folder = Path(folder)
        terms, inner = PlainLabeller.load(folder), folder / "encoder"
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        return cls(
            manifest,
            terms,
            OnnxEncoder(inner / "model.onnx", inner / "tokenizer.json", manifest["features"]),
        )

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads) calibrated logits."""
        texts = [str(t) for t in texts]
        return np.asarray(self.terms.logits(texts) + self.encoder.outputs(texts))


def unit_length(vectors: np.ndarray) -> np.ndarray:
    """Rows divided by their Euclidean norm; a row of zeros stays."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0))


def cores() -> int:
    """Cores that this process may use, or as many threads as OMP_NUM_THREADS says."""
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if asked.isdecimal() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
