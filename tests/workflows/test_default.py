"""The labeller that is there from the start: trained once, shared by processes, kept in a cache."""

import json
import multiprocessing
import os
import shutil
import signal
from contextlib import contextmanager
from pathlib import Path

import pytest

import sahelclf
from sahelclf.cli import main
from sahelclf.workflows import default

CHOOSE = default.default_model  # before the tests replace it
TEXT = "The boat crews landed a catch of herring at the quay."
FORK = multiprocessing.get_context("fork")


@pytest.fixture(scope="module")
def packaged(tmp_path_factory, harbour):
    """The data of a package whose corpus is the small one."""
    root = tmp_path_factory.mktemp("packaged")
    shutil.copytree(Path(__file__).parents[2] / "conf", root / "conf")
    shutil.copytree(harbour, root / "annotations")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sahelclf.corpus.read.data_root", lambda: root)
        patch.setattr(default, "data_root", lambda: root)
        patch.setattr(default, "default_model", lambda: "tfidf")
        yield root


@pytest.fixture(scope="module")
def cache(tmp_path_factory, packaged):
    """A cache in which the default labeller was trained."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAHELCLF_CACHE", str(folder))
        sahelclf.load()
    return folder


@pytest.fixture
def in_cache(cache, monkeypatch, tmp_path):
    """The trained cache, in a working folder of its own."""
    monkeypatch.setenv("SAHELCLF_CACHE", str(cache))
    monkeypatch.chdir(tmp_path)
    return cache


def labellers(cache: Path) -> list[Path]:
    return [p for p in (cache / "labellers").iterdir() if p.is_dir()]


def test_it_is_the_labeller_of_the_packaged_corpus_and_is_trained_once(in_cache, caplog):
    [folder] = labellers(in_cache)
    before = (folder / "manifest.json").stat().st_mtime_ns
    labels = sahelclf.load("default").predict([TEXT])[0]["topics"]
    assert labels["fishing"]["holds"]
    assert not labels["dredging"]["holds"]
    assert (folder / "manifest.json").stat().st_mtime_ns == before
    assert [p.name for p in (in_cache / "labellers").iterdir() if p.name.startswith(".")] == []
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["run_id"], manifest["config"]["crossfit"]) == ("", default.FOLDS)
    assert "trained yet" not in caplog.text


def test_another_corpus_version_or_setting_is_another_labeller(packaged, monkeypatch):
    keys = [default._key("tfidf")]
    monkeypatch.setattr(default, "__version__", "9")
    keys.append(default._key("tfidf"))
    for path in (
        packaged / "conf" / "model" / "tfidf.yaml",
        packaged / "annotations/passages.jsonl",
    ):
        before = path.read_bytes()
        path.write_bytes(before + b"\n")
        keys.append(default._key("tfidf"))
        path.write_bytes(before)
    assert len({*keys, default._key("keywords")}) == 5
    assert default._key("tfidf") == keys[1]


def test_it_is_the_embedding_where_its_packages_are_installed(monkeypatch):
    needed = {*default.ENCODER_NEEDS}
    monkeypatch.setattr("sahelclf.models.named_encoders.installed_files", lambda _: [])
    monkeypatch.setattr(default, "find_spec", lambda name: name in needed or None)
    assert CHOOSE() == "embedding"
    needed.remove("torch")
    assert CHOOSE() == "tfidf"
    monkeypatch.undo()
    monkeypatch.setattr("sahelclf.models.named_encoders._distribution", lambda _: None)
    assert CHOOSE() == "tfidf"


def _load(trainings: Path, labels: Path) -> None:
    """In a process: load the default labeller, note whether it trained, write its labels."""

    @contextmanager
    def noted():
        with trainings.open("a") as stream:
            stream.write("trained\n")
        yield lambda _: None

    default.show_steps.set(noted)
    labels.write_text(json.dumps(sahelclf.load().predict([TEXT])))


def test_two_processes_at_once_train_one(packaged, tmp_path, monkeypatch):
    monkeypatch.setenv("SAHELCLF_CACHE", str(tmp_path / "cache"))
    outs = [tmp_path / "one.json", tmp_path / "two.json"]
    both = [FORK.Process(target=_load, args=(tmp_path / "trainings", out)) for out in outs]
    for process in both:
        process.start()
    for process in both:
        process.join(120)
    assert (tmp_path / "trainings").read_text() == "trained\n"
    assert outs[0].read_text() == outs[1].read_text() != ""


def _stop_half_way(reached: Path) -> None:
    """In a process: train, and wait for ever at the second fold."""

    def show(step) -> None:
        if step.fit == 1:
            reached.touch()
            signal.pause()

    @contextmanager
    def shown():
        yield show

    default.show_steps.set(shown)
    sahelclf.load()


def test_a_training_that_is_killed_leaves_nothing(packaged, tmp_path, monkeypatch):
    monkeypatch.setenv("SAHELCLF_CACHE", str(tmp_path / "cache"))
    reached = tmp_path / "reached"
    process = FORK.Process(target=_stop_half_way, args=(reached,))
    process.start()
    while not reached.exists():
        assert process.is_alive()
        process.join(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert labellers(tmp_path / "cache") == []
    assert sahelclf.load().predict([TEXT])[0]["topics"]["fishing"]["holds"]


def test_a_damaged_one_is_refused_with_what_to_do(packaged, cache, tmp_path, monkeypatch):
    shutil.copytree(cache, tmp_path / "cache")
    monkeypatch.setenv("SAHELCLF_CACHE", str(tmp_path / "cache"))
    [folder] = labellers(tmp_path / "cache")
    (folder / "features.json").write_text("{}")
    with pytest.raises(sahelclf.errors.BundleError) as raised:
        sahelclf.load()
    assert f"delete the folder {folder}" in str(raised.value)


def test_the_longest_unused_ones_are_deleted(tmp_path):
    for age in range(6):
        folder = tmp_path / f"tfidf-{age}"
        folder.mkdir()
        (tmp_path / f"{folder.name}.lock").touch()
        os.utime(folder, (1000 - age, 1000 - age))
    default._remove_old(tmp_path / "tfidf-5")
    left = {p.name for p in tmp_path.iterdir() if p.is_dir()}
    assert left == {"tfidf-0", "tfidf-1", "tfidf-2", "tfidf-5"}
    assert {p.stem for p in tmp_path.glob("*.lock")} == left


def test_predict_takes_it_where_no_model_is_named(in_cache, tmp_path, capsys):
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    assert main(["predict", "a.txt"]) == 0
    alone = capsys.readouterr()
    assert json.loads(alone.out)["topics"]["fishing"]["holds"]
    assert "default labeller: model=tfidf" in alone.err
    assert main(["predict", "default", "a.txt"]) == 0
    assert capsys.readouterr().out == alone.out
    [folder] = labellers(in_cache)
    assert main(["predict", str(folder), "a.txt"]) == 0
    assert capsys.readouterr().out == alone.out


def test_a_bundle_without_an_input_is_refused(in_cache, capsys):
    [folder] = labellers(in_cache)
    for name in (str(folder), "default", "runs:/" + "0" * 32):
        assert main(["predict", name]) == 2
        assert f"{name} is a bundle, and INPUT is missing" in capsys.readouterr().err


def test_evaluate_and_export_take_it_and_mlflow_is_left_alone(in_cache, tmp_path, packaged, capsys):
    assert main(["evaluate", "default", "--split", "test"]) == 0
    scored = json.loads(capsys.readouterr().out)
    assert scored["model"] == "default"
    assert 0 < scored["headline"]["passages"]["topic/macro_f1"] <= 1
    assert main(["evaluate", "default", "--split", "train"]) == 2
    assert "passages were trained on" in capsys.readouterr().err
    assert main(["export", "default", "--to", "hub"]) == 0
    assert (tmp_path / "default-hub" / "README.md").is_file()
    for command in (["errors", "default", "-o", "e.html"], ["compare", "default", "default"]):
        assert main(command) == 2
        assert "the default labeller has no run in MLflow" in capsys.readouterr().err
    names = {p.name for p in tmp_path.iterdir()}
    assert names == {"default-hub", "experiments"}
