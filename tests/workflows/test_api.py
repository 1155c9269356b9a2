"""The Python API: what the commands do, called from Python; made-up corpus, real store."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pandas as pd
import pytest

import sahelclf
from sahelclf.corpus.duplicates import text_sha256
from sahelclf.errors import RequestError
from sahelclf.workflows.evaluate import LEDGER, score
from sahelclf.workflows.trained_on import refuse_trained_on

FAST = {"crossfit": 3}


@pytest.fixture(scope="module")
def project(tmp_path_factory, harbour):
    """A folder in which `train` and `evaluate` were called."""
    folder = tmp_path_factory.mktemp("api")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        result = sahelclf.train(harbour, out=folder / "l'Est (é)", seed=0, **FAST)
        yield folder, result


def test_train_gives_bundle_run_scores_and_labeller(project, trained):
    folder, result = project
    assert result.bundle == folder / "l'Est (é)"
    assert json.loads((result.bundle / "manifest.json").read_text())["run_id"] == result.run_id
    assert result.scores["topic/macro_f1"] == trained.passages.report.scores["topic/macro_f1"]
    assert {"document/joint/f1", "topic/fishing/f1"} <= set(result.scores)
    table = result.table.set_index(["level", "score"])
    row = table.loc[("passages", "topic/macro_f1")]
    assert row["low"] <= row["value"] <= row["high"]
    assert result.labeller().topics == ("fishing", "dredging")
    labels = sahelclf.load(result.bundle).predict(["The boat landed a catch"])
    assert labels[0]["topics"]["fishing"]["holds"]
    assert sahelclf.load(f"runs:/{result.run_id}").topics == ("fishing", "dredging")


def test_a_models_own_settings_have_a_dot(harbour, project, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    from sahelclf.training.compose import compose_config, overrides_of

    given = {"model": "tfidf", "corpus": harbour, "model.C": 8, "seed": 3}
    config = compose_config(overrides_of(given))
    assert (config.model.C, config.seed, config.corpus) == (8.0, 3, str(harbour))
    for wrong, message in (
        ({"sed": 3}, "no setting 'sed'; did you mean 'seed'?"),
        ({"model": "tfidff"}, "did you mean 'tfidf'?"),
        ({"cv": 1}, "cv: found 1; expected 2 or more"),
        ({"resume": "x", "seed": 3}, "resume= takes the settings of its run; found seed"),
    ):
        with pytest.raises(RequestError) as raised:
            sahelclf.train(harbour, **wrong)
        assert message in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_evaluate_asks_for_a_part_and_says_what_each_is_for(project, harbour):
    _, result = project
    with pytest.raises(RequestError) as raised:
        sahelclf.evaluate(result.bundle, corpus=harbour)
    message = str(raised.value)
    for part in ("train (28 documents", "dev (4", "test (8 documents: for the final score", "all"):
        assert part in message
    with pytest.raises(RequestError, match="28 of|84 of 84 passages were trained on"):
        sahelclf.evaluate(result.bundle, corpus=harbour, split="train")


def test_evaluate_gives_scores_and_records_them(project, harbour):
    folder, result = project
    evaluation = sahelclf.evaluate(result.bundle, corpus=harbour, split="test")
    plain = evaluation.as_dict()
    assert (plain["split"], plain["part"], plain["documents"]) == ("grouped", "test", 8)
    assert plain["reports"]["passages"]["scores"]["joint/f1"] == evaluation.scores["joint/f1"]
    assert (
        evaluation.scores["document/joint/f1"]
        == plain["reports"]["documents"]["scores"]["joint/f1"]
    )
    assert set(evaluation.table["level"]) == {"passages", "documents"}
    entry = json.loads((folder / LEDGER).read_text().splitlines()[-1])
    assert entry == {k: v for k, v in plain.items() if k != "reports"}
    from sahelclf.tracking.read import find_run, full_metrics

    run, score = find_run(result.run_id), evaluation.scores["joint/f1"]
    assert run.metrics["test/joint/f1"] == round(score, 3)
    full = full_metrics(run)
    assert full["test/joint/f1"] == score
    assert full["topic/macro_f1"] == result.scores["topic/macro_f1"]  # of `train`, another file


def test_what_cannot_be_recorded_is_a_warning_and_the_scores_are_there(
    project, harbour, monkeypatch, tmp_path, caplog
):
    _, result = project
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").write_text("a file where the ledger's folder would be")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://me:SECRET@127.0.0.1/db")
    evaluation = sahelclf.evaluate(result.bundle, corpus=harbour, split="test")
    assert evaluation.scores["joint/f1"] > 0
    assert "ledger.jsonl: not written (" in caplog.text
    assert "the scores were not added to the bundle's run" in caplog.text
    assert "SECRET" not in caplog.text


def test_the_scores_of_a_table_do_not_need_a_bundle(harbour, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [json.loads(line) for line in (harbour / "passages.jsonl").read_text().splitlines()]
    table = pd.DataFrame({"id": [r["id"] for r in rows]})
    for topic in ("fishing", "dredging"):
        table[f"{topic}_holds"] = [topic in r["topics"] for r in rows]
        table[f"{topic}_stance"] = [r["topics"].get(topic, {}).get("stance") for r in rows]
    table.to_csv("oracle.csv", index=False)
    assert score("oracle.csv", split="all", corpus=harbour).scores["joint/f1"] == 1.0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["oracle.csv"]
    with pytest.raises(RequestError, match="--split is missing"):
        score("oracle.csv", corpus=harbour)


def test_everything_public_is_there_documented_and_imported_when_it_is_used():
    for name in sahelclf.__all__:
        value = getattr(sahelclf, name)
        assert name == "__version__" or (value.__doc__ and name in dir(sahelclf))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = sahelclf.nothing
    code = (
        "import sys, sahelclf; dir(sahelclf); "
        "sys.exit(bool({'numpy', 'pydantic', 'sklearn', 'mlflow', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, env=os.environ).returncode == 0


def test_stock_phrases_that_were_trained_on_do_not_stop_an_evaluation():
    phrase, sentence = (
        "Who is in charge?",
        "one two three four five six seven eight nine ten eleven twelve",
    )
    hashes = [text_sha256(t)[:20] for t in (phrase, sentence)]
    labeller = SimpleNamespace(manifest={"training_texts": hashes})
    others = {f"p{i}": f"another text {i}" for i in range(20)}
    refuse_trained_on(labeller, others | {"phrase": phrase}, "corpus")
    for known in ({"sentence": sentence}, {"a": phrase, "b": phrase}):
        with pytest.raises(RequestError, match="were trained on"):
            refuse_trained_on(labeller, others | known, "corpus")
