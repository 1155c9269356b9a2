"""The configurations that `train` and `benchmark` would use, for commands, notebooks and experiments."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sahelclf.config import BenchmarkConfig, TrainConfig, benchmark_config, train_config
from sahelclf.paths import data_root

if TYPE_CHECKING:
    from omegaconf import DictConfig


def compose_config(overrides: Sequence[str] = ()) -> TrainConfig:
    """Compose `conf/train.yaml` with Hydra overrides, such as `["model=keywords", "seed=3"]`, and check it."""
    return train_config(_composed("train", overrides))


def compose_benchmark(overrides: Sequence[str] = ()) -> BenchmarkConfig:
    """Compose `conf/benchmark.yaml` with Hydra overrides, such as `["benchmark=stance", "root=../clones"]`, and check it."""
    return benchmark_config(_composed("benchmark", overrides))


def _composed(name: str, overrides: Sequence[str]) -> dict[str, Any]:
    from hydra import compose, initialize_config_dir

    with initialize_config_dir(str(data_root() / "conf"), version_base="1.3"):
        return plain_settings(compose(name, list(overrides)))


def plain_settings(composed: "DictConfig") -> dict[str, Any]:
    """What Hydra composed, as plain values without Hydra's own."""
    from omegaconf import OmegaConf

    raw = OmegaConf.to_container(composed, resolve=True, throw_on_missing=True)
    assert isinstance(raw, dict)
    return {str(k): v for k, v in raw.items() if k != "hydra"}
