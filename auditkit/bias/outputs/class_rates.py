"""Several classes by group: recall, precision and how often each is said, from one table of counts.

A class against all others is a table of tp, fp, fn and tn, so that the rates, intervals and nulls
of `bias.groups` serve here too; they are made to hold for all classes at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.bias.groups import CELLS, label, share
from auditkit.bias.membership import membership
from auditkit.errors import DataError, UsageError, suggestion
from auditkit.statistics import multiclass
from auditkit.statistics.estimate import Estimate, undefined

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# The rate of the class against all others, and who is lacking where it is undefined.
CLASS_RATES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "recall": ("true_positive_rate", "no rows of this class"),
        "precision": ("precision", "never said"),
        "share_said": ("selection_rate", "no rows"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassCounts:
    """Rows by group, right class and class said: table (G, K, K) int64, said across.

    index has the groups, in the order of `group_counts`; levels are the K classes.
    """

    index: pd.Index
    levels: tuple[str, ...]
    table: Ints

    @property
    def groups(self) -> tuple[str, ...]:
        """Readable names of the groups, (G,)."""
        return tuple(label(group) for group in self.index)

    @property
    def hits(self) -> Ints:
        """Rows of each class that are called so, (G, K)."""
        return np.asarray(np.diagonal(self.table, axis1=1, axis2=2))

    @property
    def rows(self) -> Ints:
        """Rows of each class, (G, K)."""
        return np.asarray(self.table.sum(axis=2))

    @property
    def said(self) -> Ints:
        """Rows called each class, (G, K)."""
        return np.asarray(self.table.sum(axis=1))

    def one_vs_rest(self) -> dict[str, pd.DataFrame]:
        """For each class its tp, fp, fn, tn by group: equal to `group_counts` of y == class."""
        tp, everybody = self.hits, self.table.sum(axis=(1, 2))[:, None]
        fp, fn = self.said - tp, self.rows - tp
        cells = np.stack([tp, fp, fn, everybody - tp - fp - fn], axis=2)  # (G, K, 4)
        return {
            name: pd.DataFrame(cells[:, k], index=self.index, columns=list(CELLS))
            for k, name in enumerate(self.levels)
        }


def class_counts(
    y: Any, said: Any, sensitive: Any, *, levels: Sequence[Any] | None = None
) -> ClassCounts:
    """Confusion counts of several classes by group, the rows read once.

    y and said hold classes, (n,); sensitive is what `group_counts` takes. levels names the classes
    in their order, by default those that occur in either, sorted. Raises DataError for lengths
    that differ, no rows, a class that is missing or not among the levels.
    """
    truth, answer = _column(y, "y"), _column(said, "said")
    codes, index = membership(sensitive, {"y": len(truth), "said": len(answer)})
    names = _sorted_levels(truth, answer) if levels is None else list(levels)
    places = (_places(one, names, where) for one, where in ((truth, "y"), (answer, "said")))
    size = len(names)
    cell = (codes * size + next(places)) * size + next(places)
    table = np.bincount(cell, minlength=len(index) * size * size)
    return ClassCounts(
        index=index,
        levels=tuple(map(str, names)),
        table=table.reshape(len(index), size, size).astype(np.int64),
    )


def class_rates(counts: ClassCounts, rate: str) -> pd.DataFrame:
    """One of CLASS_RATES by group (down) and class (across), in [0, 1], NaN where undefined.

    recall: of the rows of a class, the share called so. precision: of the rows called so, the
    share that are. share_said: of all rows of the group, the share called so. Raises UsageError
    for another name.
    """
    hits, n = parts_of(counts, rate)
    return pd.DataFrame(share(hits, n), index=counts.index, columns=list(counts.levels))


def by_group(
    counts: ClassCounts, *, min_group_size: int = 0, confidence: float = 0.95
) -> pd.DataFrame:
    """How well each group is served, a line a group.

    Columns rows, accuracy, macro recall, low, high, worst class, its recall, reason. macro recall
    is the mean over the classes of which every group of min_group_size rows has some, so that all
    groups are measured alike; with its interval, NaN, with the reason, of fewer than two classes.
    The worst class is chosen among those with min_group_size rows in the group (at least one):
    being the worst of many, it looks worse than it is.
    """
    hits, rows = counts.hits, counts.rows
    present = shared_classes(counts, min_group_size)
    macro = [
        macro_recall(hits[place], rows[place], counts.levels, present, confidence)
        for place in range(len(hits))
    ]
    recall = np.where(rows >= max(min_group_size, 1), share(hits, rows), np.inf)
    worst = recall.argmin(axis=1)
    least = recall[np.arange(len(recall)), worst]
    known = np.isfinite(least)
    names = np.asarray(counts.levels, dtype=object)[worst]
    return pd.DataFrame(
        {
            "rows": rows.sum(axis=1),
            "accuracy": share(hits.sum(axis=1), rows.sum(axis=1)),
            "macro recall": [one.value for one in macro],
            "low": [one.low for one in macro],
            "high": [one.high for one in macro],
            "worst class": np.where(known, names, ""),
            "its recall": np.where(known, least, np.nan),
            "reason": [one.reason for one in macro],
        },
        index=counts.index,
    )


def macro_recall(
    hits: Ints, rows: Ints, levels: Sequence[str], present: Ints, confidence: float
) -> Estimate:
    """Macro recall over the present classes of one group, (K,) hits of (K,) rows."""
    if len(present) < 2:
        return undefined("fewer than two classes have rows in every group", n=int(rows.sum()))
    size = len(present)
    table = np.diag(hits[present])
    # Where a miss went does not matter to a recall.
    table[np.arange(size), (np.arange(size) + 1) % size] += (rows - hits)[present]
    return multiclass.macro_recall(table, [levels[k] for k in present], confidence=confidence)


def shared_classes(counts: ClassCounts, min_group_size: int) -> Ints:
    """Places of the classes of which every group large enough has rows: a mean of the same."""
    rows = counts.rows
    large = rows[rows.sum(axis=1) >= max(min_group_size, 1)]
    return np.flatnonzero((large > 0).all(axis=0) & (len(large) > 0))


def parts_of(counts: ClassCounts, rate: str) -> tuple[Ints, Ints]:
    """Numerator and denominator of one of CLASS_RATES, each (G, K)."""
    if rate not in CLASS_RATES:
        raise UsageError(f"no rate {rate!r} of classes; {suggestion(rate, CLASS_RATES)}")
    if rate == "share_said":
        rows = counts.table.sum(axis=(1, 2))
        return counts.said, np.broadcast_to(rows[:, None], counts.said.shape)
    return counts.hits, counts.rows if rate == "recall" else counts.said


def _column(values: Any, name: str) -> pd.Series:
    column = values if isinstance(values, pd.Series) else pd.Series(values)
    if column.isna().any():
        count = int(column.isna().sum())
        raise DataError(f"{name} is missing in {count} of {len(column)} rows; leave those rows out")
    return column


def _sorted_levels(*columns: pd.Series) -> list[Any]:
    levels = {one for column in columns for one in pd.unique(column)}
    try:
        return sorted(levels)
    except TypeError:
        return sorted(levels, key=lambda level: (type(level).__name__, str(level)))


def _places(column: pd.Series, levels: Sequence[Any], name: str) -> Ints:
    """Each value's place among the levels."""
    codes = pd.Index(levels).get_indexer(pd.Index(column))
    if (codes < 0).any():
        strange = column.iloc[int((codes < 0).argmax())]
        known = ", ".join(map(str, levels[:5])) + (", ..." if len(levels) > 5 else "")
        raise DataError(f"{name} holds the class {strange!r}, which is none of {known}")
    return np.asarray(codes, dtype=np.int64)
