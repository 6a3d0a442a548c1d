"""Intervals for a proportion, a difference of two and a ratio of two, from counts alone.

All are built from one pair of limits, Wilson's score limits made safe near 0 and 1; the
critical value may be any, so that the same widths serve one rate or all pairs of many groups.
"""

from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtr, ndtri

from auditkit.errors import UsageError

Floats = NDArray[np.float64]
Bounds = tuple[Floats, Floats]

# How much a tail may hold where the other is empty, in units of alpha (elsewhere 1, and Wilson
# aims at 1/2). With 1.7 the mean coverage stays under 96.5 % from five rows on (docs/methods.md).
LONE_TAIL = 1.7


def z_of(confidence: float) -> float:
    """Two-sided standard normal critical value: 1.96 for .95.

    Raises UsageError unless confidence lies strictly between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise UsageError(f"confidence is {confidence}; it is a share between 0 and 1, such as 0.95")
    return float(ndtri((1 + confidence) / 2))


def rate_interval(successes: ArrayLike, n: ArrayLike, *, confidence: float = 0.95) -> Bounds:
    """Guarded Wilson interval for a proportion, vectorised: lower and upper limits in [0, 1].

    Covers on average what it promises and, at 95 %, never less than 90 %: each limit of Wilson
    is moved outwards until no tail holds more than twice its share. NaN where n is 0. Raises
    UsageError for a confidence outside (0, 1).

    Wilson 1927, "Probable Inference"; the defect near 0 and 1: Brown, Cai & DasGupta 2001.
    """
    return score_limits(successes, n, z_of(confidence))


def score_limits(successes: ArrayLike, n: ArrayLike, z: float) -> Bounds:
    """`rate_interval` at the critical value z. Counts may be fractions of a row."""
    x, n = np.broadcast_arrays(np.asarray(successes, float), np.asarray(n, float))
    low = _lower(x, n, z)
    high = 1 - _lower(n - x, n, z)
    return low, high


def difference_interval(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, z: float
) -> Bounds:
    """Score interval for p1 - p2 at the critical value z, vectorised; within [-1, 1].

    NaN where a denominator is 0.

    Newcombe 1998, method 10, on the limits of `rate_interval`.
    """
    x1, n1, x2, n2 = (np.asarray(one, float) for one in (x1, n1, x2, n2))
    return difference_of(
        _rate(x1, n1), score_limits(x1, n1, z), _rate(x2, n2), score_limits(x2, n2, z)
    )


def ratio_interval(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, z: float) -> Bounds:
    """Score interval for p1 / p2 at the critical value z, vectorised; within [0, inf].

    Of 0 / 0 nothing is known: [0, inf]. Of x / 0 only the lower limit is: [low, inf]. NaN where
    a denominator is 0.

    Donner & Zou 2012 (MOVER-R), on the limits of `rate_interval`.
    """
    x1, n1, x2, n2 = (np.asarray(one, float) for one in (x1, n1, x2, n2))
    return ratio_of(_rate(x1, n1), score_limits(x1, n1, z), _rate(x2, n2), score_limits(x2, n2, z))


def difference_of(p1: Floats, limits1: Bounds, p2: Floats, limits2: Bounds) -> Bounds:
    """Interval for p1 - p2 from each rate and its own limits (variances recovered, MOVER)."""
    (l1, u1), (l2, u2) = limits1, limits2
    difference = p1 - p2
    low = difference - np.hypot(p1 - l1, u2 - p2)
    high = difference + np.hypot(u1 - p1, p2 - l2)
    return low, high


def ratio_of(p1: Floats, limits1: Bounds, p2: Floats, limits2: Bounds) -> Bounds:
    """Interval for p1 / p2 from each rate and its own limits (MOVER-R)."""
    (l1, u1), (l2, u2) = limits1, limits2
    product = p1 * p2
    # The ends are the roots R of (p1 - p2 R)^2 = (p1 - l1)^2 + R^2 (u2 - p2)^2 and its mirror.
    with np.errstate(invalid="ignore", divide="ignore"):
        root = np.sqrt(np.maximum(product**2 - l1 * u2 * (2 * p1 - l1) * (2 * p2 - u2), 0))
        low = l1 * (2 * p1 - l1) / (product + root)
        root = np.sqrt(np.maximum(product**2 - u1 * l2 * (2 * p1 - u1) * (2 * p2 - l2), 0))
        high = (product + root) / (l2 * (2 * p2 - l2))
    known = np.isfinite(product)
    low = np.where(known & (p1 == 0), 0.0, low)
    high = np.where(known & (p2 == 0), np.inf, high)
    return low, high


def _rate(x: Floats, n: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return x / n


def _lower(x: Floats, n: Floats, z: float) -> Floats:
    """Lower limit: Wilson's, moved out to the guard where that is smaller."""
    alpha = 2 * float(ndtr(-z))
    with np.errstate(invalid="ignore", divide="ignore"):
        p = x / n
        spread = z * np.sqrt(p * (1 - p) / n + (z / (2 * n)) ** 2)
        wilson = (p + z * z / (2 * n) - spread) / (1 + z * z / n)
        # Below this p even no success at all lies inside the interval: the other tail is empty.
        alone = z * z / (n + z * z)
    guard = np.maximum(
        _tail_at(x, n, alpha), np.minimum(_tail_at(x, n, min(LONE_TAIL * alpha, 1.0)), alone)
    )
    low = np.where(x > 0, np.minimum(wilson, guard), 0.0)
    return cast(Floats, np.where(n > 0, np.clip(low, 0, 1), np.nan))


def _tail_at(x: Floats, n: Floats, share: float) -> Floats:
    """The p at which x or more successes have probability `share` (Clopper & Pearson 1934)."""
    inside = (x > 0) & (n > 0)
    return cast(Floats, betaincinv(np.where(inside, x, 1), np.where(inside, n - x + 1, 1), share))
