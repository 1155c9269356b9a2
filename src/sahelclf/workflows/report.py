"""What `report` does: rebuild tables, figures and the methods paragraph from runs and bundles."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.errors import RequestError, SahelclfError
from sahelclf.workflows.default import DEFAULT
from sahelclf.workflows.systems import RUN_ID

if TYPE_CHECKING:
    from sahelclf.reports.tables import Subject
    from sahelclf.tracking.read import Run

LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class RobustnessRun:
    """What a run of `robustness` holds: robustness.json, and the rows of robustness.csv."""

    run_id: str
    about: dict[str, Any]
    rows: list[dict[str, Any]]


@dataclass
class _Sources:
    """What the report is about."""

    subjects: "list[Subject]" = field(default_factory=list)
    robustness: list[RobustnessRun] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def report(*sources: str | Path, out: str | Path) -> Path:
    """Write figures, tables, the methods paragraph and its BibTeX into a new folder.

    Parameters
    ----------
    sources
        Run ids or `runs:/<id>`, of `train`, of `robustness` or of a sweep (its finished children
        are taken), and bundle folders; all of one corpus, codebook and split.
    out
        The folder; it must not exist.

    Raises
    ------
    RequestError
        Where a source is unknown, or the sources differ in corpus, codebook or split.
    SahelclfError
        Where the scores of a run do not follow from its predictions.
    """
    from sahelclf.files import written_aside
    from sahelclf.reports.bibliography import CORPUS, citation_entries
    from sahelclf.reports.document import write_report
    from sahelclf.reports.methods import methods_paragraph
    from sahelclf.reports.tables import robustness_table, tables

    target = Path(out)
    if target.exists():
        raise RequestError(f"{target}: exists already; choose another folder, or move it away")
    collected = _read([str(s) for s in sources])
    _check_same_corpus(collected)
    manifest = collected.subjects[0].manifest
    corpus = manifest["config"]["corpus"]
    citations = citation_entries(corpus)
    agreement, annotators = _corpus_record(corpus, manifest["corpus"]["sha256"])
    paragraph = methods_paragraph(
        collected.subjects,
        agreement,
        [r.about for r in collected.robustness],
        corpus_cited=CORPUS in citations,
        annotators=annotators,
    )
    shown = [
        *tables(collected.subjects),
        *(robustness_table(r.about, r.rows) for r in collected.robustness),
    ]
    with written_aside(target) as folder:
        write_report(folder, collected.subjects, shown, paragraph, citations, collected.notes)
    for note in collected.notes:
        LOG.info("note: %s", note)
    return target


def _read(names: list[str]) -> _Sources:
    from sahelclf.bundle.load import open_bundle
    from sahelclf.tracking.read import find_run, finished_children
    from sahelclf.workflows.bundles import local_bundle

    collected = _Sources()
    seen: set[str] = set()
    while names:
        name = names.pop(0)
        run = _run_of(name)
        if run is not None and run.kind == "sweep":
            names = [*(child.id for child in finished_children(run)), *names]
        elif run is not None and run.kind == "robustness":
            collected.robustness.append(_robustness_of(run))
        else:
            with local_bundle(f"runs:/{run.id}" if run else name) as folder:
                manifest = open_bundle(folder)
            if manifest["run_id"] in seen:
                collected.notes.append(f"{name}: run {manifest['run_id']} again; it is shown once")
                continue
            seen.add(manifest["run_id"])
            _add_subject(collected, manifest, run or find_run(manifest["run_id"]))
    if not collected.subjects:
        raise RequestError(
            "report: only runs of robustness; expected a trained run or a bundle too, which says "
            "what the model is"
        )
    return collected


def _run_of(name: str) -> "Run | None":
    """The run of that id; None for a bundle folder."""
    from sahelclf.tracking.read import read_run

    match = RUN_ID.fullmatch(name)
    if match:
        return read_run(match[1], name)
    if name != DEFAULT and not Path(name).is_dir():
        raise RequestError(
            f"{name}: neither a bundle folder nor a run; expected runs:/<32 hexadecimal digits>, "
            "or a folder that train wrote"
        )
    return None


def _robustness_of(run: "Run") -> RobustnessRun:
    from sahelclf.evaluation.prediction_files import read_table
    from sahelclf.tracking.read import fetched_artifact

    with (
        fetched_artifact(run, "robustness.json") as about,
        fetched_artifact(run, "robustness.csv") as rows,
    ):
        if about is None or rows is None:
            raise RequestError(
                f"run {run.id}: a robustness run without its table (status {run.status}); "
                "expected one that finished"
            )
        records = read_table(rows).to_dict("records")
        named = [{str(k): v for k, v in r.items()} for r in records]
        return RobustnessRun(run.id, json.loads(about.read_text(encoding="utf-8")), named)


def _add_subject(collected: _Sources, manifest: dict[str, Any], run: "Run | None") -> None:
    """Add a labeller with its reports: computed from the run's predictions, else those recorded."""
    from sahelclf.evaluation.report import Report
    from sahelclf.evaluation.report import report as score
    from sahelclf.reports.tables import Subject, differences
    from sahelclf.tracking.read import full_metrics
    from sahelclf.workflows.tables import LEVELS, find_predictions

    seed, run_id = manifest["config"]["seed"], manifest["run_id"]
    name = f"{manifest['model']}, seed {seed}"
    if name in {s.name for s in collected.subjects}:
        name = f"{name} ({run_id[:8]})"
    stored = {level: find_predictions(run, level) for level in LEVELS} if run else {}
    tables = {level: table for level, table in stored.items() if table is not None}
    if "passages" in tables:
        reports = {level: score(*table) for level, table in tables.items()}
    else:
        tables = {}
        collected.notes.append(
            f"{name}: no predictions of {f'run {run_id}' if run_id else 'a run'} in the MLflow "
            "store; its tables are those of the bundle's manifest, and figures cannot be drawn"
        )
        recorded = manifest["scores"]
        keys = {level: level.removesuffix("s") for level in LEVELS}
        reports = {k: Report.from_dict(recorded[v]) for k, v in keys.items() if v in recorded}
    subject = Subject(name, manifest, reports, full_metrics(run) if run else {}, tables)
    differing = differences(subject) if tables else []
    if differing:
        raise SahelclfError(
            f"run {run_id}: scores computed from its predictions differ from those recorded: "
            f"{'; '.join(differing[:3])}"
        )
    collected.subjects.append(subject)


