"""Frozen layers are computed once: the same training, kept, shared, bounded, refused."""

import logging
import multiprocessing
import os
from dataclasses import replace

import numpy as np
import pytest

from encoders import TEXTS, settings, some_data, write_encoder
from sahelclf.errors import SahelclfError
from sahelclf.models import finetune, frozen, state_store
from sahelclf.models.base import FitCallbacks
from sahelclf.models.frozen import FrozenLayers
from sahelclf.models.state_store import HEAD, StateStore
from sahelclf.models.transformer import Transformer
from sahelclf.paths import cache_folder

KINDS = ("bert", "mpnet", "roberta", "modernbert")


@pytest.fixture(scope="session")
def encoders(tmp_path_factory):
    return {kind: write_encoder(tmp_path_factory.mktemp(kind), kind) for kind in KINDS}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SAHELCLF_CACHE", str(tmp_path / "cache"))
    frozen._say_once.cache_clear()
    return tmp_path / "cache"


def losses_of(config, data=None, checkpoint=None):
    losses = []

    def on_step(_done, _total, numbers):
        losses.extend([numbers["loss"]] if numbers else [])

    model = Transformer(config)
    model.fit(data or some_data(), seed=1, callbacks=FitCallbacks(on_step, checkpoint))
    return losses, model


def without_store(monkeypatch):
    monkeypatch.setattr(FrozenLayers, "fill", lambda *_: None)


@pytest.mark.parametrize(
    ("kind", "layers"), [("bert", 1), ("mpnet", 2), ("roberta", 1), ("modernbert", 2)]
)
def test_the_layers_above_alone_are_trained_as_all_layers_would_be(
    encoders, monkeypatch, kind, layers
):
    long = replace(some_data(), texts=tuple(t * (1 + i % 4) for i, t in enumerate(TEXTS)))
    config = settings(encoders[kind], frozen_layers=layers, epochs=2)
    monkeypatch.setattr(frozen, "states_before", counted := Counted(frozen.states_before))
    losses, model = losses_of(config, long)
    calls = counted.calls
    logits = model.logits(long.texts)
    assert counted.calls == calls  # prediction of known texts begins above, too
    without_store(monkeypatch)
    expected, whole = losses_of(config, long)
    assert np.allclose(losses, expected, atol=1e-4)
    assert np.allclose(logits, whole.logits(long.texts), atol=1e-3)
    assert list(cache_folder().glob("states-*.f32"))


class Counted:
    def __init__(self, function):
        self.function, self.calls = function, 0

    def __call__(self, *args):
        self.calls += 1
        return self.function(*args)


def test_what_frozen_layers_use_is_not_trained(encoders):
    """MPNet's layers share biases of distance: trained, they would change the frozen layers."""
    _, model = losses_of(settings(encoders["mpnet"], epochs=1))
    trained = {n for n, p in model.net.named_parameters() if p.requires_grad}
    assert "mpnet.encoder.relative_attention_bias.weight" not in trained
    assert {n.split(".")[3] for n in trained if ".layer." in n} == {"1", "2"}
    _, model = losses_of(settings(encoders["mpnet"], epochs=1, frozen_layers=0))
    assert all(p.requires_grad for p in model.net.parameters())


def test_windows_are_computed_once_for_folds_and_seeds(encoders, monkeypatch):
    config = settings(encoders["bert"], epochs=1)
    counted = Counted(frozen.states_before)
    monkeypatch.setattr(frozen, "states_before", counted)
    steps = []
    Transformer(config).encode(TEXTS, lambda done, total, _: steps.append((done, total)))
    assert steps == [(0, 48), (48, 48)]
    calls = counted.calls
    data = some_data()
    for rows in (np.arange(30), np.arange(20, 48)):
        model = Transformer(config)
        model.fit(data.take(rows), seed=1)
        model.logits(TEXTS)
    assert counted.calls == calls


def test_a_killed_fit_goes_on_from_the_states_that_were_kept(encoders, monkeypatch, tmp_path):
    monkeypatch.setattr(frozen, "CHUNK", 20)
    monkeypatch.setattr(finetune, "CHECKPOINT_SECONDS", -1.0)
    config = settings(encoders["bert"], epochs=2)
    whole, model = losses_of(config)
    expected = model.logits(TEXTS)
    monkeypatch.setenv("SAHELCLF_CACHE", str(tmp_path / "other"))

    class KilledError(Exception):
        pass

    def kill_at(n, steps):
        def on_step(done, _total, numbers):
            steps.append((done, numbers.get("loss")))
            if len(steps) == n:
                raise KilledError

        return on_step

    seen = []
    for calls in (2, 3, 7):  # in the first chunk, in the next, in the fifth step
        steps = []
        with pytest.raises(KilledError):
            Transformer(config).fit(
                some_data(),
                seed=1,
                callbacks=FitCallbacks(kill_at(calls, steps), tmp_path / "fit.safetensors"),
            )
        seen.append([done for done, loss in steps if loss is None])
    assert seen == [[0, 20], [20, 40, 48], []]
    again, model = losses_of(config, checkpoint=tmp_path / "fit.safetensors")
    assert again == whole[6:]
    assert np.array_equal(model.logits(TEXTS), expected)


