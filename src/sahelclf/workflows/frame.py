"""The units of a collection that a batch can be drawn from, and how they are drawn."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sahelclf.annotation.batch import BatchUnit
from sahelclf.annotation.sampling import draw, probability_strata
from sahelclf.annotation.sheet import suggestion_cell
from sahelclf.annotation.units import fingerprint, unit_check, unit_id
from sahelclf.codebook import Codebook, validation_problems
from sahelclf.errors import RequestError
from sahelclf.evaluation.predictions import Names, Predictions
from sahelclf.predict.rows import Columns
from sahelclf.records import NO, YES

if TYPE_CHECKING:
    from sahelclf.measurement.collection import Collection
    from sahelclf.predict.rows import Item

LOG = logging.getLogger(__name__)
PROBABILITY = "probability"
NONE = "(none)"
DOCUMENT = ("document_id", "document")  # columns of a collection that name a row's document


@dataclass(frozen=True)
class Frame:
    """A collection, its codebook, how many units to draw, and the seed."""

    source: str
    items: "Sequence[Item]"
    codebook: Codebook
    n: int
    seed: int

    @property
    def names(self) -> Names:
        """Topics and stances."""
        return Names(self.codebook.topic_names, self.codebook.stance_names)


@dataclass(frozen=True)
class Chosen:
    """(n,) rows of a frame that were drawn, with what a batch says of each."""

    rows: np.ndarray
    probability: np.ndarray
    stratum: Sequence[str]
    by_chance: np.ndarray
    predicted: Predictions | None = None  # of all units
    suggested: Predictions | None = None  # of the drawn ones
    labelled_before: Sequence[str] = ()


def draw_strata(frame: Frame, by: Sequence[str], predictions: str | None) -> Chosen:
    """The same number from each stratum; without any, all with the same probability."""
    predicted = predict_units(frame, predictions) if predictions else None
    strata = _strata(frame.items, by, predicted)
    rows, probability = draw(strata, frame.n, frame.seed)
    n = len(set(strata))
    LOG.info(
        f"{len(rows)} of {len(frame.items):,} units in {n} {'stratum' if n == 1 else 'strata'}, "
        f"{min(probability):.2%} to {max(probability):.2%} of each"
    )
    chance = np.ones(len(rows), dtype=bool)
    return Chosen(rows, probability, [strata[r] for r in rows], chance, predicted)


def draw_next(frame: Frame, corpus: Path, model: str | None, random: float) -> Chosen:
    """Units of which a model is least sure; without one, of all topics of a dictionary alike.

    Texts that the corpus has labels of are left out; at most one unit of a document or of
    near-duplicates is drawn.
    """
    from sahelclf.annotation import next as following
    from sahelclf.corpus.duplicates import text_sha256

    labelled, positives = _labelled(corpus, frame.codebook)
    known = [text_sha256(i.text) in labelled for i in frame.items]
    left = np.flatnonzero(~np.array(known))
    before = [unit_id(i.id) for i, k in zip(frame.items, known, strict=True) if k]
    if not len(left):
        raise RequestError(
            f"{frame.source}: {corpus} has labels of all units; none is left to draw"
        )
    texts = [frame.items[k].text for k in left.tolist()]
    predicted = None
    if model is not None:
        predicted = predict_units(frame, model)
        weight = following.topic_weights(positives)
        parts = predicted.probability[left], predicted.stance_probability[left]
        score = following.sharpened(following.uncertainty(*parts, weight))
    else:
        score = following.equal_scores(_first_strata(frame, corpus, texts))
    groups = following.unit_groups(texts, [_document(frame.items[k]) for k in left.tolist()])
    drawn = following.draw_by_size(
        following.mixed_sizes(score, random),
        groups,
        frame.n,
        np.random.default_rng(frame.seed),
        random,
    )
    LOG.info(
        f"{frame.n} of {len(left):,} units in {len(set(groups.tolist())):,} documents or groups of "
        f"near-duplicates, with probabilities from {min(drawn.probability):.2%} to "
        f"{max(drawn.probability):.2%}"
        + (f"; {len(before):,} other units have labels already" if before else "")
    )
    nothing = [""] * frame.n  # a stratum would tell annotators what a model expects
    rows, probability, by_chance = (
        left[drawn.rows],
        drawn.probability,
        drawn.by_chance | (model is None),
    )
    return Chosen(rows, probability, nothing, by_chance, predicted, labelled_before=before)


def _labelled(corpus: Path, codebook: Codebook) -> tuple[set[str], list[int]]:
    """Hashes of a corpus's passages, and how many of them have each topic."""
    from sahelclf.corpus.duplicates import text_sha256
    from sahelclf.corpus.read import read_corpus

    if not (corpus / "passages.jsonl").is_file():
        return set(), [0] * len(codebook.topics)
    read = read_corpus(corpus)
    positives = [sum(t in p.topics for p in read.passages) for t in codebook.topic_names]
    return {text_sha256(p.text) for p in (*read.passages, *read.undecided)}, positives


