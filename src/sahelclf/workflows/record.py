"""The record of a training in its MLflow run."""

import json
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from sahelclf.bundle.labeller import Labeller
from sahelclf.config import flat_settings
from sahelclf.evaluation.groups import group_scores
from sahelclf.evaluation.report import HEADLINE
from sahelclf.reports.figures import figures
from sahelclf.tasks.labeller import passage_data
from sahelclf.tracking.runs import Record
from sahelclf.training.run import Result, Scored
from sahelclf.training.seeds import derive_seed
from sahelclf.versions import installed_versions
from sahelclf.workflows.errors import run_page


def training_record(trained: Result, target: Path) -> Record:
    """Parameters, metrics, inputs with their hash, figures, predictions and the configuration."""
    config, corpus = trained.config, trained.corpus
    settings = config.model_dump(mode="json")
    metrics = trained.passages.report.metrics() | (
        trained.documents.report.headline("document/") if trained.documents else {}
    )
    metrics |= {f"agreement/{k}": v for k, v in trained.agreement.get("passage", {}).items()}
    metrics |= trained.cv | {
        "train/seconds": trained.seconds,
        "speed/passages_per_second": trained.passages_per_second,
    }
    if trained.peak_gib is not None:
        metrics["memory/peak_gib"] = trained.peak_gib
    predictions, gold = trained.passages.predictions, trained.passages.gold
    groups = group_scores(predictions, gold, corpus, derive_seed(config.seed, "groups"))
    reports = {"passage": trained.passages.report} | (
        {"document": trained.documents.report} if trained.documents else {}
    )
    source = str(corpus.root)
    inputs = []
    for part, ids in trained.parts.items():
        if part == "test":
            continue
        data = passage_data(corpus, ids)
        frame = pd.DataFrame({"id": data.ids, "text": data.texts})
        about = {
            "name": f"{corpus.root.name}-{config.split}-{part}",
            "source": source,
            "sha256": corpus.sha256,
        }
        inputs.append((part, frame, about))
    return Record(
        params=flat_settings(settings)
        | {"corpus": corpus.root.name}
        | trained.fitted.model.computed_with,
        tags={
            "corpus_sha256": corpus.sha256,
            "codebook": corpus.codebook.version,
            "bundle": str(target),
            "mlflow.note.content": _description(trained, target),
        },
        metrics=metrics,
        inputs=inputs,
        texts={
            "config.json": json.dumps(settings, indent=1) + "\n",
            "versions.json": json.dumps(installed_versions(), indent=1) + "\n",
            "notes.txt": "\n".join(trained.notes) + "\n",
            "errors.html": run_page(predictions, gold, corpus, Labeller.load(target)),
        },
        tables={
            f"predictions/{level}.csv": _table(scored)
            for level, scored in (("passages", trained.passages), ("documents", trained.documents))
            if scored
        }
        | {"scores/groups.csv": pd.DataFrame([asdict(g) for g in groups])},
        figures=figures(
            predictions,
            gold,
            trained.fitted.decision.thresholds,
            groups=groups,
            reports=reports,
            agreement=trained.agreement,
        ),
    )


def _description(trained: Result, target: Path) -> str:
    """The description on the run's page in MLflow."""
    config, report = trained.config, trained.passages.report
    lines = [
        f"**{config.model.kind}**, split `{config.split}`, seed {config.seed}; "
        f"{report.n_units:,} passages of {report.n_documents} documents.",
        "",
    ]
    for name in HEADLINE:
        low, high = report.intervals[name]
        lines.append(f"- {name}: {report.scores[name]:.3f} [{low:.3f}, {high:.3f}]")
    lines += [
        "",
        *(f"- note: {note}" for note in trained.notes),
        "",
        f"Bundle: `{target}`. The artefact `errors.html` shows every passage with its mistakes.",
    ]
    return "\n".join(lines)


def _table(scored: Scored) -> pd.DataFrame:
    return pd.DataFrame(scored.predictions.flat_rows(scored.gold))
