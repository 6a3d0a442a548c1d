"""Who got which decision: confusion counts by group, and the rates that follow from them.

The rows are read once. Everything after that (rates, intervals, gaps, nulls, bootstrap) is
arithmetic on a table with one line a group and four columns: tp, fp, fn, tn.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from auditkit.bias.membership import membership
from auditkit.errors import DataError, UsageError, suggestion
from auditkit.statistics.intervals import rate_interval

CELLS = ("tp", "fp", "fn", "tn")

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share of some cells in others; `nobody` says who is lacking where there are none."""

    numerator: tuple[str, ...]
    denominator: tuple[str, ...]
    nobody: str

    def parts(self, counts: pd.DataFrame) -> tuple[Ints, Ints]:
        """Numerator and denominator, each (groups,)."""
        table = cells(counts)
        return (
            table[:, self.numerator_cells].sum(axis=1),
            table[:, self.denominator_cells].sum(axis=1),
        )

    @property
    def numerator_cells(self) -> list[int]:
        """Places of the numerator's cells in CELLS."""
        return [CELLS.index(cell) for cell in self.numerator]

    @property
    def denominator_cells(self) -> list[int]:
        """Places of the denominator's cells in CELLS."""
        return [CELLS.index(cell) for cell in self.denominator]


_POSITIVES, _NEGATIVES = ("tp", "fn"), ("fp", "tn")
_CHOSEN, _REFUSED = ("tp", "fp"), ("fn", "tn")

RATES: Mapping[str, Rate] = MappingProxyType(
    {
        "selection_rate": Rate(numerator=_CHOSEN, denominator=CELLS, nobody="no rows"),
        "true_positive_rate": Rate(
            numerator=("tp",), denominator=_POSITIVES, nobody="no positives"
        ),
        "false_positive_rate": Rate(
            numerator=("fp",), denominator=_NEGATIVES, nobody="no negatives"
        ),
        "true_negative_rate": Rate(
            numerator=("tn",), denominator=_NEGATIVES, nobody="no negatives"
        ),
        "false_negative_rate": Rate(
            numerator=("fn",), denominator=_POSITIVES, nobody="no positives"
        ),
        "precision": Rate(
            numerator=("tp",), denominator=_CHOSEN, nobody="nobody predicted positive"
        ),
        "negative_predictive_value": Rate(
            numerator=("tn",), denominator=_REFUSED, nobody="nobody predicted negative"
        ),
        "accuracy": Rate(numerator=("tp", "tn"), denominator=CELLS, nobody="no rows"),
    }
)


def group_counts(y_true: Any, y_pred: Any, sensitive: Any) -> pd.DataFrame:
    """Confusion counts by group: int64 columns tp, fp, fn, tn, one line a group, sorted.

    y_true and y_pred hold 0/1 or booleans, row by row. sensitive is one column (the index is
    named after it) or several, as a frame, a mapping or a sequence of columns (a MultiIndex of
    the intersections that occur). A missing membership is the group "(missing)", the last of
    its column. Raises DataError for lengths that differ, no rows, other values or missing ones.
    """
    places, index = cell_places(y_true, y_pred, sensitive)
    table = np.bincount(places, minlength=4 * len(index)).reshape(-1, 4)
    return pd.DataFrame(table.astype(np.int64), index=index, columns=list(CELLS))


def cell_places(y_true: Any, y_pred: Any, sensitive: Any) -> tuple[Ints, pd.Index]:
    """Each row's cell, (n,), and the groups that `group_counts` finds.

    A cell is four times the group's place plus the place in CELLS. Raises as `group_counts` does.
    """
    truth, predicted = _binary(y_true, "y_true"), _binary(y_pred, "y_pred")
    codes, index = membership(sensitive, {"y_true": len(truth), "y_pred": len(predicted)})
    return codes * 4 + (2 * (1 - predicted) + (1 - truth)), index  # tp, fp, fn, tn


