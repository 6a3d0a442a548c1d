"""How far a model's numbers are off by group: absolute, squared and signed errors, and their gaps.

An error is said - truth, in the target's own unit. Where rows share a person, whole persons are
drawn and permuted, not rows: a person's errors are alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from auditkit.bias.groups import label
from auditkit.bias.membership import membership
from auditkit.errors import DataError, UsageError, suggestion
from auditkit.statistics.intervals import Bounds, score_limits, z_of
from auditkit.statistics.positive import (
    FEWEST_SQUARES,
    WARY,
    WARY_OF_SQUARES,
    positive_limits,
    wary_variance,
)
from auditkit.statistics.regression import signed_errors
from auditkit.statistics.skewness import skewed_limits, skewness_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SUREST = 1 - 1e-15  # no confidence is 1
FARTHEST = z_of(SUREST)

MEASURES: Mapping[str, str] = MappingProxyType(
    {
        "mean_absolute_error": "mean absolute error",
        "root_mean_squared_error": "root mean squared error",
        "signed_error": "mean signed error",
    }
)


@dataclass(frozen=True, kw_only=True, eq=False)
class NumberErrors:
    """Numbers said and true, with each row's group and the unit it belongs to.

    index has the groups, in the order of `group_counts`; codes (n,) are places in it. units (n,)
    are 0 to U - 1: whose row it is, or the row itself. unit is the name of what rows share, ""
    where they stand for themselves.
    """

    index: pd.Index
    codes: Ints
    truth: Floats
    said: Floats
    units: Ints
    unit: str = ""

    @property
    def groups(self) -> tuple[str, ...]:
        """Readable names of the groups, (G,)."""
        return tuple(label(group) for group in self.index)

    @property
    def errors(self) -> Floats:
        """said - truth, (n,)."""
        return self.said - self.truth

    @property
    def mean_absolute(self) -> float:
        """The mean absolute error of all rows: what a group's is a share of."""
        return float(np.abs(self.errors).mean())

    @property
    def deviation(self) -> float:
        """Standard deviation of the true numbers of all rows: what an error is measured by."""
        return float(self.truth.std())

    @cached_property
    def parts(self) -> tuple[Ints, Ints, Ints]:
        """The rows of a unit in a group are a part: each row's part (n,), its group and its unit.

        Where every unit lies in one group, parts are units.
        """
        groups = len(self.index)
        key, part = np.unique(self.units * groups + self.codes, return_inverse=True)
        return part, key % groups, key // groups

    @property
    def straddling(self) -> bool:
        """Whether some unit has rows in several groups."""
        return len(self.parts[1]) > int(self.units.max()) + 1

    def sums(self, values: Floats) -> list[tuple[Floats, Floats]]:
        """For each group the sums of values (n,) over each unit, and how many rows it has."""
        part, group, _ = self.parts
        size = np.bincount(part).astype(float)
        total = np.bincount(part, weights=values)
        return [(total[group == g], size[group == g]) for g in range(len(self.index))]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupMean:
    """A mean over rows, its standard error over units, and how many these are.

    spread is the variance of one unit over the squared mean as `wary_variance` has it, NaN of
    signed errors and where too few units tell it; skewness that of the mean, with its standard
    error, is asked of signed errors. unlike is how far other rows lie from a group
    whose own are all alike, 0 where they are not.
    """

    value: float
    error: float
    units: int
    spread: float = np.nan
    skewness: tuple[float, float] = (0.0, 0.0)
    unlike: float = 0.0


def number_errors(
    truth: ArrayLike, said: ArrayLike, sensitive: Any, *, clusters: Any = None, unit: str = ""
) -> NumberErrors:
    """Numbers and groups, ready to be compared.

    truth and said are finite, (n,); sensitive is what `group_counts` takes. clusters names whose
    row each is (a person, a document), (n,); rows without one count as one unit together, since
    they may be one person's. unit says what that is. Raises DataError for lengths that differ, no
    rows, and numbers that are missing or infinite.
    """
    signed_errors(truth, said)  # which refuses what is no finite number
    known, given = np.asarray(truth, float), np.asarray(said, float)
    codes, index = membership(sensitive, {"truth": len(known), "said": len(given)})
    units = np.arange(len(known))
    if clusters is not None:
        found, names = pd.factorize(pd.Series(clusters))
        if len(found) != len(known):
            raise DataError(f"clusters has {len(found)} rows, truth {len(known)}; give one a row")
        units = np.unique(np.where(found < 0, len(names), found), return_inverse=True)[1]
        unit = unit or "cluster"
    return NumberErrors(index=index, codes=codes, truth=known, said=given, units=units, unit=unit)


def error_estimates(
    errors: NumberErrors, measure: str, *, confidence: float = 0.95
) -> pd.DataFrame:
    """One of MEASURES by group: columns value, low, high, n, units, deviations, reason.

    In the target's own unit; deviations is the value as a share of the standard deviation of all
    true numbers. The interval holds for its group alone: Student's over units, for the two that
    are positive the gamma law's with the tails of all groups. It is NaN, with the reason, for a
    single unit, and for squares of fewer than 100 units in all. Raises UsageError for another name.
    """
    means = group_means(errors, measure)
    value, error, units = columns_of(means, measure)
    low, high = limits_of(means, measure, z_of(confidence))
    single, unknown = np.isnan(error), np.isnan(low)
    alone = f"a single {errors.unit or 'row'} gives no interval"
    deviation = errors.deviation
    return pd.DataFrame(
        {
            "value": value,
            "low": np.where(single, np.nan, low),
            "high": np.where(single, np.nan, high),
            "n": np.bincount(errors.codes, minlength=len(value)),
            "units": units,
            "deviations": value / deviation if deviation else np.full(len(value), np.nan),
            "reason": np.where(single, alone, np.where(unknown, too_few(errors.unit), "")),
        },
        index=errors.index,
    )


