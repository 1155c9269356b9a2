"""Files that describe the package to archives, indexes and reviewers agree with each other."""

import json
import re
import tomllib
from pathlib import Path

import yaml

import sahelclf

REPOSITORY = Path(__file__).parents[2]
CITATION = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text())
CODEMETA = json.loads((REPOSITORY / "codemeta.json").read_text())
ZENODO = json.loads((REPOSITORY / ".zenodo.json").read_text())
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


def test_the_version_is_the_same_everywhere_and_has_a_section_of_the_changelog():
    assert PROJECT["dynamic"] == ["version"]  # hatchling reads sahelclf.__version__
    assert CITATION["version"] == CODEMETA["version"] == sahelclf.__version__
    sections = re.findall(r"^## (\S+)", (REPOSITORY / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert sections[0] == sahelclf.__version__


def test_titles_authors_licences_and_keywords_agree():
    assert CITATION["title"] == ZENODO["title"]
    assert CODEMETA["description"] == PROJECT["description"]
    assert CITATION["license"] == ZENODO["license"] == PROJECT["license"]
    assert CODEMETA["license"].endswith(f"/{PROJECT['license']}")
    names = {a["name"] for a in CITATION["authors"]}
    assert names == {a["name"] for a in ZENODO["creators"]}
    assert (
        names == {a["name"] for a in PROJECT["authors"]} == {a["name"] for a in CODEMETA["author"]}
    )
    assert CITATION["keywords"] == ZENODO["keywords"]
    assert CODEMETA["keywords"] == PROJECT["keywords"]


def test_the_corpus_has_one_version_and_licence():
    (corpus,) = (r for r in CITATION["references"] if r["type"] == "dataset")
    data = CODEMETA["supportingData"]
    card = (REPOSITORY / "annotations" / "README.md").read_text()
    assert corpus["version"] == data["version"]
    assert f"version {corpus['version']}" in card
    assert data["license"].endswith(f"/{corpus['license']}")
    assert f"license: {corpus['license'].lower()}" in card
    assert corpus["license"] in (REPOSITORY / "annotations" / "LICENSE").read_text()


def test_every_reference_of_the_paper_exists_and_is_cited():
    paper = (REPOSITORY / "paper" / "paper.md").read_text()
    cited = set(re.findall(r"@([a-z]+\d{4}|activetigger)", paper))
    entries = re.findall(r"^@\w+\{(\w+),", (REPOSITORY / "paper" / "paper.bib").read_text(), re.M)
    assert len(set(entries)) == len(entries)
    assert cited == set(entries)


def test_issue_forms_are_valid():
    for path in (REPOSITORY / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        form = yaml.safe_load(path.read_text())
        if path.stem == "config":
            assert form == {"blank_issues_enabled": True}
            continue
        assert {"name", "description", "body"} == set(form), path
        ids = [field["id"] for field in form["body"]]
        assert len(set(ids)) == len(ids)
