import io
import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sahelclf.corpus.duplicates import (
    BANDS,
    MIN_JACCARD,
    DuplicateIndex,
    jaccard,
    signatures,
    word_runs,
)

WORDS = [f"word{i}" for i in range(4000)]


def text(rng, n=100):
    return " ".join(rng.choice(WORDS) for _ in range(n))


def runs(text_):
    """Runs of five words, as plain Python sets: the reference."""
    words = text_.lower().replace(",", " ").replace(".", " ").split()
    return {tuple(words[k : k + 5]) for k in range(max(len(words) - 4, 1))} if words else set()


def exact(a, b):
    return len(runs(a) & runs(b)) / max(len(runs(a) | runs(b)), 1)


def wire(rng, n=300):
    """Made-up news: every fourth text copies an earlier one, but for words, end or lead."""
    texts, copied = [], []
    for i in range(n):
        if i % 4 < 3:
            texts.append(text(rng))
            copied.append(None)
            continue
        first = rng.choice([k for k in range(i) if copied[k] is None])
        words = texts[first].split()
        kind = rng.randrange(4)
        if kind == 0:
            words[rng.randrange(100)] = "changed"  # at worst 91 of 101 runs: 0.90
        elif kind == 1:
            words = words[:85]  # 81 of 96 runs: 0.84
        elif kind == 2:
            words = ["Gao,", "Tuesday.", *words]  # 96 of 98: 0.98
        else:
            words[20], words[60] = "one", "two"  # 86 of 106: 0.81
        texts.append(" ".join(words))
        copied.append(first)
    return texts, copied


def found_in_pieces(texts, size, stream=None):
    copies = DuplicateIndex(stream or io.BytesIO())
    ids = [str(i) for i in range(len(texts))]
    return [
        f
        for i in range(0, len(texts), size)
        for f in copies.find(texts[i : i + size], ids[i : i + size])
    ]


def test_every_wire_copy_is_found_and_nothing_else():
    texts, copied = wire(random.Random(1))
    found = found_in_pieces(texts, 32)
    assert [None if f is None else int(f) for f in found] == copied
    assert all(exact(texts[i], texts[c]) > 0.8 for i, c in enumerate(copied) if c is not None)


def test_what_is_called_a_copy_is_one_by_the_exact_index():
    """More and more words changed: some pairs near the bound are missed, none is invented."""
    rng = random.Random(2)
    texts = []
    for changed in range(30):
        for _ in range(10):
            first = text(rng).split()
            second = [
                f"new{rng.randrange(10**6)}" if k in set(rng.sample(range(100), changed)) else w
                for k, w in enumerate(first)
            ]
            texts += [" ".join(first), " ".join(second)]
    found = found_in_pieces(texts, 64)
    pairs = [(exact(texts[i], texts[i + 1]), found[i + 1]) for i in range(0, len(texts), 2)]
    assert all(f is None for f in found[::2])
    assert all(index >= MIN_JACCARD for index, f in pairs if f is not None)
    clear = [f for index, f in pairs if index >= 0.75]
    assert len(clear) > 30
    assert None not in clear  # 1 - (1 - 0.75^4)^16 = 0.998
    assert sum(f is not None for index, f in pairs if MIN_JACCARD <= index < 0.75) > 0


def test_a_copy_points_to_the_first_and_the_first_to_nothing():
    rng = random.Random(3)
    one = text(rng)
    texts = [
        one,
        text(rng),
        one.upper(),
        one.replace(" ", "  "),
        one + ".",
        one.replace("word", "Word"),
    ]
    assert found_in_pieces(texts, 2) == [None, None, "0", "0", "0", "0"]
    assert found_in_pieces(texts, 6) == [None, None, "0", "0", "0", "0"]


def test_clusters_are_stars():
    """A and B share 80 of 112 runs (0.71), B and C too; A and C share 64 of 128 (0.5).

    C copies B, but B is no first text.
    """
    words = [f"w{i}" for i in range(132)]
    a, b, c = (" ".join(words[k : k + 100]) for k in (0, 16, 32))
    assert exact(a, b) == exact(b, c) == 80 / 112
    assert exact(a, c) == 64 / 128
    assert found_in_pieces([a, b, c], 3) == [None, "0", None]
    assert found_in_pieces([b, a, c], 1) == [None, "0", "0"]


def test_short_texts_are_compared_as_a_whole():
    texts = [
        "Three short words",
        "three short words!",
        "Three short",
        "…",
        "",
        "!!!",
        "Ménaka: deux morts",
        "Me\u0301naka, deux morts",
    ]
    assert found_in_pieces(texts, 3) == [None, "0", None, None, None, None, None, "6"]


def test_a_phrase_in_every_text_makes_no_copies():
    rng = random.Random(4)
    tail = text(rng, 40)
    texts = [f"{text(rng, 60)} {tail}" for _ in range(200)]  # 36 of some 96 + 60 runs: 0.23
    assert found_in_pieces(texts, 50) == [None] * 200


def test_what_was_seen_is_read_back_from_its_file():
    texts, copied = wire(random.Random(5), 200)
    stream = io.BytesIO()
    whole = found_in_pieces(texts, 20)
    first = found_in_pieces(texts[:100], 20, stream)
    again = DuplicateIndex(io.BytesIO(stream.getvalue()))
    rest = [
        f
        for i in range(100, 200, 20)
        for f in again.find(texts[i : i + 20], [str(k) for k in range(i, i + 20)])
    ]
    assert first + rest == whole
    assert sum(c is not None for c in copied[100:]) > 20


def test_memory_is_128_bytes_for_a_text_that_is_no_copy():
    rng = random.Random(6)
    copies = DuplicateIndex(io.BytesIO())
    for start in range(0, 3000, 100):
        copies.find([text(rng, 8) for _ in range(100)], [str(start)] * 100)
    assert sum(level.nbytes for level in copies.levels) == 3000 * BANDS * 8 == 3000 * 128
    assert len(copies.levels) <= 12


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(alphabet="ab cé,.\n", max_size=30), max_size=12), st.integers(1, 12))
def test_any_texts_in_any_pieces_give_the_same_true_answer(texts, size):
    found = found_in_pieces(texts, size)
    assert found == found_in_pieces(texts, 12)
    for text_, first in zip(texts, found, strict=True):
        if first is not None:
            other = texts[int(first)]
            assert found[int(first)] is None
            assert jaccard(word_runs(text_), word_runs(other)) >= MIN_JACCARD
    for i, text_ in enumerate(texts):
        same = [k for k in range(i) if texts[k] == text_ and found[k] is None]
        if same and word_runs(text_).size:
            assert found[i] is not None
            assert int(found[i]) <= same[0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sets(st.integers(0, 2**32 - 1), max_size=40), min_size=1, max_size=8))
def test_a_signature_does_not_depend_on_its_neighbours(sets):
    arrays = [np.array(sorted(s), dtype=np.uint32) for s in sets]
    together = signatures(arrays)
    assert together.shape == (len(sets), BANDS)
    for one, array in zip(together, arrays, strict=True):
        assert np.array_equal(one, signatures([array])[0])
