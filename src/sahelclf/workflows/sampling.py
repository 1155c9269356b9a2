"""`corpus sample INPUT --n 300 --by …`: units of one's own collection onto a sheet for hand coding."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.errors import RequestError
from sahelclf.files import refuse_taken

if TYPE_CHECKING:
    from sahelclf.codebook import Codebook
    from sahelclf.measurement.collection import Collection
    from sahelclf.predict.readers import Item

LOG = logging.getLogger(__name__)
PROBABILITY = "probability"
NONE = "(none)"


def sample_collection(codebook: "Codebook", options: Any) -> Path:
    """Read the collection and its predictions, draw, write the sheet."""
    from sahelclf.annotation.sheet import Unit, draw, fingerprint, names_of, write_sheet
    from sahelclf.measurement.collection import read_collection

    path = Path(options.out)
    refuse_taken(path)
    by = [b.strip() for b in (options.by or "").split(",") if b.strip()]
    if PROBABILITY in by and not options.predictions:
        raise RequestError(
            "corpus sample: --by probability needs --predictions TABLE, what predict said of the collection"
        )
    items = _items(options)
    predicted = (
        read_collection(Path(options.predictions), names_of(codebook))
        if options.predictions
        else None
    )
    place = _matched(items, predicted, options) if predicted is not None else []
    strata = _strata(items, by, predicted, place)
    rows, chances = draw(strata, options.n, options.seed)
    units = [
        Unit(
            items[r].id, items[r].title or "", items[r].text, strata[r], float(p),
            fingerprint(predicted.probability[place[r]]) if predicted is not None else "",
        )
        for r, p in zip(rows, chances, strict=True)
    ]  # fmt: skip
    cut = write_sheet(
        path, units, codebook, f"Drawn from {len(items):,} units with seed {options.seed}."
    )
    n_strata = len(set(strata))
    LOG.info(
        f"{len(units)} of {len(items):,} units in {n_strata} {'stratum' if n_strata == 1 else 'strata'}, {min(chances):.2%} to {max(chances):.2%} of each"
    )
    if cut:
        LOG.info(f"{cut} texts are longer than a spreadsheet's cell and end with […]")
    LOG.info(
        f"Fill every topic column, then: python -m sahelclf evaluate LABELS --gold {path}    and: python -m sahelclf measure LABELS --gold {path} --by …"
    )
    return path


def _items(options: Any) -> "list[Item]":
    """Every unit as predict would read it, with the same ids; what predict rejects cannot be drawn either."""
    from sahelclf.predict.inputs import open_source
    from sahelclf.predict.readers import Columns, Item

    columns = Columns(options.text, options.id, options.title, options.date)
    items, rejects = [], []
    for found in open_source(options.input, options.unit, columns).items():
        if isinstance(found, Item):
            items.append(found)
        else:
            rejects.append(f"{found.where}: {found.reason}")
    if rejects:
        LOG.info(
            f"{len(rejects):,} rows cannot be read and are not drawn from, as predict rejects them: {' | '.join(rejects[:3])}"
        )
    seen: dict[str, str] = {}
    doubled = []
    for item in items:
        if item.id in seen:
            doubled.append(
                f"{item.where}: the id {item.id!r} stands at {seen[item.id]} too; expected one unit an id"
            )
        seen.setdefault(item.id, item.where)
    if doubled:
        raise RequestError(doubled[:20])
    if not items:
        raise RequestError(f"{options.input}: no unit that can be read")
    return items


def _matched(items: "Sequence[Item]", predicted: "Collection", options: Any) -> list[int]:
    """Row of each item in the predictions; a collection and its predictions must hold the same units."""
    place = {unit: k for k, unit in enumerate(predicted.ids)}
    missing = [i for i in items if i.id not in place]
    if missing:
        raise RequestError(
            [f"{i.where}: id {i.id!r} has no row in {options.predictions}" for i in missing[:5]]
            + [
                f"{len(missing):,} of {len(items):,} units have no prediction; expected the predictions of this very collection"
            ]
        )
    if len(place) > len(items):
        LOG.warning(
            f"{options.predictions} has {len(place) - len(items):,} units that {options.input} lacks; they are not drawn from"
        )
    return [place[i.id] for i in items]


def _strata(
    items: "Sequence[Item]", by: Sequence[str], predicted: "Collection | None", place: Sequence[int]
) -> list[str]:
    """Name of each unit's stratum: 'month 2023-07; country Niger'. A unit without a value is in a stratum of its own kind."""
    from sahelclf.annotation.sheet import probability_strata
    from sahelclf.measurement.collection import DATE, PERIODS, period

    parts: list[list[str]] = []
    known = {name for i in items for name in i.extra}
    for name in by:
        if name == PROBABILITY and predicted is not None:
            parts.append(probability_strata(predicted.probability[list(place)]))
        elif name in known:
            parts.append([f"{name} {_value(i.extra.get(name))}" for i in items])
        elif name in PERIODS:
            values = period([i.date or "" for i in items], name)
            unread = [i for i, v in zip(items, values, strict=True) if not v]
            if len(unread) == len(items):
                raise RequestError(
                    f"{items[0].where}: --by {name}: no unit has {DATE}; found {items[0].date!r}; name its column with --date COLUMN"
                )
            if unread:
                LOG.warning(
                    f"{len(unread):,} units have no {name} and are a stratum of their own: {unread[0].where}: found {unread[0].date!r}; expected {DATE}"
                )
            parts.append([f"{name} {v or NONE}" for v in values])
        else:
            raise RequestError(
                f"--by {name}: no such column; found {sorted(known)[:15]}, expected one of these, {PROBABILITY}, or {', '.join(PERIODS)}"
            )
    return (
        ["; ".join(names) for names in zip(*parts, strict=True)] if parts else ["all"] * len(items)
    )


def _value(value: Any) -> str:
    """A cell as the name of a stratum; lists in one order, so that two countries are one stratum whichever comes first."""
    if isinstance(value, list):
        return " and ".join(sorted(str(v) for v in value)) or NONE
    text = " ".join(str(value).split()) if value is not None else ""
    return text or NONE
