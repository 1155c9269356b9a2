"""What MkDocs calls while it builds the site: files from outside docs/, and the help of commands.

Pages link to files of the repository by relative paths, which work where the repository is read.
The site gets a copy of each linked file in `repository/`. A link to what the site does not have
becomes the path in the repository.
"""

import os
import re
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from importlib import import_module
from io import StringIO
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
COPIES = "repository"
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)#\s]+)(#[^)\s]*)?\)")
FENCE = re.compile(r"^(```.*?^```|~~~.*?^~~~)", re.MULTILINE | re.DOTALL)
HELP = "<!-- help of every command -->"
INDEXES = ("README.md", "results.md")
SECTIONS = ("CONTRIBUTING.md", "CHANGELOG.md", "notebooks", "benchmarks", "annotations")


def linked(page: str, target: str) -> str | None:
    """The file in the repository that a link of a page means; a folder means its first page."""
    path = normpath(join(page, "..", target))
    if (ROOT / path).is_dir():
        path = next((f"{path}/{n}" for n in INDEXES if (ROOT / path / n).is_file()), path)
    inside = not path.startswith("..") and (ROOT / path).is_file()
    return path if inside else None


def copied() -> set[str]:
    """Files outside docs/ that pages of docs/ link to, and the first page of each section."""
    found = {linked("x", name) for name in SECTIONS}
    for page in (ROOT / "docs").glob("*.md"):
        links = LINK.findall(page.read_text(encoding="utf-8"))
        found |= {linked(f"docs/{page.name}", link[2]) for link in links if ":" not in link[2]}
    return {path for path in found if path and not path.startswith("docs/")}


def on_files(files: Files, config: Any) -> Files:
    """Add the copies."""
    for path in sorted(copied()):
        source = str(ROOT / path)
        files.append(File.generated(config, f"{COPIES}/{path}", abs_src_path=source))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Point links to the copies, outside of code, and add the help of the commands."""
    here = page.file.src_uri
    parts = FENCE.split(markdown)
    parts[::2] = [LINK.sub(lambda link: _of_the_site(here, link, files), p) for p in parts[::2]]
    return "".join(parts).replace(HELP, "\n".join(helps()) if HELP in markdown else "")


def _of_the_site(here: str, link: re.Match[str], files: Files) -> str:
    image, text, target, anchor = link.groups(default="")
    if ":" in target:
        return link.group()
    copy = here.startswith(f"{COPIES}/")
    page = here.removeprefix(f"{COPIES}/") if copy else f"docs/{here}"
    path = linked(page, target)
    if path is None:
        return f"{text} (`{normpath(join(page, '..', target))}`)"
    uri = path.removeprefix("docs/") if path.startswith("docs/") else f"{COPIES}/{path}"
    if files.get_file_from_path(uri) is None:
        return text if image else f"{text} (`{path}`)"
    return f"{image}[{text}]({relpath(uri, dirname(here) or '.')}{anchor})"


def helps() -> Iterator[str]:
    """A section for each command, with what `--help` prints on 100 columns."""
    from sahelclf.cli import COMMANDS, annotate

    os.environ["COLUMNS"] = "100"
    for command in (*COMMANDS, *(f"annotate {name}" for name in annotate.COMMANDS)):
        name, *more = command.split()
        with redirect_stdout(StringIO()) as shown, suppress(SystemExit):
            import_module(f"sahelclf.cli.{name}").run([*more, "--help"])
        yield f"## {command}\n\n```text\n{shown.getvalue().strip()}\n```\n"
