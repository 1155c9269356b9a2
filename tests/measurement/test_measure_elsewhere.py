"""What `measure` computes, computed again by R's survey and by ppi-python."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sahelclf.cli import main
from sahelclf.measurement.estimators import Cells, Design, Outcome, Sample, shares
from support import output_of

pytestmark = pytest.mark.tools
TOPICS = ("fishing", "dredging")
N = 600
THEIRS = """
import json, sys
import numpy as np
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate

for line in sys.stdin:
    y, f, u = (np.array(v) for v in json.loads(line))
    low, high = ppi_mean_ci(y, f, u, alpha=0.05)
    print(json.dumps([float(np.squeeze(v)) for v in (ppi_mean_pointestimate(y, f, u), low, high)]))
"""


@pytest.fixture
def measured(tmp_path, monkeypatch, harbour):
    """A sample by country and predicted probability; one stratum has a single unit."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(11)
    x = rng.normal(size=(N, 2))
    truth = rng.random((N, 2)) < 1 / (1 + np.exp(0.5 - 2 * x))
    p = (1 / (1 + np.exp(-2 * x - rng.normal(size=(N, 2))))).round(6)
    country = np.where(np.arange(N) % 3, "Mali", "Niger").astype(object)
    country[77] = "Chad"
    columns = {"id": [f"a{i}" for i in range(N)], "country": country}
    for k, t in enumerate(TOPICS):
        columns |= {
            f"{t}_probability": p[:, k],
            f"{t}_holds": p[:, k] > 0.5,
            f"{t}_stance": np.where(p[:, k] > 0.5, "pro", ""),
        }
    pd.DataFrame(columns).to_csv("labels.csv", index=False)
    pd.DataFrame({"id": columns["id"], "text": "the boats", "country": country}).to_csv(
        "texts.csv", index=False
    )
    options = [
        "--corpus",
        str(harbour),
        "--predictions",
        "labels.csv",
        "--n",
        "200",
        "--by",
        "country,probability",
        "-o",
        "batch",
    ]
    assert main(["annotate", "sample", "texts.csv", *options]) == 0
    with Path("batch/sheet.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))
    for row in rows[2:]:
        row[-2:] = ["pro" if held else "no" for held in truth[int(row[0][1:])]]
    with Path("coded.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)
    assert (
        main(
            [
                "measure",
                "labels.csv",
                "--gold",
                "coded.csv",
                "--by",
                "country",
                "--corpus",
                str(harbour),
                "-o",
                "out",
            ]
        )
        == 0
    )
    return tmp_path / "out"


@pytest.mark.skipif(
    not shutil.which("Rscript"), reason="no R here: apt-get install r-base-core r-cran-survey"
)
def test_survey_finds_the_same_mean_and_standard_error(measured):
    """The script up to `dsl`, which CRAN does not have; then the same numbers in full."""
    script = (measured / "measure.R").read_text(encoding="utf-8")
    assert "library(dsl)" in script
    more = """
for (topic in c("fishing", "dredging")) {
  whole <- svymean(as.formula(paste0("~", topic, "_gold")), design)
  cat("found", topic, "all", sprintf("%.12f %.12f", coef(whole), SE(whole)), "\\n")
  parts <- svyby(as.formula(paste0("~", topic, "_gold")), ~country, design, svymean)
  for (k in seq_len(nrow(parts))) cat("found", topic, parts$country[k],
    sprintf("%.12f %.12f", coef(parts)[k], SE(parts)[k]), "\\n")
}"""
    (measured / "half.R").write_text(script.split("library(dsl)")[0] + more, encoding="utf-8")
    printed = output_of(["Rscript", "half.R"], cwd=measured)
    theirs = {
        (t, c): (float(mean), float(se))
        for t, c, mean, se in re.findall(r"^found (\w+) (\w+) (\S+) (\S+)", printed, re.MULTILINE)
    }
    table = pd.read_parquet(measured / "shares.parquet")
    ours = table[(table["measured"] == "topic") & (table["estimator"] == "sample")].assign(
        country=lambda f: f["country"].replace("", "all")
    )
    shown = ours[ours["share"].notna()]
    assert len(shown) == 6
    assert {c for _, c in theirs} == {"all", "Chad", "Mali", "Niger"}
    for _, row in shown.iterrows():
        assert theirs[row["topic"], row["country"]] == pytest.approx(
            (row["share"], row["standard_error"]), abs=1e-6
        )  # the sheet's probabilities have six digits


def test_ppi_python_finds_the_same_estimate_and_interval(tmp_path):
    folder = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=600)
    python = next(
        p for p in (folder / "bin" / "python", folder / "Scripts" / "python.exe") if p.exists()
    )
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "ppi-python"], check=True, timeout=600
    )
    rng = np.random.default_rng(5)
    cases, ours = [], []
    for n, drawn, noise in (
        (60, 12, 0.3),
        (500, 100, 1.0),
        (5000, 300, 0.1),
        (5000, 300, 9.0),
        (300, 290, 1.0),
    ):
        x = rng.normal(size=n)
        y = (rng.random(n) < 1 / (1 + np.exp(1 - 2 * x))).astype(float)
        p = 1 / (1 + np.exp(0.3 - 2 * x - rng.normal(scale=noise, size=n)))
        rows = np.sort(rng.choice(n, drawn, replace=False))
        cases.append([y[rows].tolist(), p[rows].tolist(), np.delete(p, rows).tolist()])
        sample = Sample(rows, np.full(drawn, n / drawn), np.zeros(drawn, dtype=int))
        found = shares(
            Design(sample, Cells(np.arange(n), np.zeros(n, dtype=int), 1), n),
            Outcome(y[rows], p, p, p),
        )["ppi"]
        ours.append(
            (
                found.value[0],
                found.value[0] - 1.959963984540054 * found.error[0],
                found.value[0] + 1.959963984540054 * found.error[0],
            )
        )
    given = "".join(json.dumps(case) + "\n" for case in cases)
    done = subprocess.run(
        [python, "-c", THEIRS], input=given, capture_output=True, text=True, check=True, timeout=300
    )
    theirs = [json.loads(line) for line in done.stdout.splitlines()]
    assert np.array(ours) == pytest.approx(np.array(theirs), abs=1e-8)
