"""Bundles and inputs made to do harm: a message, never a crash, never a hang.

A few hundred cases here; `make test-tools` runs 10,000 and more (the same tests, by the `tools`
mark).
"""

import copy
import gzip
import io
import json
import shutil
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import zstandard
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sahelclf.bundle.labeller import Labeller
from sahelclf.bundle.load import open_bundle
from sahelclf.errors import BundleError, RequestError, SahelclfError
from sahelclf.files import file_sha256
from sahelclf.predict.dialects import Hints
from sahelclf.predict.inputs import open_source
from sahelclf.predict.rows import Columns, Item, Reject

QUICK = settings(
    max_examples=60,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
LONG = settings(QUICK, max_examples=2_500)
FORMS = [
    ".jsonl",
    ".ndjson",
    ".csv",
    ".tsv",
    ".txt",
    ".html",
    ".parquet",
    ".jsonl.gz",
    ".csv.zst",
    ".parquet.gz",
    ".xlsx",
    ".json",
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def signed(folder, manifest=None):
    """Sign a bundle anew, as somebody who knows the format."""
    path = folder / "manifest.json"
    manifest = manifest if manifest is not None else json.loads(path.read_text(encoding="utf-8"))
    if isinstance(manifest, dict) and isinstance(manifest.get("files"), dict):
        manifest["files"] = {
            n: file_sha256(folder / n) if (folder / n).is_file() else h
            for n, h in manifest["files"].items()
            if "\0" not in n
        }
    path.write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "manifest.sha256").write_text(f"{file_sha256(path)}  manifest.json\n")


def loads_or_says_why(folder):
    """True where it loads and labels; else the message names the bundle."""
    try:
        labeller = Labeller.load(folder)
        rows = labeller.predict(["the boat landed a catch", ""])
        labeller.predict_document("The boat landed a catch.\n\nThe choir sang.")
    except (BundleError, RequestError) as error:
        assert str(folder) in str(error)  # noqa: PT017
        return False
    assert all(0 <= t["probability"] <= 1 for row in rows for t in row["topics"].values())
    return True


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*path, key))
    elif isinstance(value, list):
        for key, inner in enumerate(value[:4]):
            yield from places(inner, (*path, key))


def changed(value, path, new):
    """The value with another at one place, or without that place where `new` is `...`."""
    value = copy.deepcopy(value)
    if not path:
        return None if new is ... else new
    inner = value
    for key in path[:-1]:
        inner = inner[key]
    if new is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return value


@pytest.fixture(scope="module")
def scratch(bundle, tmp_path_factory):
    """A copy of the bundle whose files a case may spoil; `whole` puts them right again."""
    return Path(shutil.copytree(bundle, tmp_path_factory.mktemp("fuzz") / "bundle"))


def whole(bundle, scratch):
    for path in scratch.iterdir():
        if path.name not in {"weights.npz", "features.json", "manifest.json", "manifest.sha256"}:
            continue
        shutil.copyfile(bundle / path.name, path)
    return scratch


def mutated(raw, data):
    """Bytes flipped, cut out, doubled or cut off."""
    raw = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(raw) - 1, 0)))
        kind = data.draw(st.sampled_from(["flip", "flip", "cut", "double", "end"]))
        n = data.draw(st.integers(1, 40))
        if kind == "flip" and raw:
            raw[at] = data.draw(st.integers(0, 255))
        elif kind == "cut":
            del raw[at : at + n]
        elif kind == "double":
            raw[at:at] = raw[at : at + n]
        elif kind == "end":
            del raw[at:]
    return bytes(raw)


def spoil_manifest(bundle, scratch, data):
    folder = whole(bundle, scratch)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for _ in range(data.draw(st.integers(1, 2))):
        path = data.draw(st.sampled_from([p for p in places(manifest) if p]))
        manifest = changed(manifest, path, data.draw(JSON | st.just(...)))
    signed(folder, manifest)
    loads_or_says_why(folder)


def spoil_features(bundle, scratch, data):
    folder = whole(bundle, scratch)
    features = json.loads((folder / "features.json").read_text(encoding="utf-8"))
    path = data.draw(st.sampled_from(list(places(features))))
    (folder / "features.json").write_text(
        json.dumps(changed(features, path, data.draw(JSON | st.just(...)))), encoding="utf-8"
    )
    signed(folder)
    loads_or_says_why(folder)


