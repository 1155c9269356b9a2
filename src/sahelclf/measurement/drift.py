"""Whether a collection has drifted from the training data: unknown words, languages, lengths."""

import re
from collections.abc import Sequence

import numpy as np

from sahelclf.corpus.language import recognise_all
from sahelclf.errors import RequestError

WORD = re.compile(r"[^\W\d_]+")
REFERENCE_SHARE = 5  # every fifth group of texts is taken as unseen text of the same kind
MORE_UNKNOWN = 1.5
FOREIGN_SHARE = 0.02
ODD_LENGTH = 0.10
TAIL = 0.01


def drift(
    texts: Sequence[str],
    weights: np.ndarray,
    known: Sequence[str],
    groups: Sequence[str],
    languages: Sequence[str],
) -> list[str]:
    """Warnings about a sample of a collection, compared with the training corpus.

    Parameters
    ----------
    texts, weights
        The sample, and 1 / sampling probability of each.
    known, groups
        Texts of the training corpus, and the document of each.
    languages
        Those that the codebook names.
    """
    if not len(texts) or not len(known):
        raise RequestError("drift: no texts to compare")
    weights = np.asarray(weights, dtype=float) / np.sum(weights)
    warnings = [
        *_unknown_words(texts, weights, known, groups),
        *_languages(texts, weights, languages),
    ]
    lengths = np.array([len(t.split()) for t in texts])
    low, high = np.quantile([len(t.split()) for t in known], [TAIL, 1 - TAIL])
    for odd, what in (
        (weights[lengths < low].sum(), f"shorter than {low:.0f}"),
        (weights[lengths > high].sum(), f"longer than {high:.0f}"),
    ):
        if odd > ODD_LENGTH:
            warnings.append(
                f"drift, length: {odd:.0%} of the units are {what} words, as {TAIL:.0%} of the "
                "training texts are; the model has seen few such texts"
            )
    return warnings


def _unknown_words(
    texts: Sequence[str], weights: np.ndarray, known: Sequence[str], groups: Sequence[str]
) -> list[str]:
    """Words that are in no training text, compared with those of training documents set aside."""
    _, number = np.unique(np.asarray(groups), return_inverse=True)
    held_out = number % REFERENCE_SHARE == 0
    if held_out.all() or not held_out.any():
        return []
    words = [set(_words(t)) for t in known]
    vocabulary = set().union(*(w for w, a in zip(words, held_out, strict=True) if not a))
    reference_rate = _rate([t for t, a in zip(known, held_out, strict=True) if a], None, vocabulary)
    sample_rate = _rate(texts, weights, vocabulary)
    if sample_rate > MORE_UNKNOWN * reference_rate:
        return [
            f"drift, vocabulary: {sample_rate:.1%} of the words are in no training text, compared "
            f"with {reference_rate:.1%} in training documents set aside; the model ignores unknown "
            "words"
        ]
    return []


def _rate(texts: Sequence[str], weights: np.ndarray | None, vocabulary: set[str]) -> float:
    counts = np.array(
        [(sum(w not in vocabulary for w in words), len(words)) for words in map(_words, texts)],
        dtype=float,
    )
    each = np.ones(len(counts)) if weights is None else weights
    unknown, total = each @ counts
    return float(unknown / total) if total else 0.0


def _words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def _languages(texts: Sequence[str], weights: np.ndarray, languages: Sequence[str]) -> list[str]:
    recognised = np.array([found.language for found in recognise_all(texts)])
    foreign = {
        str(k): float(weights[recognised == k].sum())
        for k in np.unique(recognised)
        if k not in {*languages, "und"}
    }
    if sum(foreign.values()) <= FOREIGN_SHARE:
        return []
    listed = ", ".join(
        f"{k} {v:.0%}" for k, v in sorted(foreign.items(), key=lambda kv: -kv[1])[:5]
    )
    return [
        f"drift, language: {sum(foreign.values()):.0%} of the units seem to be in languages that "
        f"the model was not trained on ({listed})"
    ]
