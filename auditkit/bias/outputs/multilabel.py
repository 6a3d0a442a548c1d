"""Several labels a row, each there or not: how well each is set by group, and the largest gap.

Every label is a table of tp, fp, fn and tn by group, all counted in one pass. Which labels occur
together is not kept: gaps over all labels are judged as if they were independent, which is
cautious whatever their dependence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.bias.bootstrap import draw, max_t, require_draws
from auditkit.bias.groups import CELLS, RATES, label, rate_of, share
from auditkit.bias.membership import membership
from auditkit.bias.null import Null, permutation_null
from auditkit.bias.pairs import Contest
from auditkit.bias.several import SeveralGap, contests_of, several_gap
from auditkit.errors import DataError
from auditkit.statistics.intervals import rate_interval

Ints = NDArray[np.int64]

METHOD = "score intervals of all pairs and labels at once (max-T)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelCounts:
    """Rows by group and label: table (G, L, 4) int64, cells in the order of CELLS.

    rows (G,) counts the rows of each group, exact (G,) those with every label right. index has the
    groups, in the order of `group_counts`; labels are the L names.
    """

    index: pd.Index
    labels: tuple[str, ...]
    table: Ints
    rows: Ints
    exact: Ints

    def of(self, name: str) -> pd.DataFrame:
        """The counts of one label: equal to `group_counts` of its column."""
        place = self.labels.index(name)
        return pd.DataFrame(self.table[:, place], index=self.index, columns=list(CELLS))

    def over_labels(self) -> pd.DataFrame:
        """The counts of all labels together, from which micro averages follow."""
        return pd.DataFrame(self.table.sum(axis=1), index=self.index, columns=list(CELLS))


def label_counts(
    y_true: Any, y_pred: Any, sensitive: Any, *, labels: Sequence[str] | None = None
) -> LabelCounts:
    """Confusion counts of every label by group, the rows read once.

    y_true and y_pred are (n, L) of 0/1 or booleans; of frames the columns of y_pred are taken by
    the names of y_true's. sensitive is what `group_counts` takes. labels names the columns of
    arrays. Raises DataError for shapes or lengths that differ, no rows or labels, and other values.
    """
    if isinstance(y_true, pd.DataFrame) and isinstance(y_pred, pd.DataFrame):
        lacking = [str(name) for name in y_true.columns if name not in y_pred.columns]
        if lacking:
            raise DataError(f"y_pred has no column {', '.join(lacking)}; give each label's")
        y_pred = y_pred[list(y_true.columns)]
    names = _names(y_true, labels)
    truth, said = _bits(y_true, "y_true"), _bits(y_pred, "y_pred")
    if not truth.shape[1] == said.shape[1] == len(names):
        raise DataError(
            f"y_true has {truth.shape[1]} labels, y_pred {said.shape[1]}, named are {len(names)}; "
            "give the same labels to each"
        )
    codes, index = membership(sensitive, {"y_true": len(truth), "y_pred": len(said)})
    size, groups = truth.shape[1], len(index)
    cell = (codes[:, None] * size + np.arange(size)) * 4 + 3 - 2 * truth - said  # (n, L)
    table = np.bincount(cell.ravel(), minlength=groups * size * 4).reshape(groups, size, 4)
    right = (truth == said).all(axis=1)
    return LabelCounts(
        index=index,
        labels=names,
        table=table[:, :, [0, 2, 1, 3]].astype(np.int64),  # counted as tp, fn, fp, tn
        rows=np.bincount(codes, minlength=groups),
        exact=np.bincount(codes[right], minlength=groups),
    )


def label_rates(counts: LabelCounts, rate: str) -> pd.DataFrame:
    """One of RATES by group (down) and label (across), in [0, 1], NaN where undefined."""
    hits, n = _parts(counts, rate)
    return pd.DataFrame(share(hits, n), index=counts.index, columns=list(counts.labels))


def label_averages(
    counts: LabelCounts, rate: str, *, min_group_size: int = 0, confidence: float = 0.95
) -> pd.DataFrame:
    """A rate averaged over labels, a line a group.

    Columns rows, macro (mean over the labels, each counting alike), micro (all labels' cells
    together), worst label, its rate, low, high, subset accuracy, its low, its high, reason. macro
    is NaN, with the reason, in a group where a label's rate is undefined; the worst label, that
    of the lowest rate, is chosen among those that rest on min_group_size rows (at least one), and
    its interval holds for it alone. Subset accuracy is the share of rows with every label right.
    """
    hits, n = _parts(counts, rate)
    values = share(hits, n)
    known = np.where(n >= max(min_group_size, 1), values, np.inf)
    line, worst = np.arange(len(known)), known.argmin(axis=1)
    some = np.isfinite(known[line, worst])
    low, high = rate_interval(hits[line, worst], n[line, worst], confidence=confidence)
    exact = rate_interval(counts.exact, counts.rows, confidence=confidence)
    together = RATES[rate].parts(counts.over_labels())
    return pd.DataFrame(
        {
            "rows": counts.rows,
            "macro": values.mean(axis=1),
            "micro": share(*together),
            "worst label": np.where(some, np.asarray(counts.labels, dtype=object)[worst], ""),
            "its rate": np.where(some, known[line, worst], np.nan),
            "low": np.where(some, low, np.nan),
            "high": np.where(some, high, np.nan),
            "subset accuracy": share(counts.exact, counts.rows),
            "its low": exact[0],
            "its high": exact[1],
            "reason": [_lacking(row, counts.labels, rate) for row in n],
        },
        index=counts.index,
    )


def label_gap(
    counts: LabelCounts,
    rate: str,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    draws: int = 1000,
    min_group_size: int = 0,
) -> SeveralGap:
    """The largest difference between groups in one of RATES, of any label.

    The intervals hold for all pairs and labels at once. Labels are drawn and permuted each by
    itself: by Royen's inequality the largest deviation of dependent normals exceeds a bound no
    more often, so that intervals and p err on the careful side. A group with fewer than
    min_group_size rows in a label's denominator (at least one) is left out of that label. Raises
    UsageError for an unknown rate, a confidence outside (0, 1) and fewer than one draw.

    Royen 2014, "A simple proof of the Gaussian correlation conjecture".
    """
    require_draws(draws, confidence)
    tables = {name: counts.of(name) for name in counts.labels}
    nobody = rate_of(rate).nobody
    contests, left_out, omitted = contests_of(
        tables, rate, nobody=nobody, min_group_size=min_group_size
    )

    def maxima() -> NDArray[np.float64]:
        each = [
            max_t(one, draw(tables[name], draws, rng), "difference")
            for name, one in contests.items()
        ]
        return np.asarray(np.max(each, axis=0))

    def null(every: Sequence[Contest], observed: float) -> Null:
        return permutation_null(every, observed, comparison="difference", draws=draws, rng=rng)

    return several_gap(
        contests,
        rate=rate,
        maxima=maxima,
        null=null,
        left_out=left_out,
        omitted=omitted,
        confidence=confidence,
        method=METHOD,
        same_rows=True,
    )


def _parts(counts: LabelCounts, rate: str) -> tuple[Ints, Ints]:
    """Numerator and denominator of the rate, each (G, L)."""
    chosen = rate_of(rate)
    hits = counts.table[:, :, chosen.numerator_cells].sum(axis=2)
    return hits, counts.table[:, :, chosen.denominator_cells].sum(axis=2)


def _lacking(rows: Ints, labels: Sequence[str], rate: str) -> str:
    empty = [name for name, n in zip(labels, rows, strict=True) if n == 0]
    if not empty:
        return ""
    more = f" and {len(empty) - 3} more" if len(empty) > 3 else ""
    return f"{RATES[rate].nobody} for {', '.join(empty[:3])}{more}"


def _names(y_true: Any, labels: Sequence[str] | None) -> tuple[str, ...]:
    if labels is not None:
        names = tuple(map(str, labels))
    elif isinstance(y_true, pd.DataFrame):
        names = tuple(map(label, y_true.columns))
    else:
        shape = np.shape(y_true)
        names = tuple(map(str, range(shape[1]))) if len(shape) == 2 else ()
    if len(set(names)) < len(names):
        raise DataError("two labels have the same name; name each differently")
    return names


def _bits(values: Any, name: str) -> Ints:
    """The values as (n, L) zeros and ones, or a DataError."""
    table = values.to_numpy() if isinstance(values, pd.DataFrame) else np.asarray(values)
    if table.ndim != 2 or not table.shape[1]:
        raise DataError(f"{name} has shape {table.shape}; give a row a row, a label across")
    if table.dtype != bool:
        fits = np.isin(table, (0, 1))
        if not fits.all():
            row, column = np.argwhere(~fits)[0]
            raise DataError(
                f"{name} holds {table[row, column]!r} in row {row + 1}, label {column + 1}; "
                "labels are 0 or 1"
            )
    return table.astype(np.int64)
