"""Folders: the data of the package, and the user's cache."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from sahelclf.errors import SahelclfError


def data_root() -> Path:
    """Folder with `conf/` and `annotations/`: of an installed wheel, else of the repository."""
    package = Path(__file__).resolve().parent
    for root in (package / "data", package.parents[1]):
        if (root / "conf" / "train.yaml").is_file() and (
            root / "annotations" / "codebook.yaml"
        ).is_file():
            return root
    raise SahelclfError(
        f"{package}: no data/ in it and no conf/ and annotations/ above it; reinstall sahelclf"
    )


def cache_folder() -> Path:
    """`SAHELCLF_CACHE`, else `sahelclf` in the user's cache folder; it may be deleted."""
    named = os.environ.get("SAHELCLF_CACHE")
    return Path(named) if named else user_cache_path("sahelclf", appauthor=False)


@contextmanager
def writing_to_cache(path: Path, size: float = 0) -> Iterator[None]:
    """Make the cache folder, and say what to do where `path` in it cannot be written.

    Parameters
    ----------
    size
        Bytes that are needed while it is written, for the message; 0 leaves them out.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        needed = f" (it takes {size / 2**30:.1f} GiB while it is written)" if size else ""
        raise SahelclfError(
            f"{path}: not written: {error.strerror or error}; make room or give yourself the right "
            f"to write there{needed}, or name another folder for the cache: SAHELCLF_CACHE=FOLDER"
        ) from error
