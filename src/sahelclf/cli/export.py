"""`export BUNDLE --to FORM`."""

from pathlib import Path
from typing import Any

from sahelclf.cli.console import parser, result, say
from sahelclf.workflows.bundles import local_bundle

FORMS = {
    "sklearn": "a scikit-learn pipeline in skops' format: predict_proba(texts) gives the sigmoid of every head",
    "r": "plain numbers and a script that base R with jsonlite reads: label(labeller, texts) gives the flat table",
    "hub": "a folder to push to the Hugging Face hub: model card, the forms that its libraries load, still a bundle",
}


def run(args: list[str]) -> int:
    """Write one form of a bundle; it is checked against the bundle's golden outputs first."""
    epilog = "forms:\n" + "\n".join(f"  {name}: {what}" for name, what in FORMS.items())
    p = parser("export", "Write a bundle in another tool's form.", epilog)
    p.add_argument("bundle", metavar="BUNDLE")
    p.add_argument("--to", required=True, choices=[*FORMS], metavar="FORM", help=", ".join(FORMS))
    p.add_argument("-o", "--out", metavar="FOLDER", help="default: <bundle>-<form>")
    options = p.parse_args(args)

    from_store = options.bundle.startswith(("runs:", "models:"))
    name = options.bundle.strip("/").split("/")[1 if from_store else -1]
    beside = (
        Path(f"{name}-{options.to}")
        if from_store
        else Path(options.bundle).resolve().parent
        / f"{Path(options.bundle).resolve().name}-{options.to}"
    )
    target = Path(options.out) if options.out else beside
    with local_bundle(options.bundle) as folder:
        from sahelclf.bundle.labeller import Labeller

        _write(options.to, folder, Labeller.load(folder).manifest, target)
    result(str(target))
    return 0


def _write(form: str, bundle: Path, manifest: dict[str, Any], target: Path) -> None:
    if form == "sklearn":
        from sahelclf.bundle.sklearn import write_sklearn

        write_sklearn(bundle, manifest, target)
    elif form == "r":
        from sahelclf.bundle.r import write_r

        if not write_r(bundle, manifest, target):
            say(
                "R with jsonlite is not here: check_labeller(read_labeller(FOLDER)) there holds the form against the golden outputs"
            )
    else:
        from sahelclf.bundle.hub import write_hub

        write_hub(bundle, manifest, target)
        say(
            f"set the license in README.md if you trained on a corpus of your own, then: hf upload USER/NAME {target}"
        )
