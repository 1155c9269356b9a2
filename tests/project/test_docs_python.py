"""The blocks of docs/python.md run on the small corpus; its table names what results have."""

import re
import shutil
from pathlib import Path

import pandas as pd
import pytest

import sahelclf

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
RESULTS = {
    "train": "result",
    "load": "labeller",
    "evaluate": "scored",
    "compare": "compared",
    "predict_file": "summary",
    "measure": "measured",
    "TopicStanceClassifier": "classifier",
}


@pytest.fixture(scope="module")
def names(tmp_path_factory, harbour):
    """The variables of the page, after all of its blocks."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(harbour, folder / "my-corpus")
    passages = pd.read_json(harbour / "passages.jsonl", lines=True)
    units = pd.DataFrame({"id": passages["id"], "body": passages["text"]})
    units.to_csv(folder / "articles.csv", index=False)
    coded = passages.iloc[::2]
    sheet = pd.DataFrame({"id": coded["id"], "sampling_probability": 0.5})
    for topic in ("fishing", "dredging"):
        sheet[topic] = [labels.get(topic, {}).get("stance", "no") for labels in coded["topics"]]
    sheet.to_csv(folder / "sheet.csv", index=False)
    values: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
            exec(compile(block, "docs/python.md", "exec"), values)
    return values | {"folder": folder}


def test_every_block_runs(names):
    assert names["result"].scores["topic/macro_f1"] > 0.8
    assert list(names["labels"]["fishing_holds"]) == [True, False]
    assert names["rows"][1]["topics"]["dredging"]["stance"] == "con"
    assert names["probability"].shape == (2, 2)
    assert names["scored"].scores["joint/f1"] > 0.5
    assert set(names["compared"].table["verdict"]) <= {
        "",
        "better",
        "worse",
        "not distinguishable",
    }
    assert (names["summary"].labelled, names["summary"].rejected) == (120, 0)
    assert set(names["shares"]["topic"]) == {"fishing", "dredging"}
    assert (names["folder"] / "shares" / "shares.csv").exists()
    assert names["classifier"].predict(names["texts"]) == [{"fishing": "pro"}, {"dredging": "con"}]


def test_the_table_names_what_the_results_have(names):
    rows = re.findall(r"^\| \[`(\w+)`\]\(#[\w-]+\) \|[^|]*\|(.*)\|$", PAGE, re.MULTILINE)
    assert {name for name, _ in rows} == RESULTS.keys()
    assert {*RESULTS} == {*sahelclf.__all__} - {"__version__", "Labeller"}
    for name, cell in rows:
        for attribute in re.findall(r"`\.(\w+)", cell):
            assert hasattr(names[RESULTS[name]], attribute), f"{name}: {attribute}"
