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
from sahelclf.measurement.moments import Problem
from sahelclf.measurement.regression import fit
from support import output_of

pytestmark = pytest.mark.tools
TOPICS = ("fishing", "dredging")
N = 600
THEIR_REGRESSIONS = """
import json, sys
import numpy as np
from ppi_py import ppi_logistic_ci, ppi_ols_ci

kept = json.load(open(sys.argv[1]))
found = []
for case in kept["cases"]:
    data = kept["data"][str(case["n"])]
    x, y, p, rows = (np.array(data[k]) for k in ("x", "y", "p", "rows"))
    others = np.setdiff1d(np.arange(len(y)), rows)
    given = (x[rows], y[rows], p[rows], x[others], p[others])
    if case["family"] == "ols":
        low, high = ppi_ols_ci(*given, alpha=0.05)
    else:
        exact = {"ftol": 1e-16, "gtol": 1e-12, "maxls": 50}
        low, high = ppi_logistic_ci(*given, alpha=0.05, optimizer_options=exact)
    error = (high - low) / 2 / 1.959963984540054
    found.append([((low + high) / 2).tolist(), error.tolist()])
print(json.dumps(found))
"""
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


@pytest.fixture(scope="module")
def ppi_python(tmp_path_factory):
    """Python of an environment of its own, with ppi-python."""
    folder = tmp_path_factory.mktemp("ppi") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=600)
    python = next(
        p for p in (folder / "bin" / "python", folder / "Scripts" / "python.exe") if p.exists()
    )
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "ppi-python"], check=True, timeout=600
    )
    return python


def test_ppi_python_finds_the_same_estimate_and_interval(ppi_python):
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
        [ppi_python, "-c", THEIRS],
        input=given,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    theirs = [json.loads(line) for line in done.stdout.splitlines()]
    assert np.array(ours) == pytest.approx(np.array(theirs), abs=1e-8)


def test_ppi_python_finds_the_regressions_that_are_kept(ppi_python):
    kept = Path(__file__).with_name("ppi_regressions.json")
    done = subprocess.run(
        [ppi_python, "-c", THEIR_REGRESSIONS, str(kept)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    theirs = json.loads(done.stdout)
    for case, (value, error) in zip(json.loads(kept.read_text())["cases"], theirs, strict=True):
        assert value == pytest.approx(case["value"], abs=1e-8)
        assert error == pytest.approx(case["error"], abs=1e-8)


@pytest.mark.skipif(
    not shutil.which("Rscript"), reason="no R here: apt-get install r-base-core r-cran-survey"
)
@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("family", ["ols", "logit"])
def test_survey_finds_the_same_regression(tmp_path, family, clustered):
    rng = np.random.default_rng(3)
    n = 240
    stratum = np.arange(n) % 3
    cluster = stratum * 100 + rng.integers(12, size=n)
    x = np.column_stack([np.ones(n), rng.normal(size=n), rng.integers(2, size=n)])
    y = (rng.random(n) < 1 / (1 + np.exp(0.4 - x[:, 1]))).astype(float)
    weight = np.array([3.0, 8.0, 20.0])[stratum]
    columns = {"y": y, "a": x[:, 1], "b": x[:, 2], "w": weight, "h": stratum, "c": cluster}
    pd.DataFrame(columns).to_csv(tmp_path / "units.csv", index=False)
    ids = "~c" if clustered else "~1"
    kind = "gaussian()" if family == "ols" else "quasibinomial()"
    script = f"""
library(survey)
units <- read.csv("units.csv")
design <- svydesign(ids = {ids}, strata = ~h, weights = ~w, data = units)
found <- svyglm(y ~ a + b, design, family = {kind}, control = list(epsilon = 1e-14, maxit = 100))
cat(sprintf("found %.12f %.12f\\n", coef(found), SE(found)), sep = "")
"""
    (tmp_path / "regression.R").write_text(script, encoding="utf-8")
    printed = output_of(["Rscript", "regression.R"], cwd=tmp_path)
    theirs = np.array(re.findall(r"^found (\S+) (\S+)", printed, re.MULTILINE), dtype=float)
    sample = Sample(np.arange(n), weight, stratum, cluster if clustered else None)
    outcome = Outcome(y, y, y, y)
    ours = fit(Problem(x, None, outcome, None, sample, sample, family, 3), "sample")
    assert ours.value == pytest.approx(theirs[:, 0], abs=1e-8)
    assert np.sqrt(np.diag(ours.covariance)) == pytest.approx(theirs[:, 1], abs=1e-8)
