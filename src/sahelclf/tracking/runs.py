"""Runs: few flat parameters, the design's metrics, inputs with their hash, figures, predictions, and the bundle."""

import json
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pandas as pd
import psutil

from sahelclf.errors import BundleError, RequestError
from sahelclf.tracking.read import find_run
from sahelclf.tracking.store import experiment_id, mlflow, store_errors, store_exists, tracking_uri

P = ParamSpec("P")
T = TypeVar("T")

MODEL_NAME = "labeller"


def _in_store(function: Callable[P, T]) -> Callable[P, T]:
    @wraps(function)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
        with store_errors():
            return function(*args, **kwargs)

    return guarded


@dataclass(frozen=True)
class Record:
    """What one run is to hold: plain values, so that whoever makes them need not know MLflow."""

    params: dict[str, Any]
    tags: dict[str, str]
    metrics: dict[str, float]
    inputs: list[tuple[str, pd.DataFrame, dict[str, str]]]
    texts: dict[str, str]
    tables: dict[str, pd.DataFrame]
    figures: dict[str, Any]


@contextmanager
def open_run(
    name: str,
    parent_run_id: str | None = None,
    tags: dict[str, str] | None = None,
    resume: str | None = None,
) -> Iterator[str]:
    """A run that ends as FINISHED, KILLED (Ctrl-C) or FAILED, whatever happens inside; yields its id.

    `resume` is the id of a run that goes on instead of a new one. The client is used, not MLflow's active-run stack: MLFLOW_RUN_ID left in the environment would capture the run.
    """
    client, experiment = mlflow().MlflowClient, experiment_id()
    me = {"sahelclf.host": platform.node(), "sahelclf.pid": str(os.getpid())}
    all_tags = {"mlflow.runName": name, "mlflow.source.name": "sahelclf"} | me | (tags or {})
    if parent_run_id:
        all_tags["mlflow.parentRunId"] = parent_run_id
    with store_errors():
        _close_dead_runs(experiment)
        run_id = (
            _reopened(resume, me)
            if resume
            else str(client().create_run(experiment, tags=all_tags, run_name=name).info.run_id)
        )
    status = "FAILED"
    try:
        yield run_id
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        with store_errors():
            client().set_terminated(run_id, status)


def _reopened(run_id: str, tags: dict[str, str]) -> str:
    """A run that was cut short, running again."""
    if find_run(run_id) is None:
        raise RequestError(
            f"resume={run_id}: the MLflow store {tracking_uri()} has no such run; cd to where mlflow.db lies"
        )
    client = mlflow().MlflowClient()
    client.update_run(run_id, status="RUNNING")
    for name, value in tags.items():
        client.set_tag(run_id, name, value)
    return run_id


def _close_dead_runs(experiment: str) -> None:
    """Runs of this machine whose process is gone, as after SIGKILL, are marked KILLED; else they run for ever."""
    client = mlflow().MlflowClient()
    mine = f"attributes.status = 'RUNNING' and tags.`sahelclf.host` = '{platform.node()}'"
    for run in client.search_runs([experiment], filter_string=mine):
        pid = run.data.tags.get("sahelclf.pid", "")
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            client.set_terminated(run.info.run_id, "KILLED")


@_in_store
def log_record(run_id: str, record: Record) -> None:
    """Write a record into a run, metrics in one batch."""
    module = mlflow()
    client = module.MlflowClient()
    entities = module.entities

    stamp = int(time.time() * 1000)
    numbers = [entities.Metric(k, float(v), stamp, 0) for k, v in record.metrics.items()]
    params = [entities.Param(k, str(v)) for k, v in record.params.items()]
    tags = [entities.RunTag(k, v) for k, v in record.tags.items()]
    client.log_batch(run_id, metrics=numbers, params=params, tags=tags)
    inputs = []
    for context, frame, about in record.inputs:
        data = module.data.from_pandas(frame, name=about["name"])
        entity = entities.Dataset(
            name=data.name,
            digest=about["sha256"][:36],
            source_type="local",
            source=about["source"],
            schema=json.dumps(data.schema.to_dict()) if data.schema else None,
            profile=json.dumps(data.profile),
        )
        inputs.append(
            entities.DatasetInput(entity, [entities.InputTag("mlflow.data.context", context)])
        )
    if inputs:
        client.log_inputs(run_id, datasets=inputs)
    for path, text in record.texts.items():
        client.log_text(run_id, text, path)
    for path, frame in record.tables.items():
        client.log_text(run_id, frame.to_csv(index=False), path)
    for path, figure in record.figures.items():
        client.log_figure(run_id, figure, path)


@_in_store
def log_points(run_id: str, points: Sequence[tuple[str, float, int]]) -> None:
    """Points of curves: name, value, step."""
    module = mlflow()
    stamp = int(time.time() * 1000)
    module.MlflowClient().log_batch(
        run_id, metrics=[module.entities.Metric(n, float(v), stamp, step) for n, v, step in points]
    )


@_in_store
def last_point(run_id: str, name: str) -> int:
    """The step that a curve has come to, 0 before its first point."""
    return max(
        (point.step for point in mlflow().MlflowClient().get_metric_history(run_id, name)),
        default=0,
    )


@_in_store
def log_bundle(run_id: str, folder: Path, metrics: dict[str, float]) -> str:
    """Log a bundle as the run's model, so that `runs:/<run id>/labeller` and `models:/<id>` load it; returns its id."""
    module = mlflow()
    client = module.MlflowClient()
    model = client.create_logged_model(
        experiment_id(), name=MODEL_NAME, source_run_id=run_id, model_type="labeller"
    )
    client.log_model_artifacts(model.model_id, str(folder))
    client.finalize_logged_model(model.model_id, module.entities.LoggedModelStatus.READY)
    client.log_outputs(run_id, models=[module.entities.LoggedModelOutput(model.model_id, 0)])
    headline = {
        k: v for k, v in metrics.items() if k in {"topic/macro_f1", "stance/macro_f1", "joint/f1"}
    }
    for name, value in headline.items():
        client.log_metric(run_id, name, value, model_id=model.model_id)
    return str(model.model_id)


@contextmanager
def fetched_bundle(uri: str) -> Iterator[Path]:
    """A local copy of a bundle that MLflow holds, for the time of the block; `runs:/<run id>` means that run's labeller."""
    if uri.startswith("runs:/") and "/" not in uri.removeprefix("runs:/").strip("/"):
        uri = f"{uri.rstrip('/')}/{MODEL_NAME}"
    if not store_exists():
        raise BundleError(
            f"{uri}: there is no MLflow store {tracking_uri()}; cd to where mlflow.db lies, or set MLFLOW_TRACKING_URI"
        )
    module = mlflow()
    module.set_tracking_uri(tracking_uri())
    with tempfile.TemporaryDirectory(prefix="sahelclf-") as scratch:
        try:
            folder = module.artifacts.download_artifacts(artifact_uri=uri, dst_path=scratch)
        except Exception as error:
            text = " ".join(str(error).split())[:300]
            raise BundleError(f"{uri}: not in the MLflow store {tracking_uri()}: {text}") from error
        yield Path(folder)


@_in_store
def log_scores(run_id: str, metrics: dict[str, float]) -> bool:
    """Add scores to a run; False where the store does not know the run."""
    if find_run(run_id) is None:
        return False
    client = mlflow().MlflowClient()
    for name, value in metrics.items():
        client.log_metric(run_id, name, value)
    return True