def test_dropout_in_frozen_layers_is_never_the_same_twice(encoders, caplog):
    caplog.set_level(logging.INFO)
    for dropout in (0.1, 0.1, None):
        losses_of(settings(encoders["bert"], epochs=1, dropout=dropout))
    assert not list(cache_folder().glob("states-*"))
    assert [r.getMessage().split(":")[0] for r in caplog.records] == [
        "model.dropout=0.1",
        "model.dropout=null",
    ]


def test_too_much_to_keep_is_computed_and_said(encoders, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(state_store, "LIMIT", 5000)
    monkeypatch.setattr(frozen, "LIMIT", 5000)
    config = settings(encoders["bert"], epochs=1)
    losses, _ = losses_of(config)
    assert not list(cache_folder().glob("states-*.f32"))
    assert "the 1 frozen layers are computed in every epoch: what they give takes" in caplog.text
    without_store(monkeypatch)
    assert losses == losses_of(config)[0]


def test_no_room_on_the_disk_is_refused_before_the_work(encoders, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(state_store.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(SahelclfError, match=r"states-.*No space left.*SAHELCLF_CACHE=FOLDER"):
        losses_of(settings(encoders["bert"]))


def record(k: int, tokens: int = 3) -> tuple[bytes, np.ndarray]:
    return bytes([k]) * 32, np.full((tokens, 4), k, dtype=np.float32)


def write_records(path, numbers):
    store = StateStore(path)
    for k in numbers:
        store.append(dict([record(k, tokens=1 + k % 3)]))


def test_two_processes_write_one_store(tmp_path):
    path = tmp_path / "states-a"
    context = multiprocessing.get_context("fork" if os.name == "posix" else "spawn")
    jobs = [context.Process(target=write_records, args=(path, range(s, s + 30))) for s in (1, 11)]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    store = StateStore(path)
    store.read()
    assert {key[0] for key in store.states} == set(range(1, 41))
    for key, values in store.states.items():
        assert np.array_equal(values, record(key[0], 1 + key[0] % 3)[1])
    assert path.stat().st_size == sum(HEAD.itemsize + 16 * (1 + k % 3) for k in range(1, 41))


@pytest.mark.parametrize("damage", ["cut", "zeros", "changed"])
def test_a_damaged_end_is_cut_off(tmp_path, damage):
    path = tmp_path / "states-a"
    StateStore(path).append(dict(record(k) for k in (1, 2)))
    whole = path.read_bytes()
    size = len(whole) // 2
    tail = {"cut": whole[size:-3], "zeros": bytes(size), "changed": whole[size:-1] + b"\x07"}
    path.write_bytes(whole[:size] + tail[damage])
    store = StateStore(path)
    store.read()
    assert list(store.states) == [record(1)[0]]
    store.append(dict([record(3)]))
    again = StateStore(path)
    again.read()
    assert list(again.states) == [record(1)[0], record(3)[0]]
    assert np.array_equal(store.states[record(3)[0]], record(3)[1])


def test_the_store_that_is_longest_unused_makes_room(tmp_path, monkeypatch):
    paths = [tmp_path / f"states-{name}" for name in "abc"]
    for age, path in enumerate(paths):
        StateStore(path).append(dict([record(1)]))
        os.utime(path, (1000 - age, 1000 - age))  # c is the oldest
    size = paths[0].stat().st_size
    monkeypatch.setattr(state_store, "LIMIT", 3 * size)
    used = StateStore(paths[0])
    assert used.make_room(size)
    assert [p.exists() for p in paths] == [True, True, False]
    assert not used.make_room(3 * size)
    assert [p.exists() for p in paths] == [True, True, False]


def test_a_store_that_another_process_deletes_begins_again(tmp_path):
    path = tmp_path / "states-a"
    store = StateStore(path)
    store.append(dict([record(1)]))
    path.unlink()
    store.append(dict([record(2)]))
    assert np.array_equal(store.states[record(1)[0]], record(1)[1])  # still mapped
    assert np.array_equal(store.states[record(2)[0]], record(2)[1])
    fresh = StateStore(path)
    fresh.read()
    assert list(fresh.states) == [record(2)[0]]
