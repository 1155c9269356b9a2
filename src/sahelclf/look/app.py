"""The routes of the server: the page, the REST interface, Label Studio's ML backend."""

from importlib.resources import files
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Query, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from sahelclf import __version__
from sahelclf.errors import SahelclfError
from sahelclf.files import suffix_of
from sahelclf.look.guard import Guard
from sahelclf.look.label_studio import add_routes
from sahelclf.look.service import MOST_ROWS, Service
from sahelclf.predict.layout import json_line
from sahelclf.templates import render

FILES = {"look.js": "text/javascript", "look.css": "text/css"}
ABOUT = (
    "Topics, stances and evidence of texts, by a labeller on this machine. Texts are not kept, "
    "and nothing is sent anywhere."
)


class Text(BaseModel):
    """A text to label."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(description="A page or an article; or one passage.")]
    unit: Annotated[
        Literal["document", "passage"],
        Field(description="`document`: cleaned, cut into passages, labelled at both levels."),
    ] = "document"
    id: Annotated[str, Field(description="The id of the row.")] = "text"
    any_language: Annotated[
        bool, Field(description="Label texts in languages that the model was not trained on too.")
    ] = False


def make_app(service: Service) -> FastAPI:
    """The application of a labeller."""
    app = FastAPI(
        title="sahelclf look", version=__version__, description=ABOUT, docs_url=None, redoc_url=None
    )
    app.add_exception_handler(SahelclfError, _refused)
    _add_api(app, service)
    _add_pages(app, service)
    add_routes(app, service)
    app.add_middleware(Guard)
    return app


def _refused(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, status_code=422)


def _json(value: Any) -> Response:
    return Response(json_line(value), media_type="application/json")


def _add_api(app: FastAPI, service: Service) -> None:
    @app.post("/api/label", tags=["label"], summary="Label one text")
    def label(body: Text) -> Response:
        """The row that `sahelclf predict` writes for this text."""
        row = service.label(body.text, body.unit, body.id, any_language=body.any_language)
        return _json(row)

    @app.post("/api/explain", tags=["label"], summary="Label one text, and say why")
    def explain(body: Text) -> Response:
        """`row` as of `/api/label`; `why`: words that decided, changes without each passage."""
        row = service.label(body.text, body.unit, body.id, any_language=body.any_language)
        return _json({"row": row, "why": service.why(row, body.text)})

    @app.post("/api/file", tags=["label"], summary=f"Label a file (its first {MOST_ROWS} units)")
    async def file(
        request: Request,
        name: Annotated[str, Query(description="The file's name; its ending says the form.")],
        unit: Annotated[
            Literal["document", "passage"] | None,
            Query(description="Default: passage for rows, document for pages."),
        ] = None,
    ) -> Response:
        """Rows with `why`; the body is the file. Rejected rows with reasons; `more` if cut."""
        from pathlib import Path

        from fastapi.concurrency import run_in_threadpool

        data = await request.body()
        done = await run_in_threadpool(service.read_file, data, suffix_of(Path(name)), unit)
        rows = [
            {"row": row, "text": text, "why": service.why(row, text)}
            for row, text in zip(done.rows, done.texts, strict=True)
        ]
        return _json({"rows": rows, "rejects": done.rejects, "more": done.more})

    @app.get("/api/model", tags=["model"], summary="The model, its topics and stances")
    def model() -> Response:
        """What labels here."""
        return _json(service.about)


def _add_pages(app: FastAPI, service: Service) -> None:
    room = __package__ or ""
    page = render(room, "look.html", about=service.about)
    texts = {name: files(room).joinpath("templates", name).read_bytes() for name in FILES}

    @app.get("/", include_in_schema=False)
    def index() -> HTMLResponse:
        return HTMLResponse(page)

    @app.get("/static/{name}", include_in_schema=False)
    def static(name: str) -> Response:
        if name not in texts:
            return JSONResponse({"detail": "no such file"}, status_code=404)
        return Response(texts[name], media_type=FILES[name])

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(render(room, "docs.html", api=app.openapi()))
