"""Columns of a collection as the right side of a regression: values, dummies, effects, refusals."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from sahelclf.errors import RequestError, perhaps
from sahelclf.evaluation.prediction_files import as_text
from sahelclf.evaluation.predictions import Names
from sahelclf.measurement.collection import PERIODS, Collection, period_number, period_values
from sahelclf.measurement.formula import Formula
from sahelclf.measurement.matrices import DENSE, Matrix
from sahelclf.measurement.within import Effects

if TYPE_CHECKING:
    import pandas as pd

INTERCEPT = "Intercept"
MOST_LEVELS = 1000  # of a column that is shown, or whose effects a logit estimates
MOST_SHOWN = 5


@dataclass
class Regressors:
    """The right side of a regression.

    Attributes
    ----------
    rows
        (N,) rows of the collection that have a value in every column.
    x
        (N, k) columns; `terms` names the first ones, the others are effects that are not reported.
    absorbed
        Effects that least squares takes out; None where there are none, or where they are in `x`.
    levels
        Of each column of categories: names of its levels, and the (N,) number of each unit's level.
    notes
        How to read the terms.
    """

    rows: np.ndarray
    x: Matrix
    terms: list[str]
    absorbed: Effects | None
    levels: dict[str, tuple[list[str], np.ndarray]]
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read_regressors(
    collection: Collection,
    formula: Formula,
    coded: np.ndarray,
    where: str,
    date: str = "date",
    *,
    absorb: bool,
) -> Regressors:
    """Columns of a formula's right side; `coded` has the rows of hand-coded units.

    `absorb`: effects after the bar are taken out, else they are columns that are not reported.
    """
    names = [*dict.fromkeys([*sorted(formula.used()), *formula.effects])]
    _refuse_predictions(names, collection.names, formula)
    values = {name: _values(collection, name, formula, where, date) for name in names}
    rows, warnings = _complete(values, collection, coded, formula)
    values = {name: v.iloc[rows].reset_index(drop=True) for name, v in values.items()}
    data: dict[str, Any] = {}
    notes: list[str] = []
    periods: dict[str, list[str]] = {}
    for name in formula.used():
        data[name], labels = _prepared(values[name], name, formula, collection, notes)
        if labels:
            periods[name] = labels
    x, terms = _matrix(formula, data, len(rows))
    terms = [_readable(term, periods) for term in terms]
    levels = _levels(formula, data, periods)
    notes += [f"{name}: compared with {labels[0]}" for name, (labels, _) in levels.items()]
    absorbed = None
    if formula.effects:
        kept = [j for j, term in enumerate(terms) if term != INTERCEPT]
        if not kept:
            raise RequestError(f"{formula.where}: no column before |; nothing would be reported")
        x, terms = x[:, kept], [terms[j] for j in kept]
        codes = [np.unique(_text(values[e]), return_inverse=True)[1] for e in formula.effects]
        absorbed, x = (Effects(codes), x) if absorb else (None, _with_dummies(x, codes, formula))
    if not isinstance(x, np.ndarray) and (absorbed or x.nnz > DENSE * x.shape[0] * x.shape[1]):
        x = x.toarray()
    return Regressors(rows, x, terms, absorbed, levels, notes, warnings)


def _refuse_predictions(columns: list[str], names: Names, formula: Formula) -> None:
    ends = ("", "_probability", "_holds", "_stance", "_evidence", *(f"_{s}" for s in names.stances))
    own = {f"{topic}{end}" for topic in names.topics for end in ends}
    taken = [c for c in columns if c in own]
    if taken:
        raise RequestError(
            f"{formula.where}: right of ~: {', '.join(taken)}: what the model says. Its errors "
            "would bias the coefficients, and no estimator here corrects that. Expected columns "
            "that are known for every unit; topics belong on the left"
        )


def _values(
    collection: Collection, name: str, formula: Formula, where: str, date: str
) -> "pd.Series[Any]":
    frame = collection.frame
    if name in frame:
        return frame[name]
    if name in PERIODS and date in frame:
        return period_values(frame[date], name)
    if name in PERIODS:
        hint = f"; {name} is taken from a date, and there is no column {date!r}: use --date COLUMN"
    else:
        meant = perhaps(name, [*map(str, frame.columns), *PERIODS])
        hint = f"; {meant}" if meant else ""
    known = [c for c in frame.columns if not str(c).startswith(collection.names.topics)]
    raise RequestError(
        f"{formula.where}: {where} has no column {name!r}{hint}; found {known[:15]}, and "
        f"{', '.join(PERIODS)} of the date"
    )


def _text(values: "pd.Series[Any]") -> np.ndarray:
    return as_text(values).to_numpy(dtype=object).astype(str)


def _complete(
    values: Mapping[str, "pd.Series[Any]"],
    collection: Collection,
    coded: np.ndarray,
    formula: Formula,
) -> tuple[np.ndarray, list[str]]:
    """Rows with a value in every column, and a line that says how many others are left out."""
    n = len(collection)
    empty = {name: np.asarray(as_text(v) == "") for name, v in values.items()}
    missing = np.zeros(n, dtype=bool)
    for lacks in empty.values():
        missing |= lacks
    if not missing.any():
        return np.arange(n), []
    each = ", ".join(f"{name} {v.sum():,}" for name, v in empty.items() if v.any())
    if missing[coded].all():
        raise RequestError(
            f"{formula.where}: every coded unit lacks a value ({each}); expected columns that are "
            "filled for coded units too"
        )
    return np.flatnonzero(~missing), [
        f"{formula.text}: {missing.sum():,} of {n:,} units ({missing[coded].sum():,} of "
        f"{len(coded):,} coded) lack a value and are left out: {each}. The result is about the rest"
    ]


def _prepared(
    values: "pd.Series[Any]",
    name: str,
    formula: Formula,
    collection: Collection,
    notes: list[str],
) -> tuple[Any, list[str]]:
    """A column as numbers or categories; the labels of a period, whose numbers count from 0."""
    import pandas as pd

    text = as_text(values)
    if name in PERIODS and name not in collection.frame:
        labels, number = np.unique(_text(values), return_inverse=True)
        counts = np.array([period_number(label, name) for label in labels])
        first = int(counts.min())
        known = {int(c) - first: str(label) for c, label in zip(counts, labels, strict=True)}
        if name in formula.used() - formula.used("C"):
            notes.append(
                f"{name}: a number, {name}s since {known[0]}; C({name}) gives each its own effect"
            )
        spread = [known.get(k, "") for k in range(max(known) + 1)]
        return (counts - first)[number], spread
    numbers = pd.to_numeric(text, errors="coerce")
    bad = numbers.isna().to_numpy()
    if not bad.any():
        return numbers.to_numpy(), []
    outside = name in formula.used() - formula.used("C") - formula.used("has")
    if outside and bad.mean() < 0.5:
        rows = np.flatnonzero(bad)[:MOST_SHOWN]
        examples = ", ".join(repr(text.iloc[k]) for k in rows)
        raise RequestError(
            f"{formula.where}: column {name}: {bad.sum():,} of {len(bad):,} values are no numbers "
            f"({examples}); correct them, or write C({name}) if the values are categories"
        )
    listed = text.str.startswith("[").to_numpy()
    if listed.any() and name in formula.used() - formula.used("has"):
        raise RequestError(
            f"{formula.where}: column {name}: {listed.sum():,} cells are lists, such as "
            f"{text[listed].iloc[0]}; write has({name}, 'VALUE') for each value of interest"
        )
    categories = pd.Categorical(text)
    if len(categories.categories) > MOST_LEVELS and name in formula.used() - formula.used("has"):
        raise RequestError(
            f"{formula.where}: column {name}: {len(categories.categories):,} values, such as "
            f"{categories.categories[0]!r}; expected numbers, or at most {MOST_LEVELS:,} "
            f"categories. To absorb it, write it after a bar: ~ … | {name}"
        )
    return categories, []


def _matrix(formula: Formula, data: Mapping[str, Any], n: int) -> tuple[Any, list[str]]:
    """The model matrix of formulaic, sparse, with the names of its columns."""
    import pandas as pd
    from formulaic import Formula as Parsed
    from formulaic.errors import FormulaicError
    from scipy.sparse import csr_array

    frame = pd.DataFrame(dict(data), index=range(n))
    try:
        with np.errstate(all="ignore"):
            matrix: Any = Parsed(formula.right).get_model_matrix(
                frame, context={"has": _has}, output="sparse", na_action="ignore"
            )
    except (FormulaicError, ValueError, TypeError, KeyError) as error:
        reason = " ".join(str(error).split())[:300]
        raise RequestError(f"{formula.where}: right of ~: not computable: {reason}") from None
    names = [str(name) for name in matrix.model_spec.column_names]
    x = csr_array(matrix.__wrapped__.tocsr(), dtype=float)
    if not x.shape[1]:
        raise RequestError(f"{formula.where}: right of ~: no column is left to estimate")
    bad = ~np.isfinite(x.data)
    if bad.any():
        column = names[x.indices[bad][0]]
        raise RequestError(
            f"{formula.where}: {column}: {bad.sum():,} of {n:,} values are not finite, such as the "
            "log of 0; change the column, or leave these units out"
        )
    return x, names


def _has(column: Any, value: str) -> np.ndarray:
    """0 or 1: whether a cell is the value, or a JSON list with it."""
    import pandas as pd

    codes = pd.Categorical(as_text(pd.Series(column)))
    inside = [value in _items(str(cell)) for cell in codes.categories]
    return np.asarray(np.array(inside, dtype=float)[codes.codes])


def _items(cell: str) -> list[str]:
    try:
        items = json.loads(cell) if cell.startswith("[") else [cell]
    except ValueError:
        items = [cell]
    return [str(item) for item in items]


def _readable(term: str, periods: Mapping[str, list[str]]) -> str:
    """`country[Mali]` for formulaic's `C(country)[T.Mali]`; names of periods for their numbers."""

    def plain(match: re.Match[str]) -> str:
        name, level = match[1].strip("`"), match[2]
        labels = periods.get(name)
        return f"{name}[{labels[int(level)] if labels else level}]"

    return re.sub(
        r"C\((`[^`]+`|\w+)(?:, *(?:contr\.treatment|Treatment)\([^()]*\))?\)\[(?:T\.)?([^\]]*)\]",
        plain,
        re.sub(r"^(`[^`]+`|[\w.]+)\[T\.", lambda m: f"{m[1].strip('`')}[", term),
    )