def _first_strata(frame: Frame, corpus: Path, texts: Sequence[str]) -> list[str]:
    from sahelclf.annotation.next import dictionary_strata
    from sahelclf.models.keywords import FILE

    if (corpus / FILE).is_file():
        LOG.info(f"first batch by the terms of {corpus / FILE}")
        return dictionary_strata(corpus / FILE, frame.codebook, texts)
    LOG.info(f"first batch by chance, since {corpus} has no {FILE}")
    return ["all"] * len(texts)


def _document(item: "Item") -> str:
    """The document that a row names, else the row itself."""
    return next((str(item.extra[c]) for c in DOCUMENT if item.extra.get(c)), item.id)


def with_suggestions(frame: Frame, chosen: Chosen, model: str) -> Chosen:
    """The same with a model's answers for the annotators to see."""
    return replace(chosen, suggested=predict_units(frame, model).take(chosen.rows))


def batch_units(frame: Frame, chosen: Chosen) -> list[BatchUnit]:
    """The drawn units; raise with all that cannot be units of a corpus."""
    from pydantic import ValidationError

    units: list[BatchUnit] = []
    problems: list[str] = []
    for k, row in enumerate(chosen.rows):
        item = frame.items[row]
        named = any(item.extra.get(c) for c in DOCUMENT)
        try:
            unit = BatchUnit(
                unit=unit_id(item.id),
                text=item.text,
                title=item.title or "",
                check="k",
                sampling_probability=float(chosen.probability[k]),
                stratum=chosen.stratum[k],
                drawn="random" if chosen.by_chance[k] else "model",
                document=unit_id(_document(item)) if named else None,
                date=item.date,
                suggestion=_answers(chosen.suggested, k, item) if chosen.suggested else None,
            )
        except ValidationError as error:
            problems += validation_problems(error, item.where)
            continue
        seen = chosen.predicted.probability[row] if chosen.predicted is not None else None
        check = unit_check(
            unit.unit,
            unit.sampling_probability,
            unit.stratum,
            unit.text,
            "" if seen is None else fingerprint(seen),
            suggestion_cell(unit),
        )
        units.append(unit.model_copy(update={"check": check}))
    if problems:
        raise RequestError(problems[:20])
    return units


def _answers(predicted: Predictions, k: int, item: "Item") -> dict[str, str]:
    """A model's answers on one unit."""
    topics, stances = predicted.names.topics, predicted.names.stances or (YES,)
    which = predicted.stance[k] if predicted.names.stances else np.zeros(len(topics), dtype=int)
    pairs = [*zip(topics, predicted.holds[k], which, strict=True)]
    unknown = [t for t, holds, s in pairs if holds and s < 0]
    if unknown:
        raise RequestError(f"{item.where}: --suggest: no stance is predicted on {unknown}")
    return {t: stances[s] if holds else NO for t, holds, s in pairs}


def predict_units(frame: Frame, model: str) -> Predictions:
    """Predictions of all units of a frame, by a bundle or as a table of predict has them."""
    names, ids = frame.names, tuple(i.id for i in frame.items)
    if Path(model).is_file():
        from sahelclf.measurement.collection import read_collection

        table = read_collection(model, names)
        mine = table.take(np.array(_match(frame.items, table, frame.source, model)))
        arrays = (mine.probability, mine.stance_probability, mine.holds)
        return Predictions(names, ids, ids, *arrays)
    from sahelclf.workflows.bundles import load_labeller
    from sahelclf.workflows.sheets import predict_texts

    labeller = load_labeller(model)
    if Names(labeller.topics, labeller.stances) != names:
        raise RequestError(
            f"{model}: topics {[*labeller.topics]} and stances {[*labeller.stances]}; expected "
            f"those of the codebook, {[*names.topics]} and {[*names.stances]}; name another "
            "codebook with --corpus FOLDER or --codebook FILE"
        )
    return predict_texts(labeller, [i.text for i in frame.items], ids, names, model)


