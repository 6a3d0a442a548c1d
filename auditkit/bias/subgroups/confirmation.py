"""Slices against all other rows: the difference of two means, with interval and p, for each."""

from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import hypergeom, t

from auditkit.bias.subgroups.slices import Ints, Mask
from auditkit.statistics.intervals import (
    Bounds,
    difference_interval,
    score_limits,
    z_of,
)
from auditkit.statistics.skewness import skewed_limits, skewness_of

Floats = NDArray[np.float64]


def outside_contrasts(
    met: Mask, loss: Floats, clusters: Ints | None, *, confidence: float
) -> pd.DataFrame:
    """The mean loss (n,) within each slice of met (k, n) and outside it, and their difference.

    A line for each slice: n, rate, outside, difference, low, high, p. p is two-sided, of no
    difference; the interval is each slice's own, at `confidence`. Of rows that are their own,
    losses of 0 and 1 are compared by Fisher's exact test and by `difference_interval`, others by
    Welch's test and interval, corrected for skewness. With clusters (n,), counted from 0,
    variances are of the clusters' totals. Undefined values are NaN: a slice of no rows, or of
    one cluster.
    """
    inside = met.astype(np.float64)
    n, others = inside.sum(axis=1), (1 - inside).sum(axis=1)
    total = inside @ loss
    with np.errstate(invalid="ignore", divide="ignore"):
        rate, outside = total / n, (loss.sum() - total) / others
    binary = bool(np.isin(loss, (0, 1)).all())
    if clusters is not None:
        sides = _Side(met, loss, rate, clusters), _Side(~met, loss, outside, clusters)
        low, high = _clustered(*sides, binary=binary, confidence=confidence)
        held = np.minimum(sides[0].held, sides[1].held)
        p = _clustered_p(*sides, _score_test(met, loss, clusters, rate - outside, held))
    elif binary:
        low, high = difference_interval(total, n, loss.sum() - total, others, z_of(confidence))
        p = _fisher(total, n, loss)
    else:
        low, high, p = _welch(met, loss, rate, outside, confidence)
    columns = {"n": n.astype(np.int64), "rate": rate, "outside": outside}
    columns |= {"difference": rate - outside, "low": low, "high": high, "p": p}
    return pd.DataFrame(columns)


def _fisher(total: Floats, n: Floats, loss: Floats) -> Floats:
    """Twice the smaller tail of the hypergeometric law, at most 1."""
    law = hypergeom(len(loss), int(loss.sum()), n.astype(np.int64))
    return cast(Floats, np.minimum(2 * np.minimum(law.sf(total - 1), law.cdf(total)), 1))


def _welch(
    met: Mask, loss: Floats, rate: Floats, outside: Floats, confidence: float
) -> tuple[Floats, Floats, Floats]:
    """Limits and p by Welch's error and degrees of freedom, corrected for skewness."""
    each, skewness = np.full((2, len(met)), np.nan), np.full((2, len(met)), np.nan)
    n = np.stack([met.sum(axis=1), (~met).sum(axis=1)])
    for k, one in enumerate(met):
        if n[:, k].min() < 2:
            continue
        shifts = np.where(one, (loss - rate[k]) / n[0, k], (outside[k] - loss) / n[1, k])
        each[:, k] = [
            (shifts[side] ** 2).sum() * m / (m - 1) for side, m in ((one, n[0, k]), (~one, n[1, k]))
        ]
        skewness[:, k] = skewness_of(shifts, np.sqrt(each[:, k].sum()))
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = each.sum(axis=0) ** 2 / (each**2 / (n - 1)).sum(axis=0)
    error = np.sqrt(each.sum(axis=0))
    seen, doubt = skewness
    low, high = skewed_limits(rate - outside, error, (seen, doubt), freedom, confidence)
    return low, high, _p_of(rate - outside, error, seen, freedom)


