"""What a probe is asked to read: a class or a number for each row."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from auditkit.errors import DataError
from auditkit.probing.telling import in_short

FEWEST = 10  # rows of a class, of which each part of five then holds two


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """Labels of n rows.

    values (n,) are int64 places among the levels, or float64 numbers where there are none.
    whose (n,) int64 says which rows belong to one person or document, None where each row stands
    alone: such rows are never on both sides of a split.
    """

    __repr__ = in_short

    name: str
    values: np.ndarray
    levels: tuple[str, ...] = ()
    whose: np.ndarray | None = None

    @property
    def classes(self) -> bool:
        """Whether these are classes and not numbers."""
        return bool(self.levels)

    def __len__(self) -> int:
        return len(self.values)

    def at(self, rows: np.ndarray) -> "Labels":
        """The labels of some of the rows."""
        whose = None if self.whose is None else self.whose[rows]
        return Labels(name=self.name, values=self.values[rows], levels=self.levels, whose=whose)

    @property
    def majority(self) -> float:
        """The share of the commonest class: what reading nothing gets. NaN for numbers."""
        if not self.classes:
            return float("nan")
        return float(np.bincount(self.values, minlength=len(self.levels)).max() / len(self.values))


def labels_of(values: ArrayLike, *, name: str = "labels", whose: ArrayLike | None = None) -> Labels:
    """Labels from a column: texts, truth values and whole numbers are classes, others numbers.

    whose says whose each row is, (n,) of anything that can be told apart. Raises DataError for no
    rows, missing and infinite values, numbers that are all equal, one class only, a class of
    fewer than 10 rows, and so for as many classes as rows.
    """
    column = values if isinstance(values, pd.Series) else pd.Series(_line(values, name))
    if not len(column):
        raise DataError(f"{name} has no rows: give a label for each row of the activations")
    if column.isna().any():
        raise DataError(
            f"{name} lacks {int(column.isna().sum())} of {len(column)} values: leave those rows out"
        )
    people = None if whose is None else _owners(name, whose, len(column))
    if pd.api.types.is_float_dtype(column):
        return Labels(name=name, values=_numbers(name, column), whose=people)
    codes, levels = pd.factorize(column, sort=True)
    _require_classes(name, codes, [str(one) for one in levels])
    return Labels(
        name=name,
        values=codes.astype(np.int64),
        levels=tuple(str(one) for one in levels),
        whose=people,
    )


def _line(values: ArrayLike, name: str) -> np.ndarray:
    column = np.asarray(values)
    if column.ndim != 1:
        raise DataError(f"{name} has shape {column.shape}: give one label a row, (n,)")
    return column


def _owners(name: str, whose: ArrayLike, n: int) -> np.ndarray:
    """Rows without an owner may be one person's: they are taken to be."""
    owners = np.asarray(whose)
    if len(owners) != n:
        raise DataError(f"{len(owners)} owners for {n} labels of {name}: give one a row")
    codes = pd.factorize(owners)[0].astype(np.int64)
    return np.where(codes < 0, codes.max() + 1, codes)


def _numbers(name: str, column: "pd.Series[float]") -> np.ndarray:
    numbers = column.to_numpy(np.float64)
    if not np.isfinite(numbers).all():
        row = int((~np.isfinite(numbers)).argmax())
        raise DataError(f"{name} is {numbers[row]} in row {row + 1}: give finite numbers")
    if numbers.min() == numbers.max():
        raise DataError(f"every row of {name} is {numbers[0]}: a probe has nothing to tell apart")
    return numbers


def _require_classes(name: str, codes: np.ndarray, levels: list[str]) -> None:
    if len(levels) < 2:
        raise DataError(f"every row of {name} is {levels[0]!r}: a probe needs two classes or more")
    counts = np.bincount(codes)
    if counts.min() < FEWEST:
        raise DataError(
            f"class {levels[int(counts.argmin())]!r} of {name} has {counts.min()} rows among "
            f"{len(codes)}: a probe needs {FEWEST} of each; leave it out or join it to another"
        )
