"""What linear models share: TF-IDF terms, one logistic regression a head, weights as plain numbers.

`sahelclf.models.runtime.linear` computes their logits, here and in every bundle.
"""

import json
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from sahelclf.errors import RequestError
from sahelclf.models.runtime.linear import WORDS, PlainLabeller
from sahelclf.records import Frozen
from sahelclf.tasks.base import HeadLayout, TaskData

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer


class FeatureBlock(Frozen):
    """One family of TF-IDF terms."""

    name: str
    analyzer: Literal["word", "char_wb"]
    ngram_range: Annotated[
        list[Annotated[int, Field(ge=1, le=8)]], Field(min_length=2, max_length=2)
    ]
    min_df: Annotated[int, Field(ge=1)]
    max_features: Annotated[int, Field(ge=1)] | None

    @model_validator(mode="after")
    def _shortest_first(self) -> "FeatureBlock":
        if self.ngram_range[0] > self.ngram_range[1]:
            raise ValueError(f"ngram_range {self.ngram_range}; expected the shorter length first")
        return self


def prior_logit(y: np.ndarray) -> float:
    """Log-odds of the smoothed share of ones in (n,) answers (one of each added)."""
    return float(np.log((y.sum() + 1) / (len(y) - y.sum() + 1)))


class LinearModel:
    """Base of linear models: heads over blocks of features, stored as plain numbers."""

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
        """Multiply the weights by the scale, and add the offset."""
        self.arrays["coef"] = self.arrays["coef"] * scale
        self.arrays["intercept"] = self.arrays["intercept"] * scale + offset

    def save(self, folder: Path) -> None:
        """All files of the model; those of an encoder are beside the plain numbers."""
        self.save_numbers(folder)

    def save_numbers(self, folder: Path) -> None:
        """`features.json` and `weights.npz`."""
        text = json.dumps({"blocks": self.blocks}, ensure_ascii=False, separators=(",", ":"))
        (folder / "features.json").write_text(text + "\n", encoding="utf-8")
        np.savez_compressed(folder / "weights.npz", **self.arrays)  # type: ignore[arg-type]

    def describe(self) -> dict[str, Any]:
        """Text normalisation and tokens, in full, for readers in other languages."""
        return {
            "text": [
                "lower case (Unicode's full mapping; a final sigma by its context)",
                "Unicode NFKD",
                "remove every code point with a non-zero canonical combining class",
            ],
            "unicode_version": unicodedata.unidata_version,
            "terms": {
                "word": "runs of ngram_range words joined by one space; words are matches of "
                "token_pattern (Python's re, \\w in Unicode)",
                "char_wb": "split at white space, put one space before and after each word, take "
                "every run of ngram_range[0] to ngram_range[1] characters; a word not longer than "
                "a length gives itself once and nothing longer",
            },
            "value": "tf * idf, tf = 1 + ln(count) where sublinear_tf else count; divided by the "
            "block's Euclidean norm where norm is l2",
            "blocks": [
                {k: v for k, v in b.items() if k != "terms"} | {"n_terms": len(b["terms"])}
                for b in self.blocks
            ],
        }

    def _reader(self) -> PlainLabeller:
        names = list(self.layout.names)
        manifest = {"heads": names, "topics": [], "stances": [], "thresholds": {}}
        return PlainLabeller(manifest, self.blocks, self.arrays)


def refuse_targets(data: TaskData) -> None:
    """Refuse tasks with a target: linear models read the text alone."""
    if data.targets is not None:
        raise RequestError(
            "linear models do not read the target of a (text, target) task; choose "
            "model=transformer"
        )


def fit_terms(
    features: Sequence[FeatureBlock], texts: Sequence[str]
) -> tuple[Any, list[dict[str, Any]], dict[str, np.ndarray]]:
    """Sparse features (n, n_terms) of these texts, their blocks, and the idf of each block."""
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
    """Coefficients (n_features, n_heads), intercepts (n_heads,) of a logistic regression a head."""
    from sklearn.linear_model import LogisticRegression

    coef = np.zeros((x.shape[1], len(data.layout)))
    intercept = np.zeros(len(data.layout))
    for head in range(len(data.layout)):
        rows = np.flatnonzero(data.mask[:, head])
        y = data.y[rows, head]
        if len(np.unique(y)) < 2:
            intercept[head] = prior_logit(y)
            continue
        # each is many times faster than the other on its kind of matrix
        solver = "lbfgs" if isinstance(x, np.ndarray) else "liblinear"
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


def _fit_transform(block: FeatureBlock, vectorizer: "TfidfVectorizer", texts: Sequence[str]) -> Any:
    try:
        return vectorizer.fit_transform(texts)
    except ValueError as error:
        raise RequestError(
            f"model.features: block {block.name!r} with min_df={block.min_df} finds no term in "
            f"{len(texts)} texts ({error})"
        ) from None


def _vectorizer(block: FeatureBlock) -> "TfidfVectorizer":
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(
        analyzer=block.analyzer,
        ngram_range=tuple(block.ngram_range),
        token_pattern=WORDS if block.analyzer == "word" else None,
        strip_accents="unicode",
        sublinear_tf=True,
        min_df=block.min_df,
        max_features=block.max_features,
    )


def _block(block: FeatureBlock, vectorizer: "TfidfVectorizer") -> dict[str, Any]:
    return {
        "name": block.name,
        "analyzer": block.analyzer,
        "ngram_range": list(block.ngram_range),
        "token_pattern": WORDS if block.analyzer == "word" else None,
        "sublinear_tf": True,
        "norm": "l2",
        "terms": [str(t) for t in vectorizer.get_feature_names_out()],
    }
