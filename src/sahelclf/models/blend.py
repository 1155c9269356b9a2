"""The blend: a fine-tuned transformer and TF-IDF, whose logits are added."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from sahelclf.models.base import NO_CALLBACKS, BundleReader, FitCallbacks, ModelConfig, ModelKind
from sahelclf.models.finetune import TransformerConfig
from sahelclf.models.tfidf import Tfidf, TfidfConfig
from sahelclf.models.transformer import Transformer
from sahelclf.tasks.base import TaskData

ENCODER = "encoder"


class BlendConfig(ModelConfig):
    """`model=blend`: a fine-tuned transformer and TF-IDF, whose logits are added."""

    kind: Literal["blend"]
    transformer: TransformerConfig
    tfidf: TfidfConfig
    tfidf_weight: Annotated[float, Field(gt=0, allow_inf_nan=False)]

    @property
    def encoder_name(self) -> str | None:
        """The encoder that the transformer's settings name; None for the packaged one."""
        return self.transformer.encoder


class Blend:
    """Logits of the transformer plus `tfidf_weight` times those of TF-IDF."""

    name = "blend"
    kind = "blend"

    def __init__(self, config: BlendConfig) -> None:
        self.config = config
        self.transformer = Transformer(config.transformer)
        self.tfidf = Tfidf(config.tfidf)
        self.computed_with: dict[str, Any] = {}

    def fit(self, data: TaskData, *, seed: int, callbacks: FitCallbacks = NO_CALLBACKS) -> None:
        """Fit both on the same texts; the head of TF-IDF is multiplied by the weight."""
        self.tfidf.fit(data, seed=seed)
        n = len(data.layout)
        self.tfidf.calibrate(np.full(n, self.config.tfidf_weight), np.zeros(n))
        self.transformer.fit(data, seed=seed, callbacks=callbacks)
        self.computed_with = self.transformer.computed_with

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads)."""
        return np.asarray(self.transformer.logits(texts) + self.tfidf.logits(texts))

    def calibrate(self, scale: np.ndarray, offset: np.ndarray) -> None:
        """Multiply both heads by the scale, and add the offset to the transformer's."""
        self.transformer.calibrate(scale, offset)
        self.tfidf.calibrate(scale, np.zeros(len(scale)))

    def save(self, folder: Path) -> None:
        """The plain files of TF-IDF, and the transformer's in `encoder/`."""
        self.tfidf.save(folder)
        (folder / ENCODER).mkdir()
        self.transformer.save(folder / ENCODER)

    def describe(self) -> dict[str, Any]:
        """Terms as for linear models, and how the transformer reads text."""
        return self.tfidf.describe() | self.transformer.describe()


KIND = ModelKind(
    "blend",
    BlendConfig,
    lambda config, *_: Blend(config),
    BundleReader("blend", "BlendLabeller", "float32 transformer, float64 terms"),
    folds=3,
    slow=True,
    deterministic=False,
    members=("tfidf", "transformer"),
    exports=frozenset({"hub"}),
    encode=lambda model, texts, on_step: model.transformer.encode(texts, on_step),
)
