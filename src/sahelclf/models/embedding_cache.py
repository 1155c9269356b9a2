"""Cache of an encoder's vectors: a text is encoded once for an encoder, window and overlap."""

import hashlib
import sqlite3
from collections.abc import Sequence
from contextlib import closing

import numpy as np
from filelock import FileLock

from sahelclf.files import file_aside
from sahelclf.models.encoder_files import EncoderFiles
from sahelclf.models.runtime.encoder import OnnxEncoder, unit_length
from sahelclf.paths import cache_folder


class EmbeddingCache:
    """Unit-length vectors of texts; graph and vectors are files in the cache folder."""

    def __init__(self, files: EncoderFiles, window: int, overlap: int, threads: int | None) -> None:
        self.files, self.window, self.overlap, self.threads = files, window, overlap, threads
        folder = cache_folder()
        folder.mkdir(parents=True, exist_ok=True)
        self.graph = folder / f"encoder-{files.content[:16]}.onnx"
        self.tokenizer = folder / f"encoder-{files.content[:16]}-tokenizer.json"
        self.store = folder / f"vectors-{files.content[:16]}-{window}-{overlap}.sqlite"
        self._encoder: OnnxEncoder | None = None

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """(n, d) vectors of length 1, in float64."""
        keys = [hashlib.sha256(t.encode("utf-8", "surrogatepass")).digest() for t in texts]
        with closing(sqlite3.connect(self.store, timeout=120)) as base:
            base.execute("CREATE TABLE IF NOT EXISTS vector (text BLOB PRIMARY KEY, numbers BLOB)")
            vectors = self._stored(base, keys)
            absent = {
                key: text for key, text in zip(keys, texts, strict=True) if key not in vectors
            }
            if absent:
                fresh = unit_length(self.encoder.outputs(list(absent.values()))).astype(np.float32)
                vectors |= dict(zip(absent, fresh, strict=True))
                rows = [(key, vectors[key].tobytes()) for key in absent]
                with base:
                    base.executemany("INSERT OR REPLACE INTO vector VALUES (?, ?)", rows)
        return np.array([vectors[key] for key in keys], dtype=np.float64)

    @staticmethod
    def _stored(base: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, np.ndarray]:
        vectors: dict[bytes, np.ndarray] = {}
        for start in range(0, len(keys), 500):
            batch = keys[start : start + 500]
            marks = ",".join("?" * len(batch))
            query = f"SELECT text, numbers FROM vector WHERE text IN ({marks})"  # noqa: S608
            for key, numbers in base.execute(query, batch):
                vectors[key] = np.frombuffer(numbers, dtype=np.float32)
        return vectors

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

        with FileLock(self.graph.with_suffix(".lock")):
            if not self.tokenizer.is_file():
                tokenizer = load_tokenizer(self.files)
                tokenizer.no_truncation()
                tokenizer.no_padding()
                with file_aside(self.tokenizer) as aside:
                    tokenizer.save(str(aside))
            if not self.graph.is_file():
                with file_aside(self.graph) as aside:
                    write_vector_graph(self.files.folder, aside)
