"""ABROCA: how far the ROC curve of a group runs from that of everybody else.

Two groups may have the same AUC and yet different curves: one is ordered well at the top, the
other at the bottom. The area between the curves sees that. Being an area, it is above 0 by chance
alone, the more so the smaller a group is, so that nothing is said of it without its null.

Gardner, Brooks & Baker 2019, "Evaluating the Fairness of Predictive Student Models Through
Slicing Analysis".
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import t

from auditkit.bias.null import TIE, UNDEFINED, Null
from auditkit.bias.scores.score_auc import with_both_outcomes
from auditkit.bias.scores.score_clusters import ScoreParts
from auditkit.bias.scores.score_counts import ScoreCounts
from auditkit.bias.scores.score_draws import dealt_sides
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import z_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Curve = tuple[Floats, Floats]

METHOD = "bootstrap of the two curves, inverted; all groups at once (Bonferroni)"
BINS = 48  # of scores, of nearly equal weight, for curves that are drawn
STEPS = 128  # false positive rates at which drawn curves are compared
SHARP = 2.5  # standard errors by which curves must stand apart to be taken for different
COLUMNS = ("area", "low", "high", "chance", "upper", "p_value", "n")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Abroca:
    """The area between each group's ROC curve and that of all other groups: 0 to 1, 0 is ideal.

    groups has a line for each group: area, its interval (low, high; those of all groups hold at
    once), n, and what labels dealt out at random give: the mean (chance), the 95 % point (upper)
    and p_value, corrected for the number of groups. Of two groups one line says all. group is
    the one that stands out, by the lower end of its interval and then by its distance from
    chance; estimate, against and null are its own. left_out maps a group to why it has no curve.
    """

    estimate: Estimate
    group: str
    against: str
    null: Null
    groups: pd.DataFrame
    left_out: Mapping[str, str]

    def largest(self) -> Estimate:
        """The same area within the ends of all: what a limit on every group's area is held to."""
        if not self.estimate.defined:
            return self.estimate
        low, high = float(self.groups["low"].max()), float(self.groups["high"].max())
        return replace(self.estimate, low=low, high=high)


def abroca(
    counts: ScoreCounts,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    draws: int = 1000,
    min_group_size: int = 10,
) -> Abroca:
    """The area between the ROC curves of each group and of the rest, with a randomisation test.

    A group with fewer than min_group_size positives or negatives is left out, by name, and is
    not part of any rest. The test deals group labels out anew among the positives and among the
    negatives: base rates stay as they are. Undefined for fewer than two groups.
    """
    z_of(confidence)  # which refuses what is no share
    kept, left_out = with_both_outcomes(counts, min_group_size)
    size = len(kept.groups)
    if size < 2:
        few = f"{size} group{'' if size == 1 else 's'} with enough positives and negatives"
        return Abroca(
            estimate=undefined(f"{few}; an area needs two", method=METHOD),
            group="",
            against="",
            null=UNDEFINED,
            groups=pd.DataFrame(columns=list(COLUMNS)),
            left_out=left_out,
        )
    groups, excess = _compared(kept, 1 - confidence, draws, rng)
    most = int(np.lexsort((excess, groups["low"]))[-1])
    mean, upper, p_value = (float(groups[one].iloc[most]) for one in ("chance", "upper", "p_value"))
    return Abroca(
        estimate=_estimate(groups, most, confidence),
        group=kept.groups[most],
        against=kept.groups[1] if size == 2 else "all others",
        null=Null(mean=mean, upper=upper, p_value=p_value, draws=draws),
        groups=groups,
        left_out=left_out,
    )


def _compared(
    counts: ScoreCounts, outside: float, draws: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, Floats]:
    """A line for each comparison, and how many standard deviations it lies beyond chance (C,)."""
    size = len(counts.groups)
    compared = range(size if size > 2 else 1)
    seen, null = _randomised(counts, compared, draws, rng)
    mean, spread = null.mean(axis=1), np.maximum(null.std(axis=1), TIE)
    largest = ((null - mean[:, None]) / spread[:, None]).max(axis=0)
    excess = (seen - mean) / spread
    lines = [_area(counts, place, outside / len(compared), draws, rng) for place in compared]
    index = pd.Series(list(counts.groups[: len(compared)]), name="group", dtype=object)
    groups = pd.DataFrame(lines, columns=list(COLUMNS[:3]), index=index)
    groups["chance"], groups["upper"] = mean, np.quantile(null, 0.95, axis=1)
    as_far = (largest >= excess[:, None] - TIE).sum(axis=1)
    return groups.assign(
        p_value=(1 + as_far) / (null.shape[1] + 1), n=int(counts.rows.sum())
    ), excess


