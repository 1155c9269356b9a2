"""`export BUNDLE --to sklearn`: the linear labeller as a scikit-learn pipeline in skops' format."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from sahelclf.bundle.golden import check_same
from sahelclf.bundle.load import require_form
from sahelclf.bundle.pyfunc import READERS, copy_readers
from sahelclf.errors import SahelclfError
from sahelclf.files import written_aside
from sahelclf.models.runtime.linear import sigmoid
from sahelclf.models.runtime.text import text_rule

# skops needs to trust no type of ours. The list is in the code, never in an artefact.
TRUSTED_TYPES: tuple[str, ...] = ()
TOLERANCE = 1e-6
SKOPS_FILE = "labeller.skops"
ABOUT = ("heads", "topics", "stances", "thresholds", "versions", "text")


def write_sklearn(bundle: Path, manifest: dict[str, Any], target: Path) -> None:
    """Write `labeller.skops`, `heads.json` and the text rule into a new folder."""
    require_form("sklearn", bundle, manifest)
    with written_aside(target) as folder:
        write_skops(bundle, manifest, folder)


def write_skops(bundle: Path, manifest: dict[str, Any], folder: Path) -> None:
    """Write the files into `folder`; an error if the pipeline does not give the golden outputs.

    A skops file holds no functions, so the pipeline takes texts that the text rule was applied to.
    """
    import skops.io

    path = folder / SKOPS_FILE
    skops.io.dump(build_pipeline(bundle), path)
    untrusted = set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED_TYPES)
    if untrusted:
        raise SahelclfError(f"skops would have to trust {sorted(untrusted)}; not exported")
    loaded = skops.io.load(path, trusted=list(TRUSTED_TYPES))
    golden, clean = manifest["golden"], text_rule(manifest)
    expected = sigmoid(np.array([g["logits"] for g in golden]))
    actual = loaded.predict_proba([clean(g["text"]) for g in golden])
    check_same(expected, actual, TOLERANCE, "probabilities of the scikit-learn form")
    about = {k: manifest[k] for k in ABOUT if k in manifest}
    (folder / "heads.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    if not (folder / READERS).is_dir():
        copy_readers(folder)


def build_pipeline(bundle: Path) -> Any:
    """A fitted `Pipeline` from plain numbers; `predict_proba(texts)` is (n, n_heads) sigmoids."""
    from sklearn.pipeline import FeatureUnion, Pipeline

    blocks = json.loads((bundle / "features.json").read_text(encoding="utf-8"))["blocks"]
    with np.load(bundle / "weights.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    terms = [(b["name"], _vectorizer(b, arrays[f"idf{i}"])) for i, b in enumerate(blocks)]
    heads = _heads(arrays["coef"], arrays["intercept"])
    return Pipeline([("features", FeatureUnion(terms)), ("heads", heads)])


def _vectorizer(block: dict[str, Any], idf: np.ndarray) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

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
    vectorizer.idf_ = idf
    return vectorizer


def _heads(coef: np.ndarray, intercept: np.ndarray) -> Any:
    """One logistic regression a head; several may hold at once."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import LabelBinarizer

    n_heads = len(intercept)
    several_ones = np.concatenate([np.eye(n_heads, dtype=int), np.ones((1, n_heads), dtype=int)])
    heads = OneVsRestClassifier(LogisticRegression())
    heads.label_binarizer_ = LabelBinarizer().fit(several_ones)  # which makes it multi-label
    heads.estimators_ = []
    for head in range(n_heads):
        one = LogisticRegression()
        one.coef_, one.intercept_ = coef[:, head][None, :].copy(), intercept[head : head + 1].copy()
        one.classes_, one.n_features_in_ = np.array([0, 1]), coef.shape[0]
        heads.estimators_.append(one)
    return heads
