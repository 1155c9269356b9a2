"""`train`: Hydra composes the configuration; one training, tracking and export are wired together here."""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.cli.console import result, say
from sahelclf.errors import RequestError, SahelclfError
from sahelclf.files import out_folder
from sahelclf.paths import data_root
from sahelclf.reports.text import table

if TYPE_CHECKING:
    from sahelclf.training.resume import Checkpoint

CHECKPOINTS = Path("checkpoints")

HELP = """usage: python -m sahelclf train [group=choice] [key=value …] [-m]

Train a labeller (topics, and the stance on each) on passages, track it in MLflow, write its bundle.
The last line of standard output is the bundle's path.

  model=tfidf|keywords|embedding|transformer|blend
                         what to train (default tfidf); model.C=8 changes one of its settings
  cv=5                   also cross-validate: means over five folds, as cv/…
  corpus=FOLDER          a corpus of the form of annotations/, with its own codebook.yaml
  split=grouped          a split of the corpus (default grouped; also temporal-2021, temporal-2023)
  seed=0                 every random choice derives from it; crossfit=5 (3 with a transformer) folds settle thresholds
  out=FOLDER             where the bundle goes (default bundles/<model>-<run id>)
  resume=RUN_ID          go on with a transformer's training that was cut short
  -m seed=0,1,2          a sweep: one parent run in MLflow, one child for each combination
  --config-dir FOLDER    your own model/*.yaml beside ours
  --cfg job              print the configuration and stop

MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME are honoured; without them: mlflow.db here, experiment 'sahelclf'.
"""


def run(args: list[str]) -> int:
    """Train, once or as a sweep."""
    if {"-h", "--help"} & set(args):
        result(HELP)
        return 0
    sweep = bool({"-m", "--multirun"} & set(args))
    if not sweep:
        _with_hydra(args)
        return 0
    from sahelclf.tracking.runs import open_run

    varied = [a for a in args if "=" in a and "," in a]
    with (
        open_run("sweep " + " ".join(varied), tags={"sahelclf.kind": "sweep"}) as parent,
        tempfile.TemporaryDirectory() as scratch,
    ):
        _with_hydra(
            [*args, f"parent_run_id={parent}", f"hydra.sweep.dir={scratch}", "hydra.sweep.subdir=."]
        )
        say(f"sweep: parent run {parent}; sort its children side by side in: mlflow ui")
    return 0


def _with_hydra(args: list[str]) -> None:
    """Hand the rest of the command line to Hydra, and turn its complaints into ours."""
    from hydra import main as hydra_main
    from hydra._internal.utils import (
        get_args_parser,  # argparse's complaint would print a page of usage; ours is one line
    )
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import DictConfig

    args = _options_first(args)
    strangers = get_args_parser().parse_known_args(args)[1]
    if strangers:
        raise RequestError(
            f"train: unknown option {strangers[0]!r}; see python -m sahelclf train --help"
        )
    failures: list[Exception] = []

    def job(config: DictConfig) -> None:
        from sahelclf.config import train_config
        from sahelclf.training.compose import plain_settings

        try:
            train(plain_settings(config), train_config, HydraConfig.get().overrides.task)
        except Exception as error:  # Hydra would print it in its own way; raised again below
            failures.append(error)

    decorated = hydra_main(
        version_base="1.3", config_path=str(data_root() / "conf"), config_name="train"
    )(job)
    argv, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = ["sahelclf train", *args]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints errors in its own way and exits with 1
    try:
        with complaints_of_hydra("train"):
            decorated()
    finally:
        sys.argv = argv
        os.environ.pop("HYDRA_FULL_ERROR") if full is None else os.environ.__setitem__(
            "HYDRA_FULL_ERROR", full
        )
    for other in failures[1:]:
        say(f"sahelclf: {other}")
    if failures:
        with complaints_of_hydra("train"):
            raise failures[0]


def _options_first(args: list[str]) -> list[str]:
    """Hydra's own options before the overrides: its parser stops at an option that stands among them."""
    with_value = {
        "--config-dir",
        "-cd",
        "--config-path",
        "-cp",
        "--config-name",
        "-cn",
        "--package",
        "-p",
        "--cfg",
        "-c",
    }
    options: list[str] = []
    overrides: list[str] = []
    rest = list(args)
    while rest:
        word = rest.pop(0)
        (options if word.startswith("-") else overrides).append(word)
        if word in with_value and rest:
            options.append(rest.pop(0))
    return [*options, *overrides]


