"""The shape of a layer's activations: how many directions they fill, and whether they lean one way.

participation ratio   directions that hold the variance: d where all hold as much, 1 where one
                      holds it all
TwoNN                 dimension of the surface that the rows lie on, curved or not
anisotropy            mean cosine of two rows: 0 where they point anywhere, 1 where all point
                      one way
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from auditkit.probing.similarity.alignment import CONSTANT, Activations
from auditkit.probing.similarity.pairs import (
    Floats,
    Pairs,
    Sums,
    centred,
    jackknifed,
    limits_of,
    narrowed,
    rows_of,
)
from auditkit.probing.telling import in_short
from auditkit.runtime import track
from auditkit.statistics.estimate import Estimate, undefined

Places = NDArray[np.int64]

JACKKNIFE = "jackknife over rows"
TWO_NN = "likelihood of the ratios of the two nearest neighbours, the largest tenth cut off"
CUT = 0.1  # of the ratios: they are not local, and single rows far out would decide
NEAREST = 6  # rows looked at again without rounding: products find them, differences measure them
BLOCK = 512  # rows whose distances to all others are held at once
FEWEST_APART = 20  # rows that differ, below which neighbours say nothing of a surface


@dataclass(frozen=True, kw_only=True, eq=False)
class Geometry:
    """The shape of each layer's activations.

    frame has a line for each layer: layer, numbers (d), rows, then participation, two_nn,
    anisotropy and centred, each with its _low and _high, coinciding and reason. coinciding counts
    the rows that are equal to an earlier one.
    """

    __repr__ = in_short

    frame: pd.DataFrame


def geometry(activations: Mapping[str, Activations]) -> Geometry:
    """The shape of each layer's activations (n, d). Raises DataError for other shapes and NaN."""
    lines = []
    for name, given in track(activations.items(), "shapes of layers", len(activations)):
        x = rows_of(given, f"the activations of {name!r}")
        surface, coinciding = _surface(x)
        found = {
            "participation": participation_ratio(x),
            "two_nn": surface,
            "anisotropy": anisotropy(x),
            "centred": anisotropy(x, centre=True),
        }
        line: dict[str, object] = {"layer": name, "numbers": x.shape[1], "rows": len(x)}
        for key, one in found.items():
            line |= {key: one.value, f"{key}_low": one.low, f"{key}_high": one.high}
        reasons = dict.fromkeys(one.reason for one in found.values() if one.reason)
        lines.append({**line, "coinciding": coinciding, "reason": "; ".join(reasons)})
    return Geometry(frame=pd.DataFrame(lines))


def participation_ratio(x: Activations) -> Estimate:
    """(sum of variances)^2 / sum of their squares, over the principal directions: 1 to d.

    Both parts are estimated without bias from activations (n, d), so that few rows do not make it
    small: of n rows the plain ratio is at most n - 1, and about n d / (n + d) where all directions
    are alike. May exceed d by chance. Undefined where all rows are the same.

    Gao et al. 2017, "A theory of multineuronal dimensionality, dynamics and measurement"; parts
    without bias: Chen, Zhang & Zhong 2010, "Tests for High-Dimensional Covariance Matrices".
    """
    rows = narrowed(centred(rows_of(x)))
    n = len(rows)
    if not rows.any():
        return undefined(CONSTANT, n=n, method=JACKKNIFE)
    pairs = _distances(rows)
    left = np.asarray(_ratio(pairs.without_each))
    return jackknifed(float(_ratio(pairs.whole)), left, method=JACKKNIFE, scale="log")


def two_nn(x: Activations) -> Estimate:
    """Dimension of what the rows (n, d) lie on, from each row's two nearest neighbours.

    About d for rows spread evenly over d dimensions, whatever space these lie in; too low beyond
    about 20, where no number of rows is dense. Rows that coincide are taken once. Undefined
    where fewer than 20 rows differ.

    Facco et al. 2017, "Estimating the intrinsic dimension of datasets by a minimal neighborhood
    information".
    """
    return _surface(rows_of(x))[0]


