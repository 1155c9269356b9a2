"""Runs: parameters, metrics, inputs with their hash, figures, predictions, and the bundle."""

import json
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import psutil

from sahelclf.errors import BundleError, masked
from sahelclf.tracking.read import SCORES, read_run, rounded
from sahelclf.tracking.store import (
    client,
    experiment_id,
    missing_files,
    mlflow,
    refuse_foreign_files,
    shown_uri,
    store_errors,
    store_exists,
    tracking_uri,
)

MODEL_NAME = "labeller"
HEADLINE = {"topic/macro_f1", "stance/macro_f1", "joint/f1"}


@dataclass(frozen=True)
class Record:
    """The content of one run, in plain values.

    Metrics are rounded for MLflow, which shows all their digits; `scores/<part>.json` has them in
    full. `inputs` are (context, table, about), where about has `name`, `source` and `sha256`.
    Texts, tables and figures are by path.
    """

    params: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    inputs: list[tuple[str, pd.DataFrame, dict[str, str]]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    part: str = "all"


@contextmanager
def open_run(
    name: str,
    parent_run_id: str | None = None,
    tags: dict[str, str] | None = None,
    resume: str | None = None,
) -> Iterator[str]:
    """A run that ends as FINISHED, KILLED (Ctrl-C) or FAILED; yields its id.

    `resume` is the id of a run to continue. MLflow's active run is not used: MLFLOW_RUN_ID in the
    environment would replace the run.
    """
    experiment = experiment_id()
    process = {"sahelclf.host": platform.node(), "sahelclf.pid": str(os.getpid())}
    all_tags = {"mlflow.runName": name, "mlflow.source.name": "sahelclf"} | process | (tags or {})
    if parent_run_id:
        all_tags["mlflow.parentRunId"] = parent_run_id
    with store_errors():
        _close_dead_runs(experiment)
        if resume:
            _reopen(resume, process)
        run = resume or client().create_run(experiment, tags=all_tags, run_name=name).info.run_id
    status = "FAILED"
    try:
        yield str(run)
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        with store_errors():
            client().set_terminated(run, status)


def _reopen(run_id: str, tags: dict[str, str]) -> None:
    """Mark a run that was cut short as running."""
    read_run(run_id, f"resume={run_id}")
    store = client()
    refuse_foreign_files(store.get_run(run_id).info.artifact_uri)
    store.update_run(run_id, status="RUNNING")
    for name, value in tags.items():
        store.set_tag(run_id, name, value)


def _close_dead_runs(experiment: str) -> None:
    """Mark runs of this machine whose process is gone as KILLED; MLflow would show them running."""
    here = f"attributes.status = 'RUNNING' and tags.`sahelclf.host` = '{platform.node()}'"
    for run in client().search_runs([experiment], filter_string=here):
        pid = run.data.tags.get("sahelclf.pid", "")
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            client().set_terminated(run.info.run_id, "KILLED")


@store_errors()
def log_record(run_id: str, record: Record) -> None:
    """Write a record into a run, metrics in one batch."""
    store, entities = client(), mlflow().entities
    texts = dict(record.texts)
    if record.metrics:
        texts[f"{SCORES}/{record.part}.json"] = json.dumps(record.metrics, indent=1) + "\n"
    if texts or record.tables or record.figures:
        refuse_foreign_files(store.get_run(run_id).info.artifact_uri)
    stamp = int(time.time() * 1000)
    store.log_batch(
        run_id,
        metrics=[entities.Metric(k, rounded(v), stamp, 0) for k, v in record.metrics.items()],
        params=[entities.Param(k, str(v)) for k, v in record.params.items()],
        tags=[entities.RunTag(k, v) for k, v in record.tags.items()],
    )
    if record.inputs:
        store.log_inputs(run_id, datasets=[_input(*given) for given in record.inputs])
    for path, text in texts.items():
        store.log_text(run_id, text, path)
    for path, frame in record.tables.items():
        store.log_text(run_id, frame.to_csv(index=False), path)
    for path, figure in record.figures.items():
        store.log_figure(run_id, figure, path)


def _input(context: str, frame: pd.DataFrame, about: dict[str, str]) -> Any:
    """A table of texts as an input of a run, with the corpus's hash as its digest."""
    entities = mlflow().entities
    data = mlflow().data.from_pandas(frame, name=about["name"])
    entity = entities.Dataset(
        name=data.name,
        digest=about["sha256"][:36],
        source_type="local",
        source=about["source"],
        schema=json.dumps(data.schema.to_dict()) if data.schema else None,
        profile=json.dumps(data.profile),
    )
    return entities.DatasetInput(entity, [entities.InputTag("mlflow.data.context", context)])


@store_errors()
def run_experiments(run_ids: Sequence[str]) -> list[str]:
    """The experiments that these runs are in."""
    return [*dict.fromkeys(str(client().get_run(i).info.experiment_id) for i in run_ids)]


@store_errors()
def log_points(run_id: str, points: Sequence[tuple[str, float, int]]) -> None:
    """Points of curves: name, value, step."""
    metric, stamp = mlflow().entities.Metric, int(time.time() * 1000)
    metrics = [metric(name, float(value), stamp, step) for name, value, step in points]
    client().log_batch(run_id, metrics=metrics)


@store_errors()
def last_point(run_id: str, name: str) -> int:
    """The last step of a curve, 0 before its first point."""
    return max((point.step for point in client().get_metric_history(run_id, name)), default=0)


@store_errors()
def log_bundle(run_id: str, folder: Path, metrics: dict[str, float]) -> str:
    """Log a bundle as the run's model, for `runs:/<run id>` and `models:/<id>`; returns its id."""
    store, entities = client(), mlflow().entities
    model = store.create_logged_model(
        experiment_id(), name=MODEL_NAME, source_run_id=run_id, model_type="labeller"
    )
    store.log_model_artifacts(model.model_id, str(folder))
    store.finalize_logged_model(model.model_id, entities.LoggedModelStatus.READY)
    store.log_outputs(run_id, models=[entities.LoggedModelOutput(model.model_id, 0)])
    for name in HEADLINE & set(metrics):
        store.log_metric(run_id, name, rounded(metrics[name]), model_id=model.model_id)
    return str(model.model_id)


@contextmanager
def fetched_bundle(uri: str) -> Iterator[Path]:
    """A local copy of a bundle, removed after the block; `runs:/<run id>` is its labeller."""
    if uri.startswith("runs:/") and "/" not in uri.removeprefix("runs:/").strip("/"):
        uri = f"{uri.rstrip('/')}/{MODEL_NAME}"
    if not store_exists():
        raise BundleError(
            f"{uri}: there is no MLflow store {shown_uri()}; cd to where mlflow.db is, or set "
            "MLFLOW_TRACKING_URI"
        )
    fetch = mlflow().artifacts.download_artifacts
    with tempfile.TemporaryDirectory(prefix="sahelclf-") as scratch:
        try:
            folder = Path(fetch(uri, dst_path=scratch, tracking_uri=tracking_uri()))
        except Exception as error:
            text = masked(" ".join(str(error).split()))[:300]
            raise BundleError(f"{uri}: not in the MLflow store {shown_uri()}: {text}") from None
        if not folder.is_dir() or not any(folder.iterdir()):
            raise BundleError(missing_files(uri))
        yield folder
