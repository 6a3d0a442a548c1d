"""A number with what is needed to believe it."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from auditkit.statistics.intervals import difference_of, z_of

MOST_ROWS = 10**9  # beyond which no number of rows is told


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with its interval, the rows behind it and the method.

    low and high bound a two-sided interval at `confidence`. An undefined value is NaN with
    reason saying why; its interval is NaN too.
    """

    value: float
    low: float
    high: float
    n: int
    method: str
    confidence: float = 0.95
    reason: str = ""

    @property
    def defined(self) -> bool:
        """Whether there is a value at all."""
        return not math.isnan(self.value)


def undefined(reason: str, *, n: int = 0, method: str = "") -> Estimate:
    """The estimate that could not be made, and why."""
    nan = math.nan
    return Estimate(value=nan, low=nan, high=nan, n=n, method=method, reason=reason)


def settled_at(estimate: Estimate, limit: float | None) -> int | None:
    """Rows at which the interval would exclude the limit, if its width falls as 1 / sqrt(n).

    None where the value is the limit, or there is no limit or no interval.
    """
    if limit is None or not estimate.defined or math.isclose(estimate.value, limit, abs_tol=1e-12):
        return None
    end = estimate.low if estimate.value > limit else estimate.high
    reach = abs(end - estimate.value) / abs(limit - estimate.value)
    return math.ceil(estimate.n * reach**2) if math.isfinite(reach) else None


def chance_beyond(estimate: Estimate, limit: float) -> float:
    """The chance, were the truth the limit, of an estimate this far from it on either side.

    The interval is inverted: its end on the limit's side is taken to lie z standard errors from
    the value. At the limit it is 1, where the interval just excludes it 1 - confidence. NaN
    without a value or an interval.
    """
    end = estimate.low if estimate.value > limit else estimate.high
    if not estimate.defined or math.isnan(end) or math.isnan(limit):
        return math.nan
    if estimate.value == limit or math.isinf(end):
        return 1.0
    reach = abs(end - estimate.value)
    if reach == 0:
        return 0.0
    return float(2 * ndtr(-z_of(estimate.confidence) * abs(estimate.value - limit) / reach))


def fewest_rows(settled: Callable[[int], bool], rows: int) -> int | None:
    """The fewest rows from `rows` on at which a question is settled, by doubling and halving.

    None where a thousand million would not do. settled must stay true once it is.
    """
    short, enough = 0, rows
    while not settled(enough):
        short, enough = enough, 2 * enough
        if short >= MOST_ROWS:
            return None
    while enough - short > 1:
        middle = (short + enough) // 2
        short, enough = (short, middle) if settled(middle) else (middle, enough)
    return enough if enough <= MOST_ROWS else None


def independent_difference(first: Estimate, second: Estimate) -> Estimate:
    """first - second for estimates from different rows, each with its own interval.

    Variances are recovered from the two intervals (MOVER); n counts the rows of both.

    Zou & Donner 2008, "Construction of confidence limits about effect measures".
    """
    low, high = difference_of(
        np.asarray(first.value),
        (np.asarray(first.low), np.asarray(first.high)),
        np.asarray(second.value),
        (np.asarray(second.low), np.asarray(second.high)),
    )
    return Estimate(
        value=first.value - second.value,
        low=float(low),
        high=float(high),
        n=first.n + second.n,
        method="difference of independent rates (MOVER)",
        confidence=first.confidence,
        reason=first.reason or second.reason,
    )
