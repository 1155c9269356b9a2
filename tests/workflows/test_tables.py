"""Predictions tables compared with a corpus."""

import pandas as pd
import pytest

from sahelclf.corpus.read import read_corpus
from sahelclf.errors import RequestError
from sahelclf.evaluation.prediction_files import read_table
from sahelclf.workflows.tables import labelled_rows, part_of


@pytest.mark.parametrize(("name", "delimiter"), [("p.csv", ","), ("p.csv", ";"), ("p.tsv", "\t")])
def test_tables_with_any_delimiter_are_matched_and_missing_ids_are_named(
    harbour, tmp_path, name, delimiter
):
    corpus = read_corpus(harbour)
    first = next(p for p in corpus.passages if p.topics)
    row = {"id": first.id}
    for topic in corpus.codebook.topic_names:
        label = first.topics.get(topic)
        row |= {
            f"{topic}_holds": str(label is not None).upper(),
            f"{topic}_stance": f"{label.stance} " if label else "",  # a blank, as people type it
        }
    pd.DataFrame([row]).to_csv(tmp_path / name, sep=delimiter, index=False)
    levels = labelled_rows(read_table(tmp_path / name), corpus, name)
    predicted, gold = levels["passages"]
    assert predicted.ids == (first.id,)
    assert (predicted.holds == gold.topics).all()
    assert (predicted.stance[gold.topics] == gold.stance[gold.topics]).all()
    elsewhere = next(p for p in corpus.passages if p.document_id != first.document_id)
    with pytest.raises(RequestError, match=f"expected its .* passages, .*{elsewhere.id}"):
        part_of(levels, corpus, [elsewhere.document_id], name)
