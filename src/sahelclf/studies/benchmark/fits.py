"""Public sets: a cell is one model fitted on one set with one seed; what is kept of it are ids and logits.

Cells are files of their own, named for their settings, so that a killed run goes on, two runs share the work, and other
settings stand beside them. A cell predicts development and test rows alike; scoring the test rows is another step.
"""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from filelock import FileLock

from sahelclf.config import BenchmarkConfig, SetConfig
from sahelclf.errors import RequestError
from sahelclf.files import file_aside
from sahelclf.models.base import FitCallbacks, Model, ModelConfig
from sahelclf.models.encoder_files import find_encoder
from sahelclf.models.keywords import Keywords, KeywordsConfig, read_terms
from sahelclf.models.kinds import NAMES, build_model, kind_named
from sahelclf.paths import data_root
from sahelclf.studies.benchmark.leakage import leak_report
from sahelclf.studies.benchmark.scores import (
    Scored,
    decide_from,
    decide_held_out,
    metrics_of,
    score,
)
from sahelclf.studies.benchmark.sets import BenchmarkSet
from sahelclf.tasks.base import TaskData
from sahelclf.training.crossfit import OnStep, Step
from sahelclf.training.seeds import derive_seed

DECIMALS = 4


@dataclass(frozen=True)
class Cell:
    """What is to be fitted: `settings` are the model's, or the terms of a dictionary by head."""

    set: str
    model: str
    seed: int
    settings: ModelConfig | dict[str, list[str]]

    def file(self, data_sha256: str) -> str:
        """Its file's name: the settings that change what is learnt, and the data, are in the hash."""
        plain = (
            self.settings
            if isinstance(self.settings, dict)
            else self.settings.model_dump(mode="json", exclude={"threads"})
        )
        encoder = (
            None if isinstance(self.settings, dict) else self.settings.encoder_name
        )  # the packaged one's content is fixed
        about = json.dumps(
            [plain, data_sha256, *([find_encoder(encoder).content] if encoder else [])],
            sort_keys=True,
        )
        return f"{self.model}-seed{self.seed}-{hashlib.sha256(about.encode()).hexdigest()[:10]}.npz"


@dataclass(frozen=True)
class Outputs:
    """A cell's logits, (n, n_heads) of development rows (None where the set has none) and of test rows, and how they came about."""

    dev: np.ndarray | None
    test: np.ndarray
    about: Mapping[str, Any]


def cells_of(config: BenchmarkConfig, name: str, found: BenchmarkSet) -> list[Cell]:
    """The fits that the models of a set need; a blend adds the logits of two of them."""
    plan = config.benchmark.sets[name]
    members = [m for name in config.models for m in kind_named(name).members or (name,)]
    wanted = [name for name in NAMES if name in members]
    cells = []
    for model in wanted:
        if model == "keywords" and plan.dictionary is None:
            continue
        settings = _settings(config, plan, name, model, found)
        cells += [
            Cell(name, model, seed, settings)
            for seed in (config.seeds[:1] if kind_named(model).deterministic else config.seeds)
        ]
    return cells


def _settings(
    config: BenchmarkConfig, plan: SetConfig, name: str, model: str, found: BenchmarkSet
) -> ModelConfig | dict[str, list[str]]:
    if model == "keywords":
        assert plan.dictionary
        path = data_root() / "conf" / "benchmark" / "keywords" / plan.dictionary
        return read_terms(
            Path(plan.dictionary) if Path(plan.dictionary).is_absolute() else path,
            found.train.layout.names,
        )
    own = config.model[model]
    changed = plan.settings.get(model, {})
    try:
        return type(own).model_validate(own.model_dump() | changed)
    except ValueError as error:
        raise RequestError(f"benchmark.sets.{name}.settings.{model}: {error}") from None


