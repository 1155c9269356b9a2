"""What R reads of a study: one row a unit, and a script for the packages `survey` and `dsl`."""

import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sahelclf.evaluation.predictions import Names
from sahelclf.measurement.collection import cell_members
from sahelclf.measurement.study import Study
from sahelclf.templates import render

if TYPE_CHECKING:
    import pandas as pd

UNITS, SCRIPT = "units_for_r.csv", "measure.R"
OWN = ("id", "coded", "sampling_probability", "stratum")
CLUSTER = "cluster"
RESERVED = re.compile(
    r"if|else|repeat|while|function|for|next|break|in|TRUE|FALSE|NULL|Inf|NaN|NA"
    r"|NA_(integer|real|complex|character)_|\.\.(\.|\d+)"
)


def r_names(by: Sequence[str], names: Names) -> dict[str, str]:
    """A name by R's rules (`make.names`, in ASCII) for each column, none of them one of ours."""
    pairs = [t for topic in names.topics for t in (topic, *_pairs(topic, names))]
    taken = {*OWN, CLUSTER, *(f"{p}_{end}" for p in pairs for end in ("gold", "predicted"))}
    chosen = {}
    for column in by:
        letters = unicodedata.normalize("NFKD", column)
        bare = "".join(c for c in letters if not unicodedata.combining(c))
        name = re.sub(r"[^A-Za-z0-9._]", ".", bare)[:60]
        if not re.match(r"[A-Za-z]|\.(?!\d)", name) or name.startswith(".."):
            name = f"X{name}"
        name += "." if RESERVED.fullmatch(name) else ""
        tries = (name, *(f"{name}.{k}" for k in range(1, len(by) + len(taken) + 1)))
        chosen[column] = next(n for n in tries if n.casefold() not in taken)
        taken.add(chosen[column].casefold())
    return chosen


def _pairs(topic: str, names: Names) -> Iterable[str]:
    return (f"{topic}_{stance}" for stance in names.stances)


def r_table(study: Study, by: Sequence[str], date: str = "date") -> "pd.DataFrame":
    """One row a unit: the columns `OWN`, those of `by`, hand codes as 0 and 1, and probabilities.

    `CLUSTER` is among them where the study has clusters.
    Codes are empty where a unit is not coded. R's `dsl` drops rows without a sampling probability,
    uses only that of coded rows, and scales all by their mean; units that are not coded get the one
    value that makes the scale 1. `survey` takes the coded rows.
    """
    import pandas as pd

    collection, sheet, rows = study.collection, study.sheet, study.rows
    n, drawn = len(collection), len(rows)
    filler = (drawn - float(sheet.probability.sum())) / max(n - drawn, 1)
    probability = np.full(n, min(max(filler, 1e-9), 1.0))
    probability[rows] = sheet.probability
    coded, stratum = np.zeros(n, dtype=int), np.full(n, "", dtype=object)
    coded[rows], stratum[rows] = 1, sheet.stratum
    columns = dict(zip(OWN, (collection.ids, coded, probability, stratum), strict=True))
    if study.cluster is not None:
        columns[CLUSTER] = study.cluster
    for column, name in r_names(by, collection.names).items():
        (units, codes), labels = cell_members(collection, column, study.where, date)
        values = np.full(n, "", dtype=object)
        for unit, code in zip(units, codes, strict=True):
            values[unit] = f"{values[unit]};{labels[code]}" if values[unit] else labels[code]
        columns[name] = values
    for k, topic in enumerate(collection.names.topics):
        p = collection.probability[:, k]
        columns |= _gold_and_prediction(topic, p, sheet.gold.topics[:, k], rows)
        for j, pair in enumerate(_pairs(topic, collection.names)):
            p_pair = p * collection.stance_probability[:, k, j]
            columns |= _gold_and_prediction(pair, p_pair, sheet.gold.stance[:, k] == j, rows)
    return pd.DataFrame(columns)


def _gold_and_prediction(
    name: str, p: np.ndarray, gold: np.ndarray, rows: np.ndarray
) -> dict[str, Any]:
    codes = np.full(len(p), np.nan)
    codes[rows] = gold
    return {f"{name}_gold": codes, f"{name}_predicted": np.round(p, 6)}


def r_script(topic: str, by: Mapping[str, str], *, clustered: bool = False) -> str:
    """R code for one topic; `by` has the R names of columns, as `r_names` gives them."""
    return render(
        "sahelclf.measurement",
        SCRIPT,
        units=UNITS,
        topic=topic,
        cluster=CLUSTER if clustered else "",
        by=[*by.values()],
        text=["id", "stratum", *by.values()],
        renamed={name: json.dumps(column) for column, name in by.items() if name != column},
    )
