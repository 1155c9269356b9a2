"""The scores as `evaluate.Metric` objects, for other training loops; needs `sahelclf[transformer]`.

The objects are built here, not by `evaluate.load`, which needs the network. Nothing is written to
disk unless `keep_in_memory=False`. Rows are heads of 0 and 1 in the labeller's order: topics, then
for each topic its stances. `Names(labels, ())` is a plain multi-label task, whose rows are its
labels. A score without support is 0. In `transformers`:

    names = Names(("trade", "border"), ("favor", "against"))
    metrics = evaluate.combine([TopicF1(names), StanceF1(names), JointF1(names), ExampleF1(names)])

    def compute_metrics(result):
        decisions = decide_heads(result.predictions, names)
        return metrics.compute(predictions=decisions, references=result.label_ids)

    Trainer(model, arguments, eval_dataset=data, compute_metrics=compute_metrics)

`metric_for_best_model="joint/f1"` then works as well.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from sahelclf.evaluation.decide import to_probabilities
from sahelclf.evaluation.metrics import counts_by_document, scores_from_counts
from sahelclf.evaluation.predictions import Gold, Names, Predictions
from sahelclf.evaluation.task_scores import scores
from sahelclf.tasks.base import TaskSpec

try:
    import datasets  # type: ignore[import-untyped, unused-ignore]
    import evaluate  # type: ignore[import-untyped, unused-ignore]
except ImportError as error:
    raise ImportError(
        f"sahelclf.evaluation.hf_metrics needs {error.name}: pip install 'sahelclf[transformer]'"
    ) from error

INPUTS = """
Args:
    predictions: rows of 0 and 1, a column for each head: topics, then for each topic its stances,
        one of which is 1.
    references: the same for gold; the stances of a topic that does not hold are 0.
