"""The configurations that `train` and `benchmark` would use, for commands, notebooks and experiments."""

from collections.abc import Sequence
from typing import Any

from sahelclf.config import BenchmarkConfig, TrainConfig, benchmark_config, train_config
from sahelclf.paths import data_root


def compose_config(overrides: Sequence[str] = ()) -> TrainConfig:
    """Compose `conf/train.yaml` with Hydra overrides, such as `["model=keywords", "seed=3"]`, and check it."""
    return train_config(_composed("train", overrides))


def compose_benchmark(overrides: Sequence[str] = ()) -> BenchmarkConfig:
    """Compose `conf/benchmark.yaml` with Hydra overrides, such as `["benchmark=stance", "root=../clones"]`, and check it."""
    return benchmark_config(_composed("benchmark", overrides))


def _composed(name: str, overrides: Sequence[str]) -> dict[str, Any]:
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(data_root() / "conf"), version_base="1.3"):
        raw = OmegaConf.to_container(compose(name, list(overrides)), resolve=True)
    assert isinstance(raw, dict)
    return {str(k): v for k, v in raw.items() if k != "hydra"}
