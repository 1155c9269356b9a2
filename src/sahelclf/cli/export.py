"""`export BUNDLE --to FORM`."""

from pathlib import Path

from sahelclf.cli.predict import load_labeller
from sahelclf.cli.terminal import parser, result
from sahelclf.errors import BundleError

FORMS = {"sklearn": "a scikit-learn pipeline in skops' format: predict_proba(texts) gives the sigmoid of every head"}


def run(args: list[str]) -> int:
    """Write one form of a bundle; it is checked against the bundle's golden outputs first."""
    epilog = "forms:\n" + "\n".join(f"  {name}: {what}" for name, what in FORMS.items())
    p = parser("export", "Write a bundle in another tool's form.", epilog)
    p.add_argument("bundle", metavar="BUNDLE")
    p.add_argument("--to", required=True, choices=[*FORMS], metavar="FORM", help=", ".join(FORMS))
    p.add_argument("-o", "--out", metavar="FOLDER", help="default: <bundle>-<form>")
    options = p.parse_args(args)

    folder = Path(options.bundle)
    if options.bundle.startswith(("runs:", "models:")):
        from sahelclf.tracking.runs import fetch_bundle

        folder = fetch_bundle(options.bundle)
    manifest = load_labeller(str(folder)).manifest
    if manifest["kind"] != "linear":
        raise BundleError(f"{folder}: a {manifest['kind']!r} bundle has no scikit-learn form")
    from sahelclf.export.sklearn_form import write_sklearn

    target = Path(options.out) if options.out else folder.with_name(f"{folder.name}-{options.to}")
    write_sklearn(folder, manifest, target)
    result(str(target))
    return 0
