"""Each form, read by the lines of docs/elsewhere.md in an environment with that tool alone."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from elsewhere import (
    DECIDE,
    PYFUNC,
    READER,
    expected_rows,
    flat,
    manifest_of,
    outputs_of,
    python_blocks,
    section,
    short_ones,
)
from environments import PACKAGES, installed
from sahelclf.models.quantization import write_int8_graph
from sahelclf.models.runtime.encoder import SMALL_GRAPH, OnnxLabeller
from support import output_of

pytestmark = [pytest.mark.tools, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def work(bundle, tmp_path):
    """A folder with `bundles/tfidf`, as on a machine that has a bundle and nothing of ours."""
    shutil.copytree(bundle, tmp_path / "bundles" / "tfidf")
    return tmp_path


@pytest.fixture
def encoder_work(transformer_bundle, tmp_path):
    """A folder with `bundles/transformer`."""
    shutil.copytree(transformer_bundle, tmp_path / "bundles" / "transformer")
    return tmp_path


def assert_golden(
    rows: list[dict], manifest: dict, tolerance: float, golden: list | None = None
) -> None:
    golden = manifest["golden"] if golden is None else golden
    expected = expected_rows(manifest, [g["logits"] for g in golden])
    assert len(rows) == len(expected) >= 5
    for row, golden_row in zip(rows, expected, strict=True):
        for name, value in golden_row.items():
            if name.endswith("_holds"):
                near = (
                    abs(
                        golden_row[name.replace("_holds", "_probability")]
                        - manifest["thresholds"][name.removesuffix("_holds")]
                    )
                    <= tolerance
                )
                assert near or bool(row[name]) == bool(value), name
            else:
                assert row[name] == pytest.approx(value, abs=tolerance), name


def texts_of(manifest: dict) -> list[str]:
    return [g["text"] for g in manifest["golden"]]


def test_mlflow(environment, clean, work):
    python, manifest = environment("MLflow"), manifest_of(work / "bundles" / "tfidf")
    assert not installed(python) & {"sahelclf", "torch", "onnxruntime", "tokenizers"}
    rows = outputs_of(
        python, work, PYFUNC, texts_of(manifest), clean, once=python_blocks("MLflow")[:1]
    )
    assert_golden(rows, manifest, 1e-6)
    assert all(row["id"] == "a1" for row in rows)


def test_mlflow_shows_an_example_and_takes_a_threshold(environment, clean, work):
    manifest = manifest_of(work / "bundles" / "tfidf")
    once = [*python_blocks("MLflow"), "example = model.input_example"]
    gives = (
        '[example.to_dict("records"), '
        'model.predict(example, {"threshold": float(text)}).filter(like="_holds").values.tolist(), '
        "model.predict(example).shape[0]]"
    )
    none, all_ = outputs_of(environment("MLflow"), work, gives, ["1", "0"], clean, once=once)
    assert none[0][0] == {"id": "a1", "text": manifest["golden"][0]["text"]}
    assert none[1] == [[False] * len(manifest["topics"])] * 2
    assert all_[1] == [[True] * len(manifest["topics"])] * 2
    assert none[2] == 2


def test_mlflow_with_an_encoder_and_without_torch(environment, clean, encoder_work):
    python, manifest = (
        environment("MLflow, encoder"),
        manifest_of(encoder_work / "bundles" / "transformer"),
    )
    assert not installed(python) & {"sahelclf", "torch", "transformers"}
    lines = python_blocks("MLflow")[0].replace("bundles/tfidf", "bundles/transformer")
    assert_golden(
        outputs_of(python, encoder_work, PYFUNC, texts_of(manifest), clean, once=[lines]),
        manifest,
        1e-4,
    )


@pytest.fixture
def served(environment, clean):
    """`served(folder, line)` starts a server by a line of the docs; it gives the address."""
    running = []

    def start(folder: Path, line: str) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        python = environment("MLflow")
        paths = clean | {
            "PATH": f"{python.parent}{os.pathsep}{clean['PATH']}",
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        }
        words = [str(python.parent / "mlflow"), *line.replace("5001", port).split()[1:]]
        running.append(
            subprocess.Popen(
                words,
                cwd=folder,
                env=paths,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            assert running[-1].poll() is None, "the server ended"
            try:
                with urllib.request.urlopen(f"{address}/ping", timeout=5):
                    return address
            except OSError:
                time.sleep(0.5)
        raise AssertionError("no answer")

    yield start
    for server in running:
        os.killpg(server.pid, 15)
        server.wait(timeout=60)


def asked(address: str, texts: list[str]) -> list[dict]:
    """Rows of the server's answer."""
    data = json.dumps({"dataframe_records": [{"id": "a1", "text": t} for t in texts]}).encode()
    request = urllib.request.Request(
        f"{address}/invocations", data, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)["predictions"]


