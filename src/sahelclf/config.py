"""Typed configuration: Hydra composes YAML files, these classes check the result."""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator

from sahelclf.errors import RequestError, nearest
from sahelclf.models.base import ModelConfig, ModelKind
from sahelclf.models.kinds import NAMES, kind_named, unknown_kind
from sahelclf.records import Frozen


def _known_kind(value: Any) -> Any:
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if kind is not None and kind not in NAMES:
        raise ValueError(unknown_kind(kind))
    return value


if TYPE_CHECKING:
    AnyModelConfig = ModelConfig
else:
    AnyModelConfig = Annotated[
        reduce(or_, [kind_named(name).config for name in NAMES]),
        Field(discriminator="kind"),
        BeforeValidator(_known_kind),
    ]
KindName = Annotated[str, AfterValidator(lambda name: _known_kind({"kind": name})["kind"])]


class TrainConfig(Frozen):
    """Settings of `train`."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    model: AnyModelConfig
    corpus: str | None
    split: str
    crossfit: Annotated[int, Field(ge=2, le=20)]
    cv: Annotated[int, Field(ge=2, le=20)] | None
    keep_folds: bool = False
    out: str | None
    resume: str | None
    parent_run_id: str | None


class PublishedFigure(Frozen):
    """A value in percent that others report on a set, and its source."""

    system: str
    value: Annotated[float, Field(ge=0, le=100)]
    sd: Annotated[float, Field(ge=0)] | None = None
    metric: str | None = None
    source: str


class SetConfig(Frozen):
    """A public set: settings of models that differ for it, its dictionary, published values."""

    settings: dict[KindName, dict[str, Any]] = Field({})
    dictionary: str | None = None
    others: list[PublishedFigure] = Field([])


class SuiteConfig(Frozen):
    """`benchmark=conflict`, `benchmark=stance`: public sets by name."""

    name: str
    sets: Annotated[dict[str, SetConfig], Field(min_length=1)]


class BenchmarkConfig(Frozen):
    """Settings of `benchmark`: models, public sets, and the part that is scored."""

    benchmark: SuiteConfig
    root: str | None
    part: Literal["dev", "test"]
    sets: list[str] | None
    models: Annotated[list[KindName], Field(min_length=1)]
    seeds: Annotated[list[Annotated[int, Field(ge=0, lt=2**32)]], Field(min_length=1)]
    model: dict[KindName, AnyModelConfig]
    tfidf_weight: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    out: str | None

    @model_validator(mode="after")
    def _known_sets(self) -> "BenchmarkConfig":
        unknown = [s for s in self.sets or [] if s not in self.benchmark.sets]
        if unknown:
            raise ValueError(
                f"sets={unknown}: not in the suite {self.benchmark.name!r}; expected some of "
                f"{[*self.benchmark.sets]}"
            )
        return self


def benchmark_config(raw: Mapping[str, Any]) -> BenchmarkConfig:
    """Check a composed configuration of `benchmark`; raise with every problem at once."""
    try:
        return BenchmarkConfig.model_validate(raw)
    except ValidationError as error:
        raise RequestError(_problems(error, "benchmark", BenchmarkConfig)) from None


def train_config(raw: Mapping[str, Any]) -> TrainConfig:
    """Check a composed configuration; raise with every problem at once.

    `crossfit: null` becomes the number of folds of the kind of model.
    """
    settings = dict(raw)
    if settings.get("crossfit", 0) is None:
        model = settings.get("model")
        kind = model.get("kind") if isinstance(model, Mapping) else None
        settings["crossfit"] = kind_named(kind).folds if kind in NAMES else ModelKind.folds
    try:
        return TrainConfig.model_validate(settings)
    except ValidationError as error:
        raise RequestError(_problems(error, "train", TrainConfig)) from None


# What pydantic finds wrong, as what was expected; names in braces are those of its context.
EXPECTED = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text; a number as text needs quotes",
    "list_type": "a list, such as [a,b]",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "literal_error": "{expected}",
}


def _problems(error: ValidationError, command: str, config: type[Frozen]) -> list[str]:
    """One line a problem: the setting as it is typed, what was found, what was expected."""
    lines = []
    for e in error.errors():
        path = [str(part) for part in e["loc"]]
        if path[:1] == ["model"]:  # pydantic names the kind before its setting
            del path[1 if command == "train" else 2 : 2 if command == "train" else 3]
        name, found = ".".join(path) or "(whole)", repr(e["input"])[:60]
        if e["type"] == "missing":
            problem = "missing; it is required"
        elif e["type"] == "extra_forbidden":
            known = nearest(name, [*config.model_fields]) if len(path) == 1 else f"found {found}"
            problem = f"no such setting; {known}"
        elif e["type"] in EXPECTED:
            problem = f"found {found}; expected {EXPECTED[e['type']].format(**e.get('ctx', {}))}"
        elif e["type"] == "value_error":
            problem = e["msg"].removeprefix("Value error, ")
        else:
            problem = f"{e['msg']}, found {found}"
        lines.append(f"{command}: {name}: {problem}")
    return lines


def flat_settings(config: Mapping[str, Any]) -> dict[str, str]:
    """A resolved configuration as names and values, without paths, for runs and tables.

    Settings of a model keep their names; those of a blend's members begin with `<member>.`; a
    block of terms is one entry.
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
