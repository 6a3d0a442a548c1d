"""A rate compared between every two groups: the gap or the ratio, each with its interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.bias.groups import Rate, label, rate_of, share
from auditkit.statistics.intervals import difference_of, ratio_of, score_limits

PAIR_COLUMNS = ("rate", "first", "second", "value", "low", "high")
Comparison = Literal["difference", "ratio"]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Contest:
    """The groups compared on one rate: which lines of the table, their hits and denominators.

    effective is how many independent rows would tell as much: fewer than n where rows share a
    person, None where they do not.
    """

    name: str
    rate: Rate
    groups: Ints  # (groups,) places in the count table
    labels: tuple[str, ...]
    hits: NDArray[np.float64]  # whole numbers, unless scaled
    n: NDArray[np.float64]
    effective: NDArray[np.float64] | None = None

    @property
    def support(self) -> Floats:
        """The rows on which the uncertainty of each rate rests."""
        return self.n if self.effective is None else self.effective

    @classmethod
    def of(cls, counts: pd.DataFrame, name: str, *, min_group_size: int = 0) -> Self:
        """The contest on rate `name` between the groups of at least that denominator."""
        rate = rate_of(name)
        hits, n = rate.parts(counts)
        places = np.flatnonzero(n >= min_group_size)
        groups = counts.index.tolist()
        return cls(
            name=name,
            rate=rate,
            groups=places,
            labels=tuple(label(groups[place]) for place in places),
            hits=hits[places].astype(float),
            n=n[places].astype(float),
        )

    def scaled(self, factor: float) -> Self:
        """The same rates on `factor` times as many rows."""
        effective = None if self.effective is None else self.effective * factor
        return replace(self, hits=self.hits * factor, n=self.n * factor, effective=effective)


def contests_of(
    counts: pd.DataFrame, rates: Sequence[str], min_group_size: int
) -> tuple[list[Contest], Mapping[str, str]]:
    """A contest for each rate, and the groups left out of any with the reason."""
    contests = [Contest.of(counts, rate, min_group_size=min_group_size) for rate in rates]
    left_out: dict[str, list[str]] = {}
    groups = counts.index.tolist()
    for contest in contests:
        n = contest.rate.parts(counts)[1]
        for place in np.flatnonzero(n < min_group_size):
            left_out.setdefault(label(groups[place]), []).append(
                f"{contest.name.replace('_', ' ')} rests on fewer than {min_group_size:,} rows"
            )
    return contests, {group: "; ".join(reasons) for group, reasons in left_out.items()}


def why_undefined(contests: Sequence[Contest], comparison: Comparison) -> str:
    """The first reason why there is no gap to speak of, or nothing."""
    for contest in contests:
        name = contest.name.replace("_", " ")
        empty = [group for group, n in zip(contest.labels, contest.n, strict=True) if n == 0]
        if empty:
            return (
                f"{name} is undefined for {', '.join(empty)}: {contest.rate.nobody} in this group"
            )
        if len(contest.labels) < 2:
            groups = "1 group" if contest.labels else "0 groups"
            return f"{name} has {groups} to compare; a gap needs two"
        if comparison == "ratio" and not contest.hits.any():
            return f"{name} is 0 in every group: 0 / 0 is no ratio"
    return ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """Every two groups of a contest, the one with the higher rate first; each array (pairs,).

    value is first - second, at least 0, or second / first, at most 1, with its interval; where
    the interval crosses 0 or 1 either group may be the favoured one.
    """

    first: Ints
    second: Ints
    value: Floats
    low: Floats
    high: Floats
    gap: Floats  # first - second, whatever is compared


def compare(contest: Contest, comparison: Comparison, critical: float) -> Pairs:
    """All pairs of the contest, at one critical value."""
    rate = share(contest.hits, contest.n)
    i, j = np.triu_indices(len(rate), k=1)
    first, second = np.where(rate[i] >= rate[j], (i, j), (j, i))
    low, high = score_limits(rate * contest.support, contest.support, critical)
    a, b = (rate[first], (low[first], high[first])), (rate[second], (low[second], high[second]))
    if comparison == "difference":
        value, (low, high) = a[0] - b[0], difference_of(*a, *b)
    else:
        value, (low, high) = share(b[0], a[0]), ratio_of(*b, *a)
    gap = rate[first] - rate[second]
    return Pairs(first=first, second=second, value=value, low=low, high=high, gap=gap)


def extreme(pairs: Pairs, comparison: Comparison) -> tuple[int, float, float]:
    """Place of the largest gap (the smallest ratio), and the interval for it.

    Which of two groups is the favoured one does not matter to a gap: its interval is that of
    |first - second|, or of the smaller rate over the larger.
    """
    if comparison == "difference":
        low, high = np.maximum(pairs.low, 0), np.maximum(pairs.high, -pairs.low)
        return int(np.argmax(pairs.value)), float(low.max()), float(high.max())
    with np.errstate(divide="ignore"):
        low, high = np.minimum(pairs.low, 1 / pairs.high), np.minimum(pairs.high, 1)
    # Every ratio to a rate of 0 is 0: of equal ratios the pair furthest apart is named.
    smallest = np.flatnonzero(pairs.value == np.nanmin(pairs.value))
    place = smallest[np.argmax(pairs.gap[smallest])]
    return int(place), float(low.min()), float(high.min())


def frame_of(contest: Contest, pairs: Pairs) -> pd.DataFrame:
    """The pairs as a table: rate, first, second, value, low, high."""
    labels = np.asarray(contest.labels, dtype=object)
    first, second = labels[pairs.first], labels[pairs.second]
    columns = (contest.name, first, second, pairs.value, pairs.low, pairs.high)
    return pd.DataFrame(dict(zip(PAIR_COLUMNS, columns, strict=True)))
