"""The configuration that `train` would use, for notebooks and experiments."""

from collections.abc import Sequence

from sahelclf.config import TrainConfig, train_config
from sahelclf.paths import data_root


def compose_config(overrides: Sequence[str] = ()) -> TrainConfig:
    """Compose `conf/train.yaml` with Hydra overrides, such as `["model=keywords", "seed=3"]`, and check it."""
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    with initialize_config_dir(str(data_root() / "conf"), version_base="1.3"):
        raw = OmegaConf.to_container(compose("train", list(overrides)), resolve=True)
    assert isinstance(raw, dict)
    return train_config({str(k): v for k, v in raw.items() if k != "hydra"})
