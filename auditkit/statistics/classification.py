"""How well a binary classifier does, each figure with an interval; and two of them compared.

y is (n,) of 0 and 1; scores are (n,) in [0, 1], the probability of 1; predictions 0 or 1.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import bisect
from scipy.special import expit
from scipy.stats import entropy, rankdata, t

from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import rate_interval, score_limits, z_of

Floats = NDArray[np.float64]

SMALLEST = 1e-12  # scores are held this far from 0 and 1 before a logarithm is taken
ENOUGH = 300  # rows of the smaller class from which DeLong's variance of an AUC is trusted
ONE_CLASS = "only one class is present"


def accuracy(y: ArrayLike, prediction: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Share of rows predicted right, 1 is ideal, with a Wilson interval.

    Undefined without rows. Raises DataError where y or prediction is not 0 or 1.
    """
    truth = binary(y, "y")
    return _share(
        int(np.sum(truth == _predictions(prediction, truth, "prediction"))), len(truth), confidence
    )


def auc(y: ArrayLike, score: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Chance that a positive row scores above a negative one; ties count half. 1 is ideal.

    The interval is DeLong's on the logit scale, so that it stays within [0, 1]. His variance is
    too small near 1 where a class has few rows: below 300 each limit is moved out to the score
    limit where that is further. Where the variance is nought (perfect separation, a class of
    one row) Wilson's limits for as many trials as the smaller class has rows take its place: no
    variance of an AUC exceeds AUC (1 - AUC) / min(positives, negatives) (Birnbaum & Klose 1957).
    Undefined with one class.

    DeLong et al. 1988; in O(n log n) by midranks, Sun & Xu 2014; score limits: Newcombe 2006.
    """
    truth = binary(y, "y")
    placed = _placements(truth, probabilities(score, truth))
    if placed is None:
        return undefined(ONE_CLASS, n=len(truth), method="DeLong, logit")
    low, high, method = auc_limits(area_of(placed), z_of(confidence))
    return Estimate(
        value=placed.auc, low=low, high=high, n=len(truth), method=method, confidence=confidence
    )


def log_loss(y: ArrayLike, score: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Mean of -log(probability given to what happened), in nats; 0 is ideal.

    Scores are held within [1e-12, 1 - 1e-12], so that a row costs 27.6 at most. The interval is
    Student's for a mean; undefined without rows, without limits for a single row.
    """
    truth = binary(y, "y")
    held = np.clip(probabilities(score, truth), SMALLEST, 1 - SMALLEST)
    losses = -np.where(truth == 1, np.log(held), np.log1p(-held))
    return mean_estimate(losses, confidence=confidence, most=-math.log(SMALLEST))


def base_log_loss(y: ArrayLike) -> float:
    """The log loss of always giving the share of 1 in y: its entropy, 0 to log 2 nats.

    NaN without rows.
    """
    truth = binary(y, "y")
    return float(entropy([truth.mean(), 1 - truth.mean()])) if len(truth) else math.nan


def mean_estimate(values: ArrayLike, *, most: float, confidence: float = 0.95) -> Estimate:
    """The mean of values (n,) in [0, most] with Student's interval, held within these ends.

    The limits are NaN for a single value.
    """
    sample = np.asarray(values, float)
    n = len(sample)
    if n == 0:
        return undefined("there are no rows")
    half = math.nan
    if n > 1:
        half = float(t.ppf((1 + confidence) / 2, n - 1)) * float(sample.std(ddof=1)) / math.sqrt(n)
    mean = float(sample.mean())
    return Estimate(
        value=mean,
        low=float(np.maximum(mean - half, 0)),
        high=float(np.minimum(mean + half, most)),
        n=n,
        method="Student's t",
        confidence=confidence,
        reason="" if n > 1 else "a single row gives no interval",
    )


def accuracy_difference(
    y: ArrayLike, a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95
) -> Estimate:
    """Accuracy of predictions a minus that of b on the same rows; above 0, a is the better.

    Tango's score interval for paired proportions: it rests on the rows that only one of the two
    gets right, and holds where these are few or none. Undefined without rows.

    Tango 1998, "Equivalence test and confidence interval for paired proportions".
    """
    truth = binary(y, "y")
    right_a = _predictions(a, truth, "a") == truth
    right_b = _predictions(b, truth, "b") == truth
    n = len(truth)
    only_a, only_b = int(np.sum(right_a & ~right_b)), int(np.sum(right_b & ~right_a))
    return _paired(only_a, only_b, n, confidence)


class BesideConstant(NamedTuple):
    """How often a model is right, how often always giving one answer would be, and the gain."""

    accuracy: Estimate
    guess: Estimate
    gain: Estimate


def beside_constant(
    *, tp: int, fp: int, fn: int, tn: int, positive: bool, confidence: float = 0.95
) -> BesideConstant:
    """`accuracy` and `accuracy_difference` from counts, beside always saying yes, or always no."""
    n = tp + fp + fn + tn
    guessed = tp + fn if positive else fp + tn
    only_model, only_guess = (tn, fn) if positive else (tp, fp)
    return BesideConstant(
        accuracy=_share(tp + tn, n, confidence),
        guess=_share(guessed, n, confidence),
        gain=_paired(only_model, only_guess, n, confidence),
    )


def _share(right: int, n: int, confidence: float) -> Estimate:
    if n == 0:
        return undefined("there are no rows")
    low, high = rate_interval(right, n, confidence=confidence)
    return Estimate(
        value=right / n,
        low=float(low),
        high=float(high),
        n=n,
        method="Wilson",
        confidence=confidence,
    )


def _paired(only_a: int, only_b: int, n: int, confidence: float) -> Estimate:
    """The difference of two accuracies, from the rows that only one of the two gets right."""
    if n == 0:
        return undefined("there are no rows")
    low, high = tango_limits(only_a, only_b, n, z_of(confidence))
    return Estimate(
        value=(only_a - only_b) / n,
        low=low,
        high=high,
        n=n,
        method="Tango score, paired",
        confidence=confidence,
    )


def auc_difference(
    y: ArrayLike, a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95
) -> Estimate:
    """AUC of scores a minus that of b on the same rows; above 0, a is the better.

    Each AUC's own limits are combined with DeLong's correlation of the two (variances
    recovered), so that the interval stays within [-1, 1]. Undefined with one class.

    DeLong et al. 1988; Zou 2007, "Toward using confidence intervals to compare correlations".
    """
    truth = binary(y, "y")
    first = _placements(truth, probabilities(a, truth))
    second = _placements(truth, probabilities(b, truth))
    if first is None or second is None:
        return undefined(ONE_CLASS, n=len(truth), method="DeLong, paired")
    difference = first.auc - second.auc
    low, high = _paired_limits(first, second, confidence)
    return Estimate(
        value=difference,
        low=low,
        high=high,
        n=len(truth),
        method="DeLong, paired",
        confidence=confidence,
    )


def tango_limits(only_a: int, only_b: int, n: int, z: float) -> tuple[float, float]:
    """Score limits for (only_a - only_b) / n from counts of discordant pairs among n."""

    def statistic(delta: float) -> float:
        # q is the likeliest share of `only b` rows when the true difference is delta.
        linear = (2 * n - only_a + only_b) * delta - only_a - only_b
        constant = only_b * delta * (1 - delta)
        q = (math.sqrt(max(linear**2 + 8 * n * constant, 0.0)) - linear) / (4 * n)
        spread = math.sqrt(max(n * (2 * q + delta * (1 - delta)), 0.0))
        gap = only_a - only_b - n * delta
        if spread == 0:
            return math.copysign(math.inf, gap) if gap else 0.0
        return gap / spread

    observed = (only_a - only_b) / n
    low = high = observed
    if observed > -1:
        low = float(bisect(lambda delta: statistic(delta) - z, -1.0, observed, xtol=1e-10))
    if observed < 1:
        high = float(bisect(lambda delta: statistic(delta) + z, observed, 1.0, xtol=1e-10))
    return low, high


class Placements(NamedTuple):
    """DeLong's components: how each positive stands among the negatives, and the reverse.

    positives (m,) and negatives (k,) each have the mean auc.
    """

    auc: float
    positives: Floats
    negatives: Floats


class Area(NamedTuple):
    """An AUC with DeLong's variance, and how many positives and negatives it rests on."""

    auc: float
    variance: float
    positives: int
    negatives: int


def area_of(placed: Placements) -> Area:
    """The AUC that placements give; a variance of 0 where a class of one row gives none."""
    m, k = len(placed.positives), len(placed.negatives)
    variance = 0.0
    if min(m, k) > 1:
        variance = float(placed.positives.var(ddof=1) / m + placed.negatives.var(ddof=1) / k)
    return Area(auc=placed.auc, variance=variance, positives=m, negatives=k)


def _placements(y: Floats, score: Floats) -> Placements | None:
    """None where a class is absent."""
    positive, negative = score[y == 1], score[y == 0]
    m, k = len(positive), len(negative)
    if m == 0 or k == 0:
        return None
    ranks = rankdata(np.concatenate([positive, negative]))
    # A rank among all, less the rank within its own class, counts the other class below it.
    above = (ranks[:m] - rankdata(positive)) / k
    below = 1 - (ranks[m:] - rankdata(negative)) / m
    return Placements(auc=float(above.mean()), positives=above, negatives=below)


def auc_limits(area: Area, z: float) -> tuple[float, float, str]:
    """Limits of `auc` at the critical value z, and their method.

    DeLong's where each class has rows enough for its variance.
    """
    value, variance = area.auc, area.variance
    smaller = min(area.positives, area.negatives)
    if variance > 0 and 0 < value < 1:
        half = z * math.sqrt(variance) / (value * (1 - value))
        centre = math.log(value / (1 - value))
        low, high = float(expit(centre - half)), float(expit(centre + half))
    else:
        low, high = map(float, score_limits(value * smaller, smaller, z))
    if smaller >= ENOUGH:
        return low, high, "DeLong, logit"
    score_low, score_high = _score_limits(area, z)
    return min(low, score_low), max(high, score_high), "DeLong, logit; guarded by score limits"


def _score_limits(area: Area, z: float) -> tuple[float, float]:
    """Limits at which the AUC seen is z standard errors off, by the variance at the limit.

    Hanley & McNeil's variance with both classes weighed alike (Newcombe 2006, method 5).
    """
    m, k, value = area.positives, area.negatives, area.auc
    weight = (m + k) / 2 - 1

    def off(limit: float) -> float:
        factor = 1 + weight * ((1 - limit) / (2 - limit) + limit / (1 + limit))
        return (value - limit) ** 2 - z**2 * limit * (1 - limit) * factor / (m * k)

    low = float(bisect(off, 0.0, value)) if value > 0 else 0.0
    high = float(bisect(off, value, 1.0)) if value < 1 else 1.0
    return low, high


def _paired_limits(first: Placements, second: Placements, confidence: float) -> tuple[float, float]:
    if np.array_equal(first.positives, second.positives) and np.array_equal(
        first.negatives, second.negatives
    ):
        return 0.0, 0.0  # the two rank every pair alike
    z = z_of(confidence)
    low_1, high_1, _ = auc_limits(area_of(first), z)
    low_2, high_2, _ = auc_limits(area_of(second), z)
    alike = _correlation(first, second)
    difference = first.auc - second.auc
    below = _combined(first.auc - low_1, high_2 - second.auc, alike)
    above = _combined(high_1 - first.auc, second.auc - low_2, alike)
    return max(difference - below, -1.0), min(difference + above, 1.0)


def _combined(one: float, other: float, alike: float) -> float:
    return math.sqrt(max(one**2 + other**2 - 2 * alike * one * other, 0.0))


def _correlation(first: Placements, second: Placements) -> float:
    """DeLong's correlation of two AUCs on the same rows; 0 where it is not to be had."""
    product = area_of(first).variance * area_of(second).variance
    if product <= 0:
        return 0.0
    m, k = len(first.positives), len(first.negatives)
    covariance = (
        np.cov(first.positives, second.positives)[0, 1] / m
        + np.cov(first.negatives, second.negatives)[0, 1] / k
    )
    return float(np.clip(covariance / math.sqrt(product), -1, 1))


def binary(values: ArrayLike, name: str) -> Floats:
    """Values of 0 and 1 as float64 (n,). Raises DataError for anything else."""
    array = np.asarray(values, float)
    if array.ndim != 1:
        raise DataError(f"{name} has shape {array.shape}; give one value a row")
    wrong = ~((array == 0) | (array == 1))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(f"{name} is {array[row]} in row {row + 1}; it must be 0 or 1")
    return array


def probabilities(values: ArrayLike, y: Floats) -> Floats:
    """Scores as float64 (n,). Raises DataError unless there is one in [0, 1] for each row of y."""
    array = np.asarray(values, float)
    if array.shape != y.shape:
        raise DataError(f"scores have shape {array.shape}, y has {y.shape}; give one for each row")
    wrong = ~((array >= 0) & (array <= 1))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"the score in row {row + 1} is {array[row]}; it must be a probability, 0 to 1"
        )
    return array


def _predictions(values: ArrayLike, y: Floats, name: str) -> Floats:
    array = binary(values, name)
    if array.shape != y.shape:
        raise DataError(f"{name} has {len(array)} rows, y has {len(y)}; give one for each row")
    return array
