"""Compare ways to pool passages into a document, and ways to choose a threshold.

python experiments/02-decisions/run.py [--corpus FOLDER] [--seeds 3]

Pooling starts from the cross-fitted, calibrated passage probabilities of `model=tfidf` on the
development data. Each pooled score gets its own Platt calibration and threshold from the other
folds. Thresholds: best F1 on the other folds, half of that best F1 (the optimum for true
probabilities: Lipton, Elkan and Naryanaswamy 2014), or 0.5.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.metrics import f1_score

from sahelclf.corpus.splits import make_folds
from sahelclf.evaluation import decide
from sahelclf.evaluation.predictions import Predictions
from sahelclf.evaluation.report import report
from sahelclf.models.kinds import build_model
from sahelclf.training.compose import compose_config
from sahelclf.training.crossfit import fit_labeller
from sahelclf.training.run import check
from sahelclf.training.seeds import derive_seed

HERE = Path(__file__).parent
POOLS = {
    "max": lambda p, n: p.max(axis=0),
    "mean": lambda p, n: p.mean(axis=0),
    "mean by length": lambda p, n: (p * n[:, None]).sum(axis=0) / n.sum(),
    "mean of the two highest": lambda p, n: np.sort(p, axis=0)[-2:].mean(axis=0),
    "any (noisy or)": lambda p, n: 1 - (1 - p).prod(axis=0),
    "root mean square": lambda p, n: np.sqrt((p**2).mean(axis=0)),
    "expected share over a tenth": lambda p, n: np.maximum(
        (p * n[:, None]).sum(axis=0) / n.sum(), p.max(axis=0) * (n / n.sum()).max()
    ),
}


def best_threshold(p, y):
    """The threshold that happened to score best; among equals, the one nearest 0.5."""
    candidates = np.unique(p)
    scores = np.array([f1_score(y, p >= t, zero_division=0) for t in candidates])
    best = candidates[scores >= scores.max() - 1e-12]
    return best[np.argmin(np.abs(best - 0.5))]


RULES = {"best F1": best_threshold, "half of best F1": decide.f1_threshold, "0.5": lambda p, y: 0.5}


def cross_fitted(p, y, fold, rule):
    """Calibrated probabilities and decisions for every row, from the other folds."""
    logits = decide.to_logits(p)
    out, held = np.zeros_like(p), np.zeros(p.shape, dtype=bool)
    for k in np.unique(fold):
        inside, own = fold != k, fold == k
        calibration = decide.fit_calibration(
            logits[inside], y[inside], np.ones(y[inside].shape, dtype=bool)
        )
        before, out[own] = (
            decide.to_probabilities(calibration(logits[inside])),
            decide.to_probabilities(calibration(logits[own])),
        )
        held[own] = out[own] >= [rule(before[:, t], y[inside][:, t]) for t in range(y.shape[1])]
    return out, held


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--corpus")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--out", type=Path, default=HERE)
    args = options.parse_args()
    corpus, _, development = check(compose_config([f"corpus={args.corpus}"] if args.corpus else []))
    pooled, ruled = {}, {}
    for seed in range(args.seeds):
        config = compose_config([f"seed={seed}"])
        fitted = fit_labeller(
            corpus,
            development,
            lambda c=config: build_model(c.model, corpus.codebook, corpus.root),
            config,
            lambda *_: None,
        )
        passages, passage_gold = fitted.passages
        documents, gold = fitted.documents
        fold_of = dict(
            zip(
                development,
                make_folds(corpus, development, 5, derive_seed(seed, "folds")),
                strict=True,
            )
        )
        _, starts = decide.document_offsets(passages.documents)
        ends = [*starts[1:], len(passages.ids)]
        length = np.array(
            [len(p.text.split()) for d in documents.ids for p in corpus.passages_of[d]], dtype=float
        )
        fold = np.array([fold_of[d] for d in documents.ids])
        for name, pool in POOLS.items():
            p = np.array(
                [
                    pool(passages.probability[a:b], length[a:b])
                    for a, b in zip(starts, ends, strict=True)
                ]
            )
            for rule_name, rule in RULES.items():
                q, held = cross_fitted(p, gold.topics.astype(int), fold, rule)
                scores = report(
                    Predictions(
                        documents.names,
                        documents.ids,
                        documents.documents,
                        q,
                        documents.stance_probability,
                        held,
                    ),
                    gold,
                ).scores
                ap = np.mean(
                    [scores[f"topic/{t}/average_precision"] for t in documents.names.topics]
                )
                pooled.setdefault((name, rule_name), []).append(
                    [scores["topic/macro_f1"], ap, scores["calibration/ece"]]
                )
        passage_fold = np.array([fold_of[d] for d in passages.documents])
        for rule_name, rule in RULES.items():
            _, held = cross_fitted(
                passages.probability, passage_gold.topics.astype(int), passage_fold, rule
            )
            again = Predictions(
                passages.names,
                passages.ids,
                passages.documents,
                passages.probability,
                passages.stance_probability,
                held,
            )
            scores = report(again, passage_gold).scores
            ruled.setdefault(rule_name, []).append([scores["topic/macro_f1"], scores["joint/f1"]])
    lines = [
        f"Corpus {corpus.sha256[:16]}, {len(development)} documents, cross-fitted; mean ± sd over "
        f"{args.seeds} seeds.",
        "",
    ]
    lines += [
        "| pooling | threshold | document topic/macro_f1 | mean average precision | ECE |",
        "|---|---|---|---|---|",
    ]
    for (name, rule), values in sorted(pooled.items(), key=lambda kv: -np.mean(kv[1], axis=0)[0]):
        lines.append(
            f"| {name} | {rule} | "
            + " | ".join(
                f"{m:.3f} ± {s:.3f}"
                for m, s in zip(
                    np.mean(values, axis=0), np.std(values, axis=0, ddof=1), strict=True
                )
            )
            + " |"
        )
    lines += ["", "| threshold | passage topic/macro_f1 | joint/f1 |", "|---|---|---|"]
    for rule, values in ruled.items():
        lines.append(
            f"| {rule} | "
            + " | ".join(
                f"{m:.3f} ± {s:.3f}"
                for m, s in zip(
                    np.mean(values, axis=0), np.std(values, axis=0, ddof=1), strict=True
                )
            )
            + " |"
        )
    (args.out / "results.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
