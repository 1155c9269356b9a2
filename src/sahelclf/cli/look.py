"""`look [MODEL] [--port N] [--no-browser]`."""

from sahelclf.cli.console import parser

EPILOG = """examples:
  python -m sahelclf look
  python -m sahelclf look bundles/tfidf-… --port 9000 --no-browser
  curl -s http://127.0.0.1:8765/api/label --json '{"text": "…", "unit": "document"}'

The page and its REST interface answer on this machine alone. Texts are not kept, nothing is sent
anywhere. MODEL is a bundle folder, runs:/…, models:/…; without it, the labeller of the packaged
corpus, which the first command that needs it trains, once.
"""


def run(args: list[str]) -> int:
    """Serve the page until Ctrl-C."""
    p = parser("look", "Open a page to label texts on, with a REST interface.", EPILOG)
    p.add_argument("model", metavar="MODEL", nargs="?", default="default")
    p.add_argument("--port", type=int, metavar="N", help="default: the first free one from 8765 on")
    p.add_argument("--no-browser", action="store_true", help="do not open the page")
    options = p.parse_args(args)
    from sahelclf.look.serve import serve
    from sahelclf.workflows.bundles import load_labeller

    labeller = load_labeller(options.model)
    serve(labeller, options.model, options.port, browser=not options.no_browser)
    return 0
