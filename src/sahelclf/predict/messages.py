"""Messages of a job: progress, time left, counts, and what to be careful about."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from sahelclf.bundle.labeller import Labeller
from sahelclf.bundle.rows import Row
from sahelclf.predict.batches import LabelledBatch
from sahelclf.predict.inputs import Source
from sahelclf.predict.intake import Intake, counted, number_of

LOG = logging.getLogger(__name__)
LONG_ROW_WORDS = 200
BIG_JOB = 5_000
LONG_JOB_SECONDS = 600
ESTIMATE_AFTER = 3.0  # seconds after the first rows came, which had to wait for what is loaded
LENGTHS_KEPT = 2_000
MOST_SHOWN = 5
ShowRows = Callable[[int, int], None]  # receives how many rows are done, and of how many
USUAL = ("utf-8, comma, quoting quotes", "utf-8, tab, quoting quotes")


@dataclass
class Summary:
    """What a job did, earlier processes of it included.

    Attributes
    ----------
    labelled, rejected
        Rows or pages.
    first_rejects
        The first rejects, with their reasons.
    unread
        Places where the rest of a file was not read, or rows were swallowed by a field; [] where
        everything was read.
    foreign
        Rejected rows by language, where the model was not trained on it.
    holds
        Units that each topic holds for.
    rows
        The rows as JSON objects, where no output was named.
    """

    labelled: int = 0
    rejected: int = 0
    seconds: float = 0.0
    near_duplicates: int = 0
    pages_with_several_stories: int = 0
    languages: dict[str, int] = field(default_factory=dict)
    foreign: dict[str, int] = field(default_factory=dict)
    word_counts: list[int] = field(default_factory=list, repr=False)
    holds: dict[str, int] = field(default_factory=dict)
    first_rejects: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list, repr=False)

    def count(self, rows: Sequence[Row], batch: LabelledBatch) -> None:
        """Add some rows, and what is known of the items that they were made from."""
        self.labelled += len(rows)
        for row in rows:
            self.languages[row["language"]] = self.languages.get(row["language"], 0) + 1
            self.pages_with_several_stories += row.get("stories", 1) > 1
            self.near_duplicates += row.get("duplicate_of") is not None
            for topic, t in row["topics"].items():
                self.holds[topic] = self.holds.get(topic, 0) + t["holds"]
        if len(self.word_counts) < LENGTHS_KEPT:
            self.word_counts += batch.word_counts
        for language, n in batch.foreign.items():
            self.foreign[language] = self.foreign.get(language, 0) + n
        self.unread += [f"{r.where}: {r.reason}" for r in batch.rejects if r.unread]


class Clock:
    """Reports progress and, once some rows are done, says how long the rest will take."""

    def __init__(self, source: Source, earlier: int, show: ShowRows, *, resumable: bool) -> None:
        self.show, self.total, self.rows = show, source.intake.rows, earlier
        self.left = source.intake.rows - earlier
        self.resumable, self.done, self.started, self.shown = resumable, 0, 0.0, False

    def tick(self, n: int) -> None:
        """Another `n` rows are done."""
        self.rows += n
        self.show(self.rows, self.total)
        if self.left < BIG_JOB or self.shown:
            return
        if not self.started:
            self.started, self.left = time.perf_counter(), self.left - n
            return
        self.done += n
        if (seconds := time.perf_counter() - self.started) >= ESTIMATE_AFTER:
            rate, left, self.shown = self.done / seconds, self.left - self.done, True
            long = left / rate > LONG_JOB_SECONDS and not self.resumable
            hint = (
                "; a job that is started with --resume can be stopped and resumed" if long else ""
            )
            LOG.info(
                f"{number_of(left, 'row')} to go at about {rate:,.0f} rows a second: "
                f"about {_duration(left / rate)}{hint}"
            )


def before_the_work(intake: Intake) -> None:
    """What matters of the intake report."""
    if intake.left_out:
        files = number_of(intake.left_out.total(), "file")
        LOG.info(f"not read: {files} of other forms ({counted(intake.left_out)})")
    unusual = [
        f for f in intake.files if any("," in n and not n.startswith(USUAL) for n in f.notes)
    ]
    for file in unusual[:MOST_SHOWN]:
        LOG.info(f"{file.name}: read as {'; '.join(file.notes)}")
    for where in intake.unread[:MOST_SHOWN]:
        LOG.warning(f"NOT READ TO THE END: {where}")
    if intake.n_repeated:
        places = "; ".join(f"{i!r} at {', '.join(p)}" for i, p in [*intake.repeated.items()][:3])
        LOG.warning(
            f"{number_of(intake.n_repeated, 'row')} with the id of an earlier row: {places}; "
            "--unique-ids makes ids unique, by file and row"
        )
    if 0 < intake.invented < intake.rows and (intake.ids.mark or intake.n_given):
        example = f"{intake.ids.mark}7"
        LOG.info(
            f"{number_of(intake.invented, 'row')} without an id: the row number is used, "
            f"such as {example!r}"
        )
    markers = Counter({k: n for k, n in intake.markers.items() if k not in {"null", "empty"}})
    if markers:
        LOG.info(f"read as missing values: {counted(markers)}")


def at_the_end(
    summary: Summary,
    labeller: Labeller,
    source: Source,
    rejects: Path | None,
    *,
    any_language: bool,
) -> None:
    """Counts, and what to be careful about."""
    holds = ", ".join(f"{t} {n:,}" for t, n in summary.holds.items())
    LOG.info(
        f"{number_of(summary.labelled, source.unit)} labelled in {summary.seconds:.1f} s; "
        f"topics that hold: {holds}"
    )
    if summary.rejected:
        into = f"; all of them in {rejects}" if rejects else ""
        rows = number_of(summary.rejected, "row")
        LOG.info(f"{rows} rejected{into}. {' | '.join(summary.first_rejects)}")
    if summary.foreign:
        LOG.info(
            f"{sum(summary.foreign.values()):,} of them in languages that the model was not "
            f"trained on ({counted(Counter(summary.foreign))}); --any-language labels them anyway"
        )
    if summary.pages_with_several_stories:
        LOG.warning(
            f"{number_of(summary.pages_with_several_stories, 'page')} with a list of several "
            "stories, it seems (`stories` in the rows); one page should hold one item: leave such "
            "pages out, or label each story separately"
        )
    if summary.near_duplicates:
        LOG.info(
            f"{number_of(summary.near_duplicates, 'near-duplicate')} of an earlier row "
            "(duplicate_of); exclude them when you count news items"
        )
    counts = summary.word_counts if source.unit == "passage" else []
    if (typical := median(counts or [0])) > LONG_ROW_WORDS:
        LOG.warning(
            f"the median row has {typical:.0f} words, and the model was trained on "
            "passages of 30 to 150: if rows are whole articles, use --unit document"
        )
    known = set(labeller.manifest["codebook"]["languages"]) | {"und"}
    others = Counter({k: n for k, n in summary.languages.items() if k not in known})
    if others and any_language:
        LOG.warning(
            f"{number_of(others.total(), 'row')} in languages that the model was not trained on, "
            f"it seems ({counted(others)}); do not trust their labels"
        )
    if (rate := labeller.changed_by_fast) is not None:
        LOG.info(rate)
    for where in summary.unread[:MOST_SHOWN]:
        LOG.warning(f"NOT READ TO THE END: {where}")
    if len(summary.unread) > MOST_SHOWN:
        LOG.warning(f"and {number_of(len(summary.unread) - MOST_SHOWN, 'more place')} like this")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
