"""A bundle trained again from its own record is the same; one that is not is named different."""

import json
import shutil

import numpy as np
import pytest

import sahelclf
from sahelclf.bundle.write import sign
from sahelclf.errors import RequestError
from sahelclf.workflows.reproduce import recorded_config
from support import sahelclf as command


def test_a_second_training_has_the_same_bytes(bundle, tmp_path):
    found = sahelclf.reproduce(bundle, out=tmp_path / "again")
    assert found.verdict == "identical"
    assert found.weights == {"weights.npz": True}
    assert found.logit_difference == 0
    assert (found.topics_changed, found.stances_changed) == (0, 0)
    assert found.versions == {}
    assert found.scores
    assert all(then == now for then, now in found.scores.values())
    again = json.loads((tmp_path / "again" / "manifest.json").read_text())
    assert again["run_id"] == "reproduction of " + "0" * 32


def test_a_bundle_with_other_weights_is_different(bundle, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(bundle, changed)
    weights = dict(np.load(changed / "weights.npz"))
    name = next(k for k, v in weights.items() if "intercept" in k)
    weights[name] = weights[name] + 0.25
    np.savez(changed / "weights.npz", **weights)
    manifest = json.loads((changed / "manifest.json").read_text())
    for text in manifest["golden"]:
        text["logits"] = [x + 0.25 for x in text["logits"]]
    manifest["versions"]["numpy"] = "1.0.0"
    sign(changed, manifest)
    found = sahelclf.reproduce(changed)
    assert found.verdict == "different"
    assert not found.succeeded
    assert found.logit_difference == pytest.approx(0.25)
    assert found.versions["numpy"][0] == "1.0.0"


def test_settings_that_an_older_bundle_lacks_have_their_defaults(bundle):
    manifest = json.loads((bundle / "manifest.json").read_text())
    del manifest["config"]["cv"], manifest["config"]["model"]["class_weight"]
    config, added = recorded_config(manifest)
    assert added == ("cv", "model.class_weight")
    assert config.cv is None
    assert config.model.class_weight == "balanced"


def test_another_corpus_is_refused(bundle, tmp_path, harbour):
    other = tmp_path / "other"
    shutil.copytree(harbour, other)
    path = other / "passages.jsonl"
    path.write_text(path.read_text().replace("herring", "mackerel"))
    with pytest.raises(RequestError, match=r"corpus hash .*, the bundle was trained on .*--corpus"):
        sahelclf.reproduce(bundle, corpus=other)


def test_the_command_says_what_it_found(bundle, tmp_path):
    done = command("reproduce", str(bundle), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "identical"
    assert "identical: the weights have the same bytes" in done.stderr
