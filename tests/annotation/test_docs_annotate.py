"""The commands of docs/annotate.md for tools, on stored exports; the releases that it names."""

import json
import re
import shlex
from pathlib import Path

import pandas as pd
import pytest

from annotation.batches import lines
from annotation.tool_batches import tool_batch
from environments import PINNED
from sahelclf.cli import main

PAGE = (Path(__file__).parents[2] / "docs" / "annotate.md").read_text(encoding="utf-8")
EXPORTS = Path(__file__).parent / "exports"
IDS = {
    "anna": "aaaaaaaa-0000-4000-8000-000000000001",
    "ben": "bbbbbbbb-0000-4000-8000-000000000002",
}
# tool: stored exports by the name that the page gives them; who answered; ids in the exports
TOOLS = {
    "Label Studio": ({"export.json": "label-studio.json"}, {"anna", "ben"}),
    "doccano": ({"ben.jsonl": "doccano/ben.jsonl", "anna.jsonl": "doccano/ben.jsonl"}, {"ben"}),
    "Potato": (
        {
            "batch-1/potato/answers/anna/user_state.json": "potato/answers/anna/user_state.json",
        },
        {"anna"},
    ),
    "Argilla": ({"argilla.json": "argilla.json"}, {"anna", "ben"}),
    "Prodigy": ({"batch-1.jsonl": "prodigy.jsonl"}, {"anna", "ben"}),
}


def import_command(tool: str) -> list[str]:
    section = re.search(rf"^### {tool}\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)[1]
    (line,) = re.findall(r"^python -m sahelclf (annotate import .*)$", section, re.MULTILINE)
    return shlex.split(line)


def without_mistakes(text: str) -> str:
    """A stored export without the units that the readers' tests refuse."""
    if "instance_id_to_label_to_value" in text:
        state = json.loads(text)
        first = {"u1": state["instance_id_to_label_to_value"]["u1"]}
        return json.dumps(state | {"instance_id_to_label_to_value": first})
    rows = text.split("\n")
    return "\n".join(r for r in rows if not (r.startswith("{") and '"unit":"u4"' in r))


@pytest.mark.parametrize("tool", TOOLS)
def test_the_import_of_a_tool(tmp_path, monkeypatch, tool):
    monkeypatch.chdir(tmp_path)
    stored, people = TOOLS[tool]
    tool_batch(tmp_path / "batch-1", annotators=["anna", "ben"])
    for name, source in stored.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        text = (EXPORTS / source).read_text(encoding="utf-8")
        Path(name).write_text(without_mistakes(text), encoding="utf-8")
    command = [a.replace("2=anna,3=ben", "1=anna,2=ben") for a in import_command(tool)]
    command = [re.sub("USER_ID=(\\w+)", lambda m: f"{IDS[m[1]]}={m[1]}", a) for a in command]
    paths = [sorted(map(str, Path().glob(a))) if "*" in a else [a] for a in command]
    assert main([a for path in paths for a in path]) == 0
    assert {p.stem for p in Path("corpus/raw").iterdir()} >= people
    assert "u1" in {p["id"] for p in lines(Path("corpus/passages.jsonl"))}


def test_a_check_of_a_corpus_by_hand(harbour, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    section = PAGE.split("### Passages of a corpus")[1].split("\n## ")[0]
    draw, agree = re.findall(r"^python -m sahelclf (.*)$", section, re.MULTILINE)
    assert main([*shlex.split(draw), "--corpus", str(harbour)]) == 0
    labels = {p["id"]: p["topics"] for p in lines(harbour / "passages.jsonl")}
    sheet = pd.read_csv("check/sheet.csv", dtype=str, keep_default_na=False)
    for topic in ("fishing", "dredging"):
        for row in sheet.index[1:]:
            topics = labels[sheet.loc[row, "id"]]
            sheet.loc[row, topic] = topics[topic]["stance"] if topic in topics else "no"
    sheet.to_csv("check/sheet.csv", index=False)
    assert main([*shlex.split(agree), "--corpus", str(harbour)]) == 0
    assert re.search(r"passage +fishing +100 +1\.000", capsys.readouterr().out)


@pytest.mark.parametrize("tool", ["Label Studio", "doccano", "Potato"])
def test_the_release_that_the_page_names_is_the_one_that_is_run(tool):
    release = re.search(rf"^\| {tool} \| ([\d.]+), by `make test-tools`", PAGE, re.MULTILINE)[1]
    pinned = (PINNED / f"{tool.lower().replace(' ', '-')}.txt").read_text(encoding="utf-8")
    package = {"Potato": "potato-annotation"}.get(tool, tool.lower().replace(" ", "-"))
    assert f"{package}=={release}\n" in pinned
