"""Units that a model was trained on: its scores and corrections on them hold nowhere else.

A random sample that the model never learnt from is valid, whatever the model. So are codes that it
learnt from where their predictions are cross-fitted. A unit is recognised by its text, as the
bundle's manifest recognises it: white space and case do not count. A document is recognised by its
paragraphs.

Near-duplicates of training texts need no rule: a random sample has as many of them as the
collection, and folds keep them together.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.errors import RequestError

if TYPE_CHECKING:
    from sahelclf.annotation.units import Sheet
    from sahelclf.bundle.labeller import Labeller
    from sahelclf.corpus.read import Corpus
    from sahelclf.evaluation.provenance import Provenance
    from sahelclf.measurement.study import Study

STOCK_SHARE = 0.05
PARAGRAPHS = re.compile(r"\n\s*\n")
REMEDY = (
    "Either train with keep_folds=true and label the collection again: coded units then have the "
    "prediction of a model that did not see them. Or draw and code other units: annotate sample"
)


def trained_on(texts: Sequence[str], hashes: Collection[str]) -> list[int]:
    """Rows of the texts that are, or contain, one of the training texts.

    Equal texts of fewer than twelve words are often stock phrases ('Who is in charge?'): up to one
    in twenty of them does not count.
    """
    from sahelclf.corpus.duplicates import STOCK_WORDS

    known = [k for k, text in enumerate(texts) if _is_known(text, hashes)]
    long = [k for k in known if len(texts[k].split()) >= STOCK_WORDS]
    return known if long or len(known) > STOCK_SHARE * len(texts) else []


def _is_known(text: str, hashes: Collection[str]) -> bool:
    from sahelclf.corpus.duplicates import STOCK_WORDS, training_hash
    from sahelclf.models.runtime.text import clean_text

    parts = [p for p in PARAGRAPHS.split(text) if len(p.split()) >= STOCK_WORDS]
    forms = {form for part in (text, *parts) for form in (part, clean_text(part)) if part.strip()}
    return any(training_hash(form) in hashes for form in forms)


def refuse_trained_on(labeller: "Labeller", texts: Mapping[str, str], where: str) -> None:
    """Raise where the bundle was trained on some of these texts (by id or row)."""
    refuse_scores({*labeller.manifest["training_texts"]}, texts, where)


def refuse_scores(hashes: Collection[str], texts: Mapping[str, str], where: str) -> None:
    """Raise where scores on these texts (by id or row) would be those of training texts."""
    ids = [*texts]
    known = [ids[k] for k in trained_on([*texts.values()], hashes)]
    if known:
        raise RequestError(
            f"{where}: {len(known)} of {len(texts)} passages were trained on "
            f"({', '.join(known[:3])}{', …' if known[3:] else ''}); scores on them are too high. "
            "Evaluate on another part, for instance --split test"
        )


def check_scored(
    provenance: "Provenance | None", sheet: "Sheet", texts: Sequence[str], where: str, gold: str
) -> list[str]:
    """Warnings about the units of a sheet on which a table is scored; raise where it knew them."""
    if provenance is None:
        return [_unknown(where, "the scores are too high")]
    known = [] if provenance.cross_fitted else trained_on(texts, provenance.hashes)
    if known:
        raise RequestError(
            f"{where}: its model was trained on {_counted(sheet, known)} of {gold}; scores on them "
            f"are too high. {REMEDY}"
        )
    return _without_text(provenance, texts, gold)


def check_codes(
    study: "Study", provenance: "Provenance | None", gold: str, corpus: "Corpus"
) -> list[str]:
    """Warnings about what the model knew of the codes of a study; raise where it was all too much.

    A unit with probability 1 stands for itself, whatever the model knows.
    """
    sheet, texts = study.sheet, texts_of(study)
    if provenance is None:
        wrong = "ppi and dsl are wrong, and their intervals do not show it"
        return [_unknown(study.where, wrong) + _labelled_in(corpus, texts)]
    if provenance.cross_fitted:
        return []
    known = [k for k in trained_on(texts, provenance.hashes) if sheet.probability[k] < 1]
    if known:
        raise RequestError(
            f"{study.where}: its model was trained on {_counted(sheet, known)} of {gold}. It errs "
            "less on them than on the rest of the collection, so ppi and dsl would be wrong, and "
            f"their intervals would not show it. {REMEDY}"
        )
    return _without_text(provenance, texts, gold)


def texts_of(study: "Study") -> list[str]:
    """Texts of the coded units: of the sheet, else of the predictions' column `text`."""
    frame = study.collection.frame
    beside = frame["text"].to_numpy(dtype=object)[study.rows] if "text" in frame else None
    return [
        text or ("" if beside is None else str(beside[k]))
        for k, text in enumerate(study.sheet.texts)
    ]


def _counted(sheet: "Sheet", known: Sequence[int]) -> str:
    first = ", ".join(sheet.ids[k] for k in known[:3]) + (", …" if known[3:] else "")
    return f"{len(known):,} of the {len(sheet.ids):,} coded units ({first})"


def _unknown(where: str, wrong: str) -> str:
    from sahelclf.evaluation.provenance import about_path

    path = Path(where)
    reason = f" (no {about_path(path).name} beside it)" if path.is_file() else ""
    return (
        f"{where} does not say which model made it{reason}. If that model was trained on the coded "
        f"units, {wrong}"
    )


def _labelled_in(corpus: "Corpus", texts: Sequence[str]) -> str:
    """How many of the coded units a model of the corpus may have been trained on."""
    from sahelclf.corpus.duplicates import training_hash

    known = trained_on(texts, {training_hash(p.text) for p in corpus.passages})
    return f"; {len(known):,} of {len(texts):,} have labels in {corpus.root.name}" if known else ""


def _without_text(provenance: "Provenance", texts: Sequence[str], gold: str) -> list[str]:
    bare = sum(not text for text in texts)
    if not bare or not provenance.hashes or provenance.cross_fitted:
        return []
    return [
        f"{gold}: {bare:,} of {len(texts):,} units have no text, so it cannot be seen whether the "
        "model was trained on them"
    ]
