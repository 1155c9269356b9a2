"""The model card of a bundle: what it is, its scores and limits, how to load it."""

from collections.abc import Sequence
from typing import Any

import yaml

from sahelclf.evaluation.report import HEADLINE
from sahelclf.models.kinds import texts_of
from sahelclf.templates import render

LOADING = (
    "import sahelclf",
    'sahelclf.load("this/folder").predict(["Niger recalled its ambassador from Paris."])',
    "",
    "import mlflow, pandas as pd  # without sahelclf",
    'frame = pd.DataFrame({"text": ["Niger recalled its ambassador."]})',
    'mlflow.pyfunc.load_model("this/folder").predict(frame)',
)


def model_card(manifest: dict[str, Any]) -> str:
    """The card of a bundle folder, in Markdown with YAML in front."""
    front = {
        "library_name": "sahelclf",
        "pipeline_tag": "text-classification",
        "language": manifest["codebook"]["languages"],
    }
    text = card_text(manifest, [*LOADING, *texts_of(manifest["model"])["loading"]])
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    return f"---\n{head}---\n{text}"


def card_text(manifest: dict[str, Any], loading: Sequence[str]) -> str:
    """A card without front matter, with these lines of Python to load the folder."""
    scores = manifest["scores"]
    names = [*HEADLINE, *(f"topic/{t}/f1" for t in manifest["topics"])]
    return render(
        "sahelclf.bundle",
        "card.md",
        manifest=manifest,
        passage=scores["passage"],
        title=title(manifest),
        names=[name for name in names if name in scores["passage"]["scores"]],
        human=manifest["agreement"].get("passage", {}),
        loading=loading,
        files=texts_of(manifest["model"])["files"],
    )


def title(manifest: dict[str, Any]) -> str:
    """What a bundle is called."""
    return f"{manifest['codebook']['title']}: {manifest['model']} labeller"
