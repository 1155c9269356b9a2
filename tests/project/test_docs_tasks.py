"""The page's code is run as it stands there, and prints what it says."""

import re
from pathlib import Path

import numpy as np
import pytest

from sahelclf.evaluation.task_scores import row_counts, scores
from sahelclf.tasks.base import TaskSpec

PAGE = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")


def test_the_code_of_the_page_prints_what_it_says(capsys):
    blocks = re.findall(r"```(python|text)\n(.*?)```", PAGE, re.DOTALL)
    names, ran = {}, 0
    for language, block in blocks:
        if language == "python":
            assert capsys.readouterr().out == "", "the page leaves out what this prints"
            exec(compile(block, "docs/tasks.md", "exec"), names)
            ran += 1
        else:
            assert capsys.readouterr().out == block
    assert ran == 4
    from transformers import EvalPrediction

    rows = np.array([[1, 0, 1, 0, 0, 0]], dtype=np.float32)
    assert (
        names["compute_metrics"](EvalPrediction(predictions=rows * 8 - 4, label_ids=rows))[
            "joint/f1"
        ]
        == 1
    )


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_the_table_of_scores_is_complete(kind):
    metric = "mean_f1/a+b" if kind == "multiclass" else "macro_f1"
    spec = TaskSpec("x", kind, ("a", "b"), metric)
    rows = np.array([[1]]) if kind == "binary" else np.array([[1, 0]])
    assert row_counts(spec, rows, rows)["label"].shape == (1, 2, 3)
    for name in scores(spec, rows, rows):
        told = "<label>/f1" if name.startswith(("a/", "b/")) else name
        assert f"`{told}`" in PAGE
