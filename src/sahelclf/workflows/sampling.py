"""Units drawn for hand coding, from a collection or from a corpus: what `corpus sample` does."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.errors import RequestError
from sahelclf.predict.rows import Columns

if TYPE_CHECKING:
    from sahelclf.codebook import Codebook
    from sahelclf.corpus.read import Corpus
    from sahelclf.measurement.collection import Collection
    from sahelclf.predict.rows import Item

LOG = logging.getLogger(__name__)
PROBABILITY = "probability"
NONE = "(none)"


def sample_corpus(corpus: "Corpus", out: Path, *, n: int = 150, seed: int = 0) -> int:
    """Draw passages of a corpus, equally many of each topic and stance; returns how many.

    The file does not show the strata, as these are the labels.
    """
    from sahelclf.annotation.sampling import draw_evenly, passage_strata
    from sahelclf.annotation.tools import write_units
    from sahelclf.annotation.units import Unit

    passages = corpus.passages
    rows, chances = draw_evenly(passage_strata(corpus), n, seed, f"the passages of {corpus.root}")
    units = [
        Unit(p.id, corpus.document[p.document_id].title, p.text, "", float(chance))
        for p, chance in zip((passages[r] for r in rows), chances, strict=True)
    ]
    _say_cut(write_units(out, units, corpus.codebook, _how(len(passages), "passages", seed)))
    return len(units)


def sample_collection(
    source: str,
    out: Path,
    codebook: "Codebook",
    *,
    n: int = 150,
    seed: int = 0,
    by: Sequence[str] = (),
    predictions: str | Path | None = None,
    unit: str | None = None,
    columns: Columns | None = None,
) -> int:
    """Draw units of a collection for hand coding; returns how many.

    Parameters
    ----------
    source, unit, columns
        The collection, as `predict` takes it.
    out
        File to write; its suffix selects the annotation tool.
    by
        Strata: columns of the collection, `year`, `quarter` or `month` of the date, or
        `probability` of the predictions. Without any, all units have the same sampling probability.
    predictions
        What `predict` wrote for the collection.
    """
    from sahelclf.annotation.sampling import draw
    from sahelclf.annotation.tools import write_units
    from sahelclf.annotation.units import Unit, fingerprint
    from sahelclf.evaluation.decide import labeller_names
    from sahelclf.files import refuse_taken
    from sahelclf.measurement.collection import read_collection

    refuse_taken(out)
    if PROBABILITY in by and not predictions:
        raise RequestError(
            "corpus sample: --by probability needs --predictions TABLE, the output of predict for "
            "the collection"
        )
    items = _items(source, unit, columns or Columns())
    names = labeller_names(codebook)
    predicted = read_collection(predictions, names) if predictions else None
    place = _match(items, predicted, source, str(predictions)) if predicted is not None else []
    strata = _strata(items, by, predicted, place)
    rows, chances = draw(strata, n, seed)
    prints = [
        fingerprint(predicted.probability[place[r]]) if predicted is not None else "" for r in rows
    ]
    units = [
        Unit(items[r].id, items[r].title or "", items[r].text, strata[r], float(chance), print_)
        for r, chance, print_ in zip(rows, chances, prints, strict=True)
    ]
    cut = write_units(out, units, codebook, _how(len(items), "units", seed))
    n_strata = len(set(strata))
    LOG.info(
        f"{len(units)} of {len(items):,} units in {n_strata} "
        f"{'stratum' if n_strata == 1 else 'strata'}, {min(chances):.2%} to {max(chances):.2%} of "
        "each"
    )
    _say_cut(cut)
    return len(units)


def _how(n: int, units: str, seed: int) -> str:
    return f"Drawn from {n:,} {units} with seed {seed}."


def _say_cut(cut: int) -> None:
    if cut:
        LOG.info(f"{cut} texts are longer than a spreadsheet's cell and end with […]")


def _items(source: str, unit: str | None, columns: Columns) -> "list[Item]":
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


def _strata(
    items: "Sequence[Item]", by: Sequence[str], predicted: "Collection | None", place: Sequence[int]
) -> list[str]:
    """Name of each unit's stratum: 'month 2023-07; country Niger'. No value is a stratum too."""
    from sahelclf.annotation.sampling import probability_strata
    from sahelclf.measurement.collection import PERIODS

    parts: list[list[str]] = []
    known = {name for i in items for name in i.extra}
    for name in by:
        if name == PROBABILITY and predicted is not None:
            parts.append(probability_strata(predicted.probability[list(place)]))
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
