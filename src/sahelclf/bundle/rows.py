"""Rows of predictions: the JSON row that `predict` writes, and the flat table."""

from collections.abc import Sequence
from typing import Any

import numpy as np

Row = dict[str, Any]


def json_row(id_: str, unit: str, language: str, topics: dict[str, Any]) -> Row:
    """One passage or document."""
    return {"id": id_, "unit": unit, "language": language, "topics": topics}


def topic_values(
    names: tuple[Sequence[str], Sequence[str]],
    p: np.ndarray,
    stance: np.ndarray,
    thresholds: np.ndarray,
) -> dict[str, Any]:
    """What a row says of each topic.

    Parameters
    ----------
    names
        Topics and stances, in the order of the heads.
    p, stance, thresholds
        Probabilities (n_topics,) and (n_topics, n_stances), and the thresholds (n_topics,).
    """
    topics, stances = names
    holds = (p >= thresholds).tolist()
    likeliest = stance.argmax(axis=1).tolist() if stances else [0] * len(topics)
    values: dict[str, Any] = {}
    for topic, of_topic, of_stances, it_holds, k in zip(
        topics, p.tolist(), stance.tolist(), holds, likeliest, strict=True
    ):
        values[topic] = {
            "probability": round(of_topic, 6),
            "holds": it_holds,
            "stance": stances[k] if it_holds and stances else None,
            "stance_probability": {
                s: round(x, 6) for s, x in zip(stances, of_stances, strict=True)
            },
        }
    return values


def flat_columns(topics: Sequence[str], stances: Sequence[str]) -> dict[str, str]:
    """Columns of the flat table in order, and their types in MLflow's words.

    Without stances there is no `<topic>_stance`.
    """
    columns = {"id": "string", "unit": "string", "passage": "long", "language": "string"}
    for topic in topics:
        columns |= {f"{topic}_probability": "double", f"{topic}_holds": "boolean"}
        columns |= {f"{topic}_stance": "string"} if stances else {}
        columns |= {f"{topic}_{s}": "double" for s in stances}
    return columns


def flat_rows(row: Row, topics: Sequence[str], stances: Sequence[str]) -> list[Row]:
    """A row as lines of the flat table: a document, then its passages."""
    passages = [
        flat_row(p | {"id": row["id"]}, topics, stances, k)
        for k, p in enumerate(row.get("passages", ()))
    ]
    return [flat_row(row, topics, stances), *passages]


def flat_row(
    row: Row, topics: Sequence[str], stances: Sequence[str], passage: int | None = None
) -> Row:
    """One line of the flat table."""
    line: Row = {"id": row["id"], "unit": row["unit"], "passage": passage}
    line["language"] = row["language"]
    keys = ("probability", "holds", *(("stance",) if stances else ()))
    for topic in topics:
        values = row["topics"][topic]
        line |= {f"{topic}_{key}": values[key] for key in keys}
        line |= {f"{topic}_{s}": values["stance_probability"][s] for s in stances}
    return line
