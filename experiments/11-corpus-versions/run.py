"""What does version 2.0 of the corpus bring? The same models trained on 1.0 and on 2.0.

python experiments/11-corpus-versions/run.py [--models tfidf embedding] [--seeds 1]

Version 1.0 is rebuilt from the files of 2.0: its documents, with the labels of the first round and
its adjudication. Three training sets: the development documents of 1.0; as many passages of 2.0,
drawn at random; all development documents of 2.0. All are scored by the labels of 2.0, on the part
`pages` and, by the five committed folds, on the development passages of fewer than 30 words and of
30 or more. Every cell is stored in cells.jsonl and not computed again; results.md is made of them.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from sahelclf.corpus.read import Corpus, read_adjudications, read_annotations, read_corpus
from sahelclf.corpus.rounds import derive_labels
from sahelclf.corpus.splits import read_split
from sahelclf.evaluation.decide import Calibration, Decision, apply_decision, labeller_names
from sahelclf.evaluation.predictions import Gold
from sahelclf.evaluation.report import HEADLINE, report
from sahelclf.models.kinds import build_model
from sahelclf.paths import data_root
from sahelclf.tasks.labeller import passage_data
from sahelclf.training.compose import compose_config
from sahelclf.training.crossfit import fit_labeller, merged
from sahelclf.training.seeds import derive_seed

HERE = Path(__file__).parent
SETS = ("1.0", "2.0, as many passages as 1.0", "2.0")
SHORT = 30
SCORES = (*HEADLINE, "topic/foreign_forces/f1")


def version_one(corpus: Corpus, folder: Path) -> Corpus:
    """The documents of 1.0 with their labels of 1.0; its writers have names without 'p-'."""
    rounds = {
        name: [a for a in rows if a.round == 1] for name, rows in read_annotations(corpus).items()
    }
    labels, _ = derive_labels(rounds, [a for a in read_adjudications(corpus) if a.round == 1])
    old = {d.id for d in corpus.documents if not str(d.writer).startswith("p-")}
    shutil.copy(corpus.root / "codebook.yaml", folder)
    for name, records in (
        ("documents", [d for d in corpus.documents if d.id in old]),
        ("passages", [p for p in corpus.passages if p.document_id in old]),
    ):
        changed = [r.model_copy(update={"topics": labels[r.id]}) for r in records]
        lines = [r.model_dump_json(exclude_none=True) + "\n" for r in changed]
        (folder / f"{name}.jsonl").write_text("".join(lines))
    return read_corpus(folder)


def training_sets(one: Corpus, two: Corpus, pool: list[str], seed: int) -> dict:
    """Name to corpus and documents, out of a pool of development documents of 2.0."""
    of_one = [d for d in pool if d in one.document]
    wanted = sum(len(one.passages_of[d]) for d in of_one)
    order = np.random.default_rng(derive_seed(seed, "as many")).permutation(pool)
    sizes = np.cumsum([len(two.passages_of[d]) for d in order])
    some = set(order[: int(np.searchsorted(sizes, wanted)) + 1].tolist())
    sets = ((one, of_one), (two, [d for d in pool if d in some]), (two, pool))
    return dict(zip(SETS, sets, strict=True))


def predict(train, documents, two, config, names):
    """Predictions of a labeller fitted on `train`, for the passages and documents of 2.0."""
    corpus, ids = train
    fitted = fit_labeller(
        corpus, ids, lambda: build_model(config.model, two.codebook, two.root), config
    )
    data = passage_data(two, documents)
    same = Calibration(np.ones(len(data.layout)), np.zeros(len(data.layout)))
    d = fitted.decision
    decision = Decision(same, d.thresholds, d.document_calibration, d.document_thresholds)
    passages, _ = apply_decision(decision, fitted.model.logits(data.texts), data, names)
    words = np.array([len(t.split()) for t in data.texts])
    return passages, Gold.from_heads(data.y, names), words


def scores_of(parts):
    """Pooled scores of predictions, gold and a choice of rows of each."""
    passages, golds, rows = zip(*parts, strict=True)
    taken = [p.take(r) for p, r in zip(passages, rows, strict=True)]
    predicted = merged(taken, [i for p in taken for i in p.ids])
    join = lambda arrays: np.concatenate(list(arrays))
    gold = Gold(
        join(g.topics[r] for g, r in zip(golds, rows, strict=True)),
        join(g.stance[r] for g, r in zip(golds, rows, strict=True)),
    )
    found = report(predicted, gold)
    about = {"passages": len(predicted.ids), "documents": found.n_documents}
    return about | {
        k: [round(found.scores[k], 4), *(round(x, 4) for x in found.intervals[k])]
        for k in SCORES
        if k in found.intervals
    }


def cells(model, seed, one, two):
    """Scores of one model and seed by training set: pages, short and long passages."""
    config = compose_config([f"model={model}", f"seed={seed}"])
    names = labeller_names(two.codebook)
    folds = list(read_split(two, "folds").parts.values())
    pages = read_split(two, "pages").parts["pages"]
    development = [d for fold in folds for d in fold]
    for name, train in training_sets(one, two, sorted(development), seed).items():
        passages, gold, _ = predict(train, pages, two, config, names)
        scored = {"pages": scores_of([(passages, gold, np.arange(len(passages.ids)))])}
        short, long = [], []
        for held in folds:
            pool = sorted(set(development) - set(held))
            passages, gold, words = predict(
                training_sets(one, two, pool, seed)[name], sorted(held), two, config, names
            )
            short.append((passages, gold, np.flatnonzero(words < SHORT)))
            long.append((passages, gold, np.flatnonzero(words >= SHORT)))
        scored |= {"short": scores_of(short), "long": scores_of(long)}
        n = sum(len(train[0].passages_of[d]) for d in train[1])
        about = {"corpus": two.sha256[:16], "model": model, "seed": seed, "trained_on": name}
        yield about | {"documents": len(train[1]), "passages": n, "scores": scored}


def table(rows):
    """A line a model, part and training set: means over seeds, the interval of the first seed."""
    wanted = [k for k in SCORES if k in rows[0]["scores"]["pages"]]
    titles = {
        "pages": "pages held apart",
        "short": f"development, under {SHORT} words",
        "long": f"development, {SHORT} words or more",
    }
    lines = []
    for part, title in titles.items():
        n = rows[0]["scores"][part]
        lines += [f"## {title}: {n['passages']:,} passages of {n['documents']} documents", ""]
        lines += ["| model | trained on | documents, passages | " + " | ".join(wanted) + " |"]
        lines += ["|---|---|---|" + "---|" * len(wanted)]
        for model in dict.fromkeys(r["model"] for r in rows):
            for name in SETS:
                own = [r for r in rows if (r["model"], r["trained_on"]) == (model, name)]
                shown = []
                for k in wanted:
                    values = [r["scores"][part][k] for r in own]
                    mean = np.mean([v[0] for v in values])
                    shown.append(f"{mean:.3f} [{values[0][1]:.3f}, {values[0][2]:.3f}]")
                size = f"{own[0]['documents']}, {own[0]['passages']:,}"
                lines.append(f"| {model} | {name} | {size} | " + " | ".join(shown) + " |")
        lines.append("")
    return lines


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--models", nargs="+", default=["tfidf", "embedding"])
    options.add_argument("--seeds", type=int, default=1)
    args = options.parse_args()
    two = read_corpus(data_root() / "annotations")
    path = HERE / "cells.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    rows = [r for r in rows if r["corpus"] == two.sha256[:16]]
    with tempfile.TemporaryDirectory() as folder:
        one = version_one(two, Path(folder))
        for model in args.models:
            for seed in range(args.seeds):
                if any((r["model"], r["seed"]) == (model, seed) for r in rows):
                    continue
                for row in cells(model, seed, one, two):
                    rows.append(row)
                    with path.open("a") as stream:
                        stream.write(json.dumps(row) + "\n")
                    print(model, seed, row["trained_on"], row["scores"]["pages"], flush=True)
    seeds = len({r["seed"] for r in rows})
    head = [
        f"Corpus {two.sha256[:16]}; labels of 2.0 for all. Means over the seeds ({seeds}), in "
        "brackets the 95% interval of seed 0, resampled by document.",
        "",
    ]
    (HERE / "results.md").write_text("\n".join([*head, *table(rows)]))


if __name__ == "__main__":
    main()
