"""Fine-tuning on a tiny random encoder: what is learnt, kept, resumed, refused, and written."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from encoders import LAYOUT, TEXTS, settings, some_data, write_encoder
from sahelclf.errors import RequestError, SahelclfError
from sahelclf.models import finetune
from sahelclf.models.base import FitCallbacks
from sahelclf.models.encoder_files import find_encoder, load_tokenizer
from sahelclf.models.finetune import TransformerConfig, length_buckets, schedule
from sahelclf.models.network import build_classifier, head_names
from sahelclf.models.onnx_graph import input_names, write_head_graph
from sahelclf.models.runtime.windows import Windows, length_sorted_batches, padded
from sahelclf.models.tfidf import Tfidf
from sahelclf.models.transformer import Transformer
from sahelclf.tasks.base import HeadLayout, TaskData
from support import tfidf_config


@pytest.fixture(scope="session")
def encoder(tmp_path_factory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder"))


def fitted(
    config: TransformerConfig,
    seed: int = 1,
    callbacks: FitCallbacks | None = None,
    data: TaskData | None = None,
) -> Transformer:
    model = Transformer(config)
    model.fit(data or some_data(), seed=seed, **({"callbacks": callbacks} if callbacks else {}))
    return model


def test_it_learns_what_is_there_to_learn(encoder):
    losses = []

    def on_step(done: int, of: int, numbers: dict[str, float]) -> None:
        if numbers:  # else it is what the frozen layers give
            losses.append((done, of, numbers["loss"]))

    model = fitted(settings(encoder), callbacks=FitCallbacks(on_step))
    assert [x[0] for x in losses] == list(range(1, 25))  # 48 texts in batches of 8, four epochs
    assert {x[1] for x in losses} == {24}
    assert np.mean([x[2] for x in losses[-6:]]) < 0.8 * np.mean([x[2] for x in losses[:6]])
    assert ((model.logits(TEXTS) > 0) == (some_data().y > 0)).all()


def test_the_same_seed_gives_the_same_logits_to_the_bit_and_another_does_not(encoder):
    one, two, other = (
        fitted(settings(encoder, epochs=1), seed).logits(TEXTS) for seed in (1, 1, 2)
    )
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("after", [1, 7, 23])
def test_a_killed_fit_goes_on_and_ends_with_the_same_bits(encoder, tmp_path, monkeypatch, after):
    monkeypatch.setattr(finetune, "CHECKPOINT_SECONDS", -1.0)  # after every step
    config = settings(encoder, dropout=0.1)  # its random numbers must go on where they stopped
    whole = fitted(config).logits(TEXTS)
    path = tmp_path / "fit.safetensors"

    def kill(done: int, _of: int, _numbers: object) -> None:
        if done == after + 1:
            raise KilledError

    with pytest.raises(KilledError):
        fitted(config, callbacks=FitCallbacks(kill, path))
    steps = []
    again = fitted(config, callbacks=FitCallbacks(lambda done, *_: steps.append(done), path))
    assert steps == list(range(after + 1, 25))
    assert np.array_equal(again.logits(TEXTS), whole)


def test_a_head_without_an_answer_is_not_learnt_there(encoder):
    data = some_data()
    mask = data.mask.copy()
    mask[:, 1] = False
    masked = TaskData(data.layout, data.ids, data.groups, data.texts, data.y, mask)
    swapped = TaskData(data.layout, data.ids, data.groups, data.texts, data.y * [1, 0], mask)
    one, two = (
        fitted(settings(encoder, epochs=1), data=d).logits(TEXTS) for d in (masked, swapped)
    )
    assert np.array_equal(one, two)


def test_order_and_company_of_texts_do_not_change_a_logit(encoder):
    model = fitted(settings(encoder, epochs=1))
    texts = [*TEXTS[:6], "", "boat " * 200]
    alone = np.concatenate([model.logits([t]) for t in texts])
    assert np.allclose(model.logits(texts[::-1])[::-1], alone, atol=1e-5)


def test_calibration_folds_into_the_head(encoder):
    model = fitted(settings(encoder, epochs=1))
    before = model.logits([*TEXTS[:4], "mud " * 100])
    model.calibrate(np.array([2.0, 0.5]), np.array([1.0, -1.0]))
    assert np.allclose(
        model.logits([*TEXTS[:4], "mud " * 100]), before * [2.0, 0.5] + [1.0, -1.0], atol=1e-4
    )


def test_frozen_layers_stay_and_others_move(encoder):
    from safetensors.numpy import load_file

    stored = load_file(encoder / "model.safetensors")
    model = fitted(settings(encoder, frozen_layers=1, epochs=1))
    now = {n.removeprefix("bert."): p.detach().numpy() for n, p in model.net.named_parameters()}
    same = {n for n, p in stored.items() if n in now and np.array_equal(p, now[n])}
    assert {n for n in stored if n.startswith(("embeddings.", "encoder.layer.0."))} <= same
    assert not any(n.startswith(("encoder.layer.1.", "pooler.")) and "weight" in n for n in same)


def test_the_last_layer_begins_as_the_mean_of_the_tokens(encoder):
    import torch
    from transformers import AutoModel

    from sahelclf.models.network import TANH_SLOPE, build_classifier

    files = find_encoder(str(encoder))
    net = build_classifier(files, LAYOUT.names, "auto", None).eval()
    cut = Windows(load_tokenizer(files), 32, 8)(["the boat landed a catch of cod", "mud"])
    batch = {k: torch.from_numpy(v) for k, v in cut.batch([0, 1], 0).items()}
    bare = AutoModel.from_pretrained(encoder).eval()
    with torch.no_grad():
        states = bare(**batch, output_hidden_states=True).hidden_states[
            2
        ]  # what the third layer is given
        weight = batch["attention_mask"].unsqueeze(-1)
        mean = (states * weight).sum(1) / weight.sum(1)
        norm = torch.nn.functional.layer_norm
        expected = torch.tanh(
            TANH_SLOPE * norm(norm(4.0 * mean + states[:, 0], (32,), eps=1e-12), (32,), eps=1e-12)
        )
        assert torch.allclose(net.bert(**batch).pooler_output, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
def test_computing_the_last_layer_for_the_first_token_changes_nothing(tmp_path, kind):
    import torch
    from transformers import AutoModelForSequenceClassification

    from sahelclf.models.first_token import last_layer_for_first_token

    folder = write_encoder(tmp_path, kind)
    whole, short = (
        AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=2, attn_implementation="eager"
        ).eval()
        for _ in range(2)
    )
    last_layer_for_first_token(short)
    assert type(short.base_model.encoder.layer[-1]) is not type(short.base_model.encoder.layer[0])
    short.load_state_dict(whole.state_dict())
    windows = padded([[2, 9, 8, 7, 3], [2, 9, 3]], [[0] * 5, [0] * 3], whole.config.pad_token_id)
    batch = {k: torch.from_numpy(windows[k]) for k in input_names(whole)}
    outputs = [net(**batch).logits for net in (whole, short)]
    assert torch.allclose(*outputs, atol=1e-6)
    for output in outputs:
        output.square().sum().backward()
    pairs = zip(whole.parameters(), short.parameters(), strict=True)
    assert all(
        a.grad is b.grad is None or torch.allclose(a.grad, b.grad, atol=1e-5) for a, b in pairs
    )


@pytest.mark.parametrize("kind", ["roberta", "modernbert", "mpnet"])
def test_other_encoders_train_save_and_say_the_same_through_onnx(tmp_path, kind):
    from sahelclf.models.runtime.encoder import OnnxEncoder

    model = fitted(
        settings(write_encoder(tmp_path / "encoder", kind), epochs=1), data=some_data(16)
    )
    folder = tmp_path / "saved"
    folder.mkdir()
    model.calibrate(np.array([1.5, 0.5]), np.array([0.1, -0.1]))
    model.save(folder)
    write_head_graph(folder, folder / "model.onnx")
    texts = [*TEXTS[:5], "", "boat catch " * 90]
    read = OnnxEncoder(
        folder / "model.onnx", folder / "tokenizer.json", model.describe(), threads=1
    ).outputs(texts)
    assert np.abs(read - model.logits(texts)).max() < 1e-4


def test_each_weight_is_stored_once(encoder, tmp_path):
    import onnx

    model = fitted(settings(encoder, epochs=1), data=some_data(16))
    model.save(tmp_path)
    write_head_graph(tmp_path, tmp_path / "model.onnx")
    inside = onnx.load(tmp_path / "model.onnx", load_external_data=False).graph.initializer
    assert len(inside) > 40
    assert all(
        len(i.raw_data) < 100 for i in inside
    )  # shapes and the like; what is larger is in model.safetensors
    tokenizer = json.loads((tmp_path / "tokenizer.json").read_text())
    assert tokenizer["truncation"] is None
    assert tokenizer["padding"] is None
    shutil.move(tmp_path / "model.safetensors", tmp_path / "elsewhere")
    with pytest.raises(Exception, match=r"model\.safetensors"):
        from sahelclf.models.runtime.encoder import OnnxEncoder

        OnnxEncoder(
            tmp_path / "model.onnx", tmp_path / "tokenizer.json", model.describe(), threads=1
        )


def test_windows_cover_every_token_once_beyond_their_overlap(encoder):
    windows = Windows(load_tokenizer(find_encoder(str(encoder))), 16, 4)
    text = " ".join(f"item {i}" for i in range(40))
    cut = windows([text, "boat"])
    whole = load_tokenizer(find_encoder(str(encoder)))
    whole.no_truncation()
    whole.no_padding()
    expected = whole.encode(text).ids[1:-1]
    parts = [ids[1:-1] for ids, row in zip(cut.ids, cut.text, strict=True) if row == 0]
    assert parts[0] + [i for part in parts[1:] for i in part[4:]] == expected
    assert max(map(len, cut.ids)) == 16
    assert np.allclose(np.bincount(cut.text, cut.weight), 1.0)
    assert np.allclose(cut.pooled(np.ones((len(cut), 3)), 2), np.ones((2, 3)))


def test_padding_is_masked_and_goes_to_a_multiple(encoder):
    batch = padded([[2, 9, 3], [2, 3]], [[0, 0, 1], [0, 0]], pad=7, multiple=4)
    assert batch["input_ids"].tolist() == [[2, 9, 3, 7], [2, 3, 7, 7]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0], [1, 1, 0, 0]]
    assert batch["token_type_ids"].tolist() == [[0, 0, 1, 0], [0, 0, 0, 0]]


def test_a_target_goes_whole_into_each_window(encoder):
    windows = Windows(load_tokenizer(find_encoder(str(encoder))), 16, 4)
    cut = windows(["boat " * 30], ["the harbour works"])
    assert len(cut) > 1
    for ids, types in zip(cut.ids, cut.types, strict=True):
        assert ids[-4:-1] == [windows.tokenizer.token_to_id(w) for w in ("the", "harbour", "works")]
        assert types[-4:] == [1] * 4
        assert set(types[:-4]) == {0}


def test_a_target_that_leaves_no_room_for_the_text_is_refused(encoder):
    y = np.array([[0], [1]], dtype=np.int8)
    ids = ("1", "2")
    data = TaskData(
        HeadLayout(("named",)),
        ids,
        ids,
        ("the boat", "mud"),
        y,
        np.ones(y.shape, dtype=bool),
        ("the plan", "the harbour works and the market square"),
    )
    longer = replace(data, targets=("the plan", "the quay " * 60))  # longer than a window, too
    with pytest.raises(RequestError, match="takes 123 tokens"):
        Transformer(settings(encoder, window=16, overlap=6)).fit(longer, seed=0)
    # [CLS] [SEP], seven words, [SEP]: 10 tokens, and 6 are shared
    with pytest.raises(
        RequestError,
        match=r"target 'the harbour works.*takes 10 tokens.*model\.window=16.*model\.overlap=6",
    ):
        Transformer(settings(encoder, window=16, overlap=6)).fit(data, seed=0)


def test_a_free_target_is_read_with_the_text(encoder):
    """The label is whether the text names the target: without the target it cannot be known."""
    words = ("boat", "mud", "choir", "rain")
    pairs = [(f"the {a} and the plan", b) for a in words for b in words for _ in range(3)]
    y = np.array([[a.split()[1] == b, a.split()[1] != b] for a, b in pairs], dtype=np.int8)
    ids = tuple(map(str, range(len(pairs))))
    texts, targets = (tuple(p[k] for p in pairs) for k in (0, 1))
    data = TaskData(LAYOUT, ids, ids, texts, y, np.ones(y.shape, dtype=bool), targets)
    model = fitted(settings(encoder, epochs=60, frozen_layers=0, learning_rate=3e-3), data=data)
    assert ((model.logits(texts, targets)[:, 0] > 0) == y[:, 0]).mean() > 0.9
    with pytest.raises(RequestError, match="do not read the target"):
        Tfidf(tfidf_config().model).fit(data, seed=0)


def test_what_was_read_is_counted(encoder):
    model = fitted(settings(encoder, epochs=1), data=some_data(8))
    assert model.describe()["training_texts_read"] == {
        "texts": 8,
        "tokens": sum(map(len, model.windows(TEXTS[:8]).ids)),
        "windows": 8,
        "longer_than_window": 0,
        "unknown_tokens": 0,
    }
    assert model.windows(["☃ boat"]).unknown == 1


def test_buckets_hold_every_row_once_and_like_lengths(encoder):
    lengths = np.random.default_rng(0).integers(3, 200, size=1003)
    batches = length_buckets(lengths, 16, np.random.default_rng(1))
    assert sorted(np.concatenate(batches).tolist()) == list(range(1003))
    padding = sum(lengths[b].max() * len(b) - lengths[b].sum() for b in batches) / lengths.sum()
    assert padding < 0.05
    assert sorted(np.concatenate(length_sorted_batches(lengths)).tolist()) == list(range(1003))


def test_the_rate_rises_and_falls_in_lines():
    # ten steps, two of them warm-up: 1/2, 1, then 8/8 down to 1/8
    assert [schedule(s, 10, 0.2) for s in range(10)] == [
        0.5,
        1.0,
        *(k / 8 for k in range(8, 0, -1)),
    ]


def test_a_diverging_loss_ends_with_advice(encoder):
    with pytest.raises(
        RequestError, match=r"the loss diverged at step .*divide model.learning_rate"
    ):
        fitted(settings(encoder, learning_rate=1.0, head_learning_rate=1.0, epochs=50))


def test_short_texts_among_long_ones_are_no_divergence(encoder):
    """A long text's windows weigh a part of a short one's, and come in other batches."""
    texts = tuple(
        "the boat landed a catch of cod at the quay " * (1 if i % 5 == 0 else 30) for i in range(40)
    )
    ids = tuple(map(str, range(40)))
    y = np.array([[i % 2, 1 - i % 2] for i in range(40)], dtype=np.int8)
    model = fitted(
        settings(encoder, learning_rate=1e-5, head_learning_rate=1e-5, epochs=2),
        data=TaskData(LAYOUT, ids, ids, texts, y, np.ones(y.shape, dtype=bool)),
    )
    assert model.read["longer_than_window"] == 32


def test_a_window_at_the_encoders_limit_is_padded_to_no_more(tmp_path):
    limited = write_encoder(tmp_path, positions=60)
    texts = tuple(t + " the boat and the quay" * 20 for t in TEXTS)
    data = replace(some_data(), texts=texts)
    assert fitted(settings(limited, window=60, epochs=1), data=data).logits(texts[:3]).shape == (
        3,
        2,
    )


def test_the_first_token_is_read_where_it_is_asked_for(tmp_path):
    folder = write_encoder(tmp_path, "modernbert")
    about = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(about | {"classifier_pooling": "mean"}))
    for pooling, said in (("first", "cls"), ("auto", "mean")):
        assert (
            build_classifier(
                find_encoder(str(folder)), ["a"], pooling, None
            ).config.classifier_pooling
            == said
        )


def test_what_an_encoder_has_after_its_layers_was_trained_with_them(tmp_path):
    net = build_classifier(
        find_encoder(str(write_encoder(tmp_path / "m", "modernbert"))),
        ["a"],
        "auto",
        None,
    )
    assert "model.final_norm.weight" not in head_names(net)
    assert {"head.dense.weight", "classifier.weight"} <= head_names(net)


def test_a_changed_tokenizer_is_another_encoder(tmp_path):
    folder = write_encoder(tmp_path)
    before = find_encoder(str(folder))
    path = folder / "tokenizer.json"
    path.write_text(path.read_text().replace("herring", "sardine"))
    after = find_encoder(str(folder))
    assert before.sha256 == after.sha256
    assert before.content != after.content


def test_running_out_of_memory_ends_with_advice(encoder, monkeypatch):
    def full(*_args):
        raise RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to "
            "allocate 9 bytes"
        )

    monkeypatch.setattr(finetune.FineTuning, "_step", full)
    with pytest.raises(SahelclfError, match=r"out of memory.*halve model.batch_size=8"):
        fitted(settings(encoder))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window": 256}, r"model.window=256: .* reads at most 128 tokens"),
        ({"overlap": 20}, r"model.overlap=20: more than half"),
        ({"encoder": "/no/such/folder/or/name"}, r"no such folder, and not available"),
        ({"frozen_layers": 4}, r"model.frozen_layers=4: the encoder has 3 layers"),
    ],
)
def test_what_cannot_be_done_is_refused(encoder, monkeypatch, changes, message):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(RequestError, match=message):
        fitted(settings(**({"encoder": encoder} | changes)))


def test_mean_pooling_is_refused_where_there_is_no_place_for_it(tmp_path):
    with pytest.raises(RequestError, match=r"model.pooling=mean: .*roberta.*model.pooling=first"):
        fitted(settings(write_encoder(tmp_path, "roberta"), pooling="mean"))


def test_a_labeller_can_be_the_encoder_of_another_with_other_heads(encoder, tmp_path):
    first = fitted(settings(encoder, epochs=1))
    first.save(tmp_path / "first")
    data = some_data()
    three = TaskData(
        HeadLayout(("a", "b", "c")),
        data.ids,
        data.groups,
        data.texts,
        np.hstack([data.y, data.y[:, :1]]),
        np.ones((len(data), 3), dtype=bool),
    )
    second = fitted(settings(tmp_path / "first", frozen_layers=2, epochs=1), data=three)
    assert second.logits(TEXTS[:2]).shape == (2, 3)
    now, before = (dict(m.net.named_parameters()) for m in (second, first))
    kept = [
        n
        for n in now
        if n.startswith(("bert.embeddings.", "bert.encoder.layer.0.", "bert.encoder.layer.1."))
    ]
    assert len(kept) > 20
    assert all(np.array_equal(now[n].detach(), before[n].detach()) for n in kept)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"vocab_size": 150},
            "word_embeddings.weight is (160, 32) in its weights, expected (150, 32)",
        ),
        ({"num_hidden_layers": 4}, "have no bert.encoder.layer.3."),
    ],
)
def test_weights_that_do_not_fit_their_configuration_are_refused(
    encoder, tmp_path, changed, message
):
    folder = shutil.copytree(encoder, tmp_path / "other")
    about = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(about | changed))
    with pytest.raises(RequestError, match=re.escape(message)):
        fitted(settings(folder))


def test_pickled_weights_are_refused_with_the_way_out(encoder, tmp_path):
    shutil.copytree(encoder, tmp_path / "pickled")
    (tmp_path / "pickled" / "model.safetensors").rename(tmp_path / "pickled" / "pytorch_model.bin")
    with pytest.raises(
        RequestError, match=r"pickled weights \(pytorch_model.bin\).*save_pretrained"
    ):
        Transformer(settings(tmp_path / "pickled"))
    (tmp_path / "pickled" / "pytorch_model.bin").unlink()
    with pytest.raises(RequestError, match=r"no \*\.safetensors"):
        Transformer(settings(tmp_path / "pickled"))


def test_the_configuration_is_strict():
    with pytest.raises(RequestError, match="epochs"):
        tfidf_config(model={"kind": "transformer", "epochs": 0})


def test_folds_are_three_for_a_transformer_unless_told_otherwise():
    from sahelclf.training.compose import compose_config

    assert compose_config(["model=transformer"]).crossfit == 3
    assert compose_config(["model=transformer", "crossfit=4"]).crossfit == 4
    assert compose_config(["model=embedding"]).crossfit == 5


@pytest.mark.slow
def test_the_packaged_encoder_is_fine_tuned_on_real_passages():
    """Three epochs of the last layer on 60 passages rank 40 others better than chance."""
    from sklearn.metrics import roc_auc_score

    from sahelclf.tasks.labeller import passage_data
    from sahelclf.training.compose import compose_config
    from sahelclf.training.run import check

    config = compose_config(
        [
            "model=transformer",
            "model.frozen_layers=5",
            "model.epochs=3",
            "model.window=96",
            "model.overlap=16",
        ]
    )
    corpus, _, development = check(config)
    data = passage_data(corpus, development[:70])
    documents = sorted(set(data.groups))
    train = data.take([i for i, g in enumerate(data.groups) if g in documents[:50]][::3][:60])
    held = data.take([i for i, g in enumerate(data.groups) if g in documents[50:]][:40])
    model = Transformer(config.model)
    model.fit(train, seed=0)
    assert model.read["longer_than_window"] > 0
    p = model.logits(held.texts)
    assert roc_auc_score(held.y[:, 0], p[:, 0]) > 0.7


def test_a_broken_cache_is_not_taken_for_an_encoder_that_was_never_fetched(tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for name in ("some/where", "no/such/folder/here"):  # not in the cache; no name of the hub's
        with pytest.raises(
            RequestError,
            match=f"model.encoder={name}: not minilm or mpnet, no such folder, and not available",
        ):
            find_encoder(name)
    (tmp_path / "models--some--where" / "refs" / "main").mkdir(
        parents=True
    )  # a file in a cache that is whole
    with pytest.raises((IsADirectoryError, PermissionError)):
        find_encoder("some/where")


def test_what_is_left_open_is_what_the_encoder_needs():
    from sahelclf.training.compose import compose_config

    open_settings = [
        compose_config([f"model={kind}", f"{path}.encoder={encoder}"]).model
        for kind, path, encoder in (
            ("transformer", "model", "null"),
            ("transformer", "model", "mpnet"),
            ("blend", "model.transformer", "mpnet"),
            ("transformer", "model", "./a-folder"),
        )
    ]
    configs = [getattr(config, "transformer", config) for config in open_settings]
    assert [(c.frozen_layers, c.learning_rate) for c in configs] == [
        (2, 2e-4),
        (10, 1e-4),
        (10, 1e-4),
        (2, 2e-4),
    ]
    named = ["model=transformer", "model.encoder=mpnet", "model.frozen_layers=0"]
    assert compose_config(named).model.frozen_layers == 0
