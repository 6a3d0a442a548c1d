"""How unequally a model's errors fall on people, and how much of that lies between groups.

A decision is worth b = prediction - truth + 1 to the person: 0 where a favoured outcome that was
due is refused, 1 where the decision is right, 2 where one is granted that was not due. The index
is 0 where all are served alike. Everything follows from the counts of `groups.group_counts`.

Speicher et al. 2018, "A Unified Approach to Quantifying Algorithmic Unfairness".
"""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.stats import chi2, ncx2

from auditkit.bias.groups import cells, label
from auditkit.bias.null import TIE, UNDEFINED, Null
from auditkit.errors import DataError, UsageError
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import rate_interval, z_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BENEFITS = np.array([0.0, 1.0, 2.0])
METHOD = "score region of the three shares"
BETWEEN = "noncentral chi-square, each group by its own variance"
DIRECTIONS, HALVINGS = 360, 40
NOTHING = "all are served alike: there is nothing to lie between groups"
NOBODY = "nobody benefits: every decision refuses a favoured outcome that was due"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Between:
    """The part of an index that lies between groups: what is left if each group is given its mean.

    total = estimate.value + within. groups has a line for each group: rows, and its mean benefit
    with an interval of its own (benefit, low, high): 1 where as many err to its favour as to its
    harm. null is the part under permuted labels, 0 on no table.
    """

    total: float
    estimate: Estimate
    within: float
    null: Null
    groups: pd.DataFrame

    @property
    def share(self) -> float:
        """The part between groups, as a share of the whole; NaN where there is no inequality."""
        return self.estimate.value / self.total if self.total > 0 else math.nan


def generalised_entropy(benefits: ArrayLike, alpha: float = 2.0) -> float:
    """The generalised entropy index of benefits (n,) at least 0; 0 where all are equal.

    alpha 2 is half the squared coefficient of variation, 1 Theil's index, 0 the mean log
    deviation. NaN without rows, where all are 0, and for alpha <= 0 where any is. Raises
    DataError for benefits below 0 or missing.
    """
    b = np.asarray(benefits, float)
    if not ((b >= 0) & np.isfinite(b)).all():
        raise DataError("a benefit is below 0, missing or infinite; give finite ones from 0 on")
    return float(_entropy(np.ones((1, len(b))) / max(len(b), 1), b, alpha)[0])


def inequality(counts: pd.DataFrame, *, alpha: float = 2.0, confidence: float = 0.95) -> Estimate:
    """The generalised entropy index of all rows of a count table; 0 is ideal.

    The interval is the range of the index over all shares of the three benefits that a score test
    does not reject: Wilson's, for three shares in place of two, guarded where errors are few.
    Undefined without rows, where nobody benefits, and for alpha <= 0 where somebody does not.
    """
    x = _benefits(counts).sum(axis=0)
    n, z = int(x.sum()), z_of(confidence)
    value, reason = _defined(x, alpha)
    if reason:
        return undefined(reason, n=n, method=METHOD)
    # With alpha <= 0 one row of benefit 0 makes it infinite, and nothing rules such rows out.
    edge = _region(x, z) if alpha > 0 else _without_refusals(x, confidence)
    with np.errstate(invalid="ignore"):
        seen = _entropy(np.vstack([edge, _guarded(x, confidence)]), BENEFITS, alpha)
    return Estimate(
        value=value,
        low=float(min(np.nanmin(seen), value)),
        high=float(max(np.nanmax(seen), value)) if alpha > 0 else math.inf,
        n=n,
        method=METHOD,
        confidence=confidence,
    )


