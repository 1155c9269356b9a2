"""Topics and stances of Sahel security news: corpus, models, and a labeller that other tools load.

>>> import sahelclf
>>> result = sahelclf.train("my-corpus")                    # doctest: +SKIP
>>> labeller = sahelclf.load(result.bundle)                 # doctest: +SKIP
>>> labeller.predict(["Niger recalled its envoy."])         # doctest: +SKIP

Names are imported when they are first used, so that `import sahelclf` takes no time.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sahelclf.bundle.labeller import Labeller
    from sahelclf.workflows.annotate import annotate_adjudicate, annotate_import
    from sahelclf.workflows.audit import annotate_audit
    from sahelclf.workflows.bundles import load
    from sahelclf.workflows.compare import compare
    from sahelclf.workflows.estimator import TopicStanceClassifier
    from sahelclf.workflows.evaluate import evaluate
    from sahelclf.workflows.measure import measure
    from sahelclf.workflows.predict import predict_file
    from sahelclf.workflows.regress import regress
    from sahelclf.workflows.reproduce import reproduce
    from sahelclf.workflows.sampling import annotate_sample
    from sahelclf.workflows.status import annotate_status
    from sahelclf.workflows.train import train

__version__ = "0.2.0"
__all__ = [
    "Labeller",
    "TopicStanceClassifier",
    "__version__",
    "annotate_adjudicate",
    "annotate_audit",
    "annotate_import",
    "annotate_sample",
    "annotate_status",
    "compare",
    "evaluate",
    "load",
    "measure",
    "predict_file",
    "regress",
    "reproduce",
    "train",
]
_MODULES = {
    "Labeller": "bundle.labeller",
    "TopicStanceClassifier": "workflows.estimator",
    "annotate_adjudicate": "workflows.annotate",
    "annotate_audit": "workflows.audit",
    "annotate_import": "workflows.annotate",
    "annotate_sample": "workflows.sampling",
    "annotate_status": "workflows.status",
    "compare": "workflows.compare",
    "evaluate": "workflows.evaluate",
    "load": "workflows.bundles",
    "measure": "workflows.measure",
    "predict_file": "workflows.predict",
    "regress": "workflows.regress",
    "reproduce": "workflows.reproduce",
    "train": "workflows.train",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'sahelclf' has no attribute {name!r}")
    value = getattr(import_module(f"sahelclf.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
