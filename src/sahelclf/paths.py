"""Folders: the data of the package, and the user's cache."""

import os
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
