"""How unequally groups are treated: the largest gap, whose it is, what chance alone would give."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq

from auditkit.bias.adverse_impact import FourFifths, four_fifths
from auditkit.bias.bootstrap import draw, furthest, holding, largest_deviation, require_draws
from auditkit.bias.clusters import Clusters, cluster_null, clustered, drawn_clusters
from auditkit.bias.contrast import WIDEST, exceedance
from auditkit.bias.groups import RATES, cells
from auditkit.bias.null import UNDEFINED, Null, permutation_null
from auditkit.bias.pairs import (
    PAIR_COLUMNS,
    Comparison,
    Contest,
    Pairs,
    compare,
    contests_of,
    extreme,
    frame_of,
    why_undefined,
)
from auditkit.errors import UsageError, suggestion
from auditkit.statistics.estimate import Estimate, fewest_rows, undefined

__all__ = [
    "DISPARITIES",
    "Comparison",
    "Disparity",
    "FourFifths",
    "Null",
    "disparity",
    "four_fifths",
    "rows_needed",
]

DISPARITIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "demographic_parity": ("selection_rate",),
        "equal_opportunity": ("true_positive_rate",),
        "equalized_odds": ("true_positive_rate", "false_positive_rate"),
        "predictive_parity": ("precision",),
        "accuracy_equality": ("accuracy",),
    }
)

METHOD = "score intervals of all pairs at once (max-T)"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Disparity:
    """The largest difference (ideal 0) or smallest ratio (ideal 1) of a rate between groups.

    estimate has the simultaneous interval; rate, lowest and highest say which pair is behind the
    value; null is what permuted labels give. pairs has a line for every two groups, the one
    with the higher rate first: value is first - second or second / first, low and high its
    interval, all of them holding at once. left_out maps a group to why it was not compared.
    critical is the multiple of a standard error in force; contests and maxima, the largest
    deviation of each draw, are what it was taken from.
    """

    name: str
    comparison: Comparison
    estimate: Estimate
    rate: str
    lowest: str
    highest: str
    null: Null
    pairs: pd.DataFrame
    left_out: Mapping[str, str]
    critical: float
    min_group_size: int
    contests: Sequence[Contest]
    maxima: NDArray[np.float64]  # (draws,)

    def beyond(self, limit: float) -> float:
        """The chance, were the truth exactly at the limit, of evidence this far beyond it.

        The smallest 1 - confidence at which the interval excludes the limit on the failing side:
        above it for a difference, below it for a ratio. 1 where the value is within the limit,
        NaN where it is undefined.
        """
        if not self.estimate.defined:
            return math.nan

        def excess(z: float) -> float:
            pairs = [compare(contest, self.comparison, z) for contest in self.contests]
            worst = _worst(pairs, self.comparison)
            return worst.low - limit if self.comparison == "difference" else limit - worst.high

        if excess(0.0) <= 0:
            return 1.0
        # From the critical value outwards or inwards, so that p and verdict never disagree.
        near, far = (self.critical, WIDEST) if excess(self.critical) > 0 else (0.0, self.critical)
        z = far if excess(far) > 0 else float(brentq(excess, near, far, xtol=1e-6))
        return exceedance(z, self.maxima, [len(one.n) for one in self.contests])

    def surest(self) -> tuple[str, str, float]:
        """The pair whose difference is proven widest: higher group, lower group, lower limit.

        It gives the interval its lower end and need not be the pair that is furthest apart.
        """
        place = int(np.argmax(self.pairs["low"]))
        first, second, low = (self.pairs[one].iloc[place] for one in ("first", "second", "low"))
        return str(first), str(second), float(low)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worst:
    """The value furthest from equality, its interval, and where it stands."""

    value: float
    low: float
    high: float
    contest: int
    pair: int

    def excludes(self, limit: float) -> bool:
        """Whether the interval lies beyond the limit, on the side of the value."""
        return self.low > limit if self.value > limit else self.high < limit


def disparity(
    counts: pd.DataFrame,
    name: str,
    *,
    rng: np.random.Generator,
    comparison: Comparison = "difference",
    confidence: float = 0.95,
    draws: int = 1000,
    min_group_size: int = 0,
    clusters: Clusters | None = None,
) -> Disparity:
    """The disparity `name` (of DISPARITIES, or any of RATES) from a table of counts.

    A group with fewer than min_group_size rows in a rate's denominator is left out of that
    rate, by name; with 0 an empty denominator makes the disparity undefined, with its reason,
    and so do fewer than two groups. clusters, of `clustered_counts`, say which rows belong
    together: intervals and null are then of whole clusters. Raises UsageError for an unknown
    name or comparison, a confidence outside (0, 1) and fewer than one draw.
    """
    _check(name, comparison, confidence, draws)
    contests, left_out = contests_of(counts, DISPARITIES.get(name, (name,)), min_group_size)
    found = _nothing(name, comparison, left_out, min_group_size)
    reason = why_undefined(contests, comparison)
    if reason:
        return replace(found, estimate=undefined(reason, method=METHOD))
    if clusters is None:
        maxima = largest_deviation(contests, draw(counts, draws, rng), comparison)
    else:
        contests = [clustered(one, clusters) for one in contests]
        maxima = _of_clusters(contests, clusters, comparison, draws, rng)
    critical = holding(maxima, tuple(len(one.n) for one in contests), confidence)
    found = replace(found, critical=critical, contests=contests, maxima=maxima)
    found = replace(found, **_worst_pair(contests, found, critical, confidence))
    asked: dict[str, Any] = {"comparison": comparison, "draws": draws, "rng": rng}
    if clusters is None:
        null = permutation_null(contests, found.estimate.value, **asked)
        return replace(found, null=null)
    null = cluster_null(contests, clusters, found.estimate.value, **asked)
    method = f"{METHOD}, of {clusters.total:,} clusters of rows"
    return replace(found, null=null, estimate=replace(found.estimate, method=method))


def rows_needed(counts: pd.DataFrame, disparity: Disparity, limit: float) -> int | None:
    """Rows in all at which the interval would exclude `limit`, were the measured rates the true.

    Groups keep their shares and the critical value stays; so do the sizes of clusters, of which
    as many more are needed as of rows. None where the value is the limit or
    undefined, or where more than a thousand million rows would be needed.
    """
    value = disparity.estimate.value
    if math.isnan(value) or math.isclose(value, limit, abs_tol=1e-12):
        return None
    comparison = disparity.comparison
    contests = disparity.contests
    total = int(cells(counts).sum())

    def settled(rows: int) -> bool:
        scaled = [contest.scaled(rows / total) for contest in contests]
        pairs = [compare(contest, comparison, disparity.critical) for contest in scaled]
        return _worst(pairs, comparison).excludes(limit)

    return fewest_rows(settled, total)


def _of_clusters(
    contests: Sequence[Contest],
    clusters: Clusters,
    comparison: Comparison,
    draws: int,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Largest studentised deviation over all pairs of all contests, by draw of clusters."""
    samples = drawn_clusters(contests, clusters, draws, rng)
    found = [
        furthest(one, *sample, comparison) for one, sample in zip(contests, samples, strict=True)
    ]
    return np.asarray(np.max(found, axis=0))


