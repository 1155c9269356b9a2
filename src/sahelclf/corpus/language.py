"""The language of a text, recognised off-line by py3langid; 'und' where there is too little text.

The recogniser chooses among the languages of the region's news and of the world's agencies. If it
could choose among all languages that py3langid knows, it would take headlines full of names for
Latin or Hungarian, and English for Nigerian Pidgin, which is therefore reported as English here.
"""

from collections.abc import Collection
from functools import cache
from typing import Any

LANGUAGES = (
    *("en", "fr", "ar", "ha", "es", "pt", "de", "it", "nl", "ru", "zh", "ja", "tr", "sw", "fa"),
    *("uk", "pl", "ro", "el", "sv", "da", "no", "fi", "cs", "hu", "bg", "sr"),
    *("he", "am", "so", "hi", "ur", "bn", "ta", "ps", "id", "vi", "th", "ko"),
)
# Counted as UTF-8 bytes: a letter of another script tells more than a Latin one.
FEWEST_LETTERS = 40
# Characters. More of a news text rarely changes the answer, and takes as long as labelling it.
READ = 300
READ_OF_DOCUMENT = 3000
# Difference of log-likelihoods: an English sentence of names has up to 38, a French one of ten
# words 100.
SURE = 40.0


def recognise(text: str, read: int = READ) -> str:
    """ISO 639-1 code."""
    head = text[:read]
    letters = "".join(filter(str.isalpha, head))
    if len(letters.encode("utf-8", "surrogatepass")) < FEWEST_LETTERS:
        return "und"
    return str(_identifier().classify(head)[0])


def surely_foreign(text: str, language: str, trained: Collection[str], read: int = READ) -> bool:
    """Whether `language`, the answer of `recognise`, is far likelier than those of the training.

    False where there is too little text, or where the model was trained on a language that the
    recogniser does not know: it would take that for another one.
    """
    if language == "und" or language in trained or not set(trained) <= set(LANGUAGES):
        return False
    likelihood = dict(_identifier().rank(text[:read]))
    return float(likelihood[language]) - max(float(likelihood[t]) for t in trained) > SURE


@cache
def _identifier() -> Any:
    """A separate recogniser: the one that py3langid shares, which users may set, stays as is."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(sorted(set(LANGUAGES) & set(identifier.nb_classes)))
    return identifier
