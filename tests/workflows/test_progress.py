"""Curves by step in a run, in a real store."""

from sahelclf.tracking.runs import open_run
from sahelclf.tracking.store import client
from sahelclf.training.compose import compose_config
from sahelclf.training.steps import Step, n_steps, step_after
from sahelclf.workflows.progress import curves_in
from sahelclf.workflows.train import run_name
from support import tfidf_config


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


def test_what_follows_the_fits_fills_the_bar_of_a_fast_model():
    once = tfidf_config(crossfit=3)
    assert n_steps(once) == 10  # three folds, the final fit, and six fits' time after them
    assert [step_after(once, k).share for k in range(3)] == [0.4, 0.5, 0.6]
    assert n_steps(tfidf_config(crossfit=3, cv=2)) == 18
    slow = compose_config(["model=transformer"])
    assert n_steps(slow) == slow.crossfit + 1
    assert {step_after(slow, k).share for k in range(3)} == {1.0}


def test_a_run_is_named_after_what_tells_it_from_others():
    def name(*words: str) -> str:
        return run_name(compose_config(words))

    assert name() == "tfidf, seed 0"
    assert name("model.C=8", "seed=3") == "tfidf, C 8.0, seed 3"
    assert name("model=keywords", "cv=5", "split=temporal-2021", "corpus=/a/town") == (
        "keywords, cv 5, town, temporal-2021, seed 0"
    )
    many = ("window=64", "overlap=8", "epochs=9", "frozen_layers=1", "threads=1", "batch_size=4")
    named = name("model=transformer", *(f"model.{m}" for m in many))
    assert named.count(",") == 6  # the kind, four settings, how many more, the seed
    assert ", 2 more, seed 0" in named
