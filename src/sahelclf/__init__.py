"""Topics and stances of Sahel security news: corpus, models, and a labeller that other tools load.

>>> import sahelclf
>>> labeller = sahelclf.load("bundles/tfidf-…")            # doctest: +SKIP
>>> labeller.predict(["Niger recalled its envoy."])         # doctest: +SKIP
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sahelclf.bundle.labeller import Labeller

__version__ = "0.1.0"
__all__ = ["Labeller", "__version__", "load"]


def load(path: Any) -> "Labeller":
    """Load a bundle folder as a labeller; see `sahelclf.bundle.labeller.Labeller`."""
    from sahelclf.bundle.labeller import Labeller

    return Labeller.load(path)


def __getattr__(name: str) -> Any:
    if name == "Labeller":
        from sahelclf.bundle.labeller import Labeller

        return Labeller
    raise AttributeError(f"module 'sahelclf' has no attribute {name!r}")
