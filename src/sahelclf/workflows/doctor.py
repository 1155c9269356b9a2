"""Checks of the installation and of the MLflow store, and repair of the store."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sahelclf.errors import RequestError, SahelclfError, masked
from sahelclf.tracking.location import Repair, foreign_folders, repair
from sahelclf.tracking.store import (
    REPAIR,
    shown_uri,
    store_errors,
    store_exists,
    store_file,
    store_problem,
)
from sahelclf.versions import installed_versions

BASE = "sahelclf numpy scipy scikit-learn mlflow hydra-core pydantic pandas pyarrow trafilatura"
EXTRA = "torch transformers datasets evaluate onnx onnxruntime tokenizers"
INSTALL = "pip install -c requirements.lock"
NEEDED = {"python", "base", "corpus", "store"}
SWITCHES = ("HF_HUB_OFFLINE", "MLFLOW_DISABLE_TELEMETRY", "MLFLOW_TRACKING_URI")


@dataclass(frozen=True)
class Check:
    """One line: its subject, its result, and what to type where it is not fine."""

    name: str
    fine: bool
    text: str
    cure: str = ""

    @property
    def needed(self) -> bool:
        """Whether the base installation works only if this is fine."""
        return self.name in NEEDED


def checks() -> list[Check]:
    """Every check, in the order of reading."""
    return [
        *_versions(),
        *_encoders(),
        _corpus(),
        _store(),
        _offline(),
        _machine(),
        _disk(),
    ]


def repair_store() -> Repair:
    """Correct the addresses in a store that was moved or copied; see `repair`."""
    file = store_file()
    if file is None or not store_exists():
        raise RequestError(f"{shown_uri()}: no SQLite file; cd to where mlflow.db is")
    with store_errors():
        return repair(file)


def _versions() -> Iterator[Check]:
    where = f"{platform.python_version()} at {sys.executable}"
    yield Check("python", sys.version_info >= (3, 11), where, "install Python 3.11 or newer")
    for name, packages, cure in (
        ("base", f"{BASE} skops py3langid", f"{INSTALL} sahelclf"),
        ("transformer", EXTRA, f"{INSTALL} 'sahelclf[transformer]' (not needed for model=tfidf)"),
    ):
        versions = installed_versions(tuple(packages.split()))
        text = ", ".join(f"{k} {v}" for k, v in versions.items())
        yield Check(name, "not installed" not in versions.values(), text, cure)


def _encoders() -> Iterator[Check]:
    """Which named encoders are at hand; nothing is assembled."""
    from sahelclf.models.encoder_files import find_encoder
    from sahelclf.models.named_encoders import NAMED, installed_files

    for name, encoder in NAMED.items():
        subject = f"encoder {name}"
        try:
            parts = [] if encoder.cached.is_dir() else installed_files(encoder)
            if len(parts) > 1:
                text = f"{encoder.name}, {len(parts)} parts, to be assembled at first use"
            else:
                files = find_encoder(name)
                text = f"{files.name}, SHA-256 as expected, up to {files.max_tokens} tokens"
        except SahelclfError as error:
            text, _, cure = str(error).partition("; ")
            yield Check(subject, False, text, cure)
        else:
            yield Check(subject, True, text)


def _corpus() -> Check:
    from sahelclf.corpus.read import read_corpus
    from sahelclf.paths import data_root

    try:
        root = data_root()
        corpus = read_corpus(root / "annotations")
    except SahelclfError as error:
        cure = "reinstall sahelclf, or fix the corpus that it names"
        return Check("corpus", False, str(error).splitlines()[0], cure)
    size = f"{len(corpus.documents)} documents, {len(corpus.passages):,} passages"
    return Check("corpus", True, f"{size}, hash {corpus.sha256[:16]}, in {root}")


def _store() -> Check:
    file, problem = store_file(), store_problem()
    if problem:
        return Check("store", False, problem, "follow the message, or set MLFLOW_TRACKING_URI")
    if file is None:
        return Check("store", True, f"{shown_uri()} (from MLFLOW_TRACKING_URI)")
    if not file.exists():
        return Check("store", True, f"{file} will be made by the first training")
    moved = foreign_folders(file)
    if not moved:
        return Check("store", True, f"{file}")
    listed = ", ".join(f"{n} in {folder}" for folder, n in moved.items())
    return Check("store", False, f"{file} was moved or copied; addresses: {listed}", REPAIR)


def _offline() -> Check:
    switches = [f"{k}={masked(os.environ[k])}" for k in SWITCHES if k in os.environ]
    text = "nothing here uses the network by default, MLflow's telemetry is off in our commands"
    return Check("off-line", True, f"{text} ({', '.join(switches) or 'no switch set'})")


def _machine() -> Check:
    import numpy as np
    import psutil
    from threadpoolctl import threadpool_info

    np.ones((2, 2)) @ np.ones((2, 2))  # loads the libraries that the threads belong to
    pools = ", ".join(f"{p['internal_api']} {p['num_threads']}" for p in threadpool_info())
    memory = psutil.virtual_memory()
    free = f"{memory.available / 2**30:.1f} of {memory.total / 2**30:.1f} GiB free"
    return Check("machine", True, f"{psutil.cpu_count()} cores, threads: {pools or 'none'}; {free}")


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    cure = "make room: a transformer run with its bundle takes some 0.5 GiB"
    return Check("disk", free > 1, f"{free:.1f} GiB free here", cure)
