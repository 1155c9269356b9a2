"""What unlabelled texts brought: one fold once more without them, scored on the same passages."""

import numpy as np

from sahelclf.tasks.base import TaskData
from sahelclf.training.crossfit import Fitted, Fitter
from sahelclf.training.seeds import derive_seed

RESAMPLES = 400


def collection_gain(without: Fitter, data: TaskData, fitted: Fitted, n_texts: int) -> str:
    """A sentence: average precision of topics in the first fold, with the collection and without.

    It costs one fit. Average precision needs no thresholds, so one fold is enough to compare; the
    interval is of the difference, resampled by document.
    """
    rows = np.flatnonzero(fitted.fold == 0)
    held_out = data.take(rows)
    name = "fold-1-without-the-collection"
    logits = without.checkpoint.logits(name)
    if logits is None:
        rest = data.take(np.flatnonzero(fitted.fold != 0))
        text = "fold 1 again, without the collection"
        logits = without.fit(rest, text, name, without.config.crossfit).logits(held_out.texts)
        without.checkpoint.save(name, logits)
    n_topics = len(fitted.passages[0].names.topics)
    y = held_out.y[:, :n_topics]
    pair = (fitted.logits[rows, :n_topics], logits[:, :n_topics])
    first, second = (mean_average_precision(y, z) for z in pair)
    low, high = _interval(y, pair, held_out.groups, derive_seed(without.config.seed, "bootstrap"))
    verdict = "it helped" if low > 0 else "it did harm" if high < 0 else "no clear difference"
    return (
        f"{n_texts:,} unlabelled passages: {verdict}; average precision of the topics {first:.3f} "
        f"with them and {second:.3f} without, difference {first - second:+.3f} "
        f"[{low:+.3f}, {high:+.3f}], on the {len(rows):,} passages of one fold, one seed"
    )


def mean_average_precision(y: np.ndarray, z: np.ndarray) -> float:
    """Mean over the heads that have a one, of (n, n_heads) answers and logits."""
    from sklearn.metrics import average_precision_score

    heads = [k for k in range(y.shape[1]) if y[:, k].any()]
    return float(np.mean([average_precision_score(y[:, k], z[:, k]) for k in heads]))


def _interval(
    y: np.ndarray, pair: tuple[np.ndarray, np.ndarray], groups: tuple[str, ...], seed: int
) -> tuple[float, float]:
    """Percentiles of the difference over resamples of documents."""
    documents, of_row = np.unique(groups, return_inverse=True)
    rows = [np.flatnonzero(of_row == k) for k in range(len(documents))]
    rng = np.random.default_rng(seed)
    differences = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([rows[k] for k in rng.integers(len(rows), size=len(rows))])
        if y[drawn].any():
            first, second = (mean_average_precision(y[drawn], z[drawn]) for z in pair)
            differences.append(first - second)
    low, high = np.percentile(differences, [2.5, 97.5])
    return float(low), float(high)
