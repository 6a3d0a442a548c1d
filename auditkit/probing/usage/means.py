"""Means over rows and the areas under curves within strata, with errors that know of persons."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from scipy.stats import t as student

from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import score_limits, z_of

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A value with its standard error over `units`: rows, or persons where rows belong to them."""

    value: float
    error: float
    units: int
    rows: int
    method: str

    def reach(self, confidence: float = 0.95) -> float:
        """Half the width of the interval, by Student's law."""
        quantile = float(student.ppf((1 + confidence) / 2, max(self.units - 1, 1)))
        return quantile * self.error

    def estimate(self, reason: str = "") -> Estimate:
        """With its interval at 95 %."""
        if np.isnan(self.value):
            return undefined(reason or "there are no rows to compare", n=self.rows)
        reach = self.reach()
        return Estimate(
            value=self.value,
            low=self.value - reach,
            high=self.value + reach,
            n=self.rows,
            method=self.method,
        )


def mean_of(values: Floats, whose: Integers | None, method: str = "Student's t") -> Mean:
    """The mean of the rows, whose error counts a person's rows together."""
    n = len(values)
    value = float(values.mean()) if n else float("nan")
    return Mean(
        value=value,
        error=_error(np.asarray(values - value), whose),
        units=_units(n, whose),
        rows=n,
        method=method if whose is None else f"{method}, rows of a person together",
    )


def share_bounds(marked: NDArray[np.bool_], whose: Integers | None, confidence: float) -> Floats:
    """Both ends of a share's interval; rows of a person count for as many as they are worth."""
    n, k = len(marked), int(marked.sum())
    if not n:
        return np.array([np.nan, np.nan])
    worth = 1.0
    if whose is not None:
        share = k / n
        plain = share * (1 - share) / n
        alike = n / max(_units(n, whose), 1)  # where none or all are marked nothing else is known
        worth = (
            max(_error(np.asarray(marked - share, dtype=np.float64), whose) ** 2 / plain, 1.0)
            if plain
            else alike
        )
    low, high = score_limits(k / worth, n / worth, z_of(confidence))
    return np.array([float(low), float(high)])


def share_of(marked: NDArray[np.bool_], whose: Integers | None) -> Estimate:
    """The share that is marked."""
    low, high = share_bounds(marked, whose, 0.95)
    return Estimate(
        value=float(marked.mean()), low=low, high=high, n=len(marked), method="guarded Wilson"
    )


def smallest_share(n: int, whose: Integers | None, least: float, confidence: float) -> float:
    """The smallest share of rows (or persons) whose interval lies beyond `least`; NaN for none."""
    units = _units(n, whose)
    marked = np.arange(units + 1)
    low, _ = score_limits(marked, np.full(units + 1, units), z_of(confidence))
    beyond = np.flatnonzero(low > least)
    return float(beyond[0] / units) if len(beyond) else float("nan")


def area_within(groups: Integers, said: Floats, strata: Integers, whose: Integers | None) -> Mean:
    """How well scores tell groups apart among rows of one stratum; 1/2 where they say nothing.

    groups (n,) are places from 0; said is (n, K). The area under the curve of each group against
    all others within a stratum (of two groups, of the second), strata weighted by how much they
    tell, and of several groups their mean. Errors by placements: DeLong et al. 1988, of
    persons' rows together Obuchowski 1997.
    """
    n = len(groups)
    sides = [1] if said.shape[1] == 2 else range(said.shape[1])
    found = [_area(groups == one, said[:, one], strata) for one in sides]
    kept = [(value, moved) for value, moved in found if not np.isnan(value)]
    if not kept:
        nan = float("nan")
        return Mean(value=nan, error=nan, units=0, rows=n, method="DeLong within classes")
    moved = np.asarray(np.mean([one for _, one in kept], axis=0), dtype=np.float64)
    return Mean(
        value=float(np.mean([value for value, _ in kept])),
        error=_error(moved, whose),
        units=_units(n, whose),
        rows=n,
        method="DeLong within classes",
    )


def likeness_within(values: Floats, said: Floats, strata: Integers, whose: Integers | None) -> Mean:
    """The same of numbers, on the same scale: 1/2 + asin(r) / pi with r correlated within strata.

    For normal numbers that is the chance that of two rows the higher is said to be higher.
    """
    own, other = (_standard(within(one, strata)) for one in (values, said))
    r = float((own * other).mean())
    moved = own * other - r * (own**2 + other**2) / 2
    slope = 1 / (np.pi * np.sqrt(max(1 - r**2, 1e-6)))
    return Mean(
        value=0.5 + float(np.arcsin(np.clip(r, -1, 1))) / np.pi,
        error=slope * _error(moved, whose),
        units=_units(len(values), whose),
        rows=len(values),
        method="correlation within classes",
    )


def within(values: Floats, strata: Integers) -> Floats:
    """Values (n,) or (n, k) less their mean within each stratum."""
    codes = np.unique(strata, return_inverse=True)[1]
    sums = np.zeros((int(codes.max()) + 1, *values.shape[1:]))
    np.add.at(sums, codes, values)
    counts = np.bincount(codes).reshape(-1, *(1,) * (values.ndim - 1))
    return np.asarray(values - (sums / counts)[codes])


def _area(own: NDArray[np.bool_], said: Floats, strata: Integers) -> tuple[float, Floats]:
    """The area within strata and how far each row moves it, (n,)."""
    value, total, moved = 0.0, 0.0, np.zeros(len(own))
    parts = []
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        mine, others = rows[own[rows]], rows[~own[rows]]
        a, b = len(mine), len(others)
        if not a or not b:
            continue
        together = rankdata(said[np.concatenate([mine, others])])
        above = (together[:a] - rankdata(said[mine])) / b
        below = 1 - (together[a:] - rankdata(said[others])) / a
        weight, area = a * b / (a + b), float(above.mean())
        parts.append((mine, (above - area) * weight / a, others, (below - area) * weight / b))
        value += weight * area
        total += weight
    if not total:
        return float("nan"), moved
    for mine, up, others, down in parts:
        moved[mine] += up * len(own) / total
        moved[others] += down * len(own) / total
    return value / total, moved


def _standard(values: Floats) -> Floats:
    spread = values.std()
    return values / spread if spread else values


def _units(n: int, whose: Integers | None) -> int:
    return n if whose is None else len(np.unique(whose))


def _error(moved: Floats, whose: Integers | None) -> float:
    """The standard error of the mean of what each row adds, of mean 0."""
    n = len(moved)
    sums = moved if whose is None else np.bincount(np.unique(whose, return_inverse=True)[1], moved)
    units = len(sums)
    if units < 2:
        return float("nan")
    return float(np.sqrt((sums**2).sum() * units / (units - 1)) / n)
