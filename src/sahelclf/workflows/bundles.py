"""Open a bundle from a folder or from MLflow."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sahelclf.bundle.labeller import Labeller


def load_labeller(model: str, *, fast: bool = False) -> "Labeller":
    """A labeller from a folder, or from MLflow where MODEL is a URI."""
    from sahelclf.bundle.labeller import Labeller

    with local_bundle(model) as folder:
        return Labeller.load(folder, fast=fast)


@contextmanager
def local_bundle(model: str) -> Iterator[Path]:
    """The folder that MODEL names; a copy for the time of the block where MLflow holds it."""
    if model.startswith(("runs:", "models:")):
        from sahelclf.tracking.runs import fetched_bundle

        with fetched_bundle(model) as folder:
            yield folder
    else:
        yield Path(model)
