"""What a run holds, read back."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sahelclf.errors import RequestError
from sahelclf.tracking.store import mlflow, store_errors, store_exists, tracking_uri


@contextmanager
def fetched_files(run_id: str, paths: Sequence[str]) -> Iterator[list[Path]]:
    """Local copies of these artefacts of a run, in their order, for the time of the block."""
    where = f"run {run_id}"
    if not store_exists():
        raise RequestError(f"{where}: there is no MLflow store {tracking_uri()}; cd to where mlflow.db lies, or set MLFLOW_TRACKING_URI")
    module = mlflow()
    module.set_tracking_uri(tracking_uri())
    client = module.MlflowClient()
    with tempfile.TemporaryDirectory(prefix="sahelclf-") as scratch:
        try:
            client.get_run(run_id)
        except module.exceptions.MlflowException as error:
            text = " ".join(str(error).split())[:300]
            raise RequestError(f"{where}: not in the MLflow store {tracking_uri()}: {text}; cd to where its mlflow.db lies") from error
        with store_errors():
            folders = [Path(scratch) / str(k) for k, _ in enumerate(paths)]
            for folder in folders:
                folder.mkdir()
            copies = [Path(client.download_artifacts(run_id, p, str(f))) for p, f in zip(paths, folders, strict=True)]
        yield copies
