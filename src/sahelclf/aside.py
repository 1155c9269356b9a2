"""Writing aside: a neighbour of the target takes the target's name at the end; what killed runs left is swept."""

import hashlib
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


def aside_of(target: Path) -> Path:
    """Where to write what is to become `target`: beside it, so that renaming is atomic, and of this process alone."""
    parent = target.absolute().parent
    host = hashlib.sha256(platform.node().encode()).hexdigest()[:8]  # a shared disk has other machines' processes on it
    for left in parent.glob(f".part-{host}-*"):
        pid = left.name.split("-")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    return parent / f".part-{host}-{os.getpid()}-{target.name}"


@contextmanager
def file_aside(target: Path) -> Iterator[Path]:
    """A file to write beside `target`, whose name it takes at the end; on any failure nothing is left of it."""
    aside = aside_of(target)
    try:
        yield aside
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
