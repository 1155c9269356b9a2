"""Writing a bundle: one folder, written aside and renamed into place, each weight once, no pickle in any file.

The folder is itself an MLflow model: `MLmodel` at its root names a models-from-code pyfunc that needs numpy and pandas
alone. Every form is checked against the golden outputs before the folder gets its name.
"""

import json
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import yaml

from sahelclf import __version__
from sahelclf.aside import aside_of
from sahelclf.errors import RequestError, SahelclfError
from sahelclf.evaluation import decide
from sahelclf.export.card import model_card
from sahelclf.export.golden import GOLDEN_TEXTS
from sahelclf.export.load import FORMAT, sha256
from sahelclf.models.plain import PlainLabeller
from sahelclf.tasks.labeller import labeller_layout, task_specs
from sahelclf.training.run import Result

GOLDEN_TOLERANCE = 1e-6
VERSIONS = ("numpy", "scipy", "scikit-learn", "mlflow", "hydra-core", "sahelclf")
PYFUNC_REQUIREMENTS = ("mlflow", "numpy", "pandas")


@contextmanager
def written_aside(target: Path) -> Iterator[Path]:
    """A folder beside `target` that takes its name at the end; on any failure nothing is left of it."""
    if target.exists():
        raise RequestError(f"{target}: exists already; choose another folder, or move it away")
    parent = target.absolute().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        aside = aside_of(target)
        aside.mkdir()
    except OSError as error:
        raise SahelclfError(f"{parent}: cannot be written: {error.strerror}") from error
    try:
        yield aside
        aside.rename(target)
    except OSError as error:
        raise SahelclfError(f"{target}: not written: {error.strerror}; nothing was left there") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def write_bundle(result: Result, target: Path, run_id: str) -> dict[str, Any]:
    """Write the bundle of a training; returns its manifest."""
    with written_aside(target) as folder:
        result.fitted.model.save(folder)
        manifest = _manifest(result, run_id)
        _write_json(folder / "manifest.json", manifest)
        manifest["golden"] = _golden(folder, result)
        (folder / "README.md").write_text(model_card(manifest), encoding="utf-8")
        _write_pyfunc(folder, manifest)
        manifest["files"] = {
            p.relative_to(folder).as_posix(): sha256(p) for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "manifest.json"
        }
        _write_json(folder / "manifest.json", manifest)
        line = f"{sha256(folder / 'manifest.json')}  manifest.json\n"
        (folder / "manifest.sha256").write_text(line, encoding="utf-8")
    return manifest


def installed_versions(names: tuple[str, ...] = VERSIONS) -> dict[str, str]:
    """Versions of these packages, where they are installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _manifest(result: Result, run_id: str) -> dict[str, Any]:
    book, decision = result.corpus.codebook, result.fitted.decision
    topics = book.topic_names

    def by_topic(values: np.ndarray) -> dict[str, float]:
        return {t: float(v) for t, v in zip(topics, values, strict=True)}

    return {
        "format": FORMAT,
        "kind": "linear",
        "model": result.fitted.model.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "run_id": run_id,
        "codebook": book.as_dict(),
        "tasks": [
            {"name": s.name, "kind": s.kind, "labels": list(s.labels), "uses_target": s.uses_target, "primary_metric": s.primary_metric}
            for s in task_specs(book)
        ],
        "heads": list(labeller_layout(book).names),
        "topics": list(topics),
        "stances": list(book.stance_names),
        "thresholds": by_topic(decision.thresholds),
        "documents": {
            "pooling": decide.POOLING,
            "scale": by_topic(decision.document_calibration.scale),
            "offset": by_topic(decision.document_calibration.offset),
            "thresholds": by_topic(decision.document_thresholds),
        },
        "features": result.fitted.model.describe(),
        "dtype": "float64",
        "threads": psutil.cpu_count(logical=True),
        "versions": installed_versions() | {"python": platform.python_version()},
        "config": result.config.model_dump(mode="json"),
        "corpus": {
            "sha256": result.corpus.sha256,
            "title": book.title,
            "documents": len(result.corpus.documents),
            "passages": len(result.corpus.passages),
            "split": result.config.split,
            "parts": {k: len(v) for k, v in result.parts.items()},
        },
        "training_texts": [h[:20] for h in result.texts_sha256],
        "scores": {"passage": result.passages.report.as_dict()} | ({"document": result.documents.report.as_dict()} if result.documents else {}),
        "agreement": result.agreement,
        "cv": result.cv,
        "notes": result.notes,
    }


def _golden(folder: Path, result: Result) -> list[dict[str, Any]]:
    """Golden outputs: what the fitted model says; the written files must say the same."""
    said = result.fitted.model.logits(GOLDEN_TEXTS)
    read = PlainLabeller.load(folder).logits(GOLDEN_TEXTS)
    worst = float(np.abs(said - read).max())
    if not worst <= GOLDEN_TOLERANCE:
        raise SahelclfError(f"the written weights differ from the fitted model by {worst:.2g} on the golden texts; not exported")
    return [{"text": t, "logits": [float(x) for x in row]} for t, row in zip(GOLDEN_TEXTS, said, strict=True)]


def _write_pyfunc(folder: Path, manifest: dict[str, Any]) -> None:
    reader = resources("sahelclf.models").joinpath("plain.py").read_text(encoding="utf-8")
    tail = resources("sahelclf.export").joinpath("pyfunc_linear.py.in").read_text(encoding="utf-8")
    (folder / "pyfunc_model.py").write_text(reader + tail, encoding="utf-8")
    requirements = [f"{name}=={v}" for name, v in installed_versions(PYFUNC_REQUIREMENTS).items()]
    (folder / "requirements.txt").write_text("\n".join(requirements) + "\n", encoding="utf-8")
    environment = {"python": platform.python_version(), "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}
    (folder / "python_env.yaml").write_text(yaml.safe_dump(environment, sort_keys=False), encoding="utf-8")
    columns: list[dict[str, Any]] = [{"type": "string", "name": n} for n in ("id", "unit")]
    columns += [{"type": "long", "name": "passage", "required": False}, {"type": "string", "name": "language", "required": False}]
    for topic in manifest["topics"]:
        columns += [{"type": "double", "name": f"{topic}_probability"}, {"type": "boolean", "name": f"{topic}_holds"}]
        columns += [{"type": "string", "name": f"{topic}_stance", "required": False}]
        columns += [{"type": "double", "name": f"{topic}_{s}"} for s in manifest["stances"]]
    inputs: list[dict[str, Any]] = [{"type": "string", "name": "text", "required": True}, {"type": "string", "name": "id", "required": False}]
    model = {
        "flavors": {
            "python_function": {
                "loader_module": "mlflow.pyfunc.loaders.code_model",
                "model_code_path": "pyfunc_model.py",
                "artifacts": {"bundle": {"path": ".", "uri": "."}},
                "env": {"virtualenv": "python_env.yaml"},
                "python_version": platform.python_version(),
                "streamable": False,
            }
        },
        "mlflow_version": installed_versions(("mlflow",))["mlflow"],
        "run_id": manifest["run_id"],
        "utc_time_created": manifest["created"],
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(columns), "params": None},
        "metadata": {"sahelclf": __version__, "format": FORMAT},
    }
    (folder / "MLmodel").write_text(yaml.safe_dump(model, sort_keys=False), encoding="utf-8")


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
