"""Runs the command line many times without the cost of its imports.

`python command_server.py` imports the package once and forks a process for each request, which it
reads as a line of JSON on standard input. The fork calls `sahelclf.cli.main`, as
`python -m sahelclf` does, with files as standard streams.
"""

import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PRELOADED = (
    "sahelclf.cli",
    "sahelclf.workflows.record",
    "hydra",
    "matplotlib.backends.backend_agg",
    "matplotlib.backends.backend_pdf",
    "mlflow.data",
    "mlflow.models",
    "mlflow.tracking.client",
    "pandas",
    "sklearn.linear_model",
    "sklearn.feature_extraction.text",
)


class CommandServer:
    """The parent's side: one server process, one request at a time."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__],
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self, args: Sequence[str], cwd: Path, stdin: bytes, environment: Mapping[str, str]
    ) -> subprocess.CompletedProcess:
        """Run one command to its end, at most five minutes."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            paths = [str(Path(folder, name)) for name in ("stdin", "stdout", "stderr")]
            Path(paths[0]).write_bytes(stdin)
            request = {
                "args": list(args),
                "cwd": str(cwd),
                "paths": paths,
                "env": dict(environment),
            }
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            code = int(self.process.stdout.readline())
            out, err = (Path(p).read_bytes().decode() for p in paths[1:])
        return subprocess.CompletedProcess(list(args), code, out, err)

    def close(self) -> None:
        """End the server."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=10)


def serve() -> None:
    """Fork a process for each request until standard input ends."""
    for name in PRELOADED:
        importlib.import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            run_command(request)
        print(wait(child, seconds=300), flush=True)


def wait(child: int, seconds: float) -> int:
    """Exit code of a child; it is killed when the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return 124


def run_command(request: dict[str, Any]) -> None:
    """In the fork: take over the standard streams, run the command, exit with its code."""
    code = 1
    try:
        modes = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT, os.O_WRONLY | os.O_CREAT)
        for stream, (path, mode) in enumerate(zip(request["paths"], modes, strict=True)):
            os.dup2(os.open(path, mode, 0o600), stream)
        sys.stdin = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)))
        stderr = io.BufferedWriter(io.FileIO(2, "w", closefd=False))
        sys.stderr = io.TextIOWrapper(stderr, errors="backslashreplace", write_through=True)
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        from sahelclf.cli import main

        sys.argv = ["sahelclf", *request["args"]]
        code = main(request["args"])
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        traceback.print_exc()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


if __name__ == "__main__":
    serve()
