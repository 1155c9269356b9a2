"""Regressions of labels on columns of a collection: what `measure --regress` does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.measurement.regression_table import Regression

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Regressions(Regression):
    """Coefficients, with the column of the clusters where there are any."""

    clustered_by: str | None

    @property
    def sentence(self) -> str:
        """What was done, for a methods section."""
        from sahelclf.measurement.regression_output import methods_sentence

        return methods_sentence(self, self.clustered_by)

    def write(self, folder: str | Path) -> None:
        """Write tables, figures and the sentence into a new folder, as `measure -o` does."""
        from sahelclf.measurement.regression_output import write_regressions

        write_regressions(Path(folder), self, self.sentence)


def regress(
    labels: "str | Path | pd.DataFrame",
    gold: "str | Path | pd.DataFrame",
    formulas: str | Sequence[str],
    *,
    family: str = "ols",
    cluster: str | None = None,
    date: str = "date",
    once: bool = False,
    corpus: str | Path | None = None,
) -> Regressions:
    """Regress labels on columns of a collection, corrected for the model's errors.

    Parameters
    ----------
    labels, gold, date, once, corpus
        As in `measure`.
    formulas
        Such as `"sanctions ~ C(country) + month"`. Left: a topic, `topic:stance` (of all units), or
        `stance | topic` (of the topic's units). Right: formulaic's notation; columns after a bar,
        as in `"sanctions ~ x | month"`, are effects that are not reported. `year`, `quarter` and
        `month` are numbers that count from the first one, and levels within `C()` and after a bar.
    family
        `ols` or `logit`.
    cluster
        Column within whose values errors may be correlated; as in `measure`.

    Returns
    -------
    Regressions
        `.table`, a DataFrame with one row a formula, term and estimator: coefficient, standard
        error, 95% interval, p; `.notes`, `.warnings`, `.sentence`; `.write(folder)`.

    Raises
    ------
    RequestError
        With what cannot be read or estimated, and what to do.
    """
    from sahelclf.measurement.regression_table import estimate_regressions
    from sahelclf.workflows.measure import listed, read_study

    study, warnings = read_study(labels, gold, once=once, corpus=corpus, cluster=cluster)
    found = estimate_regressions(study, listed(formulas), family, date)
    everything = (*found.warnings, *warnings)
    return Regressions(found.table, family, found.notes, everything, study.clustered_by)
