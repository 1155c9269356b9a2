"""A bundle in another tool's form, checked against the bundle's golden outputs."""

import logging
from pathlib import Path

from sahelclf.workflows.bundles import IN_MLFLOW, local_bundle

LOG = logging.getLogger(__name__)
FORMS = {
    "sklearn": "a scikit-learn pipeline (skops): predict_proba(texts) has a column a head",
    "r": "plain numbers and a script for base R with jsonlite: label(labeller, texts)",
    "hub": "a folder for the Hugging Face hub: model card, and the forms that its libraries load",
}


def export(bundle: str | Path, form: str, out: str | Path | None = None) -> Path:
    """Write one of `FORMS` of a bundle; returns its folder, by default `<bundle>-<form>`."""
    from sahelclf.bundle.labeller import Labeller

    name = str(bundle)
    if name.startswith(IN_MLFLOW):
        beside = Path(f"{name.strip('/').split('/')[1]}-{form}")
    else:
        beside = Path(name).resolve().with_name(f"{Path(name).resolve().name}-{form}")
    target = Path(out) if out else beside
    with local_bundle(name) as folder:
        manifest = Labeller.load(folder).manifest
        if form == "sklearn":
            from sahelclf.bundle.sklearn import write_sklearn

            write_sklearn(folder, manifest, target)
        elif form == "r":
            from sahelclf.bundle.r import write_r

            if not write_r(folder, manifest, target):
                check = "check_labeller(read_labeller(FOLDER)) in R compares its outputs"
                LOG.info("R with jsonlite is not here: %s with the golden ones", check)
        else:
            from sahelclf.bundle.hub import write_hub

            write_hub(folder, manifest, target)
            step = f"hf upload USER/NAME {target}"
            LOG.info("set the license in README.md for a corpus of your own, then: %s", step)
    return target
