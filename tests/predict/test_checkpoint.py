"""Jobs killed by SIGKILL in a forked process, and resumed."""

import json
import os
import signal
from pathlib import Path

import pandas as pd
import pytest
from filelock import FileLock

from sahelclf.bundle.labeller import Labeller
from sahelclf.errors import RequestError, SahelclfError
from sahelclf.predict import batches, engines, layout
from sahelclf.predict import checkpoint as jobs
from sahelclf.predict.inputs import open_source
from sahelclf.predict.rows import Columns
from sahelclf.predict.run import Options, predict
from support import write_lines

BOAT = "The boat crews landed a catch and residents welcomed it and praised the plan of item"
FRENCH = (
    "Le gouvernement a annoncé hier soir que les frontières resteraient fermées "
    "jusqu'à nouvel ordre."
)
ALL = Options(resume=True, duplicates=True)


@pytest.fixture(scope="module")
def labeller(bundle):
    return Labeller.load(bundle)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(batches, "BATCH", {"passage": 8, "document": 2})
    monkeypatch.setattr(engines, "FEW_BATCHES", 1000)  # all of it in this process
    monkeypatch.setattr(jobs, "SECONDS_BETWEEN", 0)
    monkeypatch.setattr(
        os, "fsync", lambda _: None
    )  # a killed process leaves its pages to the system; waiting for the disk proves nothing


def write_input(path, n=50):
    rows = []
    for i in range(n):
        text = FRENCH if i % 11 == 5 else BOAT + "".join(f" w{i * 31 + k}" for k in range(30))
        rows.append(
            {"id": f"r{i}", "text": rows[3]["text"] if i in {9, 44} else text, "place": f"quay {i}"}
            if i % 13
            else {"body": i}
        )
    write_lines(path, rows)
    return path


def run(labeller, path, out, options=ALL, unit=None):
    return predict(labeller, open_source(str(path), unit, Columns()), out, options)


