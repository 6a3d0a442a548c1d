"""Linear readers in closed form: one matrix of products serves all labels and all penalties.

Labels are columns: numbers as they are, classes as one column each of 0 and 1. A column costs two
triangular solves once the products of the activations are factored, so that a control beside a
task is nearly free. Products of parts add up: what is left without a part is a difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from auditkit.errors import DataError

Floats = NDArray[np.float64]

# Penalties a row that are tried: of columns with variance 1, so that above 1 little is left.
PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
# Deviation, as a share of a column's size, below which a column is constant: float32 tells no less.
LEAST = 1e-7
# The same where it is taken from sums: thousands of equal numbers leave 3e-7 (a unit that is active
# in one row, held out), and what is left must be a million times as exact as the least penalty.
LEAST_OF_SUMS = 3e-5
JITTER = 1e-12  # a row: what "no penalty" is, so that a factor exists


@dataclass(frozen=True, kw_only=True, eq=False)
class Coefficients:
    """What is said of activations (n, d): activations @ weights + constant, (n, C)."""

    weights: Floats
    constant: Floats

    def said(self, x: Floats) -> Floats:
        """(n, C) for rows x (n, d)."""
        return np.asarray(x @ self.weights + self.constant)


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments:
    """Sums over n rows of x (n, d) and y (n, C): all that a ridge is solved from."""

    n: int
    x: Floats
    y: Floats
    xx: Floats
    xy: Floats

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            n=self.n + other.n,
            x=self.x + other.x,
            y=self.y + other.y,
            xx=self.xx + other.xx,
            xy=self.xy + other.xy,
        )

    def __sub__(self, other: "Moments") -> "Moments":
        return Moments(
            n=self.n - other.n,
            x=self.x - other.x,
            y=self.y - other.y,
            xx=self.xx - other.xx,
            xy=self.xy - other.xy,
        )


def moments(x: Floats, y: Floats) -> Moments:
    """The sums of rows x (n, d) and columns y (n, C); x near its mean, or digits are lost."""
    return Moments(n=len(x), x=x.sum(axis=0), y=y.sum(axis=0), xx=x.T @ x, xy=x.T @ y)


def ridges(given: Moments, penalties: Sequence[float]) -> list[Coefficients]:
    """The ridge of every column for each penalty, on columns of x with mean 0 and variance 1.

    Minimises |y - x w - b|^2 + penalty |w|^2, b being free: scikit-learn's Ridge behind its
    StandardScaler. Weights are in the units of x. A constant column has weight 0.
    """
    mean, level = given.x / given.n, given.y / given.n
    square = np.diag(given.xx) / given.n
    spread = scale_of(square - mean**2, square, LEAST_OF_SUMS)
    within = np.flatnonzero(spread)
    scale = spread[within]
    products = given.xx[np.ix_(within, within)] - given.n * np.outer(mean[within], mean[within])
    products /= np.outer(scale, scale)
    answers = (given.xy[within] - given.n * np.outer(mean[within], level)) / scale[:, None]
    found = []
    for penalty in penalties:
        matrix = products.copy()
        matrix[np.diag_indices_from(matrix)] += max(penalty, JITTER * given.n)
        factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
        weights = np.zeros((len(mean), len(level)))
        weights[within] = cho_solve(factor, answers, check_finite=False) / scale[:, None]
        found.append(Coefficients(weights=weights, constant=level - mean @ weights))
    return found


def dual_ridges(x: Floats, y: Floats, penalties: Sequence[float]) -> list[Coefficients]:
    """The same from rows x (n, d) and y (n, C), by products of rows: for fewer rows than d."""
    mean, level = x.mean(axis=0), y.mean(axis=0)
    scale = scale_of(x.var(axis=0), np.square(x).mean(axis=0))
    inverse = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
    scaled = (x - mean) * inverse
    products = scaled @ scaled.T
    found = []
    for penalty in penalties:
        matrix = products.copy()
        matrix[np.diag_indices_from(matrix)] += max(penalty, JITTER * len(x))
        factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
        # Centred columns: the products hold a row of ones at 0, which the penalty alone keeps.
        weights = inverse[:, None] * (scaled.T @ cho_solve(factor, y - level, check_finite=False))
        found.append(Coefficients(weights=weights, constant=level - mean @ weights))
    return found


def scale_of(variance: Floats, square: Floats, least: float = LEAST) -> Floats:
    """Deviations (d,) of columns with this variance and mean square; 0 where they are constant.

    Raises DataError where all are.
    """
    varies = variance > least**2 * square
    if not varies.any():
        raise DataError(
            f"all {len(variance)} columns of the activations are constant over the rows that a "
            "probe is fitted on: there is nothing to read; take another layer"
        )
    return np.sqrt(np.where(varies, np.maximum(variance, 0), 0))
