"""BibTeX of what a methods paragraph cites: references.bib, and entries from CITATION.cff files."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from sahelclf.corpus.read import corpus_root
from sahelclf.errors import RequestError
from sahelclf.paths import data_root
from sahelclf.reports.text import escape_latex

PACKAGE, CORPUS = "sahelclf", "corpus"
CITATION = re.compile(r"\s?\[(@\w+(?:; ?@\w+)*)\]")


@cache
def references() -> dict[str, str]:
    """The entries of references.bib by key."""
    text = files("sahelclf.reports").joinpath("references.bib").read_text(encoding="utf-8")
    entries = text.strip().split("\n\n")
    return {entry[entry.index("{") + 1 : entry.index(",")]: entry for entry in entries}


def cited_in(match: re.Match[str]) -> list[str]:
    """Keys of a citation; none where one is unknown, as in a name from data that looks like one."""
    keys = re.findall(r"@(\w+)", match[1])
    return keys if {*keys} <= {*references(), PACKAGE, CORPUS} else []


def cited_keys(text: str) -> list[str]:
    """Keys cited as `[@key]` or `[@key; @other]`, in the order of their first mention."""
    return list(dict.fromkeys(k for m in CITATION.finditer(text) for k in cited_in(m)))


def bibliography(keys: Iterable[str], entries: Mapping[str, str]) -> str:
    """The BibTeX entries of these keys; `entries` are those of the package and the corpus."""
    known = references() | dict(entries)
    return "\n\n".join(known[key] for key in keys if key in known) + "\n"


def citation_entries(corpus: str | None) -> dict[str, str]:
    """Entries of the package and, where it has a citation, of the corpus.

    `corpus` is the folder that a configuration names; None for the packaged corpus, whose
    citation may be among the references of the package's.
    """
    package = read_cff(data_root() / "CITATION.cff")
    entries = {PACKAGE: cff_entry(PACKAGE, package)}
    cff: dict[str, Any] = {}
    if corpus is None:
        references = package.get("references", [])
        cff = next((r for r in references if r.get("type") == "dataset"), {})
    path = corpus_root(corpus) / "CITATION.cff"
    if path.exists():
        cff = read_cff(path)
    if cff:
        released = {"date-released": package.get("date-released")} if corpus is None else {}
        entries[CORPUS] = cff_entry(CORPUS, {"type": "dataset"} | released | cff)
    return entries


def read_cff(path: Path) -> dict[str, Any]:
    """Read a CITATION.cff; RequestError where the file is missing or lacks title or authors."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RequestError(
            f"{path}: no such file; expected the citation of the package or of a corpus"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise RequestError(f"{path}: not readable as YAML: {reason}") from None
    missing = [k for k in ("title", "authors") if not isinstance(raw, dict) or not raw.get(k)]
    if missing:
        raise RequestError(
            f"{path}: no {' and no '.join(missing)}; expected the fields of a CITATION.cff"
        )
    return dict(raw)


def cff_entry(key: str, cff: Mapping[str, Any]) -> str:
    """A BibTeX entry from the fields of a CITATION.cff: `@misc`, which every style knows."""
    medium = "Data set" if cff.get("type") == "dataset" else "Software"
    version = f"version {cff['version']}" if cff.get("version") else ""
    published = [medium, version, str(cff.get("license", ""))]
    fields = {
        "author": " and ".join(_author(a) for a in cff["authors"]),
        "title": f"{{{escape_latex(str(cff['title']))}}}",
        "howpublished": escape_latex(", ".join(part for part in published if part)),
        "year": str(cff.get("date-released", ""))[:4],
        "doi": str(cff.get("doi", "")),
        "url": str(cff.get("url") or cff.get("repository-code") or ""),
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    return f"@misc{{{key},\n" + ",\n".join(lines) + "\n}"


def _author(author: Mapping[str, Any]) -> str:
    """A person as `family, given`; a group in braces, so that BibTeX does not split its name."""
    if "family-names" not in author:
        return f"{{{escape_latex(str(author.get('name', '')))}}}"
    names = (author.get("family-names"), author.get("given-names"))
    return escape_latex(", ".join(str(name) for name in names if name))
