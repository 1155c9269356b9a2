"""Compare ways to combine the logits of the models: fixed weights and a fitted stacker.

python experiments/08-public-sets/stacking.py --root CLONES

Uses development rows alone, and the cells of `benchmark` in cells/; no model is fitted. For every
set with a development part, every seed of the transformer, and every fifth of the development rows
(by group), the weights of the stacker, Platt's calibration and the thresholds are fitted on the
other four fifths. The stacker is one logistic regression for each label on the standardised logits
of the three models (Wolpert 1992). The published metric and macro-F1, in percent, mean over seeds,
go to stacking.md.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tabulate import tabulate

from sahelclf.studies.benchmark.fits import read_outputs
from sahelclf.studies.benchmark.scores import decide_from, fifths, metrics_of, score
from sahelclf.studies.benchmark.sets import SETS, read_set

HERE = Path(__file__).parent
WEIGHTS = {
    "TF-IDF": (0, 1, 0),
    "embedding": (0, 0, 1),
    "transformer": (1, 0, 0),
    "transformer + 3 TF-IDF (blend)": (1, 3, 0),
    "transformer + 2 embedding": (1, 0, 2),
    "transformer + 2 TF-IDF + 1 embedding": (1, 2, 1),
}
STACKERS = {"stacked, C = 0.1": 0.1, "stacked, C = 1": 1.0}


def joined(way, members, y, known):
    """(n, n_heads) logits: of fixed weights, or of a stacker fitted on the `known` rows; `members`
    is (3, n, n_heads).
    """
    if way in WEIGHTS:
        return np.tensordot(WEIGHTS[way], members, axes=1)
    out = members[0].copy()
    for head in range(members.shape[2]):
        x, held = members[:, :, head].T, y[:, head] > 0
        if 0 < held[known].sum() < len(known):
            model = make_pipeline(StandardScaler(), LogisticRegression(C=STACKERS[way])).fit(
                x[known], held[known]
            )
            out[:, head] = model.decision_function(x)
    return out


def decisions(spec, metric, way, members, data):
    """Decisions on development rows; every fifth is decided by what is fitted on the others."""
    decided = np.zeros(data.y.shape, dtype=bool)
    for held, known in fifths(data):
        logits = joined(way, members, data.y, known)
        decided[held] = decide_from(spec, metric, logits[held], logits[known], data.y[known])
    return decided


def members_of(name, found):
    """(3, n, n_heads) logits of transformer, TF-IDF and embedding on development rows, one array a
    seed of the transformer.
    """

    def dev(model):
        return [
            read_outputs(p, found).dev
            for p in sorted((HERE / "cells" / name).glob(f"{model}-seed*.npz"))
        ]

    (linear,), (embedding,) = dev("tfidf"), dev("embedding")
    return [np.stack([one, linear, embedding]) for one in dev("transformer")]


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--root", type=Path, required=True)
    root = options.parse_args().root
    rows = []
    for name, public in SETS.items():
        found = read_set(name, root / public.clone)
        if found.dev is None:
            continue
        several = members_of(name, found)
        for way in (*WEIGHTS, *STACKERS):
            values = [
                score(
                    found.spec,
                    m,
                    [decisions(found.spec, m, way, x, found.dev) for x in several],
                    found.dev,
                ).value
                for m in metrics_of(found.spec)
            ]
            rows.append(
                [
                    name,
                    f"{len(found.dev)} rows, {len(several)} seeds",
                    way,
                    *(f"{100 * v:.1f}" for v in values),
                ]
            )
            print(*rows[-1], flush=True)
    table = tabulate(
        rows,
        headers=["set", "of", "joined", "published metric", "macro-F1"],
        tablefmt="github",
        disable_numparse=True,
    )
    (HERE / "stacking.md").write_text(f"{table}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
