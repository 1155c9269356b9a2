"""`export BUNDLE --to r`: the linear labeller as plain numbers and a script that base R and jsonlite read.

R has no Unicode decomposition of its own, so the form brings the table of characters that rule 1 of the reader changes.
"""

import json
import os
import shutil
import subprocess
import sys
import unicodedata
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from sahelclf.errors import RequestError, SahelclfError
from sahelclf.files import written_aside
from sahelclf.models.kinds import kind_of
from sahelclf.models.runtime.linear import normalise

SCRIPT = "labeller.R"


def write_r(bundle: Path, manifest: dict[str, Any], target: Path) -> bool:
    """Write `labeller.R`, `labeller.json` and `weights.npz`; returns whether R was here to hold them against the golden outputs."""
    if "r" not in kind_of(manifest).exports:
        raise RequestError(
            f"export --to r: {bundle} is a bundle of model={manifest['model']}, whose encoder R has no reader for; only tfidf and keywords "
            "have this form. Ask a server that has the bundle: docs/elsewhere.md has the lines"
        )
    with written_aside(target) as folder:
        shutil.copyfile(bundle / "weights.npz", folder / "weights.npz")
        blocks = json.loads((bundle / "features.json").read_text(encoding="utf-8"))["blocks"]
        about = {k: manifest[k] for k in ("heads", "topics", "stances", "thresholds", "golden")}
        about |= {"blocks": blocks, "characters": changed_characters()}
        (folder / "labeller.json").write_text(
            json.dumps(about, ensure_ascii=False) + "\n", encoding="utf-8"
        )
        (folder / SCRIPT).write_text(
            resources("sahelclf.bundle").joinpath(SCRIPT).read_text(encoding="utf-8"),
            encoding="utf-8",
        )
        return _checked_by_r(folder)


def changed_characters() -> dict[str, list[Any]]:
    """Code points that rule 1 changes, and what each becomes."""
    points = [
        p
        for p in range(0x80, sys.maxunicode + 1)
        if unicodedata.category(chr(p)) not in {"Cs", "Cn", "Co"}
    ]
    changed = {p: new for p in points if (new := normalise(chr(p))) != chr(p)}
    return {"from": [*changed], "to": [*changed.values()]}


def _checked_by_r(folder: Path) -> bool:
    """Whether R is here; refuse the form where R finds that it differs."""
    found = shutil.which("Rscript")
    if found is None:
        return False
    code = f'source("{SCRIPT}"); check_labeller(read_labeller("."))'
    environment = os.environ | {"LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [found, "-e", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if "there is no package called" in done.stderr:
        return False
    if done.returncode:
        raise SahelclfError(
            f"R does not give the golden outputs: {' '.join(done.stderr.split())[-300:]}; not exported"
        )
    return True
