"""Predictions for the units of a coded sheet: what `evaluate --gold` scores."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.errors import RequestError
from sahelclf.workflows.trained_on import check_scored, refuse_trained_on

if TYPE_CHECKING:
    from sahelclf.annotation.units import Sheet
    from sahelclf.bundle.labeller import Labeller
    from sahelclf.evaluation.predictions import Names, Predictions


def on_sheet(
    model: str, labeller: "Labeller | None", gold: str, corpus: str | None
) -> "tuple[Predictions, Sheet, list[str]]":
    """Predictions of the sheet's units in its order, the sheet, and warnings.

    A bundle labels the sheet's texts as passages.
    """
    from sahelclf.annotation.coded import read_codes
    from sahelclf.codebook import Codebook, read_codebook
    from sahelclf.corpus.read import corpus_root
    from sahelclf.evaluation.decide import labeller_names
    from sahelclf.evaluation.predictions import Predictions
    from sahelclf.evaluation.provenance import read_provenance
    from sahelclf.measurement.collection import read_collection
    from sahelclf.measurement.study import match_sheet

    if labeller is not None:
        book = Codebook.model_validate(labeller.manifest["codebook"])
    else:
        book = read_codebook(corpus_root(corpus) / "codebook.yaml")
    sheet, names = read_codes(Path(gold), book), labeller_names(book)
    if labeller is not None:
        return _label(labeller, sheet, gold, names), sheet, list(sheet.warnings)
    collection = read_collection(Path(model), names)
    rows, warnings = match_sheet(collection, sheet, model, gold)
    warnings += check_scored(read_provenance(model), sheet, sheet.texts, model, gold)
    mine = collection.take(rows)
    labels = (mine.probability, mine.stance_probability, mine.holds)
    return Predictions(names, sheet.ids, sheet.ids, *labels), sheet, warnings


def _label(labeller: "Labeller", sheet: "Sheet", gold: str, names: "Names") -> "Predictions":
    bare = [r for r, t in zip(sheet.rows, sheet.texts, strict=True) if not t]
    if bare:
        raise RequestError(
            f"{gold}: row {bare[0]}, column text: empty in {len(bare)} rows; a bundle needs the "
            "texts, or give the predictions table in its place"
        )
    if labeller.folds is None:
        texts = dict(zip(map(str, sheet.rows), sheet.texts, strict=True))
        refuse_trained_on(labeller, texts, gold)
    return predict_texts(labeller, sheet.texts, sheet.ids, names, gold)


def predict_texts(
    labeller: "Labeller", texts: Sequence[str], ids: Sequence[str], names: "Names", where: str
) -> "Predictions":
    """Predictions of passages, in order."""
    from sahelclf.bundle.rows import flat_rows
    from sahelclf.evaluation.prediction_tables import from_flat_rows

    rows = [
        flat
        for row in labeller.predict(list(texts), list(ids))
        for flat in flat_rows(row, names.topics, names.stances)
    ]
    return from_flat_rows(rows, names, {i: i for i in ids}, where)
