"""`export BUNDLE --to FORM`."""

from sahelclf.cli.console import parser, result


def run(args: list[str]) -> int:
    """Write one form of a bundle."""
    from sahelclf.workflows.export import FORMS, export

    epilog = "forms:\n" + "\n".join(f"  {name}: {what}" for name, what in FORMS.items())
    epilog += f"\n\nexample:\n  python -m sahelclf export bundles/tfidf-… --to {next(iter(FORMS))}"
    p = parser("export", "Write a bundle in another tool's form.", epilog)
    p.add_argument("bundle", metavar="BUNDLE")
    p.add_argument("--to", required=True, choices=[*FORMS], metavar="FORM", help=", ".join(FORMS))
    p.add_argument("-o", "--out", metavar="FOLDER", help="default: <bundle>-<form>")
    options = p.parse_args(args)
    result(str(export(options.bundle, options.to, options.out)))
    return 0
