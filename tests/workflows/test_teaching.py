"""A student's teacher and collection: refused where they know what is held out."""

import json

import pytest

import sahelclf
from encoders import write_encoder
from sahelclf.bundle.labeller import Labeller
from sahelclf.corpus.read import read_corpus
from sahelclf.errors import RequestError
from sahelclf.training import run as training
from sahelclf.training.compose import compose_config
from sahelclf.workflows.teaching import _held_out, collection, teaching
from support import CODEBOOK

TINY = ("window=64", "overlap=16", "frozen_layers=1", "epochs=1", "threads=1")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("student") / "encoder", layers=2)


def config_of(encoder, corpus, **settings):
    overrides = ["model=student", f"corpus={corpus}", f"model.transformer.encoder={encoder}"]
    overrides += [f"model.transformer.{setting}" for setting in TINY]
    return compose_config([*overrides, *(f"model.{k}={v}" for k, v in settings.items())])


@pytest.fixture
def corpus(harbour):
    return read_corpus(harbour)


def unlabelled(path, texts):
    path.write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    return path


def test_a_student_is_trained_on_a_collection_and_says_what_it_brought(
    harbour, bundle, encoder, corpus, tmp_path, monkeypatch, caplog
):
    monkeypatch.chdir(tmp_path)
    caplog.set_level("INFO")
    word = corpus.passages[0].text.split()[0]
    new = [f"{word} {k} herring and cod at the quay of town number {k} today" for k in range(9)]
    development = training.check(config_of(encoder, harbour))[2]
    old = next(p.text for p in corpus.passages if p.document_id in development)
    settings = {f"model.transformer.{x}": int(y) for x, y in (t.split("=") for t in TINY)}
    result = sahelclf.train(
        str(harbour),
        "student",
        crossfit=2,
        **settings,
        **{
            "model.transformer.encoder": str(encoder),
            "model.teacher": str(bundle),
            "model.unlabelled": str(unlabelled(tmp_path / "mine.jsonl", [*new, old, new[0]])),
        },
    )
    assert "9 unlabelled passages; 1 in the corpus already, left out; 1 there twice" in caplog.text
    assert "the teacher has labelled 9 of 9" in caplog.text
    assert any(note.startswith("9 unlabelled passages: ") for note in result.trained.notes)
    labeller = Labeller.load(result.bundle)
    assert labeller.manifest["model"] == "student"
    assert {*Labeller.load(bundle).manifest["training_texts"]} <= {
        *labeller.manifest["training_texts"]
    }
    assert labeller.predict([old])[0]["topics"].keys() == {"fishing", "dredging"}


def test_a_teacher_must_be_named_and_know_this_codebook(
    harbour, bundle, encoder, tmp_path, write_other
):
    config = config_of(encoder, harbour)
    with pytest.raises(RequestError, match=r"no teacher; .* model.teacher=bundles/"):
        teaching(config, training.check(config))
    config = config_of(encoder, harbour, teacher="runs:/1")
    with pytest.raises(RequestError, match="model.teacher=runs:/1: no such folder; expected"):
        teaching(config, training.check(config))
    config = config_of(encoder, write_other, teacher=bundle)
    with pytest.raises(RequestError, match=r"another codebook: it lacks mud.*; it has dredging"):
        teaching(config, training.check(config))


@pytest.fixture
def write_other(harbour, tmp_path):
    import shutil

    folder = tmp_path / "other"
    shutil.copytree(harbour, folder)
    (folder / "codebook.yaml").write_text(CODEBOOK.replace("dredging:", "mud:"))
    for path in folder.rglob("*.jsonl"):
        path.write_text(path.read_text().replace('"dredging"', '"mud"'))
    return folder


def test_a_teacher_that_has_learnt_held_out_texts_is_refused(harbour, bundle, encoder):
    config = config_of(encoder, harbour, teacher=bundle)
    corpus, split, development = training.check(config)
    assert teaching(config, (corpus, split, development)).lesson.texts == ()
    with pytest.raises(RequestError, match=r"has learnt \d+ of the .* holds out .* Train the"):
        teaching(config, (corpus, split, development[:4]))


def test_a_collection_with_held_out_texts_is_refused(harbour, bundle, encoder, corpus, tmp_path):
    development = training.check(config_of(encoder, harbour))[2]
    held_out = _held_out(corpus, development)
    teacher = Labeller.load(bundle)
    name, text = next((i, t) for i, t in held_out.items() if len(t.split()) > 20)
    near = " ".join([*text.split()[:-1], "otherwise"])
    for given in (text, near):
        path = unlabelled(tmp_path / "mine.jsonl", ["a text of its own, and long enough", given])
        with pytest.raises(RequestError, match=rf"mine.jsonl:2: is held-out passage {name}"):
            collection(str(path), teacher, corpus, held_out)
    path = unlabelled(tmp_path / "mine.jsonl", ["", "  "])
    with pytest.raises(RequestError, match="no text to learn from"):
        collection(str(path), teacher, corpus, held_out)
    with pytest.raises(RequestError, match="model.unlabelled: .*no such file"):
        collection(str(tmp_path / "missing.jsonl"), teacher, corpus, held_out)


def test_a_student_cannot_teach(harbour, bundle, encoder, monkeypatch):
    config = config_of(encoder, harbour, teacher=bundle)
    checked = training.check(config)
    load = Labeller.load

    def as_student(folder):
        labeller = load(folder)
        labeller.manifest = labeller.manifest | {"model": "student", "kind": "transformer"}
        return labeller

    monkeypatch.setattr(Labeller, "load", as_student)
    with pytest.raises(RequestError, match="is a student itself"):
        teaching(config, checked)
