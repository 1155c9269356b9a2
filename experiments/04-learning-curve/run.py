"""Would more documents help, and for which label? `model=tfidf` on growing shares of the documents.

python experiments/04-learning-curve/run.py [--corpus FOLDER] [--seeds 3]

For each of five grouped folds of the development documents, the labeller and its thresholds are
fitted on a share of the documents of the other folds, and scored on the fold. Predictions of the
folds are pooled. Each stratum is also scored alone. Writes results.md, curve.png and curve.pdf.
"""

import argparse
from pathlib import Path

import numpy as np

from sahelclf.corpus.splits import make_folds
from sahelclf.evaluation.decide import Calibration, Decision, apply_decision, labeller_names
from sahelclf.evaluation.predictions import Gold
from sahelclf.evaluation.report import HEADLINE, report
from sahelclf.models.kinds import build_model
from sahelclf.reports.figures.curves import learning_curve
from sahelclf.tasks.labeller import passage_data
from sahelclf.training.compose import compose_config
from sahelclf.training.crossfit import fit_labeller, merged
from sahelclf.training.run import check
from sahelclf.training.seeds import derive_seed

HERE = Path(__file__).parent
SHARES = (0.15, 0.3, 0.5, 0.75, 1.0)


def pooled(corpus, development, share, seed, names, config):
    """Predictions of development passages by labellers fitted on a share of the other folds."""
    build = lambda: build_model(config.model, corpus.codebook, corpus.root)
    folds = make_folds(corpus, development, 5, derive_seed(seed, "folds"))
    ids = np.array(development)
    parts, golds = [], []
    for k in range(5):
        others = ids[folds != k]
        rng = np.random.default_rng(derive_seed(seed, f"curve {k}"))
        chosen = set(rng.permutation(others)[: max(12, round(share * len(others)))])
        fitted = fit_labeller(
            corpus, [d for d in development if d in chosen], build, config, lambda *_: None
        )
        data = passage_data(corpus, [str(d) for d in ids[folds == k]])
        same = Calibration(np.ones(len(data.layout)), np.zeros(len(data.layout)))
        d = fitted.decision
        found, _ = apply_decision(
            Decision(same, d.thresholds, d.document_calibration, d.document_thresholds),
            fitted.model.logits(data.texts),
            data,
            names,
        )
        parts.append(found)
        golds.append(Gold.from_heads(data.y, names))
    join = lambda arrays: np.concatenate(list(arrays))
    predicted = merged(parts, [i for p in parts for i in p.ids])
    return predicted, Gold(join(g.topics for g in golds), join(g.stance for g in golds))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--corpus")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--out", type=Path, default=HERE)
    args = options.parse_args()
    corpus, _, development = check(compose_config([f"corpus={args.corpus}"] if args.corpus else []))
    names = labeller_names(corpus.codebook)
    wanted = [
        *HEADLINE,
        *(f"topic/{t}/f1" for t in names.topics),
        *(f"stance/{t}/macro_f1" for t in names.topics),
    ]
    curves, strata = {name: [] for name in wanted}, {}
    for share in SHARES:
        values = {name: [] for name in wanted}
        for seed in range(args.seeds):
            predicted, gold = pooled(
                corpus, development, share, seed, names, compose_config([f"seed={seed}"])
            )
            scores = report(predicted, gold).scores
            for name in wanted:
                values[name].append(scores[name])
            if share == 1.0 and seed == 0:
                for stratum in corpus.codebook.strata:
                    rows = [
                        i
                        for i, d in enumerate(predicted.documents)
                        if corpus.document[d].stratum == stratum
                    ]
                    strata[stratum] = report(
                        predicted.take(rows), Gold(gold.topics[rows], gold.stance[rows])
                    )
        for name in wanted:
            curves[name].append((np.mean(values[name]), np.std(values[name], ddof=args.seeds > 1)))
    write(args.out, corpus, len(development), curves, strata, args.seeds)
    draw(args.out, len(development), curves, names, args.seeds)


def _over(seeds):
    return f"mean ± sd over {seeds} seeds" if seeds > 1 else "one seed, no bands"


def write(out, corpus, n, curves, strata, seeds):
    documents = [round(s * n * 0.8) for s in SHARES]
    lines = [
        f"Corpus {corpus.sha256[:16]}; {_over(seeds)}; columns are documents trained on.",
        "",
    ]
    lines += [
        "| score | " + " | ".join(map(str, documents)) + " |",
        "|---|" + "---|" * len(documents),
    ]
    lines += [
        f"| {name} | " + " | ".join(f"{m:.3f} ± {s:.3f}" for m, s in cells) + " |"
        for name, cells in curves.items()
    ]
    lines += [
        "",
        "All of the development data, seed 0, by stratum, 95% intervals resampled by document:",
        "",
    ]
    lines += [
        "| score | "
        + " | ".join(
            f"{k} ({r.n_documents} documents, {r.n_units} passages)" for k, r in strata.items()
        )
        + " |",
        "|---|" + "---|" * len(strata),
    ]
    for name in curves:
        lines.append(
            f"| {name} | "
            + " | ".join(
                f"{r.scores[name]:.3f} [{r.intervals[name][0]:.3f}, {r.intervals[name][1]:.3f}]"
                for r in strata.values()
            )
            + " |"
        )
    (out / "results.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


def draw(out, n, curves, names, seeds):
    def band(key):
        mean, sd = np.array(curves[key]).T
        return np.stack([mean, mean - sd, mean + sd], axis=1)

    panels = {
        "F1 of the topic": {t: band(f"topic/{t}/f1") for t in names.topics},
        "macro-F1 of its stance": {t: band(f"stance/{t}/macro_f1") for t in names.topics},
    }
    figure = learning_curve([round(s * n * 0.8) for s in SHARES], panels, _over(seeds))
    for form in ("png", "pdf"):
        figure.savefig(out / f"curve.{form}")


if __name__ == "__main__":
    main()
