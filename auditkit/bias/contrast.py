"""Any quantity compared between groups: the largest gap, with intervals for all pairs at once.

Rates from counts have `disparity`; this is for whatever else can be measured of a group and has a
standard error: an AUC, a mean error, a mean over people.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from auditkit.bias.bootstrap import pairs_beyond, tukey
from auditkit.bias.null import TIE, UNDEFINED, Null
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import Bounds, difference_of, z_of

Floats = NDArray[np.float64]
Limits = Callable[[float], Bounds]

METHOD = "intervals of all pairs at once (max-T)"
WIDEST = 20.0  # standard errors: a chance of 1e-88, and quantiles that can still be computed
TELLING = 0.98  # the quantile up to which the draws themselves are trusted
NOBODY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Measured:
    """A quantity of each of G groups.

    values and errors (its standard errors) are (G,), n (G,) the rows or people behind each.
    limits gives each group's own ends at a critical value, such as those of a logit scale; left
    out, they are value -+ z * error. drawn are bootstrap values and their standard errors, each
    (draws, G); permuted are values under permuted labels, (draws, G). left_out maps a group that
    is not compared to why. Where limits are NaN there is no interval, and unknown says why.
    """

    labels: Sequence[str]
    values: Floats
    errors: Floats
    n: NDArray[np.int64]
    limits: Limits | None = None
    drawn: tuple[Floats, Floats] | None = None
    permuted: Floats | None = None
    left_out: Mapping[str, str] = field(default_factory=lambda: NOBODY)
    unknown: str = ""

    def ends(self, z: float) -> Bounds:
        """Each group's interval at the critical value z."""
        if self.limits is not None:
            return self.limits(z)
        return self.values - z * self.errors, self.values + z * self.errors


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contrast:
    """The largest difference between groups: 0 is ideal.

    estimate has the simultaneous interval, n the rows of all groups. groups has a line for each
    group, its own interval at `confidence` alone: value, low, high, n. pairs has a line for every
    two groups, the higher one first: first, second, value, low, high, all holding at once.
    """

    estimate: Estimate
    lowest: str
    highest: str
    null: Null
    groups: pd.DataFrame
    pairs: pd.DataFrame
    critical: float
    measured: Measured
    maxima: Floats  # largest studentised deviation of each draw, (draws,); empty without draws

    def beyond(self, limit: float) -> float:
        """The chance of an interval that excludes the limit as far as this, were it the truth.

        It is 1 where the value is within the limit, NaN where it or its interval is undefined.
        """
        if math.isnan(self.estimate.low):
            return math.nan
        if self.estimate.value <= limit:
            return 1.0

        def excess(z: float) -> float:
            return _widest(self.measured, z)[1] - limit

        if excess(0.0) <= 0:
            return 1.0
        z = WIDEST if excess(WIDEST) > 0 else float(brentq(excess, 0.0, WIDEST, xtol=1e-6))
        return exceedance(z, self.maxima, (len(self.measured.labels),))


def contrast(
    measured: Measured, *, confidence: float = 0.95, what: str = "it", method: str = METHOD
) -> Contrast:
    """The largest difference of a quantity between groups.

    Undefined, with its reason, for fewer than two groups and where a group has no value. Raises
    UsageError for a confidence outside (0, 1).
    """
    z, size = z_of(confidence), len(measured.labels)
    low, high = measured.ends(z)
    groups = pd.DataFrame(
        {"value": measured.values, "low": low, "high": high, "n": measured.n},
        index=pd.Series(list(measured.labels), name="group", dtype=object),
    )
    lacking = [str(name) for name in groups.index[groups["value"].isna()]]
    if lacking or size < 2:
        reason = f"{what} is undefined for {', '.join(lacking)}" if lacking else ""
        few = f"{size} group{'s' * (size != 1)} to compare; a gap needs two"
        return Contrast(
            estimate=undefined(reason or few, method=method),
            lowest="",
            highest="",
            null=UNDEFINED,
            groups=groups,
            pairs=pd.DataFrame(columns=["first", "second", "value", "low", "high"]),
            critical=math.nan,
            measured=measured,
            maxima=np.empty(0),
        )
    maxima = _maxima(measured)
    critical = tukey((size,), confidence)
    if len(maxima):
        critical = max(critical, float(np.quantile(maxima, confidence, method="higher")))
    value, least, most, pairs = _widest(measured, critical)
    return Contrast(
        estimate=Estimate(
            value=value,
            low=least,
            high=most,
            n=int(np.sum(measured.n)),
            method=method,
            confidence=confidence,
            reason=measured.unknown if math.isnan(least) else "",
        ),
        lowest=str(measured.labels[int(np.argmin(measured.values))]),
        highest=str(measured.labels[last_of_most(measured.values)]),
        null=null_of(measured.permuted, value),
        groups=groups,
        pairs=pairs,
        critical=critical,
        measured=measured,
        maxima=maxima,
    )


