"""TF-IDF: one logistic regression a head over weighted words and runs of characters."""

from typing import Annotated, Literal

from pydantic import Field

from sahelclf.models.base import NO_CALLBACKS, FitCallbacks, ModelConfig, ModelKind
from sahelclf.models.linear import FeatureBlock, LinearModel, fit_heads, fit_terms, refuse_targets
from sahelclf.tasks.base import TaskData


class TfidfConfig(ModelConfig):
    """`model=tfidf`."""

    kind: Literal["tfidf"]
    features: Annotated[list[FeatureBlock], Field(min_length=1)]
    C: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    class_weight: Literal["balanced"] | None


class Tfidf(LinearModel):
    """L2-regularised logistic regressions over blocks of TF-IDF terms."""

    name = "tfidf"

    def __init__(self, config: TfidfConfig) -> None:
        super().__init__()
        self.config = config

    def fit(self, data: TaskData, *, seed: int, callbacks: FitCallbacks = NO_CALLBACKS) -> None:  # noqa: ARG002 - takes seconds
        """Fit the vectorizers on all texts, and each head on the texts where it has an answer."""
        refuse_targets(data)
        self.layout = data.layout
        x, self.blocks, self.arrays = fit_terms(self.config.features, data.texts)
        coef, intercept = fit_heads(x, data, self.config.C, self.config.class_weight, seed)
        self.arrays |= {"coef": coef, "intercept": intercept}


KIND = ModelKind("tfidf", TfidfConfig, lambda config, *_: Tfidf(config))
