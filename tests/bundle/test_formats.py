"""Bundles of format 1 read texts as given; those of format 2 clean them first, in every form."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from sahelclf.bundle.golden import GOLDEN_TEXTS
from sahelclf.bundle.labeller import Labeller
from sahelclf.bundle.load import open_bundle
from sahelclf.bundle.r import references, write_r
from sahelclf.bundle.sklearn import write_sklearn
from sahelclf.bundle.write import write_bundle
from sahelclf.errors import BundleError, SahelclfError
from sahelclf.files import file_sha256
from sahelclf.models.runtime.text import clean_text

HERE = Path(__file__).parent
TWO_BUNDLES = """
import json, sys, warnings
warnings.simplefilter("ignore")
sys.modules["sahelclf"] = None  # an import of it fails
import mlflow, pandas as pd
models = [mlflow.pyfunc.load_model(folder) for folder in sys.argv[2:]]
frame = pd.DataFrame({"text": json.loads(sys.argv[1])})
print(json.dumps([model.predict(frame).to_dict("records") for model in [*models, *models]]))
"""


@pytest.fixture(scope="session")
def format_1(tmp_path_factory) -> Path:
    """`linear` and `transformer`, written at 418c189, and what that version made of some texts."""
    folder = tmp_path_factory.mktemp("format-1")
    with zipfile.ZipFile(HERE / "data" / "format-1.zip") as archive:
        archive.extractall(folder)
    return folder


def golden_of(folder: Path) -> list[dict]:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["golden"]


@pytest.mark.parametrize(("name", "tolerance"), [("linear", 1e-9), ("transformer", 1e-4)])
def test_format_1_gives_its_golden_outputs(format_1, name, tolerance):
    labeller = Labeller.load(format_1 / name)
    assert labeller.manifest["format"] == 1
    written = json.loads((format_1 / f"{name}.json").read_text(encoding="utf-8"))
    assert any("\u00ad" in one["text"] for one in written)
    for golden in (labeller.manifest["golden"], written):
        logits = labeller.runtime.logits([one["text"] for one in golden])
        assert logits == pytest.approx(np.array([g["logits"] for g in golden]), abs=tolerance)


def test_format_1_in_eight_bits(format_1):
    assert Labeller.load(format_1 / "transformer", fast=True).predict(["the boat"])


def test_the_two_formats_differ_only_in_the_text_rule(bundle):
    labeller = Labeller.load(bundle)
    assert labeller.manifest["text"]["rule"] == "clean"
    assert len(labeller.manifest["text"]["steps"]) == 5
    texts = ["The bo\u00adat landed a cat\u200bch &amp; sailed", "The boat landed a catch & sailed"]
    one, other = labeller.runtime.logits(texts)
    assert list(one) == list(other)
    as_given = labeller.runtime.clean_logits(texts)
    assert abs(as_given[0] - as_given[1]).max() > 0.1
    rows = labeller.predict([texts[0], texts[1]], ids=["a", "a"])
    assert rows[0] == rows[1]


def test_golden_texts_hold_what_the_rule_changes(bundle):
    texts = [one["text"] for one in golden_of(bundle)]
    assert texts == [*GOLDEN_TEXTS]
    changed = "".join(t for t in texts if clean_text(t) != t)
    assert all(
        part in changed for part in ("\u00ad", "\u200b", "\ufeff", "&amp;", "&#39;", "&shy;")
    )


def test_a_rule_that_does_not_belong_to_the_format_is_refused(bundle, tmp_path):
    import shutil

    folder = Path(shutil.copytree(bundle, tmp_path / "copy"))
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(manifest | {"text": {"rule": "as_given"}}), encoding="utf-8")
    line = f"{file_sha256(path)}  manifest.json\n"
    (folder / "manifest.sha256").write_text(line, encoding="utf-8")
    with pytest.raises(BundleError, match=r"text\.rule 'as_given'; expected 'clean' in format 2"):
        Labeller.load(folder)


def test_bundles_of_two_versions_work_in_one_process_without_sahelclf(bundle, format_1, tmp_path):
    texts = [one["text"] for one in golden_of(bundle)]
    folders = [str(bundle), str(format_1 / "linear"), str(bundle)]
    command = [sys.executable, "-I", "-B", "-c", TWO_BUNDLES, json.dumps(texts), *folders]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    tables = json.loads(done.stdout.splitlines()[-1])
    for folder, rows in zip([*folders, *folders], tables, strict=True):
        labeller = Labeller.load(folder)
        p = labeller.runtime.probabilities(texts)[0]
        for k, topic in enumerate(labeller.topics):
            assert [row[f"{topic}_probability"] for row in rows] == pytest.approx(p[:, k], abs=1e-9)


@pytest.mark.parametrize("format_", [1, 2])
def test_the_scikit_learn_form_names_and_brings_its_text_rule(format_, bundle, format_1, tmp_path):
    import skops.io

    folder = bundle if format_ == 2 else format_1 / "linear"
    write_sklearn(folder, open_bundle(folder), tmp_path / "form")
    about = json.loads((tmp_path / "form" / "heads.json").read_text(encoding="utf-8"))
    assert about.get("text", {}).get("rule") == (None if format_ == 1 else "clean")
    assert (tmp_path / "form" / "sahelclf_readers" / "text.py").is_file()
    text = "The bo\u00adat landed"
    given = clean_text(text) if format_ == 2 else text
    pipeline = skops.io.load(tmp_path / "form" / "labeller.skops")
    expected = Labeller.load(folder).runtime.logits([text])
    assert pipeline.predict_proba([given]) == pytest.approx(1 / (1 + np.exp(-expected)), abs=1e-9)


@pytest.mark.parametrize("format_", [1, 2])
def test_the_form_for_r_brings_the_rule(format_, bundle, format_1, tmp_path):
    folder = bundle if format_ == 2 else format_1 / "linear"
    write_r(folder, open_bundle(folder), tmp_path / "form")
    about = json.loads((tmp_path / "form" / "labeller.json").read_text(encoding="utf-8"))
    assert about["text"]["rule"] == ("as_given" if format_ == 1 else "clean")
    assert {0xAD, 0x200B, 0xFEFF} <= set(about["invisible"])


def test_the_table_of_references_is_complete():
    import html

    table = references()
    by_name = dict(zip(table["from"], table["to"], strict=True))
    assert (by_name["eacute"], by_name["#150"], by_name["#0"]) == ("é", "–", "\ufffd")
    for number in range(0x10FFFF + 1):
        if not 0xD800 <= number <= 0xDFFF:
            actual = by_name.get(f"#{number}", chr(number))
            assert actual == html.unescape(f"&#{number};"), number


def test_a_bundle_that_fails_its_check_is_not_left_behind(trained, tmp_path, monkeypatch):
    from sahelclf.models.linear import LinearModel

    save = LinearModel.save

    def save_other_numbers(self, folder):
        self.arrays = self.arrays | {"intercept": self.arrays["intercept"] + 0.01}
        save(self, folder)
        self.arrays = self.arrays | {"intercept": self.arrays["intercept"] - 0.01}

    monkeypatch.setattr(LinearModel, "save", save_other_numbers)
    with pytest.raises(SahelclfError, match=r"the written weights differ .* by 0\.01"):
        write_bundle(trained, tmp_path / "b", "0" * 32)
    assert list(tmp_path.iterdir()) == []

    def save_nan(self, folder):
        save(self, folder)
        arrays = self.arrays | {"intercept": self.arrays["intercept"] * np.nan}
        np.savez_compressed(folder / "weights.npz", **arrays)

    monkeypatch.setattr(LinearModel, "save", save_nan)
    with pytest.raises(SahelclfError, match="intercept: numbers that are not finite") as refused:
        write_bundle(trained, tmp_path / "b", "0" * 32)
    assert f"{tmp_path / 'b'}: not readable" in str(refused.value)
    assert ".part-" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []
