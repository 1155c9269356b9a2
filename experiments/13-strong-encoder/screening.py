"""One fold: average precision of topics, and stance macro-F1 on gold topics, of systems and sums.

python experiments/13-strong-encoder/screening.py --corpus FOLDER SUM … [--seed 0] [--fold 0]

A SUM is `name` or `name+2*other`, of systems whose logits are here or in 07-fine-tuning.
"""

import argparse

import numpy as np
from data import Development
from sklearn.metrics import average_precision_score, f1_score


def total(development, text, seed):
    """Held-out logits of a sum."""
    parts = [part.rpartition("*") for part in text.split("+")]
    return sum(float(w or 1) * development.held_out(name, seed) for w, _, name in parts)


def scores(logits, held, n_topics):
    """Macro average precision of topics, macro-F1 of the likeliest stance."""
    gold, predicted = [], []
    for heads in held.layout.groups:
        rows = held.mask[:, heads[0]]
        gold += held.y[rows][:, list(heads)].argmax(1).tolist()
        predicted += logits[rows][:, list(heads)].argmax(1).tolist()
    precision = [average_precision_score(held.y[:, k], logits[:, k]) for k in range(n_topics)]
    return float(np.mean(precision)), float(f1_score(gold, predicted, average="macro"))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("sums", nargs="+")
    options.add_argument("--corpus", required=True)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--fold", type=int, default=0)
    args = options.parse_args()
    development = Development(args.corpus)
    rows = np.flatnonzero(development.folds(args.seed) == args.fold)
    held = development.data.take(rows)
    print("| system | topics | stance |\n|---|---|---|")
    for text in args.sums:
        logits = total(development, text, args.seed)[rows]
        found = scores(logits, held, len(development.corpus.codebook.topics))
        print(f"| {text} | {found[0]:.3f} | {found[1]:.3f} |")


if __name__ == "__main__":
    main()
