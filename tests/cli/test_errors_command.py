import json
import re

import pytest

from sahelclf.cli import main
from support import write_corpus


@pytest.fixture(autouse=True)
def no_store_named(monkeypatch):
    """MLflow leaves the address of the last store in the environment."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def tracked(trained, tmp_path_factory):
    """A working folder with a run and its bundle; the id of the run."""
    from sahelclf.bundle.write import write_bundle
    from sahelclf.tracking import runs
    from sahelclf.workflows.record import training_record

    folder = tmp_path_factory.mktemp("tracked")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with runs.open_run("tfidf") as run_id:
            write_bundle(trained, folder / "bundle", run_id)
            record = training_record(trained, folder / "bundle")
            runs.log_record(run_id, record)
            runs.log_bundle(run_id, folder / "bundle", record.metrics)
    return folder, run_id


def data_of(path):
    return json.loads(
        re.search(r'id="data">(.*?)</script>', path.read_text(encoding="utf-8"), re.DOTALL)[1]
    )


def test_a_run_and_its_bundle_give_the_same_page(tracked, trained, monkeypatch, capsys):
    folder, run_id = tracked
    monkeypatch.chdir(folder)
    for name, out in (
        ("bundle", "b.html"),
        (run_id, "pages/r.html"),
        (f"runs:/{run_id}", "u.html"),
    ):
        assert main(["errors", name, "-o", out]) == 0
        assert capsys.readouterr().out == f"{out}\n"
    found = data_of(folder / "b.html")
    assert [r["i"] for r in found["rows"]] == list(trained.passages.predictions.ids)
    assert found["rows"][0]["w"]
    assert found["about"]["run"] == run_id
    assert (
        (folder / "b.html").read_bytes()
        == (folder / "pages" / "r.html").read_bytes()
        == (folder / "u.html").read_bytes()
    )


def test_a_run_of_another_store_is_refused(tracked, tmp_path, monkeypatch, capsys):
    folder, run_id = tracked
    monkeypatch.chdir(tmp_path)
    assert main(["errors", str(folder / "bundle")]) == 2
    assert f"run {run_id}: there is no MLflow store" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.html"))


def test_another_corpus_is_refused_with_the_difference(tracked, tmp_path, monkeypatch, capsys):
    folder, _ = tracked
    monkeypatch.chdir(folder)
    other = write_corpus(tmp_path / "other", seed=2)
    assert main(["errors", "bundle", "--corpus", str(other), "-o", "x.html"]) == 2
    assert re.search(
        r"other: corpus [0-9a-f]{16}; the model was trained on [0-9a-f]{16}, 'Harbour news'",
        capsys.readouterr().err,
    )
    assert not (folder / "x.html").exists()


def test_a_folder_in_place_of_a_file_is_refused(tracked, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tracked[0])
    assert main(["errors", "bundle", "-o", str(tmp_path)]) == 2
    assert "expected the name of an HTML file" in capsys.readouterr().err


def test_a_run_that_the_store_does_not_know_is_refused(tracked, monkeypatch):
    from sahelclf.errors import RequestError
    from sahelclf.tracking.read import read_run

    monkeypatch.chdir(tracked[0])
    with pytest.raises(RequestError, match=f"the MLflow store .* has no run {'f' * 32}"):
        read_run("f" * 32, f"run {'f' * 32}")


def test_the_view_of_mlflow_ui_names_what_a_run_holds(tracked, monkeypatch):
    from sahelclf.tracking.store import experiment_id, mlflow, tracking_uri
    from sahelclf.tracking.views import VIEW_NAME, runs_page

    folder, run_id = tracked
    monkeypatch.chdir(folder)
    module = mlflow()
    client = module.MlflowClient(tracking_uri())
    experiment = experiment_id()
    view = json.loads(client.get_experiment(experiment).tags[f"mlflow.sharedViewState.{VIEW_NAME}"])
    held = client.get_run(run_id).data
    known = {f"metrics.`{k}`" for k in held.metrics} | {f"params.`{k}`" for k in held.params}
    assert len(view["selectedColumns"]) == 5
    assert {*view["selectedColumns"], view["orderByKey"]} <= known
    assert f"/experiments/{experiment}/runs?" in runs_page(experiment)
