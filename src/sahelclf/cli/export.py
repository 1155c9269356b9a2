"""`export BUNDLE --to FORM`."""

from pathlib import Path

from sahelclf.cli.predict import local_bundle
from sahelclf.cli.terminal import parser, result

FORMS = {"sklearn": "a scikit-learn pipeline in skops' format: predict_proba(texts) gives the sigmoid of every head"}


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
    beside = Path(f"{name}-{options.to}") if from_store else Path(options.bundle).resolve().parent / f"{Path(options.bundle).resolve().name}-{options.to}"
    target = Path(options.out) if options.out else beside
    with local_bundle(options.bundle) as folder:
        from sahelclf.export.sklearn_form import write_sklearn
        from sahelclf.labelling.labeller import Labeller

        write_sklearn(folder, Labeller.load(folder).manifest, target)
    result(str(target))
    return 0
