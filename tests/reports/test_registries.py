"""A metric and a figure are added in a copy of the package, each by one function and one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

from support import copy_package, recipe_files, touched_files

METRIC = '''

def topic_micro_f1(counts: Counts) -> Parts:
    """Micro-averaged F1 of the topics."""
    return f1_parts(counts["topic"].sum(axis=-2, keepdims=True))
'''
METRIC_LINE = (
    '    Metric("topic/micro_f1", topic_micro_f1, "topics, micro", "micro F1 of the topics"),\n'
)
FIGURE = '''"""Support of each topic."""

from sahelclf.reports.figures.data import FigureData
from sahelclf.reports.figures.style import PAGE, PrintFigure, new_figure, styled


@styled
def support(data: FigureData) -> PrintFigure:
    """Bars."""
    figure = new_figure(PAGE, 2)
    figure.subplots().bar(data.predicted.names.topics, data.gold.topics.sum(axis=0))
    return figure
'''
SCRIPT = """
import json, sys
import numpy as np
from sahelclf.bundle.card import model_card
from sahelclf.evaluation.compare import System, compare
from sahelclf.evaluation.predictions import Gold, Names, Predictions
from sahelclf.evaluation.report import report
from sahelclf.reports.figures import figures
from sahelclf.reports.methods import methods_paragraph
from sahelclf.reports.tables import Subject, score_table

names = Names(("fishing", "dredging"), ("pro", "con"))
gold = Gold(np.array([[1, 1], [1, 0]], dtype=bool), np.array([[0, 0], [1, -1]]))
holds = np.array([[1, 0], [1, 1]], dtype=bool)
predicted = Predictions(names, ("1", "2"), ("a", "b"), holds * 0.9, np.full((2, 2, 2), 0.5), holds)
scored = report(predicted, gold)
compared = compare([System("x", ((predicted, gold),))] * 2, resamples=20)
manifest = json.load(open(sys.argv[1]))
manifest["scores"] = {"passage": scored.as_dict()}
subject = Subject("s", manifest, {"passages": scored}, {}, {})
print(json.dumps({
    "score": scored.scores["topic/micro_f1"],
    "compared": [r.value for r in compared.rows if r.score == "topic/micro_f1"],
    "table": [row[0] for row in score_table("passages", {"s": scored}, {}, names).shown],
    "card": model_card(manifest),
    "methods": methods_paragraph([subject], [], [], corpus_cited=False),
    "figures": sorted(figures(predicted, gold, np.array([0.5, 0.5]))),
}))
"""


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_metric_and_a_figure_take_a_function_and_a_line(bundle, tmp_path):
    copy = copy_package(tmp_path) / "src" / "sahelclf"
    metrics = copy / "evaluation" / "metrics.py"
    edit(metrics, "\n\nMETRICS = (\n", f"{METRIC}\n\nMETRICS = (\n{METRIC_LINE}")
    folder = copy / "reports" / "figures"
    (folder / "support.py").write_text(FIGURE, encoding="utf-8")
    edit(
        folder / "__init__.py", "import curves, dots, grids", "import curves, dots, grids, support"
    )
    edit(folder / "__init__.py", "= {\n", '= {\n    "support": support.support,\n')
    recipes = recipe_files("A metric") | recipe_files("A figure")
    assert touched_files(tmp_path) == {name.replace("<name>", "support") for name in recipes}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(bundle / "manifest.json")],
        env=os.environ | {"PYTHONPATH": str(tmp_path / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    # 4 decisions of 2 units: 2 right, 1 missed, 1 false
    assert result["score"] == 2 * 2 / (2 * 2 + 1 + 1)
    assert result["compared"] == [result["score"]] * 2
    assert "topic/micro_f1" in result["table"]
    assert "| topic/micro_f1 " in result["card"]
    assert "micro F1 of the topics" in result["methods"]
    assert "figures/support.pdf" in result["figures"]