def spoil_weights(bundle, scratch, data):
    folder = whole(bundle, scratch)
    raw = (folder / "weights.npz").read_bytes()
    if data.draw(st.booleans()):
        (folder / "weights.npz").write_bytes(mutated(raw, data))
    else:
        with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
            arrays = dict(stored)
        name = data.draw(st.sampled_from([*arrays]))
        kinds = ["float32", "int8", "complex128", "U3", "bool", "float64"]
        shape = data.draw(
            st.sampled_from(
                [(), (0,), (1,), (1, 1), arrays[name].shape, arrays[name].shape[::-1], (2, 3, 4)]
            )
        )
        fill = data.draw(st.sampled_from([0, 1, np.nan, np.inf, -1e308]))
        with np.errstate(all="ignore"):
            arrays[name] = np.full(shape, fill).astype(data.draw(st.sampled_from(kinds)))
        np.savez(folder / "weights.npz", **arrays)
    signed(folder)
    loads_or_says_why(folder)


def spoil_input(path, data):
    kind = data.draw(st.sampled_from(FORMS))
    whole_rows = [
        b'{"id": "a", "text": "One boat"}\n{"text": "Two", "n": [1, {"a": null}]}\n',
        'id,text\n1,"One ""boat"""\n2,Ménaka\n'.encode(),
        b'"id";"text"\r\n"1";"One \\"boat\\""\r\n"2";"Two\r\nlines"\r\n',
        b"sep=|\rid|text\r1|One boat\r2|\xe9t\xe9\r",
        'id\ttext\n1\t"One\n2\tTwo\n'.encode("utf-16-le"),
        b'[{"id": 1, "text": "One boat"}, {"text": NaN}]',
        b"1 of 2 DOCUMENTS\n\nThe Quay\n\nMarch 1, 2021\n\nBoats\n\nLENGTH: 2 words\n\nOne boat.\n",
        workbook(),
        b"<html><head><title>T</title></head><body><p>The boat crews landed a catch and "
        b"residents welcomed it.</p></body></html>",
        "Title\n\nA paragraph – with a dash.".encode("utf-16"),
        parquet(),
    ]
    raw = (
        mutated(data.draw(st.sampled_from(whole_rows)), data)
        if data.draw(st.integers(0, 3))
        else data.draw(st.binary(max_size=300))
    )
    if kind.endswith(".gz"):
        raw = gzip.compress(raw, mtime=0)
    elif kind.endswith(".zst"):
        raw = zstandard.compress(raw)
    if kind.endswith((".gz", ".zst")) and data.draw(st.booleans()):
        raw = mutated(raw, data)
    file = path / f"x{kind}"
    file.write_bytes(raw)
    unit = data.draw(st.sampled_from([None, "passage", "document"]))
    columns = Columns(*(data.draw(st.sampled_from([None, None, "id", "n", ""])) for _ in range(4)))
    hints = Hints(
        data.draw(st.sampled_from([None, None, ";", "\t"])),
        data.draw(st.sampled_from([None, None, "utf-16", "cp1252"])),
        data.draw(st.sampled_from([None, None, "quotes", "backslash", "none"])),
    )
    try:
        found = list(open_source(str(file), unit, columns, hints).items())
    except SahelclfError as error:
        assert str(file) in str(error)  # noqa: PT017
    else:
        assert all(isinstance(f, Item | Reject) for f in found)
        assert all(f.text.strip() or kind == ".txt" for f in found if isinstance(f, Item))
        json.dumps([f.extra for f in found if isinstance(f, Item)], default=str)
    finally:
        file.unlink()


def parquet(kept=[]):  # noqa: B006 - written once
    if not kept:
        import pyarrow as pa
        import pyarrow.parquet as pq

        stream = io.BytesIO()
        pq.write_table(
            pa.table({"id": ["a", "b"], "text": ["One boat", None], "n": [1, 2]}), stream
        )
        kept.append(stream.getvalue())
    return kept[0]


@cache
def workbook():
    import openpyxl

    book, stream = openpyxl.Workbook(), io.BytesIO()
    for row in (["id", "text"], [1, "One boat"], ["b", "=1+1"], [None, "#N/A"]):
        book.active.append(row)
    book.save(stream)
    return stream.getvalue()


def spoil_tokenizer(folder, data):
    raw = json.loads((folder / "tokenizer.json.whole").read_text(encoding="utf-8"))
    if data.draw(st.booleans()):
        path = data.draw(st.sampled_from(list(places(raw))))
        spoilt = json.dumps(changed(raw, path, data.draw(JSON | st.just(...)))).encode()
    else:
        spoilt = mutated(json.dumps(raw).encode(), data)
    (folder / "tokenizer.json").write_bytes(spoilt)
    signed(folder)
    loads_or_says_why(folder)


