"""A ratio of two sums over rows, as an error rate is: edits over symbols, bits over characters.

Rows differ in size, so that the ratio is no mean of the rows' own ratios and its symbols are no
independent trials: a text is drawn as a whole. Each interval here rests on whole rows.
"""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t

from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import rate_interval

Floats = NDArray[np.float64]

METHOD = "ratio of sums, Student's t over rows"


def ratio_estimate(
    above: ArrayLike, below: ArrayLike, *, least: float = -math.inf, confidence: float = 0.95
) -> Estimate:
    """sum(above) / sum(below) over rows (n,), with Student's interval on the linearised ratio.

    The interval counts a row as one draw whatever its size, and is held at `least` where the
    ratio cannot be smaller. Where that is 0 and so is the ratio, its upper end is that of none in
    n rows: so many others might be wrong throughout. Undefined without rows or where below sums to
    0; without limits for a single row. Of rare errors in few rows it is too short: with one in ten
    symbols wrong, gathered in a few texts (by a beta distribution of .3 and 2.7), it covers in 82 %
    of samples of 5 texts, 89 % of 20 and 92 % of 62.

    Cochran 1977, "Sampling Techniques", chapter 6.
    """
    x, y = _paired(above, below)
    if not len(x):
        return undefined("there are no rows", method=METHOD)
    if y.sum() <= 0:
        return undefined("the rows have no length at all", n=len(x), method=METHOD)
    value = float(x.sum() / y.sum())
    half = _half((x - value * y) / y.mean(), confidence)
    if (
        least == 0 and len(x) > 1 and not x.any()
    ):  # of rows without an error others are not proven to have none
        half = float(rate_interval(0, len(x), confidence=confidence)[1])
    return _estimate(value, half, len(x), METHOD, confidence, least=least)


def ratio_difference(
    first: tuple[ArrayLike, ArrayLike],
    second: tuple[ArrayLike, ArrayLike],
    confidence: float = 0.95,
) -> Estimate:
    """The first ratio of sums minus the second, on the same rows: (above, below), each (n,).

    What makes a row hard for both cancels, row by row. Undefined without rows or where either
    lower sum is 0.
    """
    x1, y1 = _paired(*first)
    x2, y2 = _paired(*second)
    method = f"{METHOD}, paired"
    if len(x1) != len(x2):
        raise DataError(f"{len(x1)} rows beside {len(x2)}; give the same rows to both")
    if not len(x1):
        return undefined("there are no rows", method=method)
    if y1.sum() <= 0 or y2.sum() <= 0:
        return undefined("the rows have no length at all", n=len(x1), method=method)
    r1, r2 = x1.sum() / y1.sum(), x2.sum() / y2.sum()
    half = _half((x1 - r1 * y1) / y1.mean() - (x2 - r2 * y2) / y2.mean(), confidence)
    return _estimate(float(r1 - r2), half, len(x1), method, confidence)


def _half(influence: Floats, confidence: float) -> float:
    """Half the width of the interval of a figure on which each row has this influence."""
    n = len(influence)
    if n < 2:
        return math.nan
    return float(t.ppf((1 + confidence) / 2, n - 1) * influence.std(ddof=1) / math.sqrt(n))


def _estimate(
    value: float, half: float, n: int, method: str, confidence: float, least: float = -math.inf
) -> Estimate:
    return Estimate(
        value=value,
        low=float(np.maximum(value - half, least)),
        high=value + half,
        n=n,
        method=method,
        confidence=confidence,
        reason="" if n > 1 else "a single row gives no interval",
    )


def _paired(above: ArrayLike, below: ArrayLike) -> tuple[Floats, Floats]:
    x, y = np.asarray(above, float), np.asarray(below, float)
    if x.shape != y.shape or x.ndim != 1:
        raise DataError(f"shapes {x.shape} and {y.shape}; give two numbers for each row")
    return x, y
