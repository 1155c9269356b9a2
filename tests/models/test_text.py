"""The one normalisation of text, by hand-made cases."""

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahelclf.corpus.read import corpus_root, read_corpus
from sahelclf.models.runtime.text import INVISIBLE, clean_text


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("", ""),
        ("Plain ASCII & nothing else", "Plain ASCII & nothing else"),
        ("am\u00adbas\u00adsador", "ambassador"),
        ("ambas\u00ad\nsador", "ambassador"),
        ("ambas\u00ad \r\n  sador", "ambassador"),
        ("one\u00ad\n\ntwo", "one\n\ntwo"),
        ("sanc\u200btions \u2060lifted\ufeff", "sanctions lifted"),
        ("\u200b\u200b", ""),
        ("e\u0301tat", "état"),
        ("l&rsquo;arm&eacute;e &amp; l&#39;&#xC9;tat", "l’armée & l'État"),
        ("am&shy;bassador, no&ZeroWidthSpace;thing", "ambassador, nothing"),
        ("&amp;eacute;", "é"),
        ("AT&T; Q&A; &notit; &copy 2023 &", "AT&T; Q&A; &notit; &copy 2023 &"),
        ("&#150; &#0;", "– \ufffd"),
        ("a\tb\nc\u00a0d", "a\tb\nc\u00a0d"),
    ],
)
def test_texts_are_cleaned(raw, clean):
    assert clean_text(raw) == clean


@given(
    st.text(alphabet=st.one_of(st.sampled_from("&#;xampshy\u00ad\n \u0301\u037e"), st.characters()))
)
def test_a_second_call_changes_nothing(text):
    assert clean_text(clean_text(text)) == clean_text(text)


def test_every_invisible_character_of_this_unicode_version_is_listed():
    removed = {c for c in map(chr, range(sys.maxunicode + 1)) if clean_text(c) == ""}
    here = {c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) == "Cf"}
    assert here <= removed
    newer = {c for c in removed - here if unicodedata.category(c) != "Cn"}
    assert not newer
    assert "\u00ad" not in INVISIBLE


def test_no_text_of_the_packaged_corpus_changes():
    corpus = read_corpus(corpus_root(None))
    texts = [p.text for p in corpus.passages] + [d.title for d in corpus.documents]
    assert [t for t in texts if clean_text(t) != t] == []
