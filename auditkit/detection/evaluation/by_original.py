"""Limits of a figure whose rows come several from one photograph or person.

Rows of one original tell less than as many independent ones. A figure's variance is that of what
whole originals add to it; its limits are those of a share of as many independent rows as have that
variance, so that they stay within 0 and 1, and are no point where nothing was seen to vary.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import score_limits, z_of

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

AT_ONCE = 4_000_000  # numbers held while originals are drawn again
DRAWS = 400
NO_ROWS = "there are no such images"


def variance_of(influence: Floats, original: Ints) -> float:
    """Of a figure that row i moves by influence (n,), whole originals drawn; 0 of a single one."""
    originals = len(np.unique(original))
    if originals < 2:
        return 0.0
    moved = np.bincount(original, influence)
    return float((moved**2).sum()) * originals / (originals - 1)


def independent(original: Ints) -> float:
    """Rows that are left of original (n,) if those of one original are all the same."""
    sizes = np.bincount(original)
    return float(len(original) ** 2 / (sizes**2).sum()) if len(original) else 0.0


def wider(original: Ints, confidence: float) -> float:
    """How much further out limits lie because few originals tell a variance badly."""
    degrees = max(len(np.unique(original)) - 1, 1)
    return float(student.ppf((1 + confidence) / 2, degrees)) / z_of(confidence)


def limited(
    value: float,
    variance: float,
    original: Ints,
    *,
    without: float,
    confidence: float,
    method: str,
) -> Estimate:
    """An estimate in [0, 1] with the limits of as many independent rows as have its variance.

    without is how many rows that is where none was seen to vary.
    """
    rows = value * (1 - value) / variance if variance > 0 else 0.0
    rows = min(rows, len(original)) if rows > 0 else without
    rows /= wider(original, confidence) ** 2
    low, high = score_limits(value * rows, rows, z_of(confidence))
    return Estimate(
        value=value,
        low=min(float(low), value),
        high=max(float(high), value),
        n=len(original),
        method=f"{method}, of {len(np.unique(original)):,} originals",
        confidence=confidence,
    )


def share_of(hits: ArrayLike, original: ArrayLike, *, confidence: float = 0.95) -> Estimate:
    """The share of rows that hit (n,), in [0, 1]; undefined without rows."""
    hit, whose = np.asarray(hits, bool), codes(original)
    require_same(hit, whose)
    if not len(hit):
        return undefined(NO_ROWS, method="score limits")
    value = float(hit.mean())
    return limited(
        value,
        variance_of((hit - value) / len(hit), whose),
        whose,
        without=independent(whose),
        confidence=confidence,
        method="score limits",
    )


def running_mean(order: Floats, value: NDArray[np.generic], over: Bools) -> tuple[float, Floats]:
    """Mean, over rows in `over`, of the mean value of all rows of as high an order, or higher.

    With it what each row moves it by, (n,).
    """
    _, place = np.unique(order, return_inverse=True)
    values = np.asarray(value, float)
    rows = np.bincount(place)[::-1].cumsum()[::-1]
    means = np.bincount(place, values)[::-1].cumsum()[::-1] / rows
    asked = np.bincount(place, over) / over.sum()
    found = float(asked @ means)
    moved = values * np.cumsum(asked / rows)[place] - np.cumsum(asked * means / rows)[place]
    return found, over * (means[place] - found) / over.sum() + moved


def both(made: Bools) -> bool:
    """Whether there are made images and real ones."""
    return bool(made.any() and not made.all())


def smaller(made: Bools, original: Ints) -> float:
    """Independent rows of the class that has fewer of them."""
    return min(independent(original[made]), independent(original[~made]))


def codes(original: ArrayLike) -> Ints:
    """Originals as numbers from 0, (n,)."""
    return np.asarray(pd.factorize(np.asarray(original))[0], dtype=np.int64)


def require_same(*columns: NDArray[np.generic]) -> None:
    """Raise DataError unless all columns are (n,) of one n."""
    shapes = [one.shape for one in columns]
    if any(len(one) != 1 or one != shapes[0] for one in shapes):
        raise DataError(f"columns have shapes {shapes}; give one value an image to each")


def redrawn(original: Ints, rng: np.random.Generator, draws: int = DRAWS) -> Iterator[Floats]:
    """How often each row is in, whole originals drawn with replacement: chunks (some, n)."""
    originals = int(original.max()) + 1
    some = max(1, AT_ONCE // max(len(original), originals))
    for start in range(0, draws, some):
        times = min(some, draws - start)
        drawn = rng.multinomial(originals, np.full(originals, 1 / originals), size=times)
        yield drawn[:, original].astype(float)
