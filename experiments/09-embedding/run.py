"""Compare weights of the encoder's vectors beside TF-IDF in `model=embedding`.

python experiments/09-embedding/run.py [--seeds 1]

Cross-fitted scores on the development data. Every cell is stored in cells.jsonl beside this file
and not computed again; results.md is written from the cells.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from sahelclf.evaluation.report import HEADLINE, report
from sahelclf.models.kinds import build_model
from sahelclf.training.compose import compose_config
from sahelclf.training.crossfit import fit_labeller
from sahelclf.training.run import check

HERE = Path(__file__).parent
GRID = [
    (0.5, 4.0),
    (1.0, 4.0),
    (1.0, 8.0),
    (1.5, 4.0),
    (1.5, 8.0),
    (2.0, 2.0),
    (2.0, 4.0),
    (3.0, 1.0),
    (4.0, 1.0),
]


def cell(weight, c, seed):
    config = compose_config(
        ["model=embedding", f"model.vector_weight={weight}", f"model.C={c}", f"seed={seed}"]
    )
    corpus, _, development = check(config)
    fitted = fit_labeller(
        corpus, development, lambda: build_model(config.model, corpus.codebook, corpus.root), config
    )
    row = {"corpus": corpus.sha256[:16], "vector_weight": weight, "C": c, "seed": seed}
    for prefix, (predicted, gold) in (("", fitted.passages), ("document/", fitted.documents)):
        scores = report(predicted, gold).scores
        row |= {prefix + name: round(scores[name], 4) for name in HEADLINE}
    return row


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--seeds", type=int, default=1)
    args = options.parse_args()
    path = HERE / "cells.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    have = {(r["vector_weight"], r["C"], r["seed"]) for r in rows}
    for weight, c in GRID:
        for seed in range(args.seeds):
            if (weight, c, seed) not in have:
                rows.append(cell(weight, c, seed))
                with path.open("a") as stream:
                    stream.write(json.dumps(rows[-1]) + "\n")
                print(rows[-1], flush=True)
    names = [*HEADLINE, f"document/{HEADLINE[0]}"]
    lines = [
        "| vector weight | C | seeds | " + " | ".join(names) + " |",
        "|---|---|---|" + "---|" * len(names),
    ]
    for weight, c in GRID:
        own = [r for r in rows if (r["vector_weight"], r["C"]) == (weight, c)]
        if own:
            lines.append(
                f"| {weight:g} | {c:g} | {len(own)} | "
                + " | ".join(f"{np.mean([r[n] for r in own]):.3f}" for n in names)
                + " |"
            )
    (HERE / "results.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
