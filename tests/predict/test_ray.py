"""`predict --engine ray`, in an environment that has the base installation and ray."""

import json
import socket
import subprocess
import sys
import time

import psutil
import pytest

from sahelclf.predict.ray_engine import BUSY_MACHINE
from support import sahelclf, write_lines

pytestmark = pytest.mark.tools
BOAT = "The boat crews landed a catch and residents welcomed it and praised the plan of item"
FRENCH = (
    "Le gouvernement a annoncé hier soir que les frontières resteraient fermées "
    "jusqu'à nouvel ordre."
)


def write_input(path, n):
    """Rows of every kind: labelled, near-duplicates, in another language, without text."""
    rows = []
    for i in range(n):
        text = FRENCH if i % 11 == 5 else BOAT + "".join(f" w{i * 31 + k}" for k in range(30))
        rows.append(
            {
                "id": f"r{i}",
                "text": rows[3]["text"] if i in {9, n - 6} else text,
                "place": f"quay {i}",
            }
            if i % 13
            else {"body": i}
        )
    write_lines(path, rows)
    return path


def everything(folder, name):
    return [(folder / name).read_bytes(), (folder / f"{name}.rejects.jsonl").read_bytes()]


def ours(*args, cwd, **more):
    """The command line of this environment, in one process."""
    done = sahelclf("predict", *map(str, args), "--workers", "1", cwd=cwd, **more)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def command(environment, clean):
    """The command line with ray."""

    def start(*args, cwd, **more):
        line = [
            str(environment("Ray")),
            "-m",
            "sahelclf",
            "predict",
            *map(str, args),
            "--engine",
            "ray",
        ]
        return subprocess.Popen(
            line,
            cwd=cwd,
            env=clean | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def ended(process, code=0):
    """Standard error, without the lines that Ray's own programs write there."""
    _, err = process.communicate(timeout=400)
    assert process.returncode == code, err
    return "".join(line for line in err.splitlines(keepends=True) if not line.startswith("[20"))


def actors(process):
    """Ray's processes that label, among the children of the job."""
    found = []
    for child in psutil.Process(process.pid).children(recursive=True):
        try:
            found += [child] if any("MapBatches" in word for word in child.cmdline()) else []
        except psutil.NoSuchProcess:
            continue
    return found


def wait_for(port):
    """Until the cluster's head takes connections, and has had a moment to count its processors."""
    for _ in range(240):
        with socket.socket() as trial:
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                time.sleep(5)
                return
        time.sleep(0.5)
    raise AssertionError("no cluster")


@pytest.mark.parametrize("name", ["o.jsonl", "o.csv.gz", "o.parquet"])
def test_ray_writes_the_bytes_that_one_process_writes(bundle, command, tmp_path, name):
    write_input(tmp_path / "in.jsonl", 5_000)
    for folder in ("one", "ray"):
        (tmp_path / folder).mkdir()
    ours(bundle, "in.jsonl", "-o", f"one/{name}", "--duplicates", cwd=tmp_path)
    said = ended(command(bundle, "in.jsonl", "-o", f"ray/{name}", "--duplicates", cwd=tmp_path))
    assert everything(tmp_path / "ray", name) == everything(tmp_path / "one", name)
    assert said.splitlines()[0].startswith("4,195 passages labelled")
    assert "Warning" not in said


def test_documents_of_a_folder_come_in_order(bundle, command, tmp_path):
    (tmp_path / "in").mkdir()
    for i in range(150):
        (tmp_path / "in" / f"{i}.txt").write_text(
            f"{BOAT} {i}.\n\nThe choir sang in the church, number {i}, while rain fell."
        )
    ours(bundle, "in", "-o", "one.jsonl", cwd=tmp_path)
    ended(command(bundle, "in", "-o", "ray.jsonl", cwd=tmp_path))
    assert (tmp_path / "ray.jsonl").read_bytes() == (tmp_path / "one.jsonl").read_bytes()


@pytest.mark.parametrize("who", ["an actor", "every process that labels or reads"])
def test_a_worker_killed_in_the_middle_costs_no_row(bundle, command, tmp_path, who):
    n = 30_000
    write_input(tmp_path / "in.jsonl", n)
    ours(bundle, "in.jsonl", "-o", "one.jsonl", cwd=tmp_path)
    job = command(bundle, "in.jsonl", "-o", "ray.jsonl", "--resume", cwd=tmp_path)
    progress = tmp_path / "ray.jsonl.part" / "progress.json"
    done = 0
    while job.poll() is None and not 0 < done < n:
        time.sleep(0.05)
        done = (
            json.loads(progress.read_text())["summary"].get("labelled", 0)
            if progress.exists()
            else 0
        )
    victims = actors(job)
    if who == "an actor":
        victims = victims[:1]
    else:
        victims += [
            c
            for c in psutil.Process(job.pid).children(recursive=True)
            if any("Chunks" in word for word in c.cmdline())
        ]
    assert victims
    for victim in victims:
        victim.kill()
    ended(job)
    assert everything(tmp_path, "ray.jsonl") == everything(tmp_path, "one.jsonl")
    assert 0 < done < n * 10 // 13


def test_a_wrong_header_is_told_as_without_ray(bundle, command, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("text\n" + "the boat landed\n" * 3)
    (tmp_path / "in" / "b.csv").write_text("body\nthe boat landed\n")
    messages = ended(command(bundle, "in", "-o", "o.csv", cwd=tmp_path), code=2)
    assert messages == (
        "sahelclf: in/b.csv: no column 'text' for the text; found ['body']; "
        "name it with --text COLUMN\n"
    )
    assert [p.name for p in tmp_path.iterdir()] == ["in"]


def test_what_would_wait_for_ever_is_refused(bundle, command, tmp_path):
    write_input(tmp_path / "in.jsonl", 50)
    said = ended(
        command(bundle, "in.jsonl", "-o", "o.csv", "--workers", 5_000, cwd=tmp_path), code=2
    )
    assert (
        "too few for 5000 workers and a reader, which would wait without end; use fewer --workers"
        in said
    )


def test_an_address_that_is_none_is_refused(bundle, command, tmp_path):
    write_input(tmp_path / "in.jsonl", 50)
    said = ended(
        command(
            bundle, "in.jsonl", "-o", "o.csv", cwd=tmp_path, RAY_ADDRESS="ray://127.0.0.1:10001"
        ),
        code=2,
    )
    assert "expected HOST:PORT; run the command on a machine of the cluster" in said


def test_a_cluster_is_taken_by_its_address(bundle, command, environment, clean, tmp_path):
    write_input(tmp_path / "in.jsonl", 3_000)
    ray = environment("Ray").with_name("ray")
    port = "26379"
    start = [
        str(ray),
        "start",
        "--head",
        "--port",
        port,
        "--num-cpus",
        "2",
        "--include-dashboard",
        "false",
        "--disable-usage-stats",
        "--block",
    ]
    cluster = subprocess.Popen(
        start,
        env=clean | BUSY_MACHINE,
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(int(port))
        ours(bundle, "in.jsonl", "-o", "one.jsonl", cwd=tmp_path)
        job = command(
            bundle, "in.jsonl", "-o", "ray.jsonl", cwd=tmp_path, RAY_ADDRESS=f"127.0.0.1:{port}"
        )
        ended(job)
    finally:
        cluster.terminate()
        cluster.wait(timeout=60)
    assert everything(tmp_path, "ray.jsonl") == everything(tmp_path, "one.jsonl")


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal")
def test_a_job_that_is_stopped_keeps_what_it_did_and_leaves_no_process(bundle, command, tmp_path):
    write_input(tmp_path / "in.jsonl", 30_000)
    job = command(bundle, "in.jsonl", "-o", "o.jsonl", "--resume", cwd=tmp_path)
    while not (tmp_path / "o.jsonl.part" / "progress.json").exists():
        assert job.poll() is None
        time.sleep(0.05)
    children = psutil.Process(job.pid).children(recursive=True)
    job.terminate()
    said = ended(job, code=130)
    assert (
        said.splitlines()[-1]
        == "sahelclf: stopped; what was done is kept; the same command resumes"
    )
    assert not psutil.wait_procs(children, timeout=20)[1]
