"""`report RUN|BUNDLE … -o FOLDER`: figures, tables, the methods paragraph and its BibTeX, rebuilt from what runs and bundles hold."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.cli.console import parser, result, say
from sahelclf.errors import RequestError, SahelclfError
from sahelclf.reports.text import table

if TYPE_CHECKING:
    from sahelclf.reports.tables import Subject, Table
    from sahelclf.tracking.read import Run

EPILOG = """examples:
  python -m sahelclf report bundles/first -o paper
  python -m sahelclf report runs:/<run id> runs:/<run id> runs:/<robustness run id> -o paper

RUN is a run of train, of robustness, or the parent of a sweep (its finished children are taken): runs:/<id> or the bare id.
BUNDLE is a bundle folder; where the MLflow store knows its run, scores are rebuilt from the run's predictions and the figures
drawn, else the tables are those of the manifest. All of one corpus and split.

FOLDER gets report.md, methods.tex, references.bib, tables/*.csv and *.tex, figures/*.png and *.pdf.
"""
RUN_ID = re.compile(r"(?:runs:/)?([0-9a-f]{32})/?")


@dataclass(frozen=True)
class Robust:
    """What a run of `robustness` holds: robustness.json, and the rows of robustness.csv."""

    run_id: str
    about: dict[str, Any]
    rows: list[dict[str, Any]]


def run(args: list[str]) -> int:
    """Read, rebuild, check against what was recorded, write."""
    p = parser(
        "report",
        "Rebuild figures and tables of runs or bundles, and write the methods paragraph with its BibTeX.",
        EPILOG,
    )
    p.add_argument("what", nargs="+", metavar="RUN|BUNDLE")
    p.add_argument("-o", "--out", required=True, metavar="FOLDER")
    options = p.parse_args(args)
    target = Path(options.out)
    if target.exists():
        raise RequestError(f"{target}: exists already; choose another folder, or move it away")

    from sahelclf.reports.tables import robustness_table, tables

    subjects, robust, notes = _read(options.what)
    _same_corpus(subjects, robust)
    found = [*tables(subjects), *(robustness_table(r.about, r.rows) for r in robust)]
    paragraph, references = _methods(subjects, robust)
    _write(target, subjects, found, paragraph, references, notes)
    for note in notes:
        say(f"note: {note}")
    result(str(target))
    return 0


def _read(what: Sequence[str]) -> "tuple[list[Subject], list[Robust], list[str]]":
    from sahelclf.bundle.load import open_bundle
    from sahelclf.tracking.read import find_run, finished_children
    from sahelclf.tracking.store import tracking_uri
    from sahelclf.workflows.bundles import local_bundle

    subjects: list[Subject] = []
    robust: list[Robust] = []
    notes: list[str] = []
    todo = list(what)
    while todo:
        word = todo.pop(0)
        named = RUN_ID.fullmatch(word)
        if named is None and not Path(word).is_dir():
            raise RequestError(
                f"{word}: neither a bundle folder nor a run; expected runs:/<32 hexadecimal digits>, or a folder that train wrote"
            )
        stored = find_run(named[1]) if named else None
        if named and stored is None:
            raise RequestError(
                f"{word}: no such run in {tracking_uri()}; cd to where mlflow.db lies, set MLFLOW_TRACKING_URI, or name the bundle's folder"
            )
        if stored is not None and stored.kind == "sweep":
            todo = [*(child.id for child in finished_children(stored)), *todo]
        elif stored is not None and stored.kind == "robustness":
            robust.append(_robust(stored))
        else:
            with local_bundle(f"runs:/{stored.id}" if stored else word) as folder:
                manifest = open_bundle(folder)
            subjects.append(
                _subject(
                    manifest,
                    stored or find_run(manifest["run_id"]),
                    {s.name for s in subjects},
                    notes,
                )
            )
    if not subjects:
        raise RequestError(
            "report: only runs of robustness; expected a trained run or bundle besides, which says what the model is"
        )
    return subjects, robust, notes


def _robust(stored: "Run") -> Robust:
    from sahelclf.evaluation.prediction_files import read_table
    from sahelclf.tracking.read import fetched_artifact

    with (
        fetched_artifact(stored, "robustness.json") as about,
        fetched_artifact(stored, "robustness.csv") as rows,
    ):
        if about is None or rows is None:
            raise RequestError(
                f"run {stored.id}: a robustness run without its table (status {stored.status}); expected one that finished"
            )
        table = [{str(k): v for k, v in r.items()} for r in read_table(rows).to_dict("records")]
        return Robust(stored.id, json.loads(about.read_text(encoding="utf-8")), table)


def _subject(
    manifest: dict[str, Any], stored: "Run | None", taken: set[str], notes: list[str]
) -> "Subject":
    from sahelclf.evaluation.report import Report, report
    from sahelclf.reports.tables import Subject, differences
    from sahelclf.training.seeds import derive_seed
    from sahelclf.workflows.tables import LEVELS, find_predictions

    seed = manifest["config"]["seed"]
    name = f"{manifest['model']}, seed {seed}"
    name = f"{name} ({manifest['run_id'][:8]})" if name in taken else name
    tables = {level: find_predictions(stored, level) for level in LEVELS} if stored else {}
    found = {level: table for level, table in tables.items() if table is not None}
    if "passages" not in found:
        notes.append(
            f"{name}: no predictions of run {manifest['run_id']} in the MLflow store; its tables are those of the bundle's manifest, and figures cannot be drawn"
        )
        reports = {
            level: Report.from_dict(manifest["scores"][level.removesuffix("s")])
            for level in LEVELS
            if level.removesuffix("s") in manifest["scores"]
        }
        return Subject(name, manifest, reports, stored.metrics if stored else {}, {})
    reports = {
        level: report(p, gold, derive_seed(seed, "bootstrap")) for level, (p, gold) in found.items()
    }
    subject = Subject(name, manifest, reports, stored.metrics if stored else {}, found)
    differing = differences(subject)
    if differing:
        raise SahelclfError(
            f"run {manifest['run_id']}: scores rebuilt from its predictions are not those recorded: {'; '.join(differing[:3])}"
        )
    return subject


def _same_corpus(subjects: "Sequence[Subject]", robust: Sequence[Robust]) -> None:
    """One report is about one corpus, codebook and split; what differs is named."""
    first = subjects[0]
    problems = []
    for s in subjects[1:]:
        if s.manifest["codebook"] != first.manifest["codebook"]:
            problems.append(
                f"report: {first.name} and {s.name} were trained by different codebooks; report on each apart"
            )
        for what in ("sha256", "split"):
            one, other = first.manifest["corpus"][what], s.manifest["corpus"][what]
            if one != other:
                problems.append(
                    f"report: {first.name} and {s.name} differ in corpus {what}: {one[:16]!r} and {other[:16]!r}; report on each apart"
                )
    for r in robust:
        one, other = first.manifest["corpus"]["sha256"], r.about["corpus_sha256"]
        if one != other:
            problems.append(
                f"report: {first.name} and robustness run {r.run_id} differ in corpus sha256: {one[:16]!r} and {other[:16]!r}; report on each apart"
            )
    if problems:
        raise RequestError(problems)


def _methods(subjects: "Sequence[Subject]", robust: Sequence[Robust]) -> tuple[str, str]:
    """The paragraph, and the BibTeX of what it cites."""
    from sahelclf.corpus.read import corpus_root
    from sahelclf.paths import data_root
    from sahelclf.reports.bibliography import bibliography, cff_entry, cited_keys, read_cff
    from sahelclf.reports.methods import CORPUS, PACKAGE, methods_paragraph

    package = read_cff(data_root() / "CITATION.cff")
    own = {PACKAGE: cff_entry(PACKAGE, package)}
    named = subjects[0].manifest["config"]["corpus"]
    root = corpus_root(named)
    of_corpus = (
        [r for r in package.get("references", []) if r.get("type") == "dataset"]
        if named is None
        else []
    )
    if (root / "CITATION.cff").exists():
        of_corpus = [read_cff(root / "CITATION.cff")]
    if of_corpus:
        inherited = {"date-released": package.get("date-released")} if named is None else {}
        own[CORPUS] = cff_entry(CORPUS, {"type": "dataset"} | inherited | of_corpus[0])
    agreement = _agreement(root, subjects[0].manifest["corpus"]["sha256"])
    paragraph = methods_paragraph(
        subjects, agreement, [r.about for r in robust], corpus_cited=CORPUS in own
    )
    return paragraph, bibliography(cited_keys(paragraph), own)


def _agreement(root: Path, sha256: str) -> list[dict[str, Any]]:
    """The card's agreement, where the card at hand is of the very corpus that was trained on."""
    path = root / "card.json"
    card = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return list(card.get("agreement", [])) if card.get("corpus_sha256") == sha256 else []


def _write(
    target: Path,
    subjects: "Sequence[Subject]",
    found: "Sequence[Table]",
    paragraph: str,
    references: str,
    notes: Sequence[str],
) -> None:
    import pandas as pd

    from sahelclf.files import written_aside
    from sahelclf.reports.methods import as_latex

    with written_aside(target) as folder:
        lines = [
            "# Report",
            "",
            "## Methods",
            "",
            paragraph,
            "",
            "The same for LaTeX: methods.tex, with references.bib.",
            "",
        ]
        (folder / "tables").mkdir()
        for t in found:
            pd.DataFrame(t.records).to_csv(folder / "tables" / f"{t.name}.csv", index=False)
            (folder / "tables" / f"{t.name}.tex").write_text(
                table(t.shown, "latex_booktabs") + "\n", encoding="utf-8"
            )
            lines += [
                f"## {t.title}",
                "",
                table(t.shown, "github"),
                "",
                f"tables/{t.name}.csv, tables/{t.name}.tex",
                "",
            ]
        for s in subjects:
            lines += _figures(folder, s)
        remarks = [*notes, *(f"{s.name}: {n}" for s in subjects for n in s.manifest["notes"])]
        lines += ["## Notes", "", *(f"- {n}" for n in remarks), ""] if remarks else []
        (folder / "report.md").write_text("\n".join(lines), encoding="utf-8")
        (folder / "methods.tex").write_text(as_latex(paragraph), encoding="utf-8")
        (folder / "references.bib").write_text(references, encoding="utf-8")


def _figures(folder: Path, subject: "Subject") -> list[str]:
    """Draw what the predictions allow, as PNG and PDF; the lines that show it."""
    import numpy as np

    from sahelclf.reports.figures import figures

    if "passages" not in subject.tables:
        return []
    slug = re.sub(r"\W+", "-", subject.name).strip("-")
    (folder / "figures" / slug).mkdir(parents=True)
    thresholds = np.array([subject.manifest["thresholds"][t] for t in subject.names.topics])
    lines = [f"## Figures: {subject.name}", ""]
    for path, figure in figures(*subject.tables["passages"], thresholds).items():
        stem = f"figures/{slug}/{Path(path).stem}"
        figure.savefig(folder / f"{stem}.png", dpi=200)
        figure.savefig(folder / f"{stem}.pdf")
        lines += [f"![{Path(path).stem.replace('_', ' ')}]({stem}.png)", ""]
    return lines
