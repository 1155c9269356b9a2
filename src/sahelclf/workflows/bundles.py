"""Open a bundle from a folder or from MLflow."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.errors import RequestError

if TYPE_CHECKING:
    from sahelclf.bundle.labeller import Labeller

STOCK_SHARE = 0.05


def load(path: str | Path = "default") -> "Labeller":
    """Load a labeller.

    Parameters
    ----------
    path
        A bundle folder, or `runs:/<run id>` or `models:/<name or id>` in MLflow.

    Raises
    ------
    BundleError
        No bundle is there, or a byte of it has changed.
    RequestError
        No path was given: this version has no labeller of its own yet.

    Examples
    --------
    >>> labeller = sahelclf.load("bundles/tfidf-…")      # doctest: +SKIP
    >>> labeller.predict(["Niger recalled its envoy."])  # doctest: +SKIP
    """
    if path == "default":
        raise RequestError(
            "load: no path; train a labeller first (sahelclf.train() or python -m sahelclf train, "
            "a few seconds) and give its bundle: sahelclf.load(result.bundle)"
        )
    return load_labeller(str(path))


def load_labeller(model: str, *, fast: bool = False) -> "Labeller":
    """A labeller from a folder, or from MLflow where MODEL is a URI."""
    from sahelclf.bundle.labeller import Labeller

    with local_bundle(model) as folder:
        return Labeller.load(folder, fast=fast)


@contextmanager
def local_bundle(model: str) -> Iterator[Path]:
    """The folder that MODEL names; of a model in MLflow a copy, removed after the block."""
    if model.startswith(("runs:", "models:")):
        from sahelclf.tracking.runs import fetched_bundle

        with fetched_bundle(model) as folder:
            yield folder
    else:
        yield Path(model)


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
