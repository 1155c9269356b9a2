"""The language of a text, recognised off-line by py3langid; 'und' where there is too little to tell.

The recogniser chooses among the languages that news of the region and of the world's agencies comes in. Left to
choose among all the languages that py3langid knows, it takes headlines full of names for Latin or Hungarian, and
English for Nigerian Pidgin, which is therefore reported as English here.
"""

from collections.abc import Collection
from functools import cache
from typing import Any

LANGUAGES = (
    *("en", "fr", "ar", "ha", "es", "pt", "de", "it", "nl", "ru", "zh", "ja", "tr", "sw", "fa"),
    *("uk", "pl", "ro", "el", "sv", "da", "no", "fi", "cs", "hu", "bg", "sr"),
    *("he", "am", "so", "hi", "ur", "bn", "ta", "ps", "id", "vi", "th", "ko"),
)
FEWEST_LETTERS = (
    40  # counted as UTF-8 bytes: a letter of another script tells more than a Latin one
)
READ = 300  # characters; reading on changes the answer of a news text rarely, and takes as long as labelling it
READ_OF_DOCUMENT = 3000
SURE = 40.0  # difference of log-likelihoods; an English sentence of names in the corpus reaches 38, a French one of ten words 100


def recognise(text: str, read: int = READ) -> str:
    """ISO 639-1 code."""
    head = text[:read]
    letters = "".join(filter(str.isalpha, head))
    if len(letters.encode("utf-8", "surrogatepass")) < FEWEST_LETTERS:
        return "und"
    return str(_identifier().classify(head)[0])


def surely_foreign(text: str, language: str, trained: Collection[str], read: int = READ) -> bool:
    """Whether `language`, which `recognise` said, is far likelier than every language that the model was trained on.

    Never where too little text was there to tell, nor where the model was trained on a language that the recogniser
    does not know: it would take that for another one.
    """
    if language == "und" or language in trained or not set(trained) <= set(LANGUAGES):
        return False
    likelihood = dict(_identifier().rank(text[:read]))
    return float(likelihood[language]) - max(float(likelihood[t]) for t in trained) > SURE


@cache
def _identifier() -> Any:
    """A recogniser of our own: py3langid's shared one, which a user's program may have set up, stays as it is."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    identifier.set_languages(sorted(set(LANGUAGES) & set(identifier.nb_classes)))
    return identifier
