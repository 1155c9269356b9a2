"""The installed package with a fifth of its corpus: pages of the docs run on it quickly."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock

REPOSITORY = Path(__file__).parents[1]
EVERY = 5  # of each part of the split 'grouped', every fifth document stays


def shared(tmp_path_factory: Any, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first worker makes and all workers of this test run read."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if base.name.startswith("popen-") else base
    folder = root / name
    with FileLock(root / f"{name}.lock"):
        if not folder.exists():
            part = root / f"{name}.part"
            shutil.rmtree(part, ignore_errors=True)
            make(part)
            part.rename(folder)
    return folder


def write_small_package(site: Path) -> None:
    """Copy the package into `site`, with `conf/` and a reduced corpus where a wheel has them."""
    from sahelclf.corpus.card import compute_card, write_card
    from sahelclf.corpus.read import read_corpus

    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "src" / "sahelclf", site / "sahelclf", ignore=ignored)
    data = site / "sahelclf" / "data"
    shutil.copytree(REPOSITORY / "conf", data / "conf")
    shutil.copytree(REPOSITORY / "annotations", data / "annotations")
    shutil.copy(REPOSITORY / "CITATION.cff", data)
    _reduce(data / "annotations")
    _judge(data / "annotations")
    corpus = read_corpus(data / "annotations")
    write_card(data / "annotations" / "card.json", compute_card(corpus))


def _judge(root: Path) -> None:
    """Judge the pairs that are alike among fewer documents; drop excuses that no longer apply."""
    from sahelclf.corpus.read import read_corpus
    from sahelclf.corpus.validate import validate

    issues = root / "known_issues.json"
    stale = {f.id for f in validate(read_corpus(root)) if f.code == "C11"}
    excuses = json.loads(issues.read_text(encoding="utf-8"))
    issues.write_text(json.dumps([e for e in excuses if e["id"] not in stale]), encoding="utf-8")
    findings = [f for f in validate(read_corpus(root)) if f.code == "C14"]
    pairs = [(f.id, f.message.removeprefix("like ").partition(" ")[0]) for f in findings]
    with (root / "events.jsonl").open("a", encoding="utf-8") as stream:
        for pair in pairs:
            judged = {"documents": pair, "same": False, "why": "alike among few documents"}
            stream.write(json.dumps(judged) + "\n")


def _reduce(root: Path) -> None:
    """Drop four documents of five, and all that belongs to them, from every file of a corpus."""
    kept = set()
    for name in ("grouped", "pages"):
        split = json.loads((root / "splits" / f"{name}.json").read_text(encoding="utf-8"))
        kept |= {i for ids in split["parts"].values() for i in ids[::EVERY]}

    def stays(units: str | list[str]) -> bool:
        units = [units] if isinstance(units, str) else units
        return all(unit.partition("-")[0] in kept for unit in units)

    for name, key in (
        ("documents", "id"),
        ("passages", "id"),
        ("adjudication", "unit"),
        ("fidelity", "id"),
        ("events", "documents"),
        ("raw/a", "unit"),
        ("raw/b", "unit"),
    ):
        path = root / f"{name}.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept_lines = [line for line in lines if stays(json.loads(line)[key])]
        path.write_text("".join(kept_lines), encoding="utf-8")
    for path in (root / "splits").glob("*.json"):
        split = json.loads(path.read_text(encoding="utf-8"))
        split["parts"] = {k: [i for i in v if i in kept] for k, v in split["parts"].items()}
        path.write_text(json.dumps(split, indent=1) + "\n", encoding="utf-8")
