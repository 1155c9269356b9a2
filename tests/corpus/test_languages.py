"""Cleaning, cutting, training and predicting in another language; adding a language is one file."""

import csv
import json
import shutil

import pytest
import yaml

from corpus.french import raw_pages, write_french_corpus
from sahelclf.corpus import page_rules as module
from sahelclf.corpus.page_rules import FOLDER, page_rules, read_language
from sahelclf.corpus.pages import clean_text_page
from sahelclf.errors import CorpusError
from support import recipe_files, sahelclf

ENGLISH_ROWS = (
    "The crews of the boats landed a catch of sardines at the quay, and the mayor praised them.",
    "Residents protested against the works in the channel, which they call a danger to the town.",
)


def as_html(raw):
    paragraphs = "".join(f"<p>{p}</p>" for p in raw.strip().split("\n\n"))
    return f"<html><body><article>{paragraphs}</article></body></html>"


def test_a_french_corpus_is_cleaned_cut_trained_and_predicted(tmp_path):
    pages = write_french_corpus(tmp_path / "corpus")
    for page, (date, _, _) in zip(pages, raw_pages(), strict=True):
        assert (page.date, len(page.passages)) == (date, 2)
        assert page.passages[0].text.startswith(f"{page.title}\n")
        reasons = [d.reason for d in page.dropped]
        assert reasons == [
            "date line",
            "author box",
            "date or place line run into the text",
            "source line",
            "source line",
            "share line",
            "cookie or sign-up notice",
            "comment form",
            "copyright line",
        ]
    trained = sahelclf("train", "corpus=corpus", "model=tfidf", "out=bundle", cwd=tmp_path)
    assert trained.returncode == 0, trained.stderr
    (tmp_path / "pages").mkdir()
    for i, (_, raw, _) in enumerate(raw_pages(6, seed=9)):
        (tmp_path / "pages" / f"{i}.txt").write_text(raw, encoding="utf-8")
    (tmp_path / "pages" / "6.html").write_text(as_html(raw_pages(1)[0][1]), "utf-8")
    done = sahelclf("predict", "bundle", "pages", "-o", "out.jsonl", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text("utf-8").splitlines()]
    assert "Partager" in [d["text"] for d in rows.pop()["dropped"]]
    assert [(r["language"], r["date"], len(r["passages"])) for r in rows] == [
        ("fr", date, 2) for date, _, _ in raw_pages(6, seed=9)
    ]
    topics = [{t for t, v in r["passages"][0]["topics"].items() if v["holds"]} for r in rows]
    wanted = [set(topics) for _, _, topics in raw_pages(6, seed=9)]
    assert sum(a == b for a, b in zip(topics, wanted, strict=True)) >= 5
    with (tmp_path / "english.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([["text"], *([t] for t in ENGLISH_ROWS)])
    done = sahelclf("predict", "bundle", "english.csv", "-o", "en.jsonl", cwd=tmp_path)
    rejects = (tmp_path / "en.jsonl.rejects.jsonl").read_text("utf-8").splitlines()
    assert done.returncode == 1  # no row was labelled
    assert len(rejects) == 2
    assert all("language: en" in json.loads(line)["reason"] for line in rejects)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the languages' folder that rules are read from."""
    copy = tmp_path / "languages"
    shutil.copytree(FOLDER, copy)
    monkeypatch.setattr(module, "FOLDER", copy)
    module._page_rules.cache_clear()
    yield copy
    module._page_rules.cache_clear()


def test_a_language_is_added_by_one_file(folder):
    spanish = yaml.safe_load((folder / "fr.yaml").read_text(encoding="utf-8"))
    names = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre"
    spanish["months"] = [[m] for m in f"{names} diciembre".split()]
    spanish["pieces"] |= {"before_date": "el ", "ordinal": "º", "date_joiner": "del?"}
    spanish["boilerplate_lines"] = {"share line": ["compartir(?: en <networks>)?"]}
    spanish["boilerplate"] = {"source line": [r"lea también\s*:\s*\S.{0,200}"]}
    spanish["leads"] = [r"^<place>, el (?P<date>\d{1,2} de <month> de \d{4})\s*[–—-]+\s+"]
    path = folder / "es.yaml"
    assert recipe_files("A language") == {"src/sahelclf/corpus/languages/<code>.yaml"}
    path.write_text(yaml.safe_dump(spanish, allow_unicode=True), encoding="utf-8")
    body = "El convoy salió del puerto el lunes, y cuatro aldeas lo esperaban junto al río."
    raw = f"{body}\n\nLea también: Diez barcos perdidos\n\nCompartir en Facebook"
    page = clean_text_page(raw, ("es",))
    assert page.text == body
    assert [d.reason for d in page.dropped] == ["source line", "share line"]
    assert "Compartir" in clean_text_page(raw, ("en",)).text
    for line, date in (
        ("15 de marzo de 2024", "2024-03-15"),
        ("El 1º de abril del 2023", "2023-04-01"),
        ("3 mayo 2022", "2022-05-03"),
    ):
        page = clean_text_page(f"{line}\n\n{body}", ("es",))
        assert (page.text, page.date) == (body, date)
        assert [d.reason for d in page.dropped] == ["date line"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"other": []}, "es.yaml: other: Extra inputs are not permitted"),
        ({"months": None}, "es.yaml: months: Input should be a valid list"),
        ({"numeric_dates": "dmy"}, "es.yaml: numeric_dates: Input should be 'day first'"),
    ],
)
def test_a_file_of_another_form_is_refused_with_file_and_field(folder, change, message):
    content = yaml.safe_load((folder / "fr.yaml").read_text(encoding="utf-8")) | change
    (folder / "es.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(CorpusError) as caught:
        read_language(folder / "es.yaml")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (["(unclosed"], "credits: not a regular expression: missing )"),
        (["<unknown>"], "pieces: no <unknown>, which a pattern refers to"),
    ],
)
def test_a_pattern_that_is_none_is_refused(folder, patterns, message):
    content = yaml.safe_load((folder / "fr.yaml").read_text(encoding="utf-8"))
    (folder / "es.yaml").write_text(yaml.safe_dump(content | {"credits": patterns}), "utf-8")
    with pytest.raises(CorpusError) as caught:
        page_rules(("es",))
    assert message in str(caught.value)
    assert "es.yaml" in str(caught.value)


def test_a_language_without_a_file_has_the_common_rules_and_a_message(caplog):
    module._page_rules.cache_clear()
    body = "Sojojin sun bar garin a ranar Litinin, kuma mutanen kauyuka hudu suna jiransu."
    page = clean_text_page(f"{body}\n\nhttps://example.org/1\n\n© 2024 Quay", ("ha",))
    assert page.text == body
    assert [d.reason for d in page.dropped] == ["address", "copyright line"]
    assert "no rules for pages in ha" in caplog.text
    assert "en, fr" in caplog.text


def test_two_languages_together_know_the_boilerplate_of_both():
    raw = "Share this article\n\nPartager cet article\n\nThe boats left on Monday with the ice."
    page = clean_text_page(raw, ("en", "fr"))
    assert [d.reason for d in page.dropped] == ["share line", "share line"]
    assert len(clean_text_page(raw, ("fr",)).dropped) == 1


def test_files_of_languages_have_the_same_keys():
    keys = {p.stem: set(yaml.safe_load(p.read_text("utf-8"))) for p in FOLDER.glob("*.yaml")}
    assert keys["en"] == keys["fr"] == keys["common"]