def rate_of(name: str) -> Rate:
    """The rate of that name. Raises UsageError, with the names there are, for another."""
    if name not in RATES:
        raise UsageError(f"no rate {name!r}; {suggestion(name, RATES)}")
    return RATES[name]


def rates(counts: pd.DataFrame) -> pd.DataFrame:
    """Every rate of every group: groups x RATES, each in [0, 1], NaN where undefined."""
    parts = {name: rate.parts(counts) for name, rate in RATES.items()}
    return pd.DataFrame({name: share(*both) for name, both in parts.items()}, index=counts.index)


def rate_estimates(
    counts: pd.DataFrame, rate_name: str, *, confidence: float = 0.95
) -> pd.DataFrame:
    """One rate by group with its interval: columns value, low, high, n, reason.

    n is the rate's denominator. Where that is 0 the value and its interval are NaN and reason
    says why; otherwise reason is empty. Raises UsageError for an unknown rate.
    """
    rate = rate_of(rate_name)
    hits, n = rate.parts(counts)
    low, high = rate_interval(hits, n, confidence=confidence)
    reason = np.where(n > 0, "", f"{rate.nobody} in this group")
    columns = {"value": share(hits, n), "low": low, "high": high, "n": n, "reason": reason}
    return pd.DataFrame(columns, index=counts.index)


def rate_of_all(counts: pd.DataFrame, rate_name: str) -> float:
    """One rate of the rows of all groups together; NaN where it is undefined."""
    hits, n = rate_of(rate_name).parts(counts)
    return float(share(hits.sum(), n.sum()))


def sizes(counts: pd.DataFrame) -> Ints:
    """The rows of each group, (groups,)."""
    return np.asarray(cells(counts).sum(axis=1))


def label_counts(counts: pd.DataFrame) -> pd.DataFrame:
    """The labels' own table, before any model: positives of each group as tp, the others as tn."""
    nobody = np.zeros(len(counts), dtype=np.int64)
    negatives = counts["fp"] + counts["tn"]
    columns = {"tp": counts["tp"] + counts["fn"], "fp": nobody, "fn": nobody, "tn": negatives}
    return pd.DataFrame(columns, index=counts.index)


def cells(counts: pd.DataFrame) -> Ints:
    """The table as (groups, 4), cells in the order of CELLS."""
    return counts[list(CELLS)].to_numpy(np.int64)


def label(group: object) -> str:
    """Readable name of an entry of the index: "Female", or "Female, Black" for a tuple."""
    if isinstance(group, tuple):
        return ", ".join(map(label, group))
    # A column of whole numbers with a missing one is read as floats: 1.0 was written 1.
    return str(int(group)) if isinstance(group, float) and group.is_integer() else str(group)


def share(hits: ArrayLike, n: ArrayLike) -> NDArray[np.float64]:
    """Hits over n, NaN where n is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return cast(NDArray[np.float64], np.true_divide(hits, n))


def _binary(values: Any, name: str) -> Ints:
    """The values as int64 zeros and ones, or a DataError that says how to get there."""
    column = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values).ravel())
    if column.dtype != bool and column.isna().any():
        count = int(column.isna().sum())
        raise DataError(f"{name} is missing in {count} of {len(column)} rows; leave those rows out")
    array = column.to_numpy()
    if array.dtype == bool or (array.dtype.kind in "iu" and _within(array)):
        return array.astype(np.int64, copy=False)
    others = [one for one in pd.unique(array).tolist() if not _is_bit(one)]
    if others:
        shown = [repr(one) for one in sorted(others, key=str)]
        raise DataError(
            f"{name} holds {', '.join(shown[:3])}, not 0 and 1; compare it with the favoured "
            f"value, such as {name} == {shown[-1]}"
        )
    return array.astype(np.int64)


def _within(array: NDArray[np.integer[Any]]) -> bool:
    return not len(array) or bool(array.min() >= 0 and array.max() <= 1)


def _is_bit(value: Any) -> bool:
    return isinstance(value, bool | int | float | np.number | np.bool_) and value in (0, 1)
