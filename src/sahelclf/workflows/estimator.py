"""The labeller as a scikit-learn estimator: no corpus folder, no MLflow, no bundle."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from sahelclf.errors import RequestError

if TYPE_CHECKING:
    from sahelclf.corpus.read import Corpus

Labels = Mapping[str, str | None] | Collection[str]


class TopicStanceClassifier(BaseEstimator):  # type: ignore[misc]
    """Topics of texts, and the stance on each if there are any, with calibrated probabilities.

    Calibration and thresholds are cross-fitted over grouped folds of the training texts, then the
    model is fitted on all of them, as `sahelclf.train` does.

    Parameters
    ----------
    model
        The kind of model: a name in `conf/model`, such as `"tfidf"` or `"transformer"`.
    settings
        Settings of the model that differ from its defaults, such as `{"C": 8}`.
    crossfit
        Folds for calibration and thresholds; None is the default of the model (5 for tfidf).
    seed
        Every random choice derives from it.

    Attributes
    ----------
    topics_, stances_ : tuple of str
        The labels in `y`, sorted; `stances_` is empty where `y` has topics alone.
    classes_ : ndarray of str
        The topics, as scikit-learn names them: the columns of `predict_proba`.

    Examples
    --------
    >>> classifier = sahelclf.TopicStanceClassifier()          # doctest: +SKIP
    >>> classifier.fit(texts, [{"trade": "favor"}, {}, …])     # doctest: +SKIP
    >>> cross_val_score(classifier, texts, labels).mean()      # doctest: +SKIP
    """

    def __init__(
        self,
        model: str = "tfidf",
        settings: Mapping[str, Any] | None = None,
        crossfit: int | None = None,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.settings = settings
        self.crossfit = crossfit
        self.seed = seed

    def fit(
        self, X: Sequence[str], y: Sequence[Labels], groups: Sequence[Hashable] | None = None
    ) -> Self:
        """Fit on texts `X` (n,) and labels `y` (n,): for each text a dict of topics with stances.

        For topics alone, give a list of topics for each text, or dicts with None as every stance.
        `groups` (n,) are documents: texts of one document are in one fold. By default each text
        is a document.
        """
        from sahelclf.models.kinds import build_model
        from sahelclf.training.compose import compose_config, overrides_of
        from sahelclf.training.crossfit import fit_labeller

        of_model = {f"model.{name}": value for name, value in (self.settings or {}).items()}
        settings = {"model": self.model, "crossfit": self.crossfit, "seed": self.seed}
        config = compose_config(overrides_of(settings | of_model))
        corpus = _corpus(_texts(X), _labels(list(y)), groups)
        book, ids = corpus.codebook, [d.id for d in corpus.documents]
        fitted = fit_labeller(corpus, ids, lambda: build_model(config.model, book), config)
        self.topics_, self.stances_ = book.topic_names, book.stance_names
        self.classes_ = np.array(self.topics_)
        self.model_, self.thresholds_ = fitted.model, fitted.decision.thresholds
        return self

    def predict_proba(self, X: Sequence[str]) -> np.ndarray:
        """(n, topics) probabilities that each topic holds, in the order of `classes_`."""
        return self._probabilities(X)[0]

    def predict(self, X: Sequence[str]) -> list[dict[str, str | None]]:
        """For each text a dict of the topics that hold, with the most probable stance on each.

        The stances are None if `y` had none.
        """
        p, stance = self._probabilities(X)
        best = stance.argmax(axis=2) if self.stances_ else np.zeros(p.shape, dtype=int)
        names = self.stances_ or (None,)
        return [
            {t: names[best[i, k]] for k, t in enumerate(self.topics_) if holds[k]}
            for i, holds in enumerate(p >= self.thresholds_)
        ]

    def score(self, X: Sequence[str], y: Sequence[Labels]) -> float:
        """Macro-F1 over the topics of `y` and of the training; stances do not count."""
        from sklearn.metrics import f1_score

        names = sorted({*self.topics_, *(t for labels in y for t in labels)})
        true, predicted = (
            np.array([[t in labels for t in names] for labels in side]).reshape(-1, len(names))
            for side in (y, self.predict(X))
        )
        return float(f1_score(true, predicted, average="macro", zero_division=0))

    def _probabilities(self, X: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        from sahelclf.evaluation.decide import probabilities
        from sahelclf.evaluation.predictions import Names

        check_is_fitted(self)
        logits = self.model_.logits(_texts(X))
        return probabilities(logits, Names(self.topics_, self.stances_))


def _texts(X: Sequence[str]) -> list[str]:
    if isinstance(X, str):
        raise RequestError("X: found one text; expected a sequence of texts")
    texts = list(X)
    wrong = [i for i, text in enumerate(texts) if not isinstance(text, str)]
    if wrong:
        raise RequestError(
            f"X: found {texts[wrong[0]]!r} at position {wrong[0]} ({len(wrong)} in all); "
            "expected texts"
        )
    return texts


def _labels(y: list[Labels]) -> list[dict[str, str | None]]:
    """Labels as dicts of topics with their stances, None where `y` has topics alone."""
    wrong = [
        i
        for i, labels in enumerate(y)
        if isinstance(labels, str) or not isinstance(labels, list | tuple | set | Mapping)
    ]
    expected = "expected a dict of topics with their stances, or a list of topics"
    if not wrong:
        labels = [dict(v) if isinstance(v, Mapping) else dict.fromkeys(v) for v in y]
        kinds = [{stance is None for stance in v.values()} for v in labels]
        stances = any(False in kind for kind in kinds)
        wrong = [i for i, kind in enumerate(kinds) if stances and True in kind]
        expected = "expected a stance on every topic, as other texts have stances"
    if wrong:
        first = f"{y[wrong[0]]!r} at position {wrong[0]}"
        raise RequestError(f"y: found {first} ({len(wrong)} in all); {expected}")
    return labels


def _corpus(
    texts: list[str],
    labels: list[dict[str, str | None]],
    groups: Sequence[Hashable] | None,
) -> "Corpus":
    """Texts and labels as a corpus in memory; names of labels may be any text."""
    from pathlib import Path

    from sahelclf.codebook import Codebook, Topic
    from sahelclf.corpus.read import Corpus
    from sahelclf.records import Document, Label, Passage

    units = list(range(len(texts))) if groups is None else list(groups)
    lengths = {"X": len(texts), "y": len(labels), "groups": len(units)}
    if len(set(lengths.values())) > 1:
        raise RequestError(f"fit: found {lengths}; expected as many labels and groups as texts")
    topics = sorted({t for y in labels for t in y})
    stances = sorted({s for y in labels for s in y.values() if s is not None})
    if not topics:
        raise RequestError("y: no text has a topic; there is nothing to learn")
    book = Codebook.model_construct(
        version="0",
        title="in memory",
        languages=["und"],
        stances=dict.fromkeys(stances, ""),
        topics={t: Topic(holds="") for t in topics},
    )
    number = {unit: f"d{k}" for k, unit in enumerate(dict.fromkeys(units))}
    passages = tuple(
        Passage.model_construct(
            id=f"p{i}",
            document_id=number[unit],
            index=i,
            text=text,
            topics={t: Label(stance=s) for t, s in y.items()},
        )
        for i, (unit, text, y) in enumerate(zip(units, texts, labels, strict=True))
    )
    documents = tuple(Document(id=name) for name in number.values())
    return Corpus(Path(), book, documents, passages, "")
