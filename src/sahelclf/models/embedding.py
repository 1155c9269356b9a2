"""The embedding labeller: a frozen encoder's vectors beside TF-IDF terms, under one linear head."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from sahelclf.models.base import NO_CALLBACKS, BundleReader, FitCallbacks, ModelConfig, ModelKind
from sahelclf.models.embedding_cache import EmbeddingCache
from sahelclf.models.encoder_files import check_window, find_encoder, refuse_other_pooling
from sahelclf.models.linear import FeatureBlock, LinearModel, fit_heads, fit_terms, refuse_targets
from sahelclf.tasks.base import TaskData


class EmbeddingConfig(ModelConfig):
    """`model=embedding`: a frozen encoder's vectors beside TF-IDF terms."""

    kind: Literal["embedding"]
    encoder: str | None
    window: Annotated[int, Field(ge=16, le=8192)]
    overlap: Annotated[int, Field(ge=0)]
    features: Annotated[list[FeatureBlock], Field(min_length=1)]
    vector_weight: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    C: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    class_weight: Literal["balanced"] | None
    threads: Annotated[int, Field(ge=1)] | None

    @property
    def encoder_name(self) -> str | None:
        """The encoder that the settings name; None for the packaged one."""
        return self.encoder


class Embedding(LinearModel):
    """Logistic regressions over TF-IDF terms and unit-length vectors times `vector_weight`."""

    name = "embedding"
    kind = "embedding"

    def __init__(self, config: EmbeddingConfig) -> None:
        super().__init__()
        self.config = config
        self.files = find_encoder(config.encoder)
        check_window(self.files, config.window, config.overlap)
        refuse_other_pooling(self.files)
        self.vectors = EmbeddingCache(self.files, config.window, config.overlap, config.threads)

    def fit(self, data: TaskData, *, seed: int, callbacks: FitCallbacks = NO_CALLBACKS) -> None:
        """Fit the vectorizers on all texts, and each head on the texts where it has an answer."""
        from scipy.sparse import csr_matrix, hstack

        refuse_targets(data)
        self.layout = data.layout
        x, self.blocks, self.arrays = fit_terms(self.config.features, data.texts)
        vectors = self.vectors(data.texts, callbacks.on_step) * self.config.vector_weight
        coef, intercept = fit_heads(
            hstack([x, csr_matrix(vectors)]).tocsr(),
            data,
            self.config.C,
            self.config.class_weight,
            seed,
        )
        self.arrays |= {
            "coef": coef[: x.shape[1]],
            "vectors": coef[x.shape[1] :] * self.config.vector_weight,
            "intercept": intercept,
        }

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads)."""
        return np.asarray(super().logits(texts) + self.vectors(texts) @ self.arrays["vectors"])

    def calibrate(self, scale: np.ndarray, offset: np.ndarray) -> None:
        """Multiply the weights by the scale, and add the offset."""
        super().calibrate(scale, offset)
        self.arrays["vectors"] = self.arrays["vectors"] * scale

    def save(self, folder: Path) -> None:
        """The plain files, and the encoder as ONNX with its tokenizer."""
        super().save(folder)
        assert self.vectors.encoder
        shutil.copyfile(self.vectors.graph, folder / "encoder.onnx")
        shutil.copyfile(self.vectors.tokenizer, folder / "tokenizer.json")

    def describe(self) -> dict[str, Any]:
        """Terms as for linear models, and how the encoder reads text."""
        return super().describe() | {
            "vectors": {
                **self.files.describe(self.config.window, self.config.overlap),
                "pooling": "mean over a window's tokens; mean over windows, weighted by the tokens "
                "that a window does not share with the one before; length 1",
            }
        }


KIND = ModelKind(
    "embedding",
    EmbeddingConfig,
    lambda config, *_: Embedding(config),
    BundleReader("embedding", "EmbeddingLabeller", "float32 vectors, float64 head"),
    exports=frozenset({"hub"}),
    encode=lambda model, texts, on_step: model.vectors(texts, on_step),
)
