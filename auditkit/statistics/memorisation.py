"""Does a generator copy what it was trained on?

Answered in features (n, d) that some classifier gives of the images: a copy that it takes for
another image is not found.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from auditkit.errors import DataError
from auditkit.statistics.generation import BLOCK, Floats, features

FEWEST = 20  # images of each kind that a cell needs to be judged by itself (Meehan 2020)


@dataclass(frozen=True, kw_only=True)
class Memorisation:
    """Whether made images lie nearer to the training images than fresh real ones do.

    statistic is C_T, the mean over cells of each cell's Mann-Whitney z, weighted by its share of
    the test rows; z is the same in units of its own deviation: about standard normal for fresh
    data, far below 0 for copies, far above for images unlike the data. copies is the share of
    made images that have exactly a training image's features, left_out that of test rows in
    cells too small to judge.
    """

    statistic: float
    z: float
    n: int
    cells: int
    copies: float
    left_out: float


def memorisation(
    train: ArrayLike,
    test: ArrayLike,
    generated: ArrayLike,
    rng: np.random.Generator,
    *,
    cells: int = 10,
) -> Memorisation:
    """Data-copying test over cells of the training rows found by k-means.

    There are at most as many cells as let the fewer kind have 40 rows in each. Cells with fewer
    than 20 test or 20 generated rows are left out: together they would compare one region's
    distances with another's. Raises DataError where no cell is left.

    Meehan, Chaudhuri & Dasgupta 2020, "A Non-Parametric Test to Detect Data-Copying in
    Generative Models".
    """
    t, p, q = features(train, 1), features(test, FEWEST), features(generated, FEWEST)
    most = max(min(cells, min(len(p), len(q)) // (2 * FEWEST)), 1)
    centres = _centres(t, most, rng)
    cell_p, cell_q = nearest(p, centres)[1], nearest(q, centres)[1]
    near_p, near_q = nearest(p, t)[0], nearest(q, t)[0]
    judged = [
        (int((cell_p == one).sum()), mann_whitney(near_q[cell_q == one], near_p[cell_p == one]))
        for one in np.unique(cell_p)
        if min((cell_p == one).sum(), (cell_q == one).sum()) >= FEWEST
    ]
    if not judged:
        raise DataError(f"no region of the data holds {FEWEST} test and {FEWEST} made images")
    rows, z = np.array([one for one, _ in judged]), np.array([one for _, one in judged])
    weight = rows / rows.sum()
    return Memorisation(
        statistic=float(weight @ z),
        z=float(weight @ z / np.sqrt((weight**2).sum())),
        n=len(q),
        cells=len(judged),
        copies=float((near_q == 0).mean()),
        left_out=float(1 - rows.sum() / len(p)),
    )


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """A made image and the training image nearest to it, by their places.

    distance is between their features; share is that of fresh real images which lie as near to a
    training image of their own.
    """

    made: int
    trained: int
    distance: float
    share: float


def most_alike(
    train: ArrayLike, test: ArrayLike, generated: ArrayLike, most: int = 4
) -> tuple[Likeness, ...]:
    """The made images that lie nearest to a training image, the nearest first.

    One training image is named once. With thousands of made images the nearest of them lie near
    by chance too: of fresh real ones the nearest few do as well. Raises DataError without images.
    """
    t, p, q = features(train, 1), features(test, 1), features(generated, 1)
    fresh = np.sort(nearest(p, t)[0])
    distance, place = nearest(q, t)
    found: list[Likeness] = []
    for one in np.argsort(distance, kind="stable").tolist():
        if len(found) == most:
            break
        if int(place[one]) not in {other.trained for other in found}:
            share = float(np.searchsorted(fresh, distance[one], side="right") / len(fresh))
            near = float(distance[one])
            found.append(Likeness(made=one, trained=int(place[one]), distance=near, share=share))
    return tuple(found)


def mann_whitney(a: ArrayLike, b: ArrayLike) -> float:
    """Standard normal score of how often a row of `a` exceeds one of `b`; ties count half.

    0 where all are equal.
    """
    x, y = np.asarray(a, float), np.asarray(b, float)
    n, m = len(x), len(y)
    ranks = rankdata(np.concatenate([x, y]))
    above = ranks[:n].sum() - n * (n + 1) / 2
    ties = np.unique(ranks, return_counts=True)[1].astype(float)
    total = n + m
    variance = n * m / 12 * (total + 1 - (ties**3 - ties).sum() / (total * (total - 1)))
    return float((above - n * m / 2) / math.sqrt(variance)) if variance > 0 else 0.0


def nearest(a: ArrayLike, b: ArrayLike) -> tuple[Floats, NDArray[np.int64]]:
    """Distance to, and place of, the row of b nearest to each row of a; 0 exactly for copies."""
    x, y = np.asarray(a, float), np.asarray(b, float)
    norms = (y**2).sum(axis=1)
    place = np.concatenate(
        [(norms - 2 * x[i : i + BLOCK] @ y.T).argmin(axis=1) for i in range(0, len(x), BLOCK)]
    )
    return np.sqrt(((x - y[place]) ** 2).sum(axis=1)), place


def _centres(x: Floats, cells: int, rng: np.random.Generator, *, rounds: int = 10) -> Floats:
    """Means of at most so many k-means cells, from 5,000 rows at most; begun far apart."""
    x = x[rng.permutation(len(x))[:5000]]
    centres = x[:1].copy()
    while len(centres) < cells and (squared := nearest(x, centres)[0] ** 2).any():
        far = rng.choice(len(x), p=squared / squared.sum())  # Arthur & Vassilvitskii 2007
        centres = np.concatenate([centres, x[[far]]])
    for _ in range(rounds):
        cell = nearest(x, centres)[1]
        for one in np.unique(cell):
            centres[one] = x[cell == one].mean(axis=0)
    return centres
