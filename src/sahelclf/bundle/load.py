"""Open a bundle as untrusted input: formats, sizes, hashes and paths are checked first."""

import json
from pathlib import Path
from typing import Any

from sahelclf.errors import BundleError, RequestError
from sahelclf.evaluation import decide
from sahelclf.files import file_sha256
from sahelclf.models.kinds import NAMES, kind_named, kind_of
from sahelclf.models.runtime.encoder import SMALL_GRAPH

FORMAT = 2
FORMATS = {1: "as_given", 2: "clean"}  # formats that can be read, and the text rule of each
LARGEST_NUMBER = 1e9
MAX_MANIFEST = 50_000_000
MAX_FILE = 4_000_000_000
# What MLflow's registry and the Hugging Face hub add; never read.
FOREIGN = {"registered_model_meta", "README.md", ".gitattributes"}
FOREIGN_FOLDERS = {".git", ".cache", "__pycache__"}
REMEDY = "copy the bundle again or retrain"


def open_bundle(folder: Path) -> dict[str, Any]:
    """Check a bundle folder, return its manifest; `BundleError` with everything that is wrong."""
    folder = Path(folder)
    if not folder.is_dir():
        raise BundleError(
            f"{folder}: no such bundle folder; expected one that `sahelclf train` wrote, "
            "runs:/… or models:/…"
        )
    path, sum_path = folder / "manifest.json", folder / "manifest.sha256"
    for file in (path, sum_path):
        if not file.is_file() or file.is_symlink():
            raise BundleError(
                f"{folder}: no {file.name}; not a bundle of `sahelclf train`, or not whole"
            )
    size = path.stat().st_size
    if size > MAX_MANIFEST:
        raise BundleError(f"{path}: {size:,} bytes; a manifest has at most {MAX_MANIFEST:,}")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        version = manifest["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BundleError(f"{path}: damaged: not a manifest in JSON; {REMEDY}") from None
    if version not in [*FORMATS]:
        raise BundleError(
            f"{path}: bundle format {version!r}; this sahelclf reads formats "
            f"{', '.join(map(str, FORMATS))}. "
            "Install the version of sahelclf that wrote it (manifest: versions), or retrain."
        )
    if sum_path.read_bytes()[:64].decode("ascii", "replace") != file_sha256(path):
        raise BundleError(f"{path}: changed since it was written (SHA-256 differs); {REMEDY}")
    if problems := _file_problems(folder, manifest.get("files")):
        raise BundleError(problems)
    return dict(manifest)


def _file_problems(folder: Path, listed: Any) -> list[str]:
    if not isinstance(listed, dict):
        kind = type(listed).__name__
        return [f"{folder}/manifest.json: files: expected hashes by name, found {kind}"]
    problems = []
    for name, expected in listed.items():
        path = folder / name
        if Path(name).is_absolute() or ".." in Path(name).parts or path.is_symlink():
            problems.append(f"{folder}: {name!r} points outside the bundle")
        elif not path.is_file():
            problems.append(f"{path}: missing; the bundle is not whole")
        elif path.stat().st_size > MAX_FILE:
            problems.append(f"{path}: {path.stat().st_size:,} bytes; at most {MAX_FILE:,} are read")
        elif file_sha256(path) != expected:
            problems.append(
                f"{path}: changed since the bundle was written (SHA-256 differs); {REMEDY}"
            )
    allowed = {*listed, "manifest.json", "manifest.sha256"} | FOREIGN
    files = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    inside = [p.as_posix() for p in files if not FOREIGN_FOLDERS & {*p.parts[:-1]}]
    if unknown := sorted(set(inside) - allowed):
        names = f"files that the manifest does not list: {unknown[:5]}"
        problems.append(f"{folder}: {names}; move them out of the bundle")
    return problems


def check_manifest(manifest: dict[str, Any]) -> None:
    """Raise `ValueError` or `TypeError` where labelling cannot use a value of the manifest."""
    pooling, rule = manifest["documents"]["pooling"], FORMATS[manifest["format"]]
    if pooling != decide.POOLING:
        raise ValueError(f"pooling {pooling!r}; this sahelclf knows {decide.POOLING!r}")
    named = manifest["text"]["rule"] if "text" in manifest else "as_given"
    if named != rule:
        raise ValueError(f"text.rule {named!r}; expected {rule!r} in format {manifest['format']}")
    names = [*manifest["codebook"]["languages"], *manifest["topics"], *manifest["stances"]]
    if not all(isinstance(name, str) for name in [*names, *manifest["training_texts"]]):
        raise TypeError("languages, topics, stances or training_texts that are no text")
    for name in ("scale", "offset", "thresholds"):
        for topic in manifest["topics"]:
            value = manifest["documents"][name][topic]
            if not isinstance(value, int | float) or not abs(value) <= LARGEST_NUMBER:
                raise ValueError(f"documents.{name}.{topic}: {value!r}; expected a number")


def require_form(form: str, bundle: Path, manifest: dict[str, Any]) -> None:
    """Raise `RequestError` where this kind of model has no such form of `export --to`."""
    exports = kind_of(manifest).exports
    if form not in exports:
        others = [name for name in NAMES if form in kind_named(name).exports]
        raise RequestError(
            f"export --to {form}: {bundle} is a bundle of model={manifest['model']}; only "
            f"{' and '.join(others)} have this form. It has --to {', '.join(sorted(exports))}; or "
            "read it with MLflow or onnxruntime, or ask a server that has it: see docs/elsewhere.md"
        )


def require_small_graph(folder: str | Path, manifest: dict[str, Any]) -> None:
    """Raise `RequestError` where a bundle has no eight-bit graph, or none that was measured."""
    forms = manifest.get("forms")
    if not kind_of(manifest).transformers_layout or not isinstance(forms, dict):
        raise RequestError(
            f"{folder}: --fast is for transformers, and this labeller is "
            f"{manifest.get('model')!r}; run without --fast"
        )
    form, left = forms.get(SMALL_GRAPH), forms.get("left_out")
    measured = isinstance(form, dict) and all(
        isinstance(form.get(k), int | float) for k in ("topics_flipped", "stances_flipped", "texts")
    )
    if SMALL_GRAPH not in manifest["files"] or not measured:
        reason = left.get(SMALL_GRAPH) if isinstance(left, dict) else None
        changed = f"it changed too many decisions ({reason})" if reason else ""
        why = reason if isinstance(reason, str) else changed
        raise RequestError(
            f"{folder}: this bundle has no {SMALL_GRAPH}{': ' * bool(why)}{why}; run without --fast"
        )
