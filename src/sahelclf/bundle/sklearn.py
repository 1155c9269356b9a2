"""`export BUNDLE --to sklearn`: the linear labeller as a scikit-learn pipeline in skops' format."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from sahelclf.errors import RequestError, SahelclfError
from sahelclf.files import written_aside
from sahelclf.models.kinds import kind_of

TRUSTED_TYPES: tuple[
    str, ...
] = ()  # skops needs to trust nothing of ours; the list is kept here, never in an artefact
TOLERANCE = 1e-6
SKOPS_FILE = "labeller.skops"


def write_sklearn(bundle: Path, manifest: dict[str, Any], target: Path) -> None:
    """Write `labeller.skops` and `heads.json` into a new folder."""
    if "sklearn" not in kind_of(manifest).exports:
        raise RequestError(
            f"export --to sklearn: {bundle} is a bundle of model={manifest['model']}, whose encoder scikit-learn has no place for; "
            "only tfidf and keywords have this form. Read it with MLflow, Transformers or onnxruntime: its README.md has the lines"
        )
    with written_aside(target) as folder:
        write_skops(bundle, manifest, folder)


def write_skops(bundle: Path, manifest: dict[str, Any], folder: Path) -> None:
    """The two files into `folder`; an error where its probabilities differ from the bundle's golden ones."""
    import skops.io

    path = folder / SKOPS_FILE
    skops.io.dump(build_pipeline(bundle), path)
    untrusted = set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED_TYPES)
    if untrusted:
        raise SahelclfError(f"skops would have to trust {sorted(untrusted)}; not exported")
    loaded = skops.io.load(path, trusted=list(TRUSTED_TYPES))
    said = loaded.predict_proba([g["text"] for g in manifest["golden"]])
    expected = 1 / (1 + np.exp(-np.array([g["logits"] for g in manifest["golden"]])))
    worst = float(np.abs(said - expected).max())
    if not worst <= TOLERANCE:
        raise SahelclfError(
            f"the scikit-learn form differs from the bundle by {worst:.2g} on the golden texts; not exported"
        )
    about = {k: manifest[k] for k in ("heads", "topics", "stances", "thresholds", "versions")}
    (folder / "heads.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def build_pipeline(bundle: Path) -> Any:
    """A fitted `Pipeline` whose `predict_proba(texts)` gives the (n, n_heads) sigmoids, from plain numbers."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import FeatureUnion, Pipeline
    from sklearn.preprocessing import LabelBinarizer

    blocks = json.loads((bundle / "features.json").read_text(encoding="utf-8"))["blocks"]
    with np.load(bundle / "weights.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    vectorizers = []
    for i, block in enumerate(blocks):
        presence = block["norm"] == "presence"
        vectorizer = TfidfVectorizer(
            analyzer=block["analyzer"],
            ngram_range=tuple(block["ngram_range"]),
            token_pattern=block["token_pattern"],
            strip_accents="unicode",
            sublinear_tf=block["sublinear_tf"],
            binary=presence,
            norm=None if presence else block["norm"],
            vocabulary={t: n for n, t in enumerate(block["terms"])},
        )
        vectorizer.idf_ = arrays[f"idf{i}"]
        vectorizers.append((block["name"], vectorizer))
    n_heads = len(arrays["intercept"])
    heads = OneVsRestClassifier(LogisticRegression())
    each, all_at_once = np.eye(n_heads, dtype=int), np.ones((1, n_heads), dtype=int)
    heads.label_binarizer_ = LabelBinarizer().fit(
        np.concatenate([each, all_at_once])
    )  # several ones in a row: multi-label
    heads.estimators_ = []
    for head in range(n_heads):
        one = LogisticRegression()
        one.coef_, one.intercept_ = (
            arrays["coef"][:, head][None, :].copy(),
            arrays["intercept"][head : head + 1].copy(),
        )
        one.classes_, one.n_features_in_ = np.array([0, 1]), arrays["coef"].shape[0]
        heads.estimators_.append(one)
    return Pipeline([("features", FeatureUnion(vectorizers)), ("heads", heads)])
