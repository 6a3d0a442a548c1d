"""Asking a model again about the same row with one thing changed, and nothing else.

`flip` puts every other level of a sensitive column in its place; what is compared for texts is
made by `identity_terms` and compared by the same `Asked`. Only for models that answer the same
row in the same way each time.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from auditkit.bias.groups import label
from auditkit.bias.membership import MISSING
from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import rate_interval
from auditkit.statistics.regression import signed_error

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

METHOD = "guarded Wilson over rows"
# Sums of a batch are taken in another order in another batch: closer than this is the same.
RELATIVE, ABSOLUTE = 1e-5, 1e-7
NOTHING = "there is nothing else to put in place: no row, or all of one group"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Answers:
    """What a model says of n rows: what it decides, and by how much.

    decisions (n,) are 0 and 1, or places of classes, or None of numbers. values (n,) are scores
    or numbers, whatever can be more or less; None where there are none. favoured says that
    decision 1 is a favoured outcome, so that a change has a direction.
    """

    decisions: Ints | None
    values: Floats | None
    favoured: bool = False

    def __len__(self) -> int:
        either = self.decisions if self.decisions is not None else self.values
        return 0 if either is None else len(either)

    def at(self, rows: ArrayLike) -> "Answers":
        """The answers of these rows."""
        places = np.asarray(rows)
        return Answers(
            decisions=None if self.decisions is None else self.decisions[places],
            values=None if self.values is None else self.values[places],
            favoured=self.favoured,
        )


Ask = Callable[[pd.DataFrame], Answers]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """Questions put a second time with something changed.

    row (q,) is the row that each question is about, one of n; origin and target (q,) say what
    stood there and what was put there, as places in labels. flipped (q,) bool: another decision;
    toward and away (q,) bool: the favoured outcome gained or lost. change (q,) is value after
    minus before, 0 where the two differ by rounding alone, NaN where there are no values.
    """

    n: int
    labels: tuple[str, ...]
    row: Ints
    origin: Ints
    target: Ints
    flipped: Mask
    toward: Mask
    away: Mask
    change: Floats

    @property
    def moved(self) -> bool:
        """Whether anything at all was answered otherwise."""
        return bool(self.flipped.any() or np.any(np.abs(self.change) > 0))

    @property
    def _silent(self) -> str:
        return "the model gives no score" if len(self.row) else NOTHING

    def rate(self, among: Mask | None = None, *, confidence: float = 0.95) -> Estimate:
        """Share of rows for which some change makes another decision; 0 is ideal.

        A row counts once however often it was asked about. Undefined without rows.
        """
        kept = np.ones(len(self.row), bool) if among is None else among
        n = len(np.unique(self.row[kept]))
        if not n:
            return undefined(NOTHING, method=METHOD)
        hits = len(np.unique(self.row[kept & self.flipped]))
        low, high = rate_interval(hits, n, confidence=confidence)
        return Estimate(
            value=hits / n,
            low=float(low),
            high=float(high),
            n=n,
            method=METHOD,
            confidence=confidence,
        )

    def mean_change(self, among: Mask | None = None, *, confidence: float = 0.95) -> Estimate:
        """Mean change of the value over rows, each by the mean of its questions; Student's.

        Undefined where there are no values.
        """
        kept = np.isfinite(self.change) if among is None else among & np.isfinite(self.change)
        if not kept.any():
            return undefined(self._silent, method="Student's t")
        _, place = np.unique(self.row[kept], return_inverse=True)
        means = np.bincount(place, self.change[kept]) / np.bincount(place)
        return signed_error(np.zeros(len(means)), means, confidence=confidence)

    def largest_change(self, *, confidence: float = 0.95) -> Estimate:
        """Mean over rows of the largest change of the value, either way; Student's."""
        kept = np.isfinite(self.change)
        if not kept.any():
            return undefined(self._silent, method="Student's t")
        _, place = np.unique(self.row[kept], return_inverse=True)
        largest = np.zeros(place.max() + 1)
        np.maximum.at(largest, place, np.abs(self.change[kept]))
        return signed_error(np.zeros(len(largest)), largest, confidence=confidence)

    def directions(self, *, confidence: float = 0.95) -> pd.DataFrame:
        """A line for each change that was made, most flips first.

        Columns from, to, rows, flipped, low, high (the share with its interval), toward, away
        (counts of the favoured outcome gained and lost), change, change low, change high.
        """
        size = len(self.labels)
        pair = self.origin * size + self.target
        lines = []
        for code in np.unique(pair):
            among = pair == code
            rate = self.rate(among, confidence=confidence)
            moved = self.mean_change(among, confidence=confidence)
            lines.append(
                {
                    "from": self.labels[code // size],
                    "to": self.labels[code % size],
                    "rows": rate.n,
                    "flipped": rate.value,
                    "low": rate.low,
                    "high": rate.high,
                    "toward": int(self.toward[among].sum()),
                    "away": int(self.away[among].sum()),
                    "change": moved.value,
                    "change low": moved.low,
                    "change high": moved.high,
                }
            )
        frame = pd.DataFrame(lines)
        return frame if not lines else frame.sort_values("flipped", ascending=False, kind="stable")

    def by_origin(self, *, confidence: float = 0.95) -> pd.DataFrame:
        """The rate of each group that was asked about: group, value, low, high, n."""
        lines = []
        for code in np.unique(self.origin):
            rate = self.rate(self.origin == code, confidence=confidence)
            lines.append((self.labels[code], rate.value, rate.low, rate.high, rate.n))
        return pd.DataFrame(lines, columns=["group", "value", "low", "high", "n"])


def flip(
    ask: Ask,
    frame: pd.DataFrame,
    column: str,
    groups: pd.Series,
    *,
    before: Answers | None = None,
) -> Asked:
    """Every row asked about again with every other group's value in place of its own.

    ask answers the rows of a frame. groups holds each row's group by `column` (one label a row;
    of a banded number its band): what is put in place is the median of a band's values, the first
    of a level's. A missing value is never put in place of another. before are the answers to the
    rows as they are, asked for if left out. Raises DataError for lengths that differ.
    """
    if len(groups) != len(frame):
        raise DataError(f"{len(groups)} groups for {len(frame)} rows; give one for each row")
    first = ask(frame) if before is None else before
    codes, names = _coded(groups)
    stand_ins = _stand_ins(frame[column], codes, names)
    questions = [(code, np.flatnonzero(codes != code)) for code in stand_ins]
    questions = [(code, rows) for code, rows in questions if len(rows)]
    parts = [_put(frame.iloc[rows], column, stand_ins[code]) for code, rows in questions]
    row = np.concatenate([np.empty(0, np.int64), *(rows for _, rows in questions)])
    target = np.concatenate(
        [np.empty(0, np.int64), *(np.full(len(rows), code) for code, rows in questions)]
    )
    after = ask(pd.concat(parts)) if parts else first.at(row)
    return compared(first, after, row=row, origin=codes[row], target=target, labels=names)


def compared(
    before: Answers,
    after: Answers,
    *,
    row: ArrayLike,
    origin: ArrayLike,
    target: ArrayLike,
    labels: Sequence[str],
) -> Asked:
    """What became of answers: before (n,) to the rows, after (q,) to the changed ones.

    row (q,) says which row each changed one was. Raises DataError for lengths that differ.
    """
    places = np.asarray(row, np.int64)
    if len(after) != len(places):
        raise DataError(f"{len(after)} answers to {len(places)} questions; give one for each")
    first = before.at(places)
    flipped = toward = away = np.zeros(len(places), bool)
    if first.decisions is not None and after.decisions is not None:
        flipped = first.decisions != after.decisions
        if before.favoured:
            toward, away = flipped & (after.decisions == 1), flipped & (after.decisions != 1)
    change = np.full(len(places), math.nan)
    if first.values is not None and after.values is not None:
        same = np.isclose(after.values, first.values, rtol=RELATIVE, atol=ABSOLUTE)
        change = np.where(same, 0.0, after.values - first.values)
    return Asked(
        n=len(before),
        labels=tuple(labels),
        row=places,
        origin=np.asarray(origin, np.int64),
        target=np.asarray(target, np.int64),
        flipped=flipped,
        toward=toward,
        away=away,
        change=change,
    )


def joined(several: Sequence[Asked]) -> Asked:
    """Questions about different rows, at least one set of them, as one set."""
    rows = np.cumsum([0, *(one.n for one in several)])
    names = np.cumsum([0, *(len(one.labels) for one in several)])
    return Asked(
        n=int(rows[-1]),
        labels=tuple(name for one in several for name in one.labels),
        row=np.concatenate([one.row + by for one, by in zip(several, rows[:-1], strict=True)]),
        origin=np.concatenate([o.origin + by for o, by in zip(several, names[:-1], strict=True)]),
        target=np.concatenate([o.target + by for o, by in zip(several, names[:-1], strict=True)]),
        flipped=np.concatenate([one.flipped for one in several]),
        toward=np.concatenate([one.toward for one in several]),
        away=np.concatenate([one.away for one in several]),
        change=np.concatenate([one.change for one in several]),
    )


def unsteady(first: Answers, second: Answers) -> float:
    """Share of rows that are answered otherwise when asked the same again; 0 of a steady model."""
    if first.decisions is not None and second.decisions is not None:
        return float(np.mean(first.decisions != second.decisions)) if len(first) else 0.0
    if first.values is None or second.values is None or not len(first):
        return 0.0
    same = np.isclose(first.values, second.values, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True)
    return float(np.mean(~same))


def _coded(groups: pd.Series) -> tuple[Ints, tuple[str, ...]]:
    """Each row's place among the groups that occur, in their order."""
    if isinstance(groups.dtype, pd.CategoricalDtype):
        used = groups.cat.remove_unused_categories()
        codes, names = (
            used.cat.codes.to_numpy(np.int64),
            [label(one) for one in used.cat.categories],
        )
    else:
        codes, uniques = pd.factorize(groups, sort=False)
        names = [label(one) for one in uniques]
    if (codes < 0).any():
        codes, names = np.where(codes < 0, len(names), codes), [*names, MISSING]
    return codes.astype(np.int64), tuple(names)


def _stand_ins(values: pd.Series, codes: Ints, names: tuple[str, ...]) -> Mapping[int, object]:
    """A value for each group but the missing one: one that occurs, in the middle of a band."""
    found: dict[int, object] = {}
    for code, name in enumerate(names):
        own = values[codes == code].dropna()
        if name == MISSING or own.empty:
            continue
        several = own.nunique() > 1 and pd.api.types.is_numeric_dtype(own)
        found[code] = own.sort_values().iloc[(len(own) - 1) // 2] if several else own.iloc[0]
    return found


def _put(frame: pd.DataFrame, column: str, value: object) -> pd.DataFrame:
    """The rows with one value in the whole column, its type kept."""
    kind = frame[column].dtype
    return frame.assign(**{column: pd.Series([value] * len(frame), index=frame.index, dtype=kind)})
