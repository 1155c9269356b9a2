"""The benchmark beside other tools: how its table comes from the tools' rows, and that peak memory
is the command's own.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def load(path):
    spec = importlib.util.spec_from_file_location(f"benchmark_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield load(BENCHMARKS / "alternatives" / "run.py")
    sys.modules.pop("measured", None)


def row(tool, fit, thousand, peak, **about):
    return {
        "tool": tool, "example_f1": 0.9, "macro_f1": 0.8512, "macro_f1_at_best_thresholds": 0.86,
        "fit_seconds": fit, "seconds_a_thousand": thousand, "peak_MiB": peak, "about": about,
    }  # fmt: skip


def test_each_tool_stands_beside_the_model_that_does_the_same_kind_of_work(run):
    rows = [
        row("tfidf", 2.0, 0.5, 200),
        row("transformer", 100.0, 10.0, 1000),
        row("sklearn", 0.5, 0.1, 150),
        row("setfit", 250.0, 5.0, 1500),
    ]
    lines = run.table(rows).splitlines()
    assert lines[2] == "| sahelclf, tfidf | 90.0 | 85.1 | 86.0 | 2.0 | 0.50 | 200 |  |"
    assert (
        lines[4]
        == "| scikit-learn alone | 90.0 | 85.1 | 86.0 | 0.5 | 0.10 | 150 | tfidf: 0.25, 0.2, 0.75 |"
    )
    assert (
        lines[5]
        == "| SetFit | 90.0 | 85.1 | 86.0 | 250.0 | 5.00 | 1,500 | transformer: 2.5, 0.5, 1.5 |"
    )
    assert {line.count("|") for line in lines} == {9}


def test_a_tool_without_its_counterpart_in_the_run_has_no_ratios(run):
    assert run.table([row("fasttext", 1.0, 0.1, 60)]).splitlines()[2].endswith("| 60 |  |")


def test_epochs_are_compared_where_both_were_fine_tuned(run):
    ours, theirs = (
        row("transformer", 100.0, 10.0, 1000, epoch_seconds=20.0),
        row("trainer", 400.0, 20.0, 2000, epoch_seconds=90.0),
    )
    assert "20.0 s, of Trainer 90.0 s, 4.5 times as long" in run.table([ours, theirs])
    assert "epoch" not in run.table([ours])


def test_peak_memory_is_that_of_the_command_and_not_of_who_asks():
    measured = load(BENCHMARKS / "measured.py")
    held = bytearray(b"1") * (200 << 20)
    _, small = measured.peak_of([sys.executable, "-c", "pass"])
    seconds, large = measured.peak_of(
        [sys.executable, "-c", "import time; x = bytearray(b'1') * (100 << 20); time.sleep(0.1)"]
    )
    assert small < 50 < len(held) >> 20
    assert 100 < large < 150
    assert seconds > 0.1


def test_a_command_that_fails_is_no_measurement():
    with pytest.raises(subprocess.CalledProcessError):
        load(BENCHMARKS / "measured.py").peak_of([sys.executable, "-c", "raise SystemExit(3)"])
