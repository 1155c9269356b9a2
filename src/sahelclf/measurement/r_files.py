"""What R reads of a study: one row a unit, and a script that takes it to `survey` and `dsl`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sahelclf.measurement.collection import members
from sahelclf.measurement.table import Study

if TYPE_CHECKING:
    import pandas as pd

UNITS, SCRIPT = "units_for_r.csv", "measure.R"


def r_table(study: Study, by: Sequence[str], date: str = "date") -> "pd.DataFrame":
    """One row a unit: `coded`, `sampling_probability`, `stratum`, columns of `by`, codes as 0 and 1 (empty where not coded), probabilities.

    R's `dsl` drops rows without a sampling probability, uses that of coded rows alone, and scales all by their mean; units that are
    not coded get the one value that makes the scale 1. `survey` takes the coded rows.
    """
    import pandas as pd

    collection, sheet, rows = study.collection, study.sheet, study.rows
    n, drawn = len(collection), len(rows)
    left = n - drawn
    filler = (drawn - float(sheet.probability.sum())) / left if left else 0.0
    probability = np.full(n, min(max(filler, 1e-9), 1.0))
    probability[rows] = sheet.probability
    coded = np.zeros(n, dtype=int)
    coded[rows] = 1
    stratum = np.full(n, "", dtype=object)
    stratum[rows] = sheet.stratum
    columns: dict[str, Any] = {
        "id": collection.ids,
        "coded": coded,
        "sampling_probability": probability,
        "stratum": stratum,
    }
    for name in by:
        (units, codes), labels = members(collection, name, study.where, date)
        values = np.full(n, "", dtype=object)
        for unit, code in zip(units, codes, strict=True):
            values[unit] = f"{values[unit]};{labels[code]}" if values[unit] else labels[code]
        columns[name] = values
    for k, topic in enumerate(collection.names.topics):
        columns |= _both(topic, collection.probability[:, k], sheet.gold.topics[:, k], rows)
        for j, stance in enumerate(collection.names.stances):
            p = collection.probability[:, k] * collection.stance_probability[:, k, j]
            columns |= _both(f"{topic}_{stance}", p, sheet.gold.stance[:, k] == j, rows)
    return pd.DataFrame(columns)


def _both(name: str, p: np.ndarray, gold: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
    codes = np.full(len(p), np.nan)
    codes[rows] = gold
    return {f"{name}_gold": codes, f"{name}_predicted": np.round(p, 6)}


def r_script(topic: str, by: Sequence[str]) -> str:
    """Lines of R for one topic; a reader puts other columns in its place."""
    grouped = f"print(svyby(~{topic}_gold, ~{by[0]}, design, svymean))\n" if by else ""
    return f"""# One topic of {UNITS} in R: the sample alone with survey, and design-based supervised learning with dsl.
units <- read.csv("{UNITS}", encoding = "UTF-8", colClasses = c(id = "character", stratum = "character"))

library(survey)   # install.packages("survey")
options(survey.lonely.psu = "adjust")   # a stratum of which one unit was drawn
coded <- units[units$coded == 1, ]
design <- svydesign(ids = ~1, strata = ~stratum, probs = ~sampling_probability, data = coded)
print(svymean(~{topic}_gold, design))
{grouped}
library(dsl)      # devtools::install_github("naoki-egami/dsl")
print(summary(dsl(model = "lm", formula = {topic}_gold ~ 1, predicted_var = "{topic}_gold",
  prediction = "{topic}_predicted", data = units, sample_prob = "sampling_probability")))
"""