def too_few(unit: str) -> str:
    """Why a root mean squared error of so few has no interval."""
    return (
        f"fewer than {FEWEST_SQUARES} {f'values of {unit}' if unit else 'rows'} in all do not tell "
        "how large the rare errors are"
    )


def means_by_group(errors: NumberErrors) -> pd.DataFrame:
    """rows, and the mean of what is said and of what is true, by group."""
    rows = np.bincount(errors.codes)
    said, true = (np.bincount(errors.codes, weights=one) for one in (errors.said, errors.truth))
    columns = {"rows": rows, "mean said": said / rows, "mean true": true / rows}
    return pd.DataFrame(columns, index=errors.index)


def averaged(errors: NumberErrors, measure: str) -> Floats:
    """What is averaged over rows, (n,)."""
    if measure not in MEASURES:
        raise UsageError(f"no measure {measure!r}; {suggestion(measure, MEASURES)}")
    off = errors.errors
    if measure == "signed_error":
        return off
    return np.abs(off) if measure == "mean_absolute_error" else off**2


def group_means(errors: NumberErrors, measure: str) -> list[GroupMean]:
    """The mean of what is averaged, by group."""
    means, shares, values = [], [], averaged(errors, measure)
    for total, size in errors.sums(values):
        units, rows = len(size), float(size.sum())
        value = float(total.sum()) / rows
        rest = total - value * size
        spread = float(np.sum(rest**2))
        error = np.sqrt(spread * units / (units - 1)) / rows if units > 1 else np.nan
        unlike = 0.0
        if units > 1 and spread <= 1e-18 * rows * max(value**2, 1e-300):
            error, others = 0.0, values[~np.isclose(values, value, rtol=1e-9, atol=0)]
            unlike = float(np.sqrt(np.mean((others - value) ** 2))) if len(others) else 0.0
        shares.append(rest * units / rows / value if value else np.full(units, np.nan))
        seen, doubt = skewness_of(rest / rows, error)
        means.append(
            GroupMean(
                value=value,
                error=float(error),
                units=units,
                skewness=(float(seen), float(doubt)),
                unlike=unlike,
            )
        )
    if measure == "signed_error":
        return means
    return [
        replace(one, spread=each)
        for one, each in zip(means, _spreads(shares, measure), strict=True)
    ]


def _spreads(shares: list[Floats], measure: str) -> list[float]:
    """Each group's `wary_variance`; NaN for squares of too few units."""
    if measure == "mean_absolute_error":
        return [float(one) for one in wary_variance(shares, WARY)]
    if sum(len(one) for one in shares) < FEWEST_SQUARES:
        return [np.nan] * len(shares)
    return [float(one) for one in wary_variance(shares, WARY_OF_SQUARES)]


def columns_of(means: list[GroupMean], measure: str) -> tuple[Floats, Floats, Ints]:
    """Value, standard error and units of each group, of the root where that is asked."""
    value = np.array([one.value for one in means])
    error = np.array([one.error for one in means])
    units = np.array([one.units for one in means], dtype=np.int64)
    if measure == "root_mean_squared_error":
        value, error = rooted(value, error)
    return value, error, units


def rooted(value: Floats, error: Floats) -> tuple[Floats, Floats]:
    """The root of a mean square, with its standard error (delta method)."""
    root = np.sqrt(value)
    with np.errstate(invalid="ignore", divide="ignore"):
        return root, np.where(root > 0, error / (2 * root), np.where(np.isnan(error), error, 0.0))


def limits_of(means: list[GroupMean], measure: str, z: float) -> Bounds:
    """Each group's ends at the critical value z.

    Of signed errors Student's, corrected for skewness; of the two that are positive the gamma
    law's.
    That all rows of a group are alike is no proof that others are: as many units as a score
    interval allows may lie as far from them as the rows of other groups do.
    """
    value, _, units = columns_of(means, measure)
    low, high = _ends(means, measure, z)
    unlike = np.array([one.unlike for one in means])
    reach = score_limits(np.zeros(len(means)), units, min(z, FARTHEST))[1] * unlike
    if measure == "signed_error":
        near, far = value - reach, value + reach
    elif measure == "root_mean_squared_error":
        near, far = (np.sqrt(np.maximum(value**2 + side * reach, 0)) for side in (-1, 1))
    else:
        near, far = np.maximum(value - reach, 0), value + reach
    return np.where(unlike > 0, near, low), np.where(unlike > 0, far, high)


def _ends(means: list[GroupMean], measure: str, z: float) -> Bounds:
    value = np.array([one.value for one in means])
    units = np.array([one.units for one in means], dtype=float)
    if measure == "signed_error":
        level = min(2 * float(ndtr(z)) - 1, SUREST)
        error = np.array([one.error for one in means])
        skewness = np.array([one.skewness for one in means]).reshape(-1, 2).T
        return skewed_limits(
            value, error, (skewness[0], skewness[1]), np.maximum(units - 1, 1), level
        )
    spread = np.array([one.spread for one in means])
    low, high = positive_limits(value, units, spread, z)
    return (np.sqrt(low), np.sqrt(high)) if measure == "root_mean_squared_error" else (low, high)
