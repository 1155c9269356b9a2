"""Runs of the store as plain values."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sahelclf.errors import RequestError
from sahelclf.tracking.store import client, mlflow, shown_uri, store_errors, store_exists

SCORES = "scores"  # the folder of a run with its scores in full


@dataclass(frozen=True)
class Run:
    """A run of the store."""

    id: str
    name: str
    kind: str
    status: str
    params: dict[str, str]
    tags: dict[str, str]
    metrics: dict[str, float]


def find_run(run_id: str) -> Run | None:
    """The run of this id; None where there is no store, or it has no such run."""
    if not run_id or not store_exists():
        return None
    with store_errors():
        try:
            return _run(client().get_run(run_id))
        except mlflow().exceptions.MlflowException as error:
            if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise
    return None


def read_run(run_id: str, name: str) -> Run:
    """The run of this id; raise where there is none. `name` is what the user typed."""
    if not run_id:
        raise RequestError(
            f"{name}: the default labeller has no run in MLflow, and this needs the predictions "
            "that a run has; train one with a run: python -m sahelclf train"
        )
    run = find_run(run_id)
    if run is None:
        where = f"the MLflow store {shown_uri()}"
        why = (
            f"not in {where}, which has no run {run_id}"
            if store_exists()
            else f"there is no {where[4:]}"
        )
        raise RequestError(f"{name}: {why}; cd to where mlflow.db is, or set MLFLOW_TRACKING_URI")
    return run


def finished_children(run: Run) -> list[Run]:
    """The finished runs of a sweep in the order of their start; raise where there is none."""
    with store_errors():
        store = client()
        experiment = store.get_run(run.id).info.experiment_id
        finished = f"tags.`mlflow.parentRunId` = '{run.id}' and attributes.status = 'FINISHED'"
        children = store.search_runs(
            [experiment],
            filter_string=finished,
            order_by=["attributes.start_time ASC"],
            max_results=1000,
        )
    if not children:
        raise RequestError(
            f"run {run.id}: a sweep without a finished child in {shown_uri()}; expected one or more"
        )
    return [_run(r) for r in children]


def full_metrics(run: Run) -> dict[str, float]:
    """The metrics of a run with all their digits, where a file of the run has them."""
    metrics = dict(run.metrics)
    with store_errors():
        names = [a.path for a in client().list_artifacts(run.id, SCORES) if not a.is_dir]
    for name in (n for n in names if n.endswith(".json")):
        with fetched_artifact(run, name) as path:
            if path is not None:
                full = json.loads(path.read_text(encoding="utf-8"))
                metrics |= {k: v for k, v in full.items() if rounded(v) == metrics.get(k)}
    return metrics


def rounded(value: float) -> float:
    """A metric as MLflow shows it: three digits, one from ten on."""
    return round(float(value), 3 if abs(value) < 10 else 1)


@contextmanager
def fetched_artifact(run: Run, path: str) -> Iterator[Path | None]:
    """A local copy of a run's file, removed after the block; None where there is no such file."""
    with tempfile.TemporaryDirectory(prefix="sahelclf-") as scratch:
        with store_errors():
            store = client()
            known = {a.path for a in store.list_artifacts(run.id, path.rpartition("/")[0])}
            copy = Path(store.download_artifacts(run.id, path, scratch)) if path in known else None
        yield copy


def bundle_bytes(run: Run) -> int | None:
    """Size of the run's bundle in MLflow; None where it has none."""
    with store_errors():
        store = client()
        outputs = store.get_run(run.id).outputs
        models = outputs.model_outputs if outputs else []
        return sum(_size(store, m.model_id, None) for m in models) if models else None


def _size(store: Any, model_id: str, folder: str | None) -> int:
    files = store.list_logged_model_artifacts(model_id, folder)
    return sum(_size(store, model_id, f.path) if f.is_dir else int(f.file_size or 0) for f in files)


def _run(entity: Any) -> Run:
    tags = dict(entity.data.tags)
    return Run(
        id=str(entity.info.run_id),
        name=str(entity.info.run_name),
        kind=tags.get("sahelclf.kind", ""),
        status=str(entity.info.status),
        params=dict(entity.data.params),
        tags=tags,
        metrics=dict(entity.data.metrics),
    )
