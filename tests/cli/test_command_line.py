"""The command line as a user meets it: real processes, a real SQLite store, real files."""

import json
import os
import re
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from support import CODEBOOK, sahelclf, write_corpus

COMMANDS = [
    "train",
    "predict",
    "evaluate",
    "compare",
    "robustness",
    "report",
    "errors",
    "measure",
    "annotate",
    "corpus",
    "reproduce",
    "export",
    "doctor",
]


@pytest.fixture(scope="module")
def work(tmp_path_factory, harbour):
    """A folder in which one training has run."""
    folder = tmp_path_factory.mktemp("work")
    done = sahelclf("train", f"corpus={harbour}", "crossfit=3", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done


def bundle_of(done) -> str:
    return done.stdout.splitlines()[-1]


def test_train_prints_the_bundle_last_and_the_table_on_stderr(work):
    folder, done = work
    assert re.fullmatch(r"bundles/tfidf-[0-9a-f]{32}", bundle_of(done))
    assert done.stdout.count("\n") == 1
    for part in (
        "topic/macro_f1",
        "annotators",
        "python -m sahelclf predict bundles/",
        "evaluate",
        "mlflow ui",
    ):
        assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(p.name for p in folder.iterdir()) == ["bundles", "mlartifacts", "mlflow.db"]


def test_the_run_holds_what_the_design_says(work):
    folder, done = work
    run_id = bundle_of(done).rpartition("-")[2]
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert len(run.data.params) < 15
    assert {
        "topic/macro_f1",
        "stance/macro_f1",
        "joint/f1",
        "document/topic/macro_f1",
        "topic/fishing/f1",
        "calibration/ece",
        "train/seconds",
        "speed/passages_per_second",
    } <= set(run.data.metrics)
    assert {i.dataset.name for i in run.inputs.dataset_inputs} == {
        "corpus-grouped-train",
        "corpus-grouped-dev",
    }
    artifacts = {a.path for a in client.list_artifacts(run_id)}
    assert {"config.json", "figures", "predictions", "versions.json"} <= artifacts
    assert {a.path for a in client.list_artifacts(run_id, "figures")} >= {
        "figures/precision_recall.png",
        "figures/reliability.png",
        "figures/stance_confusion.png",
    }


def test_a_path_a_run_and_a_model_are_the_same_labeller(work, harbour):
    folder, done = work
    run_id = bundle_of(done).rpartition("-")[2]
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    model_id = client.get_run(run_id).outputs.model_outputs[0].model_id
    labelled = [
        sahelclf(
            "predict",
            model,
            "-",
            "--unit",
            "passage",
            cwd=folder,
            stdin='{"text": "The boat landed a catch and residents welcomed it"}\n',
        )
        for model in (
            bundle_of(done),
            f"runs:/{run_id}",
            f"runs:/{run_id}/labeller",
            f"models:/{model_id}",
        )
    ]
    assert {s.returncode for s in labelled} == {0}, labelled
    assert len({s.stdout for s in labelled}) == 1
    assert json.loads(labelled[0].stdout)["topics"]["fishing"]["holds"]


def test_mlflow_loads_the_bundle_without_sahelclf(work, tmp_path):
    folder, done = work
    code = """
import sys
sys.modules["sahelclf"] = None
import mlflow, pandas as pd
model = mlflow.pyfunc.load_model(sys.argv[1])
texts = ["The boat landed a catch", "Ne\\u0301gociations", ""]
frame = model.predict(pd.DataFrame({"text": texts, "id": ["a", "b", "c"]}))
frame.to_json(sys.argv[2], orient="records")
assert "torch" not in sys.modules and "sklearn" not in sys.modules, "heavy imports"
"""
    out = tmp_path / "out.json"
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(folder / bundle_of(done)), str(out)],
        check=True,
        timeout=120,
        cwd=tmp_path,
    )
    frame = pd.read_json(out)
    texts = ["The boat landed a catch", "Ne\u0301gociations"]  # ours gives an empty text no labels
    import sahelclf as package

    ours = package.load(folder / bundle_of(done)).frame(
        pd.DataFrame({"id": ["a", "b"], "text": texts}), any_language=True
    )
    assert frame["id"].tolist() == ["a", "b", "c"]
    assert frame.columns.tolist() == ours.columns.tolist()
    assert frame["fishing_probability"].to_numpy()[:2] == pytest.approx(
        ours["fishing_probability"].to_numpy(), abs=2e-6
    )