def run_cell(
    cell: Cell, found: BenchmarkSet, folder: Path, on_step: OnStep, place: tuple[int, int]
) -> Outputs:
    """The logits of a cell: from its file, where it was fitted before, else fitted now; another process's fit is waited for."""
    locks = folder / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    path = folder / cell.file(data_sha256(found))
    with FileLock(locks / f"{path.stem}.lock"):
        if not path.is_file():
            _fit(cell, found, path, on_step, place)
    return read_outputs(path, found)


def _fit(
    cell: Cell, found: BenchmarkSet, path: Path, on_step: OnStep, place: tuple[int, int]
) -> None:
    what = f"{cell.set}: {cell.model}, seed {cell.seed}"
    name = f"{cell.set}-{cell.model}-{cell.seed}"
    watch = FitCallbacks(
        lambda done, of, numbers: on_step(Step(what, name, *place, done, of, numbers)),
        path.with_suffix(".safetensors"),
    )
    on_step(Step(what, name, *place))
    started = time.perf_counter()
    readers = [
        (target, _fitted(cell, data, watch)) for target, data in _by_target(cell, found.train)
    ]
    seconds = time.perf_counter() - started
    arrays = {
        part: _logits(readers, data)
        for part, data in (("dev", found.dev), ("test", found.test))
        if data is not None
    }
    about = {
        "set": cell.set, "model": cell.model, "seed": cell.seed, "seconds": round(seconds, 1),
        "settings": cell.settings if isinstance(cell.settings, dict) else cell.settings.model_dump(mode="json"),
        "computed_with": readers[0][1].computed_with, "data_sha256": data_sha256(found),
    }  # fmt: skip
    rounded: dict[str, Any] = {k: v.round(DECIMALS).astype(np.float32) for k, v in arrays.items()}
    with file_aside(path) as aside, aside.open("wb") as stream:
        np.savez_compressed(stream, about=json.dumps(about), **rounded)
    path.with_suffix(".safetensors").unlink(missing_ok=True)


def _by_target(cell: Cell, data: TaskData) -> Iterator[tuple[str | None, TaskData]]:
    """What one model is fitted on: all rows, or those of each target where the model does not read the target."""
    if data.targets is None or kind_named(cell.model).reads_targets:
        yield None, data
        return
    for target in dict.fromkeys(data.targets):
        yield (
            target,
            replace(
                data.take([i for i, t in enumerate(data.targets) if t == target]), targets=None
            ),
        )


def _fitted(cell: Cell, data: TaskData, watch: FitCallbacks) -> Model:
    if isinstance(cell.settings, dict):
        model: Model = Keywords(KeywordsConfig(kind="keywords", dictionary=None), cell.settings)
    else:
        model = build_model(cell.settings)
    model.fit(data, seed=derive_seed(cell.seed, "model"), watch=watch)
    return model


def _logits(readers: list[tuple[str | None, Model]], data: TaskData) -> np.ndarray:
    out = np.zeros(data.y.shape)
    for target, model in readers:
        rows = [
            i
            for i in range(len(data))
            if target is None or (data.targets and data.targets[i] == target)
        ]
        texts = [data.texts[i] for i in rows]
        if target is None and data.targets is not None:
            out[rows] = cast("Any", model).logits(
                texts, data.targets
            )  # only kinds with reads_targets get here
        else:
            out[rows] = model.logits(texts)
    return out