@contextmanager
def complaints_of_hydra(command: str) -> Iterator[None]:
    """A complaint of Hydra's or OmegaConf's inside becomes one line of ours, with its causes."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        causes = (
            [str(error.__cause__)]
            if error.__cause__ and str(error.__cause__) not in str(error)
            else []
        )
        text = "; ".join(
            line.strip()
            for part in (str(error), *causes)
            for line in part.splitlines()
            if line.strip()
        )
        raise RequestError(
            f"{command}: {text[:600]}; see python -m sahelclf {command} --help"
        ) from error


def train(raw: dict[str, Any], check: Any, overrides: Sequence[str] = ()) -> Path:
    """One training: fit, score, track, export; returns the bundle's folder."""
    from sahelclf.training.resume import NO_CHECKPOINT, Checkpoint
    from sahelclf.workflows.progress import followed

    config, kept = check(raw), NO_CHECKPOINT
    resume = config.resume
    if resume:
        _refuse_other_settings(overrides)
        kept, settings = Checkpoint.resume(CHECKPOINTS / resume)
        config = check(settings["config"])
    written = _written_before(config, resume)
    out = Path(config.out) if written and config.out else out_folder(config.out)
    from sahelclf.models.kinds import kind_named
    from sahelclf.tracking import runs
    from sahelclf.training.run import check as check_request
    from sahelclf.training.run import learnt_from
    from sahelclf.training.run import run as train_run

    checked = check_request(config)  # before a run is opened, so that a refused request leaves none
    inputs = learnt_from(config, checked[0]) if kind_named(config.model.kind).slow else {}
    for name, content in inputs.items():
        if resume and settings.get(name, content) != content:
            raise RequestError(
                f"resume={resume}: {name} is {content[:16]}…, was {settings[name][:16]}… when that training began; start it anew"
            )
    with runs.open_run(
        _run_name(config), config.parent_run_id, {"sahelclf.kind": "train"}, resume
    ) as run_id:
        if inputs and not resume:
            kept = Checkpoint.create(
                CHECKPOINTS / run_id, {"config": config.model_dump(mode="json")} | inputs
            )
        with _advice(kept, run_id, resume), followed(run_id) as on_step:
            trained = train_run(config, on_step, checked, kept)
        target = out or _own_folder(config, run_id)
        from sahelclf.bundle.write import write_bundle
        from sahelclf.workflows.record import training_record

        if written:
            shutil.rmtree(target)
        write_bundle(trained, target, run_id)
        record = training_record(trained, target)
        try:
            runs.log_record(run_id, record)
            runs.log_bundle(run_id, target, record.metrics)
        except SahelclfError as error:
            raise SahelclfError(f"{error} The bundle itself is whole: {target}") from error
        kept.delete()
    _show(trained, target, run_id)
    result(str(target))
    return target


def _refuse_other_settings(overrides: Sequence[str]) -> None:
    others = [o for o in overrides if not o.startswith(("resume=", "hydra.", "hydra/"))]
    if others:
        raise RequestError(
            f"train: resume= goes on with the run's own settings; found {', '.join(others)} beside it"
        )


def _own_folder(config: Any, run_id: str) -> Path:
    return Path("bundles") / f"{config.model.kind}-{run_id}"


def _written_before(config: Any, resume: str | None) -> bool:
    """Whether this very run had written its bundle before it was cut short: then it is written again."""
    if not resume:
        return False
    path = (Path(config.out) if config.out else _own_folder(config, resume)) / "manifest.json"
    return path.is_file() and json.loads(path.read_text(encoding="utf-8"))["run_id"] == resume


@contextmanager
def _advice(kept: "Checkpoint", run_id: str, resume: str | None) -> Iterator[None]:
    """Say how a training that was cut short goes on; of a request that cannot be done nothing is kept."""
    try:
        yield
    except RequestError:
        if not resume:
            kept.delete()
        raise
    except BaseException:
        if kept.folder is not None:
            say(
                f"\nWhat was done is kept in {kept.folder}. To go on: python -m sahelclf train resume={run_id}"
            )
        raise


def _run_name(config: Any) -> str:
    parts = [config.model.kind, f"seed {config.seed}"]
    if config.corpus:
        parts.append(Path(config.corpus).name)
    if config.split != "grouped":
        parts.append(config.split)
    return ", ".join(parts)


def _show(trained: Any, target: Path, run_id: str) -> None:
    """The table of scores and the next three commands."""
    from sahelclf.reports.tables import label_table, score_table
    from sahelclf.tracking.store import experiment_id, runs_page

    names = trained.passages.predictions.names
    reports = {"passages": trained.passages.report} | (
        {"documents": trained.documents.report} if trained.documents else {}
    )
    r = trained.passages.report
    say(
        f"{trained.fitted.model.name}: {r.n_units:,} passages of {r.n_documents} documents, {trained.seconds:.1f} s."
    )
    say(
        "Development scores, cross-fitted, with 95% intervals resampled by document; 'annotators' is their F1 against each other (passages):\n"
    )
    scores = score_table("passages", reports, trained.agreement.get("passage", {}), names)
    say(table(scores.shown))
    say()
    say(table([row[1:] for row in label_table({"": r}, names).shown]))
    if trained.cv:
        folds = ", ".join(
            f"{n} {trained.cv[f'cv/{n}']:.3f} ± {trained.cv[f'cv/{n}/sd']:.3f}"
            for n in ("topic/macro_f1", "stance/macro_f1", "joint/f1")
        )
        say(f"\ncross-validated, mean ± sd over folds: {folds}")
    for note in (*trained.notes, *r.warnings):
        say(f"note: {note}")
    say(f"\nrun {run_id}. Next:")
    say(f"  python -m sahelclf predict {target} YOUR.csv --text COLUMN -o labels.csv")
    say(f"  python -m sahelclf evaluate {target} --split test    (once, when every choice is made)")
    say(f"  mlflow ui    then http://127.0.0.1:5000{runs_page(experiment_id())}")
