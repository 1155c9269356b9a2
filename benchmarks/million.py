"""A big job with the linear labeller: rows a second, peak memory, a kill and a resume.

python benchmarks/million.py BUNDLE [--rows 1000000] [--workers N] [--duplicates] [--copies 0.1]

Made-up passages of 88 words (some 110 tokens), drawn from the vocabulary of the packaged corpus; a
share of them are copies of an earlier row with one changed word. The same job runs on a tenth of
the rows, then once without a break, then it is killed by SIGKILL half-way and resumed. No row may
be lost or duplicated: the ids must be those of the input, in its order, and the two outputs equal
to the byte. Peak memory is that of all processes of the job together; flat means that it is the
same on a tenth of the rows.
"""

import argparse
import hashlib
import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

os.environ["OPENBLAS_NUM_THREADS"] = "1"

from made import command, made_rows, taken_by


def written(folder, n, share):
    """The input, and a tenth of it; returns how many rows are copies."""
    copies = 0
    with (folder / "in.jsonl").open("w") as stream, (folder / "tenth.jsonl").open("w") as tenth:
        for i, row in enumerate(made_rows(n, share)):
            copies += row.pop("copy")
            line = json.dumps(row) + "\n"
            stream.write(line)
            if i < n // 10:
                tenth.write(line)
    return copies


def killed_half_way(line, out, n):
    """Start a job, kill it when half of its rows are kept, and say how many were."""
    progress = out.with_name(out.name + ".part") / "progress.json"
    with subprocess.Popen(line, stderr=subprocess.DEVNULL) as job:
        while job.poll() is None:
            time.sleep(0.02)
            done = (
                json.loads(progress.read_text())["summary"].get("labelled", 0)
                if progress.exists()
                else 0
            )
            if done >= n // 2:
                job.send_signal(signal.SIGKILL)
                job.wait()
                return done
    raise SystemExit("the job ended before it could be killed; more --rows")


def checked(path, n):
    """How many rows have `duplicate_of`; stops unless the ids are r0 … in order."""
    named = count = 0
    with path.open(encoding="utf-8") as stream:
        for count, line in enumerate(stream, start=1):
            row = json.loads(line)
            if row["id"] != f"r{count - 1}":
                raise SystemExit(f"{path}:{count}: id {row['id']!r}; expected 'r{count - 1}'")
            named += row.get("duplicate_of") is not None
    if count != n:
        raise SystemExit(f"{path}: {count} rows; expected {n}")
    return named


def sha256(path):
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int)
    parser.add_argument("--duplicates", action="store_true")
    parser.add_argument("--copies", type=float, default=0.1)
    options = parser.parse_args()
    n = options.rows
    more = (["--workers", options.workers] if options.workers else []) + (
        ["--duplicates"] if options.duplicates else []
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        copies = written(folder, n, options.copies)
        print(
            f"predict {' '.join(map(str, more))}, {n:,} passages of 88 words, {os.cpu_count()} "
            "cores",
            flush=True,
        )
        for name, rows in (("tenth", n // 10), ("in", n)):
            seconds, peak, _ = taken_by(
                command(
                    options.bundle, folder / f"{name}.jsonl", folder / f"{name}.out.jsonl", *more
                )
            )
            print(
                f"  {rows:,} rows: {seconds:.0f} s with start-up, {rows / seconds:,.0f} rows a "
                f"second, peak {peak:.0f} MiB",
                flush=True,
            )
        job = command(
            options.bundle, folder / "in.jsonl", folder / "resumed.jsonl", "--resume", *more
        )
        kept = killed_half_way(job, folder / "resumed.jsonl", n)
        seconds, peak, _ = taken_by(job)
        named = checked(folder / "resumed.jsonl", n)
        same = sha256(folder / "resumed.jsonl") == sha256(folder / "in.out.jsonl")
        print(
            f"  killed by SIGKILL with {kept:,} rows kept, resumed in {seconds:.0f} s, peak "
            f"{peak:.0f} MiB"
        )
        verdict = "equal to the byte to" if same else "DIFFERENT from"
        print(f"  {n:,} rows, each once, in the order of the input; {verdict} the unbroken job")
        if options.duplicates:
            print(f"  copies made {copies:,}, named {named:,}")
        if not same:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
