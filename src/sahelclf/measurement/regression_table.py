"""The table of coefficients by formula, term and estimator; what cannot be estimated is refused."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sahelclf.errors import RequestError
from sahelclf.measurement.estimators import (
    ESTIMATORS,
    Outcome,
    p_values,
    quantile,
)
from sahelclf.measurement.formula import Formula, Regressed, parse_formula
from sahelclf.measurement.moments import FAMILIES, Fitted, NotConvergedError, Problem
from sahelclf.measurement.regression import fit
from sahelclf.measurement.regression_checks import check, separation
from sahelclf.measurement.regressors import Regressors, read_regressors
from sahelclf.measurement.study import Study
from sahelclf.measurement.table import study_outcomes
from sahelclf.measurement.variance import Sample

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Regression:
    """Coefficients of one or more formulas.

    Attributes
    ----------
    table
        One row a formula, term and estimator; empty where an estimator gives nothing.
    family
        `ols` or `logit`.
    notes
        How to read the terms.
    warnings
        What to know before using the numbers.
    """

    table: "pd.DataFrame"
    family: str
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def estimate_regressions(
    study: Study, formulas: Sequence[str], family: str = "ols", date: str = "date"
) -> Regression:
    """Coefficients of each formula, by each estimator.

    Raises
    ------
    RequestError
        Where a formula cannot be read or estimated.
    """
    import pandas as pd

    if family not in FAMILIES:
        raise RequestError(f"--family {family}: unknown; expected {' or '.join(FAMILIES)}")
    if not formulas or len(set(formulas)) < len(formulas):
        raise RequestError("--regress: expected one formula or more, each once")
    parsed = [parse_formula(text, study.collection.names) for text in formulas]
    tables, notes, warnings = [], [], list(study.warnings)
    for formula in parsed:
        absorb = family == "ols" and not formula.outcome.within
        right = read_regressors(
            study.collection, formula, study.rows, study.where, date, absorb=absorb
        )
        problem = _problem(study, formula, right, family)
        warnings += [*right.warnings, *check(study, formula, problem, right)]
        fitted, more = _fitted(formula, problem, right)
        warnings += more
        tables.append(_table(formula, problem, right, fitted))
        notes += right.notes
    table = pd.concat(tables, ignore_index=True)
    return Regression(table, family, tuple(dict.fromkeys(notes)), tuple(dict.fromkeys(warnings)))


def _problem(study: Study, formula: Formula, right: Regressors, family: str) -> Problem:
    """The units that have a value in every column, with their outcome and codes."""
    whole, n = study.sample, len(study.collection)
    place = np.full(n, -1)
    place[right.rows] = np.arange(len(right.rows))
    coded = np.flatnonzero(place[whole.unit] >= 0)
    cluster = None if whole.cluster is None else whole.cluster[right.rows]
    sample = Sample(place[whole.unit[coded]], whole.weight[coded], whole.stratum[coded], cluster)
    outcome, base = (
        None
        if o is None
        else Outcome(o.y[coded], *(a[right.rows] for a in (o.p, o.decision, o.calibrated)))
        for o in outcomes(study, formula.outcome)
    )
    assert outcome is not None
    return Problem(right.x, right.absorbed, outcome, base, sample, whole, family, len(right.terms))


def outcomes(study: Study, regressed: Regressed) -> tuple[Outcome, Outcome | None]:
    """What is regressed, and the topic where only its units count."""
    wanted = [(regressed.topic, regressed.stance)]
    wanted += [(regressed.topic, None)] if regressed.within else []
    first, *base = study_outcomes(study, wanted)
    return first, base[0] if base else None


def _fitted(
    formula: Formula, problem: Problem, right: Regressors
) -> tuple[dict[str, Fitted | None], list[str]]:
    """Coefficients by estimator, None where one gives nothing, and why."""
    warnings, withheld = [], set()
    sample, effects = problem.sample, problem.effects
    for name, codes in zip(formula.effects, effects.codes if effects else (), strict=False):
        n = int(codes.max()) + 1
        empty = int((np.bincount(codes[sample.unit], minlength=n) == 0).sum())
        if empty:
            withheld |= {"sample", "ppi"}
            warnings.append(
                f"{formula.text}: {empty:,} of {n:,} levels of {name} have no coded unit: sample "
                "and ppi are withheld; dsl needs none in each"
            )
    found: dict[str, Fitted | None] = {}
    for name in ESTIMATORS:
        found[name] = None
        if name in withheld:
            continue
        try:
            found[name] = fit(problem, name)
        except NotConvergedError as error:
            if name == "sample":
                raise RequestError(separation(formula, problem, right, error)) from None
            warnings.append(f"{formula.text}: {name}: the logit has no solution; withheld")
        except np.linalg.LinAlgError:
            warnings.append(f"{formula.text}: {name}: the columns are collinear there; withheld")
    return found, warnings


def _table(
    formula: Formula, problem: Problem, right: Regressors, fitted: dict[str, Fitted | None]
) -> "pd.DataFrame":
    """One row a term and estimator."""
    import pandas as pd

    sample, rows = problem.sample, []
    clusters: Any = pd.NA
    coded_clusters: Any = pd.NA
    freedom = np.inf
    if sample.cluster is not None:
        clusters = len(np.unique(sample.cluster))
        coded_clusters = len(np.unique(sample.cluster[sample.unit]))
        freedom = max(coded_clusters - len(np.unique(sample.stratum)), 1)
    half = float(quantile(np.array([freedom]))[0])
    codes = len(sample.unit) if problem.base is None else int(problem.base.y.sum())
    for j, term in enumerate(right.terms):
        for name in ESTIMATORS:
            found = fitted[name]
            value, error = np.nan, np.nan
            if found is not None:
                value, error = found.value[j], float(np.sqrt(found.covariance[j, j]))
            numbers: dict[str, Any] = {
                "coefficient": value,
                "standard_error": error,
                "low": value - half * error,
                "high": value + half * error,
                "p": p_values(*(np.array([v], dtype=float) for v in (value, error, freedom)))[0],
            }
            first = {"formula": formula.text, "family": problem.family, "term": term}
            last = {"units": len(right.rows), "codes": codes}
            counts = {"clusters": clusters, "coded_clusters": coded_clusters}
            rows.append(first | {"estimator": name} | numbers | last | counts)
    table = pd.DataFrame(rows)
    return table.astype({"clusters": "Int64", "coded_clusters": "Int64"})
