import ast
import json
import os
import shutil
import sys
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sahelclf.bundle.hub import write_hub
from sahelclf.bundle.labeller import Labeller
from sahelclf.bundle.load import open_bundle
from sahelclf.bundle.r import changed_characters, write_r
from sahelclf.bundle.sklearn import build_pipeline, write_sklearn
from sahelclf.bundle.write import write_bundle
from sahelclf.errors import BundleError, RequestError, SahelclfError
from sahelclf.files import aside_of, file_aside, file_sha256, written_aside
from sahelclf.models import runtime
from sahelclf.models.runtime.linear import normalise


def copy(bundle, tmp_path):
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


def resign(folder, **changes):
    """Rewrite the manifest as someone who knows the format would."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    (folder / "manifest.sha256").write_text(f"{file_sha256(path)}  manifest.json\n")


def test_a_bundle_has_plain_files_only(bundle):
    assert {p.name for p in bundle.iterdir()} == {
        "manifest.json",
        "manifest.sha256",
        "features.json",
        "weights.npz",
        "README.md",
        "MLmodel",
        "pyfunc_model.py",
        "sahelclf_readers",
        "requirements.txt",
        "python_env.yaml",
        "input_example.json",
        "serving_input_example.json",
    }
    with np.load(bundle / "weights.npz", allow_pickle=False) as arrays:
        assert {a.dtype for a in arrays.values()} == {np.dtype(float)}


def test_the_manifest_holds_what_other_readers_need(bundle):
    manifest = open_bundle(bundle)
    assert manifest["heads"] == [
        "fishing",
        "dredging",
        "fishing=pro",
        "fishing=con",
        "dredging=pro",
        "dredging=con",
    ]
    assert set(manifest["thresholds"]) == {"fishing", "dredging"}
    assert manifest["codebook"]["version"] == "0.3"
    texts = [g["text"] for g in manifest["golden"]]
    assert any("e\u0301" in t for t in texts)
    assert any("كيدال" in t for t in texts)
    assert any(len(t.split()) > 400 for t in texts)
    logits = Labeller.load(bundle).runtime.logits(texts)
    assert logits == pytest.approx(np.array([g["logits"] for g in manifest["golden"]]), abs=1e-9)


def test_the_bundle_gives_the_outputs_of_the_fitted_model(bundle, trained):
    texts = ["The boat landed a catch and residents welcomed it", "rain"]
    assert Labeller.load(bundle).runtime.logits(texts) == pytest.approx(
        trained.fitted.model.logits(texts), abs=1e-12
    )


def test_a_change_of_any_file_is_refused(bundle, tmp_path):
    for name in sorted(p.relative_to(bundle).as_posix() for p in bundle.rglob("*") if p.is_file()):
        if "__pycache__" in name:
            continue
        folder = copy(bundle, tmp_path / name)
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 3] ^= 1
        (folder / name).write_bytes(bytes(data))
        with pytest.raises(BundleError, match=name if name != "manifest.sha256" else "manifest"):
            open_bundle(folder)


def test_a_missing_truncated_or_added_file_is_refused(bundle, tmp_path):
    folder = copy(bundle, tmp_path)
    (folder / "extra.pkl").write_bytes(b"x")
    with pytest.raises(
        BundleError, match=r"files that the manifest does not list: \['extra.pkl'\]"
    ):
        open_bundle(folder)
    (folder / "extra.pkl").unlink()
    with (folder / "weights.npz").open("r+b") as stream:
        stream.truncate(100)
    with pytest.raises(BundleError, match="weights.npz: changed"):
        open_bundle(folder)
    (folder / "weights.npz").unlink()
    with pytest.raises(BundleError, match="weights.npz: missing"):
        open_bundle(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(BundleError, match="no manifest.json"):
        open_bundle(folder)
    with pytest.raises(BundleError, match="no such bundle folder"):
        open_bundle(tmp_path / "nowhere")


def test_a_newer_format_says_what_to_do(bundle, tmp_path):
    folder = copy(bundle, tmp_path)
    resign(folder, format=3)
    with pytest.raises(
        BundleError, match="bundle format 3; this sahelclf reads formats 1, 2. Install the version"
    ):
        open_bundle(folder)


def test_paths_outside_the_folder_are_refused(bundle, tmp_path):
    folder = copy(bundle, tmp_path)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    (tmp_path / "secret").write_text("x")
    resign(folder, files=files | {"../secret": file_sha256(tmp_path / "secret")})
    with pytest.raises(BundleError, match=r"'../secret' points outside the bundle"):
        open_bundle(folder)
    (folder / "link").symlink_to(tmp_path / "secret")
    resign(folder, files=files | {"link": file_sha256(tmp_path / "secret")})
    with pytest.raises(BundleError, match="'link' points outside"):
        open_bundle(folder)


def test_a_pickle_in_the_weights_is_refused(bundle, tmp_path):
    folder = copy(bundle, tmp_path)
    np.savez(folder / "weights.npz", coef=np.array([{"a": 1}], dtype=object), allow_pickle=True)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    resign(folder, files=files | {"weights.npz": file_sha256(folder / "weights.npz")})
    with pytest.raises(BundleError, match="not readable as a labeller"):
        Labeller.load(folder)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_a_damaged_bundle_gives_a_bundle_error(bundle, tmp_path_factory, data):
    folder = copy(bundle, tmp_path_factory.mktemp("m"))
    name = data.draw(st.sampled_from(["features.json", "weights.npz", "manifest.json"]))
    raw = bytearray((folder / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    (folder / name).write_bytes(bytes(raw))
    manifest = (folder / "manifest.json").read_bytes()
    try:  # signed again, as by an attacker
        listed = json.loads(manifest)
        listed["files"][name] = file_sha256(folder / name) if name != "manifest.json" else None
        listed["files"].pop("manifest.json", None)
        (folder / "manifest.json").write_text(json.dumps(listed))
    except (ValueError, KeyError, TypeError):
        pass
    line = f"{file_sha256(folder / 'manifest.json')}  manifest.json\n"
    (folder / "manifest.sha256").write_text(line)
    try:
        labeller = Labeller.load(folder)
        labeller.runtime.logits(["a boat"])
    except BundleError:
        shutil.rmtree(folder)


def test_an_existing_folder_is_not_overwritten(trained, bundle):
    before = file_sha256(bundle / "manifest.json")
    with pytest.raises(RequestError, match="exists already; choose another folder"):
        write_bundle(trained, bundle, "1" * 32)
    assert file_sha256(bundle / "manifest.json") == before


def test_a_failure_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), written_aside(tmp_path / "b") as folder:
        (folder / "half").write_text("x")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "c").write_text("before")
    with pytest.raises(ZeroDivisionError), file_aside(tmp_path / "c") as path:
        path.write_text("half")
        raise ZeroDivisionError
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("c", "before")]


def test_files_of_a_killed_training_are_deleted_by_the_next(tmp_path):
    host = aside_of(tmp_path / "x").name.split("-")[1]
    (tmp_path / f".part-{host}-999999999-old").mkdir()
    (tmp_path / f".part-{host}-{os.getppid()}-alive").mkdir()
    (tmp_path / ".part-elsewhere-999999999-old").mkdir()
    with written_aside(tmp_path / "b"):
        pass
    assert {p.name for p in tmp_path.iterdir()} == {
        f".part-{host}-{os.getppid()}-alive",
        ".part-elsewhere-999999999-old",
        "b",
    }


def test_the_scikit_learn_form_gives_the_same_and_needs_no_trust(bundle, tmp_path):
    import skops.io

    manifest = open_bundle(bundle)
    write_sklearn(bundle, manifest, tmp_path / "form")
    path = tmp_path / "form" / "labeller.skops"
    assert skops.io.get_untrusted_types(file=path) == []
    texts = ["The boat landed a catch", "Ne\u0301gociations", ""]
    actual = skops.io.load(path).predict_proba(texts)
    p = 1 / (1 + np.exp(-Labeller.load(bundle).runtime.logits(texts)))
    assert actual == pytest.approx(p, abs=1e-9)


def test_a_form_that_differs_is_not_written(bundle, tmp_path):
    manifest = open_bundle(bundle)
    manifest["golden"][0]["logits"][0] += 0.01
    with pytest.raises(SahelclfError, match="differ from the fitted model by .* not exported"):
        write_sklearn(bundle, manifest, tmp_path / "form")
    assert list(tmp_path.iterdir()) == []


def test_the_pipeline_takes_texts_as_they_are(bundle):
    assert build_pipeline(bundle).predict_proba(["Any TEXT"]).shape == (1, 6)


def test_the_bundle_holds_our_readers_byte_for_byte(bundle):
    source = Path(runtime.__file__).parent
    names = sorted(p.name for p in source.glob("*.py"))
    assert {"text.py", "linear.py", "encoder.py"} <= set(names)
    for name in names:
        assert (bundle / "sahelclf_readers" / name).read_bytes() == (source / name).read_bytes()
    code = files("sahelclf.bundle") / "data" / "pyfunc_model.py"
    assert (bundle / "pyfunc_model.py").read_bytes() == code.read_bytes()


def test_the_code_of_a_bundle_imports_nothing_of_ours(bundle):
    names = set()
    for path in (bundle / "pyfunc_model.py", *(bundle / "sahelclf_readers").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names.add(node.module.split(".")[0])
    other = {"numpy", "pandas", "mlflow", "onnxruntime", "tokenizers"}
    assert names - sys.stdlib_module_names == other


def test_the_card_names_scores_limits_and_how_to_load(bundle):
    card = (bundle / "README.md").read_text(encoding="utf-8")
    for part in (
        "## Scores",
        "topic/macro_f1",
        "## Limits",
        "mlflow.pyfunc.load_model",
        "sahelclf.load",
    ):
        assert part in card


def test_the_hub_form_is_a_bundle_with_a_card_that_the_hub_reads(bundle, tmp_path):
    import skops.io
    from huggingface_hub import ModelCard

    write_hub(bundle, open_bundle(bundle), tmp_path / "hub")
    folder = tmp_path / "hub"
    data = ModelCard.load(folder / "README.md").data
    assert (data.library_name, data.pipeline_tag, data.license, data.language) == (
        "sklearn",
        "text-classification",
        "other",
        ["en"],
    )
    scores = open_bundle(bundle)["scores"]["passage"]["scores"]
    assert {r.metric_name: r.metric_value for r in data.eval_results}[
        "macro-F1 of topics"
    ] == scores["topic/macro_f1"]
    assert "model-index" in yaml.safe_load(
        (folder / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    )
    assert Labeller.load(folder).predict(["The boat landed a catch"]) == Labeller.load(
        bundle
    ).predict(["The boat landed a catch"])
    about = json.loads((folder / "config.json").read_text(encoding="utf-8"))["sklearn"]
    assert skops.io.load(folder / about["model"]["file"]).predict_proba(["The boat"]).shape == (
        1,
        6,
    )


def test_the_hub_forms_card_may_be_edited_and_its_weights_may_not(bundle, tmp_path):
    write_hub(bundle, open_bundle(bundle), tmp_path / "hub")
    with (tmp_path / "hub" / "README.md").open("a", encoding="utf-8") as card:
        card.write("A line of ours.\n")
    (tmp_path / "hub" / ".cache" / "huggingface").mkdir(parents=True)
    (tmp_path / "hub" / ".cache" / "huggingface" / "a.metadata").write_text("left by a download\n")
    Labeller.load(tmp_path / "hub")
    with (tmp_path / "hub" / "weights.npz").open("ab") as weights:
        weights.write(b"x")
    with pytest.raises(BundleError, match="weights.npz: changed since"):
        Labeller.load(tmp_path / "hub")


def test_a_hub_form_that_differs_is_not_written(bundle, tmp_path):
    manifest = open_bundle(bundle)
    manifest["golden"][3]["logits"][1] += 0.01
    with pytest.raises(SahelclfError, match="not exported"):
        write_hub(bundle, manifest, tmp_path / "hub")
    assert list(tmp_path.iterdir()) == []


def test_the_form_for_r_holds_every_character_that_is_changed(bundle, tmp_path):
    changed = changed_characters()
    table = dict(zip(changed["from"], changed["to"], strict=True))
    assert table[ord("É")] == "e"
    assert table[0x301] == ""
    assert table[ord("ﬁ")] == "fi"
    assert ord("e") not in table
    text = "Ne\u0301gociations à Ménaka, ﬁnal ½ İstanbul Ωmega ǆ أعلن 한국 ２０２３"
    by_table = "".join(table.get(ord(c), c.lower()) for c in text)
    assert by_table == normalise(text)


def test_forms_say_which_models_have_them(transformer_bundle, tmp_path):
    manifest = open_bundle(transformer_bundle)
    for write in (write_r, write_sklearn):
        with pytest.raises(RequestError, match="only keywords and tfidf have this form"):
            write(transformer_bundle, manifest, tmp_path / "form")


def test_a_device_or_a_folder_is_not_replaced_by_a_file(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for target, what in ((pipe, "not a regular file"), (tmp_path, "a folder")):
        with pytest.raises(RequestError, match=what), file_aside(target):
            pytest.fail("nothing is written")
    assert pipe.is_fifo()
