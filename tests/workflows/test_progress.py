"""Curves by step in a run, in a real store."""

from sahelclf.tracking.runs import open_run
from sahelclf.tracking.store import client
from sahelclf.training.crossfit import Step
from sahelclf.workflows.progress import curves_in


def report_steps(run_id, steps):
    on_step = curves_in(run_id)
    for k in steps:
        on_step(Step("fitting", "final", 1, 1, k, 34, {"loss": float(k), "learning_rate": 0.1 * k}))


def test_a_resumed_curve_has_one_point_a_step(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with open_run("fit") as run_id:
        report_steps(run_id, range(1, 26))
        report_steps(
            run_id, range(13, 35)
        )  # an earlier process reached step 25 after its checkpoint of step 12
    points = client().get_metric_history(run_id, "loss/final")
    assert [(p.step, p.value) for p in points] == [(10, 5.5), (20, 15.5), (30, 25.5), (34, 32.5)]
    assert [p.step for p in client().get_metric_history(run_id, "learning_rate/final")] == [
        10,
        20,
        30,
        34,
    ]
