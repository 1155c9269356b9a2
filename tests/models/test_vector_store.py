"""Vectors are kept as they are made, survive a kill, and are bounded on disk."""

import os

import numpy as np
import pytest

from sahelclf.errors import SahelclfError
from sahelclf.models import embedding_cache, vector_store
from sahelclf.models.embedding_cache import EmbeddingCache
from sahelclf.models.encoder_files import EncoderFiles
from sahelclf.models.vector_store import VectorStore

AXES = np.eye(4, dtype=np.float32)
KEYS = [bytes([k]) * 32 for k in range(4)]  # key 0 is all zeros
RECORD = 32 + 4 * 4


@pytest.fixture
def store(tmp_path) -> VectorStore:
    store = VectorStore(tmp_path / "vectors-a.f32")
    store.append(KEYS[:3], AXES[:3])
    return store


def assert_has(store: VectorStore, *numbers: int) -> None:
    vectors = store.read(KEYS)
    assert sorted(vectors) == [KEYS[k] for k in numbers]
    for k in numbers:
        assert np.array_equal(vectors[KEYS[k]], AXES[k])


def test_what_is_appended_is_read(store):
    assert_has(store, 0, 1, 2)
    store.append(KEYS[3:], AXES[3:])
    assert_has(store, 0, 1, 2, 3)
    assert store.path.stat().st_size == 8 + 4 * RECORD
    assert store.read([]) == {}


def test_no_file_has_no_vectors(tmp_path):
    assert VectorStore(tmp_path / "vectors-b.f32").read(KEYS) == {}


@pytest.mark.parametrize("left", [1, 31, 32, 47])
def test_a_part_of_a_record_is_cut_off(store, left):
    with store.path.open("ab") as stream:
        stream.write(b"\1" * left)
    assert_has(store, 0, 1, 2)
    store.append(KEYS[3:], AXES[3:])
    assert_has(store, 0, 1, 2, 3)


@pytest.mark.parametrize("size", [0, 5, 8])
def test_a_file_without_records_is_begun_again(store, size):
    os.truncate(store.path, size)
    assert_has(store)
    store.append(KEYS[3:], AXES[3:])
    assert_has(store, 3)


def test_a_damaged_vector_is_left_out_and_replaced(store):
    with store.path.open("r+b") as stream:
        stream.seek(8 + RECORD + 32)
        stream.write(b"\0" * 16)
    assert_has(store, 0, 2)
    store.append(KEYS[1:2], AXES[1:2])
    assert_has(store, 0, 1, 2)


def test_the_longest_unused_store_is_deleted_first(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_store, "LIMIT", 2 * (8 + 2 * RECORD) + RECORD)
    one, two, three = (VectorStore(tmp_path / f"vectors-{name}.f32") for name in "abc")
    for age, store in ((300, one), (200, two)):
        store.append(KEYS[:2], AXES[:2])
        os.utime(store.path, (1e9 - age, 1e9 - age))
    one.read(KEYS)  # used now
    three.append(KEYS[:2], AXES[:2])
    assert not two.path.exists()
    assert_has(one, 0, 1)
    assert_has(three, 0, 1)


def test_a_store_that_is_full_begins_again(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_store, "LIMIT", 2 * (8 + 2 * RECORD))
    store = VectorStore(tmp_path / "vectors-a.f32")
    for k in range(0, 4, 2):
        store.append(KEYS[k : k + 2], AXES[k : k + 2])
    assert_has(store, 0, 1, 2, 3)
    store.append(KEYS[:2], AXES[:2])
    assert_has(store, 0, 1)
    assert store.path.stat().st_size == 8 + 2 * RECORD


def test_a_cache_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    store = VectorStore(tmp_path / "file" / "vectors-a.f32")
    with pytest.raises(SahelclfError, match="SAHELCLF_CACHE=FOLDER"):
        store.append(KEYS[:1], AXES[:1])


class LetterCounts:
    """In place of an encoder: counts of letters; a chunk's rounding depends on its texts."""

    def __init__(self, killed_after: int | None = None) -> None:
        self.chunks: list[list[str]] = []
        self.killed_after = killed_after

    def outputs(self, texts: list[str]) -> np.ndarray:
        if len(self.chunks) == self.killed_after:
            raise KeyboardInterrupt
        self.chunks.append(texts)
        rounding = 1e-7 * sum(map(len, texts))
        return np.array([[t.count(c) + rounding for c in "abcd"] for t in texts]) + 0.1


def cache_with(folder, monkeypatch, encoder: LetterCounts) -> EmbeddingCache:
    monkeypatch.setenv("SAHELCLF_CACHE", str(folder))
    monkeypatch.setattr(embedding_cache, "CHUNK", 3)
    cache = EmbeddingCache(EncoderFiles("e", folder, "0", "1" * 64, 1, 64, 0, None), 32, 8, 1)
    cache._encoder = encoder
    return cache


TEXTS = ["a", "ab", "abc", "a", "d", "dd", "dda", "ddb", "c"]  # eight different ones


def test_an_interrupted_process_goes_on_and_gives_the_same_bits(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO", "sahelclf")
    steps: list[tuple[int, int]] = []

    def on_step(done: int, total: int, _: object) -> None:
        steps.append((done, total))

    whole = cache_with(tmp_path / "whole", monkeypatch, LetterCounts())(TEXTS, on_step)
    assert steps == [(0, 8), (3, 8), (6, 8), (8, 8)]
    with pytest.raises(KeyboardInterrupt):
        cache_with(tmp_path / "cut", monkeypatch, LetterCounts(killed_after=2))(TEXTS)
    assert "6 of 8 texts are encoded and kept" in caplog.text
    steps.clear()
    encoder = LetterCounts()
    again = cache_with(tmp_path / "cut", monkeypatch, encoder)(TEXTS, on_step)
    assert encoder.chunks == [["ddb", "c"]]
    assert steps == [(6, 8), (8, 8)]
    assert np.array_equal(again, whole)
    assert again.dtype == np.float64
    assert np.allclose(np.linalg.norm(again, axis=1), 1)


def test_known_texts_need_no_encoder(tmp_path, monkeypatch):
    vectors = cache_with(tmp_path, monkeypatch, LetterCounts())(TEXTS)
    nothing = LetterCounts(killed_after=0)
    again = cache_with(tmp_path, monkeypatch, nothing)
    assert np.array_equal(again(TEXTS[::-1]), vectors[::-1])
    assert nothing.chunks == []
