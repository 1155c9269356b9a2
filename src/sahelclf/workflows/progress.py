"""Progress of a training: a bar with the loss and the time left on a terminal, curves by step in its run."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from sahelclf.training.crossfit import OnStep, Step

EVERY = 10  # steps whose mean is one point of a curve


@contextmanager
def followed(run_id: str) -> Iterator[OnStep]:
    """Give training somebody to tell. A run that goes on gets no second point for a step that an earlier process told it of."""
    form = "{desc} {percentage:3.0f}% [{elapsed}<{remaining}]"
    bar: tqdm[Any] = tqdm(
        total=1.0, disable=not sys.stderr.isatty(), leave=False, file=sys.stderr, bar_format=form
    )
    recent: list[float] = []
    told: dict[str, int] = {}

    def on_step(step: Step) -> None:
        loss = step.numbers.get("loss")
        steps = f", step {step.done} of {step.steps}, loss {loss:.3f}" if loss is not None else ""
        bar.set_description_str(step.what + steps, refresh=False)
        if bar.n == 0:
            bar.initial = step.share  # what an earlier process did takes no time of this one
        bar.n = step.share
        bar.refresh()
        if loss is None:
            recent.clear()
            return
        recent.append(loss)
        if (step.done % EVERY == 0 or step.done == step.steps) and not step.name.startswith("cv-"):
            from sahelclf.tracking.runs import last_point, log_points

            curve, rate = f"loss/{step.name}", step.numbers["learning_rate"]
            if curve not in told:
                told[curve] = last_point(run_id, curve)
            if step.done > told[curve]:
                log_points(
                    run_id,
                    [
                        (curve, sum(recent) / len(recent), step.done),
                        (f"learning_rate/{step.name}", rate, step.done),
                    ],
                )
            recent.clear()

    with bar:
        yield on_step
