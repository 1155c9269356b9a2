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
    ngram_range: Annotated[
        list[Annotated[int, Field(ge=1, le=8)]], Field(min_length=2, max_length=2)
    ]
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


class EmbeddingConfig(_Strict):
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


class TransformerConfig(_Strict):
    """`model=transformer`: an encoder, fine-tuned with one head of sigmoids."""

    kind: Literal["transformer"]
    encoder: str | None
    window: Annotated[int, Field(ge=16, le=8192)]
    overlap: Annotated[int, Field(ge=0)]
    epochs: Annotated[int, Field(ge=1, le=100)]
    batch_size: Annotated[int, Field(ge=1, le=1024)]
    learning_rate: Annotated[float, Field(gt=0, le=1)]
    head_learning_rate: Annotated[float, Field(gt=0, le=1)]
    frozen_layers: Annotated[int, Field(ge=0)]
    pooling: Literal["auto", "mean", "first"]
    weight_decay: Annotated[float, Field(ge=0, le=1)]
    warmup: Annotated[float, Field(ge=0, lt=1)]
    dropout: Annotated[float, Field(ge=0, lt=1)] | None
    precision: Literal["auto", "float32", "bfloat16"]
    threads: Annotated[int, Field(ge=1)] | None


class BlendConfig(_Strict):
    """`model=blend`: a fine-tuned transformer and TF-IDF, whose logits are added."""

    kind: Literal["blend"]
    transformer: TransformerConfig
    tfidf: TfidfConfig
    tfidf_weight: Annotated[float, Field(gt=0, allow_inf_nan=False)]


ModelConfig = Annotated[
    TfidfConfig | KeywordsConfig | EmbeddingConfig | TransformerConfig | BlendConfig,
    Field(discriminator="kind"),
]


class TrainConfig(_Strict):
    """`train`: what is fitted on what."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    model: ModelConfig
    corpus: str | None
    split: str
    crossfit: Annotated[int, Field(ge=2, le=20)]
    cv: Annotated[int, Field(ge=2, le=20)] | None
    out: str | None
    resume: str | None
    parent_run_id: str | None


class PublishedFigure(_Strict):
    """What others report on a set: the value of its published metric in percent, and where it stands."""

    system: str
    value: Annotated[float, Field(ge=0, le=100)]
    sd: Annotated[float, Field(ge=0)] | None = None
    metric: str | None = None
    source: str


class SetConfig(_Strict):
    """A set of a suite: settings of its models that differ from theirs, its dictionary, and others' figures."""

    settings: dict[Literal["tfidf", "embedding", "transformer"], dict[str, Any]] = {}
    dictionary: str | None = None
    others: list[PublishedFigure] = []


class SuiteConfig(_Strict):
    """`benchmark=conflict`, `benchmark=stance`: public sets by name."""

    name: str
    sets: Annotated[dict[str, SetConfig], Field(min_length=1)]


class MembersConfig(_Strict):
    """The models that a benchmark fits."""

    tfidf: TfidfConfig
    embedding: EmbeddingConfig
    transformer: TransformerConfig


System = Literal["keywords", "tfidf", "embedding", "transformer", "blend"]


class BenchmarkConfig(_Strict):
    """`benchmark`: which models are fitted on which public sets, and on which part they are scored."""

    benchmark: SuiteConfig
    root: str | None
    part: Literal["dev", "test"]
    sets: list[str] | None
    models: Annotated[list[System], Field(min_length=1)]
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], Field(min_length=1)]
    model: MembersConfig
    tfidf_weight: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    out: str | None

    @model_validator(mode="after")
    def _known_sets(self) -> "BenchmarkConfig":
        unknown = [s for s in self.sets or [] if s not in self.benchmark.sets]
        if unknown:
            raise ValueError(
                f"sets={unknown}: not in the suite {self.benchmark.name!r}; expected some of {[*self.benchmark.sets]}"
            )
        return self


def benchmark_config(raw: Mapping[str, Any]) -> BenchmarkConfig:
    """Check a composed configuration of `benchmark`; raise with every problem at once."""
    try:
        return BenchmarkConfig.model_validate(raw)
    except ValidationError as error:
        raise RequestError(validation_problems(error, "benchmark")) from None


CROSSFIT = {"transformer": 3, "blend": 3}
CROSSFIT_OF_OTHERS = 5


def train_config(raw: Mapping[str, Any]) -> TrainConfig:
    """Check a composed configuration; raise with every problem at once.

    `crossfit: null` becomes 3 folds for a transformer or blend, whose every fit takes minutes, and 5 for the others.
    """
    settings = dict(raw)
    if settings.get("crossfit", 0) is None:
        model = settings.get("model")
        kind = model.get("kind") if isinstance(model, Mapping) else None
        settings["crossfit"] = CROSSFIT.get(str(kind), CROSSFIT_OF_OTHERS)
    try:
        return TrainConfig.model_validate(settings)
    except ValidationError as error:
        raise RequestError(validation_problems(error, "train")) from None


def flat_settings(config: Mapping[str, Any]) -> dict[str, str]:
    """A resolved configuration as names and values, for parameters of runs and tables: where files come from and go is left out.

    A model's settings stand under their own names, those of a blend's members under `<member>.`, a block of terms as one.
    """
    flat = {"model": str(config["model"]["kind"])} | {
        k: str(config[k]) for k in ("seed", "split", "crossfit") if k in config
    }
    flat |= {"cv": str(config["cv"])} if config.get("cv") else {}
    return flat | _flat_model(config["model"], "")


def _flat_model(settings: Mapping[str, Any], prefix: str) -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in settings.items():
        if name == "features":
            for block in value:
                low, high = block["ngram_range"]
                flat[f"{prefix}features.{block['name']}"] = (
                    f"{block['analyzer']} {low}-{high}, min_df {block['min_df']}"
                )
        elif isinstance(value, Mapping):
            flat |= _flat_model(value, f"{prefix}{name}.")
        elif name != "kind" and value is not None:
            flat[prefix + name] = str(value)
    return flat


def encoder_of(config: ModelConfig) -> str | None:
    """The encoder that a model's settings name; None for the packaged one, and for models without."""
    reads = config.transformer if isinstance(config, BlendConfig) else config
    return reads.encoder if isinstance(reads, TransformerConfig | EmbeddingConfig) else None
