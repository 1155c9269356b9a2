"""The blocks of docs/elsewhere.md, and a program that runs the blocks of a section for any text."""

import json
import re
import subprocess
from pathlib import Path

import numpy as np

PAGE = (Path(__file__).parents[1] / "docs" / "elsewhere.md").read_text(encoding="utf-8")
TEXT = "The ambassador was called home on Monday."
DECIDE = "From heads to labels"
PYFUNC = (
    'json.loads(model.predict(pd.DataFrame({"id": ["a1"], "text": [text]}))'
    '.to_json(orient="records"))[0]'
)
READER = 'labeller.rows(["a1"], [text])[0]'
PROGRAM = """
import json, sys, warnings
warnings.simplefilter("ignore")
task = json.load(open(sys.argv[1], encoding="utf-8"))
outputs, names = [], {"json": json}
for block in task["once"]:
    exec(block, names)
for text in task["texts"]:
    names["text"] = text
    for block in task["each"]:
        exec(block.replace(json.dumps(task["text"]), repr(text)), names)
    outputs.append(eval(task["gives"], names))
unwanted = [m for m in task["absent"] if m in sys.modules]
print(json.dumps({"outputs": outputs, "unwanted": unwanted}, default=float))
"""


def section(title: str) -> list[tuple[str, str]]:
    """(language, block) of a section, in order."""
    body = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert body, title
    return re.findall(r"```(python|bash|r)\n(.*?)```", body.group(1), re.DOTALL)


def python_blocks(title: str) -> list[str]:
    """The Python of a section."""
    return [block for language, block in section(title) if language == "python"]


def outputs_of(
    python: Path,
    work: Path,
    gives: str,
    texts: list[str],
    environment: dict[str, str],
    *,
    once: list[str] = (),
    each: list[str] = (),
) -> list:
    """Values of the expression `gives`, one a text, by another Python in `work`.

    The blocks in `once` run first, those in `each` run for each `text`.
    """
    absent = ["sahelclf"] + ["torch"] * (
        not any("transformers" in block for block in [*once, *each])
    )
    task = {
        "once": [*once],
        "each": [*each],
        "texts": texts,
        "text": TEXT,
        "gives": gives,
        "absent": absent,
    }
    (work / "task.json").write_text(json.dumps(task), encoding="utf-8")
    (work / "program.py").write_text(PROGRAM, encoding="utf-8")
    line = [str(python), "program.py", "task.json"]
    done = subprocess.run(
        line, cwd=work, env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["unwanted"] == []
    return answer["outputs"]


def manifest_of(folder: Path) -> dict:
    """The manifest of a bundle, unchecked."""
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def short_ones(folder: Path) -> list:
    """Golden texts that fit one window."""
    from tokenizers import Tokenizer

    tokenizer, manifest = Tokenizer.from_file(str(folder / "tokenizer.json")), manifest_of(folder)
    return [
        g
        for g in manifest["golden"]
        if len(tokenizer.encode(g["text"]).ids) <= manifest["features"]["window"]
    ]


def expected_rows(manifest: dict, logits: list) -> list[dict]:
    """Rows of the flat table, computed from logits by the rules of docs/bundle.md."""
    rows = []
    for values in logits:
        p = dict(zip(manifest["heads"], 1 / (1 + np.exp(-np.array(values))), strict=True))
        row: dict = {}
        for topic in manifest["topics"]:
            stance = {s: p[f"{topic}={s}"] for s in manifest["stances"]}
            row[f"{topic}_probability"] = p[topic]
            row[f"{topic}_holds"] = p[topic] >= manifest["thresholds"][topic]
            row |= {f"{topic}_{s}": value / sum(stance.values()) for s, value in stance.items()}
        rows.append(row)
    return rows


def flat(labels: dict) -> dict:
    """The output of 'From heads to labels', as a row of the flat table."""
    row = {}
    for topic, values in labels.items():
        row |= {f"{topic}_probability": values["probability"], f"{topic}_holds": values["holds"]}
        row |= {f"{topic}_{s}": p for s, p in values["stance_probability"].items()}
    return row
