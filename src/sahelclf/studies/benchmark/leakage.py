"""Texts of a public set that stand in more than one of its parts: what a model may know by heart."""

from collections.abc import Iterator
from dataclasses import dataclass

from sahelclf.studies.benchmark.sets import BenchmarkSet
from sahelclf.tasks.base import TaskData

LONG = 6


@dataclass(frozen=True)
class Overlap:
    """Rows of a part whose text stands elsewhere: their ids, and which of them are long or labelled otherwise there."""

    rows: int
    ids: tuple[str, ...]
    long: tuple[str, ...]
    differing: tuple[str, ...]


@dataclass(frozen=True)
class LeakReport:
    """Texts that stand in more than one place of a set, exact but for space around them (and the target's wording).

    `duplicates` are rows of a part that repeat an earlier one of the same part. A row is labelled otherwise when no
    row of that text in the other place has just its labels; it is long with six words or more, since short ones are
    often page furniture.
    """

    test_in_train: Overlap
    test_in_dev: Overlap | None
    dev_in_train: Overlap | None
    duplicates: dict[str, Overlap]

    def as_table(self) -> list[list[str]]:
        """Header, then one row a comparison: rows of the part, how many stand elsewhere, are long, are labelled otherwise."""
        named = {
            "test in train": self.test_in_train,
            "test in dev": self.test_in_dev,
            "dev in train": self.dev_in_train,
        }
        named |= {f"repeated in {part}": overlap for part, overlap in self.duplicates.items()}
        counts = [
            [what, str(o.rows), str(len(o.ids)), str(len(o.long)), str(len(o.differing))]
            for what, o in named.items()
            if o is not None
        ]
        return [
            ["texts", "rows", "found", f"of {LONG} words or more", "labelled otherwise"],
            *counts,
        ]


def leak_report(benchmark: BenchmarkSet) -> LeakReport:
    """What a set's test part shares with what is trained on."""
    train, dev, test = benchmark.train, benchmark.dev, benchmark.test
    parts = {"train": train, "dev": dev, "test": test}
    return LeakReport(
        test_in_train=_overlap(test, train),
        test_in_dev=None if dev is None else _overlap(test, dev),
        dev_in_train=None if dev is None else _overlap(dev, train),
        duplicates={name: _overlap(part) for name, part in parts.items() if part is not None},
    )


def _overlap(part: TaskData, other: TaskData | None = None) -> Overlap:
    """Rows of a part in another one, or, without another, among its own earlier rows."""
    seen: dict[tuple[str, str], set[bytes]] = {}
    for key, label in _keys(other) if other is not None else ():
        seen.setdefault(key, set()).add(label)
    ids, long, differing = [], [], []
    for i, (key, label) in zip(part.ids, _keys(part), strict=True):
        if key in seen:
            ids.append(i)
            if len(key[0].split()) >= LONG:
                long.append(i)
            if label not in seen[key]:
                differing.append(i)
        if other is None:
            seen.setdefault(key, set()).add(label)
    return Overlap(len(part), tuple(ids), tuple(long), tuple(differing))


def _keys(data: TaskData) -> Iterator[tuple[tuple[str, str], bytes]]:
    targets = data.targets or ("",) * len(data)
    for text, target, labels in zip(data.texts, targets, data.y, strict=True):
        yield (text.strip(), target), labels.tobytes()
