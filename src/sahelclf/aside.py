"""Writing aside: a neighbour of the target takes the target's name at the end; what killed runs left is swept."""

import os
import shutil
from pathlib import Path

import psutil


def aside_of(target: Path) -> Path:
    """Where to write what is to become `target`: beside it, so that renaming is atomic, and of this process alone."""
    parent = target.absolute().parent
    for left in parent.glob(".part-*"):
        pid = left.name.split("-")[1]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    return parent / f".part-{os.getpid()}-{target.name}"
