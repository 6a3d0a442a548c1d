"""Intervals for a mean of what is never below 0 and has a long tail: errors and their squares.

A sample that lacks the rare large value has too small a mean and too small a variance at once, so
that the usual interval fails where it looks surest. Two things help: groups tell each other how
long the tail is, and the variance is taken to be larger than it was seen to be.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv, ndtr

from auditkit.statistics.intervals import Bounds

Floats = NDArray[np.float64]

# How many of its own standard errors a variance is raised by. Squares have the longer tails.
WARY, WARY_OF_SQUARES = 2.0, 3.0
FEWEST_SQUARES = 100  # units in all, below which nothing is said of the tail of squares
FARTHEST = 1 - 1e-15  # no confidence is 1


def wary_variance(shares: Sequence[Floats], wary: float) -> Floats:
    """Variance of one unit over the squared mean, of each of G groups: (G,).

    shares holds for each group how far each of its units lies from the mean, as a share of the
    mean: (U_g,), NaN where the mean is 0. Groups may differ in scale; their tails are taken
    together, and the variance of all is raised by `wary` standard errors. A group whose own is
    larger keeps it. NaN where no two units of a group are known.

    Shoemaker 2003, "Fixing the F Test for Equal Variances" (the fourth moment of all groups).
    """
    units = np.array([len(one) for one in shares])
    known = [one for one in shares if len(one) > 1 and np.isfinite(one).all()]
    with np.errstate(invalid="ignore", divide="ignore"):
        own = np.array([np.sum(one**2) for one in shares]) / np.where(units > 1, units - 1, np.nan)
    if not known:
        return own
    squares = np.concatenate(known) ** 2
    together = squares.sum() / (len(squares) - len(known))
    together += wary * squares.std() / np.sqrt(len(squares))
    return np.where(units > 1, np.fmax(own, together), np.nan)


def positive_limits(mean: Floats, units: Floats, variance: Floats, z: float) -> Bounds:
    """Ends of a mean of positive values at the critical value z, by the gamma law; vectorised.

    The sum of `units` values of which one has `variance` (over the squared mean) is taken for a
    chi-square of 2 units / variance degrees of freedom (Satterthwaite 1946): exact for squares of
    normal errors. It is the widest of the usual laws where few values make the sum. 0 where the
    mean is, else NaN where the variance is not known.
    """
    level = min(2 * float(ndtr(z)) - 1, FARTHEST)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        shape = units / variance
        low, high = (shape / gammaincinv(shape, (1 + side * level) / 2) for side in (1, -1))
        certain = (variance == 0) | (mean == 0)
        low, high = (np.where(certain, mean, mean * one) for one in (low, high))
    return low, high