"""


def decide_heads(
    logits: np.ndarray, names: Names, thresholds: float | Sequence[float] | np.ndarray = 0.5
) -> np.ndarray:
    """Decide every head: topics by threshold, and for each topic the most probable stance.

    A stance is decided whether or not the topic holds, since it is scored where gold has the topic.

    Parameters
    ----------
    logits
        (n, n_heads), uncalibrated or calibrated.
    thresholds
        On the topics' probabilities: one number, or (n_topics,).

    Returns
    -------
    np.ndarray
        (n, n_heads) of 0 and 1, int8.

    Raises
    ------
    ValueError
        A wrong number of columns, or NaN.
    """
    logits = np.asarray(logits, dtype=float)
    _check_columns(logits, names, "logits")
    with_nan = np.flatnonzero(np.isnan(logits).any(axis=1))
    if len(with_nan):
        raise ValueError(
            f"logits: rows {with_nan[:5].tolist()} hold NaN; the training may have diverged"
        )
    n, t, s = len(logits), len(names.topics), len(names.stances)
    holds = to_probabilities(logits[:, :t]) >= np.asarray(thresholds, dtype=float)
    if not s:
        return holds.astype(np.int8)
    likeliest = logits[:, t:].reshape(n, t, s).argmax(axis=2)[:, :, None] == np.arange(s)
    return np.concatenate([holds, likeliest.reshape(n, t * s)], axis=1).astype(np.int8)


class _HeadMetric(evaluate.Metric):  # type: ignore[misc, unused-ignore]
    """A score of rows of heads; `options` are those of `evaluate.Metric`."""

    def __init__(self, names: Names, *, keep_in_memory: bool = True, **options: Any) -> None:
        self.names = names
        super().__init__(keep_in_memory=keep_in_memory, **options)

    def _info(self) -> Any:
        row = datasets.Sequence(datasets.Value("float32"))
        features = datasets.Features({"predictions": row, "references": row})
        description = (self.__doc__ or "").strip()
        return evaluate.MetricInfo(
            description=description, citation="", inputs_description=INPUTS, features=features
        )

    def _build_data_dir(self) -> Any:
        # the library would create this folder in the user's home even with keep_in_memory
        return "" if self.keep_in_memory else super()._build_data_dir()

    def _compute(
        self, predictions: list[list[float]], references: list[list[float]]
    ) -> dict[str, float]:
        predicted = _rows(predictions, self.names, "predictions")
        return self._scores(predicted, _rows(references, self.names, "references"))

    def _scores(self, predicted: np.ndarray, gold: np.ndarray) -> dict[str, float]:
        """Scores of (n, n_heads) decisions and gold labels, both of 0 and 1."""
        raise NotImplementedError

    def _topic_scores(self, predicted: np.ndarray, gold: np.ndarray) -> dict[str, float]:
        topics = self.names.topics
        spec = TaskSpec("topics", "multilabel", topics, "macro_f1", may_be_empty=True)
        return scores(spec, predicted[:, : len(topics)], gold[:, : len(topics)])


class TopicF1(_HeadMetric):
    """F1 of each topic, and their mean, in which topics without support count as 0."""

    def _scores(self, predicted: np.ndarray, gold: np.ndarray) -> dict[str, float]:
        by_name = self._topic_scores(predicted, gold)
        return {"topic/macro_f1": by_name["macro_f1"]} | {
            f"topic/{t}/f1": by_name[f"{t}/f1"] for t in self.names.topics
        }


class ExampleF1(_HeadMetric):
    """Mean over rows of the F1 of their sets of topics; rows where both sets are empty are dropped.

    As in ConfliBERT's released code (Hu et al. 2022).
    """

    def _scores(self, predicted: np.ndarray, gold: np.ndarray) -> dict[str, float]:
        return {"example_f1": self._topic_scores(predicted, gold)["example_f1"]}


class StanceF1(_HeadMetric):
    """F1 of each stance and their mean, pooled over gold topics, whether or not predicted."""

    def _scores(self, predicted: np.ndarray, gold: np.ndarray) -> dict[str, float]:
        by_name = _labeller_scores(predicted, gold, self.names, where=gold)
        names = ("stance/macro_f1", *(f"stance/{s}/f1" for s in self.names.stances))
        return {name: by_name[name] for name in names}


class JointF1(_HeadMetric):
    """Micro-averaged F1 over pairs of topic and stance; both must be right."""

    def _scores(self, predicted: np.ndarray, gold: np.ndarray) -> dict[str, float]:
        by_name = _labeller_scores(predicted, gold, self.names, where=predicted)
        return {"joint/f1": by_name["joint/f1"]}


def _labeller_scores(
    predicted: np.ndarray, gold: np.ndarray, names: Names, *, where: np.ndarray
) -> dict[str, float]:
    """The labeller's scores; the topics of `where` (n, n_heads) need exactly one stance."""
    if not names.stances:
        raise ValueError(
            f"the names have no stances, only topics {list(names.topics)}; "
            "expected Names(topics, stances)"
        )
    _check_stances(predicted, where, names, "predictions")
    _check_stances(gold, gold, names, "references")
    n, t = len(predicted), len(names.topics)
    holds, stance = predicted[:, :t], predicted[:, t:].reshape(n, t, -1).astype(float)
    ids = tuple(map(str, range(n)))
    units = Predictions(names, ids, ("all",) * n, holds.astype(float), stance, holds.astype(bool))
    _, counts = counts_by_document(units, Gold.from_heads(gold, names))
    total = {k: v.sum(axis=0) for k, v in counts.items()}
    return {k: float(v) for k, v in scores_from_counts(total, names).items()}


def _check_stances(rows: np.ndarray, where: np.ndarray, names: Names, what: str) -> None:
    t = len(names.topics)
    n_stances = rows[:, t:].reshape(len(rows), t, -1).sum(axis=2)
    wrong = np.argwhere((where[:, :t] == 1) & (n_stances != 1))
    if len(wrong):
        row, topic = wrong[0]
        raise ValueError(
            f"{what}: row {row}: {n_stances[row, topic]} stances on {names.topics[topic]!r}, "
            f"expected one of {list(names.stances)}"
        )


def _rows(lists: list[list[float]], names: Names, what: str) -> np.ndarray:
    widths = sorted({len(row) for row in lists})
    if len(widths) > 1:
        raise ValueError(f"{what}: rows of {widths} columns, expected the same number in each")
    rows = np.asarray(lists)
    _check_columns(rows, names, what)
    if not np.isin(rows, (0, 1)).all():
        raise ValueError(
            f"{what}: found {np.unique(rows)[:5].tolist()}, expected 0 and 1; "
            "decide_heads makes them from logits"
        )
    return rows.astype(np.int8)


def _check_columns(rows: np.ndarray, names: Names, what: str) -> None:
    heads = len(names.topics) * (1 + len(names.stances))
    if rows.ndim != 2 or rows.shape[1] != heads:
        raise ValueError(
            f"{what}: found shape {rows.shape}, expected (n, {heads}): {len(names.topics)} topics, "
            f"and {len(names.stances)} stances on each"
        )
