"""`evaluate MODEL|PREDICTIONS … [--corpus] [--split]`: scores on texts that the model has not seen."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.cli.console import parser, result, say
from sahelclf.errors import RequestError
from sahelclf.reports.text import table
from sahelclf.workflows.bundles import load_labeller
from sahelclf.workflows.tables import labelled_corpus, labelled_rows, part_of

if TYPE_CHECKING:
    from sahelclf.bundle.labeller import Labeller
    from sahelclf.corpus.read import Corpus
    from sahelclf.evaluation.report import Report
    from sahelclf.workflows.tables import Levels

LEDGER = Path("experiments") / "ledger.jsonl"
NO_SETTING = {"seed", "out", "parent_run_id"}
EPILOG = """MODEL is a bundle folder, runs:/… or models:/…; PREDICTIONS is a flat table (.csv, .parquet, .jsonl) of any system,
with a column id of the corpus's units and <topic>_holds, <topic>_stance (and probabilities where there are any).
--corpus takes a corpus folder, or one .jsonl file of labelled passages (id, document_id, index, text, topics).

Scores go to standard output as JSON, one line a model; tables go to standard error. Of bundles that differ in seed alone, the
mean and standard deviation follow as a last line. --gold takes a sheet that `corpus sample INPUT` drew from a collection of your own,
filled: scores are those on that collection, weighted by the chance with which each row was drawn. A bundle's test scores and its predictions table are added to its own MLflow
run as test/…, and every evaluation is noted in experiments/ledger.jsonl of the working folder.
"""


def run(args: list[str]) -> int:
    """Score each MODEL or PREDICTIONS."""
    p = parser("evaluate", "Score bundles, or any system's predictions, against a corpus.", EPILOG)
    p.add_argument("models", nargs="+", metavar="MODEL|PREDICTIONS")
    p.add_argument("--corpus", metavar="FOLDER|FILE", help="default: the packaged corpus")
    p.add_argument(
        "--split",
        default=None,
        metavar="PART",
        help="a part of the split (default: test; for a file: all), or 'all'",
    )
    p.add_argument(
        "--gold",
        metavar="SHEET",
        help="a filled sheet of a collection of your own, in place of a corpus's labels",
    )
    p.add_argument(
        "--of",
        default=None,
        metavar="SPLIT",
        help="the split whose part it is (default: the bundle's own, else grouped)",
    )
    options = p.parse_args(args)
    if options.gold and (options.split or options.of):
        raise RequestError("evaluate: --gold takes the whole sheet; leave out --split and --of")
    entries, settings = [], []
    for model in options.models:
        labeller = None if Path(model).is_file() else load_labeller(model)
        entries.append(
            _on_sheet(model, labeller, options)
            if options.gold
            else _evaluate(model, labeller, options)
        )
        config = labeller.manifest["config"] if labeller else {"table": model}
        settings.append({k: v for k, v in config.items() if k not in NO_SETTING})
    if len(entries) > 1 and all(s == settings[0] for s in settings):
        _show_mean(entries)
    return 0


def _evaluate(model: str, labeller: "Labeller | None", options: Any) -> dict[str, Any]:
    from sahelclf.corpus.agreement import agreement_scores
    from sahelclf.evaluation.report import HEADLINE, report
    from sahelclf.evaluation.table_files import read_table

    corpus = labelled_corpus(options.corpus, labeller.manifest["codebook"] if labeller else None)
    split_name, part = _part(corpus, labeller, options)
    ids = _documents(corpus, split_name, part)
    if labeller is None:
        levels = part_of(labelled_rows(read_table(Path(model)), corpus, model), corpus, ids, model)
    else:
        levels = _from_labeller(labeller, corpus, ids)
    reports = {level: report(predicted, gold) for level, (predicted, gold) in levels.items()}
    human = agreement_scores(corpus, set(ids)).get(
        "passage" if "passages" in reports else "document", {}
    )
    _show(model, reports, human, next(iter(levels.values()))[0].names)
    entry = _subject(model, labeller) | {
        "corpus_sha256": corpus.sha256,
        "split": split_name,
        "part": part,
        "documents": len(ids),
        "headline": {
            level: {k: round(r.scores[k], 4) for k in HEADLINE} for level, r in reports.items()
        },
    }
    _note(entry)
    if labeller is not None:
        _track(labeller, corpus.sha256, split_name, part, reports, levels)
    result(
        json.dumps(
            entry | {"reports": {level: r.as_dict() for level, r in reports.items()}},
            ensure_ascii=False,
        )
    )
    return entry


def _on_sheet(model: str, labeller: "Labeller | None", options: Any) -> dict[str, Any]:
    """Scores on the collection that a sheet was drawn from."""
    from sahelclf.evaluation.report import HEADLINE
    from sahelclf.evaluation.weighted import weighted_report
    from sahelclf.workflows.sheets import on_sheet

    predicted, sheet, notes = on_sheet(model, labeller, options.gold, options.corpus)
    found = weighted_report(predicted, sheet.gold, 1 / sheet.probability)
    _show(model, {"units": found}, {}, predicted.names)
    for note in notes:
        say(f"warning: {note}")
    entry = _subject(model, labeller) | {
        "sheet": options.gold,
        "units": len(sheet.ids),
        "stands_for": round(float((1 / sheet.probability).sum())),
        "headline": {"units": {k: round(found.scores[k], 4) for k in HEADLINE}},
    }
    result(json.dumps(entry | {"reports": {"units": found.as_dict()}}, ensure_ascii=False))
    return entry


def _subject(model: str, labeller: "Labeller | None") -> dict[str, Any]:
    """What was scored, and when."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        "when": when,
        "model": model,
        "run_id": labeller.manifest["run_id"] if labeller else None,
    }


