"""A DataFrame as plain JSON columns and back, with its types and its gaps."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd
from pandas.api import types

from auditkit.errors import DataError

# The pandas type each kind of column comes back as; None leaves the choice to pandas.
DTYPES: Mapping[str, str | None] = {
    "boolean": "bool",
    "integer": "int64",
    "number": "float64",
    "text": None,
    "mixed": "object",
}


def frame_to_dict(frame: pd.DataFrame) -> dict[str, Any]:
    """`{"columns": [{"name", "type", "values"}, ...]}`; the index is not kept.

    Undefined and infinite numbers become null. Dates, intervals and categories become text.
    """
    return {"columns": [_column(str(name), frame.iloc[:, i]) for i, name in enumerate(frame)]}


def frame_from_dict(raw: Any) -> pd.DataFrame:
    """The frame that `frame_to_dict` wrote. Raises DataError for anything else."""
    try:
        columns = raw["columns"]
        series = [_series(column["type"], column["values"]) for column in columns]
        lengths = {len(one) for one in series}
        if len(lengths) > 1:
            raise ValueError(f"columns of {sorted(lengths)} rows")
        frame = pd.concat(series, axis=1) if series else pd.DataFrame()
        frame.columns = pd.Index([str(column["name"]) for column in columns], dtype="object")
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"a table of the report cannot be read: {error!r}") from error
    return frame


def plain_text(text: str) -> str:
    """The same text, with lone surrogates spelled out: a file of UTF-8 cannot hold them."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")


def plain_number(value: Any) -> float | None:
    """A float for JSON: None where it is undefined or infinite."""
    number = float(value)
    return number if math.isfinite(number) else None


def _column(name: str, series: "pd.Series[Any]") -> dict[str, Any]:
    kind = _kind(series)
    missing = series.isna().tolist()
    values = [
        None if gap else _value(kind, one)
        for gap, one in zip(missing, series.tolist(), strict=True)
    ]
    return {"name": plain_text(name), "type": kind, "values": values}


def _kind(series: "pd.Series[Any]") -> str:
    if types.is_bool_dtype(series.dtype):
        return "boolean"
    if types.is_integer_dtype(series.dtype):
        return "integer"
    if types.is_float_dtype(series.dtype):
        return "number"
    present = series.dropna()
    return "text" if present.map(lambda one: isinstance(one, str)).all() else _odd_kind(series)


def _odd_kind(series: "pd.Series[Any]") -> str:
    return "mixed" if series.dtype == object else "text"


def _value(kind: str, value: Any) -> Any:
    if kind == "boolean":
        return bool(value)
    if kind == "integer":
        return int(value)
    if kind == "number":
        return plain_number(value)
    return plain_text(value) if kind == "text" else _mixed(value)


def _mixed(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool | int):
        return value
    return plain_number(value) if isinstance(value, float) else plain_text(value)


def _series(kind: str, values: list[Any]) -> "pd.Series[Any]":
    if kind not in DTYPES:
        raise ValueError(f"no column type {kind!r}")
    dtype = DTYPES[kind]
    if None in values and kind in {"boolean", "integer"}:
        dtype = "boolean" if kind == "boolean" else "Int64"
    if kind == "text" and all(value is None for value in values):
        dtype = "object"
    return pd.Series(values, dtype=dtype)
