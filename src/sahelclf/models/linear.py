"""Linear labellers: features from scikit-learn's vectorizers, one logistic regression a head.

What is fitted here is written as plain numbers and run by `sahelclf.models.runtime.linear`, which is the runtime of both members.
"""

import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from sahelclf.config import FeatureBlock, KeywordsConfig, TfidfConfig
from sahelclf.errors import RequestError
from sahelclf.models.base import NO_CALLBACKS, FitCallbacks
from sahelclf.models.runtime.linear import WORDS, PlainLabeller
from sahelclf.tasks.base import HeadLayout, TaskData


def _prior_logit(y: np.ndarray) -> float:
    """Log-odds of the smoothed share of ones (one of each added)."""
    return float(np.log((y.sum() + 1) / (len(y) - y.sum() + 1)))


class LinearModel:
    """What the linear members share: heads over feature blocks, kept as plain numbers."""

    name = "linear"
    kind = "linear"

    def __init__(self) -> None:
        self.layout = HeadLayout(())
        self.blocks: list[dict[str, Any]] = []
        self.arrays: dict[str, np.ndarray] = {}
        self.computed_with: dict[str, Any] = {}

    def logits(self, texts: Sequence[str]) -> np.ndarray:
        """(n, n_heads)."""
        return self._reader().logits(texts)

    def calibrate(self, scale: np.ndarray, offset: np.ndarray) -> None:
        """Fold Platt's scale and offset into the weights."""
        self.arrays["coef"] = self.arrays["coef"] * scale
        self.arrays["intercept"] = self.arrays["intercept"] * scale + offset

    def save(self, folder: Path) -> None:
        """`features.json` and `weights.npz`."""
        text = json.dumps({"blocks": self.blocks}, ensure_ascii=False, separators=(",", ":"))
        (folder / "features.json").write_text(text + "\n", encoding="utf-8")
        np.savez_compressed(folder / "weights.npz", **self.arrays)  # type: ignore[arg-type]

    def describe(self) -> dict[str, Any]:
        """Text normalisation and tokens, spelled out for readers in other languages."""
        return {
            "text": [
                "lower case (Unicode's full mapping; a final sigma by its context)",
                "Unicode NFKD",
                "remove every code point with a non-zero canonical combining class",
            ],
            "unicode_version": unicodedata.unidata_version,
            "terms": {
                "word": "runs of ngram_range words joined by one space; words are matches of token_pattern (Python's re, \\w in Unicode)",
                "char_wb": "split at white space, put one space before and after each word, take every run of ngram_range[0] to "
                "ngram_range[1] characters; a word not longer than a length gives itself once and nothing longer",
            },
            "value": "tf * idf, tf = 1 + ln(count) where sublinear_tf else count; divided by the block's Euclidean norm where norm is l2",
            "blocks": [
                {k: v for k, v in b.items() if k != "terms"} | {"n_terms": len(b["terms"])}
                for b in self.blocks
            ],
        }

    def _reader(self) -> PlainLabeller:
        names = list(self.layout.names)
        manifest = {"heads": names, "topics": [], "stances": [], "thresholds": {}}
        return PlainLabeller(manifest, self.blocks, self.arrays)


class Tfidf(LinearModel):
    """TF-IDF over words and characters, L2-regularised logistic regression a head, classes weighed for imbalance."""

    name = "tfidf"

    def __init__(self, config: TfidfConfig) -> None:
        super().__init__()
        self.config = config

    def fit(self, data: TaskData, *, seed: int, watch: FitCallbacks = NO_CALLBACKS) -> None:  # noqa: ARG002 - takes seconds
        """Fit the vectorizers on all texts, and each head on the texts where it has an answer."""
        refuse_targets(data)
        self.layout = data.layout
        x, self.blocks, self.arrays = fit_terms(self.config.features, data.texts)
        coef, intercept = fit_heads(x, data, self.config.C, self.config.class_weight, seed)
        self.arrays |= {"coef": coef, "intercept": intercept}


def refuse_targets(data: TaskData) -> None:
    """Linear members read the text alone."""
    if data.targets is not None:
        raise RequestError(
            "linear models do not read the target of a (text, target) task; choose model=transformer"
        )


