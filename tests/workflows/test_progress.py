"""Curves by step in a run, in a real store."""

from sahelclf.tracking.runs import open_run
from sahelclf.tracking.store import client
from sahelclf.training.crossfit import Step
from sahelclf.workflows.progress import followed


def told(run_id, steps):
    with followed(run_id) as on_step:
        for k in steps:
            on_step(
                Step("fitting", "final", 1, 1, k, 34, {"loss": float(k), "learning_rate": 0.1 * k})
            )


def test_a_curve_gone_on_with_has_one_point_a_step(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with open_run("fit") as run_id:
        told(run_id, range(1, 26))
        told(
            run_id, range(13, 35)
        )  # an earlier process had gone on to step 25 after its checkpoint of step 12
    points = client().get_metric_history(run_id, "loss/final")
    assert [(p.step, p.value) for p in points] == [(10, 5.5), (20, 15.5), (30, 25.5), (34, 32.5)]
    assert [p.step for p in client().get_metric_history(run_id, "learning_rate/final")] == [
        10,
        20,
        30,
        34,
    ]
