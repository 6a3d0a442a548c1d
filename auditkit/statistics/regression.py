"""How far a model's numbers are from the true ones, each figure with an interval.

truth and said are (n,) in the target's own unit; an error is said - truth.
"""

import math

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t

from auditkit.errors import DataError
from auditkit.statistics.calibration import quantile_bins
from auditkit.statistics.classification import mean_estimate
from auditkit.statistics.estimate import Estimate, independent_difference, undefined
from auditkit.statistics.ratios import ratio_estimate

Floats = NDArray[np.float64]

NO_ROWS = "there are no rows"


def mean_absolute_error(truth: ArrayLike, said: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Mean distance from the truth, in the target's unit; 0 is ideal.

    Student's interval for a mean; of 100 errors by Student's law with 4 degrees of freedom it
    covers 92 %.
    """
    return mean_estimate(np.abs(signed_errors(truth, said)), most=math.inf, confidence=confidence)


def signed_error(truth: ArrayLike, said: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """Mean of said - truth, in the target's unit: above 0 the model says too much. Student's."""
    wrong = signed_errors(truth, said)
    n = len(wrong)
    if not n:
        return undefined(NO_ROWS, method="Student's t")
    half = _half(wrong, confidence)
    mean = float(wrong.mean())
    return _estimate(mean, mean - half, mean + half, n, "Student's t", confidence)


def root_mean_squared_error(
    truth: ArrayLike, said: ArrayLike, *, confidence: float = 0.95
) -> Estimate:
    """Root of the mean squared error, in the target's unit; 0 is ideal.

    Large errors weigh more than in the mean absolute error. Student's interval on the logarithm
    of the mean square (delta method), so that it stays above 0.
    """
    squares = signed_errors(truth, said) ** 2
    n, method = len(squares), "Student's t on the logarithm of the mean square"
    if not n:
        return undefined(NO_ROWS, method=method)
    mean = float(squares.mean())
    if mean == 0:
        return _estimate(0.0, 0.0, 0.0, n, method, confidence)
    half = _half(squares / mean, confidence) / 2
    root = math.sqrt(mean)
    return _estimate(root, root * math.exp(-half), root * _exponential(half), n, method, confidence)


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