@pytest.fixture(scope="module")
def encoder_bundle(bundle, tmp_path_factory):
    """A bundle of kind `transformer` whose graph is the mean of one row of six numbers a token."""
    from onnx import TensorProto, helper, numpy_helper, save
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    folder = Path(shutil.copytree(bundle, tmp_path_factory.mktemp("encoder") / "bundle"))
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "boat", "landed", "a", "catch"]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    table = numpy_helper.from_array(
        np.linspace(-1, 1, 6 * len(words), dtype=np.float32).reshape(-1, 6), "table"
    )
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["rows"]),
        helper.make_node("ReduceMean", ["rows"], ["logits"], axes=[1], keepdims=0),
    ]
    takes = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["n", "tokens"])]
    gives = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 6])]
    graph = helper.make_graph(nodes, "mean", takes, gives, [table])
    save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8),
        folder / "model.onnx",
    )
    shutil.copyfile(folder / "tokenizer.json", folder / "tokenizer.json.whole")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    names = ("tokenizer.json", "tokenizer.json.whole", "model.onnx")
    about = {
        "kind": "transformer",
        "model": "transformer",
        "features": {"window": 16, "overlap": 4, "pad_token_id": 0},
    }
    signed(folder, manifest | about | {"files": manifest["files"] | dict.fromkeys(names, "")})
    assert loads_or_says_why(folder)
    return folder


SPOILERS = [spoil_manifest, spoil_features, spoil_weights]


@pytest.mark.parametrize("spoil", SPOILERS)
@QUICK
@given(data=st.data())
def test_a_spoilt_bundle_that_is_signed_anew_says_what_is_wrong(bundle, scratch, spoil, data):
    spoil(bundle, scratch, data)


@pytest.mark.tools
@pytest.mark.parametrize("spoil", SPOILERS)
@LONG
@given(data=st.data())
def test_spoilt_bundles_by_the_thousand(bundle, scratch, spoil, data):
    spoil(bundle, scratch, data)


@QUICK
@given(data=st.data())
def test_a_spoilt_tokenizer_says_what_is_wrong(encoder_bundle, data):
    spoil_tokenizer(encoder_bundle, data)


@pytest.mark.tools
@LONG
@given(data=st.data())
def test_spoilt_tokenizers_by_the_thousand(encoder_bundle, data):
    spoil_tokenizer(encoder_bundle, data)


@QUICK
@given(data=st.data())
def test_a_spoilt_input_gives_items_rejects_or_a_refusal(tmp_path_factory, data):
    spoil_input(tmp_path_factory.getbasetemp(), data)


@pytest.mark.tools
@LONG
@given(data=st.data())
def test_spoilt_inputs_by_the_thousand(tmp_path_factory, data):
    spoil_input(tmp_path_factory.getbasetemp(), data)


def test_the_bundle_that_the_cases_start_from_loads(bundle, scratch):
    folder = whole(bundle, scratch)
    signed(folder)
    assert loads_or_says_why(folder)
    assert open_bundle(folder)["files"]


def test_fast_takes_the_small_graph_and_says_how_often_it_differs(encoder_bundle, tmp_path):
    folder = Path(shutil.copytree(encoder_bundle, tmp_path / "fast"))
    shutil.copyfile(folder / "tokenizer.json.whole", folder / "tokenizer.json")
    signed(folder)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    with pytest.raises(RequestError, match="--fast is for transformers"):
        Labeller.load(folder, fast=True)
    signed(folder, manifest | {"forms": {"left_out": {"model.int8.onnx": {"topics_flipped": 0.5}}}})
    with pytest.raises(RequestError, match="no model.int8.onnx: it changed too many decisions"):
        Labeller.load(folder, fast=True)
    shutil.copyfile(folder / "model.onnx", folder / "model.int8.onnx")
    form = {"topics_flipped": 0.0025, "stances_flipped": 0.01, "texts": 210}
    signed(
        folder,
        manifest
        | {
            "forms": {"model.int8.onnx": form},
            "files": manifest["files"] | {"model.int8.onnx": ""},
        },
    )
    labeller = Labeller.load(folder, fast=True)
    expected = (
        "--fast: 0.25% of topics and 1.00% of stances differ from float32 (on 210 texts, most of "
        "them training texts)"
    )
    assert labeller.changed_by_fast == expected
    assert Labeller.load(folder).changed_by_fast is None
    assert labeller.predict(["the boat"]) == Labeller.load(folder).predict(["the boat"])


def test_a_token_id_that_the_graph_does_not_know_is_refused(encoder_bundle):
    """The golden texts do not have the token; another text would fail in the middle of a job."""
    raw = json.loads((encoder_bundle / "tokenizer.json.whole").read_text(encoding="utf-8"))
    raw["model"]["vocab"]["choir"] = 1688
    (encoder_bundle / "tokenizer.json").write_text(json.dumps(raw), encoding="utf-8")
    signed(encoder_bundle)
    with pytest.raises(BundleError, match="token id 1688; expected ids that the graph has"):
        Labeller.load(encoder_bundle)
