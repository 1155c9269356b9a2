"""Clean virtual environments, each with one tool and what it needs, by requirements.lock."""

import os
import re
import subprocess
import sys
import venv
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PACKAGES: dict[str, tuple[str, ...]] = {
    "MLflow": ("mlflow", "numpy", "pandas"),
    "MLflow, encoder": ("mlflow", "numpy", "pandas", "onnxruntime", "tokenizers"),
    "Transformers": ("transformers", "torch"),
    "Onnxruntime": ("onnxruntime", "tokenizers", "numpy"),
    "Scikit-learn": ("scikit-learn", "skops"),
    "Numpy alone": ("numpy",),
    "Ray": (f"{REPOSITORY}[ray]",),
}
PINNED = REPOSITORY / "tests/annotation/requirements"
# Annotation tools, each with the releases that it was run with: theirs are not those of our lock.
PACKAGES |= {
    name: ("--no-deps", "-r", str(PINNED / f"{name.lower().replace(' ', '-')}.txt"))
    for name in ("Label Studio", "doccano", "Potato")
}

# Variables of a shell that knows nothing of this repository; the home is the caller's.
CLEAN = {
    "PATH": os.environ["PATH"],
    "HF_HUB_OFFLINE": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "LANG": "C.UTF-8",
}


def python_of(name: str, root: Path) -> Path:
    """The Python of the environment of that name, built under `root` where it is not there yet."""
    folder = root / re.sub(r"\W+", "-", name.lower())
    python = _python(folder)
    return python if python.exists() else build(folder, PACKAGES[name])


def installed(python: Path) -> set[str]:
    """Names of the packages of an environment, in lower case."""
    code = (
        "from importlib.metadata import distributions; "
        "print(*(d.metadata['Name'].lower() for d in distributions()))"
    )
    return set(
        subprocess.run(
            [str(python), "-c", code], check=True, capture_output=True, text=True, timeout=200
        ).stdout.split()
    )


def build(folder: Path, packages: tuple[str, ...]) -> Path:
    """Install packages into a new environment; returns its Python."""
    venv.create(folder, symlinks=True)
    python = _python(folder)
    lock = () if "-r" in packages else ("-c", str(REPOSITORY / "requirements.lock"))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "--quiet",
        "--disable-pip-version-check",
    ]
    command = [*pip, "install", "--no-compile", *lock, *packages]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    if done.returncode:
        raise RuntimeError(f"{packages}: {done.stderr[-2000:]}")
    return python


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
