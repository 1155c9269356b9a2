"""Which features, C and class weights for `model=tfidf`? Cross-fitted scores, several seeds.

python experiments/01-tfidf-settings/run.py [--corpus FOLDER] [--seeds 3]

Uses the development data. Every cell (setting, seed) is stored in cells.jsonl beside this file and
is not computed again; results.md is written from the cells.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from sahelclf.evaluation.report import HEADLINE, report
from sahelclf.models.kinds import build_model
from sahelclf.models.tfidf import TfidfConfig
from sahelclf.training.compose import compose_config
from sahelclf.training.crossfit import fit_labeller
from sahelclf.training.run import check

HERE = Path(__file__).parent
WORD1 = {
    "name": "word",
    "analyzer": "word",
    "ngram_range": [1, 1],
    "min_df": 1,
    "max_features": None,
}
WORD2 = WORD1 | {"ngram_range": [1, 2], "min_df": 2}
WORD3 = WORD1 | {"ngram_range": [1, 3], "min_df": 2}
CHAR = {
    "name": "char",
    "analyzer": "char_wb",
    "ngram_range": [3, 5],
    "min_df": 3,
    "max_features": None,
}
CHAR4 = CHAR | {"ngram_range": [2, 4]}
FEATURES = {
    "word 1": [WORD1],
    "word 1-2": [WORD2],
    "char 3-5": [CHAR],
    "word 1 + char 3-5": [WORD1, CHAR],
    "word 1-2 + char 3-5": [WORD2, CHAR],
    "word 1-2 + char 2-4": [WORD2, CHAR4],
    "word 1-3 + char 3-5": [WORD3, CHAR],
}
GRID = (
    [(name, 4.0, "balanced") for name in FEATURES]
    + [("word 1-2 + char 3-5", c, "balanced") for c in (0.25, 0.5, 1.0, 2.0, 8.0, 16.0)]
    + [("word 1-2 + char 3-5", c, None) for c in (1.0, 4.0, 16.0)]
)


def cell(corpus, development, features, c, weight, seed):
    model = TfidfConfig(kind="tfidf", features=FEATURES[features], C=c, class_weight=weight)
    config = compose_config([f"seed={seed}"]).model_copy(update={"model": model})
    started = time.perf_counter()
    fitted = fit_labeller(
        corpus,
        development,
        lambda: build_model(config.model, corpus.codebook, corpus.root),
        config,
        lambda *_: None,
    )
    row = {
        "corpus": corpus.sha256[:16],
        "features": features,
        "C": c,
        "class_weight": weight,
        "seed": seed,
    }
    for prefix, (predicted, gold) in (("", fitted.passages), ("document/", fitted.documents)):
        scores = report(predicted, gold).scores
        row |= {prefix + name: round(scores[name], 5) for name in HEADLINE}
    return row | {"seconds": round(time.perf_counter() - started, 1)}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--corpus")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--out", type=Path, default=HERE)
    args = options.parse_args()
    corpus, _, development = check(compose_config([f"corpus={args.corpus}"] if args.corpus else []))
    path = args.out / "cells.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    key = lambda r: (r["corpus"], r["features"], r["C"], r["class_weight"], r["seed"])
    have = {key(r) for r in rows}
    for features, c, weight in dict.fromkeys(GRID):
        for seed in range(args.seeds):
            if (corpus.sha256[:16], features, c, weight, seed) not in have:
                rows.append(cell(corpus, development, features, c, weight, seed))
                with path.open("a") as stream:
                    stream.write(json.dumps(rows[-1]) + "\n")
    (args.out / "results.md").write_text(
        table([r for r in rows if r["corpus"] == corpus.sha256[:16]], corpus)
    )


def table(rows, corpus):
    """Means and spread over seeds, best joint F1 first."""
    settings = {}
    for r in rows:
        settings.setdefault((r["features"], r["C"], r["class_weight"]), []).append(r)
    names = [*HEADLINE, *(f"document/{n}" for n in HEADLINE[:2])]
    lines = [
        f"Corpus {corpus.sha256[:16]}, cross-fitted on train and dev; mean ± sd over "
        f"{len(next(iter(settings.values())))} seeds.",
        "",
    ]
    lines += [
        "| features | C | class weight | " + " | ".join(names) + " | s |",
        "|" + "---|" * (len(names) + 4),
    ]
    for (features, c, weight), cells in sorted(
        settings.items(), key=lambda kv: -np.mean([r["joint/f1"] for r in kv[1]])
    ):
        numbers = [
            f"{np.mean([r[n] for r in cells]):.3f} ± "
            f"{np.std([r[n] for r in cells], ddof=len(cells) > 1):.3f}"
            for n in names
        ]
        lines.append(
            f"| {features} | {c} | {weight} | "
            + " | ".join(numbers)
            + f" | {np.mean([r['seconds'] for r in cells]):.0f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
