"""One group-by in whatever engine holds the rows: pandas, Polars, Arrow, DuckDB, Spark, Dask.

Little is asked of an engine: comparisons, sums, a group-by and its lengths. All of them can.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from auditkit.bias.engines.levels import plain
from auditkit.data.memberships import band_names
from auditkit.errors import DataError, UsageError, suggestion

MOST_CELLS = 1_000_000  # lines that may come back from an engine
UNFIT = (nw.List, nw.Struct, nw.Array, nw.Binary)

Bands = Mapping[str, Sequence[float]]
Rows = nw.LazyFrame[Any]


def tally(
    rows: Rows,
    keys: Mapping[str, nw.Expr],
    sums: Mapping[str, nw.Expr] | None = None,
    greatest: Mapping[str, nw.Expr] | None = None,
) -> dict[str, list[Any]]:
    """Rows by combination of keys: a list for each key, one of "rows", one for each sum or maximum.

    Raises DataError for more combinations than may come back, for no rows, and for whatever the
    engine itself cannot do.
    """
    sums, greatest = sums or {}, greatest or {}
    added = {name: nw.col(name).sum() for name in sums}
    added |= {name: nw.col(name).max() for name in greatest}
    asked = {**keys, **sums, **greatest}
    made = rows.select(*(one.alias(name) for name, one in asked.items()))
    totals = [nw.len().alias("rows"), *(one.alias(name) for name, one in added.items())]
    try:
        found = made.group_by(*keys).agg(*totals).head(MOST_CELLS + 1).collect()
    except Exception as error:  # each engine has errors of its own
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(f"the rows could not be counted: {said}") from error
    if len(found) > MOST_CELLS:
        raise DataError(
            f"the columns have more than {MOST_CELLS:,} combinations of values: name fewer "
            "sensitive columns, or cut numbers into bands"
        )
    if not len(found):
        raise DataError("no rows to count; give at least one")
    return {
        name: [plain(value) for value in found[name].to_list()] for name in (*keys, "rows", *added)
    }


def lazy(frame: Any) -> Rows:
    """A table of any engine. Raises DataError for what is none."""
    try:
        rows: Rows = nw.from_native(frame).lazy()
    except TypeError as error:
        raise DataError(
            f"cannot count the rows of a {type(frame).__name__}: give a pandas, Polars, PyArrow, "
            "DuckDB, PySpark or Dask table"
        ) from error
    return rows


def require_columns(rows: Rows, names: Sequence[str]) -> None:
    """Raise DataError for a column that is not there or holds lists, structures or bytes."""
    schema = rows.collect_schema()
    for name in names:
        if name not in schema:
            raise DataError(f"no column {name!r} in the table; {suggestion(name, schema)}")
        if isinstance(schema[name], UNFIT):
            raise DataError(f"column {name!r} holds {schema[name]}: give numbers, text or booleans")


def number(rows: Rows, name: str) -> nw.Expr:
    """A column of numbers as floats of 64 bits. Raises DataError for another."""
    kind = rows.collect_schema()[name]
    if not kind.is_numeric():
        raise DataError(f"column {name!r} holds {kind}, no numbers: give a column of numbers")
    return nw.col(name).cast(nw.Float64)


def group_key(rows: Rows, name: str, bands: Bands | None) -> nw.Expr:
    """What rows are grouped by: the column itself, or the number of the band it falls into."""
    edges = (bands or {}).get(name, ())
    if not len(edges):
        return nw.col(name)
    value = number(rows, name)
    # From len(edges) + 1 on for what is finite, below for NaN and infinity. Engines disagree on
    # how NaN compares, but to all it is not below infinity.
    finite = (value < np.inf) & (value > -np.inf)
    code = finite.cast(nw.Int32) * (len(edges) + 1)
    for edge in edges:
        code = code + (value >= float(edge)).cast(nw.Int32)
    return code


def grouped(values: Sequence[Any], edges: Sequence[float]) -> pd.Series:
    """The groups that keys stand for: the values themselves, or the names of bands in order."""
    if not len(edges):
        return pd.Series(list(values), dtype=object)
    places = [-1 if value is None else max(int(value) - len(edges) - 1, -1) for value in values]
    names = pd.Index(band_names(tuple(float(edge) for edge in edges)), dtype=object)
    return pd.Series(pd.Categorical.from_codes(np.array(places), categories=names, ordered=True))


def require_bands(bands: Bands, sensitive: str | Sequence[str]) -> None:
    """Raise UsageError for bands of a column that is not sensitive, or edges that do not rise."""
    names = [sensitive] if isinstance(sensitive, str) else list(sensitive)
    for name, edges in bands.items():
        if name not in names:
            raise UsageError(f"bands for {name!r}, no sensitive column; {suggestion(name, names)}")
        if not np.all(np.isfinite(edges)) or np.any(np.diff(np.asarray(edges, float)) <= 0):
            raise UsageError(f"bands of {name!r} are {tuple(edges)}: give finite edges that rise")
