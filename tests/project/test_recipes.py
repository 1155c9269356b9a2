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
TOOL = '''"""Cards: one unit a line, and the answers after it."""

from pathlib import Path

from sahelclf.annotation.answers import Answer, ReadAnswers
from sahelclf.annotation.batch import Batch


def write(batch: Batch) -> list[Path]:
    """Write units."""
    path = batch.root / "batch.card"
    path.write_text("".join(f"{u.unit}\\n" for u in batch.units), encoding="utf-8")
    return [path]


def read(path: Path, batch: Batch, annotator: str | None) -> ReadAnswers:
    """Read answers."""
    read = ReadAnswers()
    for line in path.read_text(encoding="utf-8").splitlines():
        unit, *given = line.split("|")
        answers = dict(zip(batch.codebook.topic_names, given, strict=True))
        read.answers.append(Answer(annotator or "", unit, answers, str(path)))
    return read
'''
SCRIPT = """
import json
from pathlib import Path
from sahelclf.annotation.tools import recognise, tool
from sahelclf.cli import main
from sahelclf.annotation.batch import read_batch
from sahelclf.predict.forms import EXPECTED
from sahelclf.predict.inputs import open_source
from sahelclf.predict.rows import Columns

Path("a.log").write_text("[12:01] boats left\\n[12:02] boats came\\n")
items = [i.text for i in open_source("a.log", None, Columns()).items()]
main(["annotate", "sample", "a.log", "--n", "2", "--to", "card", "-o", "batch"])
batch, path = read_batch(Path("batch")), Path("batch/batch.card")
topic = batch.codebook.topic_names[0]
drawn = path.read_text()
codes = "|".join("against" if t == topic else "no" for t in batch.codebook.topic_names)
path.write_text("".join(f"{line}|{codes}\\n" for line in drawn.split()))
read = tool(recognise(path)).read(path, batch, "anna")
print(json.dumps({
    "texts": items, "help": ".log" in EXPECTED, "drawn": sorted(drawn.split()),
    "answers": [a.answers[topic] for a in read.answers],
}))
"""


def test_a_form_and_a_tool_take_a_module_and_a_line(tmp_path):
    copy = copy_package(tmp_path)
    source = copy / "src" / "sahelclf"
    (source / "predict" / "log.py").write_text(FORM, encoding="utf-8")
    (source / "annotation" / "card.py").write_text(TOOL, encoding="utf-8")
    for path, before, line in (
        (source / "predict" / "forms.py", "FORMS = (\n", FORM_LINE),
        (
            source / "annotation" / "tools.py",
            "TOOLS = {\n",
            '    "card": Export("card", (".card",)),\n',
        ),
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
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "texts": ["boats left", "boats came"],
        "help": True,
        "drawn": ["1", "2"],
        "answers": ["against", "against"],
    }
