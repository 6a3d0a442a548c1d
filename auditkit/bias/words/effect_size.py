"""WEAT's effect size from cosines, and how far it would move with other words.

to_a (n, A) and to_b (n, B) are cosines of n targets with the attributes; the first rows are list X.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from auditkit.bias.null import TIE
from auditkit.statistics.estimate import Estimate, undefined

Floats = NDArray[np.float64]

METHOD = "jackknife over the words of all four lists, on the scale of arctanh"


def effect_size(to_a: Floats, to_b: Floats, first: int, *, confidence: float = 0.95) -> Estimate:
    """d, with an interval for what other words of the same four kinds would give on average.

    Each word of each list is left out in turn and the lists' variances add up, with Satterthwaite's
    degrees of freedom. d over its largest value is a correlation, and is stretched as one. Over the
    targets alone, as if the attributes were the only ones there could be, it would cover in half
    of cases (docs/methods-associations.md). Undefined where all targets associate alike.
    """
    scores = to_a.mean(axis=1) - to_b.mean(axis=1)
    n = len(scores)
    value = _d(scores, first)
    if math.isnan(value):
        return undefined("all targets associate alike", n=n, method=METHOD)
    low, high = math.nan, math.nan
    if min(first, n - first) > 2 and min(to_a.shape[1], to_b.shape[1]) > 1:
        error, freedom = _jackknife(to_a, to_b, first)
        most = math.sqrt(n * (n - 1) / (first * (n - first)))
        r = value / most
        half = t.ppf((1 + confidence) / 2, freedom) * error / most / max(1 - r * r, TIE)
        place = math.atanh(min(max(r, TIE - 1), 1 - TIE))
        low, high = (most * math.tanh(place + side * half) for side in (-1, 1))
    return Estimate(
        value=value,
        low=min(low, value),
        high=max(high, value),
        n=n,
        method=METHOD,
        confidence=confidence,
        reason="" if not math.isnan(low) else "a list of so few words gives no interval",
    )


def magnitude(effect: Estimate) -> Estimate:
    """|d| with its interval, from that of d: from 0 where d may be either way."""
    low, high = effect.low, effect.high
    return replace(
        effect,
        value=abs(effect.value),
        low=max(low, -high, 0.0) if not math.isnan(low) else low,
        high=max(high, -low),
    )


def _jackknife(to_a: Floats, to_b: Floats, first: int) -> tuple[float, float]:
    """The standard error of d, and its degrees of freedom."""
    mean_a, mean_b = to_a.mean(axis=1, keepdims=True), to_b.mean(axis=1, keepdims=True)
    left = _without_each((mean_a - mean_b)[:, 0], first)
    parts = (
        left[:first],
        left[first:],
        _d(_means_without(to_a) - mean_b, first),
        _d(mean_a - _means_without(to_b), first),
    )
    variances = np.array([(len(one) - 1) * one.var() for one in parts])
    freedoms = np.array([len(one) - 1 for one in parts])
    total = float(variances.sum())
    if total == 0:
        return 0.0, 1.0
    return math.sqrt(total), float(total**2 / np.sum(variances**2 / freedoms))


def _d(scores: Floats, first: int) -> Any:
    """The effect size from scores (n,), or from each column of (n, k): NaN where all are alike."""
    apart = scores[:first].mean(axis=0) - scores[first:].mean(axis=0)
    spread = scores.std(axis=0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.where(spread > TIE, apart / spread, math.nan)
    return found if scores.ndim > 1 else float(found)


def _without_each(scores: Floats, first: int) -> Floats:
    """d with each target left out in turn: (n,)."""
    n = len(scores)
    every = np.broadcast_to(scores[:, None], (n, n))
    left = every.T[~np.eye(n, dtype=bool)].reshape(n, n - 1).T  # a column for each that is left out
    return np.concatenate([_d(left[:, :first], first - 1), _d(left[:, first:], first)])


def _means_without(cosines: Floats) -> Floats:
    """The row means with each column left out in turn."""
    return np.asarray((cosines.sum(axis=1, keepdims=True) - cosines) / (cosines.shape[1] - 1))
