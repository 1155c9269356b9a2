"""Batches for the tests of annotation tools: texts that tools like to change."""

from pathlib import Path

from annotation.batches import make_batch
from sahelclf.annotation.batch import Batch

STANCES = "stances: {favor: a position for the target, against: a position against the target}"
TEXTS = {
    "u1": 'The bloc lifts its sanctions.\nTalks went on <in "Bamako" & elsewhere>.',
    "u2": "Le blocus est levé; l’armée \u2028part.",
    "u3": "Rain fell on the market.",
    "u4": "حضر الوزير الاجتماع",
}
TWO = ("sanctions", "diplomacy")
NINE = tuple(f"topic{k}" for k in range(9))


def tool_batch(
    root: Path, topics=TWO, stances=STANCES, assigned=None, suggestions=None, **info
) -> Batch:
    """A batch of four units; `assigned` and `suggestions` are by unit."""
    lines = ['version: "1"', "title: Test", "languages: [en]", stances, "topics:"]
    lines += [f"  {t}: {{holds: '\"{t}\" is <named> & meant, for $5 or more'}}" for t in topics]
    units = [
        {
            "unit": unit,
            "text": text,
            "title": "Title" if unit == "u1" else "",
            "check": f"k{unit}",
            "annotators": (assigned or {}).get(unit, []),
            "suggestion": (suggestions or {}).get(unit),
        }
        for unit, text in TEXTS.items()
    ]
    return make_batch(root, units, "\n".join(lines), **info)