def fit_terms(
    features: Sequence[FeatureBlock], texts: Sequence[str]
) -> tuple[Any, list[dict[str, Any]], dict[str, np.ndarray]]:
    """Sparse TF-IDF features (n, n_terms) of these texts, and their blocks and idf as plain values."""
    from scipy.sparse import hstack

    vectorizers = [(block, _vectorizer(block)) for block in features]
    x = hstack([_fit_transform(block, v, texts) for block, v in vectorizers]).tocsr()
    return (
        x,
        [_block(block, v) for block, v in vectorizers],
        {f"idf{i}": v.idf_ for i, (_, v) in enumerate(vectorizers)},
    )


def fit_heads(
    x: Any, data: TaskData, C: float, class_weight: str | None, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (n_features, n_heads) and intercepts (n_heads,) of one logistic regression a head."""
    coef = np.zeros((x.shape[1], len(data.layout)))
    intercept = np.zeros(len(data.layout))
    for head in range(len(data.layout)):
        rows = np.flatnonzero(data.mask[:, head])
        y = data.y[rows, head]
        if len(np.unique(y)) < 2:
            intercept[head] = _prior_logit(y)
            continue
        solver = (
            "lbfgs" if isinstance(x, np.ndarray) else "liblinear"
        )  # each many times quicker than the other on its kind
        regression = LogisticRegression(
            C=C,
            class_weight=class_weight,
            solver=solver,
            tol=1e-6,
            max_iter=1000,
            random_state=seed,
        )
        regression.fit(x[rows], y)
        coef[:, head], intercept[head] = regression.coef_[0], regression.intercept_[0]
    return coef, intercept


class Keywords(LinearModel):
    """A dictionary: a head's logit is the number of different terms of its list that the text holds, once calibrated."""

    name = "keywords"

    def __init__(self, config: KeywordsConfig, terms: dict[str, list[str]]) -> None:
        super().__init__()
        self.config = config
        self.terms = terms

    def fit(self, data: TaskData, *, seed: int, watch: FitCallbacks = NO_CALLBACKS) -> None:  # noqa: ARG002 - nothing random here
        """Take the dictionary; only the prior of heads without terms comes from the data."""
        refuse_targets(data)
        self.layout = data.layout
        reader = TfidfVectorizer(strip_accents="unicode", token_pattern=WORDS)
        clean, words = reader.build_preprocessor(), reader.build_tokenizer()
        as_term = {
            (head, t): " ".join(words(clean(t))) for head, ts in self.terms.items() for t in ts
        }
        terms = sorted({t for t in as_term.values() if t})
        index = {t: i for i, t in enumerate(terms)}
        coef = np.zeros((len(terms), len(data.layout)))
        for (name, _), term in as_term.items():
            if term:
                coef[index[term], data.layout.names.index(name)] = 1.0
        longest = max((len(t.split()) for t in terms), default=1)
        block = {
            "name": "dictionary",
            "analyzer": "word",
            "ngram_range": [1, longest],
            "token_pattern": WORDS,
        }
        self.blocks = [block | {"sublinear_tf": False, "norm": "presence", "terms": terms}]
        self.arrays = {
            "idf0": np.ones(len(terms)),
            "coef": coef,
            "intercept": np.zeros(len(data.layout)),
        }
        for head, name in enumerate(data.layout.names):
            if name not in self.terms:
                self.arrays["intercept"][head] = _prior_logit(data.y[data.mask[:, head], head])


def _fit_transform(block: FeatureBlock, vectorizer: TfidfVectorizer, texts: Sequence[str]) -> Any:
    try:
        return vectorizer.fit_transform(texts)
    except ValueError as error:
        raise RequestError(
            f"model.features: block {block.name!r} with min_df={block.min_df} finds no term in {len(texts)} texts ({error})"
        ) from None


def _vectorizer(block: FeatureBlock) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer=block.analyzer,
        ngram_range=tuple(block.ngram_range),
        token_pattern=WORDS if block.analyzer == "word" else None,
        strip_accents="unicode",
        sublinear_tf=True,
        min_df=block.min_df,
        max_features=block.max_features,
    )


def _block(block: FeatureBlock, vectorizer: TfidfVectorizer) -> dict[str, Any]:
    return {
        "name": block.name,
        "analyzer": block.analyzer,
        "ngram_range": list(block.ngram_range),
        "token_pattern": WORDS if block.analyzer == "word" else None,
        "sublinear_tf": True,
        "norm": "l2",
        "terms": [str(t) for t in vectorizer.get_feature_names_out()],
    }
