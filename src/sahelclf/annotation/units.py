"""Coded units of a sample, as `measure` and `evaluate --gold` take them; hashes of units."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

import numpy as np

from sahelclf.codebook import Codebook
from sahelclf.evaluation.predictions import Gold
from sahelclf.records import Label, Topics

LONGEST_CELL = 32_000  # a spreadsheet's cell holds 32,767 characters
CUT = " […]"
NO_ID = re.compile(r"[\s|]")
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")


@dataclass(frozen=True)
class Sheet:
    """n coded units.

    Attributes
    ----------
    ids, texts, stratum, predicted
        Of the units; empty where the file has none. `predicted` is the `fingerprint` of the
        predictions that a unit was drawn with.
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


def unit_check(
    unit: str,
    probability: float,
    stratum: str,
    text: str,
    predicted: str = "",
    suggestion: str = "",
) -> str:
    """Hash by which a change of a unit is seen, then the fingerprint of its predictions.

    White space and control characters do not count, nor what is cut from a text that is too long
    for a cell.
    """
    parts = [
        unit,
        f"{probability:.6g}",
        *(" ".join(t.split()) for t in (stratum, plain_cell(text))),
    ]
    text = "\x1f".join([*parts, suggestion] if suggestion else parts)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    check = f"k{digest[:10]}"  # a letter first: no spreadsheet takes it for a number
    return f"{check}.{predicted}" if predicted else check


def unit_id(id_: str) -> str:
    """An id of a collection as that of a unit: white space and `|` are percent-encoded."""
    return NO_ID.sub(lambda match: quote(match[0]), id_)


def plain_cell(text: str) -> str:
    """A text as a spreadsheet's cell can hold it: no control characters, at most 32,000 others."""
    text = CONTROL.sub("", text)
    cut = len(text) > LONGEST_CELL and not (
        len(text) == LONGEST_CELL + len(CUT) and text.endswith(CUT)
    )
    return text[:LONGEST_CELL] + CUT if cut else text
