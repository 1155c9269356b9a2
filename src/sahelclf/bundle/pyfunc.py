"""The bundle as an MLflow model: models from code, which imports numpy, pandas and what the reader needs, never sahelclf."""

import json
import platform
import re
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

import yaml

from sahelclf import __version__
from sahelclf.bundle.golden import GOLDEN_TEXTS
from sahelclf.bundle.load import FORMAT
from sahelclf.models.base import BundleReader
from sahelclf.models.kinds import kind_of
from sahelclf.versions import installed_versions

EXAMPLE, SERVING_EXAMPLE = "input_example.json", "serving_input_example.json"
NEEDS = ("mlflow", "numpy", "pandas")


def write_pyfunc(folder: Path, manifest: dict[str, Any]) -> None:
    """Write `pyfunc_model.py`, its requirements, and `MLmodel`."""
    reader = kind_of(manifest).reader
    (folder / "pyfunc_model.py").write_text(_code(reader), encoding="utf-8")
    requirements = [
        f"{name}=={v}" for name, v in installed_versions((*NEEDS, *reader.packages)).items()
    ]
    (folder / "requirements.txt").write_text("\n".join(requirements) + "\n", encoding="utf-8")
    environment = {
        "python": platform.python_version(),
        "build_dependencies": ["pip"],
        "dependencies": ["-r requirements.txt"],
    }
    (folder / "python_env.yaml").write_text(
        yaml.safe_dump(environment, sort_keys=False), encoding="utf-8"
    )
    inputs: list[dict[str, Any]] = [
        {"type": "string", "name": "text", "required": True},
        {"type": "string", "name": "id", "required": False},
    ]
    params = [{"name": "threshold", "type": "double", "default": None, "shape": None}]
    _write_example(folder)
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
        "signature": {
            "inputs": json.dumps(inputs),
            "outputs": json.dumps(_columns(manifest)),
            "params": json.dumps(params),
        },
        "saved_input_example_info": {
            "artifact_path": EXAMPLE,
            "serving_input_path": SERVING_EXAMPLE,
            "type": "dataframe",
            "pandas_orient": "split",
        },
        "metadata": {"sahelclf": __version__, "format": FORMAT},
    }
    (folder / "MLmodel").write_text(yaml.safe_dump(model, sort_keys=False), encoding="utf-8")


def _write_example(folder: Path) -> None:
    """An input that the server and MLflow's pages show: two of the golden texts."""
    frame = {
        "columns": ["id", "text"],
        "data": [[f"a{k}", text] for k, text in enumerate(GOLDEN_TEXTS[:2], start=1)],
    }
    (folder / EXAMPLE).write_text(json.dumps(frame) + "\n", encoding="utf-8")
    (folder / SERVING_EXAMPLE).write_text(
        json.dumps({"dataframe_split": frame}) + "\n", encoding="utf-8"
    )


def _code(reader: BundleReader) -> str:
    """Our readers one after another, without their imports of each other, and the pyfunc class."""
    parts = [
        resources("sahelclf.models.runtime").joinpath(f"{name}.py").read_text(encoding="utf-8")
        for name in reader.modules
    ]
    joined = parts[0] + "".join(
        "\n\n" + re.sub(r'\A""".*?"""\n', "", part, flags=re.DOTALL) for part in parts[1:]
    )
    joined = re.sub(r"^from sahelclf\..*\n", "", joined, flags=re.MULTILINE)
    tail = resources("sahelclf.bundle").joinpath("pyfunc.py.in").read_text(encoding="utf-8")
    return joined + tail.replace("@READER@", reader.class_name)


def _columns(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    columns: list[dict[str, Any]] = [{"type": "string", "name": n} for n in ("id", "unit")]
    columns += [
        {"type": "long", "name": "passage", "required": False},
        {"type": "string", "name": "language", "required": False},
    ]
    for topic in manifest["topics"]:
        columns += [
            {"type": "double", "name": f"{topic}_probability"},
            {"type": "boolean", "name": f"{topic}_holds"},
        ]
        columns += [{"type": "string", "name": f"{topic}_stance", "required": False}]
        columns += [{"type": "double", "name": f"{topic}_{s}"} for s in manifest["stances"]]
    return columns
