"""Sums of numbers by group, taken inside the engine, the same to the last digit in every engine.

A sum of floats depends on the order of its terms, and every engine has an order of its own. So
each number is split into parts whose sums are whole multiples of one unit and small enough to be
exact in any order, the folds of Demmel & Nguyen 2013, "Fast reproducible floating-point
summation".
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from auditkit.bias.engines.tally import (
    Bands,
    Rows,
    group_key,
    grouped,
    lazy,
    number,
    require_bands,
    require_columns,
    tally,
)
from auditkit.bias.membership import membership
from auditkit.errors import DataError

FOLDS = 3  # parts of 53 - log2(n) bits each: 69 bits for a billion rows, where a float has 53
DIGITS = 52


def moments_of(
    frame: Any, *, value: str, sensitive: str | Sequence[str], bands: Bands | None = None
) -> pd.DataFrame:
    """n, sum and sum of squares of a numeric column by group, and how many rows have no number.

    frame and bands are those of `group_counts_of`; the index is that of its table. Columns: n and
    missing (null, NaN or infinite) int64, sum and squares float64. From them follow mean and
    variance; where the deviation is below a ten-millionth of the mean, take the mean off first.
    Raises DataError for a column that is absent, text, without any number, or too large to square.
    """
    require_bands(bands or {}, sensitive)
    rows = lazy(frame)
    columns = [sensitive] if isinstance(sensitive, str) else list(dict.fromkeys(sensitive))
    if not columns:
        raise DataError("no sensitive column given; name at least one")
    require_columns(rows, (value, *columns))
    number_of = number(rows, value)
    finite = (number_of > -np.inf) & (number_of < np.inf)
    largest, n = _extent(rows, number_of, finite, value)
    keys = {f"group {i}": group_key(rows, name, bands) for i, name in enumerate(columns)}
    sums = {f"sum {i}": one for i, one in enumerate(_folds(number_of, largest, n))}
    squared = _folds(number_of * number_of, largest * largest, n)
    sums |= {f"square {i}": one for i, one in enumerate(squared)}
    found = tally(rows, {"finite": finite, **keys}, sums)
    groups = {
        name: grouped(found[key], (bands or {}).get(name, ()))
        for key, name in zip(keys, columns, strict=True)
    }
    return _by_group(found, pd.DataFrame(groups))


def _extent(rows: Rows, value: nw.Expr, finite: nw.Expr, name: str) -> tuple[float, int]:
    """The largest size of a finite number, and how many there are."""
    found = tally(rows, {"finite": finite}, greatest={"size": value.abs()})
    known = [i for i, fine in enumerate(found["finite"]) if fine]
    if not known:
        raise DataError(f"column {name!r} has no finite number: name another")
    largest = float(found["size"][known[0]])
    if math.isinf(largest * largest):
        raise DataError(f"column {name!r} holds {largest:g}, too large to square: scale it down")
    return largest, int(found["rows"][known[0]])


def _folds(value: nw.Expr, largest: float, n: int) -> Iterator[nw.Expr]:
    """Parts of a number, each a multiple of its own unit: n of them add up without rounding."""
    head = math.frexp(largest)[1]  # every number is below 2 ** head
    kept = DIGITS - 1 - n.bit_length()  # bits of a part that leave room for n of them
    for _ in range(FOLDS):
        # Adding and taking away 1.5 * 2 ** 52 units rounds to a whole number of units.
        anchor = 1.5 * 2.0 ** (head - kept + DIGITS)
        part = (value + anchor) - anchor
        yield part
        value = value - part
        head -= kept


def _by_group(found: dict[str, list[Any]], groups: pd.DataFrame) -> pd.DataFrame:
    one = groups.iloc[:, 0] if groups.shape[1] == 1 else groups
    codes, index = membership(one, {"the counts": len(groups)})
    table = pd.DataFrame(0, index=index, columns=["n", "missing"], dtype=np.int64)
    parts: list[dict[str, list[float]]] = [{"sum": [], "square": []} for _ in index]
    for line, (code, fine) in enumerate(zip(codes, found["finite"], strict=True)):
        table.iloc[code, 0 if fine else 1] += found["rows"][line]
        for kind, terms in parts[code].items() if fine else ():
            terms += [float(found[f"{kind} {fold}"][line]) for fold in range(FOLDS)]
    table["sum"] = [math.fsum(one["sum"]) for one in parts]
    table["squares"] = [math.fsum(one["square"]) for one in parts]
    return table
