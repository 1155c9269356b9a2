"""Exact and near duplicates, by one definition, and groups that no split may divide.

A text is the set of its runs of five words; a shorter text is one run. Two texts are
near-duplicates if the Jaccard index of their sets is at least `MIN_JACCARD`. `near_duplicates`
compares all texts of a corpus. `DuplicateIndex` reads a stream of any length: MinHash signatures of
64 values, in 16 bands of four, find candidates, and the same index decides.
"""

# Our own index, by benchmarks/near_duplicates.txt: with the same bands, the recall of datasketch
# and rensa in 0.3 and 0.6 of their time, 0.1 and 0.3 of their memory; and it resumes from a file.

import hashlib
import re
import struct
import zlib
from collections.abc import Hashable, Iterable, Sequence
from typing import BinaryIO
from urllib.parse import parse_qsl, urlencode, urlsplit

import numpy as np

from sahelclf.models.runtime.linear import normalise

RUN_WORDS = 5
MIN_JACCARD = 0.6
HASH_DIGITS = 20  # of a training text's SHA-256
STOCK_WORDS = 12  # a shorter passage is often a stock phrase, the same in texts of no relation
BANDS, IN_BAND = 16, 4
MOST_COMPARED = (
    8  # texts that share a band and are compared: a phrase in every text then costs little
)
CACHED_WORDS = 200_000
ROWS_AT_ONCE = 2000
ALIGNED = 16  # bytes; places in the file are counted in these, so that 32 bits reach 64 GiB
HEAD = struct.Struct("<4sII")
MARK = b"copy"
_random = np.random.default_rng(20230726)  # fixed: a job that resumes draws the same
FACTORS = _random.integers(1, 2**63, BANDS * IN_BAND, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
SHIFTS = _random.integers(0, 2**63, BANDS * IN_BAND, dtype=np.uint64)
_MIX = np.uint64(0x9E3779B97F4A7C15)
_NO_PAGE = re.compile(r"(?i)page|paged|amp|utm_.*|fbclid|gclid")
_word_hashes: dict[str, int] = {}


def word_runs(text: str) -> np.ndarray:
    """The set of a text's runs of words: sorted uint32 hashes; case and accents do not count."""
    if len(_word_hashes) > CACHED_WORDS:
        _word_hashes.clear()
    numbers = []
    for word in re.findall(r"\w+", normalise(text)):
        number = _word_hashes.get(word)
        if number is None:
            number = _word_hashes[word] = zlib.crc32(word.encode("utf-8", "surrogatepass"))
        numbers.append(number)
    hashes = np.array(numbers, dtype=np.uint64)
    size = min(RUN_WORDS, len(hashes))
    total = np.zeros(len(hashes) - size + 1 if size else 0, dtype=np.uint64)
    for k in range(size):
        total = (total + hashes[k : k + len(total)] + np.uint64(1)) * _MIX
        total ^= total >> np.uint64(29)
    return np.unique((total >> np.uint64(32)).astype(np.uint32))


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    """Shared elements over all elements of two sorted sets; two empty sets share nothing."""
    both = len(np.intersect1d(a, b, assume_unique=True))
    return both / max(len(a) + len(b) - both, 1)


def near_duplicates(
    texts: Sequence[str], threshold: float = MIN_JACCARD
) -> list[tuple[int, int, float]]:
    """Pairs (i, j, index), i < j, of texts whose Jaccard index is at least `threshold`, above 0."""
    from scipy.sparse import csr_array

    sets = [word_runs(text) for text in texts]
    sizes = np.array([len(s) for s in sets])
    if not sizes.sum():
        return []
    runs, columns = np.unique(np.concatenate(sets), return_inverse=True)
    edges = np.concatenate([[0], np.cumsum(sizes)])
    ones = np.ones(len(columns), dtype=np.int32)
    matrix = csr_array((ones, columns, edges), shape=(len(sets), len(runs)))
    pairs = []
    for start in range(0, len(sets), ROWS_AT_ONCE):
        shared = (matrix[start : start + ROWS_AT_ONCE] @ matrix.T).tocoo()
        rows, others = shared.row + start, shared.col
        index = shared.data / (sizes[rows] + sizes[others] - shared.data)
        keep = (rows < others) & (index >= threshold)
        triples = zip(rows[keep], others[keep], index[keep], strict=True)
        pairs += [(int(i), int(j), float(x)) for i, j, x in triples]
    return sorted(pairs)


def linked_groups(
    n: int, pairs: Iterable[tuple[int, int]], keys: Iterable[Sequence[Hashable | None]]
) -> list[int]:
    """Group number of each of `n` items: together where a pair links them or a key is the same."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = list(pairs)
    for values in keys:
        first: dict[Hashable, int] = {}
        for item, value in enumerate(values):
            if value is not None:
                links.append((first.setdefault(value, item), item))
    if not links:
        return list(range(n))
    i, j = np.array(links).T
    graph = coo_array((np.ones(len(i)), (i, j)), shape=(n, n))
    return [int(g) for g in connected_components(graph, directed=False)[1]]


def page_address(url: str) -> str:
    """An address by which a page is recognised.

    Scheme, `www.`, `amp.` and `m.`, a final `/` or `/amp`, the anchor, and parameters that count a
    list's pages or readers do not matter.
    """
    parts = urlsplit(url.strip())
    host = re.sub(r"^(?:www|amp|m)\.", "", parts.netloc.lower())
    path = re.sub(r"/amp$", "", parts.path.rstrip("/"))
    query = [pair for pair in parse_qsl(parts.query) if not _NO_PAGE.fullmatch(pair[0])]
    return f"{host}{path}" + (f"?{urlencode(query)}" if query else "")


def text_sha256(text: str) -> str:
    """Hash by which a text is recognised; white space and case do not count."""
    return hashlib.sha256(" ".join(text.lower().split()).encode()).hexdigest()


def training_hash(text: str) -> str:
    """The part of `text_sha256` by which bundles and predictions name a training text."""
    return text_sha256(text)[:HASH_DIGITS]


class DuplicateIndex:
    """The texts of a stream so far; `find` takes the next ones.

    A text duplicates the first text before it that is no duplicate itself and near enough: clusters
    are stars around their first text. Memory: 128 bytes for each text that is no duplicate; sets
    and ids are in `stream`, which is read from its start, so that a job can resume.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        # each (BANDS, n) of band << 32 | place, rows sorted; sizes fall by half or more
        self.levels: list[np.ndarray] = []
        self._read_back()

    def find(self, texts: Sequence[str], ids: Sequence[str]) -> list[str | None]:
        """For each text the id of the earlier one that it duplicates, or None."""
        sets = [word_runs(t) for t in texts]
        bands = signatures(sets)
        older = self._candidates(bands)
        recent: dict[tuple[int, int], list[int]] = {}  # rows of these texts, by band
        firsts: list[int] = []
        originals: list[str | None] = []
        for row, runs in enumerate(sets):
            keys = list(enumerate(bands[row].tolist())) if len(runs) else []
            original = self._first_same(runs, sorted(older[row]))
            if original is None:
                near = sorted({r for k in keys for r in recent.get(k, ())})
                original = next(
                    (ids[r] for r in near if jaccard(runs, sets[r]) >= MIN_JACCARD), None
                )
            originals.append(original)
            if original is None and keys:
                firsts.append(row)
                for k in keys:
                    if len(places := recent.setdefault(k, [])) < MOST_COMPARED:
                        places.append(row)
        self._add(bands[firsts], [self._write(bands[r], sets[r], ids[r]) for r in firsts])
        return originals

    def _candidates(self, bands: np.ndarray) -> list[set[int]]:
        """Places of earlier texts that share a band with each text."""
        candidates: list[set[int]] = [set() for _ in bands]
        for level in self.levels:
            for band in range(BANDS):
                wanted = bands[:, band].astype(np.uint64) << np.uint64(32)
                at = np.searchsorted(level[band], wanted)
                for step in range(MOST_COMPARED):
                    here = np.minimum(at + step, level.shape[1] - 1)
                    equal = level[band][here] >> np.uint64(32) == bands[:, band]
                    same = np.flatnonzero((at + step < level.shape[1]) & equal)
                    if not len(same):
                        break
                    for row in same:
                        candidates[row].add(int(level[band][here[row]] & np.uint64(0xFFFFFFFF)))
        return candidates

    def _first_same(self, runs: np.ndarray, places: list[int]) -> str | None:
        for place in places if len(runs) else ():
            self.stream.seek(place * ALIGNED)
            id_, _, other = self._read()
            if jaccard(runs, other) >= MIN_JACCARD:
                return id_
        return None

    def _write(self, bands: np.ndarray, runs: np.ndarray, id_: str) -> int:
        name = id_.encode("utf-8", "surrogatepass")
        numbers = bands.astype("<u4").tobytes() + runs.astype("<u4").tobytes()
        record = HEAD.pack(MARK, len(name), len(runs)) + numbers + name
        place = self.stream.seek(0, 2)
        self.stream.write(record + bytes(-len(record) % ALIGNED))
        return place // ALIGNED

    def _read(self) -> tuple[str, np.ndarray, np.ndarray]:
        """The record at the file's position, which is then at the next record."""
        mark, n_name, n_runs = HEAD.unpack(self.stream.read(HEAD.size))
        if mark != MARK:
            raise ValueError("not a file of near-duplicates of this program")
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
        keys = (bands.T.astype(np.uint64) << np.uint64(32)) | np.array(places, dtype=np.uint64)
        level = np.sort(keys, axis=1)
        while self.levels and self.levels[-1].shape[1] <= 2 * level.shape[1]:
            level = np.sort(np.hstack([self.levels.pop(), level]), axis=1, kind="stable")
        self.levels.append(level)


def signatures(sets: Sequence[np.ndarray]) -> np.ndarray:
    """(n, BANDS) of uint32: each band a hash of four minima; zeros for an empty set."""
    lengths = np.array([len(s) for s in sets], dtype=int)
    rows = np.flatnonzero(lengths).tolist()
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