def read_items(source: str, unit: str | None, columns: Columns) -> "list[Item]":
    """Every unit as `predict` reads it, with the same ids; what it rejects cannot be drawn."""
    from sahelclf.predict.inputs import open_source
    from sahelclf.predict.rows import Item

    items, rejects = [], []
    for read in open_source(source, unit, columns).items():
        if isinstance(read, Item):
            items.append(read)
        else:
            rejects.append(f"{read.where}: {read.reason}")
    if rejects:
        LOG.info(
            f"{len(rejects):,} rows cannot be read and are not drawn from, as predict rejects "
            f"them: {' | '.join(rejects[:3])}"
        )
    seen: dict[str, str] = {}
    doubled = []
    for item in items:
        first = seen.setdefault(item.id, item.where)
        if first != item.where:
            doubled.append(f"{item.where}: the id {item.id!r} is at {first} too; ids are unique")
    if doubled:
        raise RequestError(doubled[:20])
    if not items:
        raise RequestError(f"{source}: no unit that can be read")
    return items


def _match(
    items: "Sequence[Item]", predicted: "Collection", source: str, predictions: str
) -> list[int]:
    """Row of each item in the predictions, which must be those of the same units."""
    place = {unit: k for k, unit in enumerate(predicted.ids)}
    missing = [i for i in items if i.id not in place]
    if missing:
        raise RequestError(
            [
                *(f"{i.where}: id {i.id!r} has no row in {predictions}" for i in missing[:5]),
                f"{len(missing):,} of {len(items):,} units have no prediction; expected the "
                "predictions of this collection",
            ]
        )
    if len(place) > len(items):
        LOG.warning(
            f"{predictions} has {len(place) - len(items):,} units that {source} lacks; they are "
            "not drawn from"
        )
    return [place[i.id] for i in items]


def _strata(items: "Sequence[Item]", by: Sequence[str], predicted: Predictions | None) -> list[str]:
    """Name of each unit's stratum: 'month 2023-07; country Niger'. No value is a stratum too."""
    from sahelclf.measurement.collection import PERIODS

    parts: list[list[str]] = []
    known = {name for i in items for name in i.extra}
    for name in by:
        if name == PROBABILITY and predicted is not None:
            parts.append(probability_strata(predicted.probability))
        elif name in known:
            parts.append([f"{name} {_value(i.extra.get(name))}" for i in items])
        elif name in PERIODS:
            parts.append([f"{name} {v or NONE}" for v in _period_of(items, name)])
        else:
            raise RequestError(
                f"--by {name}: no such column; found {sorted(known)[:15]}, expected one of these, "
                f"{PROBABILITY}, or {', '.join(PERIODS)}"
            )
    names = zip(*parts, strict=True)
    return ["; ".join(n) for n in names] if parts else ["all"] * len(items)


def _period_of(items: "Sequence[Item]", name: str) -> list[str]:
    """The period of each date, empty without one; a warning says how many have none."""
    from sahelclf.measurement.collection import DATE, period

    values = period([i.date or "" for i in items], name)
    unread = [i for i, v in zip(items, values, strict=True) if not v]
    if len(unread) == len(items):
        raise RequestError(
            f"{items[0].where}: --by {name}: no unit has {DATE}; found {items[0].date!r}; name its "
            "column with --date COLUMN"
        )
    if unread:
        LOG.warning(
            f"{len(unread):,} units have no {name} and are their own stratum: {unread[0].where}: "
            f"found {unread[0].date!r}; expected {DATE}"
        )
    return values


def _value(value: Any) -> str:
    """A cell as the name of a stratum; lists are sorted: two countries are one stratum."""
    if isinstance(value, list):
        return " and ".join(sorted(str(v) for v in value)) or NONE
    return " ".join(str("" if value is None else value).split()) or NONE
