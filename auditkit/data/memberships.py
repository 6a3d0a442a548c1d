"""Which group each row belongs to: one label per sensitive column."""

from itertools import pairwise

import numpy as np
import pandas as pd

from auditkit.data.schema import Column, Kind, Schema, require_column
from auditkit.data.values import coded, in_order, is_number, numbers
from auditkit.errors import DataError

UNKNOWN = "(missing)"
MOST_GROUPS = 50
LONGEST_NAME = 200  # of a group, in characters
QUARTILES = (0.25, 0.5, 0.75)
MOST_VALUES = 10  # distinct numbers that are groups by themselves


def memberships(frame: pd.DataFrame, schema: Schema, where: str = "the data") -> pd.DataFrame:
    """One ordered categorical column per sensitive column, rows as in `frame`.

    Numeric columns are cut at the column's bands; a missing value is the group "(missing)".
    Categories are the groups that occur, in the order of value for bands, of the schema's
    levels otherwise. Raises DataError where a column is absent or a banded one holds text.
    """
    for name in schema.sensitive_names:
        require_column(frame, name, where)
    grouped = {column.name: _groups(frame[column.name], column) for column in schema.sensitive}
    return pd.DataFrame(grouped, index=frame.index)


def band_names(bands: tuple[float, ...]) -> tuple[str, ...]:
    """The names of the groups that inner edges cut: (25, 45) gives "under 25", "25 to 44", ...

    Whole-number edges read values by their whole part; others give "0.5 to under 1.5".
    """
    first, last = _written(bands[0]), _written(bands[-1])
    between = [_between(low, high) for low, high in pairwise(bands)]
    return (f"under {first}", *between, f"{last} and over")


def _between(low: float, high: float) -> str:
    whole = float(low).is_integer() and float(high).is_integer() and high - low >= 2
    return f"{_written(low)} to {_written(high - 1) if whole else f'under {_written(high)}'}"


def _written(edge: float) -> str:
    return str(int(edge)) if float(edge).is_integer() else repr(float(edge))


def _groups(values: pd.Series, column: Column) -> pd.Categorical:
    codes, names = _banded(values, column) if column.bands else _levelled(values, column)
    _require_readable(column.name, names)
    codes = np.where(codes < 0, len(names), codes)
    present = np.unique(codes)
    categories = pd.Index([(*names, UNKNOWN)[code] for code in present], dtype=object)
    return pd.Categorical.from_codes(
        np.searchsorted(present, codes), categories=categories, ordered=True
    )


def _require_readable(column: str, names: tuple[str, ...]) -> None:
    """Raise DataError for more groups than can be compared, or names longer than can be shown."""
    if len(names) > MOST_GROUPS:
        raise DataError(
            f"sensitive column {column!r} has {len(names)} levels, more than {MOST_GROUPS}: put "
            "them into fewer groups, or bands if they are numbers"
        )
    if long := next((name for name in names if len(name) > LONGEST_NAME), None):
        raise DataError(
            f"sensitive column {column!r} has a level of {len(long):,} characters, {long[:40]!r}: "
            f"shorten it to {LONGEST_NAME} at most"
        )


def _banded(values: pd.Series, column: Column) -> tuple[np.ndarray, tuple[str, ...]]:
    if not is_number(values):
        raise DataError(
            f"sensitive column {column.name!r} is cut into bands but holds text such as "
            f"{values.dropna().iloc[0] if values.notna().any() else ''!r}: give numbers"
        )
    known = numbers(values)
    codes = np.searchsorted(np.array(column.bands), known, side="right")
    return np.where(np.isnan(known), -1, codes), band_names(column.bands)


def _levelled(values: pd.Series, column: Column) -> tuple[np.ndarray, tuple[str, ...]]:
    codes, seen = coded(values)
    new = in_order(tuple(set(seen) - set(column.levels) - {UNKNOWN}))
    names = (*(level for level in column.levels if level != UNKNOWN), *new)
    position = {name: index for index, name in enumerate(names)}
    moved = np.array([*(position.get(name, -1) for name in seen), -1], dtype=np.int64)
    return moved[codes], names


def quartile_bands(values: np.ndarray) -> tuple[float, ...]:
    """Inner edges near the quartiles of finite `values` (n,), rounded to be read.

    No band is empty. Where most values are alike, the one edge is the median of the distinct
    ones; values that are all alike give no edge.
    """
    return readable_bands(np.quantile(values, QUARTILES), np.unique(values))


def readable_bands(quartiles: np.ndarray, distinct: np.ndarray) -> tuple[float, ...]:
    """The edges of `quartile_bands`, of quartiles (3,) and the distinct values as they rise."""
    spread = float(quartiles[2] - quartiles[0])
    whole = bool(np.all(distinct == np.floor(distinct)))
    digits = 0 if whole or spread == 0 else 1 - int(np.floor(np.log10(spread)))
    edges = _filled(np.round(quartiles, max(digits, 0)), distinct)
    return edges or _filled(np.quantile(distinct, [0.5], method="higher"), distinct)


def _filled(edges: np.ndarray, values: np.ndarray) -> tuple[float, ...]:
    """The edges that rise and have a value on either side, before the next one."""
    kept: list[float] = []
    for edge in edges.tolist():
        since = kept[-1] if kept else -np.inf
        if np.any((values >= since) & (values < edge)) and np.any(values >= edge):
            kept.append(edge)
    return tuple(kept)


def sensitive_column(values: pd.Series, meaning: str = "", *, most: int = MOST_VALUES) -> Column:
    """How a sensitive column becomes groups: by value, or by quartile where numbers abound.

    A numeric column with more than `most` distinct values is cut at its quartiles.
    """
    name = str(values.name)
    if isinstance(values.iloc[0] if len(values) else None, np.ndarray):
        raise DataError(
            f"sensitive column {name!r} holds images or sequences: name a column of groups"
        )
    if is_number(values):
        known = numbers(values)
        known = known[~np.isnan(known)]
        if len(np.unique(known)) > most:
            return Column(
                name=name, kind=Kind.NUMERIC, meaning=meaning, bands=quartile_bands(known)
            )
    levels = in_order(coded(values).names)
    return Column(name=name, kind=Kind.CATEGORICAL, meaning=meaning, levels=levels)
