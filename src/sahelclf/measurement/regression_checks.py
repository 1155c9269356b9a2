"""What a regression cannot estimate, in plain messages: too few codes, collinearity, separation."""

import numpy as np

from sahelclf.errors import RequestError
from sahelclf.measurement.estimators import Cells, Design
from sahelclf.measurement.formula import Formula
from sahelclf.measurement.matrices import dependent, gram
from sahelclf.measurement.moments import NotConvergedError, Problem
from sahelclf.measurement.regressors import INTERCEPT, Regressors
from sahelclf.measurement.study import Study
from sahelclf.measurement.table import required_codes
from sahelclf.measurement.table_warnings import FEWEST_CODES, FEWEST_EACH

CODES_EACH = 5  # fewest hand codes for each coefficient
FEW_CLUSTERS = 30
THIN_LEVEL = 10  # intervals of a level with fewer hand codes are unreliable
MOST_SHOWN = 5


def check(study: Study, formula: Formula, problem: Problem, right: Regressors) -> list[str]:
    """Refuse what cannot be estimated; warnings about what hardly can."""
    n, unit = len(right.rows), problem.sample.unit
    design = Design(problem.sample, Cells(np.arange(n), np.zeros(n, dtype=int), 1), n)
    codes, _, more = required_codes(design, problem.outcome, problem.base)
    if more[0] > 0:
        lacking = f"about {int(more[0]):,} more" if np.isfinite(more[0]) else "more"
        raise RequestError(
            f"{formula.where}: too few hand-coded units: {int(codes[0]):,}; a regression takes "
            f"{FEWEST_CODES}, and {FEWEST_EACH} expected with and without the outcome: {lacking}"
        )
    k = problem.x.shape[1]
    if codes[0] < CODES_EACH * k:
        raise RequestError(
            f"{formula.where}: {k} coefficients and {int(codes[0]):,} hand-coded units; expected "
            f"at least {CODES_EACH} for each: {CODES_EACH * k - int(codes[0]):,} more. Use fewer "
            "columns or levels"
        )
    thin = []
    for name, (labels, number) in right.levels.items():
        counts = np.bincount(number[unit], minlength=len(labels))
        units = np.bincount(number, minlength=len(labels))
        none = [
            f"{labels[i]} ({units[i]:,} units)" for i in np.flatnonzero((counts == 0) & (units > 0))
        ]
        if none:
            listed = ", ".join(none[:MOST_SHOWN]) + (", …" if len(none) > MOST_SHOWN else "")
            raise RequestError(
                f"{formula.where}: {name}: no coded unit in {len(none)} of {len(labels)} values: "
                f"{listed}. Combine values, leave these units out, or code some of them "
                f"(annotate sample --by {name})"
            )
        thin += [f"{name}[{labels[i]}] {counts[i]}" for i in np.flatnonzero(counts < THIN_LEVEL)]
    _refuse_collinear(formula, problem, right)
    warnings = _few_clusters(study, formula, problem)
    if thin:
        listed = ", ".join(thin[:MOST_SHOWN]) + (", …" if len(thin) > MOST_SHOWN else "")
        warnings.append(
            f"{formula.text}: fewer than {THIN_LEVEL} coded units in {listed}: the intervals of "
            "these terms are unreliable"
        )
    return warnings


def _few_clusters(study: Study, formula: Formula, problem: Problem) -> list[str]:
    sample = problem.sample
    if sample.cluster is None:
        return []
    coded = len(np.unique(sample.cluster[sample.unit]))
    if coded >= FEW_CLUSTERS:
        return []
    return [
        f"{formula.text}: {coded} clusters of {study.clustered_by} have coded units; with fewer "
        f"than {FEW_CLUSTERS} the intervals are unreliable"
    ]


def _refuse_collinear(formula: Formula, problem: Problem, right: Regressors) -> None:
    """Refuse columns that the others determine, in all units or among the coded."""
    sample, effects = problem.sample, problem.effects
    for who, rows in (("", None), ("among the coded units ", sample.unit)):
        x = problem.x if rows is None else problem.x[rows]
        products = gram(x)
        lengths = np.diag(products)
        if effects is not None:
            if rows is not None:
                continue  # levels without codes are another matter: `_fitted` withholds
            x = effects.residuals(x, np.ones(x.shape[0]))
            products = gram(x)
        found = dependent(products, lengths)
        if not found:
            continue
        lines = []
        for j, others in list(found.items())[:MOST_SHOWN]:
            names = [right.terms[i] for i in others if i < len(right.terms)]
            term = right.terms[j] if j < len(right.terms) else f"effects of {formula.effects[-1]}"
            inside = " and ".join(formula.effects)
            reason = f"follows from {', '.join(names)}" if names else "is 0 for all of them"
            if formula.effects and not names:
                reason = f"does not vary within {inside}"
            lines.append(f"{formula.where}: {who}{term} {reason}")
        raise RequestError(
            [*lines, "collinear columns have no coefficients of their own; drop one"]
        )


def separation(
    formula: Formula, problem: Problem, right: Regressors, error: NotConvergedError
) -> str:
    """Which terms decide the outcome of the coded units."""
    unit, y = problem.sample.unit, problem.outcome.y
    inside = np.ones(len(unit)) if problem.base is None else problem.base.y
    rows = problem.x[unit]
    rows = rows if isinstance(rows, np.ndarray) else rows.toarray()
    terms = []
    for j in error.columns:
        if j >= len(right.terms) or right.terms[j] == INTERCEPT:
            continue
        here = (rows[:, j] != 0) & (inside > 0)
        seen, name = y[here], formula.outcome.name
        if 0 < here.sum() < inside.sum() and seen.min() == seen.max():
            kind = "all" if seen[0] else "none"
            terms.append(f"{right.terms[j]} ({kind} of its {here.sum()} coded units: {name})")
        else:
            terms.append(right.terms[j])
    listed = ", ".join(terms[:MOST_SHOWN]) or "the terms together"
    return (
        f"{formula.where}: perfect separation among the coded units: {listed} "
        "decide the outcome, so the logit has no finite coefficients. Combine levels, drop the "
        "term, code more units, or use --family ols"
    )
