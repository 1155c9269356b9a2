"""Atomic writes, opening of compressed files, and checks of where results go."""

import gzip
import hashlib
import io
import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import psutil

from sahelclf.errors import RequestError, SahelclfError

COMPRESSED = {".gz", ".zst"}


def aside_of(target: Path) -> Path:
    """Path beside `target`, of this process alone, to write it under before it is renamed."""
    parent = target.absolute().parent
    # Files of other machines' processes on a shared disk are left alone.
    host = hashlib.sha256(platform.node().encode()).hexdigest()[:8]
    for left in parent.glob(f".part-{host}-*"):
        pid = left.name.split("-")[2]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)
    return parent / f".part-{host}-{os.getpid()}-{target.name}"


@contextmanager
def file_aside(target: Path) -> Iterator[Path]:
    """A file beside `target` that takes its name at the end; after a failure nothing is left."""
    refuse_device(target)
    aside = aside_of(target)
    try:
        yield aside
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def refuse_device(target: Path) -> None:
    """Raise where `target` is a folder or a device: to rename a file to it would replace it."""
    if target.exists() and not target.is_file():
        what = "a folder" if target.is_dir() else "not a regular file"
        raise RequestError(f"{target}: is {what}; expected the name of a file to write")


@contextmanager
def written_aside(target: Path) -> Iterator[Path]:
    """A folder beside `target` that takes its name at the end; after a failure nothing is left."""
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
        raise SahelclfError(
            f"{target}: not written: {error.strerror}; nothing was left there"
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def suffix_of(path: Path) -> str:
    """The suffix of the form in lower case, without that of the compression."""
    suffixes = [s.lower() for s in path.suffixes]
    if suffixes and suffixes[-1] in COMPRESSED:
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed as they are read."""
    if path.suffix.lower() == ".gz":
        with gzip.open(path, "rb") as stream:
            yield io.BufferedReader(stream)
    elif path.suffix.lower() == ".zst":
        import zstandard

        with (
            path.open("rb") as raw,
            zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True) as stream,
        ):
            yield io.BufferedReader(stream)
    else:
        with path.open("rb") as stream:
            yield stream


def files_sha256(paths: Iterable[Path]) -> str:
    """One hash of files: of their names, their sizes and their bytes."""
    digest = hashlib.sha256()
    for path in paths:
        data = path.read_bytes()
        digest.update(f"{path.name} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()


def out_folder(named: str | None) -> Path | None:
    """The folder that `out=` names; it must not exist."""
    out = Path(named) if named else None
    if out is not None and out.exists():
        raise RequestError(f"out={out}: exists already; choose another folder, or move it away")
    return out


def refuse_taken(path: Path) -> None:
    """Raise where `path` exists: a sheet may contain days of coding."""
    if path.exists():
        raise RequestError(
            f"{path}: exists already, perhaps with labels in it; choose another name"
        )
    if not path.absolute().parent.is_dir():
        raise RequestError(f"{path}: its folder does not exist; make it first")
