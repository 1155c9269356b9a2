"""What to know about a table of shares: what is withheld, what is too short, what is assumed."""

from typing import TYPE_CHECKING

import numpy as np

from sahelclf.measurement.estimators import Design
from sahelclf.measurement.study import Study

if TYPE_CHECKING:
    import pandas as pd

FEWEST_CODES = 30
FEWEST_EACH = 10  # expected codes with the topic, and without it
THIN = 3  # intervals are too short where fewer codes than this have a topic, or lack it
FEWEST_CLUSTERS = 20  # with fewer, standard errors by cluster are too small on average
SHIFT = "shift"


def cell_warnings(table: "pd.DataFrame", where: str) -> list[str]:
    """Which shares are withheld, which intervals are too short, and what it takes."""
    rows = table[table["estimator"] == "dsl"]
    topics, others = rows[rows["measured"] == "topic"], rows[rows["measured"] != "topic"]
    short, withheld = topics[_is_short(topics)], others[_is_short(others)]
    n_cells = topics["cell"].nunique()
    lines = []
    if len(short) == len(topics):
        lines.append(
            f"{where}: too few hand-coded units for any share; all are withheld. {_advice(short)}"
        )
    else:
        for topic, cells in short.groupby("topic", sort=False):
            lines.append(
                f"{where}: {topic}: too few hand-coded units in {_of(len(cells), n_cells)}; "
                f"withheld there. {_advice(cells)}"
            )
    if len(withheld):
        lines.append(
            f"{where}: stances: {len(withheld):,} of {len(others):,} shares withheld: too few "
            "hand-coded units are expected to have the topic or the stance; more_codes says how "
            "many each lacks"
        )
    seen = np.minimum(topics["positive_codes"], topics["codes"] - topics["positive_codes"])
    for topic, cells in topics[~_is_short(topics) & (seen < THIN)].groupby("topic", sort=False):
        lines.append(
            f"{where}: {topic}: in {_of(len(cells), n_cells)} fewer than {THIN} hand-coded units "
            "have the topic, or lack it: the intervals there are too short; if 0 of n have it, a "
            "share of up to 3/n is possible"
        )
    return lines


def _is_short(rows: "pd.DataFrame") -> "pd.Series[bool]":
    return rows["more_codes"].isna() | (rows["more_codes"].fillna(1) > 0)


def _of(short: int, n: int) -> str:
    return f"{short:,} of {n:,} cells" if n > 1 else "all units together"


def _advice(short: "pd.DataFrame") -> str:
    needs = f"A cell takes {FEWEST_CODES}, and {FEWEST_EACH} expected with and without the topic"
    possible = short["more_codes"].dropna()
    advice = []
    if len(possible):
        low, high = int(possible.min()), int(possible.max())
        span = f"{high:,} more" if low == high else f"{low:,} to {high:,} more a cell"
        advice.append(f"about {span}")
    too_small = short.loc[short["more_codes"].isna(), "cell"].nunique()
    if too_small:
        advice.append(
            f"{too_small:,} cells have too few units, even if all are coded: combine cells"
            if short["cell"].nunique() > 1
            else f"all {int(short['units'].iloc[0]):,} units would be too few"
        )
    return f"{needs}: {'; '.join(advice)}"


def cluster_warnings(design: Design, study: Study, where: str) -> list[str]:
    """How many clusters the intervals rest on, where these are few or alone in their stratum."""
    freedom, lines = design.layout.freedom, []
    if not design.layout.clustered:
        return []
    few = (design.codes > 0) & (freedom < FEWEST_CLUSTERS)
    if few.any():
        lines.append(
            f"{where}: fewer than {FEWEST_CLUSTERS} coded clusters ({study.clustered_by}) beyond "
            f"the strata in {_of(int(few.sum()), len(few))}: the intervals there are approximate"
        )
    alone = int((study.sample.clusters == 1).sum())
    if where == "in the whole" and alone:
        lines.append(
            f"{alone:,} strata have codes of a single cluster ({study.clustered_by}): their "
            "variance is taken around zero, which is larger on average"
        )
    return lines


def shift_warnings(table: "pd.DataFrame", where: str) -> list[str]:
    """What the shares by label shift assume, and whether cells with codes contradict it."""
    shift = table[(table["estimator"] == SHIFT) & table["share"].notna()]
    if not len(shift):
        return []
    keys = ["cell", "topic"]
    dsl = table[(table["estimator"] == "dsl") & (table["measured"] == "topic")]
    both = shift.merge(dsl[dsl["share"].notna()], on=keys, suffixes=("", "_dsl"))
    error = np.hypot(both["standard_error"], both["standard_error_dsl"])
    apart = int(((both["share"] - both["share_dsl"]).abs() > 1.96 * error).sum())
    checked = (
        f"{apart:,} of the {len(both):,} that have enough codes differ from dsl by more than chance"
        if len(both)
        else "no cell has enough codes to check it"
    )
    return [
        f"{where}: shift gives {len(shift):,} shares on the assumption that texts with and without "
        f"a topic read the same in every cell; {checked}"
    ]
