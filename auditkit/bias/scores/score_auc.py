"""How well scores order the rows of each group: its AUC, and the gaps between groups."""

import numpy as np
from numpy.typing import NDArray

from auditkit.bias.contrast import Contrast, Measured, contrast
from auditkit.bias.scores.score_counts import ScoreCounts
from auditkit.bias.scores.score_draws import dealt, redrawn
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
        ends = [auc_limits(one, z)[:2] for one in areas]
        low, high = np.array(ends).reshape(-1, 2).T
        return low, high

    values = np.array([one.auc for one in areas])
    enough = len(areas) > 1
    return contrast(
        Measured(
            labels=kept.groups,
            values=values,
            errors=np.sqrt([one.variance for one in areas]),
            n=kept.rows,
            limits=limits,
            drawn=_drawn(kept, values, draws, rng) if enough else None,
            permuted=permuted_aucs(kept, draws, rng) if enough else None,
            left_out=left_out,
        ),
        confidence=confidence,
        what="AUC",
        method=METHOD,
    )


def with_both_outcomes(
    counts: ScoreCounts, min_group_size: int
) -> tuple[ScoreCounts, dict[str, str]]:
    """The groups with that many positives and negatives (at least one), and why others are not."""
    least = max(min_group_size, 1)
    sides = {"positive": counts.tp[:, 0], "negative": counts.fp[:, 0]}
    kept = np.flatnonzero(np.minimum(*sides.values()) >= least)
    left_out = {
        name: f"fewer than {least:,} "
        + " and ".join(f"{side}s" for side, n in sides.items() if n[place] < least)
        for place, name in enumerate(counts.groups)
        if place not in kept
    }
    return counts.only(kept), left_out


def area(positives: Ints, negatives: Ints) -> Area:
    """A group's AUC and DeLong's variance from its counts by rising score, each (S,)."""
    m, k = int(positives.sum()), int(negatives.sum())
    below = (np.cumsum(negatives) - negatives / 2) / k  # negatives below, ties half
    above = 1 - (np.cumsum(positives) - positives / 2) / m
    value = float(positives @ below / m)
    variance = 0.0
    if min(m, k) > 1:
        spread = (
            positives @ (below - value) ** 2 / (m - 1),
            negatives @ (above - value) ** 2 / (k - 1),
        )
        variance = float(spread[0] / m + spread[1] / k)
    return Area(auc=value, variance=variance, positives=m, negatives=k)


def permuted_aucs(counts: ScoreCounts, draws: int, rng: np.random.Generator) -> Floats:
    """AUC of each group, labels dealt out anew among positives and among negatives: (draws, G)."""
    coarse = counts.coarser(BINS)
    positives, negatives = (
        dealt(side.sum(axis=0), side.sum(axis=1).tolist(), draws, rng)
        for side in (coarse.positives, coarse.negatives)
    )
    return np.stack([_means(*both)[0] for both in zip(positives, negatives, strict=True)], axis=1)


def _drawn(
    counts: ScoreCounts, values: Floats, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Bootstrap AUCs and their standard errors, each (draws, G), about the values measured."""
    found, errors = np.empty((2, draws, len(values)))
    for group, value in enumerate(values):
        own = counts.only([group]).coarser(BINS)  # bins of its own: a group may sit in a corner
        sides = (own.positives[0], own.negatives[0])
        centre = _smoothed(*(side[:, None] for side in sides))[0]
        area, variance = _smoothed(*(redrawn(side, draws, rng).T for side in sides))
        found[:, group], errors[:, group] = value + area - centre, np.sqrt(variance)
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