def anisotropy(x: Activations, *, centre: bool = False) -> Estimate:
    """Mean cosine of two different rows of (n, d): -1 to 1, 0 where they point anywhere.

    centre takes their mean away first: what a common offset gave is then gone, and about
    -1 / (n - 1) is left where nothing else was. Rows of zeros have no
    direction and are left out. All pairs are taken. Undefined with fewer than 8 rows that have one.

    Ethayarajh 2019, "How Contextual are Contextualized Word Representations?".
    """
    rows = rows_of(x)
    moved = centred(rows) if centre else rows
    sizes = np.linalg.norm(moved, axis=1)
    units = moved[sizes > 0] / sizes[sizes > 0][:, None]
    n = len(units)
    if n < 8:
        return undefined(f"{n} rows have a direction", n=n, method=JACKKNIFE)
    total = units.sum(axis=0)
    size = float(total @ total)
    value = (size - n) / (n * (n - 1))
    left = (size - 2 * units @ total + 1 - (n - 1)) / ((n - 1) * (n - 2))
    return jackknifed(value, left, method=JACKKNIFE)


def _distances(rows: Floats) -> Pairs:
    """Half the squared distances D of centred rows, beside themselves."""
    n = len(rows)
    own = np.einsum("ij,ij->i", rows, rows)
    total = float(own.sum())
    to_all = (n * own + total) / 2  # sum over r of D[i, r]
    # D[i, r] = (own_i + own_r) / 2 - x_i x_r, and the x_r add up to 0.
    squares = (n * own**2 + 2 * own * total + float(own @ own)) / 4
    squares += np.einsum("ij,ij->i", rows @ (rows.T @ rows), rows) - rows @ (rows.T @ own)
    met = (own * float(to_all.sum()) + float(own @ to_all)) / 2 - rows @ (rows.T @ to_all)
    return Pairs(rows_a=to_all, rows_b=to_all, products=squares, crossed=2 * met)


def _ratio(sums: Sums) -> float | Floats:
    """The squared trace over the trace of the square, each without bias."""
    n = sums.n
    # Over four different rows: all pairs of pairs, less those that share one row or two.
    apart = sums.a * sums.b + 2 * sums.product - 4 * sums.rows
    return apart / (n * (n - 1) * (n - 2) * (n - 3)) / sums.covariance


def _surface(rows: Floats) -> tuple[Estimate, int]:
    """`two_nn`, and how many rows are equal to an earlier one."""
    n = len(rows)
    different = narrowed(centred(np.unique(rows, axis=0)))
    m, coinciding = len(different), n - len(different)
    if m < FEWEST_APART:
        reason = CONSTANT if m == 1 else f"only {m} rows differ"
        return undefined(reason, n=n, method=TWO_NN), coinciding
    nearest, distances = _neighbours(different)
    known = distances[:, 0] > 0
    logs = np.log(distances[known, 1] / distances[known, 0])
    kept = math.ceil((1 - CUT) * len(logs))
    cut = float(np.sort(logs)[kept - 1])
    # Exponential with rate d; those cut off are known to be at least as large as the last kept.
    total = float(np.minimum(logs, cut).sum())
    if total <= 0:
        return undefined("both neighbours of every row are as near", n=n, method=TWO_NN), coinciding
    value = (kept - 1) / total
    shared = _shared(nearest)[known]
    scores = (logs <= cut) - kept / total * np.minimum(logs, cut)
    error = value * float(np.linalg.norm(np.bincount(shared, weights=scores))) / kept
    low, high = limits_of(value, error, len(np.unique(shared)) - 1, "log")
    return Estimate(value=value, low=low, high=high, n=m, method=TWO_NN), coinciding


def _shared(nearest: Places) -> Places:
    """Which rows (n,) hang together by nearest neighbours.

    Two that are each other's have one distance: they count as one where the error is told.
    """
    n = len(nearest)
    links = coo_array((np.ones(n), (np.arange(n), nearest)), shape=(n, n))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)


def _neighbours(rows: Floats) -> tuple[Places, Floats]:
    """The nearest other row of each (n,), and its distances to the nearest two, (n, 2)."""
    n, own = len(rows), np.einsum("ij,ij->i", rows, rows)
    count = min(NEAREST, n - 1)
    places, found = np.empty(n, dtype=np.int64), np.empty((n, 2))
    for start in range(0, n, BLOCK):
        some = rows[start : start + BLOCK]
        here = np.arange(start, start + len(some))
        far = own - 2 * some @ rows.T  # squared distances, but for what is the same along a line
        far[here - start, here] = np.inf
        near = np.argpartition(far, count - 1, axis=1)[:, :count]
        exact = np.stack([np.linalg.norm(rows[one] - some, axis=1) for one in near.T], axis=1)
        places[here] = near[here - start, exact.argmin(axis=1)]
        found[here] = np.sort(exact, axis=1)[:, :2]
    return places, found
