"""The list of kinds of model, and a new kind added as CONTRIBUTING describes it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sahelclf.config import train_config
from sahelclf.errors import BundleError, RequestError
from sahelclf.models.kinds import NAMES, kind_named, kind_of, texts_of
from sahelclf.paths import data_root
from support import copy_package, recipe_files, tfidf_config, touched_files

CENTROID = '''"""Difference of mean TF-IDF vectors."""

from typing import Literal

import numpy as np

from sahelclf.models.base import NO_CALLBACKS, ModelConfig, ModelKind
from sahelclf.models.linear import FeatureBlock, LinearModel, fit_terms, prior_logit


class CentroidConfig(ModelConfig):
    """`model=centroid`."""

    kind: Literal["centroid"]
    features: list[FeatureBlock]


class Centroid(LinearModel):
    """The weight of a term is the difference of its means with and without the head."""

    name = "centroid"

    def __init__(self, config):
        super().__init__()
        self.config = config

    def fit(self, data, *, seed, callbacks=NO_CALLBACKS):
        self.layout = data.layout
        x, self.blocks, self.arrays = fit_terms(self.config.features, data.texts)
        n = len(data.layout)
        coef, intercept = np.zeros((x.shape[1], n)), np.zeros(n)
        for head in range(n):
            rows = np.flatnonzero(data.mask[:, head])
            y = data.y[rows, head]
            intercept[head] = prior_logit(y)
            if 0 < y.sum() < len(y):
                means = [np.asarray(x[rows[y == k]].mean(axis=0)).ravel() for k in (0, 1)]
                coef[:, head] = means[1] - means[0]
        self.arrays |= {"coef": coef, "intercept": intercept}


KIND = ModelKind("centroid", CentroidConfig, lambda config, *_: Centroid(config))
'''
SETTINGS = """kind: centroid
features:
  - {name: word, analyzer: word, ngram_range: [1, 1], min_df: 1, max_features: null}
"""


def test_every_kind_has_settings_and_texts_under_its_name():
    for name in NAMES:
        kind = kind_named(name)
        assert kind.name == name
        assert (data_root() / "conf" / "model" / f"{name}.yaml").is_file()
        assert set(texts_of(name)) == set(texts_of("default"))
        assert set(kind.members) <= set(NAMES)


def test_an_unknown_kind_is_refused_with_the_known_ones_and_the_closest():
    with pytest.raises(RequestError, match=r"'tfdif', expected one of keywords, .*mean 'tfidf'\?"):
        kind_named("tfdif")
    raw = tfidf_config().model_dump(mode="json")
    with pytest.raises(RequestError) as caught:
        train_config(raw | {"model": {"kind": "transfromer"}, "seed": -1})
    assert len(caught.value.problems) == 2
    assert "train: model: unknown kind of model 'transfromer'" in caught.value.problems[1]
    assert "did you mean 'transformer'?" in caught.value.problems[1]


def test_a_manifest_names_a_known_model_and_the_kind_of_its_reader():
    assert kind_of({"model": "keywords", "kind": "linear"}).name == "keywords"
    with pytest.raises(BundleError, match="unknown kind of model 'forest'"):
        kind_of({"model": "forest", "kind": "linear"})
    with pytest.raises(BundleError, match="kind 'linear'; expected 'transformer'"):
        kind_of({"model": "transformer", "kind": "linear"})


def test_the_list_of_kinds_imports_no_heavy_package():
    heavy = "{'sklearn', 'scipy', 'torch', 'transformers', 'mlflow', 'pandas', 'onnxruntime'}"
    code = f"import sys, sahelclf.config; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.fixture
def scratch(tmp_path) -> Path:
    """A copy of the package and its configuration, with a kind of model added."""
    copy_package(tmp_path)
    models = tmp_path / "src" / "sahelclf" / "models"
    (models / "centroid.py").write_text(CENTROID)
    (tmp_path / "conf" / "model" / "centroid.yaml").write_text(SETTINGS)
    kinds = (models / "kinds.py").read_text()
    assert kinds.count('    "tfidf",\n') == 1
    (models / "kinds.py").write_text(
        kinds.replace('    "tfidf",\n', '    "tfidf",\n    "centroid",\n')
    )
    return tmp_path


def test_a_kind_is_added_by_a_module_a_settings_file_and_a_line(scratch, harbour):
    files = {name.replace("<kind>", "centroid") for name in recipe_files("A model")}
    assert touched_files(scratch) == files
    env = os.environ | {"PYTHONPATH": str(scratch / "src")}

    def command(*args: str, stdin: str = "") -> str:
        line = [sys.executable, "-m", "sahelclf", *args]
        done = subprocess.run(
            line, cwd=scratch, env=env, input=stdin, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    folder = scratch / command("train", "model=centroid", f"corpus={harbour}").splitlines()[-1]
    assert folder.name.startswith("centroid-")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["model"], manifest["kind"]) == ("centroid", "linear")
    assert manifest["config"]["crossfit"] == 5
    assert manifest["scores"]["passage"]["scores"]["topic/macro_f1"] > 0.8
    assert "centroid labeller" in (folder / "README.md").read_text()
    row = json.loads(command("predict", str(folder), "-", stdin="The boat came home\n"))
    assert set(row["topics"]) == {"fishing", "dredging"}
