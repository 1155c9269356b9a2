"""One training: fit, score, track in MLflow, write the bundle."""

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.bundle.write import write_bundle
from sahelclf.config import TrainConfig, flat_settings, train_config
from sahelclf.errors import RequestError, SahelclfError
from sahelclf.files import out_folder
from sahelclf.models.kinds import kind_named
from sahelclf.tracking import runs
from sahelclf.training import run as training
from sahelclf.training.compose import compose_config, overrides_of
from sahelclf.training.resume import NO_CHECKPOINT, Checkpoint
from sahelclf.training.steps import OnStep, step_after
from sahelclf.workflows.evaluate import score_frame
from sahelclf.workflows.progress import curves_in, show_nothing
from sahelclf.workflows.record import training_record
from sahelclf.workflows.teaching import teaching

if TYPE_CHECKING:
    import pandas as pd

    from sahelclf.bundle.labeller import Labeller
    from sahelclf.evaluation.report import Report

LOG = logging.getLogger(__name__)
CHECKPOINTS = Path("checkpoints")
MOST_NAMED = 4  # settings in the name of a run


@dataclass(frozen=True)
class Result:
    """A finished training: the folder of its bundle, its run, and what was fitted and scored."""

    bundle: Path
    run_id: str
    trained: training.Result

    @property
    def name(self) -> str:
        """The name of its run: model, settings that are not the default, seed."""
        return run_name(self.trained.config)

    @property
    def reports(self) -> "dict[str, Report]":
        """Cross-fitted scores by level: `passages`, and `documents` if they have labels."""
        scored = {"passages": self.trained.passages, "documents": self.trained.documents}
        return {level: s.report for level, s in scored.items() if s}

    @property
    def scores(self) -> dict[str, float]:
        """Scores by name as in MLflow: of passages, of documents `document/…`, of folds `cv/…`."""
        documents = self.trained.documents
        of_documents = documents.report.headline("document/") if documents else {}
        return self.trained.passages.report.scores | of_documents | self.trained.cv

    @property
    def table(self) -> "pd.DataFrame":
        """One row a level and score, with its 95% interval."""
        return score_frame(self.reports)

    def labeller(self) -> "Labeller":
        """The trained labeller, read from its bundle."""
        from sahelclf.bundle.labeller import Labeller

        return Labeller.load(self.bundle)


def train(corpus: str | Path | None = None, model: str = "tfidf", **settings: Any) -> Result:
    """Train a labeller, track it in MLflow and write its bundle, as the command `train` does.

    Parameters
    ----------
    corpus
        A corpus folder; None is the packaged corpus.
    model
        The kind of model: a name in `conf/model`.
    **settings
        Settings of `conf/train.yaml` by name: `seed=3`, `cv=5`, `split="temporal-2023"`,
        `crossfit=3`, `out="mine"`, `resume="<run id>"`. A model's own settings have a dot:
        `**{"model.C": 8}`.

    Returns
    -------
    Result
        `.bundle` (by default `bundles/<model>-<run id>`), `.run_id`, `.scores`, `.labeller()`.

    Raises
    ------
    RequestError
        An unknown setting or value; a corpus with mistakes or nothing to learn; `out` exists.
    SahelclfError
        The MLflow store or the bundle cannot be written.

    Examples
    --------
    >>> result = sahelclf.train("my-corpus", seed=3, **{"model.C": 8})  # doctest: +SKIP
    >>> result.scores["topic/macro_f1"], result.labeller()              # doctest: +SKIP
    """
    if "resume" in settings:
        refuse_other_settings([name for name in settings if name != "resume"])
    return run_training(compose_config(overrides_of({"model": model, "corpus": corpus} | settings)))


