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
    "regress": "regressed",
    "annotate_sample": "batch",
    "annotate_import": "imported",
    "annotate_adjudicate": "decided",
    "annotate_status": "status",
    "annotate_audit": "audit",
    "reproduce": "repeated",
    "TopicStanceClassifier": "classifier",
}


@pytest.fixture(scope="module")
def names(tmp_path_factory, harbour):
    """The variables of the page, after all of its blocks."""
    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(harbour, folder / "my-corpus")
    passages = pd.read_json(harbour / "passages.jsonl", lines=True)
    units = pd.DataFrame({"id": passages["id"], "body": passages["text"]})
    units["words"] = units["body"].str.count(" ") + 1
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
            if "annotate_sample" in block:
                fill(values["batch"].root, passages)
    return values | {"folder": folder}


def fill(batch, passages):
    """Both sheets with the corpus's labels.

    ben overlooks all topics of the first three rows, and both confuse the topics of the next nine.
    """
    other = {"fishing": "dredging", "dredging": "fishing"}
    labels = dict(zip(passages["id"], passages["topics"], strict=True))
    for name in ("anna", "ben"):
        sheet = pd.read_csv(batch / f"sheet-{name}.csv", dtype=str, keep_default_na=False)
        for row in sheet.index[1:]:
            topics = labels[sheet.loc[row, "id"].removeprefix("u:")]
            for topic in other:
                meant = other[topic] if 3 < row <= 12 else topic
                answer = topics.get(meant, {}).get("stance", "no")
                sheet.loc[row, topic] = "no" if name == "ben" and row <= 3 else answer
        sheet.to_csv(batch / f"sheet-{name}.csv", index=False, encoding="utf-8-sig")


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
    assert list(names["slopes"]["estimator"]) == ["naive", "sample", "ppi", "dsl"]
    assert (names["imported"].new, names["imported"].missing["ben"]) == ({"anna": 60, "ben": 60}, 0)
    differing = names["imported"].undecided
    assert 0 < len(differing) <= 3
    assert names["to_decide"].open == names["decided"].open  # no majority of two
    assert {*names["decided"].open} == {*differing}
    assert names["status"].units == 60 - len(differing)
    assert names["audit"].batch.info.strategy["round"] == 2
    assert names["repeated"].verdict == "identical"
    assert names["classifier"].predict(names["texts"]) == [{"fishing": "pro"}, {"dredging": "con"}]


def test_the_table_names_what_the_results_have(names):
    rows = re.findall(r"^\| \[`(\w+)`\]\(#[\w-]+\) \|[^|]*\|(.*)\|$", PAGE, re.MULTILINE)
    assert {name for name, _ in rows} == RESULTS.keys()
    assert {*RESULTS} == {*sahelclf.__all__} - {"__version__", "Labeller"}
    for name, cell in rows:
        for attribute in re.findall(r"`\.(\w+)", cell):
            assert hasattr(names[RESULTS[name]], attribute), f"{name}: {attribute}"
