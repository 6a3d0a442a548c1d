"""Rows together with what their columns mean; reading them, labelling them, splitting them."""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pandas as pd

from auditkit.data.inference import infer_schema, require_known
from auditkit.data.memberships import memberships
from auditkit.data.reading import read_table
from auditkit.data.schema import Schema, require_column
from auditkit.data.values import Coded, coded, is_number, numbers
from auditkit.errors import DataError, UsageError

__all__ = [
    "Table",
    "classes",
    "infer_schema",
    "labels",
    "memberships",
    "read_table",
    "rows_sha256",
    "split",
    "targets",
]


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Rows, their schema, their name and the checksum of the bytes they were read from.

    test_rows are the positions of a published test set, None where there is none.
    """

    frame: pd.DataFrame
    schema: Schema
    name: str
    sha256: str
    test_rows: range | None = None


def labels(frame: pd.DataFrame, schema: Schema, where: str = "the data") -> np.ndarray:
    """1 where the target is the positive value, else 0: (n,) int8.

    Raises DataError where the target is absent, missing in a row, a number to be predicted
    rather than a decision, or has a level that the schema does not list.
    """
    if schema.positive is None:
        raise DataError(
            f"target {schema.target.name!r} is no decision: it has no positive value; name it "
            "with --positive"
        )
    levels = _known_levels(frame, schema, where)
    chosen = np.array([name == schema.positive for name in levels.names], dtype=np.int8)
    result: np.ndarray = chosen[levels.codes]
    return result


def classes(frame: pd.DataFrame, schema: Schema, where: str = "the data") -> np.ndarray:
    """The place of the target's value among the schema's levels: (n,) int64 from 0.

    Raises DataError where the target is absent, missing in a row or has another level.
    """
    levels = _known_levels(frame, schema, where)
    place = {name: code for code, name in enumerate(schema.target.levels)}
    codes: np.ndarray = np.array([place[name] for name in levels.names], dtype=np.int64)[
        levels.codes
    ]
    return codes


def _known_levels(frame: pd.DataFrame, schema: Schema, where: str) -> Coded:
    """The target's levels and codes. Raises DataError for one missing or not the schema's."""
    require_column(frame, schema.target.name, where)
    target = frame[schema.target.name]
    levels = coded(target)
    require_known(target, levels, where)
    known = schema.target.levels
    for name in levels.names:
        if known and name not in known:
            raise DataError(
                f"target {schema.target.name!r} in {where} has the level {name!r}, never seen in "
                f"training; it was {', '.join(known)}: correct the values or train again"
            )
    return levels


def targets(frame: pd.DataFrame, schema: Schema, where: str = "the data") -> np.ndarray:
    """A numeric target as (n,) float64. Raises DataError where it is absent, text or missing."""
    require_column(frame, schema.target.name, where)
    column = frame[schema.target.name]
    if not is_number(column):
        raise DataError(f"target {schema.target.name!r} in {where} is text, not a number")
    require_known(column, coded(column), where)
    return numbers(column)


def split(table: Table, *, seed: int, test_fraction: float = 0.25) -> tuple[Table, Table]:
    """Training and test part, each in the order of the rows.

    The published test set where there is one; else rows drawn at random from each target value
    (from all rows where the target is a number), the same for the same seed. Raises UsageError
    unless both parts get a row.
    """
    test = np.zeros(len(table.frame), dtype=bool)
    if table.test_rows is not None:
        test[table.test_rows.start : table.test_rows.stop] = True
    else:
        test[_drawn(table, seed, test_fraction)] = True
    if test.all() or not test.any():
        raise UsageError(
            f"{table.name} has {len(test)} rows: a test fraction of {test_fraction} leaves one "
            "part empty"
        )
    return _part(table, ~test, "training"), _part(table, test, "test")


def rows_sha256(frame: pd.DataFrame) -> str:
    """A checksum of column names and values in their order; the index does not matter.

    Whole and decimal numbers that are equal hash alike, so that CSV and Parquet agree.
    """
    digest = sha256()
    for name in frame.columns:
        column = frame[name]
        digest.update(_framed(str(name).encode()))
        if is_number(column):
            values = column.to_numpy(dtype="<f8", na_value=np.nan) + 0.0  # -0.0 becomes 0.0
            values[np.isnan(values)] = np.nan
            digest.update(_framed(values.tobytes()))
        else:
            codes, names = coded(column)
            digest.update(_framed(b"".join(_framed(one.encode()) for one in names)))
            digest.update(_framed(codes.astype("<i8").tobytes()))
    return digest.hexdigest()


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(8, "little") + content


def _drawn(table: Table, seed: int, test_fraction: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    codes = np.zeros(len(table.frame), dtype=np.int64)
    if table.schema.positive is not None:
        codes = coded(table.frame[table.schema.target.name]).codes
    chosen = []
    for code in np.unique(codes):
        rows = rng.permutation(np.flatnonzero(codes == code))
        chosen.append(rows[: round(len(rows) * test_fraction)])
    return np.concatenate(chosen)


def _part(table: Table, chosen: np.ndarray, which: str) -> Table:
    frame = table.frame.loc[chosen].reset_index(drop=True)
    return Table(
        frame=frame, schema=table.schema, name=f"{table.name} ({which})", sha256=table.sha256
    )