def test_evaluate_scores_the_test_part_once_in_run_and_ledger(work, harbour):
    folder, done = work
    scored = sahelclf(
        "evaluate", bundle_of(done), "--corpus", str(harbour), "--split", "test", cwd=folder
    )
    assert scored.returncode == 0, scored.stderr
    report = json.loads(scored.stdout)
    assert report["reports"]["passages"]["scores"]["topic/macro_f1"] > 0.8
    ledger = [
        json.loads(line)
        for line in (folder / "experiments" / "ledger.jsonl").read_text().splitlines()
    ]
    assert ledger[-1]["part"] == "test"
    run_id = bundle_of(done).rpartition("-")[2]
    metrics = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}").get_run(run_id).data.metrics
    assert metrics["test/topic/macro_f1"] == round(
        report["reports"]["passages"]["scores"]["topic/macro_f1"], 3
    )


def test_evaluate_keeps_its_predictions_and_compare_reads_them(work, harbour):
    folder, done = work
    assert (
        sahelclf(
            "evaluate", bundle_of(done), "--corpus", str(harbour), "--split", "test", cwd=folder
        ).returncode
        == 0
    )
    run_id = bundle_of(done).rpartition("-")[2]
    compared = sahelclf(
        "compare", bundle_of(done), f"runs:/{run_id}", "--split", "test", cwd=folder
    )
    assert compared.returncode == 0, compared.stderr
    assert compared.stdout.count("not distinguishable") == 3
    alone = sahelclf("compare", str(folder / bundle_of(done)), run_id, cwd=harbour.parent)
    assert alone.returncode == 2
    assert "there is no MLflow store" in alone.stderr
    assert not (harbour.parent / "mlflow.db").exists()


def test_evaluate_takes_a_file_of_passages_and_several_bundles(work, harbour, tmp_path):
    folder, done = work
    other = write_corpus(tmp_path / "other", 12, seed=9)
    models = [bundle_of(done), bundle_of(done)]
    scored = sahelclf("evaluate", *models, "--corpus", str(other / "passages.jsonl"), cwd=folder)
    assert scored.returncode == 0, scored.stderr
    one, two, mean = (json.loads(line) for line in scored.stdout.splitlines())
    assert (one["part"], one["documents"], one["reports"]["passages"]["n_units"]) == ("all", 12, 36)
    assert "documents" not in one["reports"]  # passages alone are labelled in such a file
    assert mean["mean"] == one["headline"] == two["headline"]
    assert set(mean["sd"]["passages"].values()) == {0.0}
    refused = sahelclf(
        "evaluate",
        bundle_of(done),
        "--corpus",
        str(other / "passages.jsonl"),
        "--split",
        "test",
        cwd=folder,
    )
    assert refused.returncode == 2
    assert "a file of passages has no splits" in refused.stderr


def test_evaluate_refuses_what_the_bundle_was_trained_on_and_says_how_many(work, harbour):
    folder, done = work
    refused = sahelclf(
        "evaluate", bundle_of(done), "--corpus", str(harbour), "--split", "train", cwd=folder
    )
    assert refused.returncode == 2
    assert re.search(r"\d+ of \d+ passages were trained on", refused.stderr)
    unknown = sahelclf(
        "evaluate", bundle_of(done), "--corpus", str(harbour), "--split", "tests", cwd=folder
    )
    assert unknown.returncode == 2
    assert "expected one of ['train', 'dev', 'test', 'all']" in unknown.stderr


