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
from sahelclf.training.run import Result
from sahelclf.training.seeds import derive_seed
from sahelclf.versions import installed_versions
from sahelclf.workflows.errors import run_page


def training_record(trained: Result, target: Path) -> Record:
    """Parameters, metrics, inputs with their hash, figures, predictions and the configuration."""
    config, corpus, passages = trained.config, trained.corpus, trained.passages
    levels = {"passage": passages, "document": trained.documents}
    scored = {name: level for name, level in levels.items() if level}
    settings = config.model_dump(mode="json")
    groups = group_scores(
        passages.predictions, passages.gold, corpus, derive_seed(config.seed, "groups")
    )
    tables = {
        f"predictions/{name}s.csv": pd.DataFrame(level.predictions.flat_rows(level.gold))
        for name, level in scored.items()
    }
    params = {"corpus": corpus.root.name} | trained.fitted.model.computed_with
    page = run_page(passages.predictions, passages.gold, corpus, Labeller.load(target))
    return Record(
        params=flat_settings(settings) | params,
        tags={
            "corpus_sha256": corpus.sha256,
            "codebook": corpus.codebook.version,
            "bundle": str(target),
            "mlflow.note.content": _description(trained, target),
        },
        metrics=_metrics(trained),
        part="development",
        inputs=[_input(trained, part) for part in trained.parts if part != "test"],
        texts={
            "config.json": json.dumps(settings, indent=1) + "\n",
            "versions.json": json.dumps(installed_versions(), indent=1) + "\n",
            "notes.txt": "\n".join(trained.notes) + "\n",
            "errors.html": page,
        },
        tables=tables | {"scores/groups.csv": pd.DataFrame([asdict(g) for g in groups])},
        figures=figures(
            passages.predictions,
            passages.gold,
            trained.fitted.decision.thresholds,
            groups=groups,
            reports={name: level.report for name, level in scored.items()},
            agreement=trained.agreement,
        ),
    )


def _metrics(trained: Result) -> dict[str, float]:
    metrics = trained.passages.report.metrics() | trained.cv
    if trained.documents:
        metrics |= trained.documents.report.headline("document/")
    metrics |= {f"agreement/{k}": v for k, v in trained.agreement.get("passage", {}).items()}
    metrics["train/seconds"] = trained.seconds
    metrics["speed/passages_per_second"] = trained.passages_per_second
    if trained.peak_gib is not None:
        metrics["memory/peak_gib"] = trained.peak_gib
    return metrics


def _input(trained: Result, part: str) -> tuple[str, pd.DataFrame, dict[str, str]]:
    """The texts of a part of the split, as an input of the run."""
    corpus, data = trained.corpus, passage_data(trained.corpus, trained.parts[part])
    name = f"{corpus.root.name}-{trained.config.split}-{part}"
    about = {"name": name, "source": str(corpus.root), "sha256": corpus.sha256}
    return part, pd.DataFrame({"id": data.ids, "text": data.texts}), about


def _description(trained: Result, target: Path) -> str:
    """The description on the run's page in MLflow."""
    config, report = trained.config, trained.passages.report
    lines = [
        f"**{config.model.kind}**, split `{config.split}`, seed {config.seed}; "
        f"{report.n_units:,} passages of {report.n_documents} documents.",
        "",
    ]
    for name in (n for n in HEADLINE if n in report.scores):
        low, high = report.intervals[name]
        lines.append(f"- {name}: {report.scores[name]:.3f} [{low:.3f}, {high:.3f}]")
    lines += [
        "",
        *(f"- note: {note}" for note in trained.notes),
        "",
        f"Bundle: `{target}`. The artefact `errors.html` shows every passage with its mistakes.",
    ]
    return "\n".join(lines)
