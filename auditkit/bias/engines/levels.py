"""Values as engines give them back, as plain Python; which of them is the positive outcome."""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.data.values import EXACT, canonical
from auditkit.errors import DataError, suggestion

BITS = ({"0", "1"}, {"false", "true"})  # what a label or decision may be without being told

Ints = NDArray[np.int64]


def plain(value: Any) -> Any:
    """A value without its engine's type: None where it is missing, whole numbers as int.

    A float too large to hold every whole number stays one: its digits would say nothing.
    Raises DataError for a value that holds others, whose type narwhals has no name for.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, list | dict | tuple):
        raise DataError(f"a column holds {str(value)[:40]!r}: give numbers, text or booleans")
    if isinstance(value, bool | str | int):
        return value
    if pd.isna(value):
        return None
    if isinstance(value, float | Decimal):
        number = float(value)
        return int(number) if number.is_integer() and abs(number) < EXACT else number
    return str(value)  # a date, say


def labelled(values: Sequence[Any], rows: Ints, name: str, positive: Any = None) -> Ints:
    """1 where a label is the positive one, (C,): 0/1 or booleans, or any values and which it is.

    rows (C,) says for how many rows each value stands. Raises DataError for missing values, for
    others than 0/1 without positive, and where none is positive's.
    """
    spelled = _spelled(values, rows, name)
    if positive is None:
        return _bits(spelled, name)
    wanted, levels = canonical(plain(positive)), sorted(set(spelled))
    if wanted not in levels:
        raise DataError(f"column {name!r} is never {wanted!r}; {suggestion(wanted, levels)}")
    return np.array([value == wanted for value in spelled], dtype=np.int64)


def decided(
    values: Sequence[Any], rows: Ints, name: str, positive: Any, labels: Collection[Any]
) -> Ints:
    """1 where a decision is positive, (C,): it has the labels' own values, or is 0/1 or a boolean.

    Raises DataError for missing values and for any that are neither.
    """
    spelled = _spelled(values, rows, name)
    if positive is None:
        return _bits(spelled, name)
    known = {canonical(label) for label in labels}
    strange = sorted(set(spelled) - known)
    if not strange:
        wanted = canonical(plain(positive))
        return np.array([value == wanted for value in spelled], dtype=np.int64)
    if _are_bits(spelled):
        return _bits(spelled, name)
    near = suggestion(strange[0], sorted(known))
    raise DataError(f"column {name!r} has {strange[0]!r}, which the label never is; {near}")


def _spelled(values: Sequence[Any], rows: Ints, name: str) -> list[str]:
    missing = sum(int(n) for value, n in zip(values, rows, strict=True) if value is None)
    if missing:
        raise DataError(
            f"column {name!r} is missing in {missing:,} of {int(rows.sum()):,} rows: leave those "
            "rows out, or fill them in"
        )
    return [canonical(value) for value in values]


def _are_bits(spelled: Sequence[str]) -> bool:
    said = {value.casefold() for value in spelled}
    return any(said <= pair for pair in BITS)


def _bits(spelled: Sequence[str], name: str) -> Ints:
    if _are_bits(spelled):
        return np.array([value.casefold() in ("1", "true") for value in spelled], dtype=np.int64)
    levels = sorted(set(spelled))
    shown = ", ".join(repr(one) for one in levels[:3])
    raise DataError(
        f"column {name!r} holds {shown}, not 0 and 1: say which value is the favoured one with "
        f"positive, such as positive={levels[-1]!r}"
    )
