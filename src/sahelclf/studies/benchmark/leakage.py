"""Texts of a public set that occur in more than one place: a model may know them by heart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sahelclf.studies.benchmark.sets import BenchmarkSet
from sahelclf.tasks.base import TaskData

LONG = 6
COMPARED = (("test", "train"), ("test", "dev"), ("dev", "train"))


@dataclass(frozen=True)
class Overlap:
    """Rows of a part whose text occurs elsewhere.

    `ids` are these rows; `long` those of six words or more (shorter ones are often boilerplate);
    `differing` those whose labels no row of that text has in the other place.
    """

    rows: int
    ids: tuple[str, ...]
    long: tuple[str, ...]
    differing: tuple[str, ...]


def find_leaks(benchmark: BenchmarkSet) -> dict[str, Overlap]:
    """Compare the texts of all parts: `test in train`, `test in dev`, `dev in train`, `repeated in
    …`.

    Texts are the same if they differ at most in outer white space and have the same target. Rows
    `repeated in` a part are those that have the text of an earlier row of it.
    """
    parts = benchmark.parts
    between = {
        f"{a} in {b}": _overlap(parts[a], parts[b]) for a, b in COMPARED if {a, b} <= {*parts}
    }
    return between | {f"repeated in {name}": _overlap(part) for name, part in parts.items()}


def seen_in_training(leaks: Mapping[str, Overlap]) -> set[str]:
    """Ids of the test rows whose text is in the training or development part."""
    return {
        i for name in ("test in train", "test in dev") if name in leaks for i in leaks[name].ids
    }


def leak_table(leaks: Mapping[str, Overlap]) -> list[list[str]]:
    """A header, then one row for each comparison."""
    return [
        ["texts", "rows", "found", f"of {LONG} words or more", "labelled otherwise"],
        *(
            [name, str(o.rows), str(len(o.ids)), str(len(o.long)), str(len(o.differing))]
            for name, o in leaks.items()
        ),
    ]


def _overlap(part: TaskData, other: TaskData | None = None) -> Overlap:
    """Rows of a part whose text is in another part, or, without one, in an earlier row."""
    seen: dict[tuple[str, str], set[bytes]] = {}
    for key, labels in _keys(other) if other is not None else ():
        seen.setdefault(key, set()).add(labels)
    ids, long, differing = [], [], []
    for i, (key, labels) in zip(part.ids, _keys(part), strict=True):
        if key in seen:
            ids.append(i)
            long += [i] if len(key[0].split()) >= LONG else []
            differing += [i] if labels not in seen[key] else []
        if other is None:
            seen.setdefault(key, set()).add(labels)
    return Overlap(len(part), tuple(ids), tuple(long), tuple(differing))


def _keys(data: TaskData) -> Iterator[tuple[tuple[str, str], bytes]]:
    targets = data.targets or ("",) * len(data)
    for text, target, labels in zip(data.texts, targets, data.y, strict=True):
        yield (text.strip(), target), labels.tobytes()
