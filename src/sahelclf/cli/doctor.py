"""`doctor`: what is installed, what is missing, and what to type to fix it."""

from sahelclf.cli.console import parser, result

EPILOG = """examples:
  python -m sahelclf doctor
  python -m sahelclf doctor --repair-store     after mlflow.db was moved or copied
"""


def run(args: list[str]) -> int:
    """Print every check; 1 where the base installation does not work."""
    p = parser("doctor", "What is installed, what is missing, and what to type to fix it.", EPILOG)
    p.add_argument(
        "--repair-store",
        action="store_true",
        help="correct the file addresses in mlflow.db after its folder was moved or copied; "
        "a backup is made beside it",
    )
    options = p.parse_args(args)
    from sahelclf.errors import masked
    from sahelclf.workflows.doctor import checks, repair_store

    if options.repair_store:
        done = repair_store()
        result(f"{done.changed} addresses changed; the store as it was: {done.backup}")
        for address in done.left:
            result(f"left, since its files are only there: {address}")
        return 0
    results = checks()
    for check in results:
        result(masked(f"{'ok ' if check.fine else '!! '} {check.name:<14} {check.text}"))
        if check.cure and not check.fine:
            result(f"    {'':<14} -> {check.cure}")
    return int(any(check.needed and not check.fine for check in results))
