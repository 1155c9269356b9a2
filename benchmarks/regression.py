"""`measure --regress` on 1,000,000 units with effects of 60 months: time and peak memory.

python benchmarks/regression.py [--units 1000000] [--codes 3000]

The made-up collection of benchmarks/measure.py with a number for each unit. Each formula runs in a
process of its own, with start-up and reading of the table. Seconds are those of the processor, so
other work on the machine hardly changes them.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from measure import made_up

FORMULAS = (
    ("{topic} ~ x + C(country) | month", "ols"),
    ("{topic} ~ x + C(country) + C(month)", "ols"),
    ("{topic} ~ x + C(country) | month", "logit"),
)
MOST_SECONDS, MOST_MIB = 60, 3072
USED = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, capture_output=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


def used_by(command):
    """Processor seconds and peak resident set in MiB of a command."""
    run = [sys.executable, "-c", USED, *command]
    out = subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()
    return float(out[0]), float(out[1])


def main():
    from sahelclf.codebook import read_codebook
    from sahelclf.evaluation.decide import labeller_names
    from sahelclf.paths import data_root

    options = argparse.ArgumentParser()
    options.add_argument("--units", type=int, default=1_000_000)
    options.add_argument("--codes", type=int, default=3_000)
    args = options.parse_args()
    names = labeller_names(read_codebook(data_root() / "annotations" / "codebook.yaml"))
    ok = True
    with tempfile.TemporaryDirectory() as scratch:
        folder, rng = Path(scratch), np.random.default_rng(0)
        labels, sheet, _, _ = made_up(args.units, args.codes, names, rng)
        labels["x"] = rng.normal(size=args.units).round(4)
        labels.to_parquet(folder / "labels.parquet", index=False)
        sheet.to_csv(folder / "sheet.csv", index=False)
        del labels, sheet
        for k, (formula, family) in enumerate(FORMULAS):
            text = formula.format(topic=names.topics[0])
            command = [sys.executable, "-m", "sahelclf", "measure", str(folder / "labels.parquet")]
            command += ["--gold", str(folder / "sheet.csv"), "--regress", text]
            command += ["--family", family, "-o", str(folder / f"out-{k}")]
            seconds, peak = used_by(command)
            ok &= seconds < MOST_SECONDS and peak < MOST_MIB
            used = f"{seconds:.1f} s of the processor, peak {peak:.0f} MiB"
            print(f"{family}, {args.units:,} units, {text}: {used}", flush=True)
    raise SystemExit(0 if ok else 1)


if __name__ == "__main__":
    main()
