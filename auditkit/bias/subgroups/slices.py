"""What a slice is made of: conditions on columns, and which rows meet each."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.bias.membership import MISSING
from auditkit.data.memberships import band_names
from auditkit.data.values import canonical, coded, in_order, is_number, numbers
from auditkit.errors import DataError, UsageError

LONGEST = 60  # characters of a level, as it is named in a sentence

Mask = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Conditions:
    """k conditions, each on one column, and the rows that meet it.

    names such as "workclass = Private" or "age 25 to 44"; columns (k,) counts the columns of the
    frame from 0; rows is (k, n).
    """

    names: tuple[str, ...]
    columns: Ints
    rows: Mask


def conditions(frame: pd.DataFrame, *, bins: int = 5, least: int = 1) -> Conditions:
    """The conditions that at least `least` rows of `frame` meet, and as many do not.

    A numeric column is cut near its quantiles into at most `bins` parts, and every run of
    neighbouring parts is a condition; of any other column each level is one. A missing value is
    a level of its own. Of conditions that the same rows meet, the first is kept. Raises
    UsageError for fewer than two bins, DataError for a column of images or sequences.
    """
    if bins < 2:
        raise UsageError(f"bins is {bins}; a numeric column is cut into at least 2 parts")
    names: list[str] = []
    columns: list[int] = []
    rows: list[Mask] = []
    seen: set[bytes] = set()
    for place, name in enumerate(frame.columns):
        for said, met in _of_column(frame[name], str(name), bins, least):
            key = np.packbits(met).tobytes()
            if least <= np.count_nonzero(met) <= len(met) - least and key not in seen:
                seen.add(key)
                names.append(said)
                columns.append(place)
                rows.append(met)
    table = np.stack(rows) if rows else np.zeros((0, len(frame)), dtype=bool)
    return Conditions(names=tuple(names), columns=np.array(columns, dtype=np.int64), rows=table)


def _of_column(column: pd.Series, name: str, bins: int, least: int) -> list[tuple[str, Mask]]:
    if is_number(column):
        return _of_numbers(numbers(column), name, bins)
    try:
        codes, levels = coded(column)
    except TypeError as error:
        raise DataError(
            f"column {name!r} holds images or sequences, not values: leave it out"
        ) from error
    counts = np.bincount(codes + 1, minlength=len(levels) + 1)
    frequent = [code for code in range(len(levels)) if counts[code + 1] >= least]
    # A level that is written "(missing)" and a cell that is empty are both not known.
    said = {levels[code]: codes == code for code in frequent}
    said[MISSING] = said.get(MISSING, np.zeros(len(codes), dtype=bool)) | (codes < 0)
    order = (*in_order(tuple(level for level in said if level != MISSING)), MISSING)
    return [(f"{name} = {_short(level)}", said[level]) for level in order]


def _of_numbers(values: NDArray[np.float64], name: str, bins: int) -> list[tuple[str, Mask]]:
    """Runs of neighbouring parts, and the rows without a number."""
    missing = np.isnan(values)
    found = []
    edges = cuts(values[~missing], bins)
    part = np.searchsorted(edges, values, side="right")
    for first in range(len(edges) + 1):
        for last in range(first, len(edges) + 1):
            if first == 0 and last == len(edges):
                continue  # all of them: no condition
            met = (part >= first) & (part <= last) & ~missing
            low = edges[first - 1] if first else None
            high = edges[last] if last < len(edges) else None
            found.append((f"{name} {_span(values[met], low, high)}", met))
    return [*found, (f"{name} = {MISSING}", missing)]


def cuts(values: NDArray[np.float64], bins: int) -> NDArray[np.float64]:
    """Inner edges that cut finite values into at most `bins` parts, none of them empty.

    Every value is a part where there are no more than `bins`. Otherwise the edges are near the
    quantiles, rounded to be read; where nearly all values are the smallest one, that one stands
    against the rest.
    """
    distinct = np.unique(values)
    if len(distinct) <= bins:
        return np.asarray(distinct[1:])
    edges = np.quantile(values, np.arange(1, bins) / bins)
    spread = float(edges[-1] - edges[0])
    if np.array_equal(distinct, np.floor(distinct)):
        edges = np.ceil(edges)
    elif spread > 0:
        edges = np.round(edges, max(1 - int(np.floor(np.log10(spread))), 0))
    # The first value at or above an edge: of two edges with nothing between them one remains.
    place = np.unique(np.searchsorted(distinct, edges))
    place = place[(place > 0) & (place < len(distinct))]
    if not len(place):
        return np.asarray(distinct[1:2])
    rounded = {int(np.searchsorted(distinct, edge)): float(edge) for edge in np.unique(edges)}
    return np.array([rounded[one] for one in place.tolist()])


def _span(values: NDArray[np.float64], low: float | None, high: float | None) -> str:
    """A run of parts as a reader says it; low is its first value or None, high the first beyond."""
    if len(values) and values.min() == values.max():
        return f"= {canonical(values[0])}"
    if low is None:
        return band_names((float(high),))[0] if high is not None else ""
    if high is None:
        # "age 33 and over and sex = Male" would be read twice.
        return band_names((low,))[1].replace("and over", "or more")
    return band_names((low, high))[1]


def _short(level: str) -> str:
    return level if len(level) <= LONGEST else f"{level[: LONGEST - 1]}…"
