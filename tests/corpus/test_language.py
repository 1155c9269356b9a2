import json
from pathlib import Path

import py3langid
import pytest

from sahelclf.corpus.language import LANGUAGES, recognise, surely_foreign

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("language", "text"),
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
def test_the_languages_of_the_news_are_recognised(language, text):
    assert recognise(text) == language


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


def test_only_what_is_surely_another_language_is_foreign():
    french = "Le gouverneur de la province a dit mardi que le convoi était arrivé au port."
    assert surely_foreign(french, recognise(french), ["en"])
    assert not surely_foreign(french, recognise(french), ["fr", "en"])
    assert not surely_foreign(
        french, recognise(french), ["bm"]
    )  # Bambara is unknown to the recogniser: it may be what it takes for French
    names = "Lieutenant-General Michiel van der Laan, Mission Commander, informed"
    assert recognise(names) == "nl"
    assert not surely_foreign(names, "nl", ["en"])
    assert not surely_foreign("Ok 12", "und", ["en"])


def test_no_passage_of_the_committed_corpus_is_foreign(committed_passages):
    texts = [json.loads(line)["text"] for line in committed_passages]
    openings = [" ".join(t.split()[:words]) for t in texts[::4] for words in (8, 12)]
    strange = [t for t in texts + openings if surely_foreign(t, recognise(t), ["en"])]
    assert strange == []


@pytest.fixture
def committed_passages():
    return (REPOSITORY / "annotations" / "passages.jsonl").read_text(encoding="utf-8").splitlines()