def between(
    counts: pd.DataFrame,
    rng: np.random.Generator,
    *,
    alpha: float = 2.0,
    confidence: float = 0.95,
    draws: int = 1000,
) -> Between:
    """The part of the index that lies between the groups of a count table.

    Chance alone gives some: the null permutes labels among rows, drawn from the counts. The
    interval is that of a sum of squares around the mean (noncentral chi-square, whose scale and
    degrees of freedom are those of groups of different variance). Undefined where the index is
    undefined or 0, and for fewer than two groups with rows.
    """
    table = _benefits(counts)
    table, kept = table[table.sum(axis=1) > 0], counts.index[table.sum(axis=1) > 0]
    total, reason = _defined(table.sum(axis=0), alpha)
    n = table.sum(axis=1)
    few = f"{len(n)} group{'s' * (len(n) != 1)} with rows; a comparison needs two"
    reason = reason or (few if len(n) < 2 else "") or (NOTHING if total == 0 else "")
    mean = table @ BENEFITS / np.maximum(n, 1)
    if reason:
        estimate, null, value = (
            undefined(reason, n=int(n.sum()), method=BETWEEN),
            UNDEFINED,
            math.nan,
        )
    else:
        value = float(_entropy((n / n.sum())[None], mean, alpha)[0])
        low, high = _between_limits(table, value, confidence)
        estimate = Estimate(
            value=value, low=low, high=high, n=int(n.sum()), method=BETWEEN, confidence=confidence
        )
        null = _permuted(table, value, alpha, rng, draws)
    return Between(
        total=total,
        estimate=estimate,
        within=total - value,
        null=null,
        groups=_group_frame(table, kept, z_of(confidence)),
    )


def _benefits(counts: pd.DataFrame) -> Ints:
    """Rows by benefit 0, 1, 2: (groups, 3)."""
    tp, fp, fn, tn = cells(counts).T
    return np.stack([fn, tp + tn, fp], axis=1)


def _defined(x: Ints, alpha: float) -> tuple[float, str]:
    if not math.isfinite(alpha):
        raise UsageError(f"alpha is {alpha}; give a finite number such as 2")
    if not x.sum():
        return math.nan, "there are no rows"
    if x[0] == x.sum():
        return math.nan, NOBODY
    if alpha <= 0 and x[0]:
        return math.nan, f"with alpha {alpha:g} the index is infinite where one row has benefit 0"
    return float(_entropy(x[None] / x.sum(), BENEFITS, alpha)[0]), ""


def _entropy(shares: Floats, benefits: Floats, alpha: float) -> Floats:
    """The index of each row of shares (m, values) of benefits (values,)."""
    mean = shares @ benefits
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = benefits / mean[:, None]
        if alpha == 1:
            terms = np.where(relative > 0, relative * np.log(relative), 0.0)
        elif alpha == 0:
            terms = -np.log(relative)
        else:
            terms = (relative**alpha - 1) / (alpha * (alpha - 1))
        # What nobody has must not count, infinite or not.
        index = np.where(shares > 0, shares * terms, 0.0).sum(axis=1)
    return np.asarray(np.where((mean > 0) & np.isfinite(index), np.maximum(index, 0.0), np.nan))


def _region(x: Ints, z: float) -> Floats:
    """The edge of all shares p with sum (x - n p)^2 / (n p) <= z^2: (DIRECTIONS, 3).

    The region is convex, so that each ray from the shares seen leaves it once.
    """
    n = x.sum()
    seen = x / n
    width = np.sqrt((seen * (1 - seen) + 1 / n) / n)
    angle = np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False)
    ray = np.stack([width[0] * np.cos(angle), np.zeros_like(angle), width[2] * np.sin(angle)], 1)
    ray[:, 1] = -ray.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        reach = np.where(ray < 0, -seen / ray, np.inf).min(axis=1)  # where a share is 0
        inside, outside = np.zeros(DIRECTIONS), reach.copy()
        for _ in range(HALVINGS):
            middle = (inside + outside) / 2
            p = np.maximum(seen + middle[:, None] * ray, 0)
            held = np.where(x > 0, x**2 / (n * p), 0.0).sum(axis=1) - n <= z**2
            inside, outside = np.where(held, middle, inside), np.where(held, outside, middle)
    return np.asarray(np.maximum(seen + inside[:, None] * ray, 0))


def _without_refusals(x: Ints, confidence: float) -> Floats:
    """The fewest and the most rows of benefit 2 beside those of 1, as shares: (2, 3)."""
    most = np.array(rate_interval(x[2], x.sum(), confidence=confidence))
    return np.stack([0 * most, 1 - most, most], axis=1)


