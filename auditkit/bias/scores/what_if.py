"""What if each group had a threshold of its own? Accuracy against the gap that is left.

Thresholds (`bias.group_thresholds`) flatter on the rows they were chosen by. Here they are chosen
on one half of the rows and measured on the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.bias.disparity import Disparity, disparity
from auditkit.bias.groups import CELLS, rates
from auditkit.bias.scores.group_thresholds import (
    CONSTRAINTS,
    GroupThresholds,
    about,
    frontier,
    group_thresholds,
)
from auditkit.bias.scores.score_counts import ScoreCounts
from auditkit.errors import DataError
from auditkit.statistics.classification import tango_limits
from auditkit.statistics.estimate import Estimate
from auditkit.statistics.intervals import rate_interval, z_of

__all__ = [
    "CONSTRAINTS",
    "GroupThresholds",
    "WhatIf",
    "decided",
    "frontier",
    "frontiers",
    "group_thresholds",
    "halves",
    "what_if",
]

Ints = NDArray[np.int64]

METHOD = "Tango score, paired; thresholds chosen on the other half"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WhatIf:
    """One threshold for all beside one a group, on rows that no threshold was chosen by.

    before and after are the gaps, with intervals and nulls; accuracy is that of one threshold for
    all, change what thresholds by group add to it (below 0: their price). thresholds are those
    tried; left_out maps a group that has too few rows to why.
    """

    before: Disparity
    after: Disparity
    accuracy: Estimate
    change: Estimate
    thresholds: GroupThresholds
    left_out: Mapping[str, str]


def halves(counts: ScoreCounts, rng: np.random.Generator) -> tuple[ScoreCounts, ScoreCounts]:
    """The rows in two halves at random: each row goes to either by the toss of a coin."""
    positives, negatives = (rng.binomial(one, 0.5) for one in (counts.positives, counts.negatives))
    return (
        replace(counts, positives=positives, negatives=negatives),
        replace(
            counts, positives=counts.positives - positives, negatives=counts.negatives - negatives
        ),
    )


def what_if(
    counts: ScoreCounts,
    constraint: str,
    *,
    threshold: float,
    rng: np.random.Generator,
    allowed: float = 0.0,
    min_group_size: int = 10,
    draws: int = 500,
    confidence: float = 0.95,
) -> WhatIf:
    """Thresholds by group, chosen on one half of the rows and measured on the other.

    threshold is the one now in force (score >= threshold is a positive decision). Equalized odds
    draw lots between two thresholds, the others do not. Groups that have fewer than
    min_group_size rows of those a rate is about, in either half, are left out by name. Raises as
    `group_thresholds` does.
    """
    chosen, held = halves(counts, rng)
    chosen, held, left_out = _large_enough(chosen, held, constraint, min_group_size)
    lottery = constraint == "equalized_odds"
    thresholds = group_thresholds(chosen, constraint, allowed=allowed, lottery=lottery)
    after, gained, lost = decided(held, thresholds, threshold, rng)
    before = held.at(threshold)
    n = int(held.rows.sum())
    right = int((before["tp"] + before["tn"]).sum())
    low, high = (float(one) for one in rate_interval(right, n, confidence=confidence))
    ends = tango_limits(gained, lost, n, z_of(confidence))
    return WhatIf(
        before=disparity(before, constraint, rng=rng, draws=draws, confidence=confidence),
        after=disparity(after, constraint, rng=rng, draws=draws, confidence=confidence),
        accuracy=Estimate(
            value=right / n, low=low, high=high, n=n, method="Wilson", confidence=confidence
        ),
        change=Estimate(
            value=(gained - lost) / n,
            low=ends[0],
            high=ends[1],
            n=n,
            method=METHOD,
            confidence=confidence,
        ),
        thresholds=thresholds,
        left_out=left_out,
    )


def frontiers(
    counts: ScoreCounts,
    *,
    threshold: float,
    points: int = 8,
    bins: int = 200,
    min_group_size: int = 10,
) -> pd.DataFrame:
    """The best accuracy at each allowed gap: column allowed, and one for each of CONSTRAINTS.

    Gaps run from 0 to the widest that one threshold for all now leaves, the rows are all those of
    groups that have min_group_size of either outcome, the scores no finer than `bins`. Raises
    DataError for fewer than two such groups.
    """
    large = counts.only(np.flatnonzero(about(counts, "equalized_odds") >= max(min_group_size, 1)))
    if len(large.groups) < 2:
        raise DataError(
            f"{len(large.groups)} groups with enough rows of either outcome; two needed"
        )
    coarse = large.coarser(bins)
    now = rates(large.at(threshold))[["selection_rate", *CONSTRAINTS["equalized_odds"]]]
    widest = float((now.max() - now.min()).max())
    allowed = np.linspace(0, 0.0 if np.isnan(widest) else widest, points)
    curves = {one: frontier(coarse, one, allowed.tolist())["accuracy"] for one in CONSTRAINTS}
    return pd.DataFrame({"allowed": allowed, **curves})


def decided(
    counts: ScoreCounts, thresholds: GroupThresholds, before: float, rng: np.random.Generator
) -> tuple[pd.DataFrame, int, int]:
    """Confusion counts by group, and how many rows become right and wrong against `before`.

    counts has the scores and groups of the thresholds. Lots are drawn row by row.
    """
    if counts.groups != thresholds.groups or len(counts.scores) != len(thresholds.scores):
        raise DataError("the thresholds were chosen on other groups or scores; use the same table")
    old = int(np.searchsorted(counts.scores, before, side="left"))
    left = [counts.positives.copy(), counts.negatives.copy()]
    unassigned = np.ones(len(counts.groups))
    hits, gained, lost = np.zeros((len(counts.groups), 2), dtype=np.int64), 0, 0
    for place in np.flatnonzero((thresholds.shares > 0).any(axis=0)):
        share = thresholds.shares[:, place]
        chance = np.clip(share / np.maximum(unassigned, 1e-12), 0, 1)[:, None]
        part = [rng.binomial(one, chance) for one in left]
        left = [one - other for one, other in zip(left, part, strict=True)]
        unassigned = unassigned - share
        now, was = ([one[:, at:].sum(axis=1) for one in part] for at in (int(place), old))
        hits += np.column_stack(now)
        more, fewer = (now, was) if place < old else (was, now)
        positives, negatives = (int((a - b).sum()) for a, b in zip(more, fewer, strict=True))
        gained += positives if place < old else negatives
        lost += negatives if place < old else positives
    tp, fp = hits.T
    table = np.column_stack([tp, fp, counts.tp[:, 0] - tp, counts.fp[:, 0] - fp])
    return pd.DataFrame(table, index=counts.index, columns=list(CELLS)), gained, lost


def _large_enough(
    chosen: ScoreCounts, held: ScoreCounts, constraint: str, least: int
) -> tuple[ScoreCounts, ScoreCounts, Mapping[str, str]]:
    few = np.min([about(one, constraint) for one in (chosen, held)], axis=0)
    kept = np.flatnonzero(few >= max(least, 1))
    what = "rows" if constraint == "demographic_parity" else "rows of an outcome"
    left_out = {
        name: f"fewer than {max(least, 1)} {what} in a half"
        for name, n in zip(chosen.groups, few.tolist(), strict=True)
        if n < max(least, 1)
    }
    return chosen.only(kept), held.only(kept), left_out
