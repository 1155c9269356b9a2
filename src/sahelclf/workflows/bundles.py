"""Open a bundle: a folder, one in MLflow, or the default labeller."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.workflows.default import DEFAULT, default_bundle

if TYPE_CHECKING:
    from sahelclf.bundle.labeller import Labeller

IN_MLFLOW = ("runs:", "models:")


def load(path: str | Path = "default") -> "Labeller":
    """Load a labeller.

    Parameters
    ----------
    path
        A bundle folder, or `runs:/<run id>` or `models:/<name or id>` in MLflow. `"default"` is
        the labeller of the packaged corpus; the first call trains it and keeps it in the user's
        cache.

    Raises
    ------
    BundleError
        No bundle is there, or a byte of it has changed.

    Examples
    --------
    >>> labeller = sahelclf.load()                       # doctest: +SKIP
    >>> labeller.predict(["Niger recalled its envoy."])  # doctest: +SKIP
    """
    return load_labeller(str(path))


def load_labeller(model: str, *, fast: bool = False) -> "Labeller":
    """A labeller from what `local_bundle` takes."""
    from sahelclf.bundle.labeller import Labeller

    with local_bundle(model) as folder:
        return Labeller.load(folder, fast=fast)


@contextmanager
def local_bundle(model: str) -> Iterator[Path]:
    """The folder that MODEL names: a folder, `default`, or a URI of a model in MLflow.

    Of a model in MLflow it is a copy, removed after the block.
    """
    if model == DEFAULT:
        with default_bundle() as folder:
            yield folder
    elif model.startswith(IN_MLFLOW):
        from sahelclf.tracking.runs import fetched_bundle

        with fetched_bundle(model) as folder:
            yield folder
    else:
        yield Path(model)


def names_bundle(name: str) -> bool:
    """Whether a name is one of a bundle: a URI, `default`, or a folder with a manifest."""
    path = Path(name)
    named = name.startswith(IN_MLFLOW) or (name == DEFAULT and not path.exists())
    return named or (path / "manifest.json").is_file()
