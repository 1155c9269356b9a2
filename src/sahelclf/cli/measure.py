"""`measure PREDICTIONS --gold SHEET --by month,country`: shares of topics and stances, corrected for the model's errors, with 95% intervals."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.cli.console import parser, result, say
from sahelclf.errors import RequestError
from sahelclf.reports.text import table

if TYPE_CHECKING:
    import pandas as pd

    from sahelclf.annotation.sheet import Sheet
    from sahelclf.corpus.read import Corpus
    from sahelclf.measurement.table import Measured

EPILOG = """examples:
  python -m sahelclf corpus sample articles.csv --predictions labels.csv --n 300 --by probability -o sheet.csv
  (fill the sheet in a spreadsheet)
  python -m sahelclf measure labels.csv --gold sheet.csv --by month,country -o shares

PREDICTIONS is the table that predict wrote (.csv, .parquet, .jsonl), of the whole collection. --by takes columns of it; year,
quarter and month are taken from the date. Every estimate is given for the whole, by each column, and by all of them together.

FOLDER gets shares.csv and shares.parquet, a figure for each of these, and units_for_r.csv with measure.R for R's dsl and survey.
Without -o the table goes to standard output as CSV. docs/measure.md says what the columns and the four estimators are.
"""
SHOWN = ("naive", "sample", "ppi", "dsl")


def run(args: list[str]) -> int:
    """Read both, measure, warn, write."""
    p = parser(
        "measure",
        "Shares and counts of topics and stances in a collection, corrected by a hand-coded sample.",
        EPILOG,
    )
    p.add_argument("predictions", metavar="PREDICTIONS")
    p.add_argument(
        "--gold",
        required=True,
        metavar="SHEET",
        help="the filled sheet that `corpus sample` drew from the collection",
    )
    p.add_argument("--by", metavar="COLUMN,…", default="", help="for instance month,country")
    p.add_argument(
        "--date",
        metavar="COLUMN",
        default="date",
        help="the column that holds the date (default: date)",
    )
    p.add_argument(
        "--once",
        action="store_true",
        help="count near-duplicates once: leave out rows with a duplicate_of",
    )
    p.add_argument(
        "--corpus",
        metavar="FOLDER",
        help="whose codebook the sheet follows, and what the model learnt from (default: the packaged corpus)",
    )
    p.add_argument("-o", "--out", metavar="FOLDER")
    options = p.parse_args(args)
    target = Path(options.out) if options.out else None
    if target is not None and target.exists():
        raise RequestError(f"{target}: exists already; choose another folder, or move it away")
    for name in (options.predictions, options.gold):
        if not Path(name).is_file():
            raise RequestError(
                f"{name}: {'a folder; expected a file' if Path(name).is_dir() else 'no such file'}"
            )

    from sahelclf.annotation.sheet import names_of, read_sheet
    from sahelclf.corpus.read import corpus_root, read_corpus
    from sahelclf.measurement.collection import read_collection
    from sahelclf.measurement.r_files import r_table
    from sahelclf.measurement.table import joined, measure

    by = [b.strip() for b in options.by.split(",") if b.strip()]
    corpus = read_corpus(corpus_root(options.corpus))
    sheet = read_sheet(Path(options.gold), corpus.codebook)
    collection = read_collection(Path(options.predictions), names_of(corpus.codebook))
    study = joined(collection, sheet, options.predictions, options.gold, once=options.once)
    found = measure(study, by, options.date)
    _show(found)
    for note in (*found.notes, *drift_of(sheet, corpus)):
        say(f"warning: {note}")
    if target is None:
        found.table.to_csv(sys.stdout, index=False, float_format="%.6g", lineterminator="\n")
        return 0
    _write(target, found, r_table(study, by, options.date))
    result(str(target))
    return 0


def drift_of(sheet: "Sheet", corpus: "Corpus") -> list[str]:
    """Warnings on the sheet's texts, weighted to the collection, against the corpus's passages; none where the sheet has no texts."""
    from sahelclf.measurement.drift import drift

    if not all(sheet.texts):
        return ["the sheet has no texts, so drift from the training data cannot be seen"]
    known = [p.text for p in corpus.passages]
    return drift(
        sheet.texts,
        1 / sheet.probability,
        known,
        [p.document_id for p in corpus.passages],
        corpus.codebook.languages,
    )


def _show(found: "Measured") -> None:
    """The whole collection: one line a topic and a pair, one column an estimator."""
    whole = found.table[found.table["by"] == ""]
    first = whole.iloc[0]
    say(
        f"{first['units']:,} units, {first['codes']} coded by hand; share of all units, 95% intervals (stances: of the topic's units)\n"
    )
    lines = [["", *SHOWN, "units (dsl)"]]
    for (_, topic, stance), rows in whole[whole["measured"] != "pair"].groupby(
        ["measured", "topic", "stance"], sort=False
    ):
        by_name = {r["estimator"]: r for _, r in rows.iterrows()}
        best = by_name["dsl"]
        count = (
            ""
            if best["count"] != best["count"]
            else f"{best['count']:,.0f} [{best['count_low']:,.0f}, {best['count_high']:,.0f}]"
        )
        lines.append([f"{topic} {stance}".strip(), *(_cell(by_name[n]) for n in SHOWN), count])
    say(table(lines))
    say()


def _cell(row: Any) -> str:
    if row["share"] != row["share"]:
        return f"– ({row['more_codes']} more codes)" if row["more_codes"] else "–"
    return f"{100 * row['share']:.1f}% [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"


def _write(target: Path, found: "Measured", units: "pd.DataFrame") -> None:
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    from sahelclf.files import written_aside
    from sahelclf.measurement.r_files import SCRIPT, UNITS, r_script

    with written_aside(target) as folder:
        found.table.to_csv(folder / "shares.csv", index=False, float_format="%.6g")
        found.table.to_parquet(folder / "shares.parquet", index=False)
        pa_csv.write_csv(
            pa.Table.from_pandas(units, preserve_index=False), folder / UNITS
        )  # pandas takes five times as long
        (folder / SCRIPT).write_text(
            r_script(found.table["topic"].iloc[0], found.by), encoding="utf-8"
        )
        for name, figure in _figures(found).items():
            for form in ("pdf", "png"):
                figure.savefig(folder / f"{name}.{form}")


def _figures(found: "Measured") -> dict[str, Any]:
    """A figure for each grouping that the gold carries somewhere; periods run along the axis, another column makes the panels' columns."""
    from sahelclf.measurement.collection import PERIODS
    from sahelclf.reports.figures.shares import share_panels

    drawn = {}
    for group in dict.fromkeys([*((b,) for b in found.by), found.by]):
        rows = found.table[
            (found.table["by"] == ",".join(group)) & (found.table["measured"] == "topic")
        ]
        corrected = rows[rows["estimator"] == "dsl"]
        if not group or len(group) > 2 or corrected["share"].isna().all():
            if len(group) <= 2 and group:
                say(f"no figure by {','.join(group)}: no cell has enough hand codes")
            continue
        axis = next((b for b in group if b in PERIODS), group[0])
        other = next((b for b in group if b != axis), None)
        held = int(corrected["share"].isna().sum())
        note = (
            f"Share of units. {held} of {len(corrected)} estimates are withheld for want of hand codes"
            if held
            else "Share of units"
        )
        drawn[f"shares_by_{'_'.join(group)}"] = share_panels(
            _panels(rows, axis, other), ordered=axis in PERIODS, note=note
        )
    return drawn


def _panels(
    rows: "pd.DataFrame", axis: str, other: str | None
) -> list[tuple[str, str, Sequence[str], Any]]:
    import numpy as np

    places = sorted(rows[axis].unique())
    largest = (
        rows[rows["estimator"] == "dsl"]
        .groupby(other)["units"]
        .sum()
        .sort_values(ascending=False)
        .index
        if other
        else [""]
    )
    panels: list[tuple[str, str, Sequence[str], Any]] = []
    for topic in rows["topic"].unique():
        for column in largest:
            inside = rows[(rows["topic"] == topic) & ((rows[other] == column) if other else True)]
            dsl, naive = (
                inside[inside["estimator"] == e].set_index(axis).reindex(places)
                for e in ("dsl", "naive")
            )
            numbers = np.column_stack([dsl["share"], dsl["low"], dsl["high"], naive["share"]])
            panels.append((str(topic), str(column), places, numbers))
    return panels
