"""`predict`: a stream of items through a labeller into rows and rejects, in order, with memory that does not grow."""

import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from tqdm import tqdm

from sahelclf.errors import RequestError, SahelclfError
from sahelclf.labelling.inputs import Source
from sahelclf.labelling.labeller import Labeller, Row, page_of
from sahelclf.labelling.outputs import Output, Rejects
from sahelclf.labelling.readers import Found, Item, Reject

BATCH = 256
LONG_ROW_WORDS = 200
BIG_JOB = 5_000
ESTIMATE_AFTER = 1_024
RESERVED = ("id", "unit", "language", "topics", "title", "date", "passages", "dropped", "text", "start", "end", "passage")


@dataclass
class Summary:
    """What a job did."""

    labelled: int = 0
    rejected: int = 0
    seconds: float = 0.0
    languages: dict[str, int] = field(default_factory=dict)
    words: list[int] = field(default_factory=list)
    holds: dict[str, int] = field(default_factory=dict)


def predict(labeller: Labeller, source: Source, output: Path | None) -> Summary:
    """Label everything that the source gives; raise where not one row could be labelled."""
    _refuse_same_file(source, output)
    items = source.items()
    first = _first_batches(items)
    if not first:
        raise RequestError(f"{_names(source)}: nothing in it; expected at least one row")
    carried = _carried(first, labeller, source.unit)
    summary = Summary()
    rejects = Rejects(output)
    labeller.predict(["The first text loads the language model, so that the clock measures labelling."])
    started = time.perf_counter()
    whole = False
    try:
        with Output(output, labeller.topics, labeller.stances, carried) as out, _progress(source) as bar:
            for batch in _batches(first, items):
                rows = _label(labeller, source.unit, batch, rejects)
                out.write(rows)
                _count(summary, rows, batch)
                bar.update(len(batch))
                measured = summary.labelled + rejects.count
                if ESTIMATE_AFTER < measured <= ESTIMATE_AFTER + BATCH:
                    _estimate(source, measured, time.perf_counter() - started)
            if not summary.labelled:
                raise SahelclfError(f"{_names(source)}: no row could be labelled; {rejects.first[0]}")
        whole = True
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SahelclfError(f"{output or 'standard output'}: {error.strerror or error}; nothing half-written was left there") from error
    finally:
        rejects.close(keep=whole or not summary.labelled)
    summary.rejected, summary.seconds = rejects.count, time.perf_counter() - started
    _advise(summary, labeller, source, rejects)
    return summary


def _refuse_same_file(source: Source, output: Path | None) -> None:
    if output is not None and any(p.exists() and output.exists() and p.samefile(output) for p in source.paths):
        raise RequestError(f"{output}: it is the input too; choose another file for the labels")


def _names(source: Source) -> str:
    if not source.paths:
        return "standard input"
    return str(source.paths[0]) if len(source.paths) == 1 else f"{len(source.paths)} files"


def _batches(first: list[Found], rest: Iterator[Found]) -> Iterable[list[Found]]:
    yield first
    while batch := list(islice(rest, BATCH)):
        yield batch


def _carried(first: list[Found], labeller: Labeller, unit: str) -> list[str]:
    """Columns of a flat table that travel along: those of the first good rows, and a document's title and date.

    JSON lines carry whatever each row has; a table's columns must be settled at its head.
    """
    names: dict[str, None] = dict.fromkeys(("title", "date")) if unit == "document" else {}
    for item in first:
        if isinstance(item, Item):
            names |= dict.fromkeys(_extra(item, labeller))
    return list(names)


def _first_batches(items: Iterator[Found]) -> list[Found]:
    """The first batch, and more of them until one good row is among them."""
    first = list(islice(items, BATCH))
    while first and not any(isinstance(f, Item) for f in first) and (more := list(islice(items, BATCH))):
        first += more
    return first


