"""`predict` on many rows with a linear labeller: rows a second, peak memory, a kill and a resume, near copies.

python benchmarks/predict.py BUNDLE [--rows 1000000] [--copies 0.1]

Made-up passages of 100 words drawn from the packaged corpus's vocabulary; a share of them are copies of the 1,000 rows before
with one word changed. The same job runs once unbroken and once killed by SIGKILL half-way and gone on with; the outputs must be
equal to the byte. Peak memory is the largest resident set of the process; the same on a tenth of the rows stands beside it.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measured import peak_of

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def made_rows(n, share):
    """Rows, and how many are copies."""
    from sahelclf.corpus.read import read_corpus
    from sahelclf.training.run import corpus_root

    words = [w for p in read_corpus(corpus_root(None)).passages for w in p.text.split()]
    rng = random.Random(0)
    recent = []
    for i in range(n):
        if recent and rng.random() < share:
            text = rng.choice(recent).split()
            text[rng.randrange(len(text))] = "changed"
            yield {"id": f"r{i}", "text": " ".join(text), "copy": True}
            continue
        text = " ".join(rng.choices(words, k=100))
        recent = [*recent[-999:], text]
        yield {"id": f"r{i}", "text": text, "copy": False}


def command(bundle, rows, out, *more):
    return [sys.executable, "-m", "sahelclf", "predict", str(bundle), str(rows), "-o", str(out), *more]


def killed_half_way(args, out, n):
    """Start a job, kill it when half of its rows are kept, and say how many were."""
    progress = out.with_name(out.name + ".part") / "progress.json"
    with subprocess.Popen(args, stderr=subprocess.DEVNULL) as job:
        while job.poll() is None:
            time.sleep(0.02)
            done = json.loads(progress.read_text())["summary"]["labelled"] if progress.exists() else 0
            if done >= n // 2:
                job.send_signal(signal.SIGKILL)
                job.wait()
                return done
    raise SystemExit("the job ended before it could be killed; more --rows")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("bundle", type=Path)
    options.add_argument("--rows", type=int, default=1_000_000)
    options.add_argument("--copies", type=float, default=0.1)
    args = options.parse_args()
    n = args.rows
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        copies = 0
        with (folder / "in.jsonl").open("w") as stream, (folder / "tenth.jsonl").open("w") as tenth:
            for i, row in enumerate(made_rows(n, args.copies)):
                copies += row.pop("copy")
                line = json.dumps(row) + "\n"
                stream.write(line)
                if i < n // 10:
                    tenth.write(line)
        for more in ([], ["--duplicates"]):
            print(f"predict {' '.join(more)}".strip())
            _, small = peak_of(command(args.bundle, folder / "tenth.jsonl", folder / "tenth.out.jsonl", *more))
            seconds, peak = peak_of(command(args.bundle, folder / "in.jsonl", folder / "whole.jsonl", *more))
            print(f"  {n:,} rows: {seconds:.1f} s with start-up, {n / seconds:,.0f} rows a second")
            print(f"  peak {peak:.0f} MiB; on a tenth of the rows {small:.0f} MiB")
        job = command(args.bundle, folder / "in.jsonl", folder / "o.jsonl", "--duplicates", "--resume")
        kept = killed_half_way(job, folder / "o.jsonl", n)
        seconds, _ = peak_of(job)
        same = len({hashlib.sha256((folder / f).read_bytes()).hexdigest() for f in ("o.jsonl", "whole.jsonl")}) == 1
        print(f"killed by SIGKILL with {kept:,} rows kept, gone on with in {seconds:.1f} s: {'equal to the byte' if same else 'DIFFERENT'}")
        with (folder / "o.jsonl").open() as rows:
            found = [json.loads(line)["duplicate_of"] is not None for line in rows]
        print(f"rows {len(found):,}; copies made {copies:,}, named {sum(found):,}")
        if not same or len(found) != n:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
