"""Fit models on public sets. A cell is one model fitted on one set with one seed.

Each cell is a file of logits, and its settings are part of the name. A run that was stopped
resumes, two runs share the work, and cells of other settings lie beside them. A cell predicts the
development and the test rows; scoring the test rows is a separate step.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from filelock import FileLock

from sahelclf.config import BenchmarkConfig
from sahelclf.errors import RequestError
from sahelclf.files import file_aside
from sahelclf.models.base import FitCallbacks, Model, ModelConfig
from sahelclf.models.encoder_files import find_encoder
from sahelclf.models.keywords import Keywords, KeywordsConfig, read_terms
from sahelclf.models.kinds import NAMES, build_model, kind_named
from sahelclf.paths import data_root
from sahelclf.studies.benchmark.sets import BenchmarkSet
from sahelclf.tasks.base import TaskData
from sahelclf.training.seeds import derive_seed
from sahelclf.training.steps import OnStep, Step

DECIMALS = 4

Settings = ModelConfig | dict[str, list[str]]


@dataclass(frozen=True)
class Cell:
    """One fit. `settings` are those of the model, or the terms of a dictionary by head."""

    set: str
    model: str
    seed: int
    settings: Settings

    def plain_settings(self, *without: str) -> dict[str, Any]:
        """The settings as plain values, without these."""
        if isinstance(self.settings, dict):
            return self.settings
        return self.settings.model_dump(mode="json", exclude={*without})

    def file(self, data_sha256: str) -> str:
        """Name of its file, with a hash of the data and of the settings that change the fit."""
        about: list[Any] = [self.plain_settings("threads"), data_sha256]
        encoder = None if isinstance(self.settings, dict) else self.settings.encoder_name
        if encoder:  # the packaged encoder never changes
            about.append(find_encoder(encoder).content)
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        return f"{self.model}-seed{self.seed}-{digest[:10]}.npz"


@dataclass(frozen=True)
class Outputs:
    """Logits of a cell: (n, n_heads) of test rows, and of development rows or None."""

    dev: np.ndarray | None
    test: np.ndarray
    about: Mapping[str, Any]


def cells_of(config: BenchmarkConfig, name: str, benchmark: BenchmarkSet) -> list[Cell]:
    """The fits that the models of a set need; a blend adds the logits of its members."""
    members = {m for kind in config.models for m in kind_named(kind).members or (kind,)}
    settings = {m: _settings(config, name, m, benchmark) for m in NAMES if m in members}
    return [
        Cell(name, model, seed, own)
        for model, own in settings.items()
        if own is not None
        for seed in (config.seeds[:1] if kind_named(model).deterministic else config.seeds)
    ]


def _settings(
    config: BenchmarkConfig, name: str, model: str, benchmark: BenchmarkSet
) -> Settings | None:
    """Settings of a model, or the terms of the dictionary; None where the set has no dictionary."""
    plan, kind = config.benchmark.sets[name], kind_named(model)
    if "dictionary" in kind.config.model_fields:
        folder = data_root() / "conf" / "benchmark" / "keywords"
        heads = benchmark.train.layout.names
        return read_terms(folder / plan.dictionary, heads) if plan.dictionary else None
    if model not in config.model:
        raise RequestError(f"model.{model}: missing; add +model@model.{model}={model}")
    settings = config.model[model].model_dump() | plan.settings.get(model, {})
    try:
        return kind.config.model_validate(settings)
    except ValueError as error:
        raise RequestError(f"benchmark.sets.{name}.settings.{model}: {error}") from None


def fit_cells(
    config: BenchmarkConfig, sets: Mapping[str, BenchmarkSet], folder: Path, on_step: OnStep
) -> dict[str, dict[tuple[str, int], Outputs]]:
    """Logits of every cell by set, then by model and seed; the cells lie in `folder/<set>/`."""
    cells = [(name, cell) for name in sets for cell in cells_of(config, name, sets[name])]
    fitted: dict[str, dict[tuple[str, int], Outputs]] = {name: {} for name in sets}
    for k, (name, cell) in enumerate(cells):
        outputs = run_cell(cell, sets[name], folder / name, on_step, (k, len(cells)))
        fitted[name][cell.model, cell.seed] = outputs
    return fitted


def run_cell(
    cell: Cell, benchmark: BenchmarkSet, folder: Path, on_step: OnStep, place: tuple[int, int]
) -> Outputs:
    """The logits of a cell from its file; the cell is fitted first where there is no file.

    A fit of the same cell in another process is waited for. `place` is the number of this cell,
    from 0, and how many there are.
    """
    locks = folder / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    path = folder / cell.file(data_sha256(benchmark))
    with FileLock(locks / f"{path.stem}.lock"):
        if not path.is_file():
            _fit(cell, benchmark, path, on_step, place)
    return read_outputs(path, benchmark)


def _fit(
    cell: Cell, benchmark: BenchmarkSet, path: Path, on_step: OnStep, place: tuple[int, int]
) -> None:
    what = f"{cell.set}: {cell.model}, seed {cell.seed}"
    name = f"{cell.set}-{cell.model}-{cell.seed}"
    checkpoint = path.with_suffix(".safetensors")
    callbacks = FitCallbacks(
        lambda done, of, numbers: on_step(Step(what, name, *place, done, of, numbers)), checkpoint
    )
    on_step(Step(what, name, *place))
    started = time.perf_counter()
    models = {t: _fitted(cell, d, callbacks) for t, d in _by_target(cell, benchmark.train)}
    seconds = time.perf_counter() - started
    arrays: dict[str, Any] = {
        part: _logits(models, data).round(DECIMALS).astype(np.float32)
        for part, data in benchmark.parts.items()
        if part != "train"
    }
    about = {
        "set": cell.set, "model": cell.model, "seed": cell.seed, "seconds": round(seconds, 1),
        "settings": cell.plain_settings(),
        "computed_with": next(iter(models.values())).computed_with,
        "data_sha256": data_sha256(benchmark),
    }  # fmt: skip
    with file_aside(path) as aside, aside.open("wb") as stream:
        np.savez_compressed(stream, about=json.dumps(about), **arrays)
    checkpoint.unlink(missing_ok=True)


def _by_target(cell: Cell, data: TaskData) -> Iterator[tuple[str | None, TaskData]]:
    """All rows, or the rows of each target where the model does not read the target."""
    if data.targets is None or kind_named(cell.model).reads_targets:
        yield None, data
        return
    for target in dict.fromkeys(data.targets):
        rows = [i for i, t in enumerate(data.targets) if t == target]
        yield target, replace(data.take(rows), targets=None)


def _fitted(cell: Cell, data: TaskData, callbacks: FitCallbacks) -> Model:
    if isinstance(cell.settings, dict):
        model: Model = Keywords(KeywordsConfig(kind="keywords", dictionary=None), cell.settings)
    else:
        model = build_model(cell.settings)
    model.fit(data, seed=derive_seed(cell.seed, "model"), callbacks=callbacks)
    return model


def _logits(models: Mapping[str | None, Model], data: TaskData) -> np.ndarray:
    """(n, n_heads) logits, each row by the model of its target."""
    targets = data.targets
    if None in models:
        model = cast("Any", models[None])  # only kinds that read targets are given any
        return np.asarray(
            model.logits(data.texts, targets) if targets else model.logits(data.texts)
        )
    logits, of = np.zeros(data.y.shape), np.array(targets)
    for target, one in models.items():
        rows = np.flatnonzero(of == target)
        logits[rows] = one.logits([data.texts[i] for i in rows])
    return logits


def read_outputs(path: Path, benchmark: BenchmarkSet) -> Outputs:
    """Read the file of a cell.

    Raises
    ------
    RequestError
        Its rows are not those of the set.
    """
    with np.load(path, allow_pickle=False) as stored:
        arrays = {k: stored[k].astype(float) for k in ("dev", "test") if k in stored}
        about = json.loads(str(stored["about"]))
    expected = {k: data.y.shape for k, data in benchmark.parts.items() if k != "train"}
    shapes = {k: array.shape for k, array in arrays.items()}
    if shapes != expected:
        raise RequestError(
            f"{path}: found logits {shapes}; {benchmark.spec.name} has {expected}; "
            "move the file away and run again"
        )
    return Outputs(arrays.get("dev"), arrays["test"], about | {"cells": [path.name]})


def data_sha256(benchmark: BenchmarkSet) -> str:
    """A hash of the ids, texts, targets and labels of every part."""
    digest = hashlib.sha256()
    for part in benchmark.parts.values():
        targets = part.targets or ("",) * len(part)
        for row in zip(part.ids, part.texts, targets, strict=True):
            digest.update(json.dumps(row).encode())
        digest.update(part.y.tobytes())
    return digest.hexdigest()
