"""Label Studio's ML backend: predictions for tasks of `annotate sample --to label-studio`."""

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict

from sahelclf.annotation.label_studio import choices
from sahelclf.errors import RequestError
from sahelclf.look.service import Service
from sahelclf.records import NO, YES

MOST_TASKS = 1000


class Setup(BaseModel):
    """What Label Studio sends when it connects; nothing of it is needed."""

    model_config = ConfigDict(extra="allow")


class Tasks(BaseModel):
    """Tasks to predict; the text of each is `data.text`."""

    model_config = ConfigDict(extra="allow")

    tasks: list[dict[str, Any]]


def add_routes(app: FastAPI, service: Service) -> None:
    """Add `/health`, `/setup`, `/predict` and `/webhook`."""
    version = f"sahelclf {service.about['model']} {service.about['created']}"

    @app.get("/health", tags=["Label Studio"], summary="Whether the server is there")
    def health() -> dict[str, str]:
        """Label Studio asks for it when it connects."""
        return {"status": "UP", "model_class": "sahelclf"}

    @app.post("/setup", tags=["Label Studio"], summary="Connect a project")
    def setup(_: Setup) -> dict[str, str]:
        """The version that its predictions get."""
        return {"model_version": version}

    @app.post("/predict", tags=["Label Studio"], summary="Predict tasks")
    def predict(body: Tasks) -> dict[str, Any]:
        """One prediction a task, for the questions of `annotate sample --to label-studio`."""
        texts = [_text(number, task) for number, task in enumerate(body.tasks, start=1)]
        if len(texts) > MOST_TASKS:
            raise RequestError(f"tasks: {len(texts)}; at most {MOST_TASKS} at once")
        rows = service.answers(texts) if texts else []
        return {"results": [_prediction(row["topics"], version) for row in rows]}

    @app.post("/webhook", tags=["Label Studio"], summary="Events, which change nothing here")
    def webhook(_: Setup) -> dict[str, str]:
        """The labeller is not trained by annotations; `annotate import` and `train` are for it."""
        return {"status": "ignored"}


def _text(number: int, task: dict[str, Any]) -> str:
    data = task.get("data")
    text = data.get("text") if isinstance(data, dict) else None
    if not isinstance(text, str) or not text.strip():
        raise RequestError(f"task {number}: no data.text; expected the text to label there")
    return text


def _prediction(topics: dict[str, Any], version: str) -> dict[str, Any]:
    """Answers to all questions; the score is the probability of the least certain topic."""
    answers = {t: (v["stance"] or YES) if v["holds"] else NO for t, v in topics.items()}
    sure = [v["probability"] if v["holds"] else 1 - v["probability"] for v in topics.values()]
    return {"result": choices(answers), "score": round(min(sure), 4), "model_version": version}
