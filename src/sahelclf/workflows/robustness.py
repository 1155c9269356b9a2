"""Run the shift tests and swaps of a model, and keep the results in files and in MLflow."""

import logging
from dataclasses import dataclass
from pathlib import Path

from sahelclf.config import TrainConfig
from sahelclf.files import out_folder
from sahelclf.studies.robustness.run import Robustness, make_plan
from sahelclf.studies.robustness.run import run as run_plan
from sahelclf.studies.robustness.table import as_frame, table_rows, texts_of, write_results
from sahelclf.tracking import runs
from sahelclf.training.steps import OnStep
from sahelclf.workflows.benchmark import metric_name, settings_texts
from sahelclf.workflows.progress import curves_in, show_nothing
from sahelclf.workflows.train import run_name

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RobustnessResult:
    """The results, and where they are."""

    results: Robustness
    folder: Path
    run_id: str


def robustness(config: TrainConfig, show: OnStep = show_nothing) -> RobustnessResult:
    """Plan, report the number of fits, fit, and write the results; `show` receives every step.

    Raises
    ------
    RequestError
        `out` exists already, or the corpus or the settings allow no test.
    """
    out = out_folder(config.out)
    plan = make_plan(config)
    kind, fits = config.model.kind, plan.fits
    for note in plan.notes:
        LOG.info("note: %s", note)
    of_tests = ", ".join(f"{name} {n}" for name, n in fits.items())
    LOG.info("%d fits of %s: %s; swaps need none", sum(fits.values()), kind, of_tests)
    with runs.open_run(
        f"robustness {run_name(config)}", tags={"sahelclf.kind": "robustness"}
    ) as run_id:
        results = run_plan(plan, curves_in(run_id, show))
        folder = out or Path("robustness") / f"{kind}-{run_id}"
        write_results(results, folder)
        runs.log_record(run_id, _record(results, folder))
    return RobustnessResult(results, folder, run_id)


def _record(results: Robustness, folder: Path) -> runs.Record:
    config, corpus = results.plan.config, results.plan.corpus
    metrics = {}
    for row in table_rows(results):
        name = metric_name(row["test"], row["held_out"], row["score"])
        metrics[name] = row["value"]
        if "difference" in row:
            metrics[f"{name}/difference"] = row["difference"]
    texts = texts_of(results) | {"notes.txt": "\n".join(results.plan.notes) + "\n"}
    return runs.Record(
        params={
            "model": config.model.kind,
            "seed": config.seed,
            "split": config.split,
            "crossfit": config.crossfit,
            "corpus": corpus.root.name,
        },
        tags={
            "corpus_sha256": corpus.sha256,
            "codebook": corpus.codebook.version,
            "folder": str(folder),
        },
        metrics=metrics,
        texts=texts | settings_texts(config.model_dump(mode="json")),
        tables={"robustness.csv": as_frame(results)},
    )
