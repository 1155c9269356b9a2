"""The labeller from a notebook: frames, probabilities, and texts that get no labels."""

import numpy as np
import pandas as pd
import pytest

from sahelclf.bundle.labeller import Labeller
from sahelclf.bundle.rows import flat_columns
from sahelclf.errors import RequestError

BOAT = "The boat crews landed a catch of herring and cod at the quay; residents welcomed it."
RAIN = "The choir sang in the church while rain fell on the market square."
FRENCH = (
    "Le ministre des affaires étrangères a déclaré jeudi que les négociations avec les pêcheurs "
    "de la région reprendraient la semaine prochaine, après une longue période de silence."
)


@pytest.fixture(scope="module")
def labeller(bundle):
    return Labeller.load(bundle)


def test_a_series_keeps_its_index(labeller):
    texts = pd.Series([BOAT, RAIN], index=["x", "y"], name="body")
    frame = labeller.frame(texts)
    assert frame.index.tolist() == ["x", "y"]
    assert frame.columns.tolist() == [*flat_columns(labeller.topics, labeller.stances)]
    assert frame["id"].tolist() == ["0", "1"]
    assert frame["unit"].tolist() == ["passage"] * 2
    assert frame["fishing_holds"].tolist() == [True, False]
    assert str(frame["fishing_holds"].dtype) == "boolean"
    row = labeller.predict([BOAT])[0]["topics"]["fishing"]
    assert frame["fishing_probability"].iloc[0] == row["probability"]
    assert frame["fishing_stance"].iloc[0] == row["stance"] == "pro"


def test_lists_and_tables_give_the_same(labeller):
    table = pd.DataFrame({"body": [BOAT, RAIN], "id": ["a", None]}, index=[7, 7])
    frame = labeller.frame(table, text="body")
    assert frame.index.tolist() == [7, 7]
    assert frame["id"].tolist() == ["a", "1"]
    same = ["fishing_probability", "dredging_con"]
    assert frame[same].to_numpy() == pytest.approx(labeller.frame([BOAT, RAIN])[same].to_numpy())


def test_an_invented_id_is_not_one_that_is_there(labeller):
    table = pd.DataFrame({"id": ["1", None], "text": [BOAT, RAIN]})
    assert labeller.frame(table)["id"].tolist() == ["1", "row 1"]


def test_a_column_that_is_not_there_is_an_error_with_the_columns(labeller):
    table = pd.DataFrame({"body": [BOAT], "when": ["today"]})
    with pytest.raises(RequestError, match=r"'text' is not one column of \['body', 'when'\]"):
        labeller.frame(table)


@pytest.mark.parametrize("data", [BOAT, [1, BOAT], pd.Series([BOAT, 3.5])])
def test_what_is_no_sequence_of_texts_is_refused(labeller, data):
    with pytest.raises(RequestError, match="expected (texts|a sequence of texts)"):
        labeller.frame(data)


def test_another_unit_is_refused(labeller):
    with pytest.raises(RequestError, match="unit='sentence'; expected 'passage' or 'document'"):
        labeller.frame([BOAT], unit="sentence")


def test_other_languages_and_missing_texts_have_no_labels_and_a_warning(labeller):
    with pytest.warns(UserWarning, match="have no labels") as warned:
        frame = labeller.frame(pd.Series([BOAT, FRENCH, None, "\u200b \u00ad", np.nan]))
    messages = sorted(str(w.message) for w in warned)
    assert messages[0].startswith("1 of 5 texts have no labels: language fr; the model was trained")
    assert "any_language=True" in messages[0]
    assert messages[1] == "3 of 5 texts have no labels: no text"
    assert len(frame) == 5
    assert frame["language"].tolist()[:2] == ["en", "fr"]
    assert frame["fishing_probability"].notna().tolist() == [True] + [False] * 4
    assert frame["fishing_holds"].isna().tolist() == [False] + [True] * 4
    assert frame[frame["fishing_holds"]]["id"].tolist() == ["0"]


def test_any_language_labels_them(labeller):
    frame = labeller.frame([BOAT, FRENCH], any_language=True)
    assert frame["language"].tolist() == ["en", "fr"]
    assert frame["fishing_probability"].notna().all()


def test_documents_are_cleaned_and_cut(labeller):
    page = f"{RAIN}\n\n{BOAT}\n\nLeave a Reply"
    table = pd.DataFrame({"id": ["d1"], "title": ["Market day"], "text": [page]})
    frame = labeller.frame(table, unit="document")
    assert (len(frame), frame["unit"].iloc[0], frame["id"].iloc[0]) == (1, "document", "d1")
    whole = labeller.predict_document(f"Market day\n\n{page}", "d1")
    assert len(whole["passages"]) == 2
    expected = whole["topics"]["fishing"]["probability"]
    assert frame["fishing_probability"].iloc[0] == pytest.approx(expected, abs=1e-6)
    with pytest.warns(UserWarning, match="1 of 1 texts have no labels: no text"):
        labeller.frame(["Leave a Reply"], unit="document")


def test_no_texts_give_an_empty_table(labeller):
    assert labeller.frame([]).columns.tolist() == [*flat_columns(labeller.topics, labeller.stances)]
    assert labeller.predict_proba([]).shape == (0, 2)


def test_probabilities_are_those_of_the_rows(labeller):
    p = labeller.predict_proba([BOAT, RAIN])
    assert p.shape == (2, len(labeller.topics))
    rows = labeller.predict([BOAT, RAIN])
    expected = [[row["topics"][t]["probability"] for t in labeller.topics] for row in rows]
    assert p == pytest.approx(np.array(expected), abs=1e-6)
    with pytest.raises(RequestError, match="found one text; put it in a list"):
        labeller.predict_proba(BOAT)