def area_between(first: Curve, second: Curve) -> float:
    """The area between two ROC curves, each (false, true positive rates) rising from 0 to 1."""
    knots = np.union1d(first[0], second[0])
    width = np.diff(knots)
    # Within an interval both are straight; two inner points tell the ends where curves jump.
    near, far = knots[:-1] + width / 3, knots[:-1] + 2 * width / 3
    one, other = (np.interp(x, *first) - np.interp(x, *second) for x in (near, far))
    left, right = 2 * one - other, 2 * other - one
    ends = np.abs(left) + np.abs(right)
    with np.errstate(invalid="ignore"):  # 0 / 0 where the curves are one
        crossing = np.where(left * right < 0, (left**2 + right**2) / ends, ends)
    return float(crossing @ width / 2)


def roc(positives: Ints, negatives: Ints) -> Curve:
    """The ROC curve of counts (S,) by rising score: S + 1 points, from (0, 0) to (1, 1)."""
    false, true = (
        np.concatenate([[0], np.cumsum(side[::-1])]) / side.sum() for side in (negatives, positives)
    )
    return false, true


def curves(positives: NDArray[Any], negatives: NDArray[Any]) -> Floats:
    """True positive rates (draws, STEPS) of counts (S, draws) at evenly spaced false ones."""
    draws = positives.shape[1]
    # One after the other along one axis, so that all are interpolated at once.
    shift = 2.0 * np.arange(draws)[:, None]
    with np.errstate(invalid="ignore"):  # 0 / 0 where a draw lacks an outcome: it has no curve
        false, true = (
            np.concatenate([np.zeros((1, draws)), np.cumsum(side[::-1], axis=0)]).T
            / side.sum(axis=0)[:, None]
            for side in (negatives, positives)
        )
    grid = (np.arange(STEPS) + 0.5) / STEPS
    found = np.interp((grid + shift).ravel(), (false + shift).ravel(), true.ravel())
    return np.asarray(found.reshape(draws, STEPS))


