"""The folder that `measure --regress` writes: tables, figures, a sentence for the methods."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.files import written_aside
from sahelclf.measurement.regression_table import Regression
from sahelclf.measurement.regressors import INTERCEPT
from sahelclf.reports.bibliography import bibliography, cited_keys
from sahelclf.reports.figures.coefficients import coefficients
from sahelclf.reports.text import table as text_table

if TYPE_CHECKING:
    import pandas as pd

REPORTED = ("sample", "ppi", "dsl", "naive")
DIGITS = 2  # of a standard error
MOST_DECIMALS = 8


def write_regressions(target: Path, regression: Regression, sentence: str) -> None:
    """Write tables, figures and the sentence into a new folder."""
    with written_aside(target) as folder:
        regression.table.to_csv(folder / "regressions.csv", index=False, float_format="%.6g")
        regression.table.to_parquet(folder / "regressions.parquet", index=False)
        for form, suffix in (("github", "md"), ("latex_booktabs", "tex")):
            mark = "%" if suffix == "tex" else "##"
            parts = [
                f"{mark} {formula}\n\n{text_table(lines, form)}\n"
                for formula, lines in printed(regression.table)
            ]
            (folder / f"regressions.{suffix}").write_text("\n".join(parts), encoding="utf-8")
        (folder / "methods.md").write_text(sentence + "\n", encoding="utf-8")
        entries = bibliography(cited_keys(sentence), {})
        (folder / "references.bib").write_text(entries, encoding="utf-8")
        for k, figure in enumerate(figures(regression), start=1):
            for form in ("pdf", "png"):
                figure.savefig(folder / f"coefficients{f'_{k}' if k > 1 else ''}.{form}")


def printed(table: "pd.DataFrame") -> Iterator[tuple[str, list[list[str]]]]:
    """Lines of a table to print for each formula: one a term, one column an estimator."""
    for formula, rows in table.groupby("formula", sort=False):
        first = rows.iloc[0]
        lines = [["", *REPORTED]]
        for term, estimates in rows.groupby("term", sort=False):
            by_name = {e["estimator"]: e for _, e in estimates.iterrows()}
            lines.append([str(term), *(_cell(by_name[name]) for name in REPORTED)])
        lines.append(["units", *[f"{first['units']:,}"] * len(REPORTED)])
        lines.append(
            ["coded by hand", *["" if n == "naive" else f"{first['codes']:,}" for n in REPORTED]]
        )
        if _clusters(first):
            lines.append(["clusters (coded)", *[_clusters(first)] * len(REPORTED)])
        yield str(formula), lines


def _clusters(row: Any) -> str:
    import pandas as pd

    if pd.isna(row["clusters"]):
        return ""
    return f"{row['clusters']:,} ({row['coded_clusters']:,})"


def _cell(row: Any) -> str:
    """Coefficient and interval, with two digits of the standard error."""
    value, error = row["coefficient"], row["standard_error"]
    if value != value:
        return "–"
    decimals = DIGITS - 1 - math.floor(math.log10(error)) if error > 0 else DIGITS
    digits = min(max(decimals, 0), MOST_DECIMALS)
    value, low, high = (f"{row[name]:,.{digits}f}" for name in ("coefficient", "low", "high"))
    return f"{value} [{low}, {high}]"


def figures(regression: Regression) -> Iterator[Any]:
    """One figure a formula; the intercept is not drawn."""
    what = "difference in share" if regression.family == "ols" else "difference in log odds"
    for formula, rows in regression.table.groupby("formula", sort=False):
        terms = [t for t in dict.fromkeys(rows["term"]) if t != INTERCEPT]
        if not terms:
            continue
        numbers = {}
        for name in ("dsl", "ppi", "sample", "naive"):
            chosen = rows[rows["estimator"] == name].set_index("term").reindex(terms)
            values = chosen[["coefficient", "low", "high"]].to_numpy(dtype=float)
            if name == "naive":
                values[:, 1:] = float("nan")
            label = "labels as they are" if name == "naive" else f"{name}, 95% interval"
            numbers[label] = values
        yield coefficients(terms, numbers, title=str(formula), axis=what)


def methods_sentence(regression: Regression, clustered_by: str | None) -> str:
    """What was done, for a methods section, with citations for pandoc."""
    model = "a linear probability model (OLS)" if regression.family == "ols" else "a logit"
    formulas = list(dict.fromkeys(regression.table["formula"]))
    which = f"`{formulas[0]}`" if len(formulas) == 1 else f"{len(formulas)} formulas"
    units, codes, clusters, coded = (
        _span(regression.table[name]) for name in ("units", "codes", "clusters", "coded_clusters")
    )
    errors = "robust to heteroskedasticity"
    if clustered_by is not None:
        errors = f"by cluster ({clustered_by}: {clusters}, of which {coded} have codes)"
    return (
        f"We estimated {model}, {which}, over {units} units, of which {codes} were drawn with "
        "known chances and coded by hand. Coefficients combine the classifier's predictions with "
        "these codes by design-based supervised learning [@egami2023]; prediction-powered "
        "inference with power tuning [@angelopoulos2023; @angelopoulos2023ppi] and the hand codes "
        f"alone are given beside it. Standard errors are {errors}; intervals are 95%."
    )


def _span(numbers: "pd.Series[Any]") -> str:
    """One number, or the least and the most."""
    known = numbers.dropna()
    if known.empty:
        return ""
    low, high = int(known.min()), int(known.max())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
