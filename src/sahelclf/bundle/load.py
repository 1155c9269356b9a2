"""Opening a bundle as untrusted input: format, sizes, hashes and paths are checked before a number is read."""

import hashlib
import json
from pathlib import Path
from typing import Any

from sahelclf.errors import BundleError

FORMAT = 1
MAX_MANIFEST = 50_000_000
MAX_FILE = 4_000_000_000
FOREIGN = {
    "registered_model_meta",
    "README.md",
    ".gitattributes",
}  # what MLflow's registry and the Hugging Face hub add; never read
FOREIGN_FOLDERS = {".git", ".cache", "__pycache__"}


def open_bundle(folder: Path) -> dict[str, Any]:
    """Check a bundle folder and return its manifest; raise with what is wrong."""
    folder = Path(folder)
    if not folder.is_dir():
        raise BundleError(
            f"{folder}: no such bundle folder; expected one that `sahelclf train` wrote, runs:/… or models:/…"
        )
    manifest_path, sum_path = folder / "manifest.json", folder / "manifest.sha256"
    for path in (manifest_path, sum_path):
        if not path.is_file() or path.is_symlink():
            raise BundleError(
                f"{folder}: no {path.name}; not a bundle of `sahelclf train`, or not whole"
            )
    if manifest_path.stat().st_size > MAX_MANIFEST:
        raise BundleError(
            f"{manifest_path}: {manifest_path.stat().st_size:,} bytes; a manifest has at most {MAX_MANIFEST:,}"
        )
    try:
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        found_format = manifest["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BundleError(
            f"{manifest_path}: damaged: not a manifest in JSON; copy the bundle again or retrain"
        ) from None
    if found_format != FORMAT:
        raise BundleError(
            f"{manifest_path}: bundle format {found_format!r}; this sahelclf reads format {FORMAT}. "
            "Install the version of sahelclf that wrote it (manifest: versions), or retrain."
        )
    if sum_path.read_bytes()[:64].decode("ascii", "replace") != sha256(manifest_path):
        raise BundleError(
            f"{manifest_path}: changed since it was written (SHA-256 differs); copy the bundle again or retrain"
        )
    _check_files(folder, manifest.get("files"))
    return dict(manifest)


def sha256(path: Path) -> str:
    """Hash of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check_files(folder: Path, listed: Any) -> None:
    if not isinstance(listed, dict):
        raise BundleError(
            f"{folder}/manifest.json: files: expected hashes by name, found {type(listed).__name__}"
        )
    problems = []
    for name, expected in listed.items():
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts or path.is_symlink():
            problems.append(f"{folder}: {name!r} points outside the bundle")
        elif not path.is_file():
            problems.append(f"{path}: missing; the bundle is not whole")
        elif path.stat().st_size > MAX_FILE:
            problems.append(f"{path}: {path.stat().st_size:,} bytes; at most {MAX_FILE:,} are read")
        elif sha256(path) != expected:
            problems.append(
                f"{path}: changed since the bundle was written (SHA-256 differs); copy the bundle again or retrain"
            )
    allowed = {*listed, "manifest.json", "manifest.sha256"} | FOREIGN
    found = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    strangers = sorted(
        p.as_posix()
        for p in found
        if p.as_posix() not in allowed and not FOREIGN_FOLDERS & {*p.parts[:-1]}
    )
    if strangers:
        problems.append(
            f"{folder}: files that the manifest does not list: {strangers[:5]}; move them out of the bundle"
        )
    if problems:
        raise BundleError(problems)
