"""A rate compared between groups for several classes or labels at once.

Each class is a `Contest` of its own. The intervals hold over all pairs of groups and over all
classes, and the null is that of the largest gap of any class: of many, one is always wide.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq

from auditkit.bias.bootstrap import tukey
from auditkit.bias.contrast import WIDEST, exceedance
from auditkit.bias.groups import label
from auditkit.bias.null import UNDEFINED, Null
from auditkit.bias.pairs import Contest, Pairs, compare, extreme, frame_of
from auditkit.statistics.estimate import Estimate, fewest_rows, undefined

Floats = NDArray[np.float64]

METHOD = "score intervals of all pairs and classes at once (max-T)"
COLUMNS = ("class", "value", "low", "high", "lowest", "its rate", "highest", "and its")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SeveralGap:
    """The largest difference of a rate between groups, of any class; 0 is ideal.

    estimate has the simultaneous interval; name, lowest and highest say which class and pair are
    behind the value; null is what permuted labels give for the largest gap of any class. widest
    has a line a class: its largest gap and the two groups with their rates, its interval one of
    those that hold at once. pairs has a line for every class and pair. left_out maps a class to
    why it was not compared, or not in which groups; cells of the table, class by group, that were
    not compared are counted in omitted.
    """

    rate: str
    estimate: Estimate
    name: str
    lowest: str
    highest: str
    null: Null
    widest: pd.DataFrame
    pairs: pd.DataFrame
    left_out: Mapping[str, str]
    omitted: int
    critical: float
    contests: tuple[Contest, ...]
    maxima: Floats

    def beyond(self, limit: float) -> float:
        """The chance of intervals that exclude the limit as far as these, were it the truth.

        It is 1 where the value is within the limit, NaN where it is undefined.
        """
        if not self.estimate.defined:
            return math.nan

        def excess(z: float) -> float:
            return _largest([compare(one, "difference", z) for one in self.contests])[1] - limit

        if self.estimate.value <= limit or excess(0.0) <= 0:
            return 1.0
        z = WIDEST if excess(WIDEST) > 0 else float(brentq(excess, 0.0, WIDEST, xtol=1e-6))
        return exceedance(z, self.maxima, tuple(len(one.n) for one in self.contests))

    def surest(self) -> tuple[str, str, str, float]:
        """The class and pair whose difference is proven widest: class, higher, lower, low end."""
        line = self.pairs.loc[int(np.argmax(self.pairs["low"]))]
        name, first, second = (str(line[one]) for one in ("class", "first", "second"))
        return name, first, second, float(self.pairs["low"].max())

    def rows_needed(self, limit: float, rows: int) -> int | None:
        """Rows in all at which the interval would exclude `limit`, were these rates the true.

        rows is how many there are now. None where the value is the limit or undefined, or where
        more than a thousand million rows would be needed.
        """
        value = self.estimate.value
        if math.isnan(value) or math.isclose(value, limit, abs_tol=1e-12):
            return None

        def settled(size: int) -> bool:
            scaled = [one.scaled(size / rows) for one in self.contests]
            _, low, high = _largest([compare(one, "difference", self.critical) for one in scaled])
            return low > limit if value > limit else high < limit

        return fewest_rows(settled, rows)


def contests_of(
    tables: Mapping[str, pd.DataFrame], rate: str, *, nobody: str, min_group_size: int
) -> tuple[dict[str, Contest], dict[str, str], int]:
    """A contest for each class, those left out with the reason, and how many cells these are.

    tables maps a class to its counts by group; rate is one of RATES, nobody says who is lacking
    where no group has any row of its denominator. A group is left out of a class where the rate
    rests on fewer than min_group_size rows (at least one), a class where fewer than two groups
    remain.
    """
    least = max(min_group_size, 1)
    contests, left_out, omitted = {}, {}, 0
    for name, counts in tables.items():
        contest = Contest.of(counts, rate, min_group_size=least)
        n = contest.rate.parts(counts)[1]
        names = [label(group) for group in counts.index]
        few = [one for one, size in zip(names, n, strict=True) if size < least]
        omitted += len(few)
        if len(contest.n) < 2:
            left_out[name] = nobody if not n.any() else _too_few(few, least)
            omitted += len(contest.n)
            continue
        contests[name] = contest
        if few:
            left_out[name] = _too_few(few, least)
    return contests, left_out, omitted


def several_gap(
    contests: Mapping[str, Contest],
    *,
    rate: str,
    maxima: Callable[[], Floats],
    null: Callable[[Sequence[Contest], float], Null],
    left_out: Mapping[str, str],
    omitted: int,
    confidence: float,
    method: str = METHOD,
    same_rows: bool = False,
) -> SeveralGap:
    """The largest gap of all contests, one a class.

    maxima gives the largest studentised deviation of any class by bootstrap draw, null the null of
    the largest gap given the value observed. same_rows: each class is asked of all rows, which
    then count once. Undefined where no class can be compared.
    """
    if not contests:
        return _nothing(rate, left_out, omitted, method)
    every, largest = tuple(contests.values()), maxima()
    floor = tukey(tuple(len(one.n) for one in every), confidence)
    critical = max(float(np.quantile(largest, confidence, method="higher")), floor)
    pairs = [compare(one, "difference", critical) for one in every]
    value, low, high = _largest(pairs)
    widest = _widest(contests, pairs)
    first = widest.iloc[int(np.argmax(widest["value"]))]
    frames = [frame_of(one, two) for one, two in zip(every, pairs, strict=True)]
    frames = [one.assign(rate=name) for one, name in zip(frames, contests, strict=True)]
    return SeveralGap(
        rate=rate,
        estimate=Estimate(
            value=value,
            low=low,
            high=high,
            n=int((max if same_rows else sum)(one.n.sum() for one in every)),
            method=method,
            confidence=confidence,
        ),
        name=str(first["class"]),
        lowest=str(first["lowest"]),
        highest=str(first["highest"]),
        null=null(every, value),
        widest=widest,
        pairs=pd.concat(frames, ignore_index=True).rename(columns={"rate": "class"}),
        left_out=left_out,
        omitted=omitted,
        critical=critical,
        contests=every,
        maxima=largest,
    )


def _largest(pairs: Sequence[Pairs]) -> tuple[float, float, float]:
    """The largest gap of all contests and its simultaneous ends."""
    ends = [extreme(one, "difference") for one in pairs]
    value = max(float(one.value[place]) for one, (place, _, _) in zip(pairs, ends, strict=True))
    return value, max(low for _, low, _ in ends), max(high for _, _, high in ends)


def _widest(contests: Mapping[str, Contest], pairs: Sequence[Pairs]) -> pd.DataFrame:
    """The largest gap of each class, with the pair behind it."""
    lines = []
    for (name, contest), one in zip(contests.items(), pairs, strict=True):
        place, low, high = extreme(one, "difference")
        below, above = int(one.second[place]), int(one.first[place])
        rates = contest.hits / contest.n
        value = float(one.value[place])
        two = (contest.labels[below], rates[below], contest.labels[above], rates[above])
        lines.append((name, value, low, high, *two))
    return pd.DataFrame(lines, columns=list(COLUMNS))


def _nothing(rate: str, left_out: Mapping[str, str], omitted: int, method: str) -> SeveralGap:
    reason = "there is no class to compare"
    if left_out:
        reason = "; ".join(f"{name}: {why}" for name, why in list(left_out.items())[:3])
        reason = f"no class has two groups to compare ({reason})"
    return SeveralGap(
        rate=rate,
        estimate=undefined(reason, method=method),
        name="",
        lowest="",
        highest="",
        null=UNDEFINED,
        widest=pd.DataFrame(columns=list(COLUMNS)),
        pairs=pd.DataFrame(columns=["class", "first", "second", "value", "low", "high"]),
        left_out=left_out,
        omitted=omitted,
        critical=math.nan,
        contests=(),
        maxima=np.empty(0),
    )


def _too_few(groups: Sequence[str], least: int, most: int = 5) -> str:
    """Whose rows are too few; not how few, which would tell of single people."""
    more = f" and {len(groups) - most} more" if len(groups) > most else ""
    rows = "no rows" if least == 1 else f"fewer than {least:,} rows"
    return f"{rows} in {', '.join(groups[:most])}{more}"
