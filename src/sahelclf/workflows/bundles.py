"""Open a bundle: a folder, one in MLflow, or the default labeller."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.errors import RequestError
from sahelclf.workflows.default import DEFAULT, default_bundle

if TYPE_CHECKING:
    from sahelclf.bundle.labeller import Labeller

STOCK_SHARE = 0.05
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


def refuse_trained_on(labeller: "Labeller", texts: Mapping[str, str], where: str) -> None:
    """Raise where the bundle was trained on some of these texts (by id or row).

    Equal texts of fewer than twelve words are often stock phrases ('Who is in charge?'): up to one
    in twenty of them is no reason.
    """
    from sahelclf.corpus.duplicates import STOCK_WORDS, text_sha256

    seen = set(labeller.manifest["training_texts"])
    known = [i for i, text in texts.items() if text_sha256(text)[:20] in seen]
    long = [i for i in known if len(texts[i].split()) >= STOCK_WORDS]
    if long or len(known) > STOCK_SHARE * len(texts):
        raise RequestError(
            f"{where}: {len(known)} of {len(texts)} passages were trained on "
            f"({', '.join(known[:3])}, …); scores on them are too high. Evaluate on another part, "
            "for instance --split test"
        )