def test_a_server(served, work):
    manifest = manifest_of(work / "bundles" / "tfidf")
    line = section("A server")[0][1]
    assert_golden(asked(served(work, line), texts_of(manifest)), manifest, 1e-6)


def test_a_server_of_the_registrys_champion(served, environment, clean, work):
    manifest = manifest_of(work / "bundles" / "tfidf")
    register, line = [block for _, block in section("The registry")][:2]
    register = register.replace("runs:/RUN_ID/labeller", str(work / "bundles" / "tfidf"))
    code = (
        register
        + "\nprint(mlflow.pyfunc.load_model('models:/sahelclf@champion').metadata.signature)"
    )
    subprocess.run(
        [str(environment("MLflow")), "-W", "ignore", "-c", code],
        cwd=work,
        env=clean,
        check=True,
        timeout=300,
    )
    assert_golden(asked(served(work, line), texts_of(manifest)), manifest, 1e-6)


def test_transformers(environment, clean, encoder_work):
    python, manifest = (
        environment("Transformers"),
        manifest_of(encoder_work / "bundles" / "transformer"),
    )
    assert not installed(python) & {"sahelclf", "mlflow", "onnxruntime"}
    short = short_ones(encoder_work / "bundles" / "transformer")
    labels = outputs_of(
        python,
        encoder_work,
        "labels",
        [g["text"] for g in short],
        clean,
        each=python_blocks("Transformers") + python_blocks(DECIDE),
    )
    assert_golden([flat(x) for x in labels], manifest, 1e-4, short)


def test_onnxruntime(environment, clean, encoder_work):
    python, folder = environment("Onnxruntime"), encoder_work / "bundles" / "transformer"
    assert not installed(python) & {"sahelclf", "torch", "transformers", "mlflow", "pandas"}
    manifest = manifest_of(folder)
    short = short_ones(folder)
    alone, reader = python_blocks("Onnxruntime")
    labels = outputs_of(
        python,
        encoder_work,
        "labels",
        [g["text"] for g in short],
        clean,
        each=[alone, *python_blocks(DECIDE)],
    )
    assert_golden([flat(x) for x in labels], manifest, 1e-4, short)
    assert_golden(
        outputs_of(python, encoder_work, READER, texts_of(manifest), clean, once=[reader]),
        manifest,
        1e-4,
    )


def test_onnxruntime_in_eight_bits(environment, clean, encoder_work):
    folder = encoder_work / "bundles" / "transformer"
    manifest = manifest_of(folder)
    encoder = OnnxLabeller.load(folder).encoder
    shown = (batch for _, batch in encoder.batches(encoder.windows(texts_of(manifest))))
    write_int8_graph(
        folder / "model.onnx", folder / SMALL_GRAPH, shown
    )  # which the bundle of a tiny encoder may leave out
    lines = python_blocks("Onnxruntime")[1].replace(
        'load("bundles/transformer")', 'load("bundles/transformer", fast=True)'
    )
    assert "fast=True" in lines
    rows = outputs_of(
        environment("Onnxruntime"), encoder_work, READER, texts_of(manifest), clean, once=[lines]
    )
    ours = OnnxLabeller.load(
        folder, fast=True
    )  # a text at a time: eight-bit sums depend on what is read together
    golden = [{"text": t, "logits": list(ours.logits([t])[0])} for t in texts_of(manifest)]
    assert_golden(rows, manifest, 1e-4, golden)


