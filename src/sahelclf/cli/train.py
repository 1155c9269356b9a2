"""`train [key=value …] [-m]`."""

import tempfile
from typing import TYPE_CHECKING, Any

from sahelclf.cli.console import progress, result, say, table

if TYPE_CHECKING:
    from sahelclf.workflows.train import Result

HELP = """usage: python -m sahelclf train [group=choice] [key=value …] [-m]

Train a labeller (topics, and the stance on each) on passages, track it in MLflow, write its bundle.
The last line of standard output is the bundle's path.

  model=tfidf|keywords|embedding|transformer|blend
                         what to train (default tfidf); model.C=8 changes one of its settings
  model.encoder=minilm|mpnet|FOLDER|HUB_NAME
                         the encoder of embedding and transformer (default minilm)
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
        _run_jobs([*args, f"parent_run_id={parent}", *folders])
        say(f"sweep: parent run {parent}; sort its children side by side in: mlflow ui")
    return 0


def _run_jobs(args: list[str]) -> None:
    from sahelclf.cli.hydra import run_jobs

    failures = run_jobs("train", args, _train)
    for other in failures[1:]:
        say(f"sahelclf: {other}")
    if failures:
        raise failures[0]


def _train(settings: dict[str, Any], overrides: list[str]) -> None:
    from sahelclf.config import train_config
    from sahelclf.workflows.train import refuse_other_settings, run_training

    config = train_config(settings)
    if config.resume:
        own = ("resume=", "hydra.", "hydra/")
        refuse_other_settings([o for o in overrides if not o.startswith(own)])
    with progress() as show:
        trained = run_training(config, show)
    _show(trained)
    result(str(trained.bundle))


def _show(done: "Result") -> None:
    """The tables of scores and the next three commands."""
    from sahelclf.evaluation.report import HEADLINE
    from sahelclf.reports.tables import label_table, score_table
    from sahelclf.tracking.store import experiment_id, runs_page

    trained, report = done.trained, done.trained.passages.report
    names = trained.passages.predictions.names
    say(
        f"{trained.fitted.model.name}: {report.n_units:,} passages of {report.n_documents} "
        f"documents, {trained.seconds:.1f} s."
    )
    say(
        "Development scores, cross-fitted, with 95% intervals resampled by document; "
        "'annotators' is their F1 against each other (passages):\n"
    )
    agreement = trained.agreement.get("passage", {})
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
    for note in (*trained.notes, *report.warnings):
        say(f"note: {note}")
    bundle, page = done.bundle, runs_page(experiment_id())
    say(f"\nrun {done.run_id}. Next:")
    say(f"  python -m sahelclf predict {bundle} YOUR.csv --text COLUMN -o labels.csv")
    say(f"  python -m sahelclf evaluate {bundle} --split test    (once, when every choice is made)")
    say(f"  mlflow ui    then http://127.0.0.1:5000{page}")
