"""The predictions table: probabilities, decisions and gold of units, whatever system they come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sahelclf.errors import RequestError


@dataclass(frozen=True)
class Names:
    """Topics and stances in the order of the columns."""

    topics: tuple[str, ...]
    stances: tuple[str, ...]


@dataclass(frozen=True)
class Gold:
    """What the annotators decided: `topics` (n, t) bool; `stance` (n, t) stance number, -1 where the topic does not hold."""

    topics: np.ndarray
    stance: np.ndarray

    @classmethod
    def from_heads(cls, y: np.ndarray, names: Names) -> "Gold":
        """From the (n, n_heads) targets of a labeller."""
        t, s = len(names.topics), len(names.stances)
        topics = y[:, :t].astype(bool)
        stance = y[:, t:].reshape(len(y), t, s).argmax(axis=2)
        return cls(topics, np.where(topics, stance, -1))


@dataclass(frozen=True)
class Predictions:
    """Units with their document, topic probabilities (n, t), stance probabilities (n, t, s) and decisions (n, t)."""

    names: Names
    ids: tuple[str, ...]
    documents: tuple[str, ...]
    probability: np.ndarray
    stance_probability: np.ndarray
    holds: np.ndarray

    @property
    def stance(self) -> np.ndarray:
        """(n, t) number of the likeliest stance, whether or not the topic holds; -1 where the system said none."""
        said = self.stance_probability.any(axis=2)
        return np.where(said, self.stance_probability.argmax(axis=2), -1)

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
                row[f"{topic}_stance"] = (
                    self.names.stances[self.stance[i, k]] if self.holds[i, k] else None
                )
                for j, name in enumerate(self.names.stances):
                    row[f"{topic}_{name}"] = float(self.stance_probability[i, k, j])
                if gold is not None:
                    row[f"{topic}_gold"] = bool(gold.topics[i, k])
                    row[f"{topic}_gold_stance"] = (
                        self.names.stances[gold.stance[i, k]] if gold.topics[i, k] else None
                    )
            rows.append(row)
        return rows


def from_flat_rows(
    rows: Sequence[dict[str, Any]], names: Names, document_of: dict[str, str], where: str
) -> Predictions:
    """Predictions from a flat table, of any system.

    A row needs `id` and for each topic `<topic>_holds`, and `<topic>_stance` where it holds; probabilities are
    taken where there are any, and are 0 or 1 elsewhere; a stance that is not said has probability 0, as all others of that topic.
    Units that the corpus does not have are refused.
    """
    problems: list[str] = []
    t, s = len(names.topics), len(names.stances)
    probability, stance = np.zeros((len(rows), t)), np.zeros((len(rows), t, s))
    holds = np.zeros((len(rows), t), dtype=bool)
    seen: set[str] = set()
    for i, row in enumerate(rows):
        unit = str(row.get("id", ""))
        at = f"{where}: row {i + 1} (id {unit!r})"
        if unit not in document_of:
            problems.append(f"{at}: the corpus has no such unit")
        if unit in seen:
            problems.append(f"{at}: stands twice")
        seen.add(unit)
        for k, topic in enumerate(names.topics):
            try:
                holds[i, k] = _boolean(row[f"{topic}_holds"])
                probability[i, k] = _number(row.get(f"{topic}_probability"), float(holds[i, k]))
                stance[i, k] = _stance(row, topic, names.stances, holds=bool(holds[i, k]))
            except (KeyError, ValueError) as error:
                reason = f"no column {error}" if isinstance(error, KeyError) else str(error)
                problems.append(f"{at}: {topic}: {reason}")
        if len(problems) > 20:
            break
    if problems:
        raise RequestError(problems)
    ids = tuple(str(r["id"]) for r in rows)
    return Predictions(names, ids, tuple(document_of[i] for i in ids), probability, stance, holds)


def carries_gold(rows: Sequence[dict[str, Any]]) -> bool:
    """Whether a flat table brings its own documents and gold, as those in MLflow do."""
    return "document_id" in rows[0] and any(column.endswith("_gold") for column in rows[0])


def from_gold_rows(rows: Sequence[dict[str, Any]], where: str) -> tuple[Predictions, Gold]:
    """Predictions and gold from a flat table that carries both; names and their order are those of its columns."""
    names = _names_of(list(rows[0]), where)
    doubled = _doubled([str(r["id"]) for r in rows])
    if doubled:
        raise RequestError(
            f"{where}: {len(doubled)} rows too many: {', '.join(doubled[:5])} stand twice; expected one row a unit"
        )
    predicted = from_flat_rows(
        rows, names, {str(r["id"]): str(r["document_id"]) for r in rows}, where
    )
    stance = np.full((len(rows), len(names.topics)), -1)
    problems = []
    for i, row in enumerate(rows):
        for k, topic in enumerate(names.topics):
            try:
                if _boolean(row[f"{topic}_gold"]):
                    stance[i, k] = names.stances.index(row[f"{topic}_gold_stance"])
            except (KeyError, ValueError) as error:
                problems.append(f"{where}: row {i + 1} (id {row['id']!r}): {topic}_gold: {error}")
    if problems:
        raise RequestError(problems[:20])
    return predicted, Gold(stance >= 0, stance)


def _names_of(columns: list[str], where: str) -> Names:
    """Topics from `<topic>_gold`, stances from what stands between `<topic>_stance` and it."""
    topics = tuple(
        c.removesuffix("_gold") for c in columns if c.endswith("_gold") and f"{c}_stance" in columns
    )
    first = f"{topics[0]}_" if topics else ""
    known = {"probability", "holds", "stance", "gold", "gold_stance"}
    endings = [c.removeprefix(first) for c in columns if topics and c.startswith(first)]
    stances = tuple(
        e for e in endings if e not in known and all(f"{t}_{e}" in columns for t in topics)
    )
    if not topics or len(stances) < 2:
        raise RequestError(
            f"{where}: no gold to score against; expected columns <topic>_gold, <topic>_gold_stance and <topic>_<stance> as `evaluate` writes"
        )
    return Names(topics, stances)


def _doubled(ids: Sequence[str]) -> list[str]:
    seen: set[str] = set()
    return [i for i in ids if i in seen or seen.add(i)]  # type: ignore[func-returns-value]


def _stance(
    row: dict[str, Any], topic: str, stances: tuple[str, ...], *, holds: bool
) -> list[float]:
    given = [_number(row.get(f"{topic}_{name}"), None) for name in stances]
    named = row.get(f"{topic}_stance")
    if all(g is not None for g in given):
        likeliest = stances[int(np.argmax(given))]
        if named in stances and given[stances.index(named)] < max(given) - 1e-6:
            raise ValueError(
                f"the stance is {named!r}, but the likeliest by the probabilities is {likeliest!r}"
            )
        return [float(g) for g in given if g is not None]
    if named in stances:
        return [float(name == named) for name in stances]
    if holds:
        raise ValueError(f"found stance {named!r}, expected one of {list(stances)}")
    return [0.0] * len(stances)


def _boolean(value: Any) -> bool:
    known = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
    try:
        return known[str(value).strip().lower()]
    except KeyError:
        raise ValueError(f"found {value!r}, expected true or false") from None


def _number(value: Any, default: float | None) -> Any:
    if value is None or value == "" or value != value:
        return default
    number = float(value)
    if not 0 <= number <= 1:
        raise ValueError(f"found {value!r}, expected a probability from 0 to 1")
    return number
