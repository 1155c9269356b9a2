"""Outputs of frozen layers, by the hash of their window, in one file that grows at its end."""

import errno
import mmap
import os
import shutil
import zlib
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
from filelock import FileLock

from sahelclf.paths import writing_to_cache

LIMIT = 4 << 30  # bytes of all stores together: 1.4 million tokens of 768 numbers
HEAD = np.dtype([("key", "V32"), ("tokens", "<u4"), ("width", "<u4"), ("crc", "<u4")])

Record = tuple[bytes, int, tuple[int, int]]  # key, where the states begin, their shape


class StateStore:
    """A file `states-…` in the cache folder: records of a window's key, shape and states.

    The states of a window are (tokens, width) in float32. A process that is killed leaves whole
    records, and at most a part of one, which the next process cuts off. Readers map the file into
    memory; writers take turns.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.states: dict[bytes, np.ndarray] = {}  # parts of the mapped file, not to be changed
        self.file: tuple[int, int] | None = None
        self.end = 0  # of the whole records that were read

    def read(self) -> None:
        """Look up the records that were added since; what follows a damaged one is left out."""
        try:
            about = self.path.stat()
        except FileNotFoundError:
            self.file, self.end = None, 0
            return
        if self.file != (about.st_dev, about.st_ino):  # another one, since a process made room
            self.file, self.end = (about.st_dev, about.st_ino), 0
        if about.st_size <= self.end:
            return
        with self.path.open("rb") as stream:
            found = self._records(stream.fileno(), about.st_size)
            if found:
                self._map(stream.fileno(), found)
        with suppress(OSError):
            os.utime(self.path)  # used now: the store that is longest unused is deleted first

    def _records(self, file: int, size: int) -> list[Record]:
        """Whole records after the known end."""
        found, end = [], self.end
        with open(file, "rb", closefd=False) as stream:
            stream.seek(end)
            while end + HEAD.itemsize <= size:
                head = np.frombuffer(stream.read(HEAD.itemsize), HEAD)[0]
                shape = (int(head["tokens"]), int(head["width"]))
                start, n_bytes = end + HEAD.itemsize, 4 * shape[0] * shape[1]
                if start + n_bytes > size or _crc(head, stream.read(n_bytes)) != head["crc"]:
                    break
                found.append((head["key"].tobytes(), start, shape))
                end = start + n_bytes
        return found

    def _map(self, file: int, found: Sequence[Record]) -> None:
        offset = self.end // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        _, start, shape = found[-1]
        self.end = start + 4 * shape[0] * shape[1]
        mapped = mmap.mmap(file, self.end - offset, access=mmap.ACCESS_READ, offset=offset)
        for key, start, shape in found:
            flat = np.frombuffer(mapped, "<f4", shape[0] * shape[1], start - offset)
            self.states[key] = flat.reshape(shape)

    def append(self, states: dict[bytes, np.ndarray]) -> None:
        """Store states of windows; those that another process has stored meanwhile are kept."""
        with writing_to_cache(self.path), FileLock(f"{self.path}.lock"):
            self.read()
            fresh = {key: values for key, values in states.items() if key not in self.states}
            with self.path.open("r+b" if self.file else "wb") as stream:
                stream.truncate(self.end)
                stream.seek(self.end)
                for key, values in fresh.items():
                    values = np.ascontiguousarray(values, dtype="<f4")
                    head = np.array([(key, *values.shape, 0)], HEAD)
                    head["crc"] = _crc(head[0], values.tobytes())
                    stream.write(head.tobytes() + values.tobytes())
            self.read()

    def make_room(self, size: int) -> bool:
        """Whether `size` more bytes fit; other stores go for them, the longest unused first."""
        self.read()
        if size + self.end > LIMIT:
            return False
        with writing_to_cache(self.path, size):
            stores = [p for p in self.path.parent.glob("states-*") if p.suffix != ".lock"]
            total = size + sum(p.stat().st_size for p in stores)
            for path in sorted(stores, key=lambda p: p.stat().st_mtime):
                if total > LIMIT and path != self.path:
                    total -= path.stat().st_size
                    with suppress(PermissionError):  # Windows: a process reads it
                        path.unlink()
            if shutil.disk_usage(self.path.parent).free < size:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return True


def _crc(head: np.void, states: bytes) -> int:
    """A checksum of a record; zeros are no record."""
    return zlib.crc32(states, zlib.crc32(head.tobytes()[: -HEAD["crc"].itemsize]))


@cache
def state_store(path: Path) -> StateStore:
    """The store of this process for a file, whose records are checked once."""
    return StateStore(path)
