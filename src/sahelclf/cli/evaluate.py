"""`evaluate MODEL|PREDICTIONS [--corpus] [--split]`: scores on texts that the model has not seen."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.cli.predict import load_labeller
from sahelclf.cli.terminal import parser, result, say, table
from sahelclf.errors import RequestError

if TYPE_CHECKING:
    from sahelclf.corpus.read import Corpus
    from sahelclf.evaluation.predictions import Gold, Predictions
    from sahelclf.evaluation.report import Report
    from sahelclf.labelling.labeller import Labeller

LEDGER = Path("experiments") / "ledger.jsonl"
EPILOG = """MODEL is a bundle folder, runs:/… or models:/…; PREDICTIONS is a flat table (.csv, .parquet, .jsonl) of any system,
with a column id of the corpus's units and <topic>_holds, <topic>_stance (and probabilities where there are any).

Scores go to standard output as JSON; the table goes to standard error. A bundle's test scores are added to its own MLflow
run as test/…, and every evaluation is noted in experiments/ledger.jsonl of the working folder.
"""


def run(args: list[str]) -> int:
    """Score MODEL or PREDICTIONS."""
    p = parser("evaluate", "Score a bundle, or any system's predictions, against a corpus.", EPILOG)
    p.add_argument("model", metavar="MODEL|PREDICTIONS")
    p.add_argument("--corpus", metavar="FOLDER", help="default: the packaged corpus")
    p.add_argument("--split", default="test", metavar="PART", help="a part of the split (default: test), or 'all'")
    p.add_argument("--of", default=None, metavar="SPLIT", help="the split whose part it is (default: the bundle's own, else grouped)")
    options = p.parse_args(args)

    from sahelclf.corpus.read import read_corpus
    from sahelclf.training.run import agreement_scores, corpus_root

    corpus = read_corpus(corpus_root(options.corpus))
    is_table = Path(options.model).is_file()
    labeller = None if is_table else load_labeller(options.model)
    split_name = options.of or (labeller.manifest["config"]["split"] if labeller else "grouped")
    ids = _documents(corpus, split_name, options.split)
    levels = _from_table(Path(options.model), corpus, ids) if labeller is None else _from_labeller(labeller, corpus, ids)
    from sahelclf.evaluation.report import report

    reports = {level: report(predicted, gold) for level, (predicted, gold) in levels.items()}
    human = agreement_scores(corpus, set(ids)).get("passage" if "passages" in reports else "document", {})
    _show(reports, human, next(iter(levels.values()))[0].names)
    entry = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": options.model,
        "run_id": labeller.manifest["run_id"] if labeller else None,
        "corpus_sha256": corpus.sha256,
        "split": split_name,
        "part": options.split,
        "documents": len(ids),
        "headline": {level: {k: round(r.scores[k], 4) for k in ("topic/macro_f1", "stance/macro_f1", "joint/f1")} for level, r in reports.items()},
    }
    _note(entry)
    if labeller is not None:
        _track(labeller, corpus.sha256, split_name, options.split, reports)
    result(json.dumps(entry | {"reports": {level: r.as_dict() for level, r in reports.items()}}, ensure_ascii=False))
    return 0


def _documents(corpus: "Corpus", split_name: str, part: str) -> list[str]:
    from sahelclf.corpus.splits import read_split

    if part == "all":
        return [d.id for d in corpus.documents]
    split = read_split(corpus, split_name)
    if part not in split.parts:
        raise RequestError(f"--split {part}: split {split_name!r} has no such part; expected one of {[*split.parts, 'all']}")
    wanted = set(split.parts[part])
    return [d.id for d in corpus.documents if d.id in wanted]


def _from_labeller(labeller: "Labeller", corpus: "Corpus", ids: list[str]) -> "dict[str, tuple[Predictions, Gold]]":
    import numpy as np

    from sahelclf.evaluation.decide import Calibration, Decision
    from sahelclf.evaluation.predictions import Gold
    from sahelclf.tasks.labeller import passage_data
    from sahelclf.training.run import apply_decision, labelled_documents, labeller_names, text_sha256

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
    levels = {"passages": (passages, Gold.from_heads(data.y, names)), "documents": labelled_documents(corpus, whole)}
    return {name: level for name, level in levels.items() if level[0].ids}


def _from_table(path: Path, corpus: "Corpus", ids: list[str]) -> "dict[str, tuple[Predictions, Gold]]":
    from sahelclf.evaluation.predictions import Gold, from_flat_rows
    from sahelclf.labelling.tables import read_table
    from sahelclf.tasks.labeller import encode_topics
    from sahelclf.training.run import labeller_names

    names = labeller_names(corpus.codebook)
    wanted = set(ids)
    owner = {d.id: d.id for d in corpus.documents} | {p.id: p.document_id for p in corpus.passages}
    table = from_flat_rows(read_table(path), names, owner, str(path))
    labels = {d.id: d.topics for d in corpus.documents if d.topics is not None} | {p.id: p.topics for p in corpus.passages}
    levels = {}
    for level, whole in (("passages", False), ("documents", True)):
        expected = [i for i in labels if owner[i] in wanted and (i in corpus.document) == whole]
        known = set(expected)
        rows = [k for k, i in enumerate(table.ids) if i in known]
        if not rows:
            continue
        missing = sorted(known - {table.ids[k] for k in rows})
        if missing:
            raise RequestError(f"{path}: {len(missing)} of {len(expected)} {level} have no prediction: {missing[:5]}, …")
        y, _ = encode_topics([labels[table.ids[k]] for k in rows], corpus.codebook)
        levels[level] = (table.take(rows), Gold.from_heads(y, names))
    if not levels:
        raise RequestError(f"{path}: no row is of a unit of that part of {corpus.root}")
    return levels


def _show(reports: "dict[str, Report]", human: dict[str, float], names: Any) -> None:
    from sahelclf.evaluation.report import label_table, score_table

    for level, r in reports.items():
        say(f"{r.n_units:,} {level} of {r.n_documents} documents")
    say(table(score_table(reports, human, names)))
    say()
    say(table(label_table(next(iter(reports.values())), names)))


def _note(entry: dict[str, Any]) -> None:
    LEDGER.parent.mkdir(exist_ok=True)
    with LEDGER.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(entry, ensure_ascii=False) + "\n")


def _track(labeller: "Labeller", corpus_sha256: str, split: str, part: str, reports: "dict[str, Report]") -> None:
    from sahelclf.tracking.runs import log_scores

    run_id, own = labeller.manifest["run_id"], labeller.manifest["corpus"]
    if (corpus_sha256, split) != (own["sha256"], own["split"]):
        say(f"\nnot added to run {run_id}: it was trained on another corpus or split, and test/… there means its own")
        return
    metrics: dict[str, float] = {}
    for level, r in reports.items():
        metrics |= r.metrics(f"{part}/") if level == "passages" else r.headline(f"{part}/document/")
    if log_scores(run_id, metrics):
        say(f"\nadded to run {run_id} as {part}/…")
    else:
        say(f"\nrun {run_id} is not in this MLflow store; the scores were not added to it")