def killed(n, work):
    """Do `work` in a process that is killed before its n-th step on the disk; False if it ended."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    left = n

    def counted(function):
        def step(*args):
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args)

        return step

    def torn(self, rows):
        """Half of what there is to write reaches the disk before the next step."""
        write(self, rows)
        self._stream.write(b'{"half a ro')
        self._stream.flush()
        step()
        self._stream.seek(-11, 1)
        self._stream.truncate()

    write, step = layout.Writer.write, counted(lambda: None)
    layout.Writer.write, os.fsync, Path.replace = torn, counted(os.fsync), counted(Path.replace)
    try:
        work()
    finally:
        os._exit(0)


def folder(path):
    return {p.name: p.read_bytes() for p in path.iterdir() if p.is_file()}


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("o.jsonl", range(1, 44, 6)),
        ("o.csv", [9, 30]),
        ("o.parquet", [9, 34]),
        ("o.jsonl.gz", [9, 37]),
        ("o.csv.zst", [9, 39]),
        ("o.parquet.gz", [20]),
    ],
)
def test_a_job_killed_anywhere_writes_the_same_bytes(labeller, tmp_path, name, steps):
    path = write_input(tmp_path / "in.jsonl")
    (tmp_path / "whole").mkdir()
    run(labeller, path, tmp_path / "whole" / name, Options(duplicates=True))
    expected = folder(tmp_path / "whole")
    assert len(expected[f"{name}.rejects.jsonl"].splitlines()) == 4 + 5
    ends = 0
    for n in steps:
        out = tmp_path / f"at{n}"
        out.mkdir()
        ends += not killed(n, lambda out=out: run(labeller, path, out / name))
        killed(n // 2 + 4, lambda out=out: run(labeller, path, out / name))  # and once more
        run(labeller, path, out / name)
        assert folder(out) == expected, f"killed before step {n}"
        assert [p.name for p in out.iterdir() if p.is_dir()] == []
    assert ends < len(steps)


def test_copies_are_found_across_a_kill(labeller, tmp_path):
    path = write_input(tmp_path / "in.jsonl")
    assert killed(12, lambda: run(labeller, path, tmp_path / "o.csv"))
    assert (
        0
        < json.loads((tmp_path / "o.csv.part" / "progress.json").read_text())["summary"]["labelled"]
        < 40
    )
    summary = run(labeller, path, tmp_path / "o.csv")
    rows = pd.read_csv(tmp_path / "o.csv")
    assert summary.near_duplicates == 2
    assert rows.set_index("id")["duplicate_of"].dropna().to_dict() == {"r9": "r3", "r44": "r3"}
    assert summary.labelled == len(rows) == 41


def test_documents_in_many_files_go_on_at_the_next_file(labeller, tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    for i in range(9):
        (tmp_path / "in" / f"{i}.txt").write_text(
            f"{BOAT} {i}.\n\nThe choir sang in the church, number {i}, while rain fell."
        )
    run(labeller, tmp_path / "in", tmp_path / "whole.jsonl")
    assert killed(14, lambda: run(labeller, tmp_path / "in", tmp_path / "o.jsonl"))
    done = json.loads((tmp_path / "o.jsonl.part" / "progress.json").read_text())["file"]
    assert done > 1
    read = []
    opened = batches.Source.items_from
    monkeypatch.setattr(
        batches.Source,
        "items_from",
        lambda self, file, taken: (read.append(file), opened(self, file, taken))[1],
    )
    run(labeller, tmp_path / "in", tmp_path / "o.jsonl")
    assert read == [done]
    assert (tmp_path / "o.jsonl").read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_another_input_bundle_or_option_is_refused(labeller, tmp_path):
    path = write_input(tmp_path / "in.jsonl")
    assert killed(12, lambda: run(labeller, path, tmp_path / "o.jsonl"))
    before = folder(tmp_path / "o.jsonl.part")
    with pytest.raises(
        RequestError, match="--duplicates is not as it was when the job began; delete the folder"
    ):
        run(labeller, path, tmp_path / "o.jsonl", Options(resume=True))
    other = Labeller(labeller.manifest | {"created": "later"}, labeller.runtime)
    with pytest.raises(RequestError, match="the bundle is not as it was"):
        run(other, path, tmp_path / "o.jsonl")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"quay 49", b"QUAY 49"))
    with pytest.raises(RequestError, match="the input is not as it was"):
        run(labeller, path, tmp_path / "o.jsonl")
    path.write_bytes(data)
    assert folder(tmp_path / "o.jsonl.part") == before
    assert run(labeller, path, tmp_path / "o.jsonl").labelled == 41


def test_without_resume_a_job_that_is_kept_is_not_trodden_on(labeller, tmp_path):
    path = write_input(tmp_path / "in.jsonl")
    assert killed(12, lambda: run(labeller, path, tmp_path / "o.jsonl"))
    with pytest.raises(
        RequestError, match="an unfinished job is kept there; resume it with --resume, or delete"
    ):
        run(labeller, path, tmp_path / "o.jsonl", Options())


def test_without_resume_what_a_kill_left_is_begun_anew(labeller, tmp_path):
    path = write_input(tmp_path / "in.jsonl")
    assert killed(12, lambda: run(labeller, path, tmp_path / "o.jsonl", Options()))
    run(labeller, path, tmp_path / "o.jsonl", Options())
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "in.jsonl",
        "o.jsonl",
        "o.jsonl.about.json",
        "o.jsonl.rejects.jsonl",
    ]
    assert len((tmp_path / "o.jsonl").read_text().splitlines()) == 41


def test_a_job_begun_without_resume_can_still_be_resumed(labeller, tmp_path, caplog):
    path = write_input(tmp_path / "in.jsonl")
    assert killed(12, lambda: run(labeller, path, tmp_path / "o.jsonl", Options()))
    caplog.set_level("INFO")
    run(labeller, path, tmp_path / "o.jsonl", Options(resume=True))
    assert "resuming after 16 rows" in caplog.text
    assert len((tmp_path / "o.jsonl").read_text().splitlines()) == 41


def test_two_processes_on_one_output_are_refused(labeller, tmp_path):
    path = write_input(tmp_path / "in.jsonl")
    (tmp_path / "o.jsonl.part").mkdir()
    with FileLock(tmp_path / "o.jsonl.part" / "lock"):
        for options in (Options(), ALL):
            status = os.fork()
            if not status:
                try:
                    run(labeller, path, tmp_path / "o.jsonl", options)
                except RequestError as error:
                    os._exit(7 if "another process is writing it" in str(error) else 1)
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(status, 0)[1]) == 7
    assert run(labeller, path, tmp_path / "o.jsonl").labelled == 41


def test_an_interrupted_job_keeps_what_it_did_only_with_resume(labeller, tmp_path, monkeypatch):
    path = write_input(tmp_path / "in.jsonl")
    label = Labeller.predict

    def stop(self, texts, *rest):
        if any("w1240" in t for t in texts):  # row 40
            raise KeyboardInterrupt
        return label(self, texts, *rest)

    monkeypatch.setattr(Labeller, "predict", stop)
    with pytest.raises(KeyboardInterrupt, match="nothing half-written was left there"):
        run(labeller, path, tmp_path / "o.csv", Options())
    assert [p.name for p in tmp_path.iterdir()] == ["in.jsonl"]
    with pytest.raises(KeyboardInterrupt, match="what was done is kept; the same command resumes"):
        run(labeller, path, tmp_path / "o.csv")
    monkeypatch.undo()
    assert run(labeller, path, tmp_path / "o.csv").labelled == 41


def test_a_request_that_fails_leaves_no_folder(labeller, tmp_path):
    (tmp_path / "a.csv").write_text("body\nx\n")
    with pytest.raises(RequestError, match="no column 'text'"):
        run(labeller, tmp_path / "a.csv", tmp_path / "o.csv")
    write_lines(tmp_path / "a.jsonl", [{"body": 1}])
    with pytest.raises(SahelclfError, match="no row could be labelled"):
        run(labeller, tmp_path / "a.jsonl", tmp_path / "o.csv")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "a.jsonl", "o.csv.rejects.jsonl"]


@pytest.mark.parametrize(
    "damage", [b"", b"[]", b"{", b'{"about": 1, "resumable": true}', b'{"about": {}, "more": 1}']
)
def test_a_damaged_progress_is_refused(labeller, tmp_path, damage):
    path = write_input(tmp_path / "in.jsonl", 9)
    (tmp_path / "o.csv.part").mkdir()
    (tmp_path / "o.csv.part" / "progress.json").write_bytes(damage)
    with pytest.raises(RequestError, match="damaged; delete the folder to start over"):
        run(labeller, path, tmp_path / "o.csv")


def test_rows_that_were_cut_off_by_others_are_refused(labeller, tmp_path):
    path = write_input(tmp_path / "in.jsonl")
    assert killed(12, lambda: run(labeller, path, tmp_path / "o.csv"))
    (tmp_path / "o.csv.part" / "rows").write_bytes(b"")
    with pytest.raises(RequestError, match="rows: shorter than .*progress.json says"):
        run(labeller, path, tmp_path / "o.csv")


def test_resume_needs_an_output(labeller, tmp_path):
    path = write_input(tmp_path / "in.jsonl", 9)
    with pytest.raises(RequestError, match="--resume goes with -o OUT"):
        run(labeller, path, None)
