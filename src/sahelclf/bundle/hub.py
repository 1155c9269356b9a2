"""`export BUNDLE --to hub`: a folder to push to the Hugging Face hub as it is; it remains a bundle.

A transformer's bundle has Transformers' own layout already; a linear one gets the scikit-learn
form. The card may be edited afterwards: its hash is not checked.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from sahelclf.bundle.card import card_text, title
from sahelclf.bundle.golden import check_golden
from sahelclf.bundle.load import require_form
from sahelclf.bundle.onnx import check_pipeline, check_transformers
from sahelclf.bundle.sklearn import SKOPS_FILE, write_skops
from sahelclf.bundle.write import sign
from sahelclf.errors import RequestError
from sahelclf.files import written_aside
from sahelclf.models.encoder_files import quiet_transformers
from sahelclf.models.kinds import kind_of, read_labeller, texts_of
from sahelclf.models.named_encoders import NAMED

LARGE = ("*.safetensors", "*.onnx", "*.npz", "*.skops")
TAGS = ("text-classification", "multi-label", "news", "political-science")
STANCE_TAG = "stance-detection"
HUB_METRICS = {
    "topic/macro_f1": "macro-F1 of topics",
    "stance/macro_f1": "macro-F1 of stances",
    "joint/f1": "micro-F1 of topic and stance together",
}
DOWNLOAD = (
    "from huggingface_hub import snapshot_download",
    'folder = snapshot_download("USER/NAME")',
    "",
)
LABELS = (
    "import sahelclf  # labels, texts of any length",
    'sahelclf.load(folder).predict(["Niger recalled its ambassador."])',
)


def write_hub(bundle: Path, manifest: dict[str, Any], target: Path) -> None:
    """Write the folder, if every reader that its card names gives the bundle's golden outputs."""
    require_form("hub", bundle, manifest)
    if target.resolve().is_relative_to(bundle.resolve()):
        raise RequestError(f"{target}: inside the bundle; choose a folder elsewhere")
    kind = kind_of(manifest)
    with written_aside(target) as folder:
        for name in (*manifest["files"], "manifest.json"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(bundle / name, folder / name)
        if "sklearn" in kind.exports:
            write_skops(bundle, manifest, folder)
            _write_sklearn_config(folder, manifest)
        if kind.transformers_layout:
            quiet_transformers()
            check_transformers(folder, manifest)
            check_pipeline(folder, manifest)
        logits = read_labeller(kind, folder).logits
        check_golden(manifest, logits, kind.reader.tolerance, "the folder's logits")
        (folder / "README.md").unlink(missing_ok=True)
        sign(folder, dict(manifest))
        (folder / "README.md").write_text(hub_card(manifest), encoding="utf-8")
        lines = [f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in LARGE]
        (folder / ".gitattributes").write_text("".join(lines), encoding="utf-8")


def hub_card(manifest: dict[str, Any]) -> str:
    """The card, with the front matter that the hub reads."""
    from huggingface_hub import ModelCard, ModelCardData

    texts = texts_of(manifest["model"])
    loading = [*texts["hub_loading"], *LABELS]
    if DOWNLOAD[1] not in loading:
        loading[-len(LABELS) : -len(LABELS)] = DOWNLOAD
    data = ModelCardData(
        language=manifest["codebook"]["languages"],
        license="apache-2.0" if manifest["config"]["corpus"] is None else "other",
        library_name=texts["hub_library"],
        tags=[
            *TAGS,
            *([STANCE_TAG] if manifest["stances"] else []),
            "sahelclf",
            *texts["hub_tags"],
        ],
        pipeline_tag="text-classification",
        metrics=["f1"],
        base_model=_base_model(manifest),
        model_name=title(manifest),
        eval_results=_eval_results(manifest),
    )
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n{card_text(manifest, loading)}"))


def _base_model(manifest: dict[str, Any]) -> str | None:
    """The encoder's name on the hub, where it has one."""
    about = manifest["features"].get("vectors", manifest["features"])
    named = {encoder.sha256: encoder.hub_name for encoder in NAMED.values()}
    if about.get("encoder_sha256") in named:
        return named[about["encoder_sha256"]]
    name = str(about.get("encoder", ""))
    return name if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not Path(name).exists() else None


def _eval_results(manifest: dict[str, Any]) -> list[Any]:
    from huggingface_hub import EvalResult

    scores, corpus = manifest["scores"]["passage"]["scores"], manifest["corpus"]
    labels = "topics and stances" if manifest["stances"] else "topics"
    return [
        EvalResult(
            task_type="text-classification",
            task_name=f"{labels} of passages",
            dataset_type="sahelclf-corpus",
            dataset_name=f"{corpus['title']} ({corpus['sha256'][:16]})",
            dataset_split="development, cross-fitted by document",
            metric_type="f1",
            metric_name=name,
            metric_value=scores[key],
        )
        for key, name in HUB_METRICS.items()
        if key in scores
    ]


def _write_sklearn_config(folder: Path, manifest: dict[str, Any]) -> None:
    """`config.json` as skops' folders on the hub have it."""
    about = {
        "environment": [f"{n}={manifest['versions'][n]}" for n in ("scikit-learn", "numpy")],
        "model": {"file": SKOPS_FILE},
        "model_format": "skops",
        "task": "text-classification",
    }
    text = json.dumps({"sklearn": about}, indent=1) + "\n"
    (folder / "config.json").write_text(text, encoding="utf-8")
