import pytest
from pydantic import ValidationError

from sahelclf.codebook import read_codebook
from sahelclf.config import flat_settings, train_config
from sahelclf.errors import CorpusError, RequestError
from sahelclf.records import Label
from sahelclf.tasks.base import TaskSpec
from sahelclf.tasks.labeller import encode_topics, labeller_layout
from support import CODEBOOK, tfidf_config


def write(tmp_path, text):
    path = tmp_path / "codebook.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_labels_come_in_the_codebooks_order(tmp_path):
    book = read_codebook(write(tmp_path, CODEBOOK))
    assert book.topic_names == ("fishing", "dredging")
    layout = labeller_layout(book)
    assert layout.names == (
        "fishing",
        "dredging",
        "fishing=pro",
        "fishing=con",
        "dredging=pro",
        "dredging=con",
    )
    assert layout.groups == ((2, 3), (4, 5))


def test_every_problem_of_a_codebook_is_named_at_once(tmp_path):
    text = CODEBOOK.replace("title: Harbour news", "tittle: x").replace(
        "fishing:", "Fishing Boats:"
    )
    with pytest.raises(CorpusError) as caught:
        read_codebook(write(tmp_path, text))
    path = tmp_path / "codebook.yaml"
    letters = "at most 60 lower-case letters (a to z), digits and '_', the first a letter"
    assert sorted(caught.value.problems) == [
        f"{path}: title: missing; it is required",
        f"{path}: tittle: Extra inputs are not permitted, found 'x'",
        f"{path}: topics: found 'Fishing Boats'; expected {letters}",
    ]


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        ("version: 0.1\n", "version: found 0.1; expected text, in quotes"),
        ("", "version: missing; it is required"),
    ],
)
def test_a_version_is_a_text(tmp_path, version, problem):
    lines = CODEBOOK.splitlines(keepends=True)
    text = "".join(version if line.startswith("version:") else line for line in lines)
    with pytest.raises(CorpusError) as caught:
        read_codebook(write(tmp_path, text))
    assert caught.value.problems == (f"{tmp_path / 'codebook.yaml'}: {problem}",)


def test_a_basis_with_an_unknown_stance_is_refused(tmp_path):
    with pytest.raises(CorpusError, match=r"basis 'said' goes with stances \['maybe'\]"):
        read_codebook(
            write(tmp_path, CODEBOOK.replace("stances: [pro, con]}", "stances: [maybe]}"))
        )


def test_a_codebook_that_is_not_there_or_not_yaml_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="no such codebook"):
        read_codebook(tmp_path / "codebook.yaml")
    with pytest.raises(CorpusError, match="not readable as YAML"):
        read_codebook(write(tmp_path, "a: [b"))


def test_stance_is_masked_where_its_topic_does_not_hold(tmp_path):
    book = read_codebook(write(tmp_path, CODEBOOK))
    y, mask = encode_topics([{"fishing": Label(stance="con")}, {}], book)
    assert y.tolist() == [[1, 0, 0, 1, 0, 0], [0] * 6]
    assert mask.tolist() == [
        [True, True, True, True, False, False],
        [True, True, False, False, False, False],
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sed": 3}, "sed: no such setting; did you mean"),
        ({"seed": -1}, "seed: found -1; expected 0 or more"),
        ({"seed": "3"}, "seed: found '3'; expected a whole number"),
        ({"seed": True}, "seed: found True; expected a whole number"),
        ({"cv": 1}, "cv: found 1; expected 2 or more"),
        ({"model": {"kind": "forest"}}, "model"),
        (
            {"model": {"kind": "keywords", "dictionary": None, "C": 1.0}},
            "model.C: no such setting",
        ),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name(change, message):
    raw = tfidf_config().model_dump(mode="json") | change
    with pytest.raises(RequestError, match=message):
        train_config(raw)


def test_all_wrong_settings_are_named_at_once():
    raw = tfidf_config().model_dump(mode="json") | {"seed": -1, "cv": 1, "sed": 3}
    with pytest.raises(RequestError) as caught:
        train_config(raw)
    assert len(caught.value.problems) == 3


def test_ngrams_the_wrong_way_round_are_refused():
    raw = tfidf_config().model_dump(mode="json")
    raw["model"]["features"][0]["ngram_range"] = [2, 1]
    with pytest.raises(RequestError, match="expected the shorter length first"):
        train_config(raw)


def test_seed_zero_is_a_seed():
    assert tfidf_config(seed=0).seed == 0


def test_configuration_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        tfidf_config().seed = 4


def test_a_task_is_declared_in_full():
    with pytest.raises(ValueError, match="duplicate labels"):
        TaskSpec("t", "multilabel", ("a", "a"), "f1")
    with pytest.raises(ValueError, match="at least two labels"):
        TaskSpec("t", "multiclass", ("a",), "f1")
    with pytest.raises(ValueError, match="only a multilabel task"):
        TaskSpec("t", "multiclass", ("a", "b"), "f1", may_be_empty=True)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "con: against it",
            "holds: against it",
            r"stances \['holds'\]: columns of tables end with these words",
        ),
        ("con: against it", "yes: against it", "YAML reads yes, no, on and off as true and false"),
        (
            "{pro: for it, con: against it}",
            "{con: for it, works_con: against it}",
            "give two columns of one name",
        ),
    ],
)
def test_names_that_tables_cannot_hold_are_refused(tmp_path, old, new, message):
    text = (
        CODEBOOK.replace(old, new)
        .replace("stances: [pro, con]", "stances: []")
        .replace("  dredging:", "  fishing_works:")
    )
    text = text.replace("bases:\n  said: {stances: []}\n", "")
    with pytest.raises(CorpusError, match=message):
        read_codebook(write(tmp_path, text))


