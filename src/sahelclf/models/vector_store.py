"""Vectors by the hash of their text, in one file of records that grows at its end."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
from filelock import FileLock

from sahelclf.paths import writing_to_cache

LIMIT = 2 << 30  # bytes of all stores together: 700,000 vectors of 768 numbers
KEY = 32  # bytes of a SHA-256
HEADER = 8  # bytes with the length of a vector
UNIT = 1e-3  # how much the length of a stored vector may differ from 1


class VectorStore:
    """A file `vectors-…` in the cache folder: the length of a vector, then keys and vectors.

    A process that is killed leaves whole records, and at most a part of one, which the next process
    cuts off. Readers map the file into memory; writers take turns.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, keys: Iterable[bytes]) -> dict[bytes, np.ndarray]:
        """Vectors in float32 of the keys that are stored; damaged ones are left out."""
        records = self._records()
        if records is None:
            return {}
        row = {key: k for k, key in enumerate(records["key"].tolist())}
        known = [key for key in dict.fromkeys(keys) if key in row]
        vectors = records["vector"][[row[key] for key in known]]
        whole = np.abs(np.linalg.norm(vectors, axis=1) - 1) < UNIT
        with suppress(OSError):
            os.utime(self.path)  # used now: the store that is longest unused is deleted first
        return {key: v for key, v, w in zip(known, vectors, whole, strict=True) if w}

    def append(self, keys: Sequence[bytes], vectors: np.ndarray) -> None:
        """Store vectors of length 1, (n, d) in float32."""
        record = _record(vectors.shape[1])
        records = np.zeros(len(keys), dtype=record)
        records["key"] = np.array(keys, dtype=f"V{KEY}")
        records["vector"] = vectors
        with writing_to_cache(self.path), FileLock(f"{self.path}.lock"):
            self._make_room(records.nbytes + HEADER, vectors.shape[1])
            with self.path.open("ab") as stream:
                size = stream.tell()
                if size == 0:
                    stream.write(vectors.shape[1].to_bytes(HEADER, "little"))
                else:  # without the part of a record that a killed process left
                    stream.truncate(size - (size - HEADER) % record.itemsize)
                stream.write(records.tobytes())

    def _records(self) -> np.ndarray | None:
        """The whole records of the file, mapped into memory."""
        width = self._width()
        if not width:
            return None
        record = _record(width)
        n = (self.path.stat().st_size - HEADER) // record.itemsize
        return np.memmap(self.path, record, "r", HEADER, (n,)) if n else None

    def _width(self) -> int:
        """Length of the stored vectors; 0 where there is no file, or a damaged one."""
        try:
            with self.path.open("rb") as stream:
                header = stream.read(HEADER)
        except FileNotFoundError:
            return 0
        return int.from_bytes(header, "little") if len(header) == HEADER else 0

    def _make_room(self, size: int, width: int) -> None:
        """Delete stores, the longest unused first and this one last, until `size` more bytes fit.

        A damaged file of its own is deleted too.
        """
        if self.path.is_file() and self._width() != width:
            self.path.unlink()
        stores = [p for p in self.path.parent.glob("vectors-*") if p.suffix != ".lock"]
        stores.sort(key=lambda p: (p == self.path, p.stat().st_mtime))
        total = sum(p.stat().st_size for p in stores)
        for path in stores:
            if total + size <= LIMIT:
                return
            total -= path.stat().st_size
            path.unlink()


def _record(width: int) -> np.dtype:
    return np.dtype([("key", f"V{KEY}"), ("vector", "<f4", (width,))])
