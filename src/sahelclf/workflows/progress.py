"""Steps of a training: shown by the caller, and logged as curves in its run."""

from sahelclf.tracking.runs import last_point, log_points
from sahelclf.training.steps import OnStep, Step

EVERY = 10  # steps whose mean is one point of a curve


def show_nothing(_: Step) -> None:
    """For callers without a terminal."""


def curves_in(run_id: str, show: OnStep = show_nothing) -> OnStep:
    """The function that a training reports its steps to.

    It logs loss and learning rate by step in the run, and passes every step on to `show`. A resumed
    run gets no second point for a step that an earlier process logged.
    """
    recent: list[float] = []
    logged: dict[str, int] = {}

    def on_step(step: Step) -> None:
        show(step)
        loss = step.numbers.get("loss")
        if loss is None:
            recent.clear()
            return
        recent.append(loss)
        if (step.done % EVERY and step.done != step.steps) or step.name.startswith("cv-"):
            return
        curve = f"loss/{step.name}"
        if curve not in logged:
            logged[curve] = last_point(run_id, curve)
        if step.done > logged[curve]:
            rate = (f"learning_rate/{step.name}", step.numbers["learning_rate"], step.done)
            log_points(run_id, [(curve, sum(recent) / len(recent), step.done), rate])
        recent.clear()

    return on_step
