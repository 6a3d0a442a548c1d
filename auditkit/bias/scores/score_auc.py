"""How well scores order the rows of each group: its AUC, and the gaps between groups."""

import numpy as np
from numpy.typing import NDArray

from auditkit.bias.contrast import Contrast, Measured, contrast
from auditkit.bias.scores.score_counts import ScoreCounts
from auditkit.bias.scores.score_draws import dealt_sides, redrawn
from auditkit.statistics.classification import Area, auc_limits
from auditkit.statistics.intervals import Bounds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BINS = 32  # of nearly equal weight: ties within them change an AUC's variance by a thousandth
METHOD = "DeLong's intervals, of all pairs at once (max-T)"


def auc_gap(
    counts: ScoreCounts,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    draws: int = 1000,
    min_group_size: int = 10,
) -> Contrast:
    """The largest difference of the AUC between groups; 0 is ideal.

    Where the counts know which rows belong together, intervals and null are of whole clusters.

    The AUC of a group is the chance that one of its positives scores above one of its negatives,
    ties counting half; each has the interval of `classification.auc`. A group with fewer than
    min_group_size positives or negatives is left out, by name. The null deals group labels out
    anew among the positives and among the negatives.

    DeLong et al. 1988; max-T: Westfall & Young 1993.
    """
    kept, left_out = with_both_outcomes(counts, min_group_size)
    areas = [
        area(positives, negatives)
        for positives, negatives in zip(kept.positives, kept.negatives, strict=True)
    ]

    def limits(z: float) -> Bounds:
        ends = [auc_limits(one, z * far)[:2] for one, far in zip(areas, wider, strict=True)]
        low, high = np.array(ends).reshape(-1, 2).T
        return low, high

    values, wider = np.array([one.auc for one in areas]), _wider(kept, areas)
    enough = len(areas) > 1
    return contrast(
        Measured(
            labels=kept.groups,
            values=values,
            errors=np.sqrt([one.variance for one in areas]) * wider,
            n=kept.rows,
            limits=limits,
            drawn=_drawn(kept, values, wider, draws, rng) if enough else None,
            permuted=permuted_aucs(kept, draws, rng) if enough else None,
            left_out=left_out,
        ),
        confidence=confidence,
        what="AUC",
        method=METHOD if kept.parts is None else f"{METHOD}, of {len(kept.parts.group):,} clusters",
    )


def with_both_outcomes(
    counts: ScoreCounts, min_group_size: int
) -> tuple[ScoreCounts, dict[str, str]]:
    """The groups with that many positives and negatives (at least one), and why others are not."""
    least = max(min_group_size, 1)
    sides = {"positives": counts.tp[:, 0], "negatives": counts.fp[:, 0]}
    few = {
        place: f"fewer than {least:,} "
        + " and ".join(side for side, n in sides.items() if n[place] < least)
        for place in np.flatnonzero(np.minimum(*sides.values()) < least).tolist()
    }
    few = lonely(counts) | few
    kept = [place for place in range(len(counts.index)) if place not in few]
    return counts.only(kept), {counts.groups[place]: why for place, why in sorted(few.items())}


def lonely(counts: ScoreCounts) -> dict[int, str]:
    """Places of the groups whose rows are all of one cluster, and what that means."""
    if counts.parts is None:
        return {}
    alone = np.flatnonzero(counts.parts.number(len(counts.index)) == 1)
    return {int(place): "all its rows belong together, as of one person" for place in alone}


def area(positives: Ints, negatives: Ints) -> Area:
    """A group's AUC and DeLong's variance from its counts by rising score, each (S,)."""
    m, k = int(positives.sum()), int(negatives.sum())
    below, above = _placements(positives, negatives)
    value = float(positives @ below / m)
    variance = 0.0
    if min(m, k) > 1:
        spread = (
            positives @ (below - value) ** 2 / (m - 1),
            negatives @ (above - value) ** 2 / (k - 1),
        )
        variance = float(spread[0] / m + spread[1] / k)
    return Area(auc=value, variance=variance, positives=m, negatives=k)


def _placements(positives: Ints, negatives: Ints) -> tuple[Floats, Floats]:
    """Of each score (S,) the share of negatives below it, and of positives above, ties half."""
    below = (np.cumsum(negatives) - negatives / 2) / negatives.sum()
    above = 1 - (np.cumsum(positives) - positives / 2) / positives.sum()
    return below, above


def permuted_aucs(counts: ScoreCounts, draws: int, rng: np.random.Generator) -> Floats:
    """AUC of each group, labels dealt out anew among positives and among negatives: (draws, G)."""
    sides = dealt_sides(counts.coarser(BINS), draws, rng)
    with np.errstate(invalid="ignore", divide="ignore"):  # a group may be dealt no positive
        return np.stack([_means(*both)[0] for both in zip(*sides, strict=True)], axis=1)


def _wider(counts: ScoreCounts, areas: list[Area]) -> Floats:
    """How many times wider each group's interval is for whole clusters, (G,); 1 without."""
    if counts.parts is None:
        return np.ones(len(areas))
    shifts = [
        np.concatenate([(below - one.auc) / one.positives, (above - one.auc) / one.negatives])
        for one, (below, above) in zip(
            areas, map(_placements, counts.positives, counts.negatives), strict=True
        )
    ]
    effects = counts.parts.wider(np.array(shifts), np.array([one.variance for one in areas]))
    return np.asarray(np.sqrt(effects))


def _drawn(
    counts: ScoreCounts, values: Floats, wider: Floats, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Bootstrap AUCs and their standard errors, each (draws, G), about the values measured."""
    found, errors = np.empty((2, draws, len(values)))
    for group, value in enumerate(values):
        own = counts.only([group]).coarser(BINS)  # bins of its own: a group may sit in a corner
        sides = (own.positives[0], own.negatives[0])
        centre = _smoothed(*(side[:, None] for side in sides))[0]
        area, variance = _smoothed(*(redrawn(side, draws, rng).T for side in sides))
        found[:, group] = value + (area - centre) * wider[group]
        errors[:, group] = np.sqrt(variance) * wider[group]
    return found, errors


def _means(positives: Ints, negatives: Ints) -> tuple[Floats, Floats, Floats]:
    """AUC by column of counts (S, columns); mean squares of either class's placements."""
    m, k = positives.sum(axis=0), negatives.sum(axis=0)
    below = (np.cumsum(negatives, axis=0) - negatives / 2) / k
    above = 1 - (np.cumsum(positives, axis=0) - positives / 2) / m
    area = np.einsum("sd,sd->d", positives, below) / m
    squares = (
        np.einsum("sd,sd,sd->d", side, value, value) / n
        for side, value, n in ((positives, below, m), (negatives, above, k))
    )
    return (area, *squares)


def _smoothed(positives: Ints, negatives: Ints) -> tuple[Floats, Floats]:
    """AUC and its variance, a placement of 0 and one of 1 added to either class: (columns,).

    As a rate gains a success and a failure: a draw that separates perfectly would else seem to
    be certain.
    """
    area, *squares = _means(positives, negatives)
    mean, variance = np.zeros_like(area), np.zeros_like(area)
    for square, n in zip(squares, (positives.sum(axis=0), negatives.sum(axis=0)), strict=True):
        middle = (n * area + 1) / (n + 2)
        mean += middle / 2
        variance += ((n * square + 1) / (n + 2) - middle**2) / (n + 1)
    return mean, variance