def _worst_pair(
    contests: Sequence[Contest], found: Disparity, critical: float, confidence: float
) -> dict[str, Any]:
    """The fields of a disparity that tell of its value: estimate, rate, pair and all pairs."""
    pairs = [compare(contest, found.comparison, critical) for contest in contests]
    worst = _worst(pairs, found.comparison)
    contest, pair = contests[worst.contest], pairs[worst.contest]
    estimate = Estimate(
        value=worst.value,
        low=worst.low,
        high=worst.high,
        n=int(sum(one.n.sum() for one in contests)),
        method=METHOD,
        confidence=confidence,
    )
    return {
        "estimate": estimate,
        "rate": contest.name,
        "lowest": contest.labels[pair.second[worst.pair]],
        "highest": contest.labels[pair.first[worst.pair]],
        "pairs": pd.concat(list(map(frame_of, contests, pairs)), ignore_index=True),
    }


def _worst(pairs: Sequence[Pairs], comparison: Comparison) -> _Worst:
    """The largest gap or smallest ratio of all contests, with its simultaneous interval."""
    ends = [extreme(one, comparison) for one in pairs]
    values = [float(one.value[place]) for one, (place, _, _) in zip(pairs, ends, strict=True)]
    most: Callable[..., float] = max if comparison == "difference" else min
    value = most(values)
    contest = values.index(value)
    return _Worst(
        value=value,
        low=most(low for _, low, _ in ends),
        high=most(high for _, _, high in ends),
        contest=contest,
        pair=ends[contest][0],
    )


def _check(name: str, comparison: str, confidence: float, draws: int) -> None:
    """Raise UsageError for what cannot be asked."""
    if name not in DISPARITIES and name not in RATES:
        raise UsageError(f"no disparity {name!r}; {suggestion(name, DISPARITIES)}")
    if comparison not in ("difference", "ratio"):
        raise UsageError(f"comparison is {comparison!r}; it is 'difference' or 'ratio'")
    require_draws(draws, confidence)


def _nothing(
    name: str, comparison: Comparison, left_out: Mapping[str, str], min_group_size: int
) -> Disparity:
    """The disparity before anything is measured."""
    return Disparity(
        name=name,
        comparison=comparison,
        estimate=undefined("not measured", method=METHOD),
        rate="",
        lowest="",
        highest="",
        null=UNDEFINED,
        pairs=pd.DataFrame(columns=list(PAIR_COLUMNS)),
        left_out=left_out,
        critical=math.nan,
        min_group_size=min_group_size,
        contests=(),
        maxima=np.empty(0),
    )