def test_scikit_learn(environment, clean, work):
    python, manifest = environment("Scikit-learn"), manifest_of(work / "bundles" / "tfidf")
    assert not installed(python) & {"sahelclf", "mlflow", "torch"}
    command = section("Scikit-learn")[0][1].split()[1:]
    subprocess.run([sys.executable, *command], cwd=work, check=True, capture_output=True)
    labels = outputs_of(
        python,
        work,
        "labels",
        texts_of(manifest),
        clean,
        each=python_blocks("Scikit-learn") + python_blocks(DECIDE),
    )
    assert_golden([flat(x) for x in labels], manifest, 1e-6)


def test_numpy_alone(environment, clean, work):
    python, manifest = environment("Numpy alone"), manifest_of(work / "bundles" / "tfidf")
    assert installed(python) == {"numpy"}
    assert_golden(
        outputs_of(
            python, work, READER, texts_of(manifest), clean, once=python_blocks("Numpy alone")
        ),
        manifest,
        1e-6,
    )


def test_a_folder_for_the_hub(environment, clean, transformer_bundle, bundle, tmp_path):
    export = [sys.executable, "-W", "ignore", "-m", "sahelclf", "export"]
    subprocess.run(
        [*export, str(transformer_bundle), "--to", "hub", "-o", "bundles/transformer"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    subprocess.run(
        [*export, str(bundle), "--to", "hub", "-o", "form"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    blocks = python_blocks(DECIDE)
    short = short_ones(tmp_path / "bundles" / "transformer")
    labels = outputs_of(
        environment("Transformers"),
        tmp_path,
        "labels",
        [g["text"] for g in short],
        clean,
        each=python_blocks("Transformers") + blocks,
    )
    assert_golden([flat(x) for x in labels], manifest_of(transformer_bundle), 1e-4, short)
    golden = manifest_of(bundle)
    labels = outputs_of(
        environment("Scikit-learn"),
        tmp_path,
        "labels",
        texts_of(golden),
        clean,
        each=python_blocks("Scikit-learn") + blocks,
    )
    assert_golden([flat(x) for x in labels], golden, 1e-6)


def has_r() -> bool:
    program = shutil.which("Rscript")
    return (
        program is not None
        and subprocess.run(
            [program, "-e", "library(jsonlite)"], capture_output=True, check=False
        ).returncode
        == 0
    )


@pytest.mark.skipif(
    not has_r(),
    reason="needs R: apt-get install --no-install-recommends r-base-core r-cran-jsonlite",
)
def test_r(work):
    manifest = manifest_of(work / "bundles" / "tfidf")
    export, script = [block for _, block in section("R")][:2]
    subprocess.run([sys.executable, *export.split()[1:]], cwd=work, check=True, capture_output=True)
    (work / "texts.json").write_text(json.dumps(texts_of(manifest)), encoding="utf-8")
    script += """
labels <- label(labeller, jsonlite::fromJSON("texts.json"))
cat(jsonlite::toJSON(labels, digits = NA))"""
    printed = output_of(["Rscript", "-e", script], cwd=work)
    assert_golden(json.loads(printed[printed.index("[{") :]), manifest, 1e-6)


def test_each_tool_has_an_environment():
    assert {"MLflow", "Transformers", "Onnxruntime", "Scikit-learn", "Numpy alone", "Ray"} <= set(
        PACKAGES
    )
