"""The features of a table as numbers: for distances between rows, and for simple models of them.

Missing values are a level of their own. Nothing is learned from any target.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.data.values import coded, is_number, numbers
from auditkit.errors import DataError

MOST_LEVELS = 50  # of a category, the commonest; rarer ones share one
APART = np.sqrt(0.5)  # of each of two columns: rows of different levels are 1 apart

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Feature:
    """One column as whole numbers: codes (n,) in [0, size)."""

    name: str
    codes: Ints
    size: int

    def onehot(self) -> Floats:
        """The same as (n, size) of 0 and 1."""
        return np.asarray(self.codes[:, None] == np.arange(self.size), dtype=np.float32)


def scaled(frame: pd.DataFrame, categorical: Collection[str] = ()) -> Floats:
    """Rows as points (n, d) float32 whose Euclidean distance says how unlike they are.

    A number is standardised, at its mean where it is missing or infinite, and a column beside it
    says so; two rows that differ in one category are 1 apart by it, so that it weighs as much as
    one standard deviation of a number. categorical names numbers that are codes; whatever is no
    number is a category too. Raises DataError without columns.
    """
    parts: list[Floats] = []
    for name, column in _columns(frame):
        if _is_category(column, categorical):
            parts.append(APART.astype(np.float32) * _levels(name, column).onehot())
            continue
        values = numbers(column)
        known = np.isfinite(values)
        parts.append(_standardised(values, known)[:, None])
        if not known.all():
            parts.append((~known).astype(np.float32)[:, None])
    return np.hstack(parts)


def binned(
    frame: pd.DataFrame, categorical: Collection[str] = (), *, bins: int = 10
) -> tuple[Feature, ...]:
    """Every column in at most `bins` bins of equal size, or in its levels, the commonest 50.

    Sums over bins can follow any curve of one column, and no product of two. Raises DataError
    without columns.
    """
    return tuple(
        _levels(name, column)
        if _is_category(column, categorical)
        else bins_of(name, numbers(column), bins)
        for name, column in _columns(frame)
    )


def bins_of(name: str, values: NDArray[np.float64], bins: int = 10) -> Feature:
    """Numbers (n,) in at most `bins` bins of equal size; those that are missing have their own.

    Where most are one number, as capital gains are 0, the bins that are left over go to the others.
    """
    known = np.isfinite(values)
    edges = _edges(values[known], bins) if known.any() else np.empty(0)
    codes = np.searchsorted(edges, values, side="right")
    return _compact(name, np.where(known, codes, len(edges) + 1).astype(np.int64))


def _edges(values: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    cuts = np.linspace(0, 1, bins + 1)[1:-1]
    edges = np.unique(np.quantile(values, cuts, method="higher"))
    spare = bins - 1 - len(edges)
    distinct = np.unique(values)
    if spare > 0 and len(distinct) > 1:
        more = np.quantile(distinct, np.linspace(0, 1, spare + 2)[1:-1], method="higher")
        edges = np.unique(np.concatenate([edges, more]))
    return edges


def _columns(frame: pd.DataFrame) -> list[tuple[str, pd.Series]]:
    if not len(frame.columns):
        raise DataError("no feature to compare rows by; give at least one column")
    return [(str(name), frame[name]) for name in frame.columns]


def _is_category(column: pd.Series, categorical: Collection[str]) -> bool:
    return column.name in categorical or not is_number(column)


def _standardised(values: NDArray[np.float64], known: NDArray[np.bool_]) -> Floats:
    if not known.any():
        return np.zeros(len(values), dtype=np.float32)
    # Divided by the largest first: the square of 1e200 overflows.
    largest = float(np.abs(values[known]).max()) or 1.0
    held = np.where(known, values, 0.0) / largest
    mean, deviation = held[known].mean(), held[known].std()
    if deviation <= 1e-12 * max(abs(mean), 1e-300):  # constant, up to rounding
        return np.zeros(len(values), dtype=np.float32)
    return np.where(known, (held - mean) / deviation, 0.0).astype(np.float32)


def _levels(name: str, column: pd.Series) -> Feature:
    """The commonest levels, then one for all others, then one for what is missing."""
    codes, names = coded(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    rank = np.empty(len(names) + 1, dtype=np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(names))
    rank[-1] = MOST_LEVELS + 1  # code -1 is a missing value
    rank[:-1] = np.minimum(rank[:-1], MOST_LEVELS)
    return _compact(name, rank[codes])


def _compact(name: str, codes: Ints) -> Feature:
    """Codes without gaps."""
    present, place = np.unique(codes, return_inverse=True)
    return Feature(name=name, codes=place.astype(np.int64), size=len(present))
