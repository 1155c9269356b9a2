"""Clean virtual environments, each with one tool and what it needs, by exact releases.

They are built once a session; once and for all in the folder that `TEST_ENVIRONMENTS` names.
"""

import hashlib
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
    packages = PACKAGES[name]
    names = " ".join(p for p in packages if "/" not in p).encode()
    key = hashlib.sha256(names + _pins(packages).read_bytes()).hexdigest()
    folder = root / f"{re.sub(r'[^a-z]+', '-', name.lower())}-{key[:8]}"
    done = folder / "built"
    if not done.exists():
        build(folder, packages)
        done.touch()
    return _python(folder)


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
    lock = () if "-r" in packages else ("-c", str(_pins(packages)))
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


def _pins(packages: tuple[str, ...]) -> Path:
    """The file of exact releases that packages are installed by."""
    return Path(packages[-1]) if "-r" in packages else REPOSITORY / "requirements.lock"


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
