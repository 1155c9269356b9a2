"""Predict from surface cues alone: length, digits, outlet, genre, country, year.

python experiments/03-surface-cues/run.py [--corpus FOLDER]

A check for artefacts. Cross-fitted on the development data by the same folds as `train`, and
compared with `model=tfidf`, `model=keywords` and a model that knows only the frequency of each
topic. What the cues reach above that model, a labeller could learn without reading the text.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sahelclf.corpus.splits import make_folds
from sahelclf.evaluation import decide
from sahelclf.evaluation.decide import labeller_names
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.evaluation.report import report
from sahelclf.models.kinds import build_model
from sahelclf.tasks.labeller import passage_data
from sahelclf.training.compose import compose_config
from sahelclf.training.crossfit import fit_labeller
from sahelclf.training.run import check
from sahelclf.training.seeds import derive_seed

HERE = Path(__file__).parent
FACTS = ("outlet", "genre", "country", "year")
NUMBERS = ("words", "digits", "quotes", "capitals")


def cues(corpus, passage):
    d = corpus.document[passage.document_id]
    text = passage.text
    facts = [
        d.outlet or "",
        d.genre or "",
        d.countries[0] if d.countries else "",
        (d.date or "")[:4],
    ]
    share = lambda test: sum(map(test, text)) / len(text)
    return [
        *facts,
        len(text.split()),
        share(str.isdigit),
        text.count('"') + text.count("“"),
        share(str.isupper),
    ]


def surface(corpus, development, folds, names, *, blind):
    data = passage_data(corpus, development)
    by_id = {p.id: p for p in corpus.passages}
    x = np.array([cues(corpus, by_id[i]) for i in data.ids], dtype=object)
    fold = np.array([folds[d] for d in data.groups])
    logits = np.zeros(data.y.shape)
    for k in np.unique(fold):
        inside, own = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        for head in range(data.y.shape[1]):
            rows = inside[data.mask[inside, head]]
            y = data.y[rows, head]
            if blind or len(set(y)) < 2:
                logits[own, head] = np.log((y.sum() + 1) / (len(y) - y.sum() + 1))
                continue
            columns = make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore", min_frequency=3), list(range(len(FACTS)))),
                (StandardScaler(), list(range(len(FACTS), len(FACTS) + len(NUMBERS)))),
            )
            model = make_pipeline(columns, LogisticRegression(C=0.3, max_iter=2000))
            logits[own, head] = model.fit(x[rows], y).decision_function(x[own])
    p, stance, held = (
        np.zeros((len(data), len(names.topics))),
        np.zeros((len(data), len(names.topics), len(names.stances))),
        None,
    )
    held = np.zeros(p.shape, dtype=bool)
    for k in np.unique(fold):
        inside, own = fold != k, fold == k
        calibration = decide.fit_calibration(logits[inside], data.y[inside], data.mask[inside])
        q, _ = decide.probabilities(calibration(logits[inside]), names)
        thresholds = decide.fit_thresholds(q, data.y[inside][:, : len(names.topics)])
        p[own], stance[own] = decide.probabilities(calibration(logits[own]), names)
        held[own] = p[own] >= thresholds
    return report(
        Predictions(names, data.ids, data.groups, p, stance, held), Gold.from_heads(data.y, names)
    )


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--corpus")
    options.add_argument("--out", type=Path, default=HERE)
    args = options.parse_args()
    corpus, _, development = check(compose_config([f"corpus={args.corpus}"] if args.corpus else []))
    names = labeller_names(corpus.codebook)
    folds = dict(
        zip(development, make_folds(corpus, development, 5, derive_seed(0, "folds")), strict=True)
    )
    reports = {
        "shares alone": surface(corpus, development, folds, names, blind=True),
        "surface cues": surface(corpus, development, folds, names, blind=False),
    }
    for kind in ("keywords", "tfidf"):
        config = compose_config([f"model={kind}"])
        fitted = fit_labeller(
            corpus,
            development,
            lambda c=config: build_model(c.model, corpus.codebook, corpus.root),
            config,
            lambda *_: None,
        )
        reports[kind] = report(*fitted.passages)
    wanted = [
        "topic/macro_f1",
        "stance/macro_f1",
        "joint/f1",
        *(f"topic/{t}/average_precision" for t in names.topics),
    ]
    lines = [
        f"Corpus {corpus.sha256[:16]}, {len(development)} documents, cross-fitted; 95% intervals "
        "resampled by document.",
        "",
    ]
    lines += ["| score | " + " | ".join(reports) + " |", "|---|" + "---|" * len(reports)]
    for name in wanted:
        cells = []
        for r in reports.values():
            low, high = r.intervals.get(name, (None, None))
            cells.append(
                f"{r.scores[name]:.3f}" + (f" [{low:.3f}, {high:.3f}]" if low is not None else "")
            )
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    (args.out / "results.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