def _guarded(x: Ints, confidence: float) -> Floats:
    """The shares seen with all errors together at their guarded limits: (2, 3).

    With errors of one kind, and few, Wilson's lower limit lies too close to what was seen.
    """
    n, errors = x.sum(), x[0] + x[2]
    if not errors or errors == n:
        return np.asarray(x / n)[None]
    limits = np.array(rate_interval(errors, n, confidence=confidence))[:, None]
    kinds = np.array([x[0], 0, x[2]]) / errors
    return np.asarray(limits * kinds + (1 - limits) * np.array([0, 1, 0]))


def _between_limits(table: Ints, value: float, confidence: float) -> tuple[float, float]:
    """Limits of the part between groups, extended to hold the value.

    To second order every index is half the variance of the groups' means over the squared mean.
    """
    n = table.sum(axis=1)
    total, shares = n.sum(), n / n.sum()
    mean = table @ BENEFITS / n
    overall = float(shares @ mean)
    squares = float(n @ (mean - overall) ** 2)
    variance = _variances(table)
    matrix = np.diag(variance) - np.outer(shares, variance)  # (M Sigma), transposed
    first, second = float(np.trace(matrix)), float(np.sum(matrix * matrix.T))
    if first <= 0:
        return value, value
    scale, freedom = second / first, first**2 / second
    far = n * (mean - overall) ** 2
    scale = max(scale, float(far @ variance / far.sum())) if far.sum() > 0 else scale
    low, high = (
        _noncentrality(squares / scale, freedom, tail)
        for tail in ((1 + confidence) / 2, (1 - confidence) / 2)
    )
    unit = scale / (2 * total * overall**2)
    if squares > 0:  # indices other than alpha 2 differ from the second order by a factor
        unit *= value / (squares / (2 * total * overall**2))
    return float(min(low * unit, value)), float(max(high * unit, value))


def _variances(table: Ints) -> Floats:
    """Variance of a benefit in each group, with one row's worth of all rows' added."""
    n = table.sum(axis=1)

    def variance(x: NDArray[np.float64]) -> Floats:
        rows = x.sum(axis=-1)
        return np.asarray(x @ BENEFITS**2 / rows - (x @ BENEFITS / rows) ** 2)

    pooled = float(variance(table.sum(axis=0).astype(float)))
    return np.asarray((n * variance(table.astype(float)) + pooled) / (n + 1))


def _noncentrality(observed: float, freedom: float, tail: float) -> float:
    """The noncentrality at which `observed` has this much of the distribution below it, or 0."""

    def excess(noncentrality: float) -> float:
        if noncentrality == 0:
            return float(chi2.cdf(observed, freedom)) - tail
        return float(ncx2.cdf(observed, freedom, noncentrality)) - tail

    if excess(0.0) <= 0:
        return 0.0
    reach = observed + 10 * math.sqrt(observed + freedom) + 50
    return float(brentq(excess, 0.0, reach, xtol=1e-6 * reach))


def _permuted(
    table: Ints, value: float, alpha: float, rng: np.random.Generator, draws: int
) -> Null:
    n, (refused, _, granted) = table.sum(axis=1), table.sum(axis=0)
    zeros = rng.multivariate_hypergeometric(n, refused, size=draws, method="marginals")
    twos = np.array(
        [rng.multivariate_hypergeometric(n - zero, granted, method="marginals") for zero in zeros]
    )
    mean = (n - zeros + twos) / n
    shares = n / n.sum()
    drawn = np.array([_entropy(shares[None], one, alpha)[0] for one in mean])
    drawn = drawn[np.isfinite(drawn)]
    if not len(drawn):
        return UNDEFINED
    return Null(
        mean=float(drawn.mean()),
        upper=float(np.quantile(drawn, 0.95)),
        p_value=(1 + int(np.sum(drawn >= value - TIE))) / (len(drawn) + 1),
        draws=len(drawn),
    )


def _group_frame(table: Ints, index: pd.Index, z: float) -> pd.DataFrame:
    """Each group's mean benefit, with the least and the most of its score region."""
    lines = []
    for x in table:
        edge = _region(x, z) @ BENEFITS
        lines.append((int(x.sum()), float(x @ BENEFITS / x.sum()), edge.min(), edge.max()))
    frame = pd.DataFrame(lines, columns=["rows", "benefit", "low", "high"])
    frame.insert(0, "group", [label(one) for one in index])
    return frame
