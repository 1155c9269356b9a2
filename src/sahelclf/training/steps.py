"""Steps of a training, for its progress bar and its curves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sahelclf.config import TrainConfig
from sahelclf.models.kinds import kind_named


@dataclass(frozen=True)
class Step:
    """Progress of a training, as `on_step` receives it.

    Parameters
    ----------
    text
        What is being fitted, for people.
    name
        Name of the fit, such as `fold-2` or `final`; curves and checkpoints are named after it.
    fit, fits
        Number of the fit, from 0, and how many the training has; with what follows them, `AFTER`,
        where a fit takes about as long as that.
    done, steps
        Steps of this fit that are done, and how many it has; 0 where a model does not report them.
    numbers
        Such as `loss` and `learning_rate`.
    """

    text: str
    name: str
    fit: int
    fits: int
    done: int = 0
    steps: int = 0
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Share of the training that is done, from 0 to 1."""
        return (self.fit + (self.done / self.steps if self.steps else 0)) / self.fits


# What follows the fits, and how long it takes beside a fit of tf-idf.
AFTER = {
    "computing scores and intervals": 1,
    "writing the bundle": 1,
    "drawing figures, tracking the run in MLflow": 4,
}


def n_steps(config: TrainConfig) -> int:
    """How many fits a training has, and steps after them; a slow model's fits are all that counts.

    Each fold of a cross-validation is a training of its own.
    """
    fits = (config.crossfit + 1) * (1 + (config.cv or 0))
    return fits + (0 if kind_named(config.model.kind).slow else sum(AFTER.values()))


def step_after(config: TrainConfig, k: int) -> Step:
    """Step `k` of those that follow the fits."""
    total, left = n_steps(config), sum([*AFTER.values()][k:])
    slow = kind_named(config.model.kind).slow
    return Step([*AFTER][k], f"after-{k + 1}", total if slow else total - left, total)


OnStep = Callable[[Step], None]
