"""Shares of a collection, corrected by a hand-coded sample: what `measure` does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.measurement.table import Shares

if TYPE_CHECKING:
    import pandas as pd

    from sahelclf.annotation.units import Sheet
    from sahelclf.corpus.read import Corpus
    from sahelclf.measurement.study import Study


@dataclass(frozen=True)
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
    gold: "str | Path | pd.DataFrame",
    *,
    by: str | Sequence[str] = (),
    date: str = "date",
    once: bool = False,
    corpus: str | Path | None = None,
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
        the folder of a batch whose answers were imported into `corpus`.
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

    Returns
    -------
    Measurement
        `.table`, a DataFrame with one row a cell, thing measured and estimator (shares and their
        95% intervals from 0 to 1, counts in units); `.warnings`; `.write(folder)`.

    Raises
    ------
    RequestError
        With every mistake in the inputs; where the model was trained on the codes, and its
        predictions of them are not cross-fitted.
    """
    from sahelclf.measurement.table import estimate_shares

    columns = [by] if isinstance(by, str) else [*by]
    study, warnings = read_study(labels, gold, once=once, corpus=corpus)
    shares = estimate_shares(study, columns, date)
    return Measurement(shares.table, shares.by, (*shares.warnings, *warnings), study, date)


def read_study(
    labels: "str | Path | pd.DataFrame",
    gold: "str | Path | pd.DataFrame",
    *,
    once: bool = False,
    corpus: str | Path | None = None,
) -> "tuple[Study, list[str]]":
    """The collection with its coded units, and warnings about model and drift.

    Raises
    ------
    RequestError
        With every mistake in the inputs; where the model was trained on the codes.
    """
    from sahelclf.annotation.coded import batch_codes, read_codes
    from sahelclf.corpus.read import corpus_root, read_corpus
    from sahelclf.evaluation.decide import labeller_names
    from sahelclf.evaluation.provenance import read_provenance
    from sahelclf.measurement.collection import read_collection
    from sahelclf.measurement.study import build_study
    from sahelclf.workflows.trained_on import check_codes

    annotated = read_corpus(corpus_root(None if corpus is None else str(corpus)))
    if isinstance(gold, str | Path) and Path(gold).is_dir():
        sheet = batch_codes(Path(gold), annotated)
    else:
        sheet = read_codes(gold, annotated.codebook)
    where, sheet_name = _name(labels, "labels"), _name(gold, "gold")
    collection = read_collection(labels, labeller_names(annotated.codebook), where)
    study = build_study(collection, sheet, where, sheet_name, once=once)
    warnings = check_codes(study, read_provenance(labels), sheet_name, annotated)
    return study, [*warnings, *_drift(sheet, annotated)]


def _name(source: "str | Path | pd.DataFrame", otherwise: str) -> str:
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
