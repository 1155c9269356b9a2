"""What `compare` does: scores of systems on the same units, their parameters and their cost."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.errors import RequestError
from sahelclf.workflows.systems import SystemSource, letter, read_systems, system_sources
from sahelclf.workflows.tables import DEVELOPMENT

if TYPE_CHECKING:
    from sahelclf.reports.comparison import ComparisonReport

LEVELS = ("passage", "document")
COST = ("train/", "speed/", "memory/")


def compare(
    *systems: str | Path,
    level: str = "passage",
    split: str | None = None,
    corpus: str | Path | None = None,
) -> "ComparisonReport":
    """Compare systems with the first one, on the same units.

    Parameters
    ----------
    systems
        Each is a run id or `runs:/<id>`, a bundle folder (its run is looked up), a predictions
        table, or several of these joined by commas that differ in their seed alone: their scores
        are averaged. The parent run of a sweep is one system for each of its settings.
    level
        `passage` or `document`.
    split
        Which predictions of runs: None for the cross-fitted ones of development data, or the name
        of a part that `evaluate` scored, such as `test`.
    corpus
        Gold labels for tables that have none; by default the packaged corpus.

    Returns
    -------
    ComparisonReport
        `.table` is a DataFrame; `.text()`, `.markdown()`, `.latex()` and `.html()` show it;
        `.warnings` says what to know before trusting it.

    Raises
    ------
    RequestError
        Fewer than two systems, an unknown one, or systems that differ in corpus, codebook, units
        or gold.
    """
    from sahelclf.evaluation.compare import compare as compare_predictions
    from sahelclf.reports.comparison import ComparisonReport

    if level not in LEVELS:
        raise RequestError(f"level {level!r}: expected one of {', '.join(LEVELS)}")
    sources = _two_or_more(systems)
    split = split or DEVELOPMENT
    compared = compare_predictions(
        read_systems(sources, level, split, None if corpus is None else str(corpus))
    )
    origin = f"{split} predictions" if any(s.runs for s in sources) else "predictions tables"
    corpora = {
        r.tags["corpus_sha256"] for s in sources for r in s.runs if "corpus_sha256" in r.tags
    }
    return ComparisonReport(
        systems=tuple((letter(k), s.name, s.source) for k, s in enumerate(sources)),
        about=f"{compared.n_units:,} {level}s of {compared.n_documents} documents, {origin}.",
        comparison=compared,
        parameters=_parameters(sources),
        cost=[*_folds(sources, level), *_cost(sources)],
        warnings=_warnings(compared.warnings),
        level=level,
        split=split,
        corpus_sha256=corpora.pop() if len(corpora) == 1 else "",
        run_ids=tuple(r.id for s in sources for r in s.runs),
    )


def _two_or_more(systems: Sequence[str | Path]) -> list[SystemSource]:
    sources = system_sources([str(s) for s in systems])
    if len(sources) < 2:
        only = f"one system ({sources[0].name})" if sources else "no system"
        raise RequestError(f"compare: {only}; expected two or more")
    return sources


def comparison_in_ui(run_ids: Sequence[str]) -> str:
    """What to type and open to see these runs side by side in `mlflow ui`."""
    from sahelclf.tracking.runs import run_experiments
    from sahelclf.tracking.store import shown_in_ui
    from sahelclf.tracking.views import comparison_page

    return shown_in_ui(comparison_page(run_experiments(run_ids), run_ids))


def log_comparison(report: "ComparisonReport") -> str:
    """Log the tables as a run of kind 'comparison' in MLflow; its id."""
    from sahelclf.reports.comparison import FORMS
    from sahelclf.tracking.runs import Record, log_record, open_run

    tags = {"sahelclf.kind": "comparison"}
    if report.corpus_sha256:
        tags["corpus_sha256"] = report.corpus_sha256
    params = {"level": report.level, "split": report.split} | {
        letter: f"{name}: {source}"[:500] for letter, name, source in report.systems
    }
    texts = {f"comparison{suffix}": FORMS[suffix](report) for suffix in (".md", ".html")}
    name = "comparison " + ", ".join(name for _, name, _ in report.systems)
    with open_run(name[:200], tags=tags) as run_id:
        log_record(run_id, Record(params=params, texts=texts))
    return run_id


def _warnings(by_system: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """Each warning once, after the letters of the systems that it is about."""
    letters: dict[str, list[str]] = {}
    for k, warnings in enumerate(by_system):
        for warning in warnings:
            letters.setdefault(warning, []).append(letter(k))
    return tuple(f"{', '.join(names)}: {warning}" for warning, names in letters.items())


def _parameters(sources: Sequence[SystemSource]) -> list[list[str]]:
    """Rows of the parameters in which runs differ; the values of a system's seeds share a cell."""
    rows = []
    for name in dict.fromkeys(k for s in sources for r in s.runs for k in r.params):
        cells = [", ".join(dict.fromkeys(r.params.get(name, "") for r in s.runs)) for s in sources]
        if len({c for c, s in zip(cells, sources, strict=True) if s.runs}) > 1:
            rows.append([name, *cells])
    return rows


def _folds(sources: Sequence[SystemSource], level: str) -> list[list[str]]:
    """Rows of means and standard deviations over the folds of `cv=`, averaged over seeds."""
    from sahelclf.evaluation.report import HEADLINE

    prefix = "cv/document/" if level == "document" else "cv/"
    means = _rows(sources, [prefix + name for name in HEADLINE], "{:.3f}".format)
    sds = _rows(sources, [f"{prefix}{name}/sd" for name in HEADLINE], " ± {:.3f}".format)
    spread = {row[0].removesuffix("/sd"): row[1:] for row in sds}
    return [
        [name, *(m + sd for m, sd in zip(cells, spread.get(name, [""] * len(cells)), strict=True))]
        for name, *cells in means
    ]


def _cost(sources: Sequence[SystemSource]) -> list[list[str]]:
    """Rows of time, speed, memory and size, averaged over seeds; only what some run knows."""
    from sahelclf.tracking.read import bundle_bytes

    names = dict.fromkeys(
        k for s in sources for r in s.runs for k in r.metrics if k.startswith(COST)
    )
    rows = _rows(sources, list(names), "{:,.1f}".format)
    sizes = [[size for r in s.runs if (size := bundle_bytes(r)) is not None] for s in sources]
    if any(sizes):
        cells = (f"{sum(s) / len(s) / 1e6:.2f}" if s else "" for s in sizes)
        rows.append(["bundle size (MB)", *cells])
    return rows


def _rows(
    sources: Sequence[SystemSource], names: Sequence[str], form: Callable[[float], str]
) -> list[list[str]]:
    """Rows of recorded metrics that some run has, averaged over the seeds of each system."""
    rows = []
    for name in names:
        values = [[r.metrics[name] for r in s.runs if name in r.metrics] for s in sources]
        if any(values):
            rows.append([name, *(form(sum(v) / len(v)) if v else "" for v in values)])
    return rows
