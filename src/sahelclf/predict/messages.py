"""What `predict` tells the person at the terminal: progress, time left, counts, and what to beware of."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tqdm import tqdm

from sahelclf.bundle.labeller import Labeller
from sahelclf.bundle.rows import Row
from sahelclf.predict.batches import LabelledBatch
from sahelclf.predict.inputs import Source

LONG_ROW_WORDS = 200
BIG_JOB = 5_000
LONG_JOB_SECONDS = 600
ESTIMATE_AFTER = 3.0  # seconds after the first rows came, which had to wait for what is loaded
LENGTHS_KEPT = 2_000


@dataclass
class Summary:
    """What a job did, earlier processes included."""

    labelled: int = 0
    rejected: int = 0
    seconds: float = 0.0
    copies: int = 0
    lists: int = 0
    languages: dict[str, int] = field(default_factory=dict)
    foreign: dict[str, int] = field(default_factory=dict)
    words: list[int] = field(default_factory=list)
    holds: dict[str, int] = field(default_factory=dict)
    first: list[str] = field(default_factory=list)

    def count(self, rows: Sequence[Row], piece: LabelledBatch) -> None:
        """Add some rows, and what is known of the items that they were made from."""
        self.labelled += len(rows)
        for row in rows:
            self.languages[row["language"]] = self.languages.get(row["language"], 0) + 1
            self.lists += row.get("stories", 1) > 1
            self.copies += row.get("duplicate_of") is not None
            for topic, t in row["topics"].items():
                self.holds[topic] = self.holds.get(topic, 0) + t["holds"]
        if len(self.words) < LENGTHS_KEPT:
            self.words += piece.words
        for language, n in piece.foreign.items():
            self.foreign[language] = self.foreign.get(language, 0) + n


class Clock:
    """The bar, and once some rows are done, how long the rest will take."""

    def __init__(self, source: Source, earlier: int, *, resumable: bool) -> None:
        total = source.count
        self.bar: tqdm[Any] = tqdm(
            total=total,
            initial=earlier,
            unit=" rows",
            disable=not sys.stderr.isatty(),
            leave=False,
            file=sys.stderr,
        )
        self.left = None if total is None else total - earlier
        self.resumable, self.done, self.started, self.told = resumable, 0, 0.0, False

    def tick(self, n: int) -> None:
        """Another `n` rows are done."""
        self.bar.update(n)
        if self.left is None or self.left < BIG_JOB or self.told:
            return
        if not self.started:
            self.started, self.left = time.perf_counter(), self.left - n
            return
        self.done += n
        if (seconds := time.perf_counter() - self.started) >= ESTIMATE_AFTER:
            rate, left, self.told = self.done / seconds, self.left - self.done, True
            long = left / rate > LONG_JOB_SECONDS and not self.resumable
            hint = (
                "; begun with --resume, a job that is stopped can be gone on with" if long else ""
            )
            say(
                f"{left:,} rows to go at about {rate:,.0f} rows a second: about {_duration(left / rate)}{hint}"
            )


def at_the_end(
    summary: Summary,
    labeller: Labeller,
    source: Source,
    rejects: Path | None,
    *,
    labelled_others: bool,
) -> None:
    """Counts, and what to beware of."""
    unit = "documents" if source.unit == "document" else "passages"
    held = ", ".join(f"{t} {n:,}" for t, n in summary.holds.items())
    say(
        f"{summary.labelled:,} {unit} labelled in {summary.seconds:.1f} s; topics that hold: {held}"
    )
    if summary.rejected:
        into = f"; all of them in {rejects}" if rejects else ""
        say(f"{summary.rejected:,} rows rejected{into}. " + " | ".join(summary.first))
    if summary.foreign:
        say(
            f"{sum(summary.foreign.values()):,} of them in languages that the model was not trained on ({_listed(summary.foreign)}); "
            "--any-language labels them all the same"
        )
    if summary.lists:
        say(
            f"{summary.lists:,} pages look like lists of several stories (`stories` in their rows); "
            "one page should hold one item: leave them out, or label each story by itself"
        )
    if summary.copies:
        say(
            f"{summary.copies:,} rows are near copies of an earlier one (duplicate_of); leave them out of counts of news"
        )
    if (
        source.unit == "passage"
        and summary.words
        and (typical := median(summary.words)) > LONG_ROW_WORDS
    ):
        say(
            f"the median row has {typical:.0f} words, and the model learnt from passages of 30 to 150: "
            "if rows are whole articles, use --unit document"
        )
    known = set(labeller.manifest["codebook"]["languages"]) | {"und"}
    strange = {k: n for k, n in summary.languages.items() if k not in known}
    if strange and labelled_others:
        say(
            f"{sum(strange.values()):,} rows seem to be in languages that the model was not trained on ({_listed(strange)}); "
            "do not trust their labels"
        )
    if (rate := labeller.changed_by_fast) is not None:
        say(rate)


def say(message: str) -> None:
    """A message or advice: stderr."""
    print(message, file=sys.stderr)  # noqa: T201 - advice belongs on stderr


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{k} {n:,}" for k, n in sorted(counts.items(), key=lambda kv: -kv[1])[:6])


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
