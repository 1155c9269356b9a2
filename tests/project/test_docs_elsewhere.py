"""Every block of docs/elsewhere.md is run as it stands there, and says what our own reader says."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from elsewhere import DECIDE, PAGE, TEXT, section
from sahelclf import load

pytestmark = pytest.mark.filterwarnings("ignore")  # other people's readers


def shell(command: str) -> str:
    command = command.replace("python -m", f"{sys.executable} -m")
    return subprocess.run(
        command, shell=True, check=True, capture_output=True, text=True, timeout=120
    ).stdout


def names_of(title: str, *, then: str = "") -> dict:
    """Run a section's blocks, and those of another in the same names."""
    names: dict = {}
    for language, block in section(title) + (section(then) if then else []):
        if language == "bash":
            shell(block)
        else:
            exec(compile(block, f"docs/elsewhere.md, {title}", "exec"), names)
    return names


@pytest.fixture
def work(tmp_path, monkeypatch, bundle):
    """A working folder with `bundles/tfidf`."""
    shutil.copytree(bundle, tmp_path / "bundles" / "tfidf")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("sahelclf_readers")]:
        del sys.modules[name]


@pytest.fixture
def work_with_encoder(work, transformer_bundle):
    """And `bundles/transformer`."""
    shutil.copytree(transformer_bundle, work / "bundles" / "transformer")
    return work


def assert_same(found: dict, expected: dict, tolerance: float) -> None:
    """Labels from 'From heads to labels' against a row of ours."""
    assert found.keys() == expected["topics"].keys()
    for topic, ours in expected["topics"].items():
        assert found[topic]["holds"] == ours["holds"]
        assert found[topic]["probability"] == pytest.approx(ours["probability"], abs=tolerance)
        assert found[topic]["stance_probability"] == pytest.approx(
            ours["stance_probability"], abs=2 * tolerance
        )


def flat(folder: Path, text: str) -> dict:
    frame = load(folder).frame(pd.DataFrame({"id": ["a1"], "text": [text]}), any_language=True)
    return frame.iloc[0].to_dict()


def assert_same_row(found: dict, expected: dict, tolerance: float) -> None:
    """A row of the flat table, but for the language, which only ours recognises."""
    assert list(found) == list(expected)
    for name, value in expected.items():
        if name.endswith("_holds"):
            assert bool(found[name]) == bool(value), name
        elif name.endswith("_stance"):
            assert isinstance(found[name], str) == isinstance(value, str), name
            assert found[name] == value or not isinstance(value, str), name
        elif name not in {"id", "unit", "passage", "language"}:
            assert found[name] == pytest.approx(value, abs=tolerance), name


def test_mlflow(work):
    row = names_of("MLflow")["labels"].iloc[0].to_dict()
    assert row["id"] == "a1"
    assert_same_row(row, flat(work / "bundles" / "tfidf", TEXT), 2e-6)


def test_numpy_alone(work):
    (row,) = names_of("Numpy alone")["rows"]
    assert_same_row(row, flat(work / "bundles" / "tfidf", TEXT), 2e-6)
    code = (
        "import sys; sys.path.insert(0, 'bundles/tfidf'); import sahelclf_readers.linear; "
        "print([m for m in ('mlflow', 'pandas', 'sahelclf', 'sklearn') if m in sys.modules])"
    )
    assert shell(f'{sys.executable} -W ignore -c "{code}"') == "[]\n"


def test_scikit_learn(work):
    names = names_of("Scikit-learn", then=DECIDE)
    assert_same(names["labels"], load("bundles/tfidf").predict([TEXT])[0], 2e-6)


def test_transformers(work_with_encoder):
    names = names_of("Transformers", then=DECIDE)
    assert set(names["probability"]) == set(names["about"]["heads"])
    assert_same(names["labels"], load("bundles/transformer").predict([TEXT])[0], 1e-4)


def test_onnxruntime(work_with_encoder):
    (_, alone), *with_reader = section("Onnxruntime")
    (_, decide) = section(DECIDE)[0]
    names: dict = {}
    exec(compile(alone, "docs/elsewhere.md", "exec"), names)
    exec(compile(decide, "docs/elsewhere.md", "exec"), names)
    assert_same(names["labels"], load("bundles/transformer").predict([TEXT])[0], 1e-4)
    ((_, long),) = with_reader
    exec(compile(long, "docs/elsewhere.md", "exec"), names)
    assert len(names["tokenizer"].encode(TEXT * 50).ids) > 64
    assert_same_row(names["rows"][0], flat(Path("bundles/transformer"), f"{TEXT} " * 50), 1e-4)


@pytest.mark.slow
def test_a_server(work):
    (_, serve), (_, curl) = section("A server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = serve.replace("5001", port).split()
    assert command[0] == "mlflow"
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    }  # as an activated one
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", *command],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        answer = ""
        for _ in range(240):
            done = subprocess.run(
                curl.replace("5001", port),
                shell=True,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            answer = done.stdout
            if done.returncode == 0:
                break
            assert server.poll() is None, "the server ended"
            time.sleep(0.5)
        (row,) = json.loads(answer)["predictions"]
        assert row["id"] == "a1"
        assert_same_row(row, flat(work / "bundles" / "tfidf", TEXT), 2e-6)
    finally:
        server.terminate()
        server.wait(timeout=30)


def test_the_table_leads_to_every_section():
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    anchors = re.findall(r"^\| \[[^\]]+\]\(#([^)]+)\)", PAGE, re.MULTILINE)
    assert anchors == [
        t.lower().replace(" ", "-") for t in titles if t not in {DECIDE, "What each costs"}
    ]
