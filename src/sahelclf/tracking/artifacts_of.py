"""What a run of the store holds, as plain values: parameters, tags, metrics and its small text artifacts."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from sahelclf.errors import RequestError
from sahelclf.tracking.store import experiment_id, mlflow, store_errors, store_exists, tracking_uri

TEXTS = ("predictions/passages.csv", "predictions/documents.csv", "robustness.csv", "robustness.json", "config.json", "versions.json", "notes.txt")


@dataclass(frozen=True)
class StoredRun:
    """One run; `texts` are those of `TEXTS` that it has."""

    run_id: str
    name: str
    status: str
    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]
    texts: dict[str, str]

    @property
    def kind(self) -> str:
        """`train`, `sweep`, `robustness`; empty for runs that sahelclf did not make."""
        return self.tags.get("sahelclf.kind", "")


def read_run(run_id: str) -> StoredRun | None:
    """The run, or None where there is no store or it does not know the run."""
    if not store_exists():
        return None
    module = mlflow()
    module.set_tracking_uri(tracking_uri())
    client = module.MlflowClient()
    with store_errors():
        try:
            run = client.get_run(run_id)
        except module.exceptions.MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise
        there = {a.path for folder in (None, "predictions") for a in client.list_artifacts(run_id, folder)}
        with tempfile.TemporaryDirectory(prefix="sahelclf-") as scratch:
            found = {t: Path(client.download_artifacts(run_id, t, scratch)) for t in TEXTS if t in there}
            texts = {name: path.read_text(encoding="utf-8") for name, path in found.items()}
    return StoredRun(run_id, str(run.info.run_name), str(run.info.status), dict(run.data.tags), dict(run.data.params), dict(run.data.metrics), texts)


def finished_children(run_id: str) -> list[str]:
    """Ids of the finished runs of a sweep, first started first."""
    client = mlflow().MlflowClient()
    wanted = f"tags.`mlflow.parentRunId` = '{run_id}' and attributes.status = 'FINISHED'"
    with store_errors():
        found = [str(r.info.run_id) for r in client.search_runs([experiment_id()], filter_string=wanted, order_by=["attributes.start_time ASC"])]
    if not found:
        raise RequestError(f"run {run_id}: a sweep without a finished child in {tracking_uri()}")
    return found
