"""Checks of a reader built from untrusted files: shapes fit together, numbers are finite."""

import numpy as np

from .encoder import EmbeddingLabeller, OnnxEncoder, OnnxLabeller
from .linear import WORDS, PlainLabeller, Reader
from .windows import padded

LONGEST_NGRAM = 8


def check_reader(reader: Reader) -> None:
    """Raise `ValueError` where names, shapes or numbers are not what a bundle of ours has."""
    stances = [f"{topic}={s}" for topic in reader.topics for s in reader.stances]
    expected = [*reader.topics, *stances]
    if reader.heads != expected:
        raise ValueError(f"heads {reader.heads[:6]}…; expected the topics, then topic=stance")
    check_array(reader.thresholds, (len(reader.topics),), "thresholds")
    terms = reader if isinstance(reader, PlainLabeller) else getattr(reader, "terms", None)
    if terms is not None:
        check_terms(terms, len(expected))
    if isinstance(reader, EmbeddingLabeller):
        check_array(reader.vectors, (len(reader.vectors), len(expected)), "weights of the vectors")
    for encoder in (getattr(reader, "encoder", None), getattr(reader, "quick", None)):
        if encoder is not None:
            _check_vocabulary(encoder)
    reads = [reader.logits]
    if isinstance(reader, OnnxLabeller) and reader.quick:
        reads = [reader.encoder.outputs, reader.quick.outputs]
    for read in reads:
        check_array(read(["a golden text of five words"]), (1, len(expected)), "logits of one text")


def _check_vocabulary(encoder: OnnxEncoder) -> None:
    """The graph has a vector for the largest token id that the tokenizer can give."""
    vocabulary = encoder.windows.tokenizer.get_vocab(with_added_tokens=True)
    last = max(vocabulary.values(), default=0)
    batch = padded([[last]], [[0]], encoder.pad)
    try:
        encoder.session.run(None, {name: batch[name] for name in encoder.inputs})
    except Exception as error:  # onnxruntime has no public class for it
        raise ValueError(
            f"tokenizer.json: token id {last}; expected ids that the graph has a vector for"
        ) from error


def check_terms(reader: PlainLabeller, n_heads: int) -> None:
    """The terms, their idf and their weights fit together."""
    n_terms = sum(len(block["terms"]) for _, block, _ in reader.blocks)
    check_array(reader.coef, (n_terms, n_heads), "coef")
    check_array(reader.intercept, (n_heads,), "intercept")
    for _, block, idf in reader.blocks:
        check_array(idf, (len(block["terms"]),), f"idf of block {block['name']!r}")
        if not (idf > 0).all():
            raise ValueError(f"idf of block {block['name']!r}: expected numbers above 0")
        # Another pattern could be made to run for hours.
        if block["token_pattern"] not in {WORDS, None} or max(block["ngram_range"]) > LONGEST_NGRAM:
            raise ValueError(
                f"block {block['name']!r}: token_pattern {block['token_pattern']!r} or ngram_range "
                f"{block['ngram_range']}; expected {WORDS!r} or null, and at most {LONGEST_NGRAM}"
            )


def check_array(array: np.ndarray, shape: tuple[int, ...], name: str) -> None:
    """The array has this shape, and finite numbers."""
    if array.shape != shape:
        raise ValueError(f"{name}: shape {array.shape}; expected {shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: numbers that are not finite; expected finite ones")
