"""Intervals for a mean whose law is skewed: Student's, corrected by what is known of the skewness.

A long tail to the right makes Student's upper limit too low far more often than his lower one is
too high. The skewness itself is known badly from few rows, so that its own doubt is allowed for.
"""

from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t

from auditkit.statistics.intervals import Bounds

Floats = NDArray[np.float64]

FLAT = 1e-6  # a skewness that changes nothing
DOUBTED = 1.0  # standard errors by which the skewness may be other than it was seen to be


def skewed_limits(
    mean: ArrayLike,
    error: ArrayLike,
    skewness: tuple[ArrayLike, ArrayLike],
    freedom: ArrayLike,
    confidence: float,
) -> Bounds:
    """Limits of a mean, or a difference of means, vectorised.

    error is its standard error, skewness that of the mean itself with its standard error, as
    `skewness_of` gives them, freedom Student's degrees. The interval holds the limits for every
    skewness within one of its standard errors: with none, they are Student's.

    Hall 1992, "On the Removal of Skewness by Transformation".
    """
    seen, doubt = (np.asarray(one, float) for one in skewness)
    middle, width = np.asarray(mean, float), np.asarray(error, float)
    q = t.ppf((1 + confidence) / 2, np.asarray(freedom, float))
    least, most = seen - DOUBTED * doubt, seen + DOUBTED * doubt
    low = middle - width * np.fmax(_untransformed(q, least), _untransformed(q, most))
    high = middle - width * np.fmin(_untransformed(-q, least), _untransformed(-q, most))
    return low, high


def skewness_of(shifts: Floats, error: ArrayLike) -> tuple[Floats, Floats]:
    """Skewness of a sum of independent shifts, and its standard error, over the last axis.

    shifts (..., n) are what each row moves a mean by, error is the mean's standard error. Both
    are 0 where it is.
    """
    cubes = shifts**3
    spread = np.asarray(error, float) ** 3
    with np.errstate(invalid="ignore", divide="ignore"):
        seen = cubes.sum(axis=-1) / spread
        doubt = cubes.std(axis=-1) * np.sqrt(shifts.shape[-1]) / spread
    return np.where(spread > 0, seen, 0.0), np.where(spread > 0, doubt, 0.0)


def _untransformed(q: Floats, skewness: Floats) -> Floats:
    """What Student's q is of a mean that is skewed so."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = 3 / skewness * (np.cbrt(1 + skewness * (q - skewness / 6)) - 1)
    return cast(Floats, np.where(np.abs(skewness) < FLAT, q, found))
