"""The language of a text, recognised off-line by py3langid; 'und' where there is too little text.

The recogniser chooses among the languages of the region's news and of the world's agencies. If it
could choose among all languages that py3langid knows, it would take headlines full of names for
Latin or Hungarian, and English for Nigerian Pidgin, which is therefore reported as English here.

Many texts are read together: py3langid's automaton takes one byte of every text at a time. Its
tables are too large for a processor's cache, so that one text after another takes ten times as
long. The scores are py3langid's, but for the last digits.
"""

import unicodedata
from collections.abc import Collection, Sequence
from functools import cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

LANGUAGES = (
    *("en", "fr", "ar", "ha", "es", "pt", "de", "it", "nl", "ru", "zh", "ja", "tr", "sw", "fa"),
    *("uk", "pl", "ro", "el", "sv", "da", "no", "fi", "cs", "hu", "bg", "sr"),
    *("he", "am", "so", "hi", "ur", "bn", "ta", "ps", "id", "vi", "th", "ko"),
)
# Counted as UTF-8 bytes: a letter of another script tells more than a Latin one.
FEWEST_LETTERS = 40
# Characters: enough to see past a line in another language (experiments/14-language-opening).
READ = 500
READ_OF_DOCUMENT = 3000
# Difference of log-likelihoods: an English sentence of names has up to 38, a French one of ten
# words 100.
SURE = 40.0
NO_SCORE = float(np.finfo(np.float32).min)
TEXTS_AT_ONCE = 1024
CHARACTERS_AT_ONCE = 400_000
_NOT_LATIN = bytes(b for b in range(256) if not chr(b).isalpha() or b > 127)


class Recognised(NamedTuple):
    """ISO 639-1 code of a text's language, and whether it is far likelier than the trained ones."""

    language: str
    surely_foreign: bool


def recognise(text: str, read: int = READ) -> str:
    """ISO 639-1 code."""
    return recognise_all([text], read)[0].language


def recognise_all(
    texts: Sequence[str], read: int = READ, trained: Collection[str] = ()
) -> list[Recognised]:
    """The language of each text, by its first `read` characters.

    None is surely foreign where there is too little text, or where a language of `trained` is one
    that the recogniser does not know: it would take that for another one.
    """
    result = [Recognised("und", surely_foreign=False)] * len(texts)
    enough = [k for k, text in enumerate(texts) if _has_letters(text[:read])]
    longest = max((len(texts[k][:read]) for k in enough), default=1)
    step = max(1, min(TEXTS_AT_ONCE, CHARACTERS_AT_ONCE // longest))
    for start in range(0, len(enough), step):
        numbers = enough[start : start + step]
        scores = _model().scores([texts[k][:read] for k in numbers])
        best = scores.max(axis=1)
        lead = np.zeros(len(best))
        if trained and set(trained) <= set(LANGUAGES):
            lead = best - scores[:, [_model().names.index(t) for t in trained]].max(axis=1)
        for k, language, top, ahead in zip(numbers, scores.argmax(axis=1), best, lead, strict=True):
            if top > NO_SCORE:
                result[k] = Recognised(_model().names[language], bool(ahead > SURE))
    return result


def _has_letters(head: str) -> bool:
    data = head.encode("utf-8", "surrogatepass")
    if len(data) < FEWEST_LETTERS:
        return False
    if len(data.translate(None, _NOT_LATIN)) >= FEWEST_LETTERS:
        return True
    letters = "".join(filter(str.isalpha, head))
    return len(letters.encode("utf-8", "surrogatepass")) >= FEWEST_LETTERS


class _Model:
    """The tables of py3langid's naive Bayes model, for the languages that are told apart here."""

    def __init__(self) -> None:
        """Read a separate copy: the one that py3langid shares, which users may set, stays as is."""
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        model = LanguageIdentifier.from_model_file(MODEL_FILE)
        model.set_languages(sorted(set(LANGUAGES) & set(model.nb_classes)))
        self._next = np.asarray(model.tk_nextmove)
        self._row = np.asarray(model.tk_row).astype(np.int64) << 8
        self._feature = np.array(model.tk_output, dtype=np.int32)
        self._weights = np.ascontiguousarray(model.nb_ptc, dtype=np.float32)
        self._prior = np.asarray(model.nb_pc, dtype=np.float32)
        # a language of two scripts has two columns
        self._columns = [str(name) for name in model.nb_classes]
        self.names = [*dict.fromkeys(self._columns)]

    def scores(self, heads: Sequence[str]) -> np.ndarray:
        """Log-likelihood of each language, (n, n_names); `NO_SCORE` where no feature occurs."""
        texts, features, counts = self._counts(self._walk([_as_bytes(head) for head in heads]))
        columns = np.full((len(heads), len(self._columns)), NO_SCORE, dtype=np.float32)
        values = np.log1p(counts.astype(np.float32))
        edges = np.searchsorted(texts, np.arange(len(heads) + 1))
        for text, (a, b) in enumerate(pairwise(edges)):
            if a < b:
                columns[text] = values[a:b] @ self._weights[features[a:b]] + self._prior
        scores = np.full((len(heads), len(self.names)), NO_SCORE, dtype=np.float32)
        for column, name in zip(columns.T, self._columns, strict=True):
            of_name = scores[:, self.names.index(name)]
            np.maximum(of_name, column, out=of_name)
        return scores

    def _walk(self, texts: Sequence[bytes]) -> np.ndarray:
        """The feature that each byte completes, (n, longest text); -1 where it completes none."""
        longest = max(map(len, texts))
        lengths = np.array([len(text) for text in texts])
        order = np.argsort(-lengths, kind="stable")  # those that are still read come first
        reading = np.searchsorted(-lengths[order], -np.arange(longest))
        padded = b"".join(texts[k].ljust(longest, b"\0") for k in order)
        letters = np.frombuffer(padded, dtype=np.uint8).reshape(-1, longest).T.copy()
        features = np.full(letters.shape, -1, dtype=np.int32)
        state = np.zeros(len(texts), dtype=self._next.dtype)
        for k, n in enumerate(reading):
            state = self._next[self._row[state[:n]] + letters[k, :n]]
            features[k, :n] = self._feature[state]
        result = np.empty((len(texts), longest), dtype=np.int32)
        result[order] = features.T
        return result

    def _counts(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Text, feature and count of what occurs in each text, texts in order."""
        features.sort(axis=1)
        first = np.ones(features.shape, dtype=bool)
        np.not_equal(features[:, 1:], features[:, :-1], out=first[:, 1:])
        places = np.flatnonzero(first)
        counts = np.diff(places, append=features.size)
        names = features.ravel()[places]
        real = names >= 0
        return (places // features.shape[1])[real], names[real], counts[real]


def _as_bytes(text: str) -> bytes:
    """What py3langid reads of a text."""
    text = unicodedata.normalize("NFC", text.lower() if text.isupper() else text)
    return text.encode("utf-8", "surrogatepass")


@cache
def _model() -> _Model:
    return _Model()
