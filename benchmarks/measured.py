"""Seconds and peak resident memory of a command.

python benchmarks/measured.py COMMAND …

A small process runs between the caller and the command: getrusage gives the largest child so far,
and the peak of a new process starts at the memory of its parent. The output of the command is
discarded; the exit status is that of the command.
"""

import json
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path


def peak_of(command, messages=subprocess.DEVNULL, **options):
    """Seconds, and the largest resident set in MiB of any process of the command; options, as
    `env`, go to `subprocess.run`.
    """
    again = [sys.executable, __file__, *map(str, command)]
    out = subprocess.run(
        again, check=True, stdout=subprocess.PIPE, stderr=messages, text=True, **options
    ).stdout
    found = json.loads(out)
    return found["seconds"], found["peak_MiB"]


def processor():
    """What the processor calls itself."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text(encoding="utf-8").splitlines() if about.exists() else []
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )


def main():
    started = time.perf_counter()
    status = subprocess.run(sys.argv[1:], check=False, stdout=subprocess.DEVNULL).returncode
    seconds = time.perf_counter() - started
    print(
        json.dumps(
            {
                "seconds": seconds,
                "peak_MiB": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
            }
        )
    )
    sys.exit(status if status >= 0 else 1)


if __name__ == "__main__":
    main()
