"""Models with a tiny encoder through the command line: trained, killed, resumed, read elsewhere."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from encoders import write_encoder
from sahelclf.bundle.golden import GOLDEN_TEXTS
from sahelclf.bundle.labeller import Labeller
from sahelclf.errors import BundleError
from support import output_of, sahelclf

TRANSFORMER = [
    "model=transformer",
    "model.window=64",
    "model.overlap=16",
    "model.frozen_layers=1",
    "model.epochs=2",
    "model.threads=1",
    "crossfit=2",
]
EMBEDDING = [
    "model=embedding",
    "model.window=64",
    "model.overlap=16",
    "model.threads=1",
    "crossfit=2",
]
OFFLINE = {"HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="module")
def work(tmp_path_factory, harbour) -> Path:
    folder = tmp_path_factory.mktemp("work")
    shutil.copytree(harbour, folder / "corpus")
    write_encoder(folder / "encoder")
    return folder


def train(work: Path, *args: str, out: str, encoder: str = "model.encoder=encoder") -> Path:
    env = os.environ | OFFLINE | {"SAHELCLF_CACHE": str(work / "cache")}
    done = sahelclf("train", *args, "corpus=corpus", encoder, f"out={out}", cwd=work, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == out
    return work / out


@pytest.fixture(scope="module")
def transformer(work) -> Path:
    return train(work, *TRANSFORMER, out="transformer")


@pytest.fixture(scope="module")
def blend(work) -> Path:
    settings = [a.replace("model.", "model.transformer.") for a in TRANSFORMER[1:]]
    return train(
        work, "model=blend", *settings, out="blend", encoder="model.transformer.encoder=encoder"
    )


@pytest.fixture(scope="module")
def embedding(work) -> Path:
    return train(work, *EMBEDDING, out="embedding")


def golden(bundle: Path) -> tuple[list[str], np.ndarray]:
    stored = json.loads((bundle / "manifest.json").read_text())["golden"]
    return [g["text"] for g in stored], np.array([g["logits"] for g in stored])


def test_transformers_own_classes_say_the_golden_outputs(transformer):
    from transformers import pipeline

    manifest = json.loads((transformer / "manifest.json").read_text())
    texts, logits = golden(transformer)
    pipe = pipeline("text-classification", str(transformer), top_k=None, device="cpu")
    short = [
        i
        for i, t in enumerate(texts)
        if len(pipe.tokenizer.tokenize(t)) + 2 <= manifest["features"]["window"]
    ]
    assert len(short) >= 6
    for i in short:
        scores = {s["label"]: s["score"] for s in pipe([texts[i]])[0]}
        values = [scores[h] for h in manifest["heads"]]
        assert np.allclose(values, 1 / (1 + np.exp(-logits[i])), atol=1e-4)
    assert manifest["forms"]["model.safetensors"]["golden_texts_within_one_window"] == len(short)


def test_the_runtime_says_the_golden_outputs_without_torch(transformer, embedding, blend, work):
    for bundle in (transformer, embedding, blend):
        code = (
            "import sys, numpy as np, sahelclf; labeller = sahelclf.load(sys.argv[1]); "
            "g = labeller.manifest['golden']; z = labeller.runtime.logits([x['text'] for x in g]); "
            "assert np.abs(z - [x['logits'] for x in g]).max() < 1e-4; "
            "assert not {'torch', 'transformers', 'sklearn', 'mlflow'} & set(sys.modules)"
        )
        output_of([sys.executable, "-c", code, str(bundle)], cwd=work)


def test_the_pyfunc_says_the_same_and_imports_nothing_of_ours(transformer, embedding, blend, work):
    for bundle in (transformer, embedding, blend):
        code = (
            "import sys, mlflow, pandas as pd; model = mlflow.pyfunc.load_model(sys.argv[1]); "
            "f = model.predict(pd.DataFrame({'text': ['the boat', 'mud ' * 200]})); "
            "f.to_json(sys.stdout, orient='records'); "
            "assert not {'torch', 'sahelclf', 'transformers'} & set(sys.modules)"
        )
        printed = output_of([sys.executable, "-c", code, str(bundle)], cwd=work)
        rows = pd.DataFrame(json.loads(printed))
        ours = Labeller.load(bundle).frame(["the boat", "mud " * 200])
        for column in ours.columns:
            if column.endswith(("_probability", "_pro", "_con")):
                assert np.allclose(rows[column], ours[column], atol=1e-5)
        assert len(rows) == 2


def test_predict_labels_rows_and_documents(transformer, embedding, blend, work):
    (work / "page.txt").write_text(
        "The boat landed a catch of cod at the quay.\n\n"
        + "Residents welcomed the dredger and praised the plan warmly. " * 30
    )
    (work / "rows.csv").write_text("id,text\na,the boat landed\nb,the choir sang\n")
    for bundle in (transformer, embedding, blend):
        rows = sahelclf("predict", str(bundle), "rows.csv", cwd=work)
        assert [json.loads(line)["id"] for line in rows.stdout.splitlines()] == ["a", "b"], (
            rows.stderr
        )
        page = sahelclf("predict", str(bundle), "page.txt", cwd=work)
        assert set(json.loads(page.stdout)["topics"]) == {"fishing", "dredging"}, page.stderr


def test_the_run_holds_curves_and_what_was_computed_with(transformer, work, monkeypatch):
    import mlflow

    manifest = json.loads((transformer / "manifest.json").read_text())
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{work / 'mlflow.db'}")
    run = client.get_run(manifest["run_id"])
    curve = client.get_metric_history(manifest["run_id"], "loss/final")
    assert [p.step for p in curve] == sorted({p.step for p in curve})
    assert curve[-1].step == 2 * -(-96 // 16)  # two epochs of 96 passages in batches of 16
    assert run.data.params["threads"] == "1"
    assert run.data.params["precision"] in {"float32", "bfloat16"}
    assert manifest["computed_with"]["precision"] == run.data.params["precision"]
    assert run.info.status == "FINISHED"


def test_a_damaged_transformer_bundle_is_refused(transformer, tmp_path):
    for name in ("model.safetensors", "model.onnx", "tokenizer.json"):
        copy = shutil.copytree(transformer, tmp_path / name)
        data = bytearray((copy / name).read_bytes())
        data[len(data) // 2] ^= 1
        (copy / name).write_bytes(data)
        with pytest.raises(BundleError, match=re.escape(name)):
            Labeller.load(copy)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL here")
def test_a_killed_training_resumes_in_its_run_and_ends_with_the_same_figures(work, transformer):
    command = [
        sys.executable,
        "-m",
        "sahelclf",
        "train",
        *TRANSFORMER,
        "corpus=corpus",
        "model.encoder=encoder",
    ]
    env = os.environ | OFFLINE
    process = subprocess.Popen(
        command, cwd=work, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 200
    while not list(work.glob("checkpoints/*/fold-1.npy")):
        assert process.poll() is None, process.stderr.read().decode()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (kept,) = (work / "checkpoints").iterdir()
    other = sahelclf("train", f"resume={kept.name}", "seed=3", cwd=work)
    assert other.returncode == 2
    assert "found seed=3" in other.stderr
    done = sahelclf("train", f"resume={kept.name}", cwd=work, env=env)
    assert done.returncode == 0, done.stderr
    bundle = work / done.stdout.splitlines()[-1]
    one, two = (json.loads((b / "manifest.json").read_text()) for b in (transformer, bundle))
    assert two["run_id"] == kept.name
    assert two["scores"] == one["scores"]
    assert two["golden"] == one["golden"]
    assert not kept.exists()
    missing = sahelclf("train", "resume=nosuchrun", cwd=work)
    assert missing.returncode == 2
    assert "no saved state in" in missing.stderr


def test_a_training_whose_bundle_was_written_but_not_tracked_is_resumed(work, tmp_path):
    for name in ("corpus", "encoder"):
        shutil.copytree(work / name, tmp_path / name)
    in_the_way = tmp_path / "mlartifacts"
    in_the_way.write_text("a file where the artifacts' folder would be")
    first = sahelclf(
        "train",
        *TRANSFORMER,
        "corpus=corpus",
        "model.encoder=encoder",
        "out=bundle",
        cwd=tmp_path,
        env=os.environ | OFFLINE,
    )
    assert first.returncode == 1
    assert "The bundle itself is whole: bundle" in first.stderr
    (kept,) = (tmp_path / "checkpoints").iterdir()
    in_the_way.unlink()
    tokenizer = tmp_path / "encoder" / "tokenizer.json"
    plain = tokenizer.read_text()
    tokenizer.write_text(plain.replace("herring", "sardine"))
    changed = sahelclf("train", f"resume={kept.name}", cwd=tmp_path)
    assert changed.returncode == 2
    assert "encoder is" in changed.stderr
    tokenizer.write_text(plain)
    done = sahelclf("train", f"resume={kept.name}", cwd=tmp_path, env=os.environ | OFFLINE)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "bundle"
    assert json.loads((tmp_path / "bundle" / "manifest.json").read_text())["run_id"] == kept.name
    assert not kept.exists()


def test_a_request_that_fails_leaves_nothing_to_resume(tmp_path, work):
    shutil.copytree(work / "corpus", tmp_path / "corpus")
    encoder = write_encoder(tmp_path / "encoder", "roberta")
    for wrong, message in (
        ("model.frozen_layers=9", "the encoder has 3 layers"),
        ("model.pooling=mean", "choose model.pooling=first"),
    ):
        done = sahelclf(
            "train",
            *TRANSFORMER,
            "corpus=corpus",
            f"model.encoder={encoder}",
            wrong,
            cwd=tmp_path,
            env=os.environ | OFFLINE,
        )
        assert done.returncode == 2
        assert message in done.stderr
        assert "To resume" not in done.stderr
        assert not list((tmp_path / "checkpoints").glob("*"))


def test_the_scikit_learn_form_is_refused_with_what_to_read_it_with(work, transformer):
    done = sahelclf("export", "transformer", "--to", "sklearn", cwd=work)
    assert done.returncode == 2
    assert "only keywords and tfidf have this form" in done.stderr


def test_vectors_are_kept_by_content(work, embedding):
    (store,) = (work / "cache").glob("vectors-*.f32")
    corpus = [
        json.loads(line) for line in (work / "corpus" / "passages.jsonl").read_text().splitlines()
    ]
    count = (store.stat().st_size - 8) / (32 + 4 * 32)  # a hash, and 32 numbers
    assert len({*GOLDEN_TEXTS}) <= count <= len({p["text"] for p in corpus} | {*GOLDEN_TEXTS})


def test_a_missing_encoder_is_one_line_with_what_to_do(work):
    done = sahelclf(
        "train",
        "model=transformer",
        "model.encoder=some/where",
        "corpus=corpus",
        cwd=work,
        env=os.environ | OFFLINE,
    )
    assert done.returncode == 2
    assert "hf download some/where --local-dir FOLDER" in done.stderr
    assert "Traceback" not in done.stderr
