"""Facts about rows that a model cannot know of itself: what is missing, what was seen before."""

from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from auditkit.data.values import coded, is_number, numbers


def incomplete(frame: pd.DataFrame, columns: tuple[str, ...]) -> np.ndarray:
    """1 where any of the columns is missing in a row, (n,) int8.

    Missing are an empty text and an array that is empty or holds a NaN, too.
    """
    lacking = np.zeros(len(frame), dtype=bool)
    for name in columns:
        lacking |= _missing(frame[name])
    return lacking.astype(np.int8)


def seen_before(frame: pd.DataFrame, train: pd.DataFrame, columns: tuple[str, ...]) -> np.ndarray:
    """1 where a row of `frame` agrees with one of `train` in all columns, (n,) int8.

    Texts agree letter by letter, arrays byte by byte and in shape.
    """
    names = list(dict.fromkeys(columns))  # of a language model the feature is the target too
    both = pd.concat([train[names], frame[names]], ignore_index=True)
    hashes = pd.util.hash_pandas_object(_comparable(both), index=False).to_numpy()
    return np.isin(hashes[len(train) :], hashes[: len(train)]).astype(np.int8)


def fingerprinted(column: pd.Series) -> pd.Series:
    """The column with text in place of arrays, the same where type, shape and bytes are."""
    if column.dtype != object or not any(isinstance(cell, np.ndarray) for cell in column):
        return column
    return column.map(_fingerprint)


def _fingerprint(cell: Any) -> Any:
    if not isinstance(cell, np.ndarray):
        return cell
    return f"{cell.dtype.str} {cell.shape} {sha256(cell.tobytes()).hexdigest()}"


def _missing(column: pd.Series) -> np.ndarray:
    lacking: np.ndarray = column.isna().to_numpy(dtype=bool, copy=True)
    if is_number(column):
        return lacking
    for row, cell in enumerate(column):
        lacking[row] = lacking[row] or _is_void(cell)
    return lacking


def _is_void(cell: Any) -> bool:
    if isinstance(cell, np.ndarray):
        return cell.size == 0 or bool(cell.dtype.kind == "f" and np.isnan(cell).any())
    return isinstance(cell, str) and not cell.strip()


def _comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """Equal values alike, whatever they were stored as: numbers as floats, the rest as codes."""
    return pd.DataFrame({name: _values(frame[name]) for name in frame.columns})


def _values(column: pd.Series) -> np.ndarray:
    return numbers(column) if is_number(column) else coded(fingerprinted(column)).codes
