"""Units to code by hand, and the codes that come back."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sahelclf.codebook import Codebook
from sahelclf.evaluation.predictions import Gold
from sahelclf.records import Label, Topics


@dataclass(frozen=True)
class Unit:
    """One unit to code; `predicted` is the `fingerprint` of its predictions, empty without any."""

    id: str
    title: str
    text: str
    stratum: str
    probability: float
    predicted: str = ""


@dataclass(frozen=True)
class Sheet:
    """n coded units.

    Attributes
    ----------
    ids, texts, stratum, predicted
        As of `Unit`; empty where the file has none.
    rows
        Where each unit is in the file.
    probability
        (n,) sampling probabilities.
    gold
        The codes.
    """

    ids: tuple[str, ...]
    rows: tuple[int, ...]
    probability: np.ndarray
    stratum: tuple[str, ...]
    texts: tuple[str, ...]
    predicted: tuple[str, ...]
    gold: Gold
    warnings: tuple[str, ...]

    def take(self, rows: Sequence[int] | np.ndarray) -> "Sheet":
        """The same with these units only."""
        tuples = ("ids", "rows", "stratum", "texts", "predicted")
        return replace(
            self,
            **{name: tuple(getattr(self, name)[k] for k in rows) for name in tuples},
            probability=self.probability[rows],
            gold=Gold(self.gold.topics[rows], self.gold.stance[rows]),
        )

    def topics(self, codebook: Codebook) -> dict[str, Topics]:
        """The codes as labels, by id."""
        names, stances = codebook.topic_names, codebook.stance_names
        return {
            unit: {
                names[k]: Label(stance=stances[row[k]] if stances else None)
                for k in np.flatnonzero(holds)
            }
            for unit, holds, row in zip(self.ids, self.gold.topics, self.gold.stance, strict=True)
        }


def fingerprint(probabilities: Sequence[float] | np.ndarray) -> str:
    """Hash of a unit's probabilities, by which predictions of another model are recognised."""
    text = " ".join(f"{p:.4f}" for p in probabilities)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