def _levels(
    formula: Formula, data: Mapping[str, Any], periods: Mapping[str, list[str]]
) -> dict[str, tuple[list[str], np.ndarray]]:
    """Columns of categories: names of the levels, and the level of each unit."""
    found = {}
    for name in sorted(formula.used() - (formula.used("has") - formula.used("C"))):
        values = data[name]
        if hasattr(values, "categories"):
            found[name] = ([str(c) for c in values.categories], np.asarray(values.codes))
        elif name in formula.used("C"):
            labels, codes = np.unique(values, return_inverse=True)
            known = periods.get(name)
            found[name] = ([known[int(v)] if known else str(v) for v in labels], codes)
    return found


def _with_dummies(x: Any, codes: list[np.ndarray], formula: Formula) -> Any:
    """Columns, then a dummy for each level of the effects but the first of later ones."""
    from scipy.sparse import csr_array, hstack

    parts = [x]
    for k, (name, code) in enumerate(zip(formula.effects, codes, strict=True)):
        n = int(code.max()) + 1
        if n > MOST_LEVELS:
            raise RequestError(
                f"{formula.where}: after |: {name} has {n:,} levels; a logit, and the stance of a "
                f"topic's units, take at most {MOST_LEVELS:,}; use --family ols of all units"
            )
        dummies = csr_array((np.ones(len(code)), (np.arange(len(code)), code)), (len(code), n))
        parts.append(dummies[:, 1:] if k else dummies)
    return csr_array(hstack(parts, format="csr"))
