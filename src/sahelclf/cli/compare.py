"""`compare A B …`: scores on the same units, paired differences with intervals, a verdict in words, parameters and cost."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.cli.console import parser, result, say, write_page
from sahelclf.errors import RequestError
from sahelclf.workflows.systems import Entry, entries, letter, read_systems
from sahelclf.workflows.tables import DEVELOPMENT

if TYPE_CHECKING:
    from sahelclf.reports.comparison import Page

COST = ("train/", "speed/", "memory/")
EPILOG = """Each of A B … is one system: a run id or runs:/<id>, a bundle folder (its run is looked up), a predictions table of any system
(.csv, .parquet, .jsonl), or several of these joined by commas that differ in seed alone: their scores are averaged. The parent run
of a sweep stands for each of its settings. Every later system is held against the first.

examples:
  python -m sahelclf compare bundles/tfidf-… bundles/keywords-…
  python -m sahelclf compare <run>,<run>,<run> llm.csv --split test --to comparison.html

The table is the result; --to writes it as .md, .tex or .html instead. docs/compare.md says how to read it.
"""


def run(args: list[str]) -> int:
    """Compare."""
    p = parser("compare", "Hold systems against each other on the same units.", EPILOG)
    p.add_argument("systems", nargs="+", metavar="A B …")
    p.add_argument(
        "--level", choices=["passage", "document"], default="passage", help="default: passage"
    )
    p.add_argument(
        "--split",
        default=DEVELOPMENT,
        metavar="PART",
        help="runs: 'development' predictions (default), or a part that `evaluate` scored: test",
    )
    p.add_argument(
        "--corpus",
        metavar="FOLDER",
        help="gold for tables that bring none (default: the packaged corpus)",
    )
    p.add_argument("--to", metavar="FILE", help="write the table as .md, .tex or .html")
    p.add_argument(
        "--track", action="store_true", help="log the table as a run of kind 'comparison' in MLflow"
    )
    options = p.parse_args(args)
    from sahelclf.reports.comparison import FORMS, terminal

    target = Path(options.to) if options.to else None
    if target and target.suffix not in FORMS:
        raise RequestError(
            f"--to {target}: unknown form {target.suffix!r}; expected one of {', '.join(FORMS)}"
        )
    found = entries(options.systems)
    if len(found) < 2:
        raise RequestError(
            f"compare: one system ({found[0].name}); expected two or more, with a space between"
        )
    page = _page(found, options)
    if target:
        say(terminal(page))
        write_page(target, FORMS[target.suffix](page))
        result(str(target))
    else:
        result(terminal(page))
    if options.track:
        _track(page, found, options)
    return 0


def _page(found: Sequence[Entry], options: Any) -> "Page":
    from sahelclf.evaluation.compare import compare
    from sahelclf.evaluation.report import RESAMPLES
    from sahelclf.reports.comparison import Page

    compared = compare(read_systems(found, options.level, options.split, options.corpus))
    tests = sum(line.difference is not None for line in compared.lines)
    about = f"{options.split} predictions" if any(e.runs for e in found) else "predictions tables"
    return Page(
        systems=tuple((letter(k), e.name, e.source) for k, e in enumerate(found)),
        about=f"{compared.n_units:,} {options.level}s of {compared.n_documents} documents, {about}.",
        method=f"95% intervals and p from {RESAMPLES:,} resamples of whole documents, the same for all; p corrected for {tests} tests (Holm). "
        "Differences and verdicts are against A.",
        compared=compared,
        parameters=_parameters(found),
        cost=_folds(found, options.level) + _cost(found),
        warnings=_warnings(compared.warnings),
    )


def _warnings(found: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Each warning once, after the systems that it is about."""
    about: dict[str, list[str]] = {}
    for k, warnings in enumerate(found):
        for warning in warnings:
            about.setdefault(warning, []).append(letter(k))
    return tuple(f"{', '.join(letters)}: {warning}" for warning, letters in about.items())


def _parameters(found: Sequence[Entry]) -> list[list[str]]:
    """Rows of the parameters in which the runs differ; seeds of one system stand together."""
    rows = []
    with_runs = [e for e in found if e.runs]
    for name in dict.fromkeys(k for e in with_runs for r in e.runs for k in r.params):
        cells = [", ".join(dict.fromkeys(r.params.get(name, "") for r in e.runs)) for e in found]
        if len({c for c, e in zip(cells, found, strict=True) if e.runs}) > 1:
            rows.append([name, *cells])
    return rows


def _folds(found: Sequence[Entry], level: str) -> list[list[str]]:
    """Means over the folds of `cv=`, where runs have them; of several seeds, the mean of their means."""
    from sahelclf.evaluation.report import HEADLINE

    rows = []
    for name in (f"cv/{'document/' if level == 'document' else ''}{h}" for h in HEADLINE):
        cells = []
        for e in found:
            mean, sd = _mean(e, name), _mean(e, f"{name}/sd")
            cells.append(
                "" if mean is None else f"{mean:.3f}" if sd is None else f"{mean:.3f} ± {sd:.3f}"
            )
        if any(cells):
            rows.append([name, *cells])
    return rows


def _cost(found: Sequence[Entry]) -> list[list[str]]:
    """Rows of time, speed, memory and size, means over seeds; only what is known of some system."""
    from sahelclf.tracking.read import bundle_bytes

    rows = []
    for name in dict.fromkeys(
        k for e in found for r in e.runs for k in r.metrics if k.startswith(COST)
    ):
        means = [_mean(e, name) for e in found]
        rows.append([name, *("" if m is None else f"{m:,.1f}" for m in means)])
    sizes = [[size for r in e.runs if (size := bundle_bytes(r)) is not None] for e in found]
    if any(sizes):
        rows.append(
            ["bundle size (MB)", *(f"{sum(s) / len(s) / 1e6:.2f}" if s else "" for s in sizes)]
        )
    return rows


def _mean(entry: Entry, name: str) -> float | None:
    values = [r.metrics[name] for r in entry.runs if name in r.metrics]
    return sum(values) / len(values) if values else None


def _track(page: "Page", found: Sequence[Entry], options: Any) -> None:
    from sahelclf.reports.comparison import FORMS
    from sahelclf.tracking.runs import Record, log_record, open_run

    tags = {"sahelclf.kind": "comparison"}
    shas = {r.tags["corpus_sha256"] for e in found for r in e.runs if "corpus_sha256" in r.tags}
    if len(shas) == 1:
        tags["corpus_sha256"] = shas.pop()
    params = {"level": options.level, "split": options.split} | {
        letter(k): f"{e.name}: {e.source}"[:500] for k, e in enumerate(found)
    }
    texts = {f"comparison{suffix}": FORMS[suffix](page) for suffix in (".md", ".html")}
    name = "comparison " + ", ".join(e.name for e in found)
    with open_run(name[:200], tags=tags) as run_id:
        log_record(
            run_id,
            Record(
                params=params, tags={}, metrics={}, inputs=[], texts=texts, tables={}, figures={}
            ),
        )
    say(f"logged as run {run_id} of kind 'comparison'; see it in: mlflow ui")