def run_training(config: TrainConfig, show: OnStep = show_nothing) -> Result:
    """Train by a checked configuration; `show` receives every step."""
    resume, kept = config.resume, NO_CHECKPOINT
    before: dict[str, Any] = {}
    if resume:
        kept, before = Checkpoint.resume(CHECKPOINTS / resume)
        config = train_config(before["config"])
    written = _written_before(config, resume)
    out = Path(config.out) if written and config.out else out_folder(config.out)
    checked = training.check(config)  # before a run is opened: a refused request leaves none
    slow = kind_named(config.model.kind).slow
    taught = teaching(config, checked)
    inputs = training.input_hashes(config, checked[0]) if slow else {}
    inputs |= taught.hashes if taught else {}
    if resume:
        _refuse_other_inputs(resume, inputs, before)
    tags = {"sahelclf.kind": "train"}
    with runs.open_run(run_name(config), config.parent_run_id, tags, resume) as run_id:
        if inputs and not resume:
            settings = {"config": config.model_dump(mode="json")} | inputs
            kept = Checkpoint.create(CHECKPOINTS / run_id, settings)
        with _kept_for_later(kept, run_id, resume):
            lesson = taught.lesson if taught else None
            trained = training.run(config, curves_in(run_id, show), checked, kept, lesson)
        target = out or _own_folder(config, run_id)
        if written:
            shutil.rmtree(target)
        show(step_after(config, 1))
        write_bundle(trained, target, run_id)
        show(step_after(config, 2))
        _track(trained, target, run_id)
        kept.delete()
    return Result(target, run_id, trained)


def refuse_other_settings(others: list[str]) -> None:
    """A training that is resumed has its settings."""
    if others:
        raise RequestError(
            f"train: resume= takes the settings of its run; found {', '.join(others)}"
        )


def _refuse_other_inputs(resume: str, inputs: dict[str, str], before: dict[str, Any]) -> None:
    for name, content in inputs.items():
        if before.get(name, content) != content:
            raise RequestError(
                f"resume={resume}: {name} is {content[:16]}…, was {before[name][:16]}… when that "
                "training began; start it again without resume="
            )


def _own_folder(config: TrainConfig, run_id: str) -> Path:
    return Path("bundles") / f"{config.model.kind}-{run_id}"


def _written_before(config: TrainConfig, resume: str | None) -> bool:
    """Whether the resumed run wrote its bundle before it stopped; it is then written again."""
    if not resume:
        return False
    path = (Path(config.out) if config.out else _own_folder(config, resume)) / "manifest.json"
    return path.is_file() and json.loads(path.read_text(encoding="utf-8"))["run_id"] == resume


@contextmanager
def _kept_for_later(kept: Checkpoint, run_id: str, resume: str | None) -> Iterator[None]:
    """Say how to resume a training that stops; nothing is kept of a request that is refused."""
    try:
        yield
    except RequestError:
        if not resume:
            kept.delete()
        raise
    except BaseException:
        if kept.folder is not None:
            command = f"python -m sahelclf train resume={run_id}"
            LOG.info("\nWhat was done is kept in %s. To resume: %s", kept.folder, command)
        raise


def _track(trained: training.Result, target: Path, run_id: str) -> None:
    record = training_record(trained, target)
    try:
        runs.log_record(run_id, record)
        runs.log_bundle(run_id, target, record.metrics)
    except SahelclfError as error:
        raise SahelclfError(f"{error} The bundle itself is whole: {target}") from error


def run_name(config: TrainConfig) -> str:
    """What tells this run from others: model, settings that are not the default, seed, data."""
    usual = flat_settings(compose_config([f"model={config.model.kind}"]).model_dump(mode="json"))
    settings = flat_settings(config.model_dump(mode="json"))
    apart = {"model", "seed", "split", "cv"}
    changed = [f"{k} {v}" for k, v in settings.items() if k not in apart and usual.get(k) != v]
    more = [f"{len(changed) - MOST_NAMED} more"] if len(changed) > MOST_NAMED else []
    parts = [config.model.kind, *changed[:MOST_NAMED], *more]
    parts += [f"cv {config.cv}"] if config.cv else []
    parts += [Path(config.corpus).name] if config.corpus else []
    parts += [config.split] if config.split != "grouped" else []
    return ", ".join([*parts, f"seed {config.seed}"])
