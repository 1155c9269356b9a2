"""What a sweep ends with: its runs side by side, means over seeds, and the best where there is one.

A setting is marked as best at a score only where every other setting is worse by the paired test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sahelclf.errors import RequestError
from sahelclf.evaluation.compare import WORSE
from sahelclf.workflows.systems import SystemSource, of_runs, read_systems, settings_of

if TYPE_CHECKING:
    from sahelclf.evaluation.compare import Comparison

BEST = "best"


@dataclass(frozen=True)
class SweepResult:
    """The table of a sweep (its header first), what it says of the best, and its page in MLflow."""

    run_id: str
    table: list[list[str]]
    verdict: str
    page: str


def summarise_sweep(parent_run_id: str) -> SweepResult:
    """Compare the finished runs of a sweep, and log the table in its parent run.

    Raises
    ------
    RequestError
        No run of the sweep finished.
    """
    from sahelclf.reports.text import table
    from sahelclf.tracking.read import finished_children, read_run
    from sahelclf.tracking.runs import Record, log_record
    from sahelclf.tracking.store import add_view, experiment_id
    from sahelclf.tracking.views import runs_page, sweep_view

    children = finished_children(read_run(parent_run_id, "sweep"))
    settings = settings_of(children)
    rows = _rows(settings)
    best, verdict = _best(settings)
    scores = _scores(rows)
    marked = [["run", "id", *scores]]
    for source, cells, run_id in rows:
        shown = [
            f"{cells[s]}{f' {BEST}' if best.get(s) == source.name else ''}" if s in cells else ""
            for s in scores
        ]
        marked.append([source.name, run_id[:8], *shown])
    experiment = experiment_id()
    add_view(experiment, parent_run_id, sweep_view(parent_run_id))
    text = table(marked, "github") + f"\n\n{verdict}\n"
    tags = {"mlflow.note.content": text}
    log_record(parent_run_id, Record(tags=tags, texts={"sweep.md": text}))
    page = runs_page(experiment, parent_run_id, charts=True)
    return SweepResult(parent_run_id, marked, verdict, page)


def _scores(rows: Sequence[tuple[SystemSource, dict[str, str], str]]) -> list[str]:
    return list(dict.fromkeys(score for _, cells, _ in rows for score in cells))


def _rows(settings: Sequence[SystemSource]) -> list[tuple[SystemSource, dict[str, str], str]]:
    """Each run with its recorded scores; after the seeds of a setting, their mean."""
    from sahelclf.evaluation.report import HEADLINE
    from sahelclf.reports.tables import with_interval

    rows = []
    for setting in settings:
        for run in setting.runs:
            cells = {
                s: with_interval(*(run.metrics[s + end] for end in ("", "/low", "/high")))
                for s in HEADLINE
                if s in run.metrics
            }
            rows.append((of_runs([run]), cells, run.id))
        if len(setting.runs) > 1:
            rows.append((setting, _mean_cells(setting), ""))
    return rows


def _mean_cells(setting: SystemSource) -> dict[str, str]:
    """Mean and standard deviation over the seeds of a setting."""
    import numpy as np

    from sahelclf.evaluation.report import HEADLINE

    cells = {}
    for score in (s for s in HEADLINE if s in setting.runs[0].metrics):
        values = [r.metrics[score] for r in setting.runs]
        cells[score] = f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"
    return cells


def _best(settings: Sequence[SystemSource]) -> tuple[dict[str, str], str]:
    """By score, the name of the setting that is better than all others; and what to say of it."""
    from sahelclf.evaluation.compare import compare

    if len(settings) < 2:
        return {}, "one setting: nothing to choose between"
    try:
        systems = read_systems(settings, "passage", "development", None)
        compared: dict[int, Comparison] = {0: compare(systems)}
    except RequestError as error:  # a sweep over corpora or splits
        return {}, f"not compared: {str(error).splitlines()[0]}"
    first, best = compared[0], {}
    scores = list(dict.fromkeys(r.score for r in first.rows))
    for score in scores:
        values = [first.row(score, k).value for k in range(len(systems))]
        top = values.index(max(values))
        if top not in compared:
            order = [systems[top], *systems[:top], *systems[top + 1 :]]
            compared[top] = compare(order)
        verdicts = [r.verdict for r in compared[top].rows if r.score == score and r.difference]
        if all(v == WORSE for v in verdicts):
            best[score] = settings[top].name
    without = [s for s in scores if s not in best]
    if not without:
        return best, f"'{BEST}': better than every other setting (paired test, Holm)"
    return best, (
        f"{', '.join(without)}: the best is not distinguishable from all others (paired test, Holm)"
    )
