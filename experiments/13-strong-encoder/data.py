"""What the scripts of this folder share: the corpus, its folds, and tables of scores."""

import json
from pathlib import Path

import numpy as np

from sahelclf.corpus.splits import make_folds
from sahelclf.evaluation.compare import System, compare
from sahelclf.evaluation.decide import document_offsets, labeller_names
from sahelclf.evaluation.predictions import Gold
from sahelclf.evaluation.report import HEADLINE
from sahelclf.tasks.labeller import document_targets, passage_data
from sahelclf.training.compose import compose_config
from sahelclf.training.crossfit import cross_fitted
from sahelclf.training.run import check
from sahelclf.training.seeds import derive_seed

HERE = Path(__file__).parent
EARLIER = HERE.parent / "07-fine-tuning" / "logits"
FOLDS = 5


class Development:
    """Passages of the development data of a corpus, and their folds by seed."""

    def __init__(self, corpus_folder):
        self.settings = [f"corpus={corpus_folder}"]
        self.corpus, _, self.ids = check(compose_config(self.settings))
        self.data = passage_data(self.corpus, self.ids)
        self.names = labeller_names(self.corpus.codebook)
        self.targets = document_targets(self.corpus, document_offsets(self.data.groups)[0])
        self.sha = self.corpus.sha256[:16]
        self.logits_folder = HERE / "logits" / self.sha
        self.logits_folder.mkdir(parents=True, exist_ok=True)

    def folds(self, seed):
        """(n,) fold of each passage, as in experiments/07-fine-tuning."""
        folds = make_folds(self.corpus, self.ids, FOLDS, derive_seed(seed, "folds"))
        of = dict(zip(self.ids, folds, strict=True))
        return np.array([of[d] for d in self.data.groups])

    def held_out(self, name, seed):
        """(n, n_heads) held-out logits of a system; NaN where a fold is missing."""
        logits = np.full(self.data.y.shape, np.nan)
        for folder in (EARLIER / self.sha, self.logits_folder):
            for k in range(FOLDS):
                path = folder / f"{name}-{seed}-{k}.npz"
                if path.exists():
                    with np.load(path) as stored:
                        logits[stored["rows"]] = stored["logits"]
        return logits

    def keep(self, name, seed, k, rows, logits, **about):
        """Store the held-out logits of a fold, and a line about it."""
        path = self.logits_folder / f"{name}-{seed}-{k}.npz"
        np.savez(path, logits=logits.astype(np.float32), rows=rows)
        about = {"system": name, "seed": seed, "fold": k, "corpus": self.sha} | about
        with (HERE / "cells.jsonl").open("a") as stream:
            stream.write(json.dumps(about) + "\n")
        print(about, flush=True)

    def predictions(self, logits, seed):
        """Predictions of passages and documents, decided by the other folds."""
        fold = self.folds(seed)
        return cross_fitted(logits, fold, self.data, self.targets, self.names)

    def gold(self, level):
        """Labels of passages (0), or of documents (1)."""
        return Gold.from_heads((self.data.y, self.targets[0])[level], self.names)


def comparison(development, systems, level=0):
    """Lines of a table: the first system, and the differences of the others from it.

    Parameters
    ----------
    systems
        By name: predictions of passages and documents, by seed.
    """
    gold = development.gold(level)
    rows = np.arange(len(gold.topics))
    if level:
        rows = np.flatnonzero(development.targets[1].any(axis=1))
        gold = Gold(gold.topics[rows], gold.stance[rows])
    result = compare(
        [
            System(name, tuple((p[level].take(rows), gold) for p in by_seed.values()))
            for name, by_seed in systems.items()
        ]
    )
    lines = ["| system | " + " | ".join(HEADLINE) + " |", "|---|---|---|---|"]
    for k, name in enumerate(result.systems):
        cells = []
        for score in HEADLINE:
            x = result.row(score, k)
            d = x.difference
            against = "" if d is None else f"; {d.value:+.3f} [{d.low:+.3f}, {d.high:+.3f}]"
            cells.append(f"{x.value:.3f} [{x.low:.3f}, {x.high:.3f}]{against}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines
