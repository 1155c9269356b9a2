"""The corpus of docs/your-corpus.md is built from its own blocks, and its commands run."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "your-corpus.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A folder with the files of the page, and what its Python block writes."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "my-corpus").mkdir()
    files = re.findall(r"^`(my-corpus/[^`]+)`:\n\n```\w+\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in files] == [
        "my-corpus/codebook.yaml",
        "my-corpus/documents.jsonl",
        "my-corpus/passages.jsonl",
    ]
    for name, text in files:
        (folder / name).write_text(text, encoding="utf-8")
    (script,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    subprocess.run(
        [sys.executable, "-W", "error", "-c", script], cwd=folder, check=True, timeout=60
    )
    return folder


def test_every_command_of_the_page_works_in_its_order(work):
    said = {}
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "MLFLOW_TRACKING_URI": "",
    }
    (block,) = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    for command in block.splitlines():
        done = subprocess.run(
            command,
            shell=True,
            cwd=work,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        words = command.split()[3:]
        said[" ".join(words[:2]) if words[0] == "corpus" else words[0]] = done
    assert "10 documents, 12 passages, nothing to fix" in said["corpus validate"].stdout
    assert "first-round agreement of 22 units" in said["corpus agreement"].stdout
    assert {p.stem for p in (work / "my-corpus" / "splits").iterdir()} >= {
        "grouped",
        "temporal-2021",
    }
    assert "scores are imprecise; see their intervals" in said["train"].stderr
    assert said["train"].stdout.splitlines()[-1] == "my-bundle"
    labels = pd.read_csv(work / "labels.csv")
    assert len(labels) == 12
    assert {
        "water_probability",
        "water_holds",
        "roads_stance",
        "roads_favor",
        "roads_against",
    } <= set(labels.columns)
    manifest = json.loads((work / "my-bundle" / "manifest.json").read_text())
    assert manifest["topics"] == ["water", "roads"]


def test_links_of_the_page_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", PAGE):
        assert (REPOSITORY / "docs" / target).exists(), target
