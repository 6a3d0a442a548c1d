"""Columns that a model uses although alone they say nothing of the target, and why it may."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import chi2, ncx2

from auditkit.errors import DataError, UsageError
from auditkit.statistics.estimate import Estimate, undefined

BINS = 5  # quantile bins of a column of numbers
FEWEST = 50  # rows below which nothing is said
Codes = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Suppressor:
    """A column with weight that alone says (almost) nothing of the target.

    alone is its association with the target, shared that with the partner, given that with the
    target among rows that are alike in the partner; all from 0 to 1. Without a partner the
    reason is not known. sentence says it in words.
    """

    column: str
    importance: Estimate
    alone: Estimate
    partner: str
    shared: Estimate
    given: Estimate

    @property
    def sentence(self) -> str:
        """What an auditor reads."""
        start = (
            f"{self.column} carries weight ({self.importance.value:.3g}, at least "
            f"{self.importance.low:.2g}) although alone it says next to nothing of the target "
            f"(association at most {self.alone.high:.2f})"
        )
        if not self.partner:
            return (
                f"{start}: which columns it works together with is not seen here, so its weight is "
                "no sign that it matters by itself"
            )
        return (
            f"{start}. It goes together with {self.partner} (association {self.shared.value:.2f}), "
            f"and among rows alike in {self.partner} it does say something "
            f"({self.given.value:.2f}): the model may use it to subtract what {self.partner} "
            "holds besides the target, so its weight does not mean that it drives the outcome"
        )


def suppressors(
    columns: pd.DataFrame,
    target: ArrayLike,
    importances: Mapping[str, Estimate],
    *,
    weight: float = 0.0,
    negligible: float = 0.15,
) -> tuple[Suppressor, ...]:
    """The columns that carry weight and alone say nothing, the weightiest first.

    columns are numbers or categories, target classes or numbers, one a row; importances of
    columns come from `permutation_importance` or from means of |attributions|. A column is named
    if its importance is above `weight` with its whole interval and its association with the
    target below `negligible` with its whole interval: that an association was not found is not
    enough. A partner is a column with weight that is clearly associated with it, given which it
    clearly says something of the target; the one given which it says most.

    What is found is a pattern in the data, not the model's reason. Haufe et al. 2014, "On the
    interpretation of weight vectors of linear models in multivariate neuroimaging".
    """
    rows = np.asarray(target)
    if len(rows) != len(columns):
        raise DataError(f"{len(rows)} targets for {len(columns)} rows: give one for each")
    missing = [name for name in importances if name not in columns]
    if missing:
        raise UsageError(f"no column {missing[0]!r}; there are {', '.join(map(str, columns))}")
    outcome = _codes(pd.Series(rows))
    codes = {name: _codes(columns[name]) for name in importances}
    weighty = [name for name, one in importances.items() if one.defined and one.low > weight]
    found = []
    for name in sorted(weighty, key=lambda one: -importances[one].value):
        alone = association(codes[name], outcome)
        if alone.defined and alone.high < negligible:
            others = [one for one in weighty if one != name]
            partner, shared, given = _partner(name, others, codes, outcome)
            found.append(
                Suppressor(
                    column=name,
                    importance=importances[name],
                    alone=alone,
                    partner=partner,
                    shared=shared,
                    given=given,
                )
            )
    return tuple(found)


def association(first: ArrayLike, second: ArrayLike, within: ArrayLike | None = None) -> Estimate:
    """How strongly two columns go together, from 0 to 1, with a 95 % interval.

    Pearson's coefficient of contingency sqrt(f / (1 + f)), f = chi^2 / n, over its most,
    sqrt((K - 1) / K) for K values: about |r| where both are normal. Numbers go into bins of equal
    count, so that any dependence is seen and not only a straight one. What chance gives is taken
    off the value, and the interval inverts the noncentral chi^2: its lower end is 0 where chance
    could give as much. within are strata: the statistic is summed over them, and says what is
    left among rows that are alike.
    """
    one, two = _codes(pd.Series(first)), _codes(pd.Series(second))
    strata = np.zeros(len(one), dtype=np.int64) if within is None else _codes(pd.Series(within))
    n = len(one)
    method = "coefficient of contingency, noncentral chi^2"
    if n < FEWEST:
        return undefined(f"{n} rows are too few: give at least {FEWEST}", n=n, method=method)
    parts = [_chi2(one[strata == level], two[strata == level]) for level in np.unique(strata)]
    statistic, freedom = sum(part[0] for part in parts), sum(part[1] for part in parts)
    if not freedom:
        return undefined("a column has one value alone", n=n, method=method)
    low, high = (_noncentrality(statistic, freedom, share) for share in (0.975, 0.025))
    values = max(part[2] for part in parts)
    low, value, high = (
        min(float(np.sqrt(one / (n + one) * values / (values - 1))), 1.0)
        for one in (low, max(statistic - freedom, 0.0), high)
    )
    return Estimate(value=min(max(value, low), high), low=low, high=high, n=n, method=method)


def _partner(
    name: str, others: Sequence[str], codes: Mapping[str, Codes], outcome: Codes
) -> tuple[str, Estimate, Estimate]:
    """The column given which this one says most, and both associations; "" where there is none."""
    best = ("", undefined("no partner was found"), undefined("no partner was found"))
    most = 0.0
    for other in others:
        shared = association(codes[name], codes[other])
        given = association(codes[name], outcome, within=codes[other])
        if shared.low > 0 and given.low > most:
            most = given.low
            best = (other, shared, given)
    return best


def _codes(column: pd.Series) -> Codes:
    """Values as 0, 1, ...: bins of numbers with many values, levels of all others."""
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    if numeric and column.nunique() > 2 * BINS:
        binned = pd.qcut(column, BINS, labels=False, duplicates="drop")
        return np.asarray(binned.fillna(-1), dtype=np.int64)
    return np.asarray(pd.factorize(column, use_na_sentinel=False)[0], dtype=np.int64)


def _chi2(one: Codes, two: Codes) -> tuple[float, int, int]:
    """Pearson's statistic, its degrees of freedom and the smaller number of values."""
    rows, one = np.unique(one, return_inverse=True)
    columns, two = np.unique(two, return_inverse=True)
    r, c = len(rows), len(columns)
    if min(r, c) < 2:
        return 0.0, 0, min(r, c)
    table = np.bincount(one * c + two, minlength=r * c).reshape(r, c).astype(float)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / len(one)
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, (r - 1) * (c - 1), min(r, c)


def _noncentrality(statistic: float, freedom: int, share: float) -> float:
    """The noncentrality at which `share` of draws are below the statistic; 0 where none is."""
    if chi2.cdf(statistic, freedom) <= share:
        return 0.0
    top = 2 * statistic + 20 * np.sqrt(statistic + freedom) + 20
    return float(brentq(lambda x: ncx2.cdf(statistic, freedom, x) - share, 1e-9, top, xtol=1e-3))
