"""Every threshold at once: how far apart groups are, wherever the line between yes and no is drawn.

All rates at all thresholds are sums of the counts by score, from the top down.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.bias.bootstrap import tukey
from auditkit.bias.groups import share
from auditkit.bias.null import TIE, UNDEFINED, Null
from auditkit.bias.scores.score_counts import ScoreCounts
from auditkit.bias.scores.score_draws import dealt
from auditkit.errors import UsageError
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import difference_of, score_limits, z_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

METHOD = "score intervals of all pairs at once (Tukey), at this threshold alone"


class Gap(NamedTuple):
    """The largest gap at one threshold, what chance alone would give, and whose it is."""

    estimate: Estimate
    chance: float
    lowest: str
    highest: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sweep:
    """The largest gap of one rate between groups at each of T thresholds, rising.

    rates (T rows, a column for each group) are the rates themselves. gaps has the columns
    threshold, gap, low, high, chance (the mean under permuted labels), lowest and highest; the
    interval holds for all pairs at that threshold, not for all thresholds at once. widest is the
    null of the largest gap of any threshold. left_out maps a group to why it is not compared.
    n counts the rows of all groups compared. Fewer than two
    groups leave gaps empty, with the reason.
    """

    rate: str
    rates: pd.DataFrame
    gaps: pd.DataFrame
    widest: Null
    left_out: Mapping[str, str]
    n: int
    confidence: float
    reason: str = ""

    def at(self, threshold: float) -> Gap:
        """The largest gap at one of the thresholds."""
        if self.gaps.empty:
            return Gap(undefined(self.reason, method=METHOD), math.nan, "", "")
        line = self.gaps.iloc[int(np.flatnonzero(self.gaps["threshold"] == threshold)[0])]
        value, low, high, chance = (float(line[one]) for one in ("gap", "low", "high", "chance"))
        estimate = Estimate(
            value=value, low=low, high=high, n=self.n, method=METHOD, confidence=self.confidence
        )
        return Gap(estimate, chance, str(line["lowest"]), str(line["highest"]))

    def widest_line(self) -> pd.Series:
        """The line of gaps with the largest gap of all."""
        return self.gaps.iloc[int(self.gaps["gap"].to_numpy().argmax())]


def threshold_sweep(
    counts: ScoreCounts,
    *,
    rng: np.random.Generator,
    points: int | None = 40,
    include: float | None = None,
    confidence: float = 0.95,
    draws: int = 300,
    min_group_size: int = 10,
) -> dict[str, Sweep]:
    """Selection rate, true and false positive rate by group at up to `points` thresholds.

    Half of the thresholds are evenly spaced, half cut the rows into parts of about equal weight,
    as scores may crowd; with None, every score is one. One more may be included, such as the one
    in force. Groups whose rate rests on fewer than min_group_size rows are left out, by name.
    Raises UsageError for fewer than two points, a threshold to include that is NaN, and a
    confidence outside (0, 1).
    """
    z_of(confidence)  # which refuses what is no share
    if points is not None and points < 2:
        raise UsageError(f"points is {points}; give at least 2, or None for every score")
    if include is not None and np.isnan(include):
        raise UsageError("the threshold to include is NaN; give a number")
    thresholds = counts.scores if points is None else _spread(counts, points)
    if include is not None:
        thresholds = np.union1d(thresholds, [include])
    sides = {
        "selection_rate": counts.positives + counts.negatives,
        "true_positive_rate": counts.positives,
        "false_positive_rate": counts.negatives,
    }
    places = np.searchsorted(counts.scores, thresholds, side="left")
    return {
        name: _swept(
            name,
            rows=_between(side, places),
            thresholds=thresholds,
            labels=counts.groups,
            confidence=confidence,
            draws=draws,
            least=max(min_group_size, 1),
            rng=rng,
        )
        for name, side in sides.items()
    }


def _spread(counts: ScoreCounts, points: int) -> Floats:
    """Thresholds over the range of the scores: of probabilities, over 0 to 1."""
    low, high = float(counts.scores[0]), float(counts.scores[-1])
    if low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    even = np.linspace(low, high, points // 2 + 1)
    return np.union1d(even, counts.coarser(points - points // 2).scores)


def _between(side: Ints, places: Ints) -> Ints:
    """Rows below the first threshold, between each two, and from the last: (G, T + 1)."""
    total = np.concatenate([np.zeros((len(side), 1), np.int64), np.cumsum(side, axis=1)], axis=1)
    below = total[:, places]
    return np.diff(below, axis=1, prepend=0, append=total[:, -1:])


def _swept(
    name: str,
    *,
    rows: Ints,
    thresholds: Floats,
    labels: tuple[str, ...],
    confidence: float,
    draws: int,
    least: int,
    rng: np.random.Generator,
) -> Sweep:
    n = rows.sum(axis=1)
    kept = np.flatnonzero(n >= least)
    left_out = {labels[place]: f"fewer than {least:,} rows" for place in np.flatnonzero(n < least)}
    rows, n, names = rows[kept], n[kept], np.asarray(labels, dtype=object)[kept]
    hits = _from(rows)  # (G, T)
    rates = pd.DataFrame(share(hits, n[:, None]).T, index=thresholds, columns=names)
    sweep = Sweep(
        rate=name,
        rates=rates,
        gaps=pd.DataFrame(columns=["threshold", "gap", "low", "high", "chance"]),
        widest=UNDEFINED,
        left_out=left_out,
        n=int(n.sum()),
        confidence=confidence,
    )
    if len(kept) < 2:
        groups = f"{len(kept)} group{'' if len(kept) == 1 else 's'}"
        return replace(sweep, reason=f"{groups} to compare; a gap needs two")
    gap, low, high = _gaps(hits, n, tukey((len(n),), confidence))
    permuted = _from(dealt(rows.sum(axis=0), n.tolist(), draws, rng)) / n[:, None, None]
    null = permuted.max(axis=0) - permuted.min(axis=0)  # (T, draws)
    value = rates.to_numpy()
    gaps = {"threshold": thresholds, "gap": gap, "low": low, "high": high}
    gaps |= {"chance": null.mean(axis=1)}
    last = len(names) - 1 - value[:, ::-1].argmax(axis=1)  # where all are equal another group
    gaps |= {"lowest": names[value.argmin(axis=1)], "highest": names[last]}
    widest = _null_of(null.max(axis=0), float(gap.max()))
    return replace(sweep, gaps=pd.DataFrame(gaps), widest=widest)


def _null_of(gaps: Floats, seen: float) -> Null:
    return Null(
        mean=float(gaps.mean()),
        upper=float(np.quantile(gaps, 0.95)),
        p_value=(1 + int(np.sum(gaps >= seen - TIE))) / (len(gaps) + 1),
        draws=len(gaps),
    )


def _from(rows: Ints) -> Ints:
    """Rows at or above each threshold: (G, T + 1, ...) -> (G, T, ...)."""
    return np.asarray(np.cumsum(rows[:, ::-1], axis=1)[:, ::-1][:, 1:])


def _gaps(hits: Ints, n: Ints, critical: float) -> tuple[Floats, Floats, Floats]:
    """The largest gap at each threshold and its interval at this critical value: each (T,)."""
    rate = share(hits, n[:, None])  # (G, T)
    low, high = score_limits(hits, n[:, None], critical)
    least, most = np.zeros(hits.shape[1]), np.zeros(hits.shape[1])
    for first in range(len(n) - 1):
        rest = slice(first + 1, None)
        ends = difference_of(
            rate[first], (low[first], high[first]), rate[rest], (low[rest], high[rest])
        )
        # Which of two groups is the favoured one does not matter to a gap.
        np.maximum(least, np.maximum(ends[0], -ends[1]).max(axis=0), out=least)
        np.maximum(most, np.maximum(ends[1], -ends[0]).max(axis=0), out=most)
    return rate.max(axis=0) - rate.min(axis=0), least, most
