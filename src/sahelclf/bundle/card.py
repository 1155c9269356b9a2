"""The model card of a bundle: what it is, how good, how far to trust it, how to load it."""

from typing import Any

import yaml
from tabulate import tabulate

from sahelclf.models.kinds import texts_of

OWN_LINES = (
    "import sahelclf",
    'sahelclf.load("this/folder").predict(["Niger recalled its ambassador from Paris."])',
    "",
    "import mlflow, pandas as pd  # without sahelclf",
    'mlflow.pyfunc.load_model("this/folder").predict(pd.DataFrame({"text": ["Niger recalled its ambassador."]}))',
)


def model_card(manifest: dict[str, Any]) -> str:
    """Markdown, for people; everything in it stands in the manifest too."""
    front = {
        "library_name": "sahelclf",
        "pipeline_tag": "text-classification",
        "language": manifest["codebook"]["languages"],
    }
    return card(manifest, front, [*OWN_LINES, *texts_of(manifest["model"])["loading"]])


def card(manifest: dict[str, Any], front: dict[str, Any], loading: list[str]) -> str:
    """A card with this front matter, and these lines of Python to load the folder."""
    book, corpus = manifest["codebook"], manifest["corpus"]
    lines = [
        *("---", yaml.safe_dump(front, sort_keys=False, allow_unicode=True).rstrip(), "---", ""),
        f"# {title(manifest)}",
        "",
        f"Labels passages and documents with the topics {_listed(manifest['topics'])} and the stance on each "
        f"({_listed(manifest['stances'])}), by codebook {book['version']}.",
        "",
        f"Trained on {manifest['scores']['passage']['n_units']:,} passages of {manifest['scores']['passage']['n_documents']} "
        f"documents (split `{corpus['split']}`, corpus hash `{corpus['sha256'][:16]}`, seed {manifest['config']['seed']}).",
        "",
        "## Scores",
        "",
        "Cross-fitted on the development data: no model saw the documents it is scored on, and calibration and thresholds "
        "come from the other folds. "
        "Intervals (95%) are resampled by document. The test part is scored by `sahelclf evaluate` alone.",
        "",
        _scores(manifest),
        "",
        "## Limits",
        "",
        f"- Languages: {_listed(book['languages'])}. Other languages get labels too, and they mean nothing.",
        "- A label is an estimate, and counts of labels are biased by the model's errors; correct them before printing a share.",
        "- A stance is what the text conveys by the codebook, not what its author or outlet believes.",
        "- Do not use it to judge, target or watch persons, or as the only ground of a decision about them.",
        *(f"- {note}" for note in manifest["notes"]),
        "",
        "## Loading",
        "",
        "```python",
        *loading,
        "```",
        "",
        texts_of(manifest["model"])["files"]
        + " `manifest.json` says how text is read, in what order the heads stand, the thresholds, and golden "
        "inputs with their outputs to check a reader of your own.",
        "",
    ]
    return "\n".join(lines)


def title(manifest: dict[str, Any]) -> str:
    """What a bundle is called."""
    return f"{manifest['codebook']['title']}: {manifest['model']} labeller"


def _scores(manifest: dict[str, Any]) -> str:
    rows = []
    reports = manifest["scores"]
    human = manifest["agreement"].get("passage", {})
    names = [
        "topic/macro_f1",
        "stance/macro_f1",
        "joint/f1",
        *(f"topic/{t}/f1" for t in manifest["topics"]),
    ]
    for name in names:
        cells = [
            f"{r['scores'][name]:.3f} [{r['intervals'][name][0]:.3f}, {r['intervals'][name][1]:.3f}]"
            for r in reports.values()
        ]
        rows.append([name, *cells, f"{human[name]:.3f}" if name in human else ""])
    return tabulate(
        rows,
        headers=["score", *(f"{level}s" for level in reports), "annotators (passages)"],
        tablefmt="github",
        disable_numparse=True,
    )


def _listed(names: list[str]) -> str:
    return ", ".join(names)
