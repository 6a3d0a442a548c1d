"""How far a model's numbers are from the true ones, each figure with an interval.

truth and said are (n,) in the target's own unit; an error is said - truth.
"""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t

from auditkit.errors import DataError
from auditkit.statistics.calibration import quantile_bins
from auditkit.statistics.estimate import Estimate, independent_difference, undefined
from auditkit.statistics.intervals import z_of
from auditkit.statistics.positive import (
    FEWEST_SQUARES,
    WARY,
    WARY_OF_SQUARES,
    positive_limits,
    wary_variance,
)
from auditkit.statistics.ratios import ratio_estimate
from auditkit.statistics.skewness import skewed_limits, skewness_of

Floats = NDArray[np.float64]

NO_ROWS = "there are no rows"


def mean_absolute_error(truth: ArrayLike, said: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Mean distance from the truth, in the target's unit; 0 is ideal.

    The gamma law's interval, with the variance raised by two of its standard errors: of 10 to
    1,000 errors it covers 94 % or more, those of Student's law with 3 degrees of freedom and
    lognormal ones included (docs/methods-outputs.md).
    """
    return _positive(absolute_errors(truth, said), WARY, confidence)


def signed_error(truth: ArrayLike, said: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Mean of said - truth, in the target's unit: above 0 the model says too much.

    Student's interval, corrected for skewness (Hall 1992).
    """
    wrong = signed_errors(truth, said)
    n, method = len(wrong), "Student's t, corrected for skewness"
    if not n:
        return undefined(NO_ROWS, method=method)
    mean = float(wrong.mean())
    low = high = math.nan
    if n > 1:
        error = float(wrong.std(ddof=1)) / math.sqrt(n)
        skewness = skewness_of((wrong - mean) / n, error)
        low, high = map(float, skewed_limits(mean, error, skewness, n - 1, confidence))
    return _estimate(mean, low, high, n, method, confidence)


def root_mean_squared_error(
    truth: ArrayLike, said: ArrayLike, *, confidence: float = 0.95
) -> Estimate:
    """Root of the mean squared error, in the target's unit; 0 is ideal.

    Large errors weigh more than in the mean absolute error. The interval is that of the mean
    absolute error for squares, whose variance is raised by three standard errors. It is not
    given for fewer than 100 rows, nor is it promised where fourth powers of errors have no mean.
    """
    square = _positive(signed_errors(truth, said) ** 2, WARY_OF_SQUARES, confidence)
    if not square.defined:
        return square
    if square.n < FEWEST_SQUARES and square.n > 1 and square.value > 0:
        few = f"fewer than {FEWEST_SQUARES} rows do not tell how large the rare errors are"
        return replace(
            square, value=math.sqrt(square.value), low=math.nan, high=math.nan, reason=few
        )
    root, low, high = (math.sqrt(one) for one in (square.value, square.low, square.high))
    return replace(square, value=root, low=low, high=high)


def r_squared(truth: ArrayLike, said: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """1 - squared error / squared distance from the mean of these rows: 1 is ideal.

    0 is what always giving that mean would get; below it the model is worse. Student's interval
    on the logarithm of the ratio of the two (delta method), so that it stays below 1. Undefined
    where all true values are equal.
    """
    squares = signed_errors(truth, said) ** 2
    known = np.asarray(truth, float)
    n, method = len(squares), "Student's t on the logarithm of the share left unexplained"
    if not n:
        return undefined(NO_ROWS, method=method)
    spread = (known - known.mean()) ** 2
    if known.min() == known.max():
        return undefined("all true values are equal", n=n, method=method)
    left = float(squares.mean() / spread.mean())
    if left == 0:
        return _estimate(1.0, 1.0, 1.0, n, method, confidence)
    # The mean minimises its own squares: to first order its own error adds nothing.
    half = _half(squares / squares.mean() - spread / spread.mean(), confidence)
    low, high = 1 - left * _exponential(half), 1 - left * math.exp(-half)
    return _estimate(1 - left, low, high, n, method, confidence)


def absolute_error_difference(
    truth: ArrayLike, a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95
) -> Estimate:
    """Mean absolute error of b minus that of a on the same rows: above 0, a is the better.

    In the target's unit; Student's interval on the rows' own differences.
    """
    gain = np.abs(signed_errors(truth, b)) - np.abs(signed_errors(truth, a))
    n, method = len(gain), "Student's t, paired"
    if not n:
        return undefined(NO_ROWS, method=method)
    half = _half(gain, confidence)
    mean = float(gain.mean())
    return _estimate(mean, mean - half, mean + half, n, method, confidence)


def error_saved(
    truth: ArrayLike, a: ArrayLike, b: ArrayLike, guess: ArrayLike, *, confidence: float = 0.95
) -> Estimate:
    """The same difference as a share of the error of a guess, so that units cancel.

    With b the guess itself it is the share of its error that a saves: 1 is ideal, below 0 is
    worse than guessing. guess is (n,) or one number. Undefined where the guess has no error.
    """
    gain = np.abs(signed_errors(truth, b)) - np.abs(signed_errors(truth, a))
    known = np.asarray(truth, float)
    return ratio_estimate(
        gain,
        np.abs(known - np.broadcast_to(np.asarray(guess, float), known.shape)),
        confidence=confidence,
    )


def overfitting_gap(
    seen: tuple[ArrayLike, ArrayLike],
    fresh: tuple[ArrayLike, ArrayLike],
    *,
    confidence: float = 0.95,
) -> Estimate:
    """How much larger the mean absolute error is on fresh rows, as a share of a guess's error.

    Each pair is (truth, said). The guess is always the mean of the rows seen; its error on them
    is taken as given. Undefined where these are all equal.
    """
    known = np.asarray(seen[0], float)
    unit = float(np.abs(known - known.mean()).mean()) if len(known) else 0.0
    if unit == 0:
        return undefined("all numbers of the training rows are equal", n=len(known))
    first, second = (
        mean_absolute_error(
            np.asarray(one[0], float) / unit,
            np.asarray(one[1], float) / unit,
            confidence=confidence,
        )
        for one in (fresh, seen)
    )
    return independent_difference(first, second)


def by_said(truth: ArrayLike, said: ArrayLike, *, bins: int = 10) -> pd.DataFrame:
    """What was said beside what was true, a row a bin of about equal size: their means and n."""
    order = quantile_bins(np.asarray(said, float), bins)
    means = pd.DataFrame({"said": np.asarray(said, float), "true": np.asarray(truth, float)})
    found = means.groupby(order).mean()
    return found.assign(n=np.bincount(order)).reset_index(drop=True)


def absolute_errors(truth: ArrayLike, said: ArrayLike) -> Floats:
    """How far off each row is, (n,). Raises DataError as `signed_errors` does."""
    return np.abs(signed_errors(truth, said))


def signed_errors(truth: ArrayLike, said: ArrayLike) -> Floats:
    """said - truth as float64 (n,). Raises DataError unless both are finite and of one length."""
    known, given = np.asarray(truth, float), np.asarray(said, float)
    if known.shape != given.shape or known.ndim != 1:
        raise DataError(f"said has shape {given.shape}, truth {known.shape}; give one for each row")
    for name, values in (("truth", known), ("said", given)):
        if not np.isfinite(values).all():
            row = int((~np.isfinite(values)).argmax())
            raise DataError(f"{name} is {values[row]} in row {row + 1}; give finite numbers")
    return np.asarray(given - known)


def _positive(values: Floats, wary: float, confidence: float) -> Estimate:
    n, method = len(values), "gamma law, of a variance larger than seen"
    if not n:
        return undefined(NO_ROWS, method=method)
    mean = float(values.mean())
    variance = wary_variance([values / mean - 1 if mean else np.zeros(n)], wary)
    ends = positive_limits(np.array([mean]), np.array([n]), variance, z_of(confidence))
    low, high = (float(one[0]) if n > 1 else math.nan for one in ends)
    return _estimate(mean, low, high, n, method, confidence)


def _half(values: Floats, confidence: float) -> float:
    n = len(values)
    if n < 2:
        return math.nan
    return float(t.ppf((1 + confidence) / 2, n - 1) * values.std(ddof=1) / math.sqrt(n))


def _exponential(half: float) -> float:
    return math.exp(min(half, 700.0)) if not math.isnan(half) else math.nan


def _estimate(
    value: float, low: float, high: float, n: int, method: str, confidence: float
) -> Estimate:
    return Estimate(
        value=value,
        low=low,
        high=high,
        n=n,
        method=method,
        confidence=confidence,
        reason="" if n > 1 else "a single row gives no interval",
    )
