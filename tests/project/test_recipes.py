"""An input form and a tool are added in a copy of the package by the recipes of CONTRIBUTING.

Models, metrics, figures and languages have such tests in their rooms.
"""

import json
import os
import subprocess
import sys

from support import copy_package, recipe_files, touched_files

FORM = '''"""Log files: one text a line, after a time stamp."""

from collections.abc import Iterator

from sahelclf.predict.open_file import OpenFile
from sahelclf.predict.rows import Record


def read_log(file: OpenFile) -> Iterator[Record]:
    """Yield a record for each line."""
    for number, line in enumerate(file.stream, start=1):
        text = line.decode().rstrip().partition(" ")[2]
        yield Record(f"{file.where}:{number}", number, {"text": text})
'''
FORM_LINE = (
    '    Form("a log", (".log",), True, "log.read_log", lambda head, _: head[:1] == b"["),\n'
)
TOOL = '''"""Cards: one unit a line, and the codes after it."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sahelclf.annotation.sheet import frame_rows, parse_sheet
from sahelclf.annotation.units import Sheet, Unit
from sahelclf.codebook import Codebook


def write_units(path: Path, units: Sequence[Unit], codebook: Codebook, how: str) -> int:
    """Write units."""
    path.write_text("".join(f"{u.id}|{u.probability}\\n" for u in units), encoding="utf-8")
    return 0


def read_codes(path: Path, codebook: Codebook) -> Sheet:
    """Read coded units."""
    names = ["id", "sampling_probability", *codebook.topic_names]
    frame = pd.read_csv(path, sep="|", names=names, dtype=str)
    return parse_sheet(str(path), *frame_rows(frame), codebook)
'''
SCRIPT = """
import json
from pathlib import Path
from sahelclf.annotation.tools import read_codes, write_units
from sahelclf.annotation.units import Unit
from sahelclf.codebook import read_codebook
from sahelclf.predict.forms import EXPECTED
from sahelclf.predict.inputs import open_source
from sahelclf.predict.rows import Columns

Path("a.log").write_text("[12:01] boats left\\n[12:02] boats came\\n")
items = [i.text for i in open_source("a.log", None, Columns()).items()]
book = read_codebook(Path("annotations/codebook.yaml"))
topic, other = book.topic_names[:2]
write_units(Path("u.card"), [Unit("a", "", "text", "all", 0.5)], book, "")
drawn = Path("u.card").read_text()
codes = "|".join("against" if t == topic else "no" for t in book.topic_names)
Path("u.card").write_text(drawn.strip() + "|" + codes + "\\n")
sheet = read_codes(Path("u.card"), book)
print(json.dumps({
    "texts": items, "help": ".log" in EXPECTED, "drawn": drawn,
    "probability": sheet.probability.tolist(),
    "topics": [k for k, v in zip(book.topic_names, sheet.gold.topics[0]) if v] == [topic],
}))
"""


def test_a_form_and_a_tool_take_a_module_and_a_line(tmp_path):
    copy = copy_package(tmp_path)
    source = copy / "src" / "sahelclf"
    (source / "predict" / "log.py").write_text(FORM, encoding="utf-8")
    (source / "annotation" / "card.py").write_text(TOOL, encoding="utf-8")
    for path, before, line in (
        (source / "predict" / "forms.py", "FORMS = (\n", FORM_LINE),
        (source / "annotation" / "tools.py", "TOOLS = {\n", '    "card": (".card",),\n'),
    ):
        text = path.read_text(encoding="utf-8")
        assert text.count(before) == 1
        path.write_text(text.replace(before, before + line), encoding="utf-8")
    form = {name.replace("<form>", "log") for name in recipe_files("An input form")}
    tool = {name.replace("<tool>", "card") for name in recipe_files("An annotation tool")}
    assert touched_files(copy) == form | tool
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "texts": ["boats left", "boats came"],
        "help": True,
        "drawn": "a|0.5\n",
        "probability": [0.5],
        "topics": True,
    }
