"""Facts about rows that a model cannot know of itself: what is missing, what was seen before."""

import numpy as np
import pandas as pd

from auditkit.data.values import coded, is_number, numbers


def incomplete(frame: pd.DataFrame, columns: tuple[str, ...]) -> np.ndarray:
    """1 where any of the columns is missing in a row, (n,) int8."""
    if not columns:
        return np.zeros(len(frame), dtype=np.int8)
    return frame[list(columns)].isna().any(axis=1).to_numpy().astype(np.int8)


def seen_before(frame: pd.DataFrame, train: pd.DataFrame, columns: tuple[str, ...]) -> np.ndarray:
    """1 where a row of `frame` agrees with one of `train` in all columns, (n,) int8."""
    both = pd.concat([train[list(columns)], frame[list(columns)]], ignore_index=True)
    hashes = pd.util.hash_pandas_object(_comparable(both), index=False).to_numpy()
    return np.isin(hashes[len(train) :], hashes[: len(train)]).astype(np.int8)


def _comparable(frame: pd.DataFrame) -> pd.DataFrame:
    """Equal values alike, whatever they were stored as: numbers as floats, the rest as codes."""
    return pd.DataFrame(
        {
            name: numbers(frame[name]) if is_number(frame[name]) else coded(frame[name]).codes
            for name in frame.columns
        }
    )
