"""The mean of one number a row, with an interval over the rows."""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t

from auditkit.statistics.estimate import Estimate, undefined

METHOD = "Student's t over rows"


def mean_of(values: ArrayLike, reason: str = "", *, confidence: float = 0.95) -> Estimate:
    """The mean of values (n,) with Student's interval; NaN rows have no say.

    Undefined, for `reason`, where no row has one; without an interval from a single row.
    """
    given = np.asarray(values, float)
    sample = given[~np.isnan(given)]
    n = len(sample)
    if n == 0:
        return undefined(reason or "no row could be judged", method=METHOD)
    value = float(sample.mean())
    half = math.nan
    if n > 1:
        half = float(t.ppf((1 + confidence) / 2, n - 1) * sample.std(ddof=1) / math.sqrt(n))
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        n=n,
        method=METHOD,
        confidence=confidence,
        reason="" if n > 1 else "a single row gives no interval",
    )
