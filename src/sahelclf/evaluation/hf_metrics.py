"""The scores as `evaluate.Metric` objects, for training loops that are not ours; needs the extra `[transformer]`.

Made by hand, never by `evaluate.load`, which asks the network. Nothing is written to disk unless `keep_in_memory=False`.
Rows are heads of 0 and 1 in the labeller's order: topics, then for each topic its stances. `Names(labels, ())` stands
for a plain multi-label task, whose rows are its labels. In `transformers`:

    names = Names(("trade", "border"), ("favor", "against"))
    metrics = evaluate.combine([TopicF1(names), StanceF1(names), JointF1(names), ExampleF1(names)])

    def compute_metrics(seen):
        return metrics.compute(predictions=decide_heads(seen.predictions, names), references=seen.label_ids)

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
    predictions: rows of 0 and 1, one column a head: topics, then for each topic its stances, one of them 1.
    references: the same of gold; the stances of a topic that does not hold are 0.
"""


def decide_heads(
    logits: np.ndarray, names: Names, thresholds: float | Sequence[float] | np.ndarray = 0.5
) -> np.ndarray:
    """(n, n_heads) logits to rows of 0 and 1: topics by thresholds on their probability, of the stances the likeliest.

    A topic's stance is decided whether or not the topic holds, since stance is scored where it holds in gold.
    """
    logits = np.asarray(logits, dtype=float)
    _check_columns(logits, names, "logits")
    if np.isnan(logits).any():
        raise ValueError(
            f"logits: rows {np.flatnonzero(np.isnan(logits).any(axis=1))[:5].tolist()} hold NaN; has the training diverged?"
        )
    n, t, s = len(logits), len(names.topics), len(names.stances)
    held = to_probabilities(logits[:, :t]) >= np.asarray(thresholds, dtype=float)
    if not s:
        return held.astype(np.int8)
    likeliest = logits[:, t:].reshape(n, t, s).argmax(axis=2)[:, :, None] == np.arange(s)
    return np.concatenate([held, likeliest.reshape(n, t * s)], axis=1).astype(np.int8)


class _HeadMetric(evaluate.Metric):  # type: ignore[misc, unused-ignore]
    """A score of rows of heads; options are those of `evaluate.Metric`."""

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
        # the library makes this folder under the user's home even where all is kept in memory
        return "" if self.keep_in_memory else super()._build_data_dir()

    def _compute(
        self, predictions: list[list[float]], references: list[list[float]]
    ) -> dict[str, float]:
        said, gold = (
            _rows(predictions, self.names, "predictions"),
            _rows(references, self.names, "references"),
        )
        return self._scores(said, gold)

    def _scores(self, said: np.ndarray, gold: np.ndarray) -> dict[str, float]:
        raise NotImplementedError

    def _topic_scores(self, said: np.ndarray, gold: np.ndarray) -> dict[str, float]:
        topics = self.names.topics
        spec = TaskSpec("topics", "multilabel", topics, "macro_f1", may_be_empty=True)
        return scores(spec, said[:, : len(topics)], gold[:, : len(topics)])


class TopicF1(_HeadMetric):
    """F1 of each topic and their mean, topics without support included at 0."""

    def _scores(self, said: np.ndarray, gold: np.ndarray) -> dict[str, float]:
        found = self._topic_scores(said, gold)
        return {"topic/macro_f1": found["macro_f1"]} | {
            f"topic/{t}/f1": found[f"{t}/f1"] for t in self.names.topics
        }


class ExampleF1(_HeadMetric):
    """Mean over rows of the F1 of their sets of topics; rows with neither gold nor predicted topic are dropped."""

    def _scores(self, said: np.ndarray, gold: np.ndarray) -> dict[str, float]:
        return {"example_f1": self._topic_scores(said, gold)["example_f1"]}


class StanceF1(_HeadMetric):
    """Macro-F1 of the stances on the topics that hold in gold, pooled, whatever is said of the topic."""

    def _scores(self, said: np.ndarray, gold: np.ndarray) -> dict[str, float]:
        found = _labeller_scores(said, gold, self.names, where=gold)
        return {
            k: found[k]
            for k in ("stance/macro_f1", *(f"stance/{s}/f1" for s in self.names.stances))
        }


class JointF1(_HeadMetric):
    """Micro-F1 over the pairs of topic and stance: both must be right."""

    def _scores(self, said: np.ndarray, gold: np.ndarray) -> dict[str, float]:
        return {"joint/f1": _labeller_scores(said, gold, self.names, where=said)["joint/f1"]}


def _labeller_scores(
    said: np.ndarray, gold: np.ndarray, names: Names, *, where: np.ndarray
) -> dict[str, float]:
    """The labeller's scores; a stance must be said on the topics of `where`."""
    if not names.stances:
        raise ValueError(
            f"the names have no stances, only topics {list(names.topics)}; expected Names(topics, stances)"
        )
    _check_stances(said, where, names, "predictions")
    _check_stances(gold, gold, names, "references")
    n, t = len(said), len(names.topics)
    p, stance = said[:, :t].astype(float), said[:, t:].reshape(n, t, -1).astype(float)
    predicted = Predictions(
        names, tuple(map(str, range(n))), ("all",) * n, p, stance, said[:, :t].astype(bool)
    )
    _, counts = counts_by_document(predicted, Gold.from_heads(gold, names))
    total = {k: v.sum(axis=0) for k, v in counts.items()}
    return {k: float(v) for k, v in scores_from_counts(total, names).items()}


def _check_stances(rows: np.ndarray, where: np.ndarray, names: Names, what: str) -> None:
    t = len(names.topics)
    said = rows[:, t:].reshape(len(rows), t, -1).sum(axis=2)
    wrong = np.argwhere((where[:, :t] == 1) & (said != 1))
    if len(wrong):
        row, topic = wrong[0]
        raise ValueError(
            f"{what}: row {row}: {said[row, topic]} stances on {names.topics[topic]!r}, expected one of {list(names.stances)}"
        )


def _rows(lists: list[list[float]], names: Names, what: str) -> np.ndarray:
    widths = sorted({len(row) for row in lists})
    if len(widths) > 1:
        raise ValueError(f"{what}: rows of {widths} columns, expected as many in each")
    rows = np.asarray(lists)
    _check_columns(rows, names, what)
    if not np.isin(rows, (0, 1)).all():
        raise ValueError(
            f"{what}: found {np.unique(rows)[:5].tolist()}, expected 0 and 1; decide_heads makes them of logits"
        )
    return rows.astype(np.int8)


def _check_columns(rows: np.ndarray, names: Names, what: str) -> None:
    heads = len(names.topics) * (1 + len(names.stances))
    if rows.ndim != 2 or rows.shape[1] != heads:
        raise ValueError(
            f"{what}: found shape {rows.shape}, expected (n, {heads}): {len(names.topics)} topics, and {len(names.stances)} stances on each"
        )
