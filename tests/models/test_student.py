"""The student: held-out soft labels, mixed targets, an encoder with fewer layers."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from encoders import write_encoder
from sahelclf.config import train_config
from sahelclf.errors import RequestError
from sahelclf.models.encoder_files import find_encoder
from sahelclf.models.shallow import shallow_encoder
from sahelclf.models.student import (
    Lesson,
    Student,
    calibrated,
    cuts_and_joins,
    document_folds,
    taught,
    topic_weights,
)
from sahelclf.tasks.base import HeadLayout, TaskData
from sahelclf.training.compose import compose_config

LAYOUT = HeadLayout(("a", "b", "a=pro", "a=con", "b=pro", "b=con"), ((2, 3), (4, 5)))


def data_of(texts, groups, y=None, layout=LAYOUT):
    y = np.zeros((len(texts), len(layout)), dtype=np.int8) if y is None else np.array(y)
    ids = tuple(f"p{k}" for k in range(len(texts)))
    return TaskData(layout, ids, tuple(groups), tuple(texts), y, np.ones(y.shape, dtype=bool))


def test_cuts_are_at_the_sentence_end_nearest_the_middle_and_joins_within_a_document():
    first = "The crews landed a catch of herring. The dredger dug mud from the channel for works."
    second = "Residents welcomed it and praised the plan warmly, without any other sentence"
    data = data_of([first, second, first], ["d1", "d1", "d2"])
    halves = {first[:36], first[37:]}
    seen = set()
    for seed in range(20):
        pieces, rows = cuts_and_joins(data, np.random.default_rng(seed))
        assert len(pieces) == len(rows)
        for piece, row in zip(pieces, rows, strict=True):
            assert piece in halves if row == 2 else piece in {*halves, f"{first} {second}"}
            seen.add(piece)
    assert seen == {*halves, f"{first} {second}"}


def test_rows_of_a_document_share_a_fold_and_every_fold_has_documents():
    groups = [f"d{k // 4}" for k in range(28)]
    fold = document_folds(groups, seed=3)
    assert len({(g, f) for g, f in zip(groups, fold, strict=True)}) == 7
    assert sorted(np.bincount(fold) // 4) == [2, 2, 3]
    with pytest.raises(RequestError, match="one document"):
        document_folds(["d", "d"], seed=3)


def test_soft_labels_are_calibrated_on_labels():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(20_000, 2)) * 4
    y = np.zeros(z.shape, dtype=np.int8)
    y[:, 0] = rng.random(len(z)) < 1 / (1 + np.exp(-(z[:, 0] / 2 - 1)))
    data = data_of(["t"] * len(z), ["d"] * len(z), y, HeadLayout(("a", "b")))
    more = np.array([[2.0, 5.0], [0.0, -5.0]])
    out = calibrated(np.concatenate([z, more]), data)[-2:]
    assert np.allclose(out[:, 0], [0.0, -1.0], atol=0.1)
    assert np.allclose(out[:, 1], np.log(1 / 20_001))  # never seen: the smoothed prior


def test_targets_are_mixed_and_stances_of_unlabelled_texts_weigh_as_their_topic():
    data = data_of(["x"], ["d"], [[1, 0, 0, 1, 0, 0]])
    z = np.log(np.array([[0.8, 0.25, 0.5, 0.5, 0.5, 0.5]]) / [[0.2, 0.75, 0.5, 0.5, 0.5, 0.5]])
    mixed = taught(data, z, 0.25, ("new",), z)
    expected = [[0.85, 0.1875, 0.375, 0.625, 0.375, 0.375], [0.8, 0.25, 0.5, 0.5, 0.5, 0.5]]
    assert np.allclose(mixed.y, expected)
    assert np.allclose(mixed.mask, [[1] * 6, [1, 1, 0.8, 0.8, 0.25, 0.25]])
    assert mixed.texts == ("x", "new")
    assert topic_weights(HeadLayout(("a", "b")), np.array([[0.1, 0.2]])).tolist() == [[1, 1]]


class Spy:
    """A teacher that knows which documents it was fitted on, by the first word of their texts."""

    name = "spy"

    def __init__(self):
        self.fitted = set()
        self.labelled = set()

    def fit(self, data, *, seed):
        self.fitted = {t.split()[0] for t in data.texts}

    def logits(self, texts):
        self.labelled |= {t.split()[0] for t in texts}
        return np.random.default_rng(0).normal(size=(len(texts), len(LAYOUT)))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return write_encoder(tmp_path_factory.mktemp("four") / "encoder", layers=4)


def student_config(encoder, **settings):
    tiny = {"window": 64, "overlap": 16, "frozen_layers": 1, "epochs": 1, "threads": 1}
    raw = compose_config(["model=student"]).model_dump(mode="json")
    raw["model"] |= settings
    raw["model"]["transformer"] |= tiny | {"encoder": str(encoder)}
    return train_config(raw).model


def test_no_teacher_labels_what_it_was_fitted_on(encoder, tmp_path, monkeypatch):
    monkeypatch.setenv("SAHELCLF_CACHE", str(tmp_path))
    text = "crews landed a catch of herring and cod. The dredger dug mud from the channel"
    texts = [f"{chr(97 + k // 2)}{k // 2} {text}" for k in range(24)]
    rng = np.random.default_rng(1)
    y = (rng.random((24, 6)) < 0.5).astype(np.int8)
    data = data_of(texts, [f"d{k // 2}" for k in range(24)], y)
    teachers = []

    def build():
        teachers.append(Spy())
        return teachers[-1]

    student = Student(student_config(encoder, layers=2))
    student.lesson = Lesson(build, ("a new text",), np.zeros((1, 6)))
    pieces, rows = cuts_and_joins(data, np.random.default_rng(0))
    checkpoint = SimpleNamespace(checkpoint=tmp_path / "fold-1.safetensors")
    logits = student._soft_labels(data, pieces, rows, 0, checkpoint)
    assert logits.shape == (24 + len(pieces), 6)
    starts = {t.split()[0] for t in texts}
    assert [t.fitted & t.labelled for t in teachers] == [set(), set(), set()]
    assert set.union(*(t.labelled for t in teachers)) >= starts
    student.lesson.known.clear()
    again = student._soft_labels(data, pieces, rows, 0, checkpoint)
    assert np.array_equal(again, logits)
    assert len(teachers) == 3  # what was done is kept
    student.fit(data, seed=0)
    assert np.isfinite(student.logits(texts)).all()
    assert student.describe()["layers_of_encoder"] == [2, 4]
    assert student.describe()["encoder"].endswith("layers 2 4")


def test_every_second_layer_is_kept(encoder, tmp_path, monkeypatch):
    from safetensors.numpy import load_file

    monkeypatch.setenv("SAHELCLF_CACHE", str(tmp_path))
    folder, kept = shallow_encoder(find_encoder(str(encoder)), 2)
    assert kept == [1, 3]
    assert json.loads((folder / "config.json").read_text())["num_hidden_layers"] == 2
    old, new = load_file(encoder / "model.safetensors"), load_file(folder / "model.safetensors")
    assert {n.split(".")[2] for n in new if "layer." in n} == {"0", "1"}
    for name, values in new.items():
        of_old = name.replace("layer.1.", "layer.3.").replace("layer.0.", "layer.1.")
        assert np.array_equal(values, old[of_old])
    assert find_encoder(str(folder)).layers == 2
    assert shallow_encoder(find_encoder(str(encoder)), 2) == (folder, kept)
    with pytest.raises(RequestError, match="has 4 layers; expected fewer"):
        shallow_encoder(find_encoder(str(encoder)), 5)


def test_a_student_without_a_teacher_is_refused(encoder):
    with pytest.raises(RequestError, match="no teacher"):
        Student(student_config(encoder)).fit(data_of(["x"], ["d"]), seed=0)
