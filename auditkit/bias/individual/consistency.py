"""Are like rows answered alike? Each row's answer beside those of its nearest neighbours."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata
from sklearn.neighbors import NearestNeighbors

from auditkit.bias.null import TIE, Null
from auditkit.errors import DataError
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.intervals import score_limits, z_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

METHOD = "jackknife over rows, score limits"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbours:
    """Who stands beside whom among n rows.

    rows (m,) are those whose neighbours were sought; nearest (m, k + 1) are the other rows next
    to each, the nearest first: the last stands in where one of the k is taken away.
    """

    rows: Ints
    nearest: Ints
    n: int

    @property
    def k(self) -> int:
        """How many neighbours a row is compared with."""
        return int(self.nearest.shape[1]) - 1


def neighbours(
    features: ArrayLike, rng: np.random.Generator, *, k: int = 5, most: int = 2000
) -> Neighbours:
    """The k rows nearest to each of at most `most` rows, drawn at random, by Euclidean distance.

    features is (n, d), scaled, without the sensitive columns (`scaling.scaled`). A row is not
    its own neighbour; among rows equally near chance decides, not their order in the file.
    Raises DataError for fewer than k + 2 rows and for values that are not finite.
    """
    points = np.asarray(features, dtype=np.float32)
    n = len(points)
    if points.ndim != 2 or n < k + 2:
        raise DataError(
            f"{n} rows of features: {k} neighbours of a row need {k + 2} at least, as (n, d)"
        )
    if not np.isfinite(points).all():
        raise DataError("the features hold NaN or infinity; scale them with scaling.scaled")
    order = rng.permutation(n)
    asked = np.arange(n) if n <= most else np.sort(rng.choice(n, most, replace=False))
    search = NearestNeighbors(n_neighbors=k + 2, algorithm="brute").fit(points[order])
    found = order[search.kneighbors(points[order[asked]], return_distance=False)]
    rows = order[asked]
    own = found == rows[:, None]
    own[~own.any(axis=1), -1] = True  # among many that are alike it may not find itself
    return Neighbours(rows=rows, nearest=found[~own].reshape(len(rows), k + 1), n=n)


def consistency(
    answers: ArrayLike,
    near: Neighbours,
    *,
    among: ArrayLike | None = None,
    confidence: float = 0.95,
) -> Estimate:
    """1 - mean |answer - mean answer of the k nearest others|: 1 where like rows are treated alike.

    answers is (n,) within [0, 1] (decisions, probabilities, places), or (n, K) with rows that sum
    to 1 (classes, one-hot), whose distance is half the sum of differences. among (n,) bool keeps
    the rows asked about, not their neighbours. The interval rests on the exact change of the
    figure when a row is left out, as one that is asked about and as a neighbour of others, and is
    Wilson's with as many rows as give that variance. Undefined without rows.

    Zemel et al. 2013, "Learning Fair Representations"; without the row itself, which agrees.
    """
    said = _answers(answers, near.n)
    kept = np.ones(len(near.rows), bool) if among is None else _mask(among, near.n)[near.rows]
    if not kept.any():
        return undefined("there are no rows", method=METHOD)
    rows, nearest = near.rows[kept], near.nearest[kept]
    apart, less = _distances(said, rows, nearest)
    m, mean = len(rows), float(apart.mean())
    influence = np.zeros(near.n)
    influence[rows] = apart - mean
    np.add.at(influence, nearest[:, :-1], less)
    variance = near.n / (near.n - 1) * float(np.sum((influence - influence.mean()) ** 2)) / m**2
    low, high = _limits(mean, variance, m, near.k, confidence)
    return Estimate(
        value=1 - mean, low=1 - high, high=1 - low, n=m, method=METHOD, confidence=confidence
    )


def consistency_null(
    answers: ArrayLike, near: Neighbours, rng: np.random.Generator, *, draws: int = 100
) -> Null:
    """The consistency of the same answers given to rows at random: nothing follows from likeness.

    upper is the 95th percentile, p_value the share of draws at least as consistent.
    """
    said = _answers(answers, near.n)
    drawn = np.empty(draws)
    for draw in range(draws):
        mixed = said[rng.permutation(near.n)]
        means = mixed[near.nearest[:, :-1]].mean(axis=1)
        drawn[draw] = 1 - _apart(mixed[near.rows], means).mean()
    observed = consistency(answers, near).value
    p_value = (1 + int(np.sum(drawn >= observed - TIE))) / (draws + 1)
    return Null(
        mean=float(drawn.mean()),
        upper=float(np.quantile(drawn, 0.95)),
        p_value=p_value,
        draws=draws,
    )


def places(values: ArrayLike) -> Floats:
    """Numbers (n,) as their places among all, from 0 (lowest) to 1; equal ones share a place."""
    array = np.asarray(values, float)
    return np.asarray((rankdata(array) - 0.5) / max(len(array), 1))


def _distances(said: Floats, rows: Ints, nearest: Ints) -> tuple[Floats, Floats]:
    """How far each row is from its neighbours (m,); and how much less if one were gone (m, k)."""
    around = said[nearest]  # (m, k + 1, K)
    k = nearest.shape[1] - 1
    own, mean = said[rows], around[:, :k].mean(axis=1)
    apart = _apart(own, mean)
    replaced = mean[:, None] + (around[:, k:] - around[:, :k]) / k  # (m, k, K)
    return apart, apart[:, None] - _apart(own[:, None], replaced)


def _apart(own: Floats, other: Floats) -> Floats:
    differences = np.abs(own - other).sum(axis=-1)
    return np.asarray(differences if own.shape[-1] == 1 else differences / 2)


def _limits(mean: float, variance: float, m: int, k: int, confidence: float) -> tuple[float, float]:
    """Score limits of a mean in [0, 1], with the number of trials that has this variance."""
    # A row that sees k neighbours tells no more than k trials do.
    trials = min(mean * (1 - mean) / variance, m * k) if variance > 0 else m
    trials = max(trials, 1.0)
    low, high = score_limits(mean * trials, trials, z_of(confidence))
    return float(low), float(high)


def _answers(answers: ArrayLike, n: int) -> Floats:
    """Answers as (n, K). Raises DataError unless there is one within [0, 1] for each row."""
    array = np.asarray(answers, float)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or len(array) != n:
        raise DataError(f"answers have shape {array.shape}, there are {n} rows; give one for each")
    if not ((array >= 0) & (array <= 1)).all():
        seen = array[~((array >= 0) & (array <= 1))][0]
        shown = "nothing" if math.isnan(seen) else f"{seen:g}"
        raise DataError(
            f"an answer is {shown}; give decisions, shares within [0, 1] or places(values)"
        )
    return array


def _mask(among: ArrayLike, n: int) -> NDArray[np.bool_]:
    mask = np.asarray(among, bool)
    if mask.shape != (n,):
        raise DataError(f"among has shape {mask.shape}, there are {n} rows; give one for each")
    return mask