def _part(corpus: "Corpus", labeller: "Labeller | None", options: Any) -> tuple[str | None, str]:
    """The split and its part that are asked for; a file of passages is scored whole."""
    if corpus.root.is_file():
        if options.of or options.split not in {None, "all"}:
            raise RequestError(
                f"--corpus {corpus.root}: a file of passages has no splits; leave out --split and --of"
            )
        return None, "all"
    return options.of or (
        labeller.manifest["config"]["split"] if labeller else "grouped"
    ), options.split or "test"


def _documents(corpus: "Corpus", split_name: str | None, part: str) -> list[str]:
    from sahelclf.corpus.splits import read_split

    if part == "all" or split_name is None:
        return [d.id for d in corpus.documents]
    split = read_split(corpus, split_name)
    if part not in split.parts:
        raise RequestError(
            f"--split {part}: split {split_name!r} has no such part; expected one of {[*split.parts, 'all']}"
        )
    wanted = set(split.parts[part])
    return [d.id for d in corpus.documents if d.id in wanted]


def _from_labeller(labeller: "Labeller", corpus: "Corpus", ids: Sequence[str]) -> "Levels":
    import numpy as np

    from sahelclf.corpus.duplicates import text_sha256
    from sahelclf.evaluation.decide import (
        Calibration,
        Decision,
        apply_decision,
        labelled_documents,
        labeller_names,
    )
    from sahelclf.evaluation.predictions import Gold
    from sahelclf.tasks.labeller import passage_data

    names = labeller_names(corpus.codebook)
    if (labeller.topics, labeller.stances) != (names.topics, names.stances):
        raise RequestError(
            f"{corpus.root}: the corpus has topics {list(names.topics)} and stances {list(names.stances)}, "
            f"the bundle {list(labeller.topics)} and {list(labeller.stances)}"
        )
    data = passage_data(corpus, ids)
    seen = set(labeller.manifest["training_texts"])
    known = [i for i, t in zip(data.ids, data.texts, strict=True) if text_sha256(t)[:20] in seen]
    if known:
        raise RequestError(
            f"{corpus.root}: {len(known)} of {len(data)} passages were trained on ({', '.join(known[:3])}, …); a score on them would "
            "flatter. Evaluate on another part, for instance --split test"
        )
    n = len(data.layout)
    documents = labeller.manifest["documents"]

    def column(name: str) -> np.ndarray:
        return np.array([documents[name][t] for t in labeller.topics])

    decision = Decision(
        Calibration(np.ones(n), np.zeros(n)),
        labeller.runtime.thresholds,
        Calibration(column("scale"), column("offset")),
        column("thresholds"),
    )
    passages, whole = apply_decision(decision, labeller.runtime.logits(data.texts), data, names)
    levels = {
        "passages": (passages, Gold.from_heads(data.y, names)),
        "documents": labelled_documents(corpus, whole),
    }
    return {name: level for name, level in levels.items() if level[0].ids}


