"""Rows together with what their columns mean; reading them, labelling them, splitting them."""

from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
import pandas as pd

from auditkit.data.inference import infer_schema, require_known
from auditkit.data.memberships import memberships
from auditkit.data.profile import fingerprinted
from auditkit.data.reading import read_table
from auditkit.data.schema import Schema, Task, require_column
from auditkit.data.values import Coded, coded, is_number, numbers
from auditkit.errors import DataError, UsageError

__all__ = [
    "Table",
    "classes",
    "hold_out",
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

    test_rows are the positions of a published test set, None where there is none. apart names
    the column (person, speaker, document) whose values never stand on both sides of a split.
    """

    frame: pd.DataFrame
    schema: Schema
    name: str
    sha256: str
    test_rows: range | None = None
    test_fraction: float = 0.25
    apart: str = ""


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


def split(table: Table, *, seed: int, test_fraction: float | None = None) -> tuple[Table, Table]:
    """Training and test part, each in the order of the rows.

    The published test set where there is one, else rows held out at random, the same for the
    same seed. test_fraction is the table's own unless given. Raises UsageError unless both parts
    get a row.
    """
    fraction = table.test_fraction if test_fraction is None else test_fraction
    positions = np.arange(len(table.frame))
    if table.test_rows is not None:
        published = np.isin(positions, table.test_rows)
        train, test = positions[~published], positions[published]
    else:
        rng = np.random.default_rng(seed)
        train, test = hold_out(
            table.frame, table.schema, fraction, rng, table.apart, where=table.name
        )
    if not len(train) or not len(test):
        alone = f" of one {table.apart}" if table.apart else ""
        raise UsageError(
            f"{table.name} has {len(positions)} rows{alone}: a test fraction of {fraction} leaves "
            "one part empty"
        )
    return _part(table, train, "training"), _part(table, test, "test")


def hold_out(
    frame: pd.DataFrame,
    schema: Schema,
    fraction: float,
    rng: np.random.Generator,
    apart: str = "",
    *,
    where: str = "the data",
) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the rows kept and of those held out, (k,) and (h,), each rising.

    With apart, all rows with one value of that column stand on one side: values are drawn until
    their rows come nearest to the fraction. Without, the fraction is drawn of each target value,
    of all rows where the target is a number or a text. Raises DataError where there is no such
    column.
    """
    if apart:
        require_column(frame, apart, where)
        chosen = _whole_groups(coded(frame[apart]).codes, fraction, rng)
    else:
        chosen = _of_each(_strata(frame, schema), fraction, rng)
    held = np.zeros(len(frame), dtype=bool)
    held[chosen] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


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
            codes, names = coded(fingerprinted(column))
            digest.update(_framed(b"".join(_framed(one.encode()) for one in names)))
            digest.update(_framed(codes.astype("<i8").tobytes()))
    return digest.hexdigest()


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(8, "little") + content


def _strata(frame: pd.DataFrame, schema: Schema) -> np.ndarray:
    if schema.task in (Task.DECISION, Task.CLASSES):
        return coded(frame[schema.target.name]).codes
    return np.zeros(len(frame), dtype=np.int64)


def _of_each(codes: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Positions of the fraction of each code's rows."""
    chosen = [np.array([], dtype=np.int64)]
    for code in np.unique(codes):
        rows = rng.permutation(np.flatnonzero(codes == code))
        chosen.append(rows[: round(len(rows) * fraction)])
    return np.concatenate(chosen)


def _whole_groups(codes: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Positions of all rows of some groups, in number as near to the fraction as the draw allows.

    At least one group is drawn and one is left. Rows of an unknown group are a group together:
    they may be one person's.
    """
    groups, sizes = np.unique(codes, return_counts=True)
    if len(groups) < 2:
        return np.array([], dtype=np.int64)
    order = rng.permutation(len(groups))
    reached = np.cumsum(sizes[order])[:-1]
    nearest = int(np.abs(reached - fraction * len(codes)).argmin())
    return np.flatnonzero(np.isin(codes, groups[order[: nearest + 1]]))


def _part(table: Table, rows: np.ndarray, which: str) -> Table:
    frame = table.frame.iloc[rows].reset_index(drop=True)
    return replace(table, frame=frame, name=f"{table.name} ({which})", test_rows=None)
