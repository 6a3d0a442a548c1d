"""The alignment of two layers over batches: the same as of all rows at once."""

import math

import numpy as np
from torch import Tensor

from auditkit.errors import DataError
from auditkit.probing.similarity.pairs import Floats, Sums, require_same_rows

FEWEST = 4  # rows, below which nothing is unbiased


class Moments:
    """Sums over rows x and y and their squared lengths, own and other, of as many as came."""

    def __init__(self, d: int, e: int) -> None:
        self.n = 0
        self.x, self.y = np.zeros(d), np.zeros(e)
        self.products = np.zeros((d, e))
        self.own, self.other, self.both = 0.0, 0.0, 0.0
        self.x_by_other, self.y_by_own = np.zeros(d), np.zeros(e)

    def add(self, x: Floats, y: Floats) -> None:
        """Take in more rows."""
        own, other = np.einsum("ij,ij->i", x, x), np.einsum("ij,ij->i", y, y)
        self.n += len(x)
        self.x, self.y = self.x + x.sum(axis=0), self.y + y.sum(axis=0)
        self.products = self.products + x.T @ y
        self.own, self.other = self.own + own.sum(), self.other + other.sum()
        self.both = self.both + own @ other
        self.x_by_other, self.y_by_own = self.x_by_other + other @ x, self.y_by_own + own @ y

    @property
    def sums(self) -> tuple[Sums, float]:
        """Those of `products_of` centred rows, and |X'Y|^2 of these."""
        n = self.n
        m, q = self.x / n, self.y / n
        mm, qq = float(m @ m), float(q @ q)
        ends = float(  # the sum of |x - m|^2 |y - q|^2, written out
            self.both
            - 2 * (q @ self.y_by_own + m @ self.x_by_other)
            + qq * self.own
            + mm * self.other
            + 4 * (m @ self.products @ q)
            - 3 * n * mm * qq
        )
        whole = float(np.square(self.products - n * np.outer(m, q)).sum())
        return Sums(
            n=n, product=whole - ends, rows=ends, a=n * mm - self.own, b=n * qq - self.other
        ), whole


class RunningCKA:
    """`cka` of activations that come in batches, each seen once and none kept.

    Memory is that of three matrices, (d, d), (d, e) and (e, e), whatever the number of rows: the
    mean over batches that is otherwise used (Nguyen et al. 2021) needs batches of one size and
    differs from the whole; this is the whole, within rounding.
    """

    def __init__(self) -> None:
        self._parts: tuple[Moments, Moments, Moments] | None = None
        self._origins: tuple[Floats, Floats] | None = None

    def add(self, x: Tensor | Floats, y: Tensor | Floats) -> None:
        """Take in a batch, (m, d) and (m, e) of the same rows. Raises DataError for NaN."""
        one, other = _batch(x, "x"), _batch(y, "y")
        require_same_rows(one, other)
        if self._parts is None or self._origins is None:
            d, e = one.shape[1], other.shape[1]
            # Near the mean of the whole, so that no large numbers cancel.
            self._origins = one.mean(axis=0), other.mean(axis=0)
            self._parts = Moments(d, e), Moments(d, d), Moments(e, e)
        both, own, others = self._parts
        if (one.shape[1], other.shape[1]) != both.products.shape:
            raise DataError(
                f"a batch of {one.shape[1]} and {other.shape[1]} numbers a row after one of "
                f"{both.products.shape[0]} and {both.products.shape[1]}: give the same layers"
            )
        one, other = one - self._origins[0], other - self._origins[1]
        both.add(one, other)
        own.add(one, one)
        others.add(other, other)

    def value(self, *, debiased: bool = True) -> float:
        """The alignment of all rows so far; NaN of fewer than 4, or where one does not vary."""
        if self._parts is None or self._parts[0].n < FEWEST:
            return math.nan
        pairs = [part.sums for part in self._parts]
        both, own, other = (float(sums.covariance) if debiased else whole for sums, whole in pairs)
        return both / math.sqrt(own * other) if own > 0 and other > 0 else math.nan


def _batch(values: Tensor | Floats, name: str) -> Floats:
    held = values.detach().cpu().numpy() if isinstance(values, Tensor) else values
    found = np.asarray(held, dtype=np.float64)
    if found.ndim != 2 or not len(found) or not np.isfinite(found).all():
        raise DataError(
            f"a batch of {name} has shape {found.shape} or holds NaN: give (m, d) of numbers"
        )
    return found
