"""`export BUNDLE --to hub`: a folder to push to the Hugging Face hub as it stands; it stays a bundle that sahelclf and MLflow load.

A transformer's bundle is in Transformers' own layout already; a linear one gets the scikit-learn form beside its numbers.
The card may be edited afterwards: it is not among the files whose hashes are checked.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from sahelclf.bundle.card import card, title
from sahelclf.bundle.golden import check_same
from sahelclf.bundle.onnx import check_pipeline, check_transformers
from sahelclf.bundle.sklearn import SKOPS_FILE, write_skops
from sahelclf.bundle.write import sign
from sahelclf.errors import RequestError
from sahelclf.files import written_aside
from sahelclf.models.encoder_files import PACKAGE_SHA256, quiet_transformers
from sahelclf.models.kinds import kind_of, read_labeller, texts_of

PACKAGE_ON_HUB = "sentence-transformers/all-MiniLM-L6-v2"
LARGE = ("*.safetensors", "*.onnx", "*.npz", "*.skops")
SCORES = {
    "topic/macro_f1": "macro-F1 of topics",
    "stance/macro_f1": "macro-F1 of stances",
    "joint/f1": "micro-F1 of topic and stance together",
}
DOWNLOAD = (
    "from huggingface_hub import snapshot_download",
    'folder = snapshot_download("USER/NAME")',
    "",
)
SAHELCLF_LINES = (
    "import sahelclf  # labels, texts of any length",
    'sahelclf.load(folder).predict(["Niger recalled its ambassador."])',
)


def write_hub(bundle: Path, manifest: dict[str, Any], target: Path) -> None:
    """Write the folder; it gives the bundle's golden outputs by every reader that its card names, or is not written."""
    if target.resolve().is_relative_to(bundle.resolve()):
        raise RequestError(f"{target}: inside the bundle; choose a folder elsewhere")
    with written_aside(target) as folder:
        for name in (*manifest["files"], "manifest.json"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle / name, folder / name)
        kind = kind_of(manifest)
        if "sklearn" in kind.exports:
            write_skops(bundle, manifest, folder)
            _write_sklearn_config(folder, manifest)
        if kind.transformers_layout:
            quiet_transformers()
            check_transformers(folder, manifest)
            check_pipeline(folder, manifest)
        said = read_labeller(kind, folder).logits([g["text"] for g in manifest["golden"]])
        check_same(
            np.array([g["logits"] for g in manifest["golden"]]),
            said,
            kind.reader.tolerance,
            "the folder's logits",
        )
        (folder / "README.md").unlink(missing_ok=True)
        sign(folder, dict(manifest))
        (folder / "README.md").write_text(hub_card(manifest), encoding="utf-8")
        lines = [f"{pattern} filter=lfs diff=lfs merge=lfs -text" for pattern in LARGE]
        (folder / ".gitattributes").write_text("\n".join(lines) + "\n", encoding="utf-8")


def hub_card(manifest: dict[str, Any]) -> str:
    """The card, with the front matter that the hub reads."""
    texts = texts_of(manifest["model"])
    ours = manifest["config"]["corpus"] is None
    front: dict[str, Any] = {
        "library_name": texts["hub_library"],
        "pipeline_tag": "text-classification",
        "language": manifest["codebook"]["languages"],
        "license": "apache-2.0" if ours else "other",
        "tags": [
            "text-classification",
            "multi-label",
            "stance-detection",
            "news",
            "political-science",
            "sahelclf",
        ],
        "metrics": ["f1"],
    }
    front["tags"] += texts["hub_tags"]
    if (base := _base_model(manifest)) is not None:
        front["base_model"] = base
    return card(
        manifest, front | {"model-index": _model_index(manifest)}, _loading(texts["hub_loading"])
    )


def _loading(lines: list[str]) -> list[str]:
    download = () if DOWNLOAD[0] in lines else DOWNLOAD
    return [*lines, *download, *SAHELCLF_LINES]


def _base_model(manifest: dict[str, Any]) -> str | None:
    """The encoder's name on the hub, where it has one."""
    about = manifest["features"].get("vectors", manifest["features"])
    if about.get("encoder_sha256") == PACKAGE_SHA256:
        return PACKAGE_ON_HUB
    name = str(about.get("encoder", ""))
    return name if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not Path(name).exists() else None


def _model_index(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    scores = manifest["scores"]["passage"]["scores"]
    metrics = [
        {"type": "f1", "name": name, "value": scores[key]}
        for key, name in SCORES.items()
        if key in scores
    ]
    data = {
        "type": "sahelclf-corpus",
        "name": f"{manifest['corpus']['title']} ({manifest['corpus']['sha256'][:16]})",
        "split": "development, cross-fitted by document",
    }
    task = {"type": "text-classification", "name": "topics and stances of passages"}
    return [
        {"name": title(manifest), "results": [{"task": task, "dataset": data, "metrics": metrics}]}
    ]


def _write_sklearn_config(folder: Path, manifest: dict[str, Any]) -> None:
    """`config.json` as skops' folders on the hub have it."""
    needs = [f"{name}={manifest['versions'][name]}" for name in ("scikit-learn", "numpy")]
    about = {
        "environment": needs,
        "model": {"file": SKOPS_FILE},
        "model_format": "skops",
        "task": "text-classification",
    }
    (folder / "config.json").write_text(
        json.dumps({"sklearn": about}, indent=1) + "\n", encoding="utf-8"
    )