def _randomised(
    counts: ScoreCounts, compared: range, draws: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Areas of the groups compared (C,) and under labels dealt anew (C, draws), on one grid."""
    coarse = counts.coarser(BINS)
    sides = (coarse.positives, coarse.negatives)
    shuffled = dealt_sides(coarse, draws, rng)
    totals = [one.sum(axis=0)[:, None] for one in sides]
    seen, null = np.empty(len(compared)), np.empty((len(compared), shuffled[0].shape[2]))
    for place in compared:
        own = [one[place][:, None] for one in sides]
        seen[place] = _areas(own, totals)[0]
        null[place] = _areas([one[place] for one in shuffled], totals)
    # Dealing out whole clusters may leave a group without one of the outcomes, and so no curve.
    return seen, null[:, np.isfinite(null).all(axis=0)]


def _areas(own: list[Ints], totals: list[Ints]) -> Floats:
    """Areas between counts (S, draws) and what is left of the totals (S, 1): (draws,)."""
    rest = [total - one for one, total in zip(own, totals, strict=True)]
    return np.asarray(np.abs(curves(*own) - curves(*rest)).mean(axis=1))


def _area(
    counts: ScoreCounts, place: int, outside: float, draws: int, rng: np.random.Generator
) -> tuple[float, float, float]:
    """The area of a group against the rest, and its interval at confidence 1 - outside."""
    others = [other for other in range(len(counts.groups)) if other != place]
    apart, noise, exact = np.zeros(STEPS), np.zeros((draws, STEPS)), []
    for sign, members in ((1, [place]), (-1, others)):
        whole = counts.only(members)
        sides = (whole.positives.sum(axis=0), whole.negatives.sum(axis=0))
        exact.append(roc(*sides))
        own = whole.merged().coarser(BINS)
        bins = (own.positives[0], own.negatives[0])
        apart = apart + sign * curves(*(side[:, None] for side in bins))[0]
        noise = noise + sign * _noise(own, outside, draws, rng)
    area = area_between(*exact)
    low, high = _ends(apart, noise, area, outside)
    return area, min(low, area), max(high, area)


def _noise(own: ScoreCounts, outside: float, draws: int, rng: np.random.Generator) -> Floats:
    """How far the curve of other rows of the same kind would lie from this one: (draws, STEPS).

    To either class a row is added that may have any score: a curve that separates perfectly is
    not certain. Widened as Student's law is beside the normal, for as many rows as the smaller
    class has, or as many clusters as there are.
    """
    sides = (own.positives[0], own.negatives[0])
    if own.parts is not None:
        return _noise_of_parts(own, own.parts, outside, draws, rng)
    if len(sides[0]) == 1:  # rows of another score would lie above or below the only one seen
        sides = (np.pad(sides[0], 1), np.pad(sides[1], 1))
    smoothed = [np.asarray(side + 1 / len(side)) for side in sides]
    rows = [int(side.sum()) for side in sides]
    again, centre = (
        curves(*both)
        for both in (
            [
                rng.multinomial(n, p / p.sum(), size=draws).T
                for n, p in zip(rows, smoothed, strict=True)
            ],
            [side[:, None] for side in smoothed],
        )
    )
    fewer = max(min(rows) - 1, 1)
    wider = float(t.ppf(1 - outside / 2, fewer)) / z_of(1 - outside)
    return np.asarray(wider * (again - centre))


def _noise_of_parts(
    own: ScoreCounts, parts: ScoreParts, outside: float, draws: int, rng: np.random.Generator
) -> Floats:
    """The same, whole clusters drawn again."""
    added = 1 / len(own.scores)
    again = curves(*(side.T + added for side in parts.redrawn(0, draws, rng)))
    centre = curves(*(side.T + added for side in (own.positives, own.negatives)))
    fewer = len(parts.group) - 1
    wider = float(t.ppf(1 - outside / 2, fewer)) / z_of(1 - outside)
    return np.asarray(wider * (again - centre))


def _ends(apart: Floats, noise: Floats, area: float, outside: float) -> tuple[float, float]:
    """Ends for the true area from the difference seen (STEPS,) and its noise (draws, STEPS).

    The area seen is too large on average, never too small: |D| >= sign D for any sign. So the
    upper end need only allow for the noise of the signed area, by the signs seen where the curves
    stand apart and by either elsewhere. For the lower end the truth is taken to be the difference
    seen where the curves stand apart, times a scale, and nothing elsewhere, to which chance adds
    most; it is the scale at which an area as large as the one seen would be rare.
    """
    error = np.maximum(noise.std(axis=0), TIE)
    standing = np.abs(apart) > SHARP * error
    sharp = np.where(standing, apart, 0.0)
    if not standing.any():
        sharp[np.argmax(np.abs(apart) - error)] = 1.0
    signs = (np.where(standing, np.sign(apart), either) for either in (1, -1))
    above = max(float(np.quantile((noise * sign).mean(axis=1), 1 - outside / 2)) for sign in signs)
    return _lowest(sharp, noise, area, 1 - outside / 2), min(area + above, 1.0)


def _lowest(shape: Floats, noise: Floats, area: float, share: float) -> float:
    """The area, in this shape (STEPS,), at which the one seen is the `share` quantile."""
    unit = shape / np.abs(shape).max()

    def excess(scale: float) -> float:
        return float(np.quantile(np.abs(scale * unit + noise).mean(axis=1), share)) - area

    if excess(0.0) >= 0:
        return 0.0
    scale = 1.0 if excess(1.0) <= 0 else float(brentq(excess, 0.0, 1.0, xtol=1e-5))
    return scale * float(np.abs(unit).mean())


def _estimate(groups: pd.DataFrame, most: int, confidence: float) -> Estimate:
    """The area of one line, with the interval that holds beside those of all others."""
    area, low, high = (float(groups[one].iloc[most]) for one in ("area", "low", "high"))
    n = int(groups["n"].iloc[most])
    return Estimate(value=area, low=low, high=high, n=n, method=METHOD, confidence=confidence)
