"""Texts as an encoder reads them: token windows that overlap, so that no text is cut off.

Needs numpy and tokenizers alone. Training and the readers of bundles cut texts with this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

TOKENS_AT_ONCE = 512  # more do not fit the cache of a core


@dataclass(frozen=True)
class Cut:
    """Windows of several texts.

    `ids` and `types` are the token ids and segment ids of each window; `text` is the number of the
    text that it belongs to and `weight` its share of that text, both (n_windows,). `unknown` counts
    the tokens that the vocabulary does not know.
    """

    ids: list[list[int]]
    types: list[list[int]]
    text: np.ndarray
    weight: np.ndarray
    unknown: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def lengths(self) -> np.ndarray:
        """(n_windows,) tokens of each window."""
        return np.array([len(ids) for ids in self.ids], dtype=int)

    def batch(self, rows: Sequence[int] | np.ndarray, pad: int) -> dict[str, np.ndarray]:
        """These windows, padded to the longest of them."""
        return padded([self.ids[r] for r in rows], [self.types[r] for r in rows], pad)

    def pooled(self, outputs: np.ndarray, n_texts: int) -> np.ndarray:
        """The weighted mean of windows: outputs (n_windows, k) to (n_texts, k)."""
        out = np.zeros((n_texts, outputs.shape[1]), dtype=outputs.dtype)
        np.add.at(out, self.text, outputs * self.weight[:, None].astype(outputs.dtype))
        return out


class Windows:
    """Cuts texts into windows of at most `size` tokens, special tokens included.

    Neighbours share `overlap` tokens; the weight of a window is its number of tokens that the
    window before does not have. A target is whole in each window, as the second segment.
    `tokenizer` is a `tokenizers.Tokenizer`; truncation and padding of its file are switched off.
    """

    def __init__(self, tokenizer: Any, size: int, overlap: int) -> None:
        self.tokenizer = tokenizer
        self.size, self.overlap = size, overlap
        unknown = getattr(tokenizer.model, "unk_token", None)
        self.unknown = tokenizer.token_to_id(unknown) if unknown else None
        tokenizer.no_padding()
        tokenizer.enable_truncation(size, stride=overlap, strategy="only_first")

    def __call__(self, texts: Sequence[str], targets: Sequence[str] | None = None) -> Cut:
        """Every window of every text, in order; a text always has at least one."""
        inputs = list(texts) if targets is None else list(zip(texts, targets, strict=True))
        ids: list[list[int]] = []
        types: list[list[int]] = []
        owner: list[int] = []
        weight: list[float] = []
        for row, encoding in enumerate(self.tokenizer.encode_batch(inputs)):
            windows = [encoding, *encoding.overflowing]
            own = np.array(
                [max(len(w.ids) - self.overlap * (k > 0), 1) for k, w in enumerate(windows)],
                dtype=float,
            )
            for window, share in zip(windows, own / own.sum(), strict=True):
                ids.append(window.ids)
                types.append(window.type_ids)
                owner.append(row)
                weight.append(share)
        unknown = (
            sum(i == self.unknown for window in ids for i in window)
            if self.unknown is not None
            else 0
        )
        return Cut(ids, types, np.array(owner, dtype=int), np.array(weight), unknown)


def padded(
    ids: Sequence[Sequence[int]],
    types: Sequence[Sequence[int]],
    pad: int,
    multiple: int = 1,
    limit: int | None = None,
) -> dict[str, np.ndarray]:
    """`input_ids`, `attention_mask` and `token_type_ids` of windows, (n, longest) of int64.

    The length is rounded up to a multiple of tokens, up to `limit`.
    """
    longest = -(-max(map(len, ids)) // multiple) * multiple
    shape = (len(ids), longest if limit is None else min(longest, limit))
    batch = {
        "input_ids": np.full(shape, pad, dtype=np.int64),
        "attention_mask": np.zeros(shape, dtype=np.int64),
        "token_type_ids": np.zeros(shape, dtype=np.int64),
    }
    for k, (row_ids, row_types) in enumerate(zip(ids, types, strict=True)):
        n = len(row_ids)
        batch["input_ids"][k, :n] = row_ids
        batch["attention_mask"][k, :n] = 1
        batch["token_type_ids"][k, :n] = row_types
    return batch


def length_sorted_batches(lengths: np.ndarray) -> list[np.ndarray]:
    """Rows in batches of similar length; a batch has at most 512 tokens with its padding."""
    order = np.argsort(lengths, kind="stable")
    batches, start = [], 0
    while start < len(order):
        stop = start + 1
        while stop < len(order) and (stop - start + 1) * lengths[order[stop]] <= TOKENS_AT_ONCE:
            stop += 1
        batches.append(order[start:stop])
        start = stop
    return batches
