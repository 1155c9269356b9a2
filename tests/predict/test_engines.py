"""Labelling in several processes of this machine; tests/tools/test_ray.py has the same on Ray."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from sahelclf.bundle.labeller import Labeller
from sahelclf.errors import RequestError, SahelclfError
from sahelclf.models.runtime.encoder import cores
from sahelclf.predict import engines
from sahelclf.predict.batches import WorkerSpec, batches_of
from sahelclf.predict.engines import EngineOptions
from sahelclf.predict.inputs import open_source
from sahelclf.predict.rows import Columns
from sahelclf.predict.run import Options, predict
from support import write_lines

BOAT = "The boat crews landed a catch and residents welcomed it and praised the plan of item"


def write_input(path, n):
    write_lines(
        path,
        [{"id": i, "text": f"{BOAT} {i}" if i % 9 else None, "place": "quay"} for i in range(n)],
    )
    return open_source(str(path), None, Columns())


def test_two_processes_write_the_bytes_of_one(bundle, tmp_path):
    source = write_input(tmp_path / "in.jsonl", 3_000)
    for workers in (1, 2):
        predict(
            Labeller.load(bundle),
            source,
            tmp_path / f"{workers}.jsonl",
            Options(workers=workers, duplicates=True),
        )
    for name in ("", ".rejects.jsonl"):
        assert (tmp_path / f"1.jsonl{name}").read_bytes() == (
            tmp_path / f"2.jsonl{name}"
        ).read_bytes()


def test_a_small_job_starts_no_process(bundle, tmp_path, monkeypatch):
    monkeypatch.setattr(engines, "ProcessPoolExecutor", None)
    monkeypatch.setattr(engines, "cores", lambda: 8)
    predict(Labeller.load(bundle), write_input(tmp_path / "in.jsonl", 3_000), tmp_path / "o.jsonl")
    with pytest.raises(TypeError):
        predict(
            Labeller.load(bundle), write_input(tmp_path / "in.jsonl", 4_096), tmp_path / "o.jsonl"
        )


def test_a_process_that_is_killed_is_told(bundle, tmp_path):
    source = write_input(tmp_path / "in.jsonl", 5_000)
    pieces = engines.labelled(
        EngineOptions("local", 1, any_language=False, texts=False),
        Labeller.load(bundle),
        source,
        (0, 0),
    )
    assert next(pieces).size == 1024
    recipe = WorkerSpec(
        bundle, fast=False, unit="passage", any_language=False, texts=False, threads=1
    )
    pieces = engines._in_processes(recipe, batches_of(source, 0, 0), 1)
    next(pieces)
    for child in psutil.Process().children():
        if "spawn_main" in " ".join(child.cmdline()):
            child.kill()
    with pytest.raises(
        SahelclfError, match="one of 1 processes that label was killed.*--workers 1 takes the least"
    ):
        list(pieces)


def test_processes_do_not_outlive_a_job_that_is_killed(bundle, tmp_path):
    write_input(tmp_path / "in.jsonl", 60_000)
    line = [
        sys.executable,
        "-m",
        "sahelclf",
        "predict",
        str(bundle),
        "in.jsonl",
        "-o",
        "o.jsonl",
        "--workers",
        "2",
    ]
    with subprocess.Popen(line, cwd=tmp_path, stderr=subprocess.DEVNULL) as job:
        while not (tmp_path / "o.jsonl.part" / "progress.json").exists():
            assert job.poll() is None
            time.sleep(0.02)
        children = psutil.Process(job.pid).children(recursive=True)
        job.kill()
    assert len(children) >= 2
    assert not psutil.wait_procs(children, timeout=20)[1]


def test_workers_are_counted_from_one(bundle, tmp_path):
    with pytest.raises(RequestError, match="--workers 0: expected 1 or more"):
        predict(
            Labeller.load(bundle),
            write_input(tmp_path / "in.jsonl", 5),
            tmp_path / "o.jsonl",
            Options(workers=0),
        )


def test_without_ray_the_message_says_what_to_type(bundle, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        RequestError,
        match=r"the package ray is not installed; "
        r"pip install -c requirements.lock 'sahelclf\[ray\]'",
    ):
        predict(
            Labeller.load(bundle),
            write_input(tmp_path / "in.jsonl", 5),
            tmp_path / "o.jsonl",
            Options(engine="ray"),
        )


def test_threads_are_as_many_as_the_variable_says(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")
    assert cores() == 3
    for other in ("", "0", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", other)
        assert 1 <= cores() <= (os.cpu_count() or 1)