def _extra(item: Item, labeller: Labeller) -> dict[str, object]:
    extra: dict[str, object] = {k: v for k, v in (("title", item.title), ("date", item.date)) if v is not None}
    for name, value in item.extra.items():
        free = name
        while _taken(free, labeller) or (free != name and free in item.extra):
            free = f"input_{free}"
        extra[free] = value
    return extra


def _taken(name: str, labeller: Labeller) -> bool:
    return name in RESERVED or any(name.startswith(f"{t}_") for t in labeller.topics)


def _label(labeller: Labeller, unit: str, batch: list[Found], rejects: Rejects) -> list[Row]:
    if unit == "document":
        rows = []
        for found in batch:
            row = _label_document(labeller, found, rejects)
            if row is not None:
                rows.append(row)
        return rows
    good = [f for f in batch if isinstance(f, Item)]
    for found in batch:
        if isinstance(found, Reject):
            rejects.add(found.where, found.reason, found.id)
    rows = labeller.predict([i.text for i in good], [i.id for i in good])
    return [row | _extra(item, labeller) for row, item in zip(rows, good, strict=True)]


def _label_document(labeller: Labeller, found: Found, rejects: Rejects) -> Row | None:
    if isinstance(found, Reject):
        rejects.add(found.where, found.reason, found.id)
        return None
    page = found.page or page_of(found.text, found.title)
    if not page.passages:
        rejects.add(found.where, "no text is left after cleaning", found.id)
        return None
    row = labeller.predict_page(page, found.id)
    return row | {k: v for k, v in _extra(found, labeller).items() if v is not None}


def _count(summary: Summary, rows: list[Row], batch: list[Found]) -> None:
    summary.labelled += len(rows)
    for row in rows:
        summary.languages[row["language"]] = summary.languages.get(row["language"], 0) + 1
        for topic, t in row["topics"].items():
            summary.holds[topic] = summary.holds.get(topic, 0) + t["holds"]
    if len(summary.words) < 10_000:
        summary.words += [len(f.text.split()) for f in batch if isinstance(f, Item)]


def _progress(source: Source) -> "tqdm[Any]":
    return tqdm(total=source.count, unit=" rows", disable=not sys.stderr.isatty(), leave=False, file=sys.stderr)


def _estimate(source: Source, done: int, seconds: float) -> None:
    total = source.count
    if total is not None and total >= BIG_JOB:
        rate = done / max(seconds, 1e-9)
        _say(f"{total:,} rows at about {rate:,.0f} rows a second: about {_duration(total / rate)}")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _advise(summary: Summary, labeller: Labeller, source: Source, rejects: Rejects) -> None:
    unit = "documents" if source.unit == "document" else "passages"
    held = ", ".join(f"{t} {n:,}" for t, n in summary.holds.items())
    _say(f"{summary.labelled:,} {unit} labelled in {summary.seconds:.1f} s; topics that hold: {held}")
    if rejects.count:
        into = f"; all of them in {rejects.path}" if rejects.path else ""
        _say(f"{rejects.count:,} rows rejected{into}. " + " | ".join(rejects.first))
    if source.unit == "passage" and summary.words and (typical := median(summary.words)) > LONG_ROW_WORDS:
        _say(
            f"the median row has {typical:.0f} words, and the model learnt from passages of 30 to 150: "
            "if rows are whole articles, use --unit document"
        )
    known = set(labeller.manifest["codebook"]["languages"]) | {"und"}
    strange = {k: n for k, n in summary.languages.items() if k not in known}
    if strange:
        listed = ", ".join(f"{k} {n:,}" for k, n in sorted(strange.items(), key=lambda kv: -kv[1])[:6])
        _say(f"{sum(strange.values()):,} rows seem to be in languages that the model was not trained on ({listed}); do not trust their labels")


def _say(message: str) -> None:
    print(message, file=sys.stderr)  # noqa: T201 - advice belongs on stderr
