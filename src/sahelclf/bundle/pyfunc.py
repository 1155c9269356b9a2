"""The bundle as an MLflow model from code: `pyfunc_model.py` and our readers, copied whole."""

import json
import platform
import shutil
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from sahelclf import __version__
from sahelclf.bundle.golden import GOLDEN_TEXTS
from sahelclf.bundle.rows import flat_columns
from sahelclf.models import runtime
from sahelclf.templates import render
from sahelclf.versions import installed_versions

READERS, MODEL_CODE = "sahelclf_readers", "pyfunc_model.py"
NEEDS = ("mlflow", "numpy", "pandas")


def copy_readers(folder: Path) -> None:
    """Copy the package of readers into a folder, as `sahelclf_readers`."""
    (folder / READERS).mkdir()
    for path in sorted(Path(runtime.__file__).parent.glob("*.py")):
        shutil.copyfile(path, folder / READERS / path.name)


def write_pyfunc(folder: Path, manifest: dict[str, Any], reader_needs: tuple[str, ...]) -> None:
    """Write the code, its requirements, `MLmodel` and an input example."""
    copy_readers(folder)
    code = resources("sahelclf.bundle").joinpath("data", MODEL_CODE).read_bytes()
    (folder / MODEL_CODE).write_bytes(code)
    versions = installed_versions((*NEEDS, *reader_needs))
    may_be_missing = ("passage", "language", *(f"{t}_stance" for t in manifest["topics"]))
    outputs = [
        {"type": kind, "name": name} | ({"required": False} if name in may_be_missing else {})
        for name, kind in flat_columns(manifest["topics"], manifest["stances"]).items()
    ]
    values = {"manifest": manifest, "outputs": outputs, "python": platform.python_version()}
    values |= {"mlflow": versions["mlflow"], "version": __version__}
    data = [[f"a{k}", text] for k, text in enumerate(GOLDEN_TEXTS[:2], start=1)]
    example = {"columns": ["id", "text"], "data": data}
    texts = {
        "requirements.txt": "".join(f"{name}=={version}\n" for name, version in versions.items()),
        "python_env.yaml": render("sahelclf.bundle", "python_env.yaml", **values),
        "MLmodel": render("sahelclf.bundle", "MLmodel.yaml", **values),
        "input_example.json": json.dumps(example) + "\n",
        "serving_input_example.json": json.dumps({"dataframe_split": example}) + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
