"""`export BUNDLE --to r`: the linear labeller as plain numbers and a script for R with jsonlite.

R has neither Unicode decomposition nor HTML's names of characters, so the form brings tables.
"""

import html
import json
import os
import shutil
import subprocess
import sys
import unicodedata
from html.entities import html5
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from sahelclf.bundle.load import require_form
from sahelclf.errors import SahelclfError
from sahelclf.files import written_aside
from sahelclf.models.runtime.linear import normalise
from sahelclf.models.runtime.text import clean_text

SCRIPT = "labeller.R"
ABOUT = ("heads", "topics", "stances", "thresholds", "golden")
CHECK = f'source("{SCRIPT}"); check_labeller(read_labeller("."))'


def write_r(bundle: Path, manifest: dict[str, Any], target: Path) -> bool:
    """Write the form; `SahelclfError` and nothing written if R does not give the golden outputs.

    Returns False where R with jsonlite is not installed, so that nothing was compared.
    """
    require_form("r", bundle, manifest)
    with written_aside(target) as folder:
        shutil.copyfile(bundle / "weights.npz", folder / "weights.npz")
        blocks = json.loads((bundle / "features.json").read_text(encoding="utf-8"))["blocks"]
        about = {k: manifest[k] for k in ABOUT} | {"blocks": blocks}
        about |= {"text": manifest.get("text", {"rule": "as_given"})}
        about |= {"characters": changed_characters(), "references": references()}
        about["invisible"] = [p for p in _characters() if clean_text(chr(p)) == ""]
        text = json.dumps(about, ensure_ascii=False) + "\n"
        (folder / "labeller.json").write_text(text, encoding="utf-8")
        script = resources("sahelclf.bundle").joinpath("data", SCRIPT).read_bytes()
        (folder / SCRIPT).write_bytes(script)
        return _checked_by_r(folder)


def _characters() -> list[int]:
    """Code points of all characters but surrogates and private ones."""
    points = range(0x80, sys.maxunicode + 1)
    return [p for p in points if unicodedata.category(chr(p)) not in {"Cs", "Cn", "Co"}]


def changed_characters() -> dict[str, list[Any]]:
    """Code points that lower case and NFKD change, and what each becomes."""
    changed = {p: new for p in _characters() if (new := normalise(chr(p))) != chr(p)}
    return {"from": [*changed], "to": [*changed.values()]}


def references() -> dict[str, list[Any]]:
    """HTML's names of characters, and the numbers that do not stand for their own code point."""
    names = {name[:-1]: new for name, new in html5.items() if name.endswith(";")}
    planes = [plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)]
    numbers = {n: html.unescape(f"&#{n};") for n in (*range(0xA0), *range(0xFDD0, 0xFDF0), *planes)}
    changed = {str(n): new for n, new in numbers.items() if new != chr(n)}
    return {
        "from": [*names, *(f"#{n}" for n in changed)],
        "to": [*names.values(), *changed.values()],
    }


def _checked_by_r(folder: Path) -> bool:
    """Whether R is installed; an error where it gives other outputs."""
    program = shutil.which("Rscript")
    if program is None:
        return False
    done = subprocess.run(
        [program, "-e", CHECK],
        cwd=folder,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if "there is no package called" in done.stderr:
        return False
    if done.returncode:
        reason = " ".join(done.stderr.split())[-300:]
        raise SahelclfError(f"R does not give the golden outputs: {reason}; not exported")
    return True
