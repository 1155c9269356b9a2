"""From what the user names to systems with predictions: runs, bundles, sweeps and tables."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.errors import RequestError
from sahelclf.workflows.default import DEFAULT
from sahelclf.workflows.tables import labelled_corpus, labelled_rows, read_predictions

if TYPE_CHECKING:
    import pandas as pd

    from sahelclf.corpus.read import Corpus
    from sahelclf.evaluation.compare import System
    from sahelclf.evaluation.predictions import Gold, Predictions
    from sahelclf.tracking.read import Run

RUN_ID = re.compile(r"(?:runs:/)?([0-9a-f]{32})(?:/.*)?")
EXPECTED = (
    "expected a run id (32 hexadecimal characters), runs:/<id>, a bundle folder or a predictions "
    "table"
)


@dataclass(frozen=True)
class SystemSource:
    """One system: its runs or its tables; more than one where they are its seeds."""

    name: str
    source: str
    runs: "tuple[Run, ...]" = ()
    tables: tuple[Path, ...] = ()


def system_sources(names: Sequence[str]) -> list[SystemSource]:
    """Systems in the order given; the parent run of a sweep gives one for each of its settings."""
    return [source for name in names for source in _sources_of(name)]


def _sources_of(name: str) -> list[SystemSource]:
    parts = [name] if Path(name).exists() else [w.strip() for w in name.split(",") if w.strip()]
    if not parts:
        raise RequestError(f"{name!r}: no system; {EXPECTED}")
    tables = tuple(Path(w) for w in parts if Path(w).is_file())
    if tables:
        if len(tables) < len(parts):
            raise RequestError(
                f"{name}: mixes tables and runs; the seeds of one system must be all tables "
                "or all runs"
            )
        return [SystemSource(_with_seeds(tables[0].name, len(tables)), name, tables=tables)]
    runs = [_run_of(w) for w in parts]
    if len(runs) == 1 and runs[0].kind == "sweep":
        from sahelclf.tracking.read import finished_children

        return settings_of(finished_children(runs[0]))
    _check_seeds(name, runs)
    return [of_runs(runs)]


def _run_of(name: str) -> "Run":
    from sahelclf.bundle.load import open_bundle
    from sahelclf.tracking.read import read_run

    if name == DEFAULT and not Path(name).exists():
        return read_run("", name)
    if Path(name).is_dir():
        return read_run(str(open_bundle(Path(name))["run_id"]), name)
    match = RUN_ID.fullmatch(name)
    if match:
        return read_run(match[1], name)
    raise RequestError(f"{name}: no such file, folder or run; {EXPECTED}")


def settings_of(runs: "Sequence[Run]") -> list[SystemSource]:
    """Runs as systems: those that differ in seed alone are one."""
    groups: dict[tuple[tuple[str, str], ...], list[Run]] = {}
    for run in runs:
        setting = tuple(sorted((k, v) for k, v in run.params.items() if k != "seed"))
        groups.setdefault(setting, []).append(run)
    return [of_runs(seeds) for seeds in groups.values()]


def of_runs(runs: "Sequence[Run]") -> SystemSource:
    """Runs that differ in seed alone, as one system."""
    name = runs[0].name
    if len(runs) > 1:
        setting = re.sub(r", seed \d+$", "", name)
        name = setting if setting != name else runs[0].params.get("model", name)
    ids = ", ".join(r.id for r in runs)
    return SystemSource(_with_seeds(name, len(runs)), ids, runs=tuple(runs))


def _check_seeds(name: str, runs: "Sequence[Run]") -> None:
    keys = {k for r in runs for k in r.params} - {"seed"}
    differing = sorted(k for k in keys if len({r.params.get(k) for r in runs}) > 1)
    if differing:
        raise RequestError(
            f"{name}: runs of one system differ in seed alone; these differ in "
            f"{', '.join(differing)}. Separate different systems by a space"
        )
    seeds = [r.params.get("seed", r.id) for r in runs]
    if len(set(seeds)) < len(seeds):
        raise RequestError(
            f"{name}: seed {max(seeds, key=seeds.count)} is duplicated; a mean over seeds takes "
            "each seed once"
        )


def _with_seeds(name: str, n: int) -> str:
    return name if n == 1 else f"{name}, mean of {n} seeds"


def letter(k: int) -> str:
    """The letter of system number `k`: A, B, …; S27, S28, … after Z."""
    return chr(ord("A") + k) if k < 26 else f"S{k + 1}"


def read_systems(
    sources: Sequence[SystemSource], level: str, split: str, corpus_option: str | None
) -> "list[System]":
    """Predictions and gold of the systems; raise where their corpora or codebooks differ."""
    from sahelclf.evaluation.compare import System
    from sahelclf.evaluation.prediction_files import read_table
    from sahelclf.evaluation.prediction_tables import carries_gold

    _check_corpora(sources)
    rows = {path: read_table(path) for s in sources for path in s.tables}
    without_gold = [path for path, r in rows.items() if not carries_gold(r)]
    corpus = _corpus_for(without_gold[0], sources, corpus_option) if without_gold else None
    systems = []
    for k, s in enumerate(sources):
        members = [read_predictions(run, f"{level}s", split) for run in s.runs]
        members += [
            _of_table(rows[path], level, str(path), corpus if path in without_gold else None)
            for path in s.tables
        ]
        systems.append(System(f"{letter(k)} ({s.name})", tuple(members)))
    return systems


def _check_corpora(sources: Sequence[SystemSource]) -> None:
    problems = []
    runs = [(f"{letter(k)} (run {r.id})", r) for k, s in enumerate(sources) for r in s.runs]
    for (a, first), (b, other) in ((runs[0], run) for run in runs[1:]):
        for tag, what in (("codebook", "codebooks"), ("corpus_sha256", "corpora")):
            one, two = first.tags.get(tag, "none"), other.tags.get(tag, "none")
            if one != two:
                problems.append(
                    f"{what} differ: {one[:16]} in {a}, {two[:16]} in {b}; scores on different "
                    "gold cannot be compared. Train both on one corpus"
                )
    if problems:
        raise RequestError(problems)


def _corpus_for(table: Path, sources: Sequence[SystemSource], option: str | None) -> "Corpus":
    corpus = labelled_corpus(option, None)
    run = next((r for s in sources for r in s.runs), None)
    wanted = run.tags.get("corpus_sha256") if run else None
    if run and wanted and wanted != corpus.sha256:
        raise RequestError(
            f"{table}: has no gold labels, and the corpus {corpus.root} ({corpus.sha256[:16]}) "
            f"is not the corpus of run {run.id} ({wanted[:16]}); name that one with --corpus"
        )
    return corpus


def _of_table(
    rows: "pd.DataFrame", level: str, where: str, corpus: "Corpus | None"
) -> "tuple[Predictions, Gold]":
    from sahelclf.evaluation.prediction_tables import from_gold_rows

    if corpus is not None:
        levels = labelled_rows(rows, corpus, where)
        if f"{level}s" not in levels:
            raise RequestError(
                f"{where}: no row is a {level} that {corpus.root} labels; "
                f"found {', '.join(levels) or 'none'}"
            )
        return levels[f"{level}s"]
    chosen = rows[(rows["document_id"] == rows["id"]) == (level == "document")]
    if not len(chosen):
        raise RequestError(f"{where}: no row is a {level}; --level names the other")
    return from_gold_rows(chosen, where)
