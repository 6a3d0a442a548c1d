"""Which group each row belongs to, and the groups that occur, in order."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.errors import DataError

MISSING = "(missing)"

Ints = NDArray[np.int64]


def membership(sensitive: Any, lengths: Mapping[str, int]) -> tuple[Ints, pd.Index]:
    """Each row's group number (n,), and the groups in the order of `group_counts`.

    sensitive is what `group_counts` takes; lengths says how many rows the other columns have, by
    name. Raises DataError where these differ, and where there are no rows.
    """
    columns = _columns(sensitive)
    every = {**lengths, **{name: len(column) for name, column in columns.items()}}
    if len(set(every.values())) > 1:
        seen = ", ".join(f"{name} {length}" for name, length in every.items())
        raise DataError(f"columns of different lengths ({seen}); give one value a row to each")
    if not any(every.values()):
        raise DataError("no rows to count; give at least one")
    return _membership(columns)


def _columns(sensitive: Any) -> dict[Any, pd.Series]:
    """The sensitive columns by name."""
    if isinstance(sensitive, pd.DataFrame | Mapping):
        columns = {name: _series(sensitive[name]) for name in sensitive}
    elif _is_several(sensitive):
        parts = [_series(part) for part in _split(sensitive)]
        columns = {_name(part, f"sensitive_{i}"): part for i, part in enumerate(parts)}
        if len(columns) < len(parts):
            raise DataError("two sensitive columns have the same name; name each differently")
    else:
        column = _series(sensitive)
        columns = {_name(column, "sensitive"): column}
    if not columns:
        raise DataError("no sensitive column given; name at least one")
    return columns


def _series(values: Any) -> pd.Series:
    if isinstance(values, pd.Series):
        return values
    if isinstance(values, np.ndarray) and values.dtype.kind in "OU":
        # As they are: pandas would first copy them into its own kind of text.
        return pd.Series(values.astype(object), dtype=object)
    return pd.Series(values)


def _is_several(sensitive: Any) -> bool:
    if isinstance(sensitive, np.ndarray):
        return sensitive.ndim == 2
    if not isinstance(sensitive, Sequence) or not len(sensitive):
        return False
    return all(isinstance(part, pd.Series | np.ndarray | list | tuple) for part in sensitive)


def _split(sensitive: Any) -> list[Any]:
    return list(sensitive.T if isinstance(sensitive, np.ndarray) else sensitive)


def _name(column: pd.Series, otherwise: str) -> Any:
    return otherwise if column.name is None else column.name


def _membership(columns: Mapping[Any, pd.Series]) -> tuple[Ints, pd.Index]:
    """Each row's group number, and the groups that occur, in order."""
    encoded = [_encode(column) for column in columns.values()]
    codes, levels = encoded[0]
    if len(encoded) == 1:
        return codes, pd.Index(levels, name=next(iter(columns)), dtype=object).infer_objects()
    size = len(levels)
    for other, names in encoded[1:]:
        codes, size = _compact(codes * len(names) + other, size * len(names))
    someone = np.empty(size, dtype=np.int64)  # a row of each group, to read its name from
    someone[codes] = np.arange(len(codes))
    arrays = [[names[code] for code in other[someone]] for other, names in encoded]
    return codes, pd.MultiIndex.from_arrays(arrays, names=list(columns))


def _compact(codes: Ints, size: int) -> tuple[Ints, int]:
    """Codes below `size` renumbered without gaps, in order, and how many differ.

    Only intersections that occur count: many columns could name more than there are integers.
    """
    if size > 4 * len(codes):
        present, codes = np.unique(codes, return_inverse=True)
        return codes, len(present)
    place = np.cumsum(np.bincount(codes, minlength=size) > 0)
    return place[codes] - 1, int(place[-1])


def _encode(column: pd.Series) -> tuple[Ints, list[Any]]:
    """Codes and levels of one column: levels that occur, sorted, "(missing)" last."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        codes, levels = column.cat.codes.to_numpy(np.int64), list(column.cat.categories)
        order = list(range(len(levels))) if column.cat.ordered else _sorted(levels)
    else:
        codes, uniques = pd.factorize(column)
        levels = list(uniques)
        order = _sorted(levels)
    used = np.bincount(codes + 1, minlength=len(levels) + 1)  # missing values have code -1
    said = [i for i in order if levels[i] == MISSING and used[i + 1]]
    order = [i for i in order if levels[i] != MISSING and used[i + 1]]
    names = [levels[i] for i in order] + ([MISSING] if used[0] or said else [])
    place = np.full(len(levels) + 1, len(order), dtype=np.int64)
    place[np.asarray(order, dtype=np.int64) + 1] = np.arange(len(order))
    return place[codes + 1], names


def _sorted(levels: list[Any]) -> list[int]:
    """The levels' places in order: by value where the values compare, else by type and text."""
    try:
        return sorted(range(len(levels)), key=levels.__getitem__)
    except TypeError:
        keys = [(type(level).__name__, str(level)) for level in levels]
        return sorted(range(len(levels)), key=keys.__getitem__)
