"""Scores of a bundle or of any system's predictions, on texts that the model has not seen."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.errors import RequestError, SahelclfError
from sahelclf.evaluation.report import HEADLINE, Report, report
from sahelclf.workflows.bundles import load_labeller
from sahelclf.workflows.tables import labelled_corpus, labelled_rows, part_of
from sahelclf.workflows.trained_on import refuse_scores, refuse_trained_on

if TYPE_CHECKING:
    import pandas as pd

    from sahelclf.bundle.labeller import Labeller
    from sahelclf.corpus.read import Corpus
    from sahelclf.evaluation.predictions import Names
    from sahelclf.workflows.tables import Levels

LOG = logging.getLogger(__name__)
LEDGER = Path("experiments") / "ledger.jsonl"
PURPOSE = {
    "train": "models are trained on it",
    "dev": "for choices; `train` fits on it too",
    "test": "for the final score, once, when every choice is made",
    "pages": "for the final score on texts with the layout of real pages, as test",
}


@dataclass(frozen=True)
class Evaluation:
    """Reports by level (`passages`, `documents`; `units` of a coded sheet), and what was scored."""

    reports: dict[str, Report]
    names: "Names"
    about: dict[str, Any]
    agreement: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    labeller: "Labeller | None" = None
    levels: "Levels" = field(default_factory=dict)

    @property
    def scores(self) -> dict[str, float]:
        """Scores by name: of passages or units, and headline scores of documents, `document/…`."""
        scores: dict[str, float] = {}
        for level, r in self.reports.items():
            scores |= r.headline("document/") if level == "documents" else r.scores
        return scores

    @property
    def headline(self) -> dict[str, dict[str, float]]:
        """The three headline scores by level, rounded to four digits."""
        return {
            level: {k: round(r.scores[k], 4) for k in HEADLINE if k in r.scores}
            for level, r in self.reports.items()
        }

    @property
    def table(self) -> "pd.DataFrame":
        """One row a level and score, with its 95% interval."""
        return score_frame(self.reports)

    def as_dict(self) -> dict[str, Any]:
        """Plain form, as the command prints it."""
        reports = {level: r.as_dict() for level, r in self.reports.items()}
        return self.about | {"headline": self.headline, "reports": reports}

    def record(self) -> None:
        """Add a line to `experiments/ledger.jsonl`, and scores and predictions to the bundle's run.

        What cannot be written is a warning, not an error.
        """
        if not self.levels:
            return
        try:
            LEDGER.parent.mkdir(exist_ok=True)
            with LEDGER.open("a", encoding="utf-8") as stream:
                entry = self.about | {"headline": self.headline}
                stream.write(json.dumps(entry, ensure_ascii=False) + "\n")
        except OSError as error:
            what = f"{LEDGER}: not written ({error.strerror})"
            LOG.warning("%s; every look at test data belongs there: note this one yourself", what)
        if self.labeller is not None:
            try:
                _track(self, self.labeller)
            except (OSError, SahelclfError) as error:
                LOG.warning("the scores were not added to the bundle's run: %s", error)


def score_frame(reports: Mapping[str, Report]) -> "pd.DataFrame":
    """A table with columns level, score, value, low and high; bounds may be missing."""
    import pandas as pd

    missing = (float("nan"), float("nan"))
    rows = [
        (level, name, value, *r.intervals.get(name, missing))
        for level, r in reports.items()
        for name, value in r.scores.items()
    ]
    return pd.DataFrame(rows, columns=["level", "score", "value", "low", "high"])


def evaluate(
    model_or_table: str | Path,
    *,
    split: str | None = None,
    corpus: str | Path | None = None,
    of: str | None = None,
    gold: str | Path | None = None,
) -> Evaluation:
    """Score a bundle or a predictions table, and record that, as the command `evaluate` does.

    Parameters
    ----------
    model_or_table
        A bundle folder, `runs:/…`, `models:/…`, or a flat predictions table of any system.
    split
        The part of the split to score on, such as `"test"`, or `"all"`. It has no default, so that
        nobody looks at test data by accident. Not with `gold`, nor with one file of passages.
    corpus
        A corpus folder or one file of labelled passages; None is the packaged corpus.
    of
        The split whose part it is; None is the bundle's own, else `grouped`.
    gold
        A filled coding sheet of another collection, in place of a corpus's labels.

    Returns
    -------
    Evaluation
        `.scores`, `.table` (a DataFrame with 95% intervals), `.reports` and `.as_dict()`.

    Raises
    ------
    RequestError
        `split` is missing or unknown; a unit has no prediction; the bundle was trained on a text.

    Examples
    --------
    >>> evaluation = sahelclf.evaluate("bundles/tfidf-…", split="test")  # doctest: +SKIP
    >>> evaluation.scores["topic/macro_f1"], evaluation.table                 # doctest: +SKIP
    """
    evaluation = score(model_or_table, split, corpus, of, gold)
    evaluation.record()
    return evaluation


def score(
    model_or_table: str | Path,
    split: str | None = None,
    corpus: str | Path | None = None,
    of: str | None = None,
    gold: str | Path | None = None,
) -> Evaluation:
    """The same without a record of it; see `evaluate`."""
    if gold and (split or of):
        raise RequestError("evaluate: --gold takes the whole sheet; leave out --split and --of")
    model, folder = str(model_or_table), str(corpus) if corpus else None
    labeller = None if Path(model).is_file() else load_labeller(model)
    if gold:
        return _on_sheet(model, labeller, str(gold), folder)
    return _on_corpus(model, labeller, folder, of, split)


def _on_corpus(
    model: str,
    labeller: "Labeller | None",
    folder: str | None,
    of: str | None,
    part: str | None,
) -> Evaluation:
    from sahelclf.corpus.agreement import agreement_scores
    from sahelclf.evaluation.prediction_files import read_table

    rows = read_table(model) if labeller is None else None  # a table is checked before the corpus
    corpus = labelled_corpus(folder, labeller.manifest["codebook"] if labeller else None)
    default = labeller.manifest["config"]["split"] if labeller else "grouped"
    split, part, ids = _documents(corpus, of, default, part)
    if labeller is not None:
        levels = _labelled(labeller, corpus, ids)
    elif rows is not None:
        levels = part_of(labelled_rows(rows, corpus, model), corpus, ids, model)
        _refuse_training_texts(model, levels, corpus)
    level = "passage" if "passages" in levels else "document"
    about = {"corpus_sha256": corpus.sha256, "split": split, "part": part, "documents": len(ids)}
    return Evaluation(
        reports={name: report(predicted, gold) for name, (predicted, gold) in levels.items()},
        names=next(iter(levels.values()))[0].names,
        about=_subject(model, labeller) | about,
        agreement=agreement_scores(corpus, set(ids)).get(level, {}),
        labeller=labeller,
        levels=levels,
    )


def _refuse_training_texts(model: str, levels: "Levels", corpus: "Corpus") -> None:
    """Raise where the table says that its model was trained on units that are scored."""
    from sahelclf.evaluation.provenance import read_provenance

    provenance = read_provenance(model)
    if provenance is None or provenance.cross_fitted:
        return
    texts = {p.id: p.text for p in corpus.passages}
    for level, (predicted, _) in levels.items():
        units = predicted.ids
        texts_of_level = {i: texts[i] if level == "passages" else corpus.text_of(i) for i in units}
        refuse_scores(provenance.hashes, texts_of_level, model)


def _on_sheet(model: str, labeller: "Labeller | None", gold: str, corpus: str | None) -> Evaluation:
    """Scores on the collection that a sheet was drawn from."""
    from sahelclf.evaluation.weighted import weighted_report
    from sahelclf.workflows.sheets import on_sheet

    predicted, sheet, notes = on_sheet(model, labeller, gold, corpus)
    weights = 1 / sheet.probability
    about = {"sheet": gold, "units": len(sheet.ids), "stands_for": round(float(weights.sum()))}
    return Evaluation(
        reports={"units": weighted_report(predicted, sheet.gold, weights)},
        names=predicted.names,
        about=_subject(model, labeller) | about,
        notes=tuple(notes),
        labeller=labeller,
    )


def _subject(model: str, labeller: "Labeller | None") -> dict[str, Any]:
    """What was scored, and when."""
    when = datetime.now(UTC).isoformat(timespec="seconds")
    run_id = labeller.manifest["run_id"] if labeller else None
    return {"when": when, "model": model, "run_id": run_id}


def _documents(
    corpus: "Corpus", of: str | None, default: str, part: str | None
) -> tuple[str | None, str, list[str]]:
    """The split, its part, and the ids of its documents; a file of passages is scored whole."""
    from sahelclf.corpus.splits import held_apart, read_split

    every = [d.id for d in corpus.documents]
    if corpus.root.is_file():
        if of or part not in {None, "all"}:
            raise RequestError(
                f"--corpus {corpus.root}: a file of passages has no splits; leave out --split "
                "and --of"
            )
        return None, "all", every
    name = of or default
    if part == "all":
        return name, part, every
    parts = read_split(corpus, name).parts | held_apart(corpus)
    if part is None:
        sizes = [
            f"{p} ({len(ids)} documents{': ' + PURPOSE[p] if p in PURPOSE else ''})"
            for p, ids in parts.items()
        ]
        raise RequestError(
            f"evaluate: --split is missing; expected a part of {name!r}: {', '.join(sizes)}, or all"
        )
    if part not in parts:
        raise RequestError(
            f"--split {part}: split {name!r} has no such part; expected one of {[*parts, 'all']}"
        )
    wanted = set(parts[part])
    return name, part, [d for d in every if d in wanted]


def _labelled(labeller: "Labeller", corpus: "Corpus", ids: Sequence[str]) -> "Levels":
    """Predictions of a labeller for these documents and their passages, with the gold labels."""
    import numpy as np

    from sahelclf.evaluation import decide
    from sahelclf.evaluation.predictions import Gold
    from sahelclf.tasks.labeller import passage_data

    names = decide.labeller_names(corpus.codebook)
    if (labeller.topics, labeller.stances) != (names.topics, names.stances):
        raise RequestError(
            f"{corpus.root}: the corpus has topics {list(names.topics)} and stances "
            f"{list(names.stances)}, the bundle {list(labeller.topics)} and "
            f"{list(labeller.stances)}"
        )
    data = passage_data(corpus, ids)
    refuse_trained_on(labeller, dict(zip(data.ids, data.texts, strict=True)), f"{corpus.root}")
    documents = labeller.manifest["documents"]
    scale, offset, thresholds = (
        np.array([documents[name][t] for t in labeller.topics])
        for name in ("scale", "offset", "thresholds")
    )
    n = len(data.layout)
    decision = decide.Decision(
        decide.Calibration(np.ones(n), np.zeros(n)),  # it is in the weights
        labeller.runtime.thresholds,
        decide.Calibration(scale, offset),
        thresholds,
    )
    logits = labeller.runtime.logits(data.texts)
    passages, whole = decide.apply_decision(decision, logits, data, names)
    levels = {
        "passages": (passages, Gold.from_heads(data.y, names)),
        "documents": decide.labelled_documents(corpus, whole),
    }
    return {name: level for name, level in levels.items() if level[0].ids}


def _track(evaluation: Evaluation, labeller: "Labeller") -> None:
    """Log scores and `predictions/<part>_<level>.csv` in the bundle's own run."""
    import pandas as pd

    from sahelclf.tracking.read import find_run
    from sahelclf.tracking.runs import Record, log_record

    run_id, corpus = labeller.manifest["run_id"], labeller.manifest["corpus"]
    if not run_id:  # the default labeller
        return
    if (evaluation.about["corpus_sha256"], evaluation.about["split"]) != (
        corpus["sha256"],
        corpus["split"],
    ):
        reason = "it was trained on another corpus or split, and test/… there means its own"
        LOG.info("\nnot added to run %s: %s", run_id, reason)
        return
    part = evaluation.about["part"]
    metrics: dict[str, float] = {}
    for level, r in evaluation.reports.items():
        metrics |= r.metrics(f"{part}/") if level == "passages" else r.headline(f"{part}/document/")
    if find_run(run_id) is None:
        LOG.info("\nrun %s is not in this MLflow store; the scores were not added to it", run_id)
        return
    tables = {
        f"predictions/{part}_{level}.csv": pd.DataFrame(predicted.flat_rows(gold))
        for level, (predicted, gold) in evaluation.levels.items()
    }
    log_record(run_id, Record(metrics=metrics, tables=tables, part=part))
    LOG.info("\nadded to run %s as %s/…, with %s", run_id, part, ", ".join(tables))
