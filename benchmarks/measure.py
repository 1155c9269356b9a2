"""`measure` on a large collection: seconds and peak memory; its estimators compared with
ppi-python.

python benchmarks/measure.py [--units 400000] [--codes 15000] [--ppi PYTHON]

A made-up collection with the topics of the packaged codebook, over 60 months by 5 countries, with a
coded simple random sample: enough for every figure to be drawn, which is the slowest case. PYTHON
is an interpreter with `pip install ppi-python`. Its `ppi_mean_ci`, called once for each topic and
cell, is timed in the same run as our four estimators. Its estimate and interval for the whole
collection must agree with ours to 1e-8.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402 - threads first
import pandas as pd  # noqa: E402

MONTHS = [f"{2019 + k // 12}-{k % 12 + 1:02d}" for k in range(60)]
COUNTRIES = ["Burkina Faso", "Chad", "Mali", "Mauritania", "Niger"]
MOST_SECONDS, SAME = 30, 1e-8
THEIRS = """
import json, sys, time
import numpy as np  # noqa: E402 - threads first
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

d = np.load(sys.argv[1])
y, p, rows = d["y"], d["p"], d["rows"]
cells = d["cell"]
cell = range(cells.max() + 1)
groups = [(cells[rows] == c, np.flatnonzero((cells == c) & d["left"])) for c in cell]
groups = [(mine, others) for mine, others in groups if mine.sum() > 1]
ppi_mean_ci(y[:9, 0], p[:9, 0], p[9:99, 0])  # what it compiles, it compiles here
started = time.perf_counter()
for mine, others in groups:
    for k in range(y.shape[1]):
        ppi_mean_ci(y[mine, k], p[rows[mine], k], p[others, k], alpha=0.05)
seconds = time.perf_counter() - started
whole = []
for k in range(y.shape[1]):
    sample = y[:, k], p[rows, k], p[d["left"], k]
    low, high = ppi_mean_ci(*sample, alpha=0.05)
    whole.append([float(np.squeeze(v)) for v in (ppi_mean_pointestimate(*sample), low, high)])
