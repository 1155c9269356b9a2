"""sahelclf itself: one fit of a model with its shipped settings (`train` adds fits that settle its
thresholds).
"""

import sys
import time
from functools import partial
from importlib import import_module

import numpy as np
from job import run

from sahelclf.codebook import read_codebook
from sahelclf.evaluation.decide import to_probabilities
from sahelclf.models.base import FitCallbacks
from sahelclf.models.kinds import build_model
from sahelclf.paths import data_root
from sahelclf.tasks.base import HeadLayout, TaskData
from sahelclf.training.compose import compose_config

LINEAR = ("sklearn.feature_extraction.text", "sklearn.linear_model")
ENCODER = (
    "torch",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
)
IMPORTED_WHEN_USED = {  # and so imported here, before the clock starts, as the other scripts do
    "tfidf": ("sahelclf.models.tfidf", *LINEAR),
    "embedding": ("sahelclf.models.embedding", "onnxruntime", *LINEAR, *ENCODER),
    "transformer": ("sahelclf.models.transformer", "datasets", *LINEAR, *ENCODER),
}


def fit(config, job):
    root = data_root() / "annotations"
    if config.kind != "tfidf":
        config = config.model_copy(update={"threads": job["threads"]})
    model = build_model(config, read_codebook(root / "codebook.yaml"), root)
    y, ids = np.array(job["y"], dtype=float), tuple(map(str, range(len(job["texts"]))))
    data = TaskData(
        HeadLayout(tuple(job["labels"])),
        ids,
        ids,
        tuple(job["texts"]),
        y,
        np.ones(y.shape, dtype=bool),
    )
    ticks = []
    model.fit(data, seed=0, callbacks=FitCallbacks(lambda *_: ticks.append(time.perf_counter())))
    about = dict(model.computed_with)
    if ticks:
        steps = len(ticks) // config.epochs
        about |= {
            "epoch_seconds": (ticks[-1] - ticks[0]) / (len(ticks) - 1) * steps,
            "batch": config.batch_size,
        }
    return lambda texts: to_probabilities(model.logits(texts)), about


if __name__ == "__main__":
    for module in IMPORTED_WHEN_USED[sys.argv[3]]:
        import_module(module)
    run(
        partial(fit, compose_config([f"model={sys.argv[3]}"]).model),
        ["sahelclf", "scikit-learn", "torch", "transformers", "onnxruntime"],
    )
