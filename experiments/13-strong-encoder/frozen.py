"""Which features of a frozen mpnet? Logistic regressions on five folds of corpus 1.0.

python experiments/13-strong-encoder/frozen.py --corpus FOLDER [--seeds 0] [--only NAME …]

FOLDER is `annotations/` of corpus 1.0. The encoder's means and first tokens are kept in --work and
not computed again; held-out logits are kept in logits/ beside this file, a line for each in
cells.jsonl.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from data import FOLDS, Development
from scipy.sparse import block_diag, csr_matrix, hstack, vstack
from sklearn.linear_model import LogisticRegression

from sahelclf.models.encoder_files import find_encoder, load_tokenizer
from sahelclf.models.linear import _vectorizer, fit_heads
from sahelclf.models.runtime.encoder import unit_length
from sahelclf.models.runtime.windows import Windows, length_sorted_batches
from sahelclf.training.compose import compose_config
from sahelclf.training.seeds import derive_seed

# blocks of vectors (source, layers, weight), C, and where the stances of all topics share weights
# (Daumé 2007), the scale of what is a topic's own
VARIANTS = {
    "mean": ([("mean", (12,), 1.0)], 4.0),
    "first": ([("first", (12,), 1.0)], 4.0),
    "mean-and-first": ([("mean", (12,), 1.0), ("first", (12,), 1.0)], 4.0),
    "mean-of-2": ([("mean", (11, 12), 1.0)], 4.0),
    "mean-of-4": ([("mean", (9, 10, 11, 12), 1.0)], 4.0),
    "mean-12-and-10": ([("mean", (12,), 1.0), ("mean", (10,), 1.0)], 4.0),
    "weight-0.5": ([("mean", (12,), 0.5)], 4.0),
    "weight-1.5": ([("mean", (12,), 1.5)], 4.0),
    "weight-2": ([("mean", (12,), 2.0)], 4.0),
    "weight-2-C-1": ([("mean", (12,), 2.0)], 1.0),
    "C-2": ([("mean", (12,), 1.0)], 2.0),
    "C-8": ([("mean", (12,), 1.0)], 8.0),
    "title": ([("mean", (12,), 1.0), ("title", (12,), 0.5)], 4.0),
    "before": ([("mean", (12,), 1.0), ("before", (12,), 0.5)], 4.0),
    "shared-1": ([("mean", (12,), 1.0)], 4.0, 1.0),
    "shared-0.5": ([("mean", (12,), 1.0)], 4.0, 0.5),
}


def encoded(development, work):
    """Means and first tokens of every layer, (n, 13, 768), of passages and then of titles."""
    import torch
    from transformers import AutoModel

    files = find_encoder("mpnet")
    texts = [*development.data.texts]
    texts += [development.corpus.document[d].title for d in development.ids]
    cut = Windows(load_tokenizer(files), 256, 64)(texts)
    assert len(cut) == len(texts)
    path = work / f"features-{development.sha}.npz"
    if path.exists():
        with np.load(path) as stored:
            return stored["mean"], stored["first"]
    net = AutoModel.from_pretrained(files.folder).eval()
    mean, first = (np.zeros((len(texts), 13, 768), dtype=np.float32) for _ in range(2))
    for rows in length_sorted_batches(cut.lengths):
        batch = {k: torch.from_numpy(v) for k, v in cut.batch(rows, files.pad).items()}
        with torch.inference_mode():
            states = net(
                input_ids=batch["input_ids"],
                attention_mask=batch["attention_mask"],
                output_hidden_states=True,
            ).hidden_states
        for k, layer in enumerate(states):
            for row, values in zip(rows, layer.numpy(), strict=True):
                mean[row, k] = values[: cut.lengths[row]].mean(0)
                first[row, k] = values[0]
    np.savez(path, mean=mean, first=first)
    return mean, first


def sources(development, mean, first):
    """(n, 13, 768) vectors of each source, for the passages."""
    data = development.data
    n = len(data)
    title_of = {d: n + k for k, d in enumerate(development.ids)}
    before = np.zeros_like(mean[:n])
    for row in range(1, n):
        if data.groups[row] == data.groups[row - 1]:
            before[row] = mean[row - 1]
    title = mean[[title_of[d] for d in data.groups]]
    return {"mean": mean[:n], "first": first[:n], "title": title, "before": before}


def vectors(found, blocks):
    """(n, d): each block has length 1 times its weight; zeros stay."""
    return np.hstack(
        [w * unit_length(found[s][:, layers].mean(1).astype(float)) for s, layers, w in blocks]
    )


def cell(development, name, seed, found, terms):
    """Fit a variant on every fold, and keep its held-out logits."""
    blocks, c, *own = VARIANTS[name]
    x, data = vectors(found, blocks), development.data
    fold = development.folds(seed)
    for k in range(FOLDS):
        started = time.perf_counter()
        rows, held = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        train = data.take(rows)
        of_train, of_held = terms(seed, k, rows, held)
        of_train = hstack([of_train, csr_matrix(x[rows])]).tocsr()
        seed_of_model = derive_seed(seed, "model")
        coef, intercept = fit_heads(of_train, train, c, "balanced", seed_of_model)
        if own:
            shared_stances(of_train, train, c, own[0], seed_of_model, coef, intercept)
        logits = hstack([of_held, csr_matrix(x[held])]) @ coef + intercept
        seconds = round(time.perf_counter() - started, 1)
        development.keep(f"frozen-{name}", seed, k, held, logits, seconds=seconds)


def shared_stances(x, data, c, own, seed, coef, intercept):
    """Replace the weights of stances by sums of a part for all topics and a part of each."""
    groups = data.layout.groups
    pairs = [(t, np.flatnonzero(data.mask[:, heads[0]])) for t, heads in enumerate(groups)]
    whole = vstack([x[rows] for _, rows in pairs])
    parts = [own * x[rows] for _, rows in pairs]
    topic = csr_matrix(np.repeat(np.eye(len(groups)), [len(rows) for _, rows in pairs], axis=0))
    features = hstack([whole, block_diag(parts), topic]).tocsr()
    n = x.shape[1]
    for stance in range(len(groups[0])):
        y = np.concatenate([data.y[rows, groups[t][stance]] for t, rows in pairs])
        fit = LogisticRegression(
            C=c, class_weight="balanced", solver="liblinear", tol=1e-6, random_state=seed
        ).fit(features, y)
        w, last = fit.coef_[0], fit.coef_[0][-len(groups) :]
        for t, heads in enumerate(groups):
            coef[:, heads[stance]] = w[:n] + own * w[n * (t + 1) : n * (t + 2)]
            intercept[heads[stance]] = fit.intercept_[0] + last[t]


class Terms:
    """TF-IDF features of a fold, fitted on its training passages; computed once a fold."""

    def __init__(self, development):
        self.texts = development.data.texts
        self.features = compose_config(["model=tfidf"]).model.features
        self.known = {}

    def __call__(self, seed, k, rows, held):
        """Features of training passages and of held-out ones."""
        if (seed, k) not in self.known:
            vectorizers = [_vectorizer(block) for block in self.features]
            parts = [[self.texts[i] for i in part] for part in (rows, held)]
            of_train = [v.fit_transform(parts[0]) for v in vectorizers]
            of_held = [v.transform(parts[1]) for v in vectorizers]
            self.known[seed, k] = (hstack(of_train), hstack(of_held))
        return self.known[seed, k]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--corpus", required=True)
    options.add_argument("--seeds", type=int, nargs="*", default=[0])
    options.add_argument("--only", nargs="*", default=list(VARIANTS))
    options.add_argument("--work", type=Path, default=Path("/tmp"))
    args = options.parse_args()
    development = Development(args.corpus)
    found = sources(development, *encoded(development, args.work))
    terms = Terms(development)
    for seed in args.seeds:
        for name in args.only:
            if np.isnan(development.held_out(f"frozen-{name}", seed)).any():
                cell(development, name, seed, found, terms)


if __name__ == "__main__":
    main()
