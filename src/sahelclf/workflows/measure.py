"""Shares of a collection, corrected by a hand-coded sample: what `measure` does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.measurement.table import Shares

if TYPE_CHECKING:
    import pandas as pd

    from sahelclf.annotation.units import Sheet
    from sahelclf.corpus.read import Corpus
    from sahelclf.measurement.questions import Questions
    from sahelclf.measurement.study import Study

    Gold = str | Path | pd.DataFrame


@dataclass(frozen=True, kw_only=True)
class Measurement(Shares):
    """Shares with the study they were estimated from."""

    study: "Study"
    date: str

    def write(self, folder: str | Path) -> None:
        """Write the table, figures, and files for R into a new folder, as `measure -o` does."""
        from sahelclf.measurement.output import write_shares

        write_shares(Path(folder), self, self.study, self.date)


def measure(
    labels: "str | Path | pd.DataFrame",
    gold: "Gold | Sequence[Gold]",
    *,
    by: str | Sequence[str] = (),
    date: str = "date",
    once: bool = False,
    corpus: str | Path | None = None,
    cluster: str | None = None,
    contrasts: str | Sequence[str] = (),
    before_after: str | None = None,
    trend: str | None = None,
    of: str | Sequence[str] = (),
    shift: bool = False,
) -> Measurement:
    """Shares of topics and stances in a collection, corrected for the model's errors.

    Parameters
    ----------
    labels
        The flat table that `predict` writes for the whole collection, one row a unit: a file or a
        DataFrame. Predictions of any other system have the columns `id`, `<topic>_holds` and
        `<topic>_stance`, and probabilities where there are any.
    gold
        The coded sheet that `annotate sample` drew from the collection: a file or a DataFrame; or
        the folder of a batch whose answers were imported into `corpus`. Several, in order: the
        rounds of one collection, pooled.
    by
        Columns of `labels` that divide the collection; `year`, `quarter` and `month` are taken from
        the date.
    date
        Column of the date.
    once
        Count near-duplicates once: leave out rows with a `duplicate_of`.
    corpus
        Folder whose codebook the sheet follows, and on which the model was trained; the packaged
        corpus by default.
    cluster, contrasts, before_after, trend, of, shift
        As the options of the command: docs/measure.md.

    Returns
    -------
    Measurement
        `.table`, a DataFrame with one row a cell, thing measured and estimator (shares and their
        95% intervals from 0 to 1, counts in units); `.comparisons` and `.rounds`, or None;
        `.warnings`; `.write(folder)`.

    Raises
    ------
    RequestError
        With every mistake in the inputs; where the model was trained on the codes, and its
        predictions of them are not cross-fitted.
    """
    from sahelclf.measurement.questions import Questions

    asked = Questions(tuple(listed(contrasts)), before_after, trend, tuple(listed(of)))
    read = read_study(labels, gold, once=once, corpus=corpus, cluster=cluster)
    return _measure(*read, listed(by), date, asked, shift=shift)


def _measure(
    study: "Study",
    warnings: list[str],
    columns: list[str],
    date: str,
    asked: "Questions",
    *,
    shift: bool,
) -> Measurement:
    from sahelclf.measurement.contrasts import compare
    from sahelclf.measurement.table import estimate_shares, study_outcomes

    outcomes = study_outcomes(study)
    shares = estimate_shares(study, columns, date, outcomes=outcomes, shift=shift)
    comparisons = compare(study, outcomes, asked, columns, date) if asked else None
    tables = (shares.table, shares.by, (*shares.warnings, *warnings), comparisons)
    return Measurement(*tables, _by_round(study, shares), study=study, date=date)


def listed(names: str | Sequence[str]) -> list[str]:
    """One name or several, as a list."""
    return [names] if isinstance(names, str) else [*names]


def read_gold(gold: "Gold | Sequence[Gold]", corpus: "Corpus") -> "tuple[Sheet, list[Sheet], str]":
    """The coded units, all rounds pooled; those of each round; the name for messages."""
    from sahelclf.annotation.coded import batch_codes, read_codes
    from sahelclf.measurement.rounds import pool_rounds

    sources: list[Any] = [*gold] if isinstance(gold, list | tuple) else [gold]
    sheets = []
    for source in sources:
        if isinstance(source, str | Path) and Path(source).is_dir():
            sheets.append(batch_codes(Path(source), corpus))
        else:
            sheets.append(read_codes(source, corpus.codebook))
    pooled, rounds = pool_rounds(sheets)
    return pooled, rounds, ", ".join(source_name(s, "gold") for s in sources)


def _by_round(study: "Study", pooled: Shares) -> "pd.DataFrame | None":
    """Shares of the whole by each round alone, then pooled."""
    import pandas as pd

    from sahelclf.measurement.study import build_study
    from sahelclf.measurement.table import estimate_shares

    if not study.rounds:
        return None
    by, where = study.clustered_by or "none", study.where
    tables = []
    kept = set(study.sheet.ids)  # without near-duplicates, where these are left out
    for number, sheet in enumerate(study.rounds, start=1):
        rows = [k for k, unit in enumerate(sheet.ids) if unit in kept]
        part = build_study(study.collection, sheet.take(rows), where, where, cluster=by)
        table = estimate_shares(part).table
        tables.append(table[table["estimator"] != "naive"].assign(by=f"round {number}"))
    whole = pooled.table[(pooled.table["by"] == "") & (pooled.table["estimator"] != "naive")]
    tables.append(whole[tables[0].columns].assign(by="pooled"))
    return pd.concat(tables, ignore_index=True).rename(columns={"by": "round"})


def read_study(
    labels: "str | Path | pd.DataFrame",
    gold: "Gold | Sequence[Gold]",
    *,
    once: bool = False,
    corpus: str | Path | None = None,
    cluster: str | None = None,
) -> "tuple[Study, list[str]]":
    """The collection with its coded units, and warnings about model and drift.

    Raises
    ------
    RequestError
        With every mistake in the inputs; where the model was trained on the codes.
    """
    from sahelclf.corpus.read import corpus_root, read_corpus
    from sahelclf.evaluation.decide import labeller_names
    from sahelclf.evaluation.provenance import read_provenance
    from sahelclf.measurement.collection import read_collection
    from sahelclf.measurement.study import build_study
    from sahelclf.workflows.trained_on import check_codes

    annotated = read_corpus(corpus_root(None if corpus is None else str(corpus)))
    sheet, rounds, sheet_name = read_gold(gold, annotated)
    where = source_name(labels, "labels")
    collection = read_collection(labels, labeller_names(annotated.codebook), where)
    study = build_study(collection, sheet, where, sheet_name, once=once, cluster=cluster)
    study = replace(study, rounds=tuple(rounds))
    warnings = check_codes(study, read_provenance(labels), sheet_name, annotated)
    return study, [*warnings, *_drift(sheet, annotated)]


def source_name(source: "str | Path | pd.DataFrame", otherwise: str) -> str:
    """The file of a table, for messages; `otherwise` for a DataFrame."""
    return str(source) if isinstance(source, str | Path) else otherwise


def _drift(sheet: "Sheet", corpus: "Corpus") -> list[str]:
    """Warnings about the sheet's texts, weighted to the collection, and the corpus's passages."""
    from sahelclf.measurement.drift import drift

    if not all(sheet.texts):
        return ["the sheet has no texts, so drift from the training data cannot be seen"]
    known = [p.text for p in corpus.passages]
    groups = [p.document_id for p in corpus.passages]
    weights = 1 / sheet.probability
    return drift(sheet.texts, weights, known, groups, corpus.codebook.languages)
