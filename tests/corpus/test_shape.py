"""Figures of paragraphs, by hand, and the shape of pages."""

import pytest

from sahelclf.corpus.shape import page_lines, page_problem, paragraphs_of, shape
from sahelclf.records import Document, Furniture, Passage


def passages(*texts):
    return [
        Passage(id=f"d-{i}", document_id="d", index=i, text=t, topics={})
        for i, t in enumerate(texts)
    ]


TWO = passages(
    "Market day\nGunmen attacked a market. At least 12 people were killed.",
    'A trader said: "We heard shots and ran to the river with the children."',
)


def test_figures_by_hand():
    # paragraphs of 10 and 14 words, of 2 and 1 sentences; the heading is no paragraph
    assert shape([("Market day", TWO)], ("en",)) == {
        "documents": 1,
        "paragraphs": 2,
        "words": 12,
        "sentences": 1.5,
        "quotation": 0.5,
        "stock_phrase": 0.5,
        "opens_like_another": 0.0,
        "opens_with_title": 1.0,
    }
    assert shape([("Another title", TWO)], ("en",))["opens_with_title"] == 0
    assert shape([], ("en",)) == {"documents": 0, "paragraphs": 0}


def test_a_short_quotation_does_not_count():
    text = 'They shouted "down with the junta" and left the square before noon on Friday.'
    assert shape([("", passages(text))], ("en",))["quotation"] == 0


def test_a_page_has_its_furniture_at_its_places():
    page = Document(
        id="d",
        furniture=[
            Furniture(line=3, kind="caption", text="A stall."),
            Furniture(line=1, kind="byline", text="By our reporter"),
        ],
    )
    assert page_lines(page, TWO) == [
        "Market day",
        "By our reporter",
        "Gunmen attacked a market. At least 12 people were killed.",
        "A stall.",
        'A trader said: "We heard shots and ran to the river with the children."',
    ]
    assert len(paragraphs_of(TWO)) == 2


EIGHT = passages("A title\nThe first paragraph is this one.", *["Another sentence ends here."] * 7)


@pytest.mark.parametrize(
    ("document", "texts", "problem"),
    [
        ({"title": "A title"}, EIGHT, None),
        ({"title": "Another"}, EIGHT, "the first line is 'A title'; expected the title"),
        ({"title": "A title"}, EIGHT[:7], "7 paragraphs; expected 8 to 25"),
        (
            {
                "title": "A title",
                "furniture": [Furniture(line=10, kind="furniture", text="Share")],
            },
            EIGHT,
            "furniture at lines [10] of 10",
        ),
    ],
)
def test_the_shape_of_a_page(document, texts, problem):
    assert page_problem(Document(id="d", page=True, **document), texts) == problem
