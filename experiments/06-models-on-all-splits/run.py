"""How do the models score on every split? Development documents alone, several seeds.

python experiments/06-models-on-all-splits/run.py [--models keywords tfidf] [--seeds 2]

grouped: cross-fitted over the folds of `train`; folds: the same over the five committed folds;
country: one country held out at a time; temporal-...: everything is fitted before the cut and
scored after it. The test part of `grouped` is left out of every split. A cell is a model, a split
and a seed. It is stored in cells.jsonl beside this file under the hash of its inputs (corpus, model
settings, parts, seed), and is not computed again. results.md is written from the cells of the
present inputs.
"""

import argparse
import hashlib
import json
import time
from pathlib import Path

import numpy as np

from sahelclf.corpus.splits import read_split
from sahelclf.evaluation.decide import labelled_documents
from sahelclf.evaluation.predictions import Gold
from sahelclf.evaluation.report import HEADLINE, report
from sahelclf.studies.robustness.held_out import rotation
from sahelclf.studies.robustness.run import forward, make_plan, rotate
from sahelclf.tasks.labeller import passage_data
from sahelclf.training.compose import compose_config
from sahelclf.training.seeds import derive_seed

HERE = Path(__file__).parent


def splits(plan):
    """The shift tests by the name of their split."""
    development = set(plan.development)
    parts = {
        k: [d for d in plan.development if d in set(ids) & development]
        for k, ids in read_split(plan.corpus, "folds").parts.items()
    }
    tests = {t.name: t for t in plan.tests if t.name != "outlet"}
    return {
        "grouped": plan.reference,
        "folds": rotation("folds", plan.corpus, plan.development, parts),
    } | tests


def inputs_of(plan, test):
    """Hash of all that a cell's figures follow from but the code."""
    held = [(h.name, h.documents, h.train) for h in test.held]
    raw = [
        plan.corpus.sha256,
        plan.config.model.model_dump(mode="json"),
        plan.config.crossfit,
        plan.config.seed,
        test.rotation,
        held,
    ]
    return hashlib.sha256(json.dumps(raw).encode()).hexdigest()[:16]


def cell(plan, test):
    """Scores of one model, split and seed, with the bounds of the headline ones."""
    corpus, config = plan.corpus, plan.config
    started = time.perf_counter()
    if test.rotation:
        passages, documents = rotate(plan, test)[0]
    else:
        passages, documents = forward(plan, test.held[0])
    seconds = time.perf_counter() - started
    gold = Gold.from_heads(passage_data(corpus, test.documents).y, passages.names)
    row = {
        "passages": len(passages.ids),
        "documents": len(documents.ids),
        "trained_on": round(sum(len(h.train) for h in test.held) / len(test.held)),
    }
    for prefix, (predicted, truth) in (
        ("", (passages, gold)),
        ("document/", labelled_documents(corpus, documents)),
    ):
        if predicted.ids:
            row |= {
                k: round(v, 5)
                for k, v in report(predicted, truth, derive_seed(config.seed, "bootstrap"))
                .headline(prefix)
                .items()
            }
    return row | {"seconds": round(seconds, 1)}


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--models", nargs="+", default=["keywords", "tfidf"])
    options.add_argument("--seeds", type=int, default=2)
    options.add_argument("--corpus")
    options.add_argument("--out", type=Path, default=HERE)
    args = options.parse_args()
    path = args.out / "cells.jsonl"
    rows = (
        {r["inputs"]: r for r in map(json.loads, path.read_text().splitlines())}
        if path.exists()
        else {}
    )
    wanted = []
    for model in args.models:
        for seed in range(args.seeds):
            plan = make_plan(
                compose_config(
                    [
                        f"model={model}",
                        f"seed={seed}",
                        *([f"corpus={args.corpus}"] if args.corpus else []),
                    ]
                )
            )
            for name, test in splits(plan).items():
                inputs = inputs_of(plan, test)
                wanted.append(inputs)
                if inputs not in rows:
                    about = {
                        "inputs": inputs,
                        "corpus": plan.corpus.sha256[:16],
                        "model": model,
                        "split": name,
                        "seed": seed,
                    }
                    rows[inputs] = about | cell(plan, test)
                    with path.open("a") as stream:
                        stream.write(json.dumps(rows[inputs]) + "\n")
                    print(
                        model,
                        name,
                        seed,
                        rows[inputs]["joint/f1"],
                        f"{rows[inputs]['seconds']} s",
                        flush=True,
                    )
    text = table([rows[i] for i in wanted], plan.corpus.sha256[:16], args.seeds)
    (args.out / "results.md").write_text(text)
    print(text)


def table(rows, corpus, seeds):
    """Per split: a line a score, a column a model."""
    models = list(dict.fromkeys(r["model"] for r in rows))
    lines = [
        f"Corpus {corpus}, development documents alone; mean ± sd over {seeds} seeds, in brackets "
        "the 95% interval of seed 0, resampled by document.",
        "",
    ]
    lines += [
        "| split | scored: passages, documents | trained on | score | " + " | ".join(models) + " |",
        "|---|---|---|---|" + "---|" * len(models),
    ]
    for split in dict.fromkeys(r["split"] for r in rows):
        here = [r for r in rows if r["split"] == split]
        about = f"{split} | {here[0]['passages']}, {here[0]['documents']} | {here[0]['trained_on']}"
        for score in (*HEADLINE, "document/topic/macro_f1", "document/joint/f1"):
            cells = []
            for model in models:
                own = [r for r in here if r["model"] == model and score in r]
                values = [r[score] for r in own]
                first = next(r for r in own if r["seed"] == 0)
                cells.append(
                    f"{np.mean(values):.3f} ± {np.std(values, ddof=len(values) > 1):.3f} "
                    f"[{first[score + '/low']:.3f}, {first[score + '/high']:.3f}]"
                )
            lines.append(f"| {about} | {score} | " + " | ".join(cells) + " |")
            about = " | | "
    seconds = ", ".join(
        f"{m} {sum(r['seconds'] for r in rows if r['model'] == m):.0f}" for m in models
    )
    return (
        "\n".join([*lines, "", f"Seconds of fitting and predicting, all cells: {seconds}."]) + "\n"
    )


if __name__ == "__main__":
    main()