def test_evaluate_scores_any_systems_table(work, harbour, tmp_path):
    rows = [json.loads(line) for line in (harbour / "passages.jsonl").read_text().splitlines()]
    table = [
        {"id": r["id"]}
        | {
            k: v
            for t in ("fishing", "dredging")
            for k, v in (
                (f"{t}_holds", t in r["topics"]),
                (f"{t}_stance", r["topics"].get(t, {}).get("stance")),
            )
        }
        for r in rows
    ]
    pd.DataFrame(table).to_csv(tmp_path / "oracle.csv", index=False)
    done = sahelclf(
        "evaluate", "oracle.csv", "--corpus", str(harbour), "--split", "test", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["headline"]["passages"] == {
        "topic/macro_f1": 1.0,
        "stance/macro_f1": 1.0,
        "joint/f1": 1.0,
    }
    pd.DataFrame(table[:-40]).to_csv(tmp_path / "short.csv", index=False)
    short = sahelclf(
        "evaluate", "short.csv", "--corpus", str(harbour), "--split", "test", cwd=tmp_path
    )
    assert short.returncode == 2
    assert "have no prediction" in short.stderr


def test_export_to_scikit_learn(work):
    folder, done = work
    exported = sahelclf("export", bundle_of(done), "--to", "sklearn", "-o", "form", cwd=folder)
    assert exported.returncode == 0, exported.stderr
    assert sorted(p.name for p in (folder / "form").iterdir()) == [
        "heads.json",
        "labeller.skops",
        "sahelclf_readers",
    ]
    again = sahelclf("export", bundle_of(done), "--to", "sklearn", "-o", "form", cwd=folder)
    assert again.returncode == 2
    assert "exists already" in again.stderr


def test_another_codebook_trains_predicts_and_exports_without_a_line_changed(tmp_path):
    root = write_corpus(tmp_path / "c", 45)
    more = "  weather: {holds: rain and storms, target: the forecast}\nparties: ["
    changed = CODEBOOK.replace("con: against it}", "con: against it, both: two sides}").replace(
        "parties: [", more
    )
    (root / "codebook.yaml").write_text(changed, encoding="utf-8")
    done = sahelclf("train", f"corpus={root}", "crossfit=3", "out=mine", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    labelled = sahelclf(
        "predict",
        "mine",
        "-",
        "--unit",
        "passage",
        cwd=tmp_path,
        stdin='{"text": "The dredger dug"}',
    )
    row = json.loads(labelled.stdout)
    assert list(row["topics"]) == ["fishing", "dredging", "weather"]
    assert set(row["topics"]["weather"]["stance_probability"]) == {"pro", "con", "both"}
    assert sahelclf("export", "mine", "--to", "sklearn", cwd=tmp_path).returncode == 0


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["train", "sed=3"], "no setting 'sed'; did you mean 'seed'?"),
        (["train", "+sed=3"], "sed: no such setting; did you mean 'seed'?"),
        (["train", "model=forest"], "model=forest: expected one of blend, embedding"),
        (["train", "model.CC=8"], "'model' has no 'CC'; did you mean 'C'?"),
        (["train", "split=é"], "split=é: not readable"),
        (["train", "model.C=-1"], "model.C: found -1; expected more than 0"),
        (["train", "seed=one"], "seed: found 'one'; expected a whole number"),
        (["train", "cv=1"], "cv: found 1; expected 2 or more"),
        (["train", "seed=1,2"], "-m"),
        (["train", "--nonsense"], "train"),
        (
            ["train", "corpus=/nowhere"],
            "no such folder; corpus= takes one in the form of annotations/",
        ),
        (["train", "split=mine"], "no such split; expected one of"),
        (["train", "model.features.0.min_df=x"], "min_df"),
        (["train", "model.C=inf"], "model.C: found inf; expected a finite number"),
        (["train", "seed=???"], "Missing mandatory value"),
        (["train", "out=taken"], "exists already"),
        (["predict", "taken", "x.csv"], "x.csv: no such file"),
        (["predict", "nowhere", "-"], "standard input is empty"),
        (["predict"], "the following arguments are required: INPUT"),
        (["predict", "x"], "x: no such file"),
        (["predict", "taken", "t.txt"], "no manifest.json; not a bundle"),
        (["predict", "runs:/12", "t.txt"], "there is no MLflow store"),
        (["evaluate", "nowhere"], "no such bundle folder"),
        (["evaluate", "t.txt"], "unknown form '.txt'"),
        (["corpus", "check"], "invalid choice: 'check'"),
        (["corpus", "validate", "--write"], "--write goes with stats and split"),
        (["export", "nowhere", "--to", "sklearn"], "no such bundle folder"),
        (["export", "nowhere", "--to", "onnx"], "invalid choice: 'onnx'"),
        (["trian"], "did you mean 'train'?"),
        (["zzz"], "expected one of train, predict"),
    ],
)
def test_a_wrong_request_is_one_line_and_exit_2(args, message, tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "t.txt").write_text("A text of some words.")
    done = sahelclf(*args, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.txt", "taken"]


def test_all_problems_of_a_corpus_are_told_at_once(tmp_path):
    root = write_corpus(tmp_path / "c", 8)
    with (root / "passages.jsonl").open("ab") as stream:
        stream.write(
            b'{"id": "z", "document_id": "no", "index": 0, "text": "x", "topics": {}}\nnot json\n'
        )
    done = sahelclf("train", f"corpus={root}", cwd=tmp_path)
    assert done.returncode == 2
    assert "passages.jsonl:25: document_id: 'no' is not in documents.jsonl" in done.stderr
    assert "passages.jsonl:26: not JSON" in done.stderr
    assert not (tmp_path / "bundles").exists()


@pytest.mark.parametrize("command", [*COMMANDS, ""])
def test_help_is_quick_and_on_stdout(command, tmp_path):
    started = time.perf_counter()
    done = sahelclf(*([command] if command else []), "--help", cwd=tmp_path, fresh=True)
    assert time.perf_counter() - started < 3  # 0.1 to 0.2 s when nothing else runs; see benchmarks/
    assert done.returncode == 0
    assert "usage: python -m sahelclf" in done.stdout
    imported = subprocess.run(
        [
            sys.executable,
            "-X",
            "importtime",
            "-m",
            "sahelclf",
            *([command] if command else []),
            "--help",
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    ).stderr
    assert not re.search(
        r"\| +(numpy|mlflow|pydantic|hydra|sklearn|pandas)$", imported, re.MULTILINE
    )


def test_a_sweep_is_a_parent_with_children_and_ends_with_their_table(tmp_path, harbour):
    words = (f"corpus={harbour}", "crossfit=3", "model=keywords", "seed=0,1")
    done = sahelclf("train", "-m", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.split()) == 2
    lines = done.stderr.splitlines()
    head = next(k for k, line in enumerate(lines) if line.startswith("run "))
    ids = [path.rpartition("-")[2] for path in done.stdout.split()]
    for k, (run_id, line) in enumerate(zip(ids, lines[head + 2 :], strict=False)):
        name, shown_id, *_ = re.split(r"\s{2,}", line)
        assert (name, shown_id) == (f"keywords, crossfit 3, corpus, seed {k}", run_id[:8])
        assert line.count("[") == 3
    assert lines[head + 4].startswith("keywords, crossfit 3, corpus, mean of 2 seeds")
    assert lines[head + 4].count("±") == 3
    assert " best" not in done.stderr  # seeds are not settings to choose between
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("sahelclf").experiment_id])
    parent = [r for r in runs if r.data.tags["sahelclf.kind"] == "sweep"]
    children = [r for r in runs if r.data.tags["sahelclf.kind"] == "train"]
    assert len(parent) == 1
    parent_id = parent[0].info.run_id
    assert {r.data.tags["mlflow.parentRunId"] for r in children} == {parent_id}
    assert "mean of 2 seeds" in parent[0].data.tags["mlflow.note.content"]
    view = json.loads(client.get_experiment("1").tags[f"mlflow.sharedViewState.{parent_id}"])
    shown = client.search_runs(["1"], filter_string=view["searchFilter"])
    assert {r.info.run_id for r in shown} == set(ids)
    assert {c["metricKey"] for c in view["compareRunCharts"]} <= set(shown[0].data.metrics)
    assert f"viewStateShareKey={parent_id}&compareRunsMode=CHART" in done.stderr
    assert sorted(r.data.params["seed"] for r in children) == ["0", "1"]
    assert {r.info.status for r in runs} == {"FINISHED"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bundles", "mlartifacts", "mlflow.db"]


def test_options_may_stand_among_the_overrides(tmp_path, harbour):
    done = sahelclf("train", f"corpus={harbour}", "--cfg", "job", "crossfit=3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "crossfit: 3" in done.stdout


def test_test_scores_of_a_run_are_of_its_own_test_part(work, harbour, tmp_path):
    folder, done = work
    other = write_corpus(tmp_path / "other", 30, seed=9)
    scored = sahelclf(
        "evaluate", bundle_of(done), "--corpus", str(other), "--split", "test", cwd=folder
    )
    assert scored.returncode == 0, scored.stderr
    assert "it was trained on another corpus or split" in scored.stderr


def test_a_table_of_documents_that_predict_wrote_can_be_scored(work, harbour, tmp_path):
    folder, done = work
    documents = [
        json.loads(line) for line in (harbour / "documents.jsonl").read_text().splitlines()
    ]
    passages = [json.loads(line) for line in (harbour / "passages.jsonl").read_text().splitlines()]
    texts = {
        d["id"]: "\n\n".join(p["text"] for p in passages if p["document_id"] == d["id"])
        for d in documents
    }
    pd.DataFrame({"id": list(texts), "text": list(texts.values())}).to_csv(
        tmp_path / "in.csv", index=False
    )
    labelled = sahelclf(
        "predict",
        str(folder / bundle_of(done)),
        "in.csv",
        "--unit",
        "document",
        "-o",
        "out.csv.gz",
        cwd=tmp_path,
    )
    assert labelled.returncode == 0, labelled.stderr
    scored = sahelclf(
        "evaluate", "out.csv.gz", "--corpus", str(harbour), "--split", "test", cwd=tmp_path
    )
    assert scored.returncode == 0, scored.stderr
    assert json.loads(scored.stdout)["reports"]["documents"]["scores"]["topic/macro_f1"] > 0.7


def test_a_sweep_with_a_bad_member_closes_its_parent(tmp_path, harbour):
    done = sahelclf("train", "-m", f"corpus={harbour}", "crossfit=3", "model.C=4,-1", cwd=tmp_path)
    assert done.returncode == 2
    assert "model.C: found -1" in done.stderr
    assert "Traceback" not in done.stderr
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    runs = client.search_runs([client.get_experiment_by_name("sahelclf").experiment_id])
    assert sorted(r.info.status for r in runs) == ["FAILED", "FINISHED"]


def test_two_trainings_at_once_on_a_fresh_store_both_succeed(tmp_path, harbour):
    command = [sys.executable, "-m", "sahelclf", "train", f"corpus={harbour}", "crossfit=3"]
    both = [
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    outs = [p.communicate(timeout=300) for p in both]
    assert [p.returncode for p in both] == [0, 0], outs
    assert len(list((tmp_path / "bundles").iterdir())) == 2


def test_the_stores_environment_variables_are_honoured(tmp_path, harbour):
    environment = os.environ | {
        "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path / 'else' / 'where.db'}",
        "MLFLOW_EXPERIMENT_NAME": "harbours",
    }
    (tmp_path / "else").mkdir()
    done = sahelclf("train", f"corpus={harbour}", "crossfit=3", cwd=tmp_path, env=environment)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "mlflow.db").exists()
    assert (
        mlflow.MlflowClient(environment["MLFLOW_TRACKING_URI"]).get_experiment_by_name("harbours")
        is not None
    )


def statuses(store: Path) -> list[str]:
    """Of the runs, oldest first, read by SQLite: MLflow would start migrations of its own."""
    try:
        with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
            return [
                row[0] for row in connection.execute("select status from runs order by start_time")
            ]
    except sqlite3.OperationalError:
        return []


def wait_until(condition, seconds: float = 60) -> None:
    for _ in range(round(seconds / 0.1)):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("waited in vain")


def heeding_interrupts() -> None:
    """A shell's background job ignores SIGINT, and its children with it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_killed_training_leaves_nothing_half_written(tmp_path, harbour):
    command = [
        sys.executable,
        "-m",
        "sahelclf",
        "train",
        f"corpus={harbour}",
        "crossfit=20",
        "cv=20",
    ]
    # Where the interrupt comes inside `exec` of a string, CPython ends with the signal itself after
    # our message; a shell says 130 for both.
    interrupted = {130, -signal.SIGINT}
    for kill, ends, status in (
        (signal.SIGINT, interrupted, "KILLED"),
        (signal.SIGTERM, interrupted, "KILLED"),
        (signal.SIGKILL, {-signal.SIGKILL}, "RUNNING"),
    ):
        before = len(list(tmp_path.glob("bundles/*")))
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=heeding_interrupts,
        )
        wait_until(lambda: "RUNNING" in statuses(tmp_path / "mlflow.db"))
        time.sleep(0.5)
        process.send_signal(kill)
        out, err = process.communicate(timeout=60)
        assert process.returncode in ends, err
        assert out == b""
        assert b"Traceback" not in err
        assert len(list(tmp_path.glob("bundles/*"))) == before
        assert statuses(tmp_path / "mlflow.db")[-1] == status
    done = sahelclf("train", f"corpus={harbour}", "crossfit=3", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "RUNNING" not in statuses(tmp_path / "mlflow.db")


def limit_file_size(n):
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (n, n))


def test_a_full_disk_while_training_leaves_no_bundle(tmp_path, harbour):
    first = sahelclf("train", f"corpus={harbour}", "crossfit=3", cwd=tmp_path)
    assert first.returncode == 0
    before = sorted(p.name for p in (tmp_path / "bundles").iterdir())
    size = max(p.stat().st_size for p in (tmp_path / bundle_of(first)).iterdir())
    full = sahelclf(
        "train",
        f"corpus={harbour}",
        "crossfit=3",
        "model.C=2",
        cwd=tmp_path,
        preexec_fn=limit_file_size(size - 1000),
    )
    assert full.returncode == 1, full.stderr
    assert "File too large" in full.stderr or "disk" in full.stderr
    assert "Traceback" not in full.stderr
    assert sorted(p.name for p in (tmp_path / "bundles").iterdir()) == before


def test_predict_into_a_closed_pipe_is_quiet(work, tmp_path):
    folder, done = work
    with (tmp_path / "in.jsonl").open("w") as stream:
        stream.writelines(json.dumps({"text": f"The boat number {i}"}) + "\n" for i in range(4000))
    command = (
        f"{sys.executable} -m sahelclf predict {folder / bundle_of(done)} in.jsonl | head -n 1"
    )
    ran = subprocess.run(
        command, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert len(ran.stdout.splitlines()) == 1
    assert "Traceback" not in ran.stderr
    assert "BrokenPipe" not in ran.stderr


def test_corpus_commands(harbour, tmp_path):
    stats = sahelclf("corpus", "stats", "--corpus", str(harbour), cwd=tmp_path)
    assert "40 documents, 120 passages" in stats.stdout
    agree = sahelclf("corpus", "agreement", "--corpus", str(harbour), "--json", cwd=tmp_path)
    assert {a["alpha"] for a in json.loads(agree.stdout) if a["what"] == "fishing"} == {1.0}
    assert (
        "fishing stance"
        in sahelclf("corpus", "agreement", "--corpus", str(harbour), cwd=tmp_path).stdout
    )
    assert (
        "grouped: train"
        in sahelclf("corpus", "split", "--corpus", str(harbour), cwd=tmp_path).stdout
    )
    assert sahelclf("corpus", "validate", "--corpus", str(harbour), cwd=tmp_path).returncode == 0
    bare = write_corpus(tmp_path / "bare", 9, annotators=False)
    lines = (bare / "passages.jsonl").read_text().splitlines()
    record = json.loads(lines[0]) | {
        "text": "Your email address will not be published. Required fields are marked *"
    }
    (bare / "passages.jsonl").write_text("\n".join([json.dumps(record), *lines[1:]]) + "\n")
    checked = sahelclf("corpus", "validate", "--corpus", str(bare), cwd=tmp_path)
    assert checked.returncode == 1
    assert "C04 h000-0: comment form" in checked.stdout
    assert "known_issues.json" in checked.stderr
    none = sahelclf("corpus", "agreement", "--corpus", str(bare), cwd=tmp_path)
    assert none.returncode == 2
    assert "no unit has two first-round annotators" in none.stderr


def test_doctor_names_versions_store_and_cures(tmp_path):
    done = sahelclf("doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    for part in (
        "scikit-learn",
        "torch",
        "SHA-256",
        "mlflow.db will be made",
        "cores",
        "documents",
    ):
        assert part in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_real_tracking_server_on_loopback(tmp_path, harbour):
    port = 5100 + os.getpid() % 800
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command = [
        sys.executable,
        "-m",
        "mlflow",
        "server",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "1",
        "--backend-store-uri",
        f"sqlite:///{tmp_path / 'server.db'}",
        "--artifacts-destination",
        str(tmp_path / "artifacts"),
    ]
    server = subprocess.Popen(
        command,
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    uri = f"http://127.0.0.1:{port}"
    try:
        from urllib.request import urlopen

        for _ in range(240):
            try:
                if urlopen(f"{uri}/health", timeout=2).status == 200:
                    break
            except OSError:
                time.sleep(0.25)
        folder = tmp_path / "client"
        folder.mkdir()
        done = sahelclf(
            "train",
            f"corpus={harbour}",
            "crossfit=3",
            cwd=folder,
            env=os.environ | {"MLFLOW_TRACKING_URI": uri},
        )
        assert done.returncode == 0, done.stderr
        run_id = bundle_of(done).rpartition("-")[2]
        labelled = sahelclf(
            "predict",
            f"runs:/{run_id}",
            "-",
            cwd=folder,
            env=os.environ | {"MLFLOW_TRACKING_URI": uri},
            stdin="The boat landed a catch, residents welcomed it.",
        )
        assert labelled.returncode == 0, labelled.stderr
        assert [p.name for p in folder.iterdir()] == ["bundles"]
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=30)
    assert Path(tmp_path / "server.db").exists()