def _show(model: str, reports: "dict[str, Report]", human: dict[str, float], names: Any) -> None:
    from sahelclf.reports.tables import label_table, score_table

    say(model)
    for level, r in reports.items():
        say(f"{r.n_units:,} {level} of {r.n_documents} documents")
    say(table(score_table("passages", reports, human, names).shown))
    say()
    first = {"": next(iter(reports.values()))}
    say(table([row[1:] for row in label_table(first, names).shown]))
    for level, r in reports.items():
        for warning in r.warnings:
            say(f"warning ({level}): {warning}")


def _show_mean(entries: Sequence[dict[str, Any]]) -> None:
    """Mean and standard deviation of the headline scores over seeds."""
    import numpy as np

    mean: dict[str, dict[str, float]] = {}
    sd: dict[str, dict[str, float]] = {}
    for level, scores in entries[0]["headline"].items():
        values = {name: [e["headline"][level][name] for e in entries] for name in scores}
        mean[level] = {name: round(float(np.mean(v)), 4) for name, v in values.items()}
        sd[level] = {name: round(float(np.std(v, ddof=1)), 4) for name, v in values.items()}
        figures = ", ".join(
            f"{name} {mean[level][name]:.3f} ± {sd[level][name]:.3f}" for name in scores
        )
        say(f"{level}, mean ± sd over {len(entries)} seeds: {figures}")
    result(
        json.dumps(
            {"models": [e["model"] for e in entries], "mean": mean, "sd": sd}, ensure_ascii=False
        )
    )


def _note(entry: dict[str, Any]) -> None:
    LEDGER.parent.mkdir(exist_ok=True)
    with LEDGER.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(entry, ensure_ascii=False) + "\n")


def _track(
    labeller: "Labeller",
    corpus_sha256: str,
    split: str | None,
    part: str,
    reports: "dict[str, Report]",
    levels: "Levels",
) -> None:
    """Scores as metrics and the predictions as tables, `predictions/<part>_passages.csv`, in the bundle's own run."""
    import pandas as pd

    from sahelclf.tracking.runs import Record, log_record, log_scores

    run_id, own = labeller.manifest["run_id"], labeller.manifest["corpus"]
    if (corpus_sha256, split) != (own["sha256"], own["split"]):
        say(
            f"\nnot added to run {run_id}: it was trained on another corpus or split, and test/… there means its own"
        )
        return
    metrics: dict[str, float] = {}
    for level, r in reports.items():
        metrics |= r.metrics(f"{part}/") if level == "passages" else r.headline(f"{part}/document/")
    if not log_scores(run_id, metrics):
        say(f"\nrun {run_id} is not in this MLflow store; the scores were not added to it")
        return
    tables = {
        f"predictions/{part}_{level}.csv": pd.DataFrame(p.flat_rows(gold))
        for level, (p, gold) in levels.items()
    }
    log_record(
        run_id,
        Record(params={}, tags={}, metrics={}, inputs=[], texts={}, tables=tables, figures={}),
    )
    say(f"\nadded to run {run_id} as {part}/…, with {', '.join(tables)}")
