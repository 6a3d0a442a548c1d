"""How made images compare with real ones: distances of samples, overlap, classes.

Everything is computed from features (n, d) that some classifier gives of the images, or from the
classes it puts them in. The figures are about that classifier's view: what it cannot see, they
cannot tell.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist
from scipy.special import entr

from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import score_limits, z_of

Floats = NDArray[np.float64]

BLOCK = 256  # rows whose distances to all others are held at once


def features(given: ArrayLike, fewest: int) -> Floats:
    """(n, d) float64; (n,) is one feature. Raises DataError for too few rows or no numbers."""
    x = np.asarray(given, dtype=float)
    x = x[:, None] if x.ndim == 1 else x
    if len(x) < fewest:
        raise DataError(f"{len(x)} images are too few to compare: at least {fewest} are needed")
    if not np.isfinite(x).all():
        raise DataError("the features of some image are not finite: check the classifier")
    return x


def frechet_of_moments(
    mean: ArrayLike, cov: ArrayLike, other_mean: ArrayLike, other_cov: ArrayLike
) -> float:
    """Squared Wasserstein distance of two normal laws: 0 where they agree, no upper bound.

    |m - m'|^2 + tr(C + C' - 2 (C^1/2 C' C^1/2)^1/2). Both roots are of symmetric matrices and are
    taken by their eigenvalues, so that nothing becomes complex where C is singular.

    Frechet 1957; for images Heusel 2017, "GANs Trained by a Two Time-Scale Update Rule".
    """
    m, c, n, d = (np.asarray(one, float) for one in (mean, cov, other_mean, other_cov))
    c, d = np.atleast_2d(c), np.atleast_2d(d)
    values, vectors = np.linalg.eigh(c)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    middle = root @ d @ root
    crossed = np.sqrt(np.linalg.eigvalsh((middle + middle.T) / 2).clip(0)).sum()
    squared = ((m - n) ** 2).sum() + np.trace(c) + np.trace(d) - 2 * crossed
    return max(float(squared), 0.0)


def frechet_distance(a: ArrayLike, b: ArrayLike) -> float:
    """The Frechet distance of two samples' means and covariances.

    Large even between two samples of one law, the more so the fewer rows there are: read it
    beside its floor (`beside_floor`). Raises DataError for fewer than two rows.
    """
    x, y = features(a, 2), features(b, 2)
    return frechet_of_moments(x.mean(0), _covariance(x), y.mean(0), _covariance(y))


@dataclass(frozen=True, kw_only=True)
class BesideFloor:
    """A distance of made from real images, that of real from real ones, and their ratio.

    The ratio is 1 where the made images are as like the real ones as these are among themselves;
    its interval is the distance's, in units of the mean floor. The floor falls with the number of
    images, so that a ratio belongs to that number. share does not: it is the distance beyond the
    floor in units of the real images' spread (the trace of their covariance), which is 1 for a
    generator that makes the mean of the real images over and over.
    """

    distance: Estimate
    floor: Estimate
    ratio: Estimate
    share: Estimate


def beside_floor(
    real: ArrayLike, generated: ArrayLike, rng: np.random.Generator, *, halves: int = 20
) -> BesideFloor:
    """The Frechet distance at half the rows, beside the distance of two halves of the real ones.

    Each repeat cuts the real rows in two and takes as many generated ones as a half has; the value
    is the mean over the repeats. A bootstrap would be wrong here: repeated rows shrink the
    covariance's rank and push the distance up. The interval is the range over the repeats
    instead; halves of n rows vary about as much as samples of n rows do (delete-half jackknife),
    so the range of 20 holds about nine in ten of them. Raises DataError for fewer than four real or
    two generated rows.
    """
    x, y = features(real, 4), features(generated, 2)
    size = min(len(x) // 2, len(y))
    made, floors = np.empty(halves), np.empty(halves)
    for i in range(halves):
        order = rng.permutation(len(x))
        half, other = x[order[:size]], x[order[size : 2 * size]]
        made[i] = frechet_distance(half, y[rng.permutation(len(y))[:size]])
        floors[i] = frechet_distance(half, other)
    distance, floor = (_ranged(one, float(one.mean()), size) for one in (made, floors))
    spread = float(np.trace(_covariance(x)))
    if not floor.value > 0 or not spread > 0:
        ratio = share = undefined("the real images have all the same features", n=size)
    else:
        ratio = _ranged(made / floor.value, distance.value / floor.value, size)
        beyond = (made - floors) / spread
        share = _ranged(beyond, float(beyond.mean()), size)
    return BesideFloor(distance=distance, floor=floor, ratio=ratio, share=share)


def kernel_distance(
    a: ArrayLike, b: ArrayLike, rng: np.random.Generator, *, subsets: int = 50, size: int = 1000
) -> Estimate:
    """Squared maximum mean discrepancy under (x.y / d + 1)^3, unbiased: about 0 for one law.

    The mean over random subsets of `size` rows of each; may be a little below 0. The interval
    takes the subsets' variance, corrected for their overlap (as for draws without replacement).
    Raises DataError for fewer than four rows.

    Binkowski 2018, "Demystifying MMD GANs" (KID).
    """
    x, y = features(a, 4), features(b, 4)
    rows = min(len(x), len(y))
    size = min(size, rows // 2)
    drawn = np.array(
        [
            _mmd(x[rng.permutation(len(x))[:size]], y[rng.permutation(len(y))[:size]])
            for _ in range(subsets)
        ]
    )
    # Subsets of s of n rows vary by (1 - s/n) / s, the whole sample by 1/n.
    reach = z_of(0.95) * float(drawn.std(ddof=1)) * math.sqrt(size / (rows - size) + 1 / subsets)
    value = float(drawn.mean())
    method = f"{subsets} subsets of {size} rows"
    return Estimate(value=value, low=value - reach, high=value + reach, n=rows, method=method)


@dataclass(frozen=True, kw_only=True)
class Manifold:
    """How two samples overlap. precision, recall and coverage are shares, density is at least 0.

    precision and density: made images near real ones; recall: real ones near made ones;
    coverage: real ones with a made one among their neighbourhood. All are best high; density is
    about 1 and coverage about `expected_coverage` where both samples come from one law.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall_density_coverage(
    real: ArrayLike, generated: ArrayLike, k: int = 5
) -> Manifold:
    """Overlap of balls that reach to each row's k-th neighbour among its own kind.

    A ball has its edge, so that features which are all the same overlap. Raises DataError
    unless there are more than k + 1 rows of each kind.

    Kynkaanniemi 2019, "Improved Precision and Recall Metric"; Naeem 2020, "Reliable Fidelity and
    Diversity Metrics for Generative Models".
    """
    x, y = features(real, k + 2), features(generated, k + 2)
    radius, made_radius = _radii(x, k), _radii(y, k)
    held = np.zeros(len(y), dtype=np.int64)  # in how many real balls each made image lies
    recalled = covered = 0
    for start, distance in _blocks(x, y):
        inside = distance <= radius[start : start + len(distance), None]
        held += inside.sum(axis=0)
        covered += int(inside.any(axis=1).sum())
        recalled += int((distance <= made_radius).any(axis=1).sum())
    return Manifold(
        precision=float((held > 0).mean()),
        recall=recalled / len(x),
        density=float(held.mean() / k),
        coverage=covered / len(x),
    )


def expected_coverage(real: int, generated: int, k: int = 5) -> float:
    """Coverage on average where both samples come from one law (Naeem 2020)."""
    i = np.arange(1, k + 1)
    return float(1 - np.prod((real - i) / (real + generated - i)))


def class_shares(
    given: ArrayLike, classes: int, *, confidence: float = 0.95
) -> tuple[Estimate, ...]:
    """The share of each class among n images, with intervals that hold for all at once.

    given is (n,) codes or (n, K) probabilities, of which the largest counts. Wilson's limits with
    Bonferroni's critical value. Raises DataError where there is no image.
    """
    codes = np.asarray(given)
    codes = codes.argmax(axis=1) if codes.ndim == 2 else codes
    n = len(codes)
    if n == 0:
        raise DataError("there is no image to count the classes of; give one at least")
    counts = np.bincount(codes, minlength=classes)
    low, high = score_limits(counts, n, z_of(1 - (1 - confidence) / classes))
    method = f"Wilson, simultaneous over {classes} classes"
    return tuple(
        Estimate(value=c / n, low=float(a), high=float(b), n=n, method=method)
        for c, a, b in zip(counts.tolist(), low, high, strict=True)
    )


def smallest_share(shares: Sequence[Estimate]) -> tuple[int, Estimate]:
    """The class with the smallest share, and that share; the interval is of whichever it be."""
    return _extreme(shares, min)


def largest_share(shares: Sequence[Estimate]) -> tuple[int, Estimate]:
    """The class with the largest share, and that share; the interval is of whichever it be."""
    return _extreme(shares, max)


def tolerated_shares(
    real: Sequence[Estimate], least: float, most: float, *, slack: float = 0.5
) -> tuple[float, float]:
    """The limits of a class's share, moved out where the real classes are themselves uneven.

    A class may have half of what the rarest real one has, and half as much again as the
    commonest: made images are not to blame for what the data are.
    """
    values = [one.value for one in real]
    return min(least, (1 - slack) * min(values)), max(most, min((1 + slack) * max(values), 1.0))


def effective_classes(shares: ArrayLike) -> float:
    """How many even classes have the same entropy: K where all are even, 1 where one is all."""
    return float(np.exp(entr(np.asarray(shares, float)).sum()))


def _extreme(
    shares: Sequence[Estimate], choose: Callable[[list[float]], float]
) -> tuple[int, Estimate]:
    values = [one.value for one in shares]
    low, high = choose([one.low for one in shares]), choose([one.high for one in shares])
    place = values.index(choose(values))
    return place, replace(shares[place], low=low, high=high)


def _covariance(x: Floats) -> Floats:
    return np.atleast_2d(np.cov(x, rowvar=False))


def _ranged(repeats: Floats, value: float, n: int) -> Estimate:
    method = f"range over {len(repeats)} random halves"
    low, high = min(float(repeats.min()), value), max(float(repeats.max()), value)
    return Estimate(value=value, low=low, high=high, n=n, method=method)


def _mmd(x: Floats, y: Floats) -> float:
    n, d = x.shape
    own = ((x @ x.T / d + 1) ** 3, (y @ y.T / d + 1) ** 3)
    within = sum((one.sum() - np.trace(one)) / (n * (n - 1)) for one in own)
    return float(within - 2 * ((x @ y.T / d + 1) ** 3).mean())


def _blocks(x: Floats, y: Floats) -> Iterator[tuple[int, Floats]]:
    """Distances of all rows of y from a block of rows of x, and where the block starts."""
    for start in range(0, len(x), BLOCK):
        yield start, cdist(x[start : start + BLOCK], y)


def _radii(x: Floats, k: int) -> Floats:
    """Distance to the k-th nearest other row; the nearest of all is the row itself."""
    return np.concatenate([np.partition(one, k, axis=1)[:, k] for _, one in _blocks(x, x)])