print(json.dumps({"seconds": seconds, "cells": len(groups) * y.shape[1], "whole": whole}))
"""


def made_up(n, n_codes, names, rng):
    """The flat table, the sheet's rows, the rows that are coded, and each unit's month-by-country
    cell.
    """
    t, s = len(names.topics), len(names.stances)
    x = rng.normal(size=(n, t))
    truth = rng.random((n, t)) < 1 / (1 + np.exp(2.2 - 2 * x))
    p = 1 / (1 + np.exp(0.9 - 2.5 * (x + rng.normal(scale=0.5, size=x.shape))))
    q = rng.dirichlet(np.ones(s), size=(n, t))
    first = min(
        n, 2 * n_codes
    )  # the coded units are among these; units stand in no order, so they are a random sample
    stance = (rng.random((first, t, 1)) > np.cumsum(q[:first], axis=2)).sum(axis=2).clip(max=s - 1)
    month, country = rng.integers(60, size=n), rng.integers(5, size=n)
    columns = {
        "id": [f"u{i}" for i in range(n)],
        "date": np.array(MONTHS, dtype=object)[month] + "-15",
        "country": np.array(COUNTRIES, dtype=object)[country],
    }
    for k, topic in enumerate(names.topics):
        holds = p[:, k] >= 0.5
        said = np.array(names.stances, dtype=object)[q[:, k].argmax(axis=1)]
        columns |= {
            f"{topic}_probability": p[:, k].round(6),
            f"{topic}_holds": holds,
            f"{topic}_stance": np.where(holds, said, ""),
        }
        columns |= {f"{topic}_{name}": q[:, k, j].round(6) for j, name in enumerate(names.stances)}
    rows = np.sort(rng.choice(first, n_codes, replace=False))
    sheet = {"id": [f"u{i}" for i in rows], "sampling_probability": n_codes / n}
    sheet |= {
        topic: [names.stances[stance[i, k]] if truth[i, k] else "no" for i in rows]
        for k, topic in enumerate(names.topics)
    }
    return pd.DataFrame(columns), pd.DataFrame(sheet), rows, month * 5 + country


def peak_of(command):
    """Seconds and peak resident set in MiB of a command: of a child of a child, since the figure is
    the largest so far.
    """
    code = (
        "import resource, subprocess, sys, time; s = time.perf_counter(); "
        "subprocess.run(sys.argv[1:], check=True, capture_output=True); "
        "peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024; "
        "print(time.perf_counter() - s, peak)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code, *command], check=True, capture_output=True, text=True
    ).stdout.split()
    return float(out[0]), float(out[1])


def beside_ppi_python(python, folder, names, rows, cell):
    """Both on the same arrays: seconds for every month and country, and the largest difference for
    the whole.
    """
    from sahelclf.annotation.coded import read_codes
    from sahelclf.codebook import read_codebook
    from sahelclf.measurement.collection import read_collection
    from sahelclf.measurement.estimators import (
        Cells,
        Design,
        Outcome,
        Sample,
        cross_fit_calibration,
        shares,
    )
    from sahelclf.measurement.study import build_study
    from sahelclf.paths import data_root

    book = read_codebook(data_root() / "annotations" / "codebook.yaml")
    study = build_study(
        read_collection(folder / "labels.parquet", names),
        read_codes(folder / "sheet.csv", book),
        "labels",
        "sheet",
    )
    collection, gold, n = study.collection, study.sheet.gold, len(cell)
    p, y = collection.probability, gold.topics.astype(float)
    left = np.ones(n, dtype=bool)
    left[rows] = False
    np.savez(folder / "arrays.npz", y=y, p=p, rows=rows, left=left, cell=cell)
    theirs = json.loads(
        subprocess.run(
            [python, "-c", THEIRS, str(folder / "arrays.npz")],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )
    sample = Sample(rows, np.full(len(rows), n / len(rows)), np.zeros(len(rows), dtype=int))
    started = time.perf_counter()
    g = cross_fit_calibration(y, p, sample)
    outcomes = [Outcome(y[:, k], p[:, k], p[:, k] >= 0.5, g[:, k]) for k in range(y.shape[1])]
    design = Design(sample, Cells(np.arange(n), cell, cell.max() + 1), n)
    for outcome in outcomes:
        shares(design, outcome)
    seconds = time.perf_counter() - started
    whole = Design(sample, Cells(np.arange(n), np.zeros(n, dtype=int), 1), n)
    found = [shares(whole, outcome)["ppi"] for outcome in outcomes]
    ours = [[e.value[0], e.interval[0][0], e.interval[1][0]] for e in found]
    apart = float(np.abs(np.array(ours) - np.array(theirs["whole"])).max())
    return seconds, theirs["seconds"], theirs["cells"], apart


def main():
    from sahelclf.codebook import read_codebook
    from sahelclf.evaluation.decide import labeller_names
    from sahelclf.paths import data_root

    options = argparse.ArgumentParser()
    options.add_argument("--units", type=int, default=400_000)
    options.add_argument("--codes", type=int, default=15_000)
    options.add_argument("--ppi", metavar="PYTHON")
    args = options.parse_args()
    names = labeller_names(read_codebook(data_root() / "annotations" / "codebook.yaml"))
    ok = True
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        labels, sheet, rows, cell = made_up(args.units, args.codes, names, np.random.default_rng(0))
        labels.to_csv(folder / "labels.csv", index=False)
        labels.to_parquet(folder / "labels.parquet", index=False)
        sheet.to_csv(folder / "sheet.csv", index=False)
        for form in ("csv", "parquet"):
            command = [
                sys.executable,
                "-m",
                "sahelclf",
                "measure",
                str(folder / f"labels.{form}"),
                "--gold",
                str(folder / "sheet.csv"),
            ]
            seconds, peak = peak_of(
                [*command, "--by", "month,country", "-o", str(folder / f"shares-{form}")]
            )
            ok &= seconds < MOST_SECONDS
            print(
                f"measure, {args.units:,} units in .{form}, 60 months by 5 countries: "
                f"{seconds:.1f} s with start-up, peak {peak:.0f} MiB"
            )
        table = pd.read_parquet(folder / "shares-csv" / "shares.parquet")
        print(
            f"  {len(table):,} estimates of "
            f"{len(table.drop_duplicates(['by', 'month', 'country'])):,} cells; files "
            f"{sum(f.stat().st_size for f in (folder / 'shares-csv').iterdir()) / 1e6:.0f} MB"
        )
        if args.ppi:
            ours, theirs, done, apart = beside_ppi_python(args.ppi, folder, names, rows, cell)
            ok &= apart < SAME
            print(
                f"shares of {len(names.topics)} topics in 300 cells: our four estimators "
                f"{ours:.2f} s; ppi-python's one, {done:,} times, {theirs:.2f} s; ratio "
                f"{ours / theirs:.2f}"
            )
            print(
                "estimate and interval of the whole, largest difference from ppi-python: "
                f"{apart:.1e}"
            )
    raise SystemExit(0 if ok else 1)


if __name__ == "__main__":
    main()
