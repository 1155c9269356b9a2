"""Vectors of an encoder: a text is encoded once for an encoder, window and overlap, and kept."""

import hashlib
import logging
from collections.abc import Sequence

import numpy as np
from filelock import FileLock

from sahelclf.files import file_aside
from sahelclf.models.base import OnFitStep, ignore_step
from sahelclf.models.encoder_files import EncoderFiles
from sahelclf.models.runtime.encoder import OnnxEncoder, unit_length
from sahelclf.models.vector_store import VectorStore
from sahelclf.paths import cache_folder, writing_to_cache

LOG = logging.getLogger(__name__)
CHUNK = 64  # texts that are encoded and stored together


class EmbeddingCache:
    """Unit-length vectors of texts; graph and vectors are files in the cache folder."""

    def __init__(self, files: EncoderFiles, window: int, overlap: int, threads: int | None) -> None:
        self.files, self.window, self.overlap, self.threads = files, window, overlap, threads
        folder = cache_folder()
        self.graph = folder / f"encoder-{files.content[:16]}.onnx"
        self.tokenizer = folder / f"encoder-{files.content[:16]}-tokenizer.json"
        self.store = VectorStore(folder / f"vectors-{files.content[:16]}-{window}-{overlap}.f32")
        self._encoder: OnnxEncoder | None = None

    def __call__(self, texts: Sequence[str], on_step: OnFitStep = ignore_step) -> np.ndarray:
        """(n, d) vectors of length 1, in float64.

        `on_step` is called after every chunk of texts that are encoded, with how many are known.
        """
        keys = [hashlib.sha256(t.encode("utf-8", "surrogatepass")).digest() for t in texts]
        vectors = self.store.read(keys)
        absent = {key: text for key, text in zip(keys, texts, strict=True) if key not in vectors}
        if absent:
            self._encode(absent, vectors, on_step)
        return np.array([vectors[key] for key in keys], dtype=np.float64)

    def _encode(
        self, absent: dict[bytes, str], vectors: dict[bytes, np.ndarray], on_step: OnFitStep
    ) -> None:
        """Add the vectors of absent texts, and store them as they are made.

        The chunks are in the order of the texts, so that a process that goes on after another was
        killed encodes the same chunks, with the same rounding.
        """
        order, total = list(absent), len(vectors) + len(absent)
        on_step(len(vectors), total, {})
        try:
            for start in range(0, len(order), CHUNK):
                keys = order[start : start + CHUNK]
                outputs = self.encoder.outputs([absent[key] for key in keys])
                fresh = unit_length(outputs).astype(np.float32)
                self.store.append(keys, fresh)
                vectors |= zip(keys, fresh, strict=True)
                on_step(len(vectors), total, {})
        except KeyboardInterrupt:
            n = f"{len(vectors):,} of {total:,}"
            LOG.info("\n%s texts are encoded and kept; the same command goes on from there", n)
            raise

    @property
    def encoder(self) -> OnnxEncoder:
        """The encoder's graph, exported when first used."""
        if self._encoder is None:
            self._export()
            about = {"window": self.window, "overlap": self.overlap, "pad_token_id": self.files.pad}
            self._encoder = OnnxEncoder(self.graph, self.tokenizer, about, self.threads)
        return self._encoder

    def _export(self) -> None:
        from sahelclf.models.encoder_files import load_tokenizer
        from sahelclf.models.onnx_graph import write_vector_graph

        with writing_to_cache(self.graph), FileLock(self.graph.with_suffix(".lock")):
            if not self.tokenizer.is_file():
                tokenizer = load_tokenizer(self.files)
                tokenizer.no_truncation()
                tokenizer.no_padding()
                with file_aside(self.tokenizer) as aside:
                    tokenizer.save(str(aside))
            if not self.graph.is_file():
                with file_aside(self.graph) as aside:
                    write_vector_graph(self.files.folder, aside)
