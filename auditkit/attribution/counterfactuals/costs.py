"""What a change asks of a person: so many typical deviations of a number, one for a category.

    deviations    |b - a| / MAD,  MAD the median of |x - median x| over the rows seen
    percentiles   |log((1 - Q(b)) / (1 - Q(a)))|,  Q the share of the rows seen below, and half
                  of those at, a value

The first is Wachter, Mittelstadt & Russell 2017, "Counterfactual explanations without opening the
black box", the second Ustun, Spangher & Liu 2019, "Actionable recourse in linear classification".
"""

from dataclasses import dataclass
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from auditkit.errors import DataError, UsageError, suggestion

Floats = NDArray[np.float64]
Measure = Literal["deviations", "percentiles"]

CATEGORY = 1.0  # what another category costs; so does a value where none was known
NEGLIGIBLE = 1e-12  # a spread below this share of the values is rounding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NumberCost:
    """What it costs to move one number, by the values that were seen of it.

    known (n,) are these, as they rise; unit is their median absolute deviation, or where most
    are one value (capital gains are 0 for nine in ten) their mean distance from the median.
    """

    measure: Measure
    known: Floats
    median: float
    unit: float

    @classmethod
    def of(cls, values: ArrayLike, measure: Measure = "deviations") -> Self:
        """By the finite ones of the values. Raises DataError where there are none."""
        if measure not in get_args(Measure):
            raise UsageError(f"no cost {measure!r}; {suggestion(measure, get_args(Measure))}")
        known = np.sort(np.asarray(values, np.float64))
        known = known[np.isfinite(known)]
        if not len(known):
            raise DataError("no value of the number is known: leave the column out")
        median = float(np.median(known))
        return cls(measure=measure, known=known, median=median, unit=typical(known))

    def between(self, origin: ArrayLike, target: ArrayLike) -> Floats:
        """The cost from each origin to each target, shapes broadcast; 0 where nothing moves.

        From a missing value it is that from the median, CATEGORY at least; to one it is infinite.
        """
        first, second = np.broadcast_arrays(
            np.asarray(origin, np.float64), np.asarray(target, np.float64)
        )
        unknown = np.isnan(first)
        start = np.where(unknown, self.median, first)
        if self.measure == "deviations":
            cost = np.abs(second - start) / self.unit
        else:
            cost = np.abs(self._left(start) - self._left(second))
        cost = np.where(unknown, np.maximum(cost, CATEGORY), cost)
        return np.where(np.isnan(second), np.where(unknown, 0.0, np.inf), cost)

    def _left(self, values: Floats) -> Floats:
        """log of the share of rows above, half of those at the value among them."""
        n = len(self.known)
        below = np.searchsorted(self.known, values, side="left")
        upto = np.searchsorted(self.known, values, side="right")
        # Beyond the largest value seen half a row is left, so that no cost is infinite.
        return np.log(np.maximum(1 - (below + upto) / (2 * n), 0.5 / n))


def typical(values: ArrayLike) -> float:
    """How far a value typically lies from the median: the unit in which changes are counted.

    The median distance; the mean one where that is 0; 1 of a column that is constant.
    """
    known = np.asarray(values, np.float64)
    off = np.abs(known - np.median(known))
    least = NEGLIGIBLE * max(float(np.abs(known).max()), 1e-300)
    return next(
        (float(one) for one in (np.median(off), off.mean()) if one > least),
        1.0,
    )


def category_cost(origin: ArrayLike, target: ArrayLike) -> Floats:
    """CATEGORY where the codes differ, 0 where they agree, shapes broadcast.

    Code -1 is a missing value, and to put one in costs infinitely much.
    """
    first, second = np.asarray(origin), np.asarray(target)
    differs = np.where(first == second, 0.0, CATEGORY)
    return np.where((second < 0) & (first >= 0), np.inf, differs)
