"""Representational similarity: whether two layers call the same rows alike."""

import math
from typing import Literal

import numpy as np
from scipy.stats import rankdata

from auditkit.errors import UsageError
from auditkit.probing.similarity.alignment import CONSTANT, Activations
from auditkit.probing.similarity.measured import Similarity
from auditkit.probing.similarity.pairs import Floats, jackknifed, require_same_rows, rows_of
from auditkit.runtime import Runtime
from auditkit.statistics.estimate import Estimate, undefined

METHOD = "jackknife over rows, on the scale of arctanh"
MOST = 400  # rows, of which there are 79,800 pairs

Dissimilarity = Literal["correlation", "cosine", "euclidean"]


def rsa(
    x: Activations,
    y: Activations,
    *,
    dissimilarity: Dissimilarity = "correlation",
    permutations: int = 999,
    most: int = MOST,
    runtime: Runtime | None = None,
) -> Similarity:
    """Spearman's correlation of the dissimilarities of all pairs of rows, in two layers.

    x is (n, d), y (n, e) of the same rows; of more than `most`, so many are drawn. 1 where both
    put the pairs of rows in one order, 0 where they have nothing in common. p is that of
    dealing the rows of one side anew, since pairs that share a row are not independent. Rows
    without a direction (constant for "correlation", 0 for "cosine") are left out. Undefined where
    all dissimilarities of one side are the same.

    Kriegeskorte, Mur & Bandettini 2008, "Representational similarity analysis".
    """
    one, other = rows_of(x, "the activations x"), rows_of(y, "the activations y")
    require_same_rows(one, other)
    rng = (runtime or Runtime()).rng("permutations of rsa")
    if len(one) > most:
        chosen = np.sort(rng.choice(len(one), most, replace=False))
        one, other = one[chosen], other[chosen]
    one, other = _directed(one, other, dissimilarity)
    measure = f"RSA, {dissimilarity}"
    if len(one) < 4:
        none = undefined("fewer than 4 rows have a direction", n=len(one), method=METHOD)
        return Similarity(measure=measure, estimate=none, chance=math.nan)
    a, b = (_ranked(_dissimilarities(rows, dissimilarity)) for rows in (one, other))
    estimate = _correlation(a, b)
    if not estimate.defined:
        return Similarity(measure=measure, estimate=estimate, chance=math.nan)
    here = float(np.sum(a * b))
    dealt = 0
    for _ in range(permutations):
        order = rng.permutation(len(a))
        dealt += float(np.sum(a * b[np.ix_(order, order)])) >= here - abs(here) * 1e-9
    return Similarity(
        measure=measure,
        estimate=estimate,
        chance=0.0,
        p_value=(1 + dealt) / (permutations + 1) if permutations else math.nan,
        permutations=permutations,
    )


def _directed(x: Floats, y: Floats, dissimilarity: Dissimilarity) -> tuple[Floats, Floats]:
    """The rows that have a direction on both sides, as unit vectors where that is compared."""
    if dissimilarity == "euclidean":
        return x, y
    if dissimilarity not in ("correlation", "cosine"):
        raise UsageError(
            f"no dissimilarity {dissimilarity!r}: there are correlation, cosine and euclidean"
        )
    sides = []
    for rows in (x, y):
        moved = rows - rows.mean(axis=1, keepdims=True) if dissimilarity == "correlation" else rows
        size = np.linalg.norm(moved, axis=1, keepdims=True)
        held = size > 1e-12 * np.linalg.norm(rows, axis=1, keepdims=True)
        sides.append(np.where(held, moved, 0) / np.where(held, size, 1))
    kept = sides[0].any(axis=1) & sides[1].any(axis=1)
    return sides[0][kept], sides[1][kept]


def _dissimilarities(rows: Floats, dissimilarity: Dissimilarity) -> Floats:
    """(n, n): 1 - cosine, or squared distances, which have the ranks of distances."""
    products = rows @ rows.T
    if dissimilarity != "euclidean":
        return np.asarray(1 - products)
    own = np.diag(products)
    return np.asarray(own[:, None] + own - 2 * products)


def _ranked(distances: Floats) -> Floats:
    """Centred ranks of the pairs, 0 on the diagonal; what only rounding parts is tied."""
    n = len(distances)
    upper = np.triu_indices(n, 1)
    values = distances[upper]
    step = np.abs(values).max() * 1e-12
    ranks = rankdata(np.round(values / step) if step else values)
    found = np.zeros((n, n))
    found[upper] = ranks - ranks.mean()
    return found + found.T


def _correlation(a: Floats, b: Floats) -> Estimate:
    """Pearson's of the ranks over pairs, with the jackknife over rows; ranks are held."""
    n = len(a)
    if not a.any() or not b.any():
        return undefined(CONSTANT, n=n, method=METHOD)
    value = float(np.sum(a * b) / math.sqrt(np.sum(a * a) * np.sum(b * b)))
    pairs = (n - 1) * (n - 2)  # ordered, of the rows that are left
    lost_a, lost_b = -2 * a.sum(axis=1), -2 * b.sum(axis=1)

    def left(one: Floats, other: Floats, lost: Floats, lost_other: Floats) -> Floats:
        """Their covariance without each row: the whole has a mean of 0, what is left has not."""
        products = np.sum(one * other) - 2 * np.sum(one * other, axis=1)
        return np.asarray(products - lost * lost_other / pairs)

    both = left(a, b, lost_a, lost_b)
    own = left(a, a, lost_a, lost_a) * left(b, b, lost_b, lost_b)
    with np.errstate(invalid="ignore", divide="ignore"):
        without = both / np.sqrt(own)
    return jackknifed(value, without, method=METHOD)
