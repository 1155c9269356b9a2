"""The results of a robustness run as rows, as a table for a reader, and as files."""

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.files import written_aside
from sahelclf.reports.text import table
from sahelclf.studies.robustness.run import Robustness

if TYPE_CHECKING:
    import pandas as pd

HEADER = [
    "test", "held out", "passages", "documents", "trained on",
    "score", "value", "reference", "difference",
]  # fmt: skip
COUNTS = ["passages", "documents", "trained_on", "reference_trained_on", "changed", "of"]
NUMBERS = ["value", "low", "high", "reference", "difference", "difference_low", "difference_high"]
COLUMNS = ["test", "held_out", *COUNTS[:4], "score", *NUMBERS, *COUNTS[4:]]


def table_rows(results: Robustness) -> Iterator[dict[str, Any]]:
    """One row for each held-out set and score, then for each swap and kind of decision.

    A row has the `COLUMNS` that apply to it; bounds are of 95% intervals.
    """
    for t in results.trials:
        sizes = (t.n_passages, t.n_documents, t.trained_on, t.reference_trained_on)
        for s in t.scores:
            bounds, moved = s.interval, (s.difference, *s.difference_interval)
            values = (t.trial, t.held, *sizes, s.score, s.value, *bounds, s.reference, *moved)
            yield dict(zip(COLUMNS, values, strict=False))
    for swap in results.swaps:
        for c in swap.changed:
            yield {
                "test": "swap", "held_out": swap.kind,
                "passages": swap.n_passages, "documents": swap.n_documents,
                "score": f"{c.what} changed", "value": c.share,
                "low": c.interval[0], "high": c.interval[1], "changed": c.changed, "of": c.of,
            }  # fmt: skip


def shown_rows(results: Robustness) -> list[list[str]]:
    """The rows of the table for a reader: headline scores of every held-out set, and every swap."""
    shown = []
    for place, rows in groupby(table_rows(results), lambda r: (r["test"], r["held_out"])):
        about: list[str] = []
        for row in rows:
            if row["score"].startswith("topic/") and row["score"].endswith("/f1"):
                continue
            sizes = [str(row.get(k, "")) for k in ("passages", "documents", "trained_on")]
            about = ["", "", "", "", ""] if about else [*place, *sizes]
            cells = [row["score"], f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"]
            if "difference" in row:
                bounds = f"[{row['difference_low']:+.3f}, {row['difference_high']:+.3f}]"
                cells += [f"{row['reference']:.3f}", f"{row['difference']:+.3f} {bounds}"]
            else:
                cells += ["", f"{row['changed']} of {row['of']}"]
            shown.append([*about, *cells])
    return shown


def as_frame(results: Robustness) -> "pd.DataFrame":
    """The rows as a frame with all `COLUMNS`; counts are whole numbers or missing."""
    import pandas as pd

    rows = list(table_rows(results))
    return pd.DataFrame(rows, columns=COLUMNS).astype(dict.fromkeys(COUNTS, "Int64"))


def texts_of(results: Robustness) -> dict[str, str]:
    """The text files of the results by name: JSON and Markdown."""
    notes = "".join(f"- {n}\n" for n in results.plan.notes)
    return {
        "robustness.json": json.dumps(results.as_dict(), ensure_ascii=False, indent=1) + "\n",
        "robustness.md": f"{table([HEADER, *shown_rows(results)], 'github')}\n\n{notes}",
    }


def write_results(results: Robustness, target: Path) -> None:
    """Write a new folder with the table as CSV, JSON and Markdown."""
    with written_aside(target) as folder:
        as_frame(results).to_csv(folder / "robustness.csv", index=False)
        for name, text in texts_of(results).items():
            (folder / name).write_text(text, encoding="utf-8")
