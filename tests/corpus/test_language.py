import json
from pathlib import Path

import numpy as np
import py3langid
import pytest
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from sahelclf.corpus import language
from sahelclf.corpus.language import LANGUAGES, READ, recognise, recognise_all

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("en", "Troops leave Gao base as Mali junta ends accord with Tuareg rebels in Kidal"),
        ("en", "Niger: Bazoum, Tchiani and ECOWAS envoys meet in Niamey over Abuja proposal"),
        ("en", "Dem soldier dem don comot from di camp, and the governor said so on Monday"),
        ("fr", "Le gouverneur de la province a dit mardi que le convoi était arrivé au port."),
        (
            "ar",
            "قال حاكم المنطقة يوم الثلاثاء إن القافلة وصلت إلى الميناء بعد انتظار طويل في الصحراء",
        ),
        (
            "ha",
            "Gwamnan jihar ya ce sojoji sun gano motocin da suka bata a kusa da kogin.",
        ),
        (
            "es",
            "El gobernador dijo el martes que el convoy había llegado por fin al puerto.",
        ),
        (
            "pt",
            "O governador disse na terça-feira que o comboio tinha chegado finalmente ao porto.",
        ),
        (
            "de",
            "Der Gouverneur sagte am Dienstag, dass der Konvoi endlich den Hafen erreicht habe.",
        ),
        ("zh", "该省省长星期二对记者说，失踪的车队终于抵达河边的港口，司机们都很安全。"),
    ],
)
def test_the_languages_of_the_news_are_recognised(expected, text):
    assert recognise(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ok 12",
        "Mali Niger Burkina Faso",
        "12 345 678 901 234 567 890 - 12 345 678 901 234 567 890",
        "\ud800",
    ],
)
def test_too_little_text_is_left_open(text):
    assert recognise(text) == "und"


def test_only_the_languages_named_come_out():
    assert (
        recognise("Habemus papam annuntio vobis gaudium magnum eminentissimum ac reverendissimum")
        in LANGUAGES
    )


def test_the_shared_recogniser_of_the_package_stays_as_it_is():
    latin = "Gallia est omnis divisa in partes tres quarum unam incolunt Belgae aliam Aquitani"
    before = py3langid.classify(latin)[0]
    recognise(latin)
    assert py3langid.classify(latin)[0] == before == "la"


FRENCH = "Le gouverneur de la province a dit mardi que le convoi était arrivé au port."
NAMES = "Lieutenant-General Michiel van der Laan, Mission Commander, informed"


@pytest.mark.parametrize(
    ("text", "trained", "expected"),
    [
        (FRENCH, ["en"], ("fr", True)),
        (FRENCH, ["fr", "en"], ("fr", False)),
        # Bambara is unknown to the recogniser: it may be what it takes for French
        (FRENCH, ["bm"], ("fr", False)),
        (NAMES, ["en"], ("nl", False)),
        ("Ok 12", ["en"], ("und", False)),
    ],
)
def test_only_what_is_surely_another_language_is_foreign(text, trained, expected):
    assert recognise_all([text], trained=trained) == [expected]


def test_many_texts_are_recognised_as_py3langid_does_one_by_one(committed_passages):
    texts = [json.loads(line)["text"] for line in committed_passages[::40]]
    texts = [text for text in texts if len(text) > 100]
    texts += [
        FRENCH,
        FRENCH.upper(),
        "该省省长星期二对记者说，失踪的车队终于抵达河边的港口，司机们都很安全。",
    ]
    texts += ["\u0f40" * 20, "e\u0301te\u0301 " * 20, "x" * 5 * READ]
    one = LanguageIdentifier.from_model_file(MODEL_FILE)
    one.set_languages(sorted(set(LANGUAGES) & set(one.nb_classes)))
    expected = [one.classify(text[:READ])[0] for text in texts]
    assert [found.language for found in recognise_all(texts)] == expected


def test_a_script_of_no_known_language_is_left_open(monkeypatch):
    model = language._Model()
    monkeypatch.setattr(model, "_walk", lambda texts: np.full((len(texts), 3), -1, dtype=np.int32))
    monkeypatch.setattr(language, "_model", lambda: model)
    assert recognise_all([FRENCH], trained=["en"]) == [("und", False)]


def test_no_passage_of_the_committed_corpus_is_foreign(committed_passages):
    texts = [json.loads(line)["text"] for line in committed_passages]
    openings = [" ".join(t.split()[:words]) for t in texts[::4] for words in (8, 12)]
    texts += openings
    pairs = zip(texts, recognise_all(texts, trained=["en"]), strict=True)
    assert [text for text, found in pairs if found.surely_foreign] == []


@pytest.fixture
def committed_passages():
    return (REPOSITORY / "annotations" / "passages.jsonl").read_text(encoding="utf-8").splitlines()
