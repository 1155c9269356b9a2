"""Agreement of a corpus's annotators, or of a coded sheet with its labels: `corpus agreement`."""

from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.corpus.agreement import Agreement, agreement
from sahelclf.corpus.pairs import Pair, compare_pairs
from sahelclf.corpus.read import Corpus, read_annotations
from sahelclf.corpus.rounds import CodedUnit, annotated_units
from sahelclf.errors import CorpusError, RequestError

if TYPE_CHECKING:
    import pandas as pd


def corpus_agreement(corpus: Corpus) -> list[Agreement]:
    """Agreement of the first-round annotators, before adjudication."""
    return agreement(corpus, _first_round(corpus))


def corpus_pairs(corpus: Corpus) -> list[Pair]:
    """The first-round annotators two by two: kappa, and what they differ on."""
    return compare_pairs(corpus, _first_round(corpus))


def _first_round(corpus: Corpus) -> list[CodedUnit]:
    units = annotated_units(corpus, read_annotations(corpus))
    if not units:
        raise CorpusError(
            f"{corpus.root / 'raw'}: no unit has two first-round annotators; expected "
            "raw/<annotator>.jsonl"
        )
    return units


def sheet_agreement(corpus: Corpus, sheet: "str | Path | pd.DataFrame") -> list[Agreement]:
    """Agreement of a person's coded sheet with the corpus's labels, on its passages."""
    from sahelclf.annotation.coded import read_codes

    codes = read_codes(sheet, corpus.codebook)
    passages = {p.id: p for p in corpus.passages}
    unknown = [
        f"{sheet}: row {row}, column id: {unit!r} is not a passage of {corpus.root}"
        for row, unit in zip(codes.rows, codes.ids, strict=True)
        if unit not in passages
    ]
    if unknown:
        raise RequestError(unknown[:30])
    units = [
        CodedUnit(
            unit, passages[unit].document_id, {"corpus": passages[unit].topics, "sheet": topics}
        )
        for unit, topics in codes.topics(corpus.codebook).items()
    ]
    return [a for a in agreement(corpus, units) if not a.what.endswith(" basis")]
