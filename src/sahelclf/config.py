"""Typed configuration: Hydra composes plain YAML, these models check it once, before any work."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sahelclf.codebook import validation_problems
from sahelclf.errors import RequestError


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FeatureBlock(_Strict):
    """One family of TF-IDF terms."""

    name: str
    analyzer: Literal["word", "char_wb"]
    ngram_range: Annotated[list[Annotated[int, Field(ge=1, le=8)]], Field(min_length=2, max_length=2)]
    min_df: Annotated[int, Field(ge=1)]
    max_features: Annotated[int, Field(ge=1)] | None

    @model_validator(mode="after")
    def _shortest_first(self) -> "FeatureBlock":
        if self.ngram_range[0] > self.ngram_range[1]:
            raise ValueError(f"ngram_range {self.ngram_range}; expected the shorter length first")
        return self


class TfidfConfig(_Strict):
    """`model=tfidf`."""

    kind: Literal["tfidf"]
    features: Annotated[list[FeatureBlock], Field(min_length=1)]
    C: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    class_weight: Literal["balanced"] | None


class KeywordsConfig(_Strict):
    """`model=keywords`; without a dictionary of its own it takes the corpus's `keywords.yaml`."""

    kind: Literal["keywords"]
    dictionary: str | None


ModelConfig = Annotated[TfidfConfig | KeywordsConfig, Field(discriminator="kind")]


class TrainConfig(_Strict):
    """`train`: what is fitted on what."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    model: ModelConfig
    corpus: str | None
    split: str
    crossfit: Annotated[int, Field(ge=2, le=20)]
    cv: Annotated[int, Field(ge=2, le=20)] | None
    out: str | None
    parent_run_id: str | None


def train_config(raw: Mapping[str, Any]) -> TrainConfig:
    """Check a composed configuration; raise with every problem at once."""
    try:
        return TrainConfig.model_validate(dict(raw))
    except ValidationError as error:
        raise RequestError(validation_problems(error, "train")) from None