def _p_of(difference: Floats, error: Floats, skewness: Floats, freedom: Floats) -> Floats:
    """Two-sided p of no difference, by the same transformation at the skewness seen (Hall 1992)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        a, x = skewness, difference / error
        x = x + a * x**2 / 3 + a**2 * x**3 / 27 + a / 6
    return np.asarray(2 * t.sf(np.abs(x), freedom))


class _Side:
    """The rows in the slices, or outside: how their means vary over clusters.

    shifts (k, clusters) is what each cluster moves a mean by, variance (k,) the sum of their
    squares; held (k,) counts the clusters with rows here.
    """

    def __init__(self, met: Mask, loss: Floats, mean: Floats, clusters: Ints) -> None:
        size = int(clusters.max()) + 1
        self.mean, self.rows = mean, met.sum(axis=1)
        self.shifts, self.held = np.zeros((len(met), size)), np.zeros(len(met))
        for k, one in enumerate(met):
            rest = (loss[one] - mean[k]) / max(self.rows[k], 1)
            self.shifts[k] = np.bincount(clusters[one], weights=rest, minlength=size)
            self.held[k] = np.count_nonzero(np.bincount(clusters[one]))
        with np.errstate(invalid="ignore", divide="ignore"):
            self.variance = (self.shifts**2).sum(axis=1) * self.held / (self.held - 1)

    def limits(self, confidence: float) -> Bounds:
        """Score limits on the rows that these are worth, cluster by cluster (Korn & Graubard).

        Where all losses are alike, nothing says how alike the rows of a cluster are: each
        cluster then counts as one row.
        """
        z = z_of(confidence)
        with np.errstate(invalid="ignore", divide="ignore"):
            worth = self.mean * (1 - self.mean) / self.variance
            worth = np.where(self.variance > 0, np.minimum(worth, self.rows), self.held)
            worth = worth * (z / t.ppf((1 + confidence) / 2, self.held - 1)) ** 2
        return score_limits(self.mean * worth, worth, z)


def _clustered(first: _Side, second: _Side, *, binary: bool, confidence: float) -> Bounds:
    """Limits of a difference whose two means may share clusters, and then vary together."""
    held = np.minimum(first.held, second.held)
    difference, moved = first.mean - second.mean, first.shifts - second.shifts
    with np.errstate(invalid="ignore", divide="ignore"):
        both = (first.shifts * second.shifts).sum(axis=1)
        both /= np.sqrt((first.shifts**2).sum(axis=1) * (second.shifts**2).sum(axis=1))
        error = np.sqrt((moved**2).sum(axis=1) * held / (held - 1))
    if not binary:
        skewness = skewness_of(moved, error)
        return skewed_limits(difference, error, skewness, held - 1, confidence)
    (l1, u1), (l2, u2) = first.limits(confidence), second.limits(confidence)
    shared = np.nan_to_num(both)
    low = difference - _side_by_side(first.mean - l1, u2 - second.mean, shared)
    high = difference + _side_by_side(u1 - first.mean, second.mean - l2, shared)
    return low, high


def _side_by_side(a: Floats, b: Floats, correlation: Floats) -> Floats:
    """The distance of a difference from its limit, by those of its two means (MOVER).

    Zou & Donner 2008, "Construction of confidence limits about effect measures".
    """
    return np.asarray(np.sqrt(np.maximum(a**2 + b**2 - 2 * correlation * a * b, 0)))


def _clustered_p(first: _Side, second: _Side, score: Floats) -> Floats:
    """Two-sided p of no difference: Student's t, with the clusters of the smaller side less one.

    Where a slice's losses are all alike its variance is 0, and the p of `_score_test` stands.
    """
    held = np.minimum(first.held, second.held)
    moved = first.shifts - second.shifts
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt((moved**2).sum(axis=1) * held / (held - 1))
        p = 2 * t.sf(np.abs(first.mean - second.mean) / error, held - 1)
    return np.where(first.variance > 0, p, score)


def _score_test(
    met: Mask, loss: Floats, clusters: Ints, difference: Floats, held: Floats
) -> Floats:
    """The same, its variance from residuals about one mean: it cannot be 0 in a slice alone.

    held (k,) counts clusters.
    """
    rest = loss - loss.mean()
    size = int(clusters.max()) + 1
    p = np.ones(len(met))
    for k, one in enumerate(met):
        if held[k] < 2 or not rest.any():  # nothing at all differs
            continue
        weight = np.where(one, 1 / one.sum(), -1 / (~one).sum())
        totals = np.bincount(clusters, weights=weight * rest, minlength=size)
        error = np.sqrt((totals**2).sum() * held[k] / (held[k] - 1))
        p[k] = 2 * t.sf(abs(difference[k]) / error, held[k] - 1)
    return p
