"""Why a labeller decided so: the terms of a linear one, or what changes without each passage."""

from typing import Any

import numpy as np

from sahelclf.bundle.contributions import contributions
from sahelclf.bundle.labeller import Labeller, pooled
from sahelclf.bundle.rows import Row
from sahelclf.evaluation import decide
from sahelclf.models.runtime.linear import PlainLabeller

MOST_TERMS = 6


def why(labeller: Labeller, row: Row, text: str = "") -> dict[str, Any]:
    """What decided a row.

    Returns
    -------
    dict
        `terms`: a dict for each passage, with the words that add most to the logit of each topic
        that holds there, as (words, added); linear labellers only. `left_out`: by topic, the
        document's probability without each passage; documents of two passages or more.
    """
    passages = row.get("passages") or [row | {"text": text}]
    runtime = labeller.runtime
    terms = (
        [_terms(runtime, passage) for passage in passages]
        if isinstance(runtime, PlainLabeller)
        else []
    )
    return {"terms": terms, "left_out": _left_out(labeller, passages) if len(passages) > 1 else {}}


def _terms(runtime: PlainLabeller, passage: Row) -> dict[str, list[tuple[str, float]]]:
    holding = [topic for topic, t in passage["topics"].items() if t["holds"]]
    if not holding:
        return {}
    added = contributions(runtime, runtime.clean(passage["text"]))
    words = {block["name"] for _, block, _ in runtime.blocks if block["analyzer"] == "word"}
    of_topic: dict[str, list[tuple[str, float]]] = {}
    for topic in holding:
        values = added.values[:, runtime.heads.index(topic)]
        ranked = [
            (added.terms[k][1], round(float(values[k]), 3))
            for k in np.argsort(-values, kind="stable")
            if values[k] > 0 and added.terms[k][0] in words
        ]
        of_topic[topic] = ranked[:MOST_TERMS]
    return of_topic


def _left_out(labeller: Labeller, passages: list[Row]) -> dict[str, list[float]]:
    """By topic, the probability of the document without passage 0, 1, …."""
    topics = labeller.topics
    p = np.array([[q["topics"][t]["probability"] for t in topics] for q in passages])
    stance = np.array(
        [[[*q["topics"][t]["stance_probability"].values()] for t in topics] for q in passages]
    )
    words = decide.word_counts([q["text"] for q in passages])
    without = np.zeros((len(passages), len(topics)))
    for k in range(len(passages)):
        rest = np.arange(len(passages)) != k
        without[k] = pooled(p[rest], stance[rest], words[rest], labeller.limits)[0][0]
    return {t: [round(float(x), 4) for x in without[:, j]] for j, t in enumerate(topics)}
