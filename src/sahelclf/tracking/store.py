"""The MLflow store: found or made before anything is logged, with absolute paths, safe for two at once.

MLflow's own first use crashes when two processes meet in the schema migrations (its default store is made lazily), so
the store and the experiment are made under a lock. Artifact paths are absolute in MLflow: a moved folder breaks the
pages of old runs, never a bundle.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from sahelclf.errors import RequestError, SahelclfError

EXPERIMENT = "sahelclf"
ARTIFACTS = "mlartifacts"
KIND = {
    "mlflow.experimentKind": "custom_model_development"
}  # else the pages are laid out for chat traces
VIEW_NAME = "scores"
COLUMNS = [
    "params.`model`", "params.`seed`", "metrics.`topic/macro_f1`", "metrics.`stance/macro_f1`", "metrics.`joint/f1`",
    "metrics.`calibration/ece`", "metrics.`train/seconds`", "metrics.`speed/passages_per_second`",
]  # fmt: skip
VIEW = {  # a view of `mlflow ui`: these columns, the best topic score first; runs_page() is its address
    f"mlflow.sharedViewState.{VIEW_NAME}": json.dumps({
        "searchFilter": "", "orderByKey": "metrics.`topic/macro_f1`", "orderByAsc": False, "startTime": "ALL",
        "lifecycleFilter": "Active", "datasetsFilter": [], "modelVersionFilter": "All Runs", "selectedColumns": COLUMNS,
        "columnOrder": COLUMNS, "columnWidths": dict.fromkeys(COLUMNS, 130), "runsExpanded": {}, "runsPinned": [], "runsHidden": [],
    })
}  # fmt: skip
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
}


@cache
def mlflow() -> Any:
    """MLflow, imported where it is used, without telemetry, progress bars or chatter."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import logging

    for name in ("alembic", "mlflow.tracking.fluent"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(
        logging.CRITICAL
    )  # it prints tracebacks of what it raises anyway
    import mlflow as module

    return module


def client() -> Any:
    """A client of the store that `tracking_uri` names."""
    module = mlflow()
    module.set_tracking_uri(tracking_uri())
    return module.MlflowClient()


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI`, else `mlflow.db` in the working folder, where `mlflow ui` looks."""
    return (
        os.environ.get("MLFLOW_TRACKING_URI")
        or f"sqlite:///{(Path.cwd() / 'mlflow.db').as_posix()}"
    )


def store_exists() -> bool:
    """Whether there is a store to read from; asking MLflow would make one. Servers are taken to be there."""
    uri = tracking_uri()
    return not uri.startswith("sqlite:///") or Path(uri.removeprefix("sqlite:///")).exists()


def experiment_id() -> str:
    """The experiment to log into; store and experiment are made if need be."""
    uri, name = tracking_uri(), os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
    module = mlflow()
    module.set_tracking_uri(uri)
    key = hashlib.sha256(uri.encode()).hexdigest()[:16]
    with (
        store_errors(),
        FileLock(Path(tempfile.gettempdir()) / f"sahelclf-{key}.lock", timeout=120),
    ):
        client = module.MlflowClient()
        found = client.get_experiment_by_name(name)
        if found is None:
            return str(
                client.create_experiment(
                    name, artifact_location=_artifact_location(uri), tags=KIND | VIEW
                )
            )
    if found.lifecycle_stage == "deleted":
        raise RequestError(
            f"MLflow experiment {name!r} in {uri} is deleted; restore it in mlflow ui or set MLFLOW_EXPERIMENT_NAME"
        )
    return str(found.experiment_id)


def runs_page(experiment: str) -> str:
    """Where `mlflow ui` shows the runs in our view; without these words it opens a page for chat traces."""
    return f"/#/experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={VIEW_NAME}"


def _artifact_location(uri: str) -> str | None:
    """Beside an SQLite file; a server knows its own."""
    if not uri.startswith("sqlite:///"):
        return None
    return (Path(uri.removeprefix("sqlite:///")).resolve().parent / ARTIFACTS).as_uri()


@contextmanager
def store_errors() -> Iterator[None]:
    """Whatever MLflow, SQLAlchemy or the file system raise inside becomes one message of ours."""
    try:
        yield
    except SahelclfError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        raise SahelclfError(
            f"MLflow store {tracking_uri()}: {text}. Is the folder writable, the disk not full, the server up? "
            "MLFLOW_TRACKING_URI names another store."
        ) from error
