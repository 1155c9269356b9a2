"""Where conf/ and annotations/ lie: inside an installed wheel, else at the top of the repository."""

from pathlib import Path

from sahelclf.errors import SahelclfError


def data_root() -> Path:
    """Folder that holds `conf/` and `annotations/`."""
    package = Path(__file__).resolve().parent
    for root in (package / "data", package.parents[1]):
        if (root / "conf" / "train.yaml").is_file() and (
            root / "annotations" / "codebook.yaml"
        ).is_file():
            return root
    raise SahelclfError(
        f"{package}: neither data/ nor a repository with conf/ and annotations/; reinstall sahelclf"
    )