def read_outputs(path: Path, found: BenchmarkSet) -> Outputs:
    """A cell's file; refused where its rows are not those of the set."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {k: stored[k].astype(float) for k in ("dev", "test") if k in stored}
        about = json.loads(str(stored["about"]))
    for part, data in (("dev", found.dev), ("test", found.test)):
        rows = None if data is None else data.y.shape
        if (arrays[part].shape if part in arrays else None) != rows:
            raise RequestError(
                f"{path}: its {part} logits are not those of {found.spec.name}; move the file away and run again"
            )
    return Outputs(arrays.get("dev"), arrays["test"], about | {"cells": [path.name]})


def data_sha256(found: BenchmarkSet) -> str:
    """A hash of the ids, texts, targets and labels of every part."""
    digest = hashlib.sha256()
    for part in (found.train, found.dev, found.test):
        if part is None:
            continue
        for i, text, target in zip(
            part.ids, part.texts, part.targets or ("",) * len(part), strict=True
        ):
            digest.update(json.dumps([i, text, target]).encode())
        digest.update(part.y.tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Line:
    """One system's score on one part of a set by one metric; `rows` is `all`, or `unseen` without texts known from training."""

    set: str
    system: str
    metric: str
    part: str
    rows: str
    n_rows: int
    scored: Scored
    seconds: float
    cells: tuple[str, ...]


def systems_of(
    config: BenchmarkConfig, fitted: Mapping[tuple[str, int], Outputs]
) -> dict[str, list[Outputs]]:
    """Logits of each system, one a seed: the models asked for, the blend, and the mean over seeds of what has several."""
    by_model: dict[str, list[Outputs]] = {}
    for (model, _), outputs in fitted.items():
        by_model.setdefault(model, []).append(outputs)
    found: dict[str, list[Outputs]] = {m: by_model[m] for m in config.models if m in by_model}
    if "blend" in config.models:
        linear = by_model["tfidf"][0]
        found["blend"] = [
            _added([(1.0, one), (config.tfidf_weight, linear)]) for one in by_model["transformer"]
        ]
    for name in ("transformer", "blend"):
        if len(found.get(name, [])) > 1:
            several = found[name]
            found[f"{name}, {len(several)} seeds averaged"] = [
                _added([(1 / len(several), one) for one in several])
            ]
    return found


def _added(parts: Sequence[tuple[float, Outputs]]) -> Outputs:
    dev = (
        None
        if parts[0][1].dev is None
        else np.sum([w * o.dev for w, o in parts if o.dev is not None], axis=0)
    )
    seconds = sum(o.about["seconds"] for _, o in parts)
    return Outputs(
        dev,
        np.sum([w * o.test for w, o in parts], axis=0),
        {"seconds": seconds, "cells": [c for _, o in parts for c in o.about["cells"]]},
    )


def score_systems(
    found: BenchmarkSet, systems: Mapping[str, Sequence[Outputs]], part: str
) -> list[Line]:
    """Every system by the published metric and by macro-F1; test rows with and without texts that training has seen."""
    data = found.test if part == "test" else found.dev
    if data is None:
        return []
    views = {"all": np.arange(len(data))}
    if part == "test":
        leaks = leak_report(found)
        seen = {*leaks.test_in_train.ids, *(leaks.test_in_dev.ids if leaks.test_in_dev else ())}
        views["unseen"] = np.array([i for i, name in enumerate(data.ids) if name not in seen])
    lines = []
    for system, seeds in systems.items():
        cells = tuple(dict.fromkeys(c for o in seeds for c in o.about["cells"]))
        seconds = float(np.mean([o.about["seconds"] for o in seeds]))
        for metric in metrics_of(found.spec):
            said = [_decided(found, metric, o, part) for o in seeds]
            for view, rows in views.items():
                if view == "all" or len(rows) < len(data):
                    scored = score(found.spec, metric, [s[rows] for s in said], data.take(rows))
                    lines.append(
                        Line(
                            found.spec.name,
                            system,
                            metric,
                            part,
                            view,
                            len(rows),
                            scored,
                            seconds,
                            cells,
                        )
                    )
    return lines


def _decided(found: BenchmarkSet, metric: str, outputs: Outputs, part: str) -> np.ndarray:
    if part == "dev":
        assert outputs.dev is not None
        assert found.dev is not None
        return decide_held_out(found.spec, metric, outputs.dev, found.dev)
    return decide_from(
        found.spec, metric, outputs.test, outputs.dev, None if found.dev is None else found.dev.y
    )