def _check_same_corpus(collected: _Sources) -> None:
    """Raise where the sources differ in codebook, corpus or split."""
    first = collected.subjects[0]
    problems = []
    for s in collected.subjects[1:]:
        if s.manifest["codebook"] != first.manifest["codebook"]:
            problems.append(
                f"report: {first.name} and {s.name} were trained with different codebooks; "
                "report on each alone"
            )
        for key in ("sha256", "split"):
            problems += _difference(first, s.name, key, s.manifest["corpus"][key])
    for r in collected.robustness:
        problems += _difference(
            first, f"robustness run {r.run_id}", "sha256", r.about["corpus_sha256"]
        )
    if problems:
        raise RequestError(problems)


def _difference(first: "Subject", name: str, key: str, other: str) -> Sequence[str]:
    value = first.manifest["corpus"][key]
    if value == other:
        return []
    return [
        f"report: {first.name} and {name} differ in corpus {key}: {value[:16]!r} and "
        f"{other[:16]!r}; report on each alone"
    ]


def _corpus_record(corpus: str | None, sha256: str) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Agreement and kinds of annotators, if the corpus is still the one that was trained on."""
    from sahelclf.corpus.read import corpus_root, read_annotator_kinds

    path = corpus_root(corpus) / "card.json"
    card = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if card.get("corpus_sha256") != sha256:
        return [], {}
    return list(card.get("agreement", [])), read_annotator_kinds(path.parent)
