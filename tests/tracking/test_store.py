"""The MLflow store: moved and copied, of another form, with a password in its address."""

import shutil
import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from sahelclf.errors import BundleError, RequestError, SahelclfError, masked
from sahelclf.tracking.location import foreign_folders
from sahelclf.tracking.read import fetched_artifact, find_run
from sahelclf.tracking.runs import Record, fetched_bundle, log_bundle, log_record, open_run
from sahelclf.tracking.store import client, experiment_id, store_errors, store_problem
from sahelclf.workflows.doctor import repair_store
from sahelclf.workflows.tables import read_predictions

TABLE = "predictions/passages.csv"


@pytest.fixture(scope="module")
def template(tmp_path_factory, bundle) -> tuple[Path, str]:
    """A project folder with one run that holds a table and a bundle; the tests work on copies."""
    folder = tmp_path_factory.mktemp("projects") / "first"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        with open_run("one") as run_id:
            log_record(run_id, Record(tables={TABLE: pd.DataFrame({"id": ["a"]})}))
            log_bundle(run_id, bundle, {"joint/f1": 0.5})
    return folder, run_id


@pytest.fixture
def project(template, tmp_path, monkeypatch) -> tuple[Path, str]:
    """The project copied to `tmp_path/copy`, with addresses in `tmp_path/first`."""
    first = tmp_path / "first"
    shutil.copytree(template[0], first)
    change_addresses(first / "mlflow.db", template[0], first)
    shutil.copytree(first, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path / "copy", template[1]


def change_addresses(store: Path, old: Path, new: Path) -> None:
    columns = {"experiments": "artifact_location", "runs": "artifact_uri"}
    with sqlite3.connect(store) as base:
        for table, column in (columns | {"logged_models": "artifact_location"}).items():
            change = f"UPDATE {table} SET {column} = replace({column}, ?, ?)"
            base.execute(change, (old.as_uri(), new.as_uri()))


def files(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_copied_store_does_not_write_into_the_old_folder(project, caplog):
    copy, run_id = project
    before = files(copy.parent / "first")
    with open_run("two") as second:
        log_record(second, Record(texts={"note.txt": "x"}))
    assert "made in" in caplog.text
    assert "doctor --repair-store" in caplog.text
    assert (copy / "mlartifacts" / second / "artifacts" / "note.txt").read_text() == "x"
    with pytest.raises(SahelclfError, match="another project; type python -m sahelclf doctor"):
        log_record(run_id, Record(tables={"late.csv": pd.DataFrame({"a": [1]})}))
    with (
        pytest.raises(SahelclfError, match="another project"),
        open_run("two", resume=run_id),
    ):
        pass
    assert files(copy.parent / "first") == before


def test_a_moved_store_has_one_message_for_all_and_is_repaired(project):
    copy, run_id = project
    shutil.rmtree(copy.parent / "first")
    cause = f"it was made in {copy.parent / 'first'}; type python -m sahelclf doctor"
    with pytest.raises(BundleError, match=cause), fetched_bundle(f"runs:/{run_id}"):
        pass
    with pytest.raises(RequestError, match=cause):
        read_predictions(find_run(run_id), "passages")

    done = repair_store()
    assert (done.changed, done.left) == (3, [])  # of the experiment, the run and its model
    assert foreign_folders(copy / "mlflow.db") == {}
    assert foreign_folders(done.backup) == {copy.parent / "first" / "mlartifacts": 3}
    with fetched_bundle(f"runs:/{run_id}") as folder:
        assert (folder / "manifest.json").is_file()
    with fetched_artifact(find_run(run_id), TABLE) as path:
        assert path.read_text() == "id\na\n"


def test_repair_leaves_addresses_whose_files_are_only_at_the_old_place(project):
    copy, run_id = project
    shutil.rmtree(copy / "mlartifacts" / run_id)
    done = repair_store()
    assert done.changed == 2
    assert done.left == [(copy.parent / "first/mlartifacts" / run_id / "artifacts").as_uri()]


def test_an_artifact_folder_chosen_by_the_user_is_left_alone(tmp_path, monkeypatch, caplog):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    chosen = (tmp_path / "elsewhere").as_uri()
    client().create_experiment("sahelclf", artifact_location=chosen)
    assert client().get_experiment(experiment_id()).artifact_location == chosen
    assert foreign_folders(tmp_path / "mlflow.db") == {}
    assert not caplog.text


def test_a_change_of_folder_is_a_change_of_store(project, monkeypatch, tmp_path):
    assert find_run(project[1]) is not None
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    assert find_run(project[1]) is None


def test_a_store_that_cannot_be_used_says_what_to_type(project, tmp_path, monkeypatch):
    with sqlite3.connect("mlflow.db") as base:
        base.execute("UPDATE alembic_version SET version_num = 'acf3f17fdcc7'")
    assert f"mlflow db upgrade sqlite:///{project[0] / 'mlflow.db'}" in store_problem()
    (tmp_path / "text").mkdir()
    monkeypatch.chdir(tmp_path / "text")
    assert store_problem() is None  # it is made by the first training
    Path("mlflow.db").write_text("notes")
    assert "no SQLite database" in store_problem()
    assert Path("mlflow.db").read_text() == "notes"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:SECRET@127.0.0.1/db", "postgresql://me:***@127.0.0.1/db"),
        ("at mysql+pymysql://u:S@C/R@h:1/db, twice", "at mysql+pymysql://u:***@h:1/db, twice"),
        ("https://TOKEN@host/x 'http://u:p@h'", "https://***@host/x 'http://u:***@h'"),
        ("postgresql://h/db?sslpassword=S&x=1", "postgresql://h/db?sslpassword=***&x=1"),
        ("http://127.0.0.1:5000/#/experiments/1", "http://127.0.0.1:5000/#/experiments/1"),
        (
            "sqlite:////home/a/m.db: ask me@example.org",
            "sqlite:////home/a/m.db: ask me@example.org",
        ),
        ("runs?viewStateShareKey=scores", "runs?viewStateShareKey=scores"),
    ],
)
def test_passwords_in_addresses_are_masked(text, shown):
    assert masked(text) == shown


def test_the_password_of_the_store_is_in_no_message(monkeypatch):
    uri = "postgresql://me:SECRET@127.0.0.1/db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(SahelclfError) as raised, store_errors():
        raise OSError(f"no answer from {uri}")
    assert "SECRET" not in str(raised.value)
    assert raised.value.__suppress_context__  # a traceback would show the first message
    assert "SECRET" not in store_problem()
