"""Predictions: probabilities, decisions and gold of units, whatever system they come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Names:
    """Topics and stances in the order of the columns."""

    topics: tuple[str, ...]
    stances: tuple[str, ...]


@dataclass(frozen=True)
class Gold:
    """What the annotators decided.

    Attributes
    ----------
    topics
        (n, t) bool, whether each topic holds.
    stance
        (n, t) number of the stance, -1 where the topic does not hold.
    """

    topics: np.ndarray
    stance: np.ndarray

    @classmethod
    def from_heads(cls, y: np.ndarray, names: Names) -> "Gold":
        """From the (n, n_heads) targets of a labeller."""
        t, s = len(names.topics), len(names.stances)
        topics = y[:, :t].astype(bool)
        if s == 0:
            return cls(topics, np.full(topics.shape, -1))
        stance = y[:, t:].reshape(len(y), t, s).argmax(axis=2)
        return cls(topics, np.where(topics, stance, -1))


@dataclass(frozen=True)
class Predictions:
    """n units with their documents.

    Attributes
    ----------
    probability, stance_probability
        (n, t) of topics and (n, t, s) of stances.
    holds
        (n, t) decisions.
    """

    names: Names
    ids: tuple[str, ...]
    documents: tuple[str, ...]
    probability: np.ndarray
    stance_probability: np.ndarray
    holds: np.ndarray

    @property
    def stance(self) -> np.ndarray:
        """(n, t) number of the most probable stance, also where no topic holds; -1 without any."""
        if not self.names.stances:
            return np.full(self.holds.shape, -1)
        known = self.stance_probability.any(axis=2)
        return np.where(known, self.stance_probability.argmax(axis=2), -1)

    def take(self, rows: Sequence[int] | np.ndarray) -> "Predictions":
        """The same with these rows only, in this order."""
        rows = np.asarray(rows, dtype=int)
        return Predictions(
            self.names,
            tuple(self.ids[i] for i in rows),
            tuple(self.documents[i] for i in rows),
            self.probability[rows],
            self.stance_probability[rows],
            self.holds[rows],
        )

    def flat_rows(self, gold: Gold | None = None) -> list[dict[str, Any]]:
        """The flat table, with gold columns where gold is given; ids and numbers only, no text."""
        rows = []
        for i, unit in enumerate(self.ids):
            row: dict[str, Any] = {"id": unit, "document_id": self.documents[i]}
            for k, topic in enumerate(self.names.topics):
                row[f"{topic}_probability"] = float(self.probability[i, k])
                row[f"{topic}_holds"] = bool(self.holds[i, k])
                if self.names.stances:
                    row[f"{topic}_stance"] = self._stance_name(self.stance[i, k], self.holds[i, k])
                for j, name in enumerate(self.names.stances):
                    row[f"{topic}_{name}"] = float(self.stance_probability[i, k, j])
                if gold is not None:
                    row[f"{topic}_gold"] = bool(gold.topics[i, k])
                if gold is not None and self.names.stances:
                    row[f"{topic}_gold_stance"] = self._stance_name(
                        gold.stance[i, k], gold.topics[i, k]
                    )
            rows.append(row)
        return rows

    def _stance_name(self, number: int, holds: bool) -> str | None:
        """The name of a stance; None where the topic does not hold."""
        return self.names.stances[number] if holds else None
