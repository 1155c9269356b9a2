"""`train [key=value …] [-m]`."""

import tempfile
import time
from typing import TYPE_CHECKING, Any

from sahelclf.cli.console import duration, progress, result, say, table

if TYPE_CHECKING:
    from sahelclf.workflows.train import Result

HELP = """usage: python -m sahelclf train [group=choice] [key=value …] [-m]

Train a labeller (topics, and the stance on each) on passages, track it in MLflow, write its bundle.
The last line of standard output is the bundle's path.

  model=tfidf|keywords|embedding|transformer|blend|student
                         what to train (default tfidf); model.C=8 changes one of its settings
  model.encoder=minilm|mpnet|FOLDER|HUB_NAME
                         the encoder of embedding and transformer (default minilm)
  model.teacher=BUNDLE   what a student learns from; model.unlabelled=FILES: your own texts beside
  cv=5                   also cross-validate: means over five folds, as cv/…
  corpus=FOLDER          a corpus of the form of annotations/, with its own codebook.yaml
  split=grouped          a split of the corpus (default grouped; also temporal-2021, temporal-2023)
  seed=0                 every random choice derives from it
  crossfit=5             folds that settle calibration and thresholds (3 with a transformer)
  out=FOLDER             where the bundle goes (default bundles/<model>-<run id>)
  resume=RUN_ID          continue a transformer's training that was cut short
  -m seed=0,1,2          a sweep: one parent run in MLflow, one child for each combination
  --config-dir FOLDER    your own model/*.yaml beside ours
  --cfg job              print the configuration and stop

corpus=, out= and resume= take their value as it is typed, commas and brackets included. A sweep
over corpora has each in quotes: -m "corpus='one','two'".
MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME are honoured; by default: mlflow.db in this folder,
experiment 'sahelclf'.

examples:
  python -m sahelclf train
  python -m sahelclf train model=keywords corpus=my-corpus out=first
  python -m sahelclf train -m model=tfidf,keywords seed=0,1
"""


def run(args: list[str]) -> int:
    """Train, once or as a sweep."""
    if {"-h", "--help"} & set(args):
        result(HELP)
        return 0
    if not {"-m", "--multirun"} & set(args):
        _run_jobs(args)
        return 0
    from sahelclf.cli.hydra import overrides
    from sahelclf.tracking.runs import open_run

    varied = " ".join(a for a in args if "=" in a and "," in a and overrides([a]) == [a])
    with (
        open_run(f"sweep {varied}", tags={"sahelclf.kind": "sweep"}) as parent,
        tempfile.TemporaryDirectory() as scratch,
    ):
        folders = [f"hydra.sweep.dir={scratch}", "hydra.sweep.subdir=."]
        _run_jobs([*args, f"parent_run_id={parent}", *folders], parent)
    return 0


def _run_jobs(args: list[str], parent: str = "") -> None:
    from sahelclf.cli.hydra import run_jobs

    started = time.monotonic()
    n_done = 0

    def job(settings: dict[str, Any], overrides: list[str]) -> None:
        nonlocal n_done
        _train(settings, overrides, short=bool(parent))
        n_done += 1

    failures = run_jobs("train", args, job)
    if parent and n_done:
        _show_sweep(parent, time.monotonic() - started)
    for other in failures[1:]:
        say(f"sahelclf: {other}", "red")
    if failures:
        raise failures[0]


def _train(settings: dict[str, Any], overrides: list[str], *, short: bool) -> None:
    from sahelclf.config import train_config
    from sahelclf.workflows.train import refuse_other_settings, run_training

    started = time.monotonic()
    config = train_config(settings)
    if config.resume:
        own = ("resume=", "hydra.", "hydra/")
        refuse_other_settings([o for o in overrides if not o.startswith(own)])
    with progress() as show:
        trained = run_training(config, show)
    seconds = time.monotonic() - started
    if short:
        say(f"{trained.name}: {duration(seconds)}")
    else:
        _show(trained, seconds)
    result(str(trained.bundle))


def _show(done: "Result", seconds: float) -> None:
    """The tables of scores and the next three commands."""
    from sahelclf.evaluation.report import HEADLINE
    from sahelclf.evaluation.warnings import explained
    from sahelclf.reports.tables import label_table, score_table
    from sahelclf.tracking.store import experiment_id, shown_in_ui
    from sahelclf.tracking.views import runs_page

    trained, report = done.trained, done.trained.passages.report
    names = trained.passages.predictions.names
    say(
        f"{done.name}: {report.n_units:,} passages of {report.n_documents} documents, trained and "
        f"written in {duration(seconds)}",
        "bold",
    )
    agreement = trained.agreement.get("passage", {})
    human = "; 'annotators' is their F1 against each other (passages)" if agreement else ""
    say(f"Development scores, cross-fitted, with 95% intervals resampled by document{human}:\n")
    table(score_table("passages", done.reports, agreement, names).shown)
    say()
    table([row[1:] for row in label_table({"": report}, names).shown])
    if trained.cv:
        folds = ", ".join(
            f"{n} {trained.cv[f'cv/{n}']:.3f} ± {trained.cv[f'cv/{n}/sd']:.3f}"
            for n in HEADLINE
            if f"cv/{n}" in trained.cv
        )
        say(f"\ncross-validated, mean ± sd over folds: {folds}")
    for note in (*trained.notes, *explained(report.warnings)):
        say(f"note: {note}", "yellow")
    bundle = done.bundle
    say("\nNext:", "bold")
    say(f"  python -m sahelclf predict {bundle} YOUR.csv --text COLUMN -o labels.csv")
    say("  and once, when every choice is made:")
    say(f"  python -m sahelclf evaluate {bundle} --split test")
    say(f"  all runs side by side (this one is {done.run_id[:8]}):")
    say(f"  {shown_in_ui(runs_page(experiment_id()))}")


def _show_sweep(parent: str, seconds: float) -> None:
    """The runs side by side, and where to see them as charts."""
    from sahelclf.tracking.store import shown_in_ui
    from sahelclf.workflows.sweep import summarise_sweep

    done = summarise_sweep(parent)
    n = len({row[1] for row in done.table[1:]} - {""})
    head = f"sweep: {n} runs in {duration(seconds)}"
    say(f"\n{head}; development scores of passages with 95% intervals\n", "bold")
    table(done.table)
    say(f"{done.verdict}\n")
    say("Next:", "bold")
    say("  differences with their intervals, parameters and cost:")
    say(f"  python -m sahelclf compare {parent}")
    say("  the same runs as charts:")
    say(f"  {shown_in_ui(done.page)}")
