"""The distinct values of one column, and what it costs to move between them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.attribution.counterfactuals.costs import Measure, NumberCost, category_cost
from auditkit.data.schema import Column, Kind, require_column
from auditkit.data.values import coded, is_number, numbers

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MISSING, NEW = -1, -2  # codes of what is not known, and of what was never seen


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Values:
    """The distinct values of one column: found (k,) as they are stored, counts (k,) rows of each.

    numbers (k,) are the same as float64, rising, of a numeric column; None of a category, whose
    names are its levels. cost is that of moving a number.
    """

    name: str
    found: NDArray[Any]
    counts: Ints
    numbers: Floats | None
    names: tuple[str, ...]
    cost: NumberCost | None

    @property
    def numeric(self) -> bool:
        """Whether these are numbers."""
        return self.numbers is not None

    def codes(self, column: pd.Series) -> Ints:
        """The place of each cell's value among those found, MISSING or NEW, (n,)."""
        if self.numbers is not None:
            own = known_numbers(column)
            place = np.searchsorted(self.numbers, own)
            near = self.numbers[np.minimum(place, len(self.numbers) - 1)]
            return np.where(np.isnan(own), MISSING, np.where(near == own, place, NEW))
        levels = coded(column)
        known = {name: code for code, name in enumerate(self.names)}
        table = np.array([*(known.get(name, NEW) for name in levels.names), MISSING])
        return np.asarray(table[levels.codes], np.int64)

    def price(self, own: Ints, values: Floats, targets: Ints) -> Floats:
        """The cost from each of r rows to each of m values, (r, m).

        own (r,) are the rows' codes, values (r,) their numbers where the column is numeric.
        """
        if self.cost is None or self.numbers is None:
            return category_cost(own[:, None], targets)
        return self.cost.between(values[:, None], self.numbers[targets])


def known_numbers(column: pd.Series) -> Floats:
    """A column as float64 (n,), NaN where it holds no finite number."""
    known = column if is_number(column) else pd.to_numeric(column, errors="coerce")
    return numbers(known)


def values_of(frame: pd.DataFrame, feature: Column, measure: Measure) -> Values:
    """What a column of `frame` holds, numbers rising. Raises DataError where it is absent."""
    require_column(frame, feature.name, "the rows seen")
    column = frame[feature.name]
    if feature.kind is Kind.NUMERIC:
        known = known_numbers(column)
        distinct, first, counts = np.unique(
            known[~np.isnan(known)], return_index=True, return_counts=True
        )
        stored = column.to_numpy()[~np.isnan(known)][first] if len(distinct) else distinct
        cost = NumberCost.of(known, measure) if len(distinct) else None
        return Values(
            name=feature.name,
            found=stored if is_number(column) else distinct,
            counts=counts,
            numbers=distinct,
            names=(),
            cost=cost,
        )
    levels = coded(column)
    _, first = np.unique(levels.codes, return_index=True)
    at = {int(levels.codes[row]): row for row in first}
    stored = column.to_numpy()
    found = np.empty(len(levels.names), dtype=object)
    found[:] = [stored[at[code]] for code in range(len(levels.names))]
    return Values(
        name=feature.name,
        found=found if not is_number(column) else found.astype(stored.dtype),
        counts=np.bincount(levels.codes[levels.codes >= 0], minlength=len(levels.names)),
        numbers=None,
        names=levels.names,
        cost=None,
    )
