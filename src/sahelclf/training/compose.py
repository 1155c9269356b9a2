"""Compose the configurations of `train` and `benchmark` from Hydra overrides."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.config import BenchmarkConfig, TrainConfig, benchmark_config, train_config
from sahelclf.errors import RequestError, nearest
from sahelclf.paths import data_root

if TYPE_CHECKING:
    from omegaconf import DictConfig


def compose_config(overrides: Sequence[str] = ()) -> TrainConfig:
    """Compose and check `conf/train.yaml` with overrides such as `["model=keywords"]`."""
    return train_config(_composed("train", overrides))


def compose_benchmark(overrides: Sequence[str] = ()) -> BenchmarkConfig:
    """Compose and check `conf/benchmark.yaml`, with overrides such as `["benchmark=stance"]`."""
    return benchmark_config(_composed("benchmark", overrides))


def _composed(name: str, overrides: Sequence[str]) -> dict[str, Any]:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    outer = GlobalHydra.instance().hydra  # Hydra allows one at a time; a job of a sweep has it
    GlobalHydra.instance().clear()
    try:
        with complaints(name), initialize_config_dir(str(data_root() / "conf"), version_base="1.3"):
            return plain_settings(compose(name, list(overrides)))
    finally:
        GlobalHydra.instance().hydra = outer


def plain_settings(composed: "DictConfig") -> dict[str, Any]:
    """What Hydra composed, as plain values without Hydra's own."""
    from omegaconf import OmegaConf

    raw = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    assert isinstance(raw, dict)
    return {str(k): v for k, v in raw.items() if k != "hydra"}


def quoted(text: str) -> str:
    """A text as one value in Hydra's grammar, whatever signs it holds."""
    from hydra.core.override_parser.types import Quote, QuotedString

    plain = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)  # else OmegaConf fills in what it names
    return str(QuotedString(plain, Quote.single).with_quotes())


def overrides_of(settings: Mapping[str, Any]) -> list[str]:
    """Settings by name, such as `{"seed": 3, "model.C": 8}`, as Hydra overrides."""
    return [f"{name}={_value(value)}" for name, value in settings.items()]


def _value(value: Any) -> str:
    if isinstance(value, str | Path):
        return quoted(str(value))
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{k}:{_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, Sequence):
        return "[" + ",".join(map(_value, value)) + "]"
    return (
        "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    )


NOT_TYPED = {"hydra", "parent_run_id"}


@contextmanager
def complaints(command: str) -> Iterator[None]:
    """Turn an error of Hydra or OmegaConf into one line with what is wrong and what to type."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise RequestError(f"{command}: {_explained(error)}") from None


def _explained(error: Exception) -> str:
    from hydra.errors import MissingConfigException, OverrideParseException
    from omegaconf.errors import ConfigAttributeError, ConfigKeyError

    cause = error.__cause__ or error
    if isinstance(error, MissingConfigException) and error.options:
        group, _, name = str(error.missing_cfg_file).rpartition("/")
        return f"{group}={name}: {nearest(name, error.options)}"
    if isinstance(cause, ConfigAttributeError | ConfigKeyError) and cause.parent_node:
        holder, _, name = str(cause.full_key).rpartition(".")
        known = [str(k) for k in cause.parent_node if k not in NOT_TYPED]
        where = f"{holder!r} has no {name!r}" if holder else f"no setting {name!r}"
        return f"{where}; {nearest(name, known)}"
    text = "; ".join(line.strip() for line in str(error).splitlines() if line.strip())
    if isinstance(error, OverrideParseException) and "=" not in str(error.override):
        return _without_equals(str(error.override))
    if isinstance(error, OverrideParseException):
        form = "expected key=value; a text with signs other than letters and digits needs quotes"
        return f"{error.override}: not readable; {form}: \"key='value'\""
    if text.startswith("Ambiguous value"):
        return (
            f"{text.split(chr(39))[1]}: several values; add -m for one training with each of them"
        )
    return text[:400] if cause is error else f"{text[:300]}; {str(cause).splitlines()[0]}"


def _without_equals(word: str) -> str:
    """A setting without a value, or a value without its setting."""
    files = (data_root() / "conf").glob("*/*.yaml")
    group = next((p.parent.name for p in files if p.stem == word), None)
    meant = f"did you mean {group}={word}?" if group else f"expected {word}=VALUE"
    return f"{word!r} has no '='; {meant}"
