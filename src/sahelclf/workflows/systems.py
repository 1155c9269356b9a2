"""What `compare` is given, as systems: runs, bundles, sweeps and tables, alone or as the seeds of one system."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.errors import RequestError
from sahelclf.workflows.tables import labelled_corpus, labelled_rows, read_predictions

if TYPE_CHECKING:
    from sahelclf.corpus.read import Corpus
    from sahelclf.evaluation.compare import System
    from sahelclf.evaluation.predictions import Gold, Predictions
    from sahelclf.tracking.read import Run


@dataclass(frozen=True)
class Entry:
    """One system: its runs or its tables, more than one where they are its seeds."""

    name: str
    source: str
    runs: "tuple[Run, ...]" = ()
    tables: tuple[Path, ...] = ()


def entries(words: Sequence[str]) -> list[Entry]:
    """Systems in the order given; the parent run of a sweep stands for each of its settings."""
    found: list[Entry] = []
    for word in words:
        found += _entries_of(word)
    return found


def _entries_of(word: str) -> list[Entry]:
    pieces = [word] if Path(word).exists() else [w.strip() for w in word.split(",") if w.strip()]
    tables = tuple(Path(w) for w in pieces if Path(w).is_file())
    if tables:
        if len(tables) < len(pieces):
            raise RequestError(
                f"{word}: tables and runs; the seeds of one system are all the one or all the other"
            )
        return [Entry(_seeds(tables[0].name, len(tables)), word, tables=tables)]
    runs = [_run_of(w) for w in pieces]
    if len(runs) == 1 and runs[0].kind == "sweep":
        return _settings_of(runs[0])
    if not runs:
        raise RequestError(
            f"{word!r}: no system; expected a run id, runs:/<id>, a bundle folder or a predictions table"
        )
    _check_seeds(word, runs)
    return [_of_runs(runs)]


def _run_of(word: str) -> "Run":
    from sahelclf.bundle.load import open_bundle
    from sahelclf.tracking.read import read_run

    if Path(word).is_dir():
        return read_run(str(open_bundle(Path(word))["run_id"]), word)
    run_id = word.removeprefix("runs:/").strip("/").partition("/")[0]
    if len(run_id) == 32 and set(run_id) <= set("0123456789abcdef"):
        return read_run(run_id, word)
    raise RequestError(
        f"{word}: no such file, folder or run; expected a run id (32 signs), runs:/<id>, a bundle folder or a predictions table"
    )


def _settings_of(parent: "Run") -> list[Entry]:
    """A sweep's finished runs, those that differ in seed alone together."""
    from sahelclf.tracking.read import finished_children

    groups: dict[tuple[tuple[str, str], ...], list[Run]] = {}
    for child in finished_children(parent):
        groups.setdefault(tuple(sorted(_setting(child).items())), []).append(child)
    return [_of_runs(runs) for runs in groups.values()]


def _of_runs(runs: "Sequence[Run]") -> Entry:
    name = (
        runs[0].name
        if len(runs) == 1
        else _seeds(runs[0].params.get("model", runs[0].name), len(runs))
    )
    return Entry(name, ", ".join(r.id for r in runs), runs=tuple(runs))


def _check_seeds(word: str, runs: "Sequence[Run]") -> None:
    differing = sorted(
        k
        for k in {k for r in runs for k in r.params} - {"seed"}
        if len({r.params.get(k) for r in runs}) > 1
    )
    if differing:
        raise RequestError(
            f"{word}: runs of one system differ in seed alone; these differ in {', '.join(differing)}. Give them as systems, with a space between"
        )
    seeds = [r.params.get("seed", r.id) for r in runs]
    if len(set(seeds)) < len(seeds):
        raise RequestError(
            f"{word}: seed {max(seeds, key=seeds.count)} stands twice; a mean over seeds takes each once"
        )


def _setting(run: "Run") -> dict[str, str]:
    return {k: v for k, v in run.params.items() if k != "seed"}


def _seeds(name: str, n: int) -> str:
    return name if n == 1 else f"{name}, mean of {n} seeds"


def letter(k: int) -> str:
    """How the k-th system is called."""
    return chr(ord("A") + k) if k < 26 else f"S{k + 1}"


def read_systems(
    found: Sequence[Entry], level: str, split: str, corpus_option: str | None
) -> "list[System]":
    """The systems' predictions and gold; raise where their corpora or codebooks differ."""
    from sahelclf.evaluation.compare import System
    from sahelclf.evaluation.predictions import carries_gold
    from sahelclf.evaluation.table_files import read_table

    _check_corpora(found)
    rows = {path: read_table(path) for e in found for path in e.tables}
    foreign = [path for path, r in rows.items() if not carries_gold(r)]
    corpus = _corpus_for(foreign, found, corpus_option) if foreign else None
    systems = []
    for k, e in enumerate(found):
        members = [read_predictions(run, f"{level}s", split) for run in e.runs]
        members += [
            _of_table(rows[path], level, str(path), corpus if path in foreign else None)
            for path in e.tables
        ]
        systems.append(System(f"{letter(k)} ({e.name})", tuple(members)))
    return systems


def _check_corpora(found: Sequence[Entry]) -> None:
    problems = []
    runs = [(f"{letter(k)} (run {r.id})", r) for k, e in enumerate(found) for r in e.runs]
    for (a, first), (b, other) in ((runs[0], x) for x in runs[1:]):
        for tag, what in (("codebook", "codebooks"), ("corpus_sha256", "corpora")):
            one, two = first.tags.get(tag, "none"), other.tags.get(tag, "none")
            if one != two:
                problems.append(
                    f"{what} differ: {one[:16]} in {a}, {two[:16]} in {b}; scores on different gold cannot be compared. Train both on one corpus"
                )
    if problems:
        raise RequestError(problems)


def _corpus_for(foreign: Sequence[Path], found: Sequence[Entry], option: str | None) -> "Corpus":
    corpus = labelled_corpus(option, None)
    known = next((r for e in found for r in e.runs), None)
    own = known.tags.get("corpus_sha256") if known else None
    if known and own and own != corpus.sha256:
        raise RequestError(
            f"{foreign[0]}: has no gold of its own, and the corpus at hand, {corpus.root} ({corpus.sha256[:16]}), is not that of run {known.id} "
            f"({own[:16]}); name that one with --corpus"
        )
    return corpus


def _of_table(
    rows: list[dict[str, object]], level: str, where: str, corpus: "Corpus | None"
) -> "tuple[Predictions, Gold]":
    from sahelclf.evaluation.predictions import from_gold_rows

    if corpus is not None:
        levels = labelled_rows(rows, corpus, where)
        if f"{level}s" not in levels:
            raise RequestError(
                f"{where}: no row is of a {level} that {corpus.root} labels; it has {', '.join(levels) or 'none'}"
            )
        return levels[f"{level}s"]
    chosen = [r for r in rows if (r["document_id"] == r["id"]) == (level == "document")]
    if not chosen:
        raise RequestError(f"{where}: no row is of a {level}; --level names the other")
    return from_gold_rows(chosen, where)
