"""Redrawing the count table, and how wide intervals must be to hold for all pairs at once."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr

from auditkit.bias.groups import cells, share
from auditkit.bias.pairs import Comparison, Contest
from auditkit.errors import UsageError
from auditkit.statistics.intervals import z_of

Floats = NDArray[np.float64]


def require_draws(draws: int, confidence: float) -> None:
    """Raise UsageError for fewer than one draw, and for a confidence outside (0, 1)."""
    if draws < 1:
        raise UsageError(f"draws is {draws}; give at least 1, better 1000")
    z_of(confidence)  # which refuses what is no share


def draw(counts: pd.DataFrame, draws: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Bootstrap samples of the whole table: (draws, groups, 4), cells in the order of CELLS.

    Resampling n rows with replacement and counting them again has exactly this law, a
    multinomial over the cells, so that the rows themselves are not needed.
    """
    table = cells(counts)
    total = int(table.sum())
    sample = rng.multinomial(total, table.ravel() / total, size=draws)
    return sample.reshape(draws, *table.shape)


def largest_deviation(
    contests: Sequence[Contest], drawn: NDArray[np.int64], comparison: Comparison
) -> Floats:
    """Largest studentised deviation over all pairs of all contests, by draw: (draws,)."""
    return cast(Floats, np.max([max_t(contest, drawn, comparison) for contest in contests], axis=0))


def holding(maxima: Floats, sizes: tuple[int, ...], confidence: float) -> float:
    """How many standard errors hold for all pairs of all families of these sizes at once.

    The larger of two: the quantile over the draws of the largest studentised deviation (max-T),
    and Tukey's value for as many groups. The first sees skewness; it collapses where rates touch
    0 or 1, as the draws then hardly vary, and there the second holds. docs/methods.md has the
    simulation that asked for both.
    """
    measured = float(np.quantile(maxima, confidence, method="higher"))
    return max(measured, tukey(sizes, confidence))


@lru_cache(maxsize=256)
def tukey(sizes: tuple[int, ...], confidence: float) -> float:
    """Critical value for all pairs within each family of so many groups, over root 2 of Tukey's q.

    Exact for normal means of equal variance, conservative otherwise; 1.96 for two groups.

    Tukey 1953; Kramer 1956; Hayter 1984, "A Proof of the Conjecture that the Tukey-Kramer
    Multiple Comparisons Procedure is Conservative".
    """

    def shortfall(z: float) -> float:
        return float(np.prod([range_within(z * np.sqrt(2), size) for size in sizes])) - confidence

    return float(brentq(shortfall, 0.0, 20.0, xtol=1e-9))


def pairs_beyond(z: float, sizes: tuple[int, ...]) -> float:
    """The chance that a pair within any of the families differs by more than z standard errors.

    `tukey` turned round. Far out, where 1 minus a probability loses its digits, the sum over all
    pairs, which is hardly larger there.
    """
    within = float(np.prod([range_within(z * np.sqrt(2), size) for size in sizes]))
    several = sum(size * (size - 1) for size in sizes) * float(ndtr(-z))
    return min(several, 1.0) if within > 1 - 1e-6 else min(1 - within, 1.0)


def range_within(width: float, size: int) -> float:
    """Probability that the range of `size` standard normals is at most `width`."""
    x = np.linspace(-9.0, 9.0 + width, 2001)  # trapezoids converge geometrically here
    density = np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)
    inside = (ndtr(x) - ndtr(x - width)) ** (size - 1)
    return size * float(np.sum(density * inside)) * float(x[1] - x[0])


def max_t(contest: Contest, drawn: NDArray[np.int64], comparison: Comparison) -> Floats:
    """Largest studentised deviation from the measured gap over all pairs, by draw: (draws,).

    Rates are smoothed by one success and one failure each, and compared as logarithms for a
    ratio. Westfall & Young 1993.
    """
    table = drawn[:, contest.groups, :]
    hits = table[:, :, contest.rate.numerator_cells].sum(axis=2)  # (draws, groups)
    n = table[:, :, contest.rate.denominator_cells].sum(axis=2)
    return furthest(contest, hits, n, comparison)


def furthest(
    contest: Contest, hits: NDArray[Any], n: NDArray[Any], comparison: Comparison
) -> Floats:
    """`max_t` of samples counted already: hits and n are (draws, groups)."""
    rate = share(contest.hits, contest.n)
    centre, _ = _smoothed(rate * contest.support, contest.support, comparison)
    level, variance = _smoothed(hits, n, comparison)
    # Groups first, so that a pair reads two contiguous rows.
    deviation = np.ascontiguousarray((level - centre).T)
    variance = np.ascontiguousarray(variance.T)
    largest = np.zeros(len(hits))
    for i in range(len(deviation) - 1):
        squared = (deviation[i] - deviation[i + 1 :]) ** 2 / (variance[i] + variance[i + 1 :])
        np.maximum(largest, squared.max(axis=0), out=largest)
    return np.sqrt(largest)


def _smoothed(hits: NDArray[Any], n: NDArray[Any], comparison: Comparison) -> tuple[Floats, Floats]:
    """The rate with one success and one failure added (its logarithm for a ratio), and variance."""
    p = (hits + 1) / (n + 2)
    if comparison == "ratio":
        return np.log(p), (1 - p) / (p * (n + 2))
    return p, p * (1 - p) / (n + 2)
