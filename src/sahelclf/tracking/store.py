"""The MLflow store: found or made before anything is logged, with absolute paths.

Two processes that use a new store at once crash in MLflow's schema migrations, so the store and the
experiment are made under a lock.
"""

import hashlib
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

from sahelclf.errors import RequestError, SahelclfError, masked
from sahelclf.tracking.location import (
    foreign_folder,
    foreign_folders,
    own_folder,
    use_own_folder,
)
from sahelclf.tracking.views import VIEW_NAME, scores_view, view_tag

LOG = logging.getLogger(__name__)
EXPERIMENT = "sahelclf"
KIND = {"mlflow.experimentKind": "custom_model_development"}  # else pages are laid out for chats
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING": "false",
}
LEVELS = {
    "alembic": logging.WARNING,
    "mlflow.tracking.fluent": logging.WARNING,
    "mlflow.store.artifact.artifact_repo": logging.WARNING,
    "mlflow.store.db.utils": logging.CRITICAL,  # it prints tracebacks of what it raises anyway
}
REPAIR = "python -m sahelclf doctor --repair-store"


@cache
def mlflow() -> Any:
    """MLflow, imported where it is used, without telemetry, progress bars or chatter."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    for name, level in LEVELS.items():
        logging.getLogger(name).setLevel(level)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "IProgress not found")  # tqdm in a notebook
        import mlflow as module

    return module


def client() -> Any:
    """A client of `tracking_uri()`; MLflow's own setting would outlast a change of folder."""
    return mlflow().MlflowClient(tracking_uri=tracking_uri())


def tracking_uri() -> str:
    """`MLFLOW_TRACKING_URI`, else `mlflow.db` in the working folder, where `mlflow ui` looks."""
    default = f"sqlite:///{(Path.cwd() / 'mlflow.db').as_posix()}"
    return os.environ.get("MLFLOW_TRACKING_URI") or default


def shown_uri() -> str:
    """The same for messages, without its password."""
    return masked(tracking_uri())


def store_file() -> Path | None:
    """The file of an SQLite store; None for a server or another database."""
    uri = tracking_uri()
    return Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite:///") else None


def store_exists() -> bool:
    """Whether there is a store (MLflow would make one); a server is assumed to be there."""
    file = store_file()
    return file is None or file.exists()


def experiment_id() -> str:
    """The experiment to log into; both are made where they do not exist."""
    uri, name = tracking_uri(), os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
    file = store_file()
    lock = Path(tempfile.gettempdir()) / f"sahelclf-{hashlib.sha256(uri.encode()).hexdigest()[:16]}"
    with store_errors(), FileLock(f"{lock}.lock", timeout=120):
        experiment = client().get_experiment_by_name(name)
        if experiment is None:
            beside = None if file is None else own_folder(file).as_uri()  # a server knows its own
            tags = KIND | {view_tag(VIEW_NAME): scores_view()}
            return str(client().create_experiment(name, beside, tags))
        folder = file and foreign_folder(experiment.artifact_location, file)
        if file and folder:
            use_own_folder(file, experiment.experiment_id)
            LOG.warning(
                "%s was made in %s. New runs keep their files here; for earlier runs: %s",
                *(file, folder.parent, REPAIR),
            )
    if experiment.lifecycle_stage == "deleted":
        raise RequestError(
            f"MLflow experiment {name!r} in {shown_uri()} is deleted; restore it in mlflow ui or "
            "set MLFLOW_EXPERIMENT_NAME"
        )
    if experiment.tags.get(view_tag(VIEW_NAME)) != scores_view():  # of an earlier version
        add_view(experiment.experiment_id, VIEW_NAME, scores_view())
    return str(experiment.experiment_id)


def add_view(experiment: str, name: str, view: str) -> None:
    """Keep a view of `mlflow ui` in an experiment."""
    with store_errors():
        client().set_experiment_tag(experiment, view_tag(name), view)


def shown_in_ui(page: str) -> str:
    """What to type and open to see a page of the store."""
    uri = tracking_uri()
    if uri.startswith(("http://", "https://")):
        return f"{shown_uri().rstrip('/')}{page}"
    here = store_file() == Path.cwd() / "mlflow.db"
    option = "" if here else f" --backend-store-uri {shown_uri()}"
    return f"mlflow ui{option}    then http://127.0.0.1:5000{page}"


def missing_files(what: str) -> str:
    """The message for a run or model whose files are not where the store has them."""
    file = store_file()
    moved = file is not None and file.exists() and foreign_folders(file)
    cause = f"it was made in {next(iter(moved)).parent}; type {REPAIR}" if moved else "deleted?"
    return f"{what}: its files are not where the MLflow store {shown_uri()} has them: {cause}"


def refuse_foreign_files(address: str) -> None:
    """Raise where a run's files would go to the folder that the project was copied from."""
    file = store_file()
    folder = file and foreign_folder(address, file)
    if folder:
        raise SahelclfError(
            f"{file}: the files of this run are in {folder}, another project; type {REPAIR}"
        )


@contextmanager
def store_errors() -> Iterator[None]:
    """What MLflow, SQLAlchemy or the file system raise inside becomes one message of ours."""
    try:
        yield
    except SahelclfError:
        raise
    except Exception as error:
        text = masked(" ".join(str(error).split()))[:300]
        shown = shown_uri()
        message = f"MLflow store {shown}: {text.rstrip('.')}. {_cure(error)}"
        # An address with a password is not shown in a traceback either.
        raise SahelclfError(message) from (error if shown == tracking_uri() else None)


def _cure(error: Exception) -> str:
    other = "MLFLOW_TRACKING_URI names another store."
    if isinstance(error, ModuleNotFoundError):
        return f"Type: pip install {error.name}. {other}"
    if "db upgrade" in str(error):
        return f"Make a copy of the store, then type: mlflow db upgrade {shown_uri()}. {other}"
    if "not a database" in str(error):
        return f"Move the file away: it is no SQLite database. {other}"
    return f"Is the folder writable, the disk not full, the server up? {other}"


def store_problem() -> str | None:
    """What keeps the store from being used; None where it opens, or is still to be made."""
    file = store_file()
    if file is not None and not file.exists():
        return None if os.access(file.parent, os.W_OK) else f"{file.parent} cannot be written"
    if file is not None and not os.access(file, os.W_OK):
        return f"{file} cannot be written; MLFLOW_TRACKING_URI names another store"
    for name, value in (("MAX_RETRIES", "0"), ("TIMEOUT", "5")):
        os.environ.setdefault(f"MLFLOW_HTTP_REQUEST_{name}", value)
    try:
        with store_errors():
            client().search_experiments(max_results=1)
    except SahelclfError as error:
        return str(error)
    return None
