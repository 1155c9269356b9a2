"""Links of all Markdown files lead somewhere, the site has every page, and it builds."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

import sahelclf
from sahelclf.cli import COMMANDS

REPOSITORY = Path(__file__).parents[2]
DOCS = REPOSITORY / "docs"
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LEFT_OUT = {".venv", "node_modules", "site", "build", "dist", "bundles"}


def markdown_files() -> list[Path]:
    found = (p.relative_to(REPOSITORY) for p in REPOSITORY.glob("[!.]*/**/*.md"))
    below = [REPOSITORY / p for p in found if not LEFT_OUT & {*p.parts}]
    return [*REPOSITORY.glob("*.md"), *below]


def test_links_lead_somewhere():
    pages = markdown_files()
    dead = []
    for page in pages:
        text = CODE.sub("", page.read_text(encoding="utf-8"))
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", text):
            if not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
                dead.append(f"{page.relative_to(REPOSITORY)}: {target}")
    assert dead == []
    assert {"README.md", "predict.md", "CONTRIBUTING.md"} <= {p.name for p in pages}


def test_the_navigation_has_every_page_once():
    settings = (REPOSITORY / "mkdocs.yml").read_text(encoding="utf-8")
    named = re.findall(r"^ +- (?:[^:\n]+: )?(\S+\.md)$", settings, re.MULTILINE)
    pages = [name for name in named if not name.startswith("repository/")]
    assert sorted(pages) == sorted(p.name for p in DOCS.glob("*.md"))
    for name in named:
        if name.startswith("repository/"):
            assert (REPOSITORY / name.removeprefix("repository/")).is_file(), name
    assert "nav" in yaml.safe_load(settings)


def test_the_page_of_commands_has_every_command():
    page = (DOCS / "commands.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(COMMANDS)


def test_the_python_reference_has_every_public_name():
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    named = re.findall(r"^::: (\S+)\.(\w+)$", page, re.MULTILINE)
    expected = {name for name in sahelclf.__all__ if not name.startswith("__")}
    assert {name for _, name in named} == expected
    assert len(named) == len(expected)
    for module, name in named:
        assert getattr(sahelclf, name).__module__ == module


@pytest.mark.tools
@pytest.mark.skipif(find_spec("mkdocs") is None, reason="no MkDocs here: pip install '.[docs]'")
def test_the_site_builds_and_asks_no_other_machine(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path / "site")]
    variables = {"PYTHONPATH": str(REPOSITORY / "src"), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=os.environ | variables, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    pages = [p.read_text(encoding="utf-8") for p in (tmp_path / "site").rglob("*.html")]
    loads = r"<(?:script|img|link|iframe)\b[^>]*?(?:src|href)=\"?(?:https?:)?//[^\" >]*"
    assert [found for page in pages for found in re.findall(loads, page)] == []
    assert "--any-language" in (tmp_path / "site" / "commands.html").read_text(encoding="utf-8")
