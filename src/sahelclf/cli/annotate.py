"""`annotate sample|import|adjudicate|audit|status`: from a collection to labels of your own."""

from importlib import import_module

from sahelclf.cli.console import result
from sahelclf.errors import RequestError

# each is `cli/annotate_<name>.py` with a function `run`
COMMANDS = {
    "sample": "draw units of a collection or a corpus, and write them for the annotators' tools",
    "import": "answers of annotators become a corpus, or join it; problems are named with place",
    "adjudicate": "decide on units that annotators answered differently, with the reason",
    "audit": "labels that a cross-fitted model contradicts, as a batch to look at again",
    "status": "learning curve, widths of intervals, agreement of models: what more would buy",
}
HELP = "\n".join((
    "usage: python -m sahelclf annotate COMMAND [options]",
    "",
    "From a collection to labels of your own: sample, annotate, import, adjudicate, sample again.",
    "",
    *(f"  {name:<11} {what}" for name, what in COMMANDS.items()),
    "",
    "example:",
    "  python -m sahelclf annotate sample articles.csv --text body --n 100 -o batch-1",
    "",
    "python -m sahelclf annotate COMMAND --help says more; docs/annotate.md is the guide.",
))  # fmt: skip


def run(args: list[str]) -> int:
    """Run one of the commands."""
    if not args or args[0] in {"-h", "--help"}:
        result(HELP)
        return 0 if args else 2
    if args[0] not in COMMANDS:
        raise RequestError(f"annotate: found {args[0]!r}; expected one of {', '.join(COMMANDS)}")
    code: int = import_module(f"sahelclf.cli.annotate_{args[0]}").run(args[1:])
    return code
