"""The page's blocks are run as they stand there, on the small corpus."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from sahelclf.evaluation.prediction_files import read_table
from sahelclf.evaluation.prediction_tables import from_gold_rows
from sahelclf.tasks.base import HeadLayout, TaskData

PAGE = (Path(__file__).parents[2] / "docs" / "your-model.md").read_text(encoding="utf-8")
MODEL, SCRIPT, LABEL = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def work(tmp_path, monkeypatch):
    """A folder with the page's file, from which it can be imported."""
    (tmp_path / "my_model.py").write_text(MODEL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("my_model", None)


def test_it_is_forty_lines():
    assert len([line for line in MODEL.splitlines() if line.strip()]) <= 40


def test_the_page_is_run_on_the_small_corpus(work, harbour, capsys):
    names = {}
    assert SCRIPT.count("compose_config()") == 1
    script = SCRIPT.replace(
        "compose_config()", f"compose_config(['corpus={harbour}', 'crossfit=2'])"
    )
    exec(compile(script, "docs/your-model.md", "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == [
        "topic/macro_f1",
        "stance/macro_f1",
        "joint/f1",
    ] * 2
    assert (
        names["scores"].scores["topic/macro_f1"] > 0.8
    )  # the words of the two topics share nothing
    for line in printed[3:]:
        assert line.endswith(("better", "worse", "not distinguishable"))
    predictions, gold = names["mine"].passages
    read, read_gold = from_gold_rows(read_table(work / "naive_bayes.csv"), "naive_bayes.csv")
    assert read.ids == predictions.ids == names["tfidf"].passages[0].ids
    assert (read.holds == predictions.holds).all()
    assert (read_gold.stance == gold.stance).all()
    exec(compile(LABEL, "docs/your-model.md", "exec"), names)
    assert names["holds"].tolist() == [[True, False]]
    names["mine"].model.save(work)
    assert {"weights.npz", "words.json"} <= {p.name for p in work.iterdir()}
    assert names["mine"].model.describe()["n_words"] == len(names["mine"].model.coef)


def test_the_model_keeps_the_promises_of_the_table(work):
    from my_model import NaiveBayes

    layout = HeadLayout(("a", "b"))
    y = np.array([[1, 0], [0, 0], [1, 0], [0, 0]])
    mask = np.array([[True, True], [True, False], [True, True], [True, False]])
    ids = ("1", "2", "3", "4")
    model = NaiveBayes()
    model.fit(TaskData(layout, ids, ids, ("boat cod", "mud mud", "boat", "mud"), y, mask), seed=0)
    # head a: 'boat' stands 2 times with it and 0 without; both words have one added: log(3/4) -
    # log(1/5), 'mud' log(1/4) - log(4/5)
    boat, mud = np.log(3 / 4) - np.log(1 / 5), np.log(1 / 4) - np.log(4 / 5)
    # head b saw two zeros and no one: it says log(1/3), whatever the text
    expected = np.array([[boat, np.log(1 / 3)], [2 * mud, np.log(1 / 3)], [0, np.log(1 / 3)]])
    assert model.logits(["the boat", "mud, mud", ""]) == pytest.approx(expected)
    model.calibrate(np.array([2.0, 1.0]), np.array([0.5, 0.0]))
    assert model.logits(["boat"]) == pytest.approx(np.array([[2 * boat + 0.5, np.log(1 / 3)]]))
