"""Fit the models on public sets, score them, and keep the results in files and in MLflow."""

import json
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sahelclf.config import BenchmarkConfig
from sahelclf.errors import RequestError
from sahelclf.studies.benchmark.fits import fit_cells
from sahelclf.studies.benchmark.leakage import Overlap, find_leaks
from sahelclf.studies.benchmark.results import (
    add_to_ledger,
    plain_rows,
    results_name,
    write_results,
)
from sahelclf.studies.benchmark.scores import score_systems, systems_of
from sahelclf.studies.benchmark.sets import read_sets
from sahelclf.tracking import runs
from sahelclf.training.steps import OnStep
from sahelclf.versions import installed_versions
from sahelclf.workflows.progress import curves_in, show_nothing

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class BenchmarkResult:
    """The scores as plain rows, what training and test parts share, and where the results are."""

    rows: list[dict[str, Any]]
    leaks: dict[str, dict[str, Overlap]]
    folder: Path
    name: str
    run_id: str


def benchmark(config: BenchmarkConfig, show: OnStep = show_nothing) -> BenchmarkResult:
    """Fit every cell that has no file yet, score the systems, and write the results.

    `show` receives every step.

    Raises
    ------
    RequestError
        `root` is missing, or a set cannot be read there.
    """
    if config.root is None:
        raise RequestError(
            "benchmark: root= is missing; expected the folder with the clones of the public "
            "repositories; see python -m sahelclf benchmark --help"
        )
    sets = read_sets(config.sets or list(config.benchmark.sets), config.root)
    for name, one in sets.items():
        LOG.info("%s: %s", name, ", ".join(f"{len(d):,} {part}" for part, d in one.parts.items()))
        if config.part not in one.parts:
            LOG.info("note: %s has no development part; it has no scores with part=dev", name)
    folder = Path(config.out) if config.out else Path("benchmarks") / config.benchmark.name
    title = f"benchmark {config.benchmark.name}, {config.part}"
    with runs.open_run(title, tags={"sahelclf.kind": "benchmark"}) as run_id:
        fitted = fit_cells(config, sets, folder / "cells", curves_in(run_id, show))
        scores = [
            row
            for name, one in sets.items()
            for row in score_systems(one, systems_of(config, fitted[name]), config.part)
        ]
        if config.part == "test":
            add_to_ledger(folder, scores)
        rows = plain_rows(config, scores)
        write_results(folder, config, rows, fitted)
        runs.log_record(run_id, _record(config, rows, folder))
    leaks = {name: find_leaks(one) for name, one in sets.items()}
    return BenchmarkResult(rows, leaks, folder, results_name(config), run_id)


def _record(config: BenchmarkConfig, rows: list[dict[str, Any]], folder: Path) -> runs.Record:
    files = [folder / f"{results_name(config)}.{ending}" for ending in ("json", "md")]
    texts = {path.name: path.read_text(encoding="utf-8") for path in files}
    return runs.Record(
        params={"suite": config.benchmark.name, "part": config.part, "seeds": str(config.seeds)},
        tags={"folder": str(folder)},
        metrics={
            metric_name(*(r[k] for k in ("part", "set", "system", "metric", "rows"))): r["value"]
            for r in rows
        },
        texts=texts | settings_texts(config.model_dump(mode="json")),
    )


def metric_name(*parts: str) -> str:
    """A name that MLflow takes for a metric."""
    return re.sub(r"[^\w.\-/]", "_", "/".join(parts))


def settings_texts(settings: dict[str, Any]) -> dict[str, str]:
    """The files of a run that say with which settings and versions it ran."""
    files = {"config.json": settings, "versions.json": installed_versions()}
    return {name: json.dumps(content, indent=1) + "\n" for name, content in files.items()}
