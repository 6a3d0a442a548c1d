"""Sums over pairs of rows, all and with each row left out, at the cost of one product.

A and B are symmetric (n, n) matrices whose diagonal is not looked at: inner products or distances
of rows. They are never written down: a few sums of length n say all that is needed of them.
"""

import math
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t

from auditkit.errors import DataError
from auditkit.probing.pooling import require_finite
from auditkit.statistics.estimate import Estimate

Floats = NDArray[np.float64]
Scale = Literal["arctanh", "log"]

FEWEST = 8  # rows: leaving one out still leaves an unbiased estimate and a spread of them
NEGLIGIBLE = 1e-12  # of a size: what rounding leaves of nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """A and B by their sums off the diagonal.

    rows_a and rows_b (n,) are the sums of each row, products (n,) those of A * B; crossed (n,) is
    the sum over r of A[r, i] rows_b[r] + B[r, i] rows_a[r].
    """

    rows_a: Floats
    rows_b: Floats
    products: Floats
    crossed: Floats

    @property
    def n(self) -> int:
        """How many rows there are."""
        return len(self.products)

    @property
    def whole(self) -> "Sums":
        """The sums over all pairs."""
        return Sums(
            n=self.n,
            product=float(self.products.sum()),
            rows=float(self.rows_a @ self.rows_b),
            a=float(self.rows_a.sum()),
            b=float(self.rows_b.sum()),
        )

    @property
    def without_each(self) -> "Sums":
        """The same with each row left out in turn, (n,) each."""
        all_of = self.whole
        return Sums(
            n=self.n - 1,
            product=all_of.product - 2 * self.products,
            rows=all_of.rows - self.rows_a * self.rows_b - self.crossed + self.products,
            a=all_of.a - 2 * self.rows_a,
            b=all_of.b - 2 * self.rows_b,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """product: of A * B over ordered pairs of two rows; rows: of the products of row sums."""

    n: int
    product: float | Floats
    rows: float | Floats
    a: float | Floats
    b: float | Floats

    @property
    def covariance(self) -> float | Floats:
        """Unbiased estimate of the Hilbert-Schmidt independence criterion of two kernels.

        Each kernel may be shifted by any f(i) + f(j): distances serve as well as products.

        Song et al. 2012, "Feature Selection via Dependence Maximization".
        """
        n = self.n
        centred = self.product - 2 * self.rows / (n - 2) + self.a * self.b / ((n - 1) * (n - 2))
        return centred / (n * (n - 3))


def products_of(x: Floats, y: Floats) -> Pairs:
    """Inner products of the rows of x (n, d) beside those of y (n, e), both centred."""
    own, other = np.einsum("ij,ij->i", x, x), np.einsum("ij,ij->i", y, y)
    both = own * other
    return Pairs(
        rows_a=-own,  # all products with row i add up to 0, its own among them
        rows_b=-other,
        products=np.einsum("ij,ij->i", x @ (x.T @ y), y) - both,
        crossed=2 * both - x @ (x.T @ other) - y @ (y.T @ own),
    )


def rows_of(values: ArrayLike | torch.Tensor, name: str = "the activations") -> Floats:
    """Activations as float64 (n, d). Raises DataError for another shape, few rows, NaN."""
    held = values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else values
    x = np.asarray(held, dtype=np.float64)
    if x.ndim != 2 or not x.shape[1]:
        raise DataError(
            f"{name} have shape {x.shape}: give one vector a row, (n, d); "
            "auditkit.probing.vectors makes them"
        )
    if len(x) < FEWEST:
        raise DataError(f"{name} have {len(x)} rows: give {FEWEST} or more")
    require_finite(x, name)
    return x


def require_same_rows(x: Floats, y: Floats) -> None:
    """Raise DataError unless both are of as many rows."""
    if len(x) != len(y):
        raise DataError(f"{len(x)} rows beside {len(y)}: give both of the same rows, in one order")


def centred(x: Floats) -> Floats:
    """x less the mean of its rows; exactly 0 where only rounding is left of a column."""
    moved: Floats = x - x.mean(axis=0)
    flat = np.abs(moved).max(axis=0) <= NEGLIGIBLE * np.abs(x).max(axis=0)
    moved[:, flat] = 0
    return moved


def narrowed(x: Floats) -> Floats:
    """At most n columns with the same inner products of rows: x in the space of samples."""
    if x.shape[1] <= len(x):
        return x
    return cast(Floats, np.linalg.qr(x.T, mode="r")).T


def jackknifed(
    value: float,
    without_each: Floats,
    *,
    method: str,
    scale: Scale = "arctanh",
    confidence: float = 0.95,
) -> Estimate:
    """A value with the jackknife's interval from its values without each row, (n,).

    Student's, on the scale of arctanh (of what lies between -1 and 1) or of the logarithm (of
    what lies above 0).
    """
    n = len(without_each)
    known = without_each[np.isfinite(without_each)]
    error = math.sqrt((n - 1) * float(known.var()))
    low, high = limits_of(value, error, n - 1, scale, confidence)
    return Estimate(value=value, low=low, high=high, n=n, method=method, confidence=confidence)


def limits_of(
    value: float, error: float, freedom: float, scale: Scale, confidence: float = 0.95
) -> tuple[float, float]:
    """Student's limits at a standard error, made on a scale."""
    half = float(t.ppf((1 + confidence) / 2, freedom)) * error
    if scale == "log":
        return value * math.exp(-half / value), value * math.exp(half / value)
    if abs(value) > 1 - NEGLIGIBLE:
        return max(value - half, -1.0), min(value + half, 1.0)
    half /= 1 - value * value
    return math.tanh(math.atanh(value) - half), math.tanh(math.atanh(value) + half)