def last_of_most(values: Floats) -> int:
    """Place of the largest, the last of several: where all are equal not that of the smallest."""
    return len(values) - 1 - int(np.argmax(values[::-1]))


def null_of(permuted: Floats | None, observed: float) -> Null:
    """What permuted labels give: (draws, G) values become gaps. Undefined without draws."""
    if permuted is None or not len(permuted):
        return UNDEFINED
    gaps = permuted.max(axis=1) - permuted.min(axis=1)
    gaps = gaps[np.isfinite(gaps)]  # a group may lose its last positive to a permutation
    if not len(gaps):
        return UNDEFINED
    extreme = int(np.sum(gaps >= observed - TIE))
    return Null(
        mean=float(gaps.mean()),
        upper=float(np.quantile(gaps, 0.95)),
        p_value=(1 + extreme) / (len(gaps) + 1),
        draws=len(gaps),
    )


def exceedance(z: float, maxima: ArrayLike, sizes: Sequence[int]) -> float:
    """The chance that some pair's deviation exceeds z standard errors, in any family of groups.

    The larger of Tukey's and the share of the draws. Where too few draws go as far, these are
    followed by Tukey's law, stretched so that it leaves as many draws beyond the last that tell:
    a thousand draws alone could not tell 1 in 1,000 from 1 in 1,000,000.
    """
    largest, families = np.sort(np.asarray(maxima, float)), tuple(sizes)
    normal = pairs_beyond(z, families)
    if not len(largest):
        return normal
    level = min(TELLING, 1 - 1 / len(largest))
    last = float(np.quantile(largest, level, method="higher"))
    if z <= last:
        return max(normal, float(np.mean(largest >= z)))
    return max(normal, pairs_beyond(z / max(last / tukey(families, level), 1.0), families))


def _maxima(measured: Measured) -> Floats:
    """Largest studentised deviation from the measured gap over all pairs, by draw."""
    if measured.drawn is None:
        return np.empty(0)
    values, errors = measured.drawn
    deviation, variance = values - measured.values, errors**2
    largest = np.zeros(len(values))
    for i in range(values.shape[1] - 1):
        apart = np.abs(deviation[:, [i]] - deviation[:, i + 1 :])
        spread = np.sqrt(variance[:, [i]] + variance[:, i + 1 :])
        with np.errstate(divide="ignore", invalid="ignore"):
            studentised = np.where(apart > 0, apart / spread, 0.0)
        np.maximum(largest, np.nanmax(studentised, axis=1), out=largest)
    return largest


def _widest(measured: Measured, z: float) -> tuple[float, float, float, pd.DataFrame]:
    """The largest gap, its ends and all pairs, at the critical value z."""
    values, (low, high) = measured.values, measured.ends(z)
    i, j = np.triu_indices(len(values), k=1)
    first, second = np.where(values[i] >= values[j], (i, j), (j, i))
    gap = values[first] - values[second]
    least, most = difference_of(
        values[first], (low[first], high[first]), values[second], (low[second], high[second])
    )
    names = np.asarray(measured.labels, dtype=object)
    pairs = pd.DataFrame(
        {"first": names[first], "second": names[second], "value": gap, "low": least, "high": most}
    )
    # Which of two groups is the favoured one does not matter to a gap.
    ends = np.maximum(least, 0), np.maximum(most, -least)
    return float(gap.max()), float(ends[0].max()), float(ends[1].max()), pairs
