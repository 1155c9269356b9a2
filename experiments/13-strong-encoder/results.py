"""The tables of results.md, from the logits here and in experiments/07-fine-tuning.

python experiments/13-strong-encoder/results.py --corpus FOLDER
"""

import argparse
import json

import numpy as np
from data import FOLDS, HERE, Development, comparison
from screening import scores, total

from sahelclf.evaluation.report import HEADLINE, report

PAIRED = ["frozen-mean", "tfidf", "transformer", "transformer+3*tfidf"]
PAIRED += [f"transformer+{weight}*frozen-mean" for weight in (2, 3, 4)]
SUMS = ["transformer+3*tfidf", "transformer+3*frozen-mean"]


def systems(development, kind):
    """Names of this folder's systems in the order of cells.jsonl."""
    lines = (HERE / "cells.jsonl").read_text().splitlines()
    names = [json.loads(line)["system"] for line in lines]
    return list(dict.fromkeys(name for name in names if name.startswith(kind)))


def seconds(name):
    """Mean seconds of a fit."""
    lines = map(json.loads, (HERE / "cells.jsonl").read_text().splitlines())
    return np.mean([line["seconds"] for line in lines if line["system"] == name])


def frozen_table(development):
    """Scores of seed 0 over all folds, and average precision of topics."""
    names = ["tfidf", "embedding", *systems(development, "frozen"), *SUMS]
    lines = [
        "| system | " + " | ".join(HEADLINE) + " | topics, average precision | stance on gold |",
        "|---|" + "---|" * 5,
    ]
    for name in names:
        logits = total(development, name, 0)
        if np.isnan(logits).any():
            continue
        found = report(development.predictions(logits, 0)[0], development.gold(0)).scores
        values = [found[n] for n in HEADLINE] + list(
            scores(logits, development.data, len(development.corpus.codebook.topics))
        )
        lines.append(f"| {name} | " + " | ".join(f"{v:.3f}" for v in values) + " |")
    return lines


def tuned_table(development, fold):
    """Scores on one fold of seed 0, alone and in sums."""
    rows = np.flatnonzero(development.folds(0) == fold)
    held = development.data.take(rows)
    n_topics = len(development.corpus.codebook.topics)
    sums = ("", "+2*tfidf", "+2*frozen-mean", "+transformer+4*frozen-mean")
    lines = [
        "| system | seconds a fit | " + " | ".join(s or "alone" for s in sums) + " |",
        "|---|" + "---|" * (1 + len(sums)),
    ]
    for name in ["tfidf", "transformer", "frozen-mean", *systems(development, "tuned")]:
        if np.isnan(development.held_out(name, 0)[rows]).any():
            continue
        cells = []
        for more in sums if name.startswith("tuned") else sums[:1]:
            found = scores(total(development, name + more, 0)[rows], held, n_topics)
            cells.append(" / ".join(f"{v:.3f}" for v in found))
        taken = f"{seconds(name):.0f}" if name.startswith("tuned") else ""
        lines.append(f"| {name} | {taken} | " + " | ".join(cells) + " |")
    return lines


def paired(development, level):
    """The systems that all seeds have, against mpnet's frozen mean beside TF-IDF."""
    by_name = {}
    for name in PAIRED:
        logits = {seed: total(development, name, seed) for seed in (0, 1, 2)}
        if not any(np.isnan(z).any() for z in logits.values()):
            by_name[name] = {s: development.predictions(z, s) for s, z in logits.items()}
    return comparison(development, by_name, level)


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--corpus", required=True)
    development = Development(options.parse_args().corpus)
    lines = [
        f"Corpus {development.sha}, {FOLDS} grouped folds, those of experiments/07-fine-tuning.",
        "`frozen-…`: mpnet's vectors beside TF-IDF (`frozen-mean` is `model=embedding "
        "model.encoder=mpnet`); `tuned-top-k`: its top k layers fine-tuned; `embedding` and "
        "`transformer` are of minilm. A sum is of logits.",
        "",
        "## Frozen features, seed 0, passages",
        "",
        *frozen_table(development),
        "",
        "## Fine-tuned, first fold, seed 0: topics' average precision / stance macro-F1",
        "",
        *tuned_table(development, 0),
    ]
    for level, title in enumerate(("passages", "documents")):
        lines += ["", f"## Paired, seeds 0 to 2, {title}", "", *paired(development, level)]
    (HERE / "results.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
