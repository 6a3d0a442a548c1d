"""Which rows are worth explaining in full.

A typical one, a borderline one, the worst mistake, and people who are alike but for their group
and get different answers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.neighbors import NearestNeighbors

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A row by its place, and why it was chosen."""

    row: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two rows of different groups that are as alike as two of one group usually are.

    difference is the higher answer less the lower one, distance that of their features, usual
    the median distance of a row to the nearest of its own group; looked_at counts the rows of
    which each was a candidate.
    """

    higher: int
    lower: int
    difference: float
    distance: float
    usual: float
    looked_at: int


def decided(scores: ArrayLike, threshold: float) -> Floats:
    """How far each score (n,) is from the threshold: the certainty of a decision."""
    return np.abs(np.asarray(scores, float) - threshold)


def preferred(probabilities: ArrayLike) -> Floats:
    """How far the likeliest class (n, K) is ahead of the second: the certainty of a choice."""
    two = np.partition(np.asarray(probabilities, float), -2, axis=1)[:, -2:]
    return two[:, 1] - two[:, 0]


def near(values: ArrayLike, truth: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    """Minus how far each number (n,) is off, and whether that is at most the median."""
    off = np.abs(np.asarray(values, float) - np.asarray(truth, float))
    return -off, off <= np.median(off)


def telling_rows(
    certainty: ArrayLike, right: ArrayLike, *, borderline: bool = True
) -> tuple[Chosen, ...]:
    """A typical row, a borderline one and the worst mistake, as far as there are such.

    certainty (n,) says how far an answer is from being another (for numbers: minus how far it is
    off, and no line is near); right (n,) bool where the answer is. Typical is the right answer
    of median certainty, borderline the least certain, the worst mistake the most certain wrong
    one. No row is taken twice.
    """
    sure, good = np.asarray(certainty, float), np.asarray(right, bool)
    found: list[Chosen] = []
    if good.any():
        places = np.flatnonzero(good)
        median = np.median(sure[good])
        found.append(_nearest(places, np.abs(sure[places] - median), "typical"))
    if borderline and len(sure):
        places = np.setdiff1d(np.arange(len(sure)), [one.row for one in found])
        if len(places):
            found.append(_nearest(places, sure[places], "borderline"))
    wrong = np.setdiff1d(np.flatnonzero(~good), [one.row for one in found])
    if len(wrong):
        # Of a number the farthest off has the lowest certainty, of a class the surest is worst.
        off = -sure[wrong] if borderline else sure[wrong]
        found.append(_nearest(wrong, off, "worst mistake"))
    return tuple(found)


def unfair_pairs(
    points: ArrayLike,
    groups: ArrayLike,
    answers: ArrayLike,
    rng: np.random.Generator,
    *,
    pairs: int = 2,
    most: int = 2000,
) -> tuple[Pair, ...]:
    """Pairs across groups with the largest difference of answers, among those that are alike.

    points (n, d) are scaled features without the sensitive column (`bias.individual.scaling`),
    groups (n,) labels, answers (n,) numbers. At most `most` rows are looked at, drawn at random;
    each is compared with its nearest row of another group, and kept if that is no farther than the
    median distance of a row to the nearest of its own group. No row is in two pairs. Empty where
    there are no two groups of two rows.
    """
    rows = np.arange(len(np.asarray(answers)))
    if len(rows) > most:
        rows = np.sort(rng.choice(len(rows), most, replace=False))
    x = np.asarray(points, np.float32)[rows]
    whose, said = np.asarray(groups)[rows], np.asarray(answers, float)[rows]
    names, sizes = np.unique(whose.astype(str), return_counts=True)
    if len(names) < 2 or (sizes < 2).any():
        names = names[sizes >= 2]
        kept = np.isin(whose.astype(str), names)
        rows, x, whose, said = rows[kept], x[kept], whose[kept], said[kept]
    if len(names) < 2:
        return ()
    within, across, other = _nearest_rows(x, whose.astype(str), names)
    usual = float(np.median(within))
    apart = np.where(across <= usual, np.abs(said - said[other]), -1.0)
    found: list[Pair] = []
    used: set[int] = set()
    for i in np.argsort(-apart, kind="stable"):
        j = int(other[i])
        if apart[i] <= 0 or len(found) == pairs:
            break
        if used & {int(i), j}:
            continue
        used |= {int(i), j}
        high, low = (int(i), j) if said[i] >= said[j] else (j, int(i))
        found.append(
            Pair(
                higher=int(rows[high]),
                lower=int(rows[low]),
                difference=float(apart[i]),
                distance=float(across[i]),
                usual=usual,
                looked_at=len(rows),
            )
        )
    return tuple(found)


def _nearest(places: NDArray[np.int64], distance: Floats, why: str) -> Chosen:
    return Chosen(row=int(places[int(np.argmin(distance))]), why=why)


def _nearest_rows(
    points: NDArray[np.float32], groups: NDArray[np.str_], names: NDArray[np.str_]
) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Distance to the nearest row of the own group and of another, and which row that is."""
    n = len(points)
    within, across = np.empty(n), np.empty(n)
    other = np.empty(n, dtype=np.int64)
    for name in names:
        own, rest = np.flatnonzero(groups == name), np.flatnonzero(groups != name)
        near = NearestNeighbors(n_neighbors=2, algorithm="brute").fit(points[own])
        within[own] = near.kneighbors(points[own])[0][:, 1]
        far = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(points[rest])
        distance, place = far.kneighbors(points[own])
        across[own], other[own] = distance[:, 0], rest[place[:, 0]]
    return within, across, other