def test_the_packaged_configuration_composes():
    from sahelclf.training.compose import compose_config

    assert compose_config(["model=keywords", "seed=3"]).model_dump() | {
        "model": None
    } == compose_config(["seed=3"]).model_dump() | {"model": None}
    with pytest.raises(RequestError, match="crossfit"):
        compose_config(["crossfit=1"])


def test_settings_of_a_blends_members_stand_under_their_names():
    block = {
        "name": "char",
        "analyzer": "char_wb",
        "ngram_range": [3, 5],
        "min_df": 3,
        "max_features": None,
    }
    transformer = {"kind": "transformer", "encoder": None, "window": 256, "learning_rate": 2e-4}
    tfidf = {"kind": "tfidf", "features": [block], "C": 4.0, "class_weight": "balanced"}
    model = {"kind": "blend", "transformer": transformer, "tfidf": tfidf, "tfidf_weight": 3.0}
    config = {
        "seed": 0,
        "model": model,
        "corpus": None,
        "split": "grouped",
        "crossfit": 3,
        "cv": None,
        "out": "bundle",
        "resume": None,
    }
    assert flat_settings(config) == {
        "model": "blend", "seed": "0", "split": "grouped", "crossfit": "3",
        "transformer.window": "256", "transformer.learning_rate": "0.0002",
        "tfidf.features.char": "char_wb 3-5, min_df 3", "tfidf.C": "4.0",
        "tfidf.class_weight": "balanced",
        "tfidf_weight": "3.0",
    }  # fmt: skip
    alone = flat_settings(config | {"model": tfidf, "cv": 5})
    assert alone == {
        "model": "tfidf", "seed": "0", "split": "grouped", "crossfit": "3", "cv": "5",
        "features.char": "char_wb 3-5, min_df 3", "C": "4.0", "class_weight": "balanced",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("languages", "message"),
    [
        ("[EN]", "languages.0: found 'EN'; expected a code of ISO 639-1 in lower case, 'en'"),
        ("[English]", "found 'English'; expected a code of ISO 639-1 in lower case, such as 'en'"),
        ("[no]", "languages.0: YAML reads yes, no, on and off as true and false; put the name in"),
        ("[fr-FR]", "found 'fr-FR'; expected a code"),
    ],
)
def test_languages_of_another_form_are_refused_with_the_right_one(tmp_path, languages, message):
    with pytest.raises(CorpusError) as caught:
        read_codebook(
            write(tmp_path, CODEBOOK.replace("languages: [en]", f"languages: {languages}"))
        )
    assert message in str(caught.value)


def test_norwegian_in_quotes_is_a_language(tmp_path):
    text = CODEBOOK.replace("languages: [en]", "languages: ['no']")
    assert read_codebook(write(tmp_path, text)).languages == ["no"]
