"""Pages of `mlflow ui`: our columns and charts, as views that an experiment keeps in its tags."""

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

VIEW_NAME = "scores"
CHARTED = ("topic/macro_f1", "stance/macro_f1", "joint/f1", "train/seconds")
MOST_BARS = 30


def view_tag(name: str) -> str:
    """The tag of an experiment that holds a view."""
    return f"mlflow.sharedViewState.{name}"


def scores_view(**more: Any) -> str:
    """Our columns, the best topic score first; `more` are other parts of the page's state."""
    state = json.loads((files("sahelclf.tracking") / "view.json").read_text(encoding="utf-8"))
    return json.dumps(state | more)


def sweep_view(parent_run_id: str) -> str:
    """The runs of a sweep alone, with a bar chart of each main score."""
    section = {"uuid": "scores", "name": "Scores", "display": True, "isReordered": True}
    unchanged = {"deleted": False, "isGenerated": False}
    charts = [
        {"type": "BAR", "uuid": name, "metricKey": name, "metricSectionId": "scores"}
        | {"runsCountToCompare": MOST_BARS}
        | unchanged
        for name in CHARTED
    ]
    return scores_view(
        searchFilter=f"tags.`mlflow.parentRunId` = '{parent_run_id}'",
        compareRunSections=[section | unchanged],
        compareRunCharts=charts,
        isAccordionReordered=True,
    )


def runs_page(experiment: str, view: str = VIEW_NAME, *, charts: bool = False) -> str:
    """Path of the page with the runs of a view; MLflow's default page is for chats."""
    mode = "&compareRunsMode=CHART" if charts else ""
    query = f"workflowType=machine_learning&viewStateShareKey={view}{mode}"
    return f"/#/experiments/{experiment}/runs?{query}"


def comparison_page(experiments: Sequence[str], run_ids: Sequence[str]) -> str:
    """Path of the page that compares exactly these runs."""

    def listed(values: Sequence[str]) -> str:
        return "[" + ",".join(f"%22{v}%22" for v in values) + "]"

    return f"/#/compare-runs?runs={listed(run_ids)}&experiments={listed(experiments)}"
