"""The kinds of model by name; a new one is a module with a `KIND`, and a line here."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined, Template

from sahelclf.codebook import Codebook
from sahelclf.errors import BundleError, RequestError, perhaps
from sahelclf.models.base import Model, ModelConfig, ModelKind
from sahelclf.models.runtime.linear import Reader
from sahelclf.tasks.labeller import labeller_layout

NAMES = (
    "keywords",
    "tfidf",
    "embedding",
    "transformer",
    "blend",
    "student",
)


def kind_named(name: str) -> ModelKind:
    """The kind of model of this name; `RequestError` with the known names for any other."""
    if name not in NAMES:
        raise RequestError(f"model: {unknown_kind(name)}")
    kind = import_module(f"sahelclf.models.{name}").KIND
    assert isinstance(kind, ModelKind)
    return kind


def unknown_kind(name: object) -> str:
    """Message about a name that is no kind of model."""
    meant = perhaps(str(name), NAMES)
    hint = f"; {meant}" if meant else ""
    return f"unknown kind of model {name!r}, expected one of {', '.join(NAMES)}{hint}"


def kind_of(manifest: Mapping[str, Any]) -> ModelKind:
    """The kind of the model in a bundle; `BundleError` where this version cannot read it."""
    name, reader = manifest["model"], manifest["kind"]
    if name not in NAMES:
        raise BundleError(f"manifest.json: model: {unknown_kind(name)}")
    kind = kind_named(name)
    if kind.reader.kind != reader:
        raise BundleError(
            f"manifest.json: kind {reader!r}; expected {kind.reader.kind!r} for model {name!r}"
        )
    return kind


def build_model(
    config: ModelConfig, codebook: Codebook | None = None, corpus: Path | None = None
) -> Model:
    """A model that has seen no data, for the heads of this codebook."""
    heads = labeller_layout(codebook).names if codebook else ()
    return kind_named(config.kind).build(config, heads, corpus)


def read_labeller(kind: ModelKind, folder: Path) -> Reader:
    """Load the reader of a bundle; it needs neither torch nor scikit-learn."""
    module = import_module(f"sahelclf.models.runtime.{kind.reader.module}")
    reader = getattr(module, kind.reader.class_name).load(folder)
    assert isinstance(reader, Reader)
    return reader


@cache
def texts_of(name: str) -> dict[str, Any]:
    """What cards and the methods paragraph say about a kind: its own texts, else the default ones.

    Keys: `files` (about a bundle's files), `loading` (lines of Python for a card, beside ours),
    `hub_library`, `hub_tags` and `hub_loading` (for a card on the hub), `methods` (a template).
    """
    folder = files("sahelclf.models") / "texts"
    own = folder / f"{name}.yaml"
    texts = dict(yaml.safe_load((folder / "default.yaml").read_text(encoding="utf-8")))
    return texts | (yaml.safe_load(own.read_text(encoding="utf-8")) if own.is_file() else {})


def methods_text(
    config: Mapping[str, Any], manifest: Mapping[str, Any], listed: Callable[[Sequence[Any]], str]
) -> str:
    """Sentences of the methods paragraph about a model.

    Parameters
    ----------
    config
        The settings, `config.model` of the manifest or one of its members.
    listed
        Joins words to `a, b and c`.
    """
    template = Template(texts_of(config["kind"])["methods"], undefined=StrictUndefined)
    text = template.render(
        config=config,
        manifest=manifest,
        listed=listed,
        member=lambda name: methods_text(config[name], manifest, listed),
    )
    return " ".join(text.split())
