"""One spelling for a value, whatever type it was stored as: 1, 1.0 and "1" are the same level."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

# Cells that mean "not known" in a text file. Kept here because every reader must agree on them.
MISSING = ("", "?", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")

EXACT = 2.0**53  # beyond this a float no longer holds every whole number


class Coded(NamedTuple):
    """A column as whole numbers: codes (n,) index names, -1 is missing."""

    codes: np.ndarray
    names: tuple[str, ...]


def canonical(value: Any) -> str:
    """A value as text: 1.0 reads "1", True reads "true", text loses the blanks around it."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        number = float(value)
        return str(int(number)) if number.is_integer() and abs(number) < EXACT else repr(number)
    return str(value)


def coded(column: pd.Series) -> Coded:
    """The levels of a column, in order of first appearance, and which row holds which.

    Missing values and empty text have code -1. Levels that read alike become one.
    """
    codes, uniques = pd.factorize(column)
    spelled = [canonical(one) for one in uniques]
    names = tuple(dict.fromkeys(name for name in spelled if name))
    position = {name: index for index, name in enumerate(names)}
    merged = np.array([*(position.get(name, -1) for name in spelled), -1], dtype=np.int64)
    return Coded(codes=merged[codes], names=names)


def is_number(column: pd.Series) -> bool:
    """Whether a column holds numbers; true and false are levels, not numbers."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def numbers(column: pd.Series) -> np.ndarray:
    """A numeric column as float64 (n,); missing and infinite values are NaN."""
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def row_number(index: pd.Index, row: int) -> int:
    """The number of a row, from 1, in the table that it was cut from: messages name it.

    Rows keep their index when a table is cut into batches; where it holds no numbers, the row's
    place among those given.
    """
    place = index[row]
    return int(place) + 1 if isinstance(place, int | np.integer) else row + 1


def in_order(names: tuple[str, ...]) -> tuple[str, ...]:
    """Levels sorted by number where all are numbers ("2" before "10"), else by text."""
    try:
        return tuple(sorted(names, key=float))
    except ValueError:
        return tuple(sorted(names))
