"""Near copies of earlier texts, found as texts stream by: MinHash finds candidates, the exact Jaccard index decides.

A text is the set of its runs of five words. Its MinHash signature of 64 values is cut into 16 bands of four; two texts
that share a band are compared by their sets. A text is a copy of the first text before it, itself no copy, whose
index with it is at least `SAME`; so clusters are stars around their first text, and nothing drifts along a chain.

Memory: the bands of texts that are no copies, 128 bytes each, in sorted arrays; their sets and ids lie in a file.
Of texts that share a band, the first `TRIED` are compared, so that a phrase in every text costs little.
"""

import re
import struct
import zlib
from collections.abc import Sequence
from typing import BinaryIO

import numpy as np

from sahelclf.models.runtime.linear import normalise

RUN_WORDS = 5
BANDS, IN_BAND = 16, 4
SAME = 0.6
TRIED = 8
KNOWN_WORDS = 200_000
ALIGNED = 16  # bytes; places in the file are counted in these, so that 32 bits reach 64 GiB
HEAD = struct.Struct("<4sII")
MARK = b"copy"
_random = np.random.default_rng(20230726)  # fixed: a job that goes on must draw the same
FACTORS = _random.integers(1, 2**63, BANDS * IN_BAND, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
SHIFTS = _random.integers(0, 2**63, BANDS * IN_BAND, dtype=np.uint64)
_MIX = np.uint64(0x9E3779B97F4A7C15)


class Copies:
    """Texts seen so far; `of` takes the next ones. `stream` is read from its start, so that a job can go on."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self.words: dict[str, int] = {}
        self.levels: list[
            np.ndarray
        ] = []  # each (BANDS, n) of band << 32 | place, rows sorted; sizes fall by half or more
        self._read_back()

    def of(self, texts: Sequence[str], ids: Sequence[str]) -> list[str | None]:
        """For each text the id of the earlier one that it copies, or None."""
        sets = [self._runs(t) for t in texts]
        bands = signatures(sets)
        older = self._candidates(bands)
        fresh: dict[tuple[int, int], list[int]] = {}
        firsts: list[int] = []
        found: list[str | None] = []
        for row, runs in enumerate(sets):
            keys = list(enumerate(bands[row].tolist())) if len(runs) else []
            id_ = self._first_alike(runs, sorted(older[row]))
            if id_ is None:
                near = sorted({r for k in keys for r in fresh.get(k, ())})
                id_ = next((ids[r] for r in near if jaccard(runs, sets[r]) >= SAME), None)
            found.append(id_)
            if id_ is None and keys:
                firsts.append(row)
                for k in keys:
                    if len(places := fresh.setdefault(k, [])) < TRIED:
                        places.append(row)
        self._add(bands[firsts], [self._write(bands[r], sets[r], ids[r]) for r in firsts])
        return found

    def _runs(self, text: str) -> np.ndarray:
        """Sorted 32-bit hashes of the text's runs of five words; of a shorter text, the one of all its words."""
        known = self.words
        if len(known) > KNOWN_WORDS:
            known.clear()
        numbers = []
        for word in re.findall(r"\w+", normalise(text)):
            number = known.get(word)
            if number is None:
                number = known[word] = zlib.crc32(word.encode("utf-8", "surrogatepass"))
            numbers.append(number)
        if not numbers:
            return np.zeros(0, dtype=np.uint32)
        hashes = np.array(numbers, dtype=np.uint64)
        size = min(RUN_WORDS, len(hashes))
        total = np.zeros(len(hashes) - size + 1, dtype=np.uint64)
        for k in range(size):
            total = (total + hashes[k : k + len(total)] + np.uint64(1)) * _MIX
            total ^= total >> np.uint64(29)
        return np.unique((total >> np.uint64(32)).astype(np.uint32))

    def _candidates(self, bands: np.ndarray) -> list[set[int]]:
        """Places of earlier texts that share a band with each text."""
        found: list[set[int]] = [set() for _ in bands]
        for level in self.levels:
            for band in range(BANDS):
                wanted = bands[:, band].astype(np.uint64) << np.uint64(32)
                at = np.searchsorted(level[band], wanted)
                for step in range(TRIED):
                    here = np.minimum(at + step, level.shape[1] - 1)
                    same = (at + step < level.shape[1]) & (
                        level[band][here] >> np.uint64(32) == bands[:, band]
                    )
                    if not same.any():
                        break
                    for row in np.flatnonzero(same):
                        found[row].add(int(level[band][here[row]] & np.uint64(0xFFFFFFFF)))
        return found

    def _first_alike(self, runs: np.ndarray, places: list[int]) -> str | None:
        for place in places if len(runs) else ():
            self.stream.seek(place * ALIGNED)
            id_, _, other = self._read()
            if jaccard(runs, other) >= SAME:
                return id_
        return None

    def _write(self, bands: np.ndarray, runs: np.ndarray, id_: str) -> int:
        name = id_.encode("utf-8", "surrogatepass")
        record = (
            HEAD.pack(MARK, len(name), len(runs))
            + bands.astype("<u4").tobytes()
            + runs.astype("<u4").tobytes()
            + name
        )
        place = self.stream.seek(0, 2)
        self.stream.write(record + bytes(-len(record) % ALIGNED))
        return place // ALIGNED

    def _read(self) -> tuple[str, np.ndarray, np.ndarray]:
        """The record at the file's position, which then stands at the next."""
        mark, n_name, n_runs = HEAD.unpack(self.stream.read(HEAD.size))
        if mark != MARK:
            raise ValueError("a file of copies that is not ours")
        bands = np.frombuffer(self.stream.read(4 * BANDS), dtype="<u4")
        runs = np.frombuffer(self.stream.read(4 * n_runs), dtype="<u4")
        id_ = self.stream.read(n_name).decode("utf-8", "surrogatepass")
        self.stream.read(-(HEAD.size + 4 * BANDS + 4 * n_runs + n_name) % ALIGNED)
        return id_, bands, runs

    def _read_back(self) -> None:
        end = self.stream.seek(0, 2)
        place = self.stream.seek(0)
        while place < end:
            places: list[int] = []
            bands: list[np.ndarray] = []
            while place < end and len(places) < 50_000:
                places.append(place // ALIGNED)
                bands.append(self._read()[1])
                place = self.stream.tell()
            self._add(np.array(bands), places)

    def _add(self, bands: np.ndarray, places: list[int]) -> None:
        if not places:
            return
        level = np.sort(
            (bands.T.astype(np.uint64) << np.uint64(32)) | np.array(places, dtype=np.uint64), axis=1
        )
        while self.levels and self.levels[-1].shape[1] <= 2 * level.shape[1]:
            below = self.levels.pop()
            merged = np.empty((BANDS, below.shape[1] + level.shape[1]), dtype=np.uint64)
            for band in range(BANDS):
                merged[band] = np.sort(np.concatenate([below[band], level[band]]), kind="stable")
            level = merged
        self.levels.append(level)


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    """Shared elements over all elements of two sorted sets; two empty sets share nothing."""
    both = len(np.intersect1d(a, b, assume_unique=True))
    return both / max(len(a) + len(b) - both, 1)


def signatures(sets: Sequence[np.ndarray]) -> np.ndarray:
    """(n, BANDS) of uint32: each band a hash of four minima; zeros for an empty set, which stands in no band."""
    lengths = np.array([len(s) for s in sets], dtype=int)
    rows = [r for r, n in enumerate(lengths) if n]
    out = np.zeros((len(sets), BANDS), dtype=np.uint32)
    if not rows:
        return out
    values = np.concatenate([sets[r] for r in rows]).astype(np.uint64)
    starts = np.concatenate([[0], np.cumsum(lengths[rows])[:-1]])
    for band in range(BANDS):
        key = np.zeros(len(rows), dtype=np.uint64)
        for k in range(band * IN_BAND, (band + 1) * IN_BAND):
            drawn = (values * FACTORS[k] + SHIFTS[k]) >> np.uint64(32)
            key = (key + np.minimum.reduceat(drawn, starts) + np.uint64(1)) * _MIX
            key ^= key >> np.uint64(29)
        out[rows, band] = key >> np.uint64(32)
    return out
