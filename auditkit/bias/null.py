"""What a gap would be by chance alone: the groups' labels permuted among the rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auditkit.bias.groups import share
from auditkit.bias.pairs import Comparison, Contest

# Two fractions that are equal can differ in the last bits once written as floats.
TIE = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Null:
    """The gap under permuted labels: mean, the 5 % point on the side of harm, and p.

    upper is the 95th percentile of a difference and the 5th of a ratio: only beyond it is a
    gap larger than chance gives. p_value counts permutations at least as extreme, plus one.
    """

    mean: float
    upper: float
    p_value: float
    draws: int


UNDEFINED = Null(mean=math.nan, upper=math.nan, p_value=math.nan, draws=0)


def permutation_null(
    contests: Sequence[Contest],
    observed: float,
    *,
    comparison: Comparison,
    draws: int,
    rng: np.random.Generator,
) -> Null:
    """The null of the largest difference or smallest ratio over all contests.

    Permuting labels among the rows that a rate is about keeps every group's denominator and the
    total of the numerators, so that the numerators are multivariate hypergeometric: the rows
    need not be shuffled. Contests about different rows (true and false positives) are drawn
    independently.
    """
    gaps = np.array([permuted_gaps(contest, comparison, draws, rng) for contest in contests])
    return null_from(gaps, observed, comparison)


def null_from(gaps: NDArray[np.float64], observed: float, comparison: Comparison) -> Null:
    """The null from each contest's permuted gaps, (contests, draws); the worst contest counts."""
    if comparison == "difference":
        null = gaps.max(axis=0)
        upper, extreme = np.quantile(null, 0.95), null >= observed - TIE
    else:
        null = gaps.min(axis=0)
        upper, extreme = np.quantile(null, 0.05), null <= observed + TIE
    p_value = (1 + int(extreme.sum())) / (len(null) + 1)
    return Null(mean=float(null.mean()), upper=float(upper), p_value=p_value, draws=len(null))


def permuted_gaps(
    contest: Contest, comparison: Comparison, draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """The gap of each permutation of the labels: (draws,)."""
    n = contest.n.astype(np.int64)
    hits = rng.multivariate_hypergeometric(
        n, int(contest.hits.sum()), size=draws, method="marginals"
    )
    rate = share(hits, n)
    highest, lowest = rate.max(axis=1), rate.min(axis=1)
    return highest - lowest if comparison == "difference" else share(lowest, highest)
