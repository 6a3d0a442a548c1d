"""Rows that belong together: of one person, one document, one household.

What is said of one of them is partly said of the others, so that they tell less than as many
independent rows. Whole clusters are drawn again, counted by what they hold: clusters that hold
the same are one line with a number, and the rows themselves are not needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from scipy.stats import t as student

from auditkit.bias.groups import CELLS, Rate, cell_places, rate_estimates, share
from auditkit.bias.null import Null, null_from
from auditkit.bias.pairs import Comparison, Contest
from auditkit.data.values import coded
from auditkit.errors import DataError
from auditkit.statistics.intervals import rate_interval, z_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_NUMBERS = 2_000_000  # held at once while clusters are drawn
MOST_DRAWN = 10_000_000  # in all, for intervals: of very many clusters fewer samples are drawn
MOST_DEALT = 3_000_000  # the same for nulls, whose tail decides nothing
LEAST_DRAWS = 200
Z = z_of(0.95)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clusters:
    """What the clusters of a count table hold.

    cells is (profiles, groups * 4), sparse: the counts of a cluster, cells in the order of CELLS
    within each group; times is (profiles,), how many clusters hold just that.
    """

    cells: Any
    times: Ints

    @property
    def total(self) -> int:
        """How many clusters there are."""
        return int(self.times.sum())

    @property
    def alone(self) -> bool:
        """Whether every cluster is a single row, and so no cluster at all."""
        return bool(self.cells.sum(axis=1).max() <= 1)

    def parts(self, rate: Rate, groups: Ints) -> tuple[Any, Any]:
        """Hits and denominators by profile and group, each sparse (profiles, groups)."""
        return (
            self.cells @ _picked(rate.numerator_cells, groups, self.cells.shape[1]),
            self.cells @ _picked(rate.denominator_cells, groups, self.cells.shape[1]),
        )


def clustered_counts(
    y_true: Any, y_pred: Any, sensitive: Any, cluster: Any
) -> tuple[pd.DataFrame, Clusters]:
    """`group_counts`, and the clusters behind it.

    cluster is one value a row, (n,); rows without one are a cluster together: they may be one
    person's. Raises DataError as `group_counts` does, and where cluster has another length.
    """
    places, index = cell_places(y_true, y_pred, sensitive)
    codes = coded(pd.Series(cluster)).codes.astype(np.int64)
    if len(codes) != len(places):
        raise DataError(
            f"cluster has {len(codes)} values for {len(places)} rows; give one value a row"
        )
    width = 4 * len(index)
    table = np.bincount(places, minlength=width).reshape(-1, 4).astype(np.int64)
    counts = pd.DataFrame(table, index=index, columns=list(CELLS))
    return counts, _profiles(np.where(codes < 0, codes.max() + 1, codes), places, width)


def label_clusters(clusters: Clusters) -> Clusters:
    """The clusters behind `label_counts`: positives of each group as tp, the others as tn."""
    to = np.array([0, 3, 0, 3])  # of tp, fp, fn, tn
    width = clusters.cells.shape[1]
    columns = 4 * (np.arange(width) // 4) + to[np.arange(width) % 4]
    gather = csr_matrix((np.ones(width), (np.arange(width), columns)), shape=(width, width))
    return replace(clusters, cells=clusters.cells @ gather)


def _profiles(codes: Ints, places: Ints, width: int) -> Clusters:
    """Clusters of equal content put together. Content is told apart by a sum of random numbers."""
    cells, rows = np.unique(codes * width + places, return_counts=True)
    clusters, cluster = np.unique(cells // width, return_inverse=True)
    table = csr_matrix((rows, (cluster, cells % width)), shape=(len(clusters), width))
    marks = np.random.default_rng(0).integers(1, 2**62, width, dtype=np.int64)
    with np.errstate(over="ignore"):
        told = np.add.reduceat(rows * marks[cells % width], table.indptr[:-1])
    _, first, times = np.unique(told, return_index=True, return_counts=True)
    return Clusters(cells=table[first].astype(float), times=times.astype(np.int64))


def clustered(contest: Contest, clusters: Clusters) -> Contest:
    """The contest, with the number of independent rows that tell as much of each rate.

    That is p(1-p) / V, V being the variance of the rate over clusters (of its linear part), at
    most the rows there are. Where the rate is 0 or 1 nothing is seen of V, and a cluster's rows
    are taken to be alike. Few clusters tell V badly: as many fewer rows, by Student's law.
    """
    hits, n = clusters.parts(contest.rate, contest.groups)
    ones = clusters.times[None, :].astype(float)
    effective = _effective(ones, _moments(hits, n))[1][0]
    holding = np.asarray(ones @ (n > 0)).ravel()
    return replace(contest, effective=np.maximum(effective * _few(holding), 1e-6))


def clustered_estimates(
    counts: pd.DataFrame, rate_name: str, clusters: Clusters | None, *, confidence: float = 0.95
) -> pd.DataFrame:
    """`rate_estimates`, each interval as wide as whole clusters make it."""
    frame = rate_estimates(counts, rate_name, confidence=confidence)
    if clusters is None:
        return frame
    contest = clustered(Contest.of(counts, rate_name), clusters)
    hits = share(contest.hits, contest.n) * contest.support
    low, high = rate_interval(hits, contest.support, confidence=confidence)
    return frame.assign(low=low, high=high)


def drawn_clusters(
    contests: Sequence[Contest], clusters: Clusters, draws: int, rng: np.random.Generator
) -> list[tuple[Floats, Floats]]:
    """Bootstrap samples of whole clusters: for each contest hits and rows, (draws, groups).

    Both are in effective rows of the sample itself, as `clustered` counts them, so that the few
    clusters behind a rate make its own uncertainty vary as well.
    """
    draws = _affordable(draws, len(clusters.times), MOST_DRAWN)
    parts = [clusters.parts(one.rate, one.groups) for one in contests]
    few = [_few(np.asarray(clusters.times @ (n > 0)).ravel()) for _, n in parts]
    moments = [_moments(*one) for one in parts]
    size = max(1, MOST_NUMBERS // len(clusters.times))
    found: list[list[tuple[Floats, Floats]]] = [[] for _ in contests]
    for start in range(0, draws, size):
        weights = _drawn_again(clusters.times, min(size, draws - start), rng)
        for place, one in enumerate(moments):
            rate, effective = _effective(weights, one)
            rows = effective * few[place]
            found[place].append((np.nan_to_num(rate) * rows, rows))
    return [
        (np.concatenate([h for h, _ in one]), np.concatenate([n for _, n in one])) for one in found
    ]


def design_effects(
    clusters: Clusters, rate: Rate, lines: Ints, scale: Floats, member: Ints
) -> Floats:
    """How many times wider the variance of weighted rates is for whole clusters: (groups,).

    lines (L,) are lines of the count table, scale (L,) what a hit in each adds to the rate of
    the group member (L,). At least 1, and more where few clusters tell it.
    """
    hits, n = clusters.parts(rate, lines)
    own = share(clusters.times @ hits, clusters.times @ n)
    residual = hits.multiply(scale) - n.multiply(scale * own)
    gather = csr_matrix((np.ones(len(lines)), (np.arange(len(lines)), member)))
    holding = np.asarray(clusters.times @ ((n @ gather) > 0)).ravel()
    bessel = holding / np.maximum(holding - 1, 1)
    whole = np.asarray(clusters.times @ (residual.tocsr() @ gather).power(2)).ravel() * bessel
    alone = (scale**2 * np.asarray(clusters.times @ n).ravel() * own * (1 - own)) @ gather
    effect = np.where(alone > 0, whole / np.where(alone > 0, alone, 1), np.inf)
    alike = np.asarray(clusters.times @ (n @ gather).power(2)).ravel()
    alike = alike / np.asarray(clusters.times @ (n @ gather)).ravel()
    return np.asarray(np.maximum(np.where(np.isinf(effect), alike, effect), 1) / _few(holding))


def cluster_null(
    contests: Sequence[Contest],
    clusters: Clusters,
    observed: float,
    *,
    comparison: Comparison,
    draws: int,
    rng: np.random.Generator,
) -> Null:
    """The null of the largest gap, labels dealt out among whole clusters.

    So where each cluster is of one group. Where a cluster holds several, its rows are drawn with
    it, and each group's rate varies around the rate of all as much as it does around its own.
    """
    gaps = []
    for contest in contests:
        hits, n = clusters.parts(contest.rate, contest.groups)
        whole = bool((np.diff((n > 0).tocsr().indptr) <= 1).all())
        drawing = _dealt if whole else _centred
        gaps.append(drawing(hits, n, clusters.times, comparison, draws, rng))
    fewest = min(len(one) for one in gaps)
    return null_from(np.array([one[:fewest] for one in gaps]), observed, comparison)


def _dealt(
    hits: Any, n: Any, times: Ints, comparison: Comparison, draws: int, rng: np.random.Generator
) -> Floats:
    """The gap where each cluster's group is dealt out anew: (draws,)."""
    held = np.flatnonzero(np.diff((n > 0).tocsr().indptr))
    label = np.repeat(np.asarray(n[held].argmax(axis=1)).ravel(), times[held])
    own_hits = np.repeat(np.asarray(hits[held].sum(axis=1)).ravel(), times[held])
    own_rows = np.repeat(np.asarray(n[held].sum(axis=1)).ravel(), times[held])
    groups, size = n.shape[1], len(label)
    draws = _affordable(draws, size, MOST_DEALT)
    chunk = max(1, MOST_NUMBERS // max(size, 1))
    found = []
    for start in range(0, draws, chunk):
        count = min(chunk, draws - start)
        dealt = rng.permuted(np.tile(label, (count, 1)), axis=1)
        place = (dealt + groups * np.arange(count)[:, None]).ravel()
        parts = [
            np.bincount(place, np.tile(own, count), groups * count).reshape(count, groups)
            for own in (own_hits, own_rows)
        ]
        found.append(_gap(share(*parts), comparison))
    return np.concatenate(found)


def _centred(
    hits: Any, n: Any, times: Ints, comparison: Comparison, draws: int, rng: np.random.Generator
) -> Floats:
    """The gap of drawn clusters, each group's rate moved to the rate of all: (draws,)."""
    draws = _affordable(draws, len(times), MOST_DEALT)
    own = share(times @ hits, times @ n)
    common = float((times @ hits).sum() / (times @ n).sum())
    size = max(1, MOST_NUMBERS // len(times))
    found = []
    for start in range(0, draws, size):
        weights = _drawn_again(times, min(size, draws - start), rng)
        rate = share(weights @ hits, weights @ n) - own + common
        found.append(_gap(np.clip(rate, 0, 1), comparison))
    return np.concatenate(found)


def _drawn_again(times: Ints, draws: int, rng: np.random.Generator) -> Floats:
    """How often each profile is drawn, of as many clusters as there are: (draws, profiles)."""
    total, size = int(times.sum()), len(times)
    if total > 4 * size:
        return rng.multinomial(total, times / total, size=draws).astype(float)
    # Of clusters that nearly all differ, picking them one by one is ten times faster.
    picked = np.repeat(np.arange(size), times)[rng.integers(0, total, (draws, total))]
    picked += size * np.arange(draws)[:, None]
    return np.bincount(picked.ravel(), minlength=draws * size).reshape(draws, size).astype(float)


def _affordable(draws: int, size: int, most: int) -> int:
    return min(draws, max(LEAST_DRAWS, most // max(size, 1)))


def _gap(rate: Floats, comparison: Comparison) -> Floats:
    highest, lowest = np.nanmax(rate, axis=1), np.nanmin(rate, axis=1)
    return highest - lowest if comparison == "difference" else share(lowest, highest)


def _moments(hits: Any, n: Any) -> Any:
    """What the sums over clusters are of, side by side: (profiles, 6 groups), dense if small."""
    held = (n > 0).astype(float)
    parts = (n, hits, n.power(2), hits.multiply(n), hits.power(2), held)
    table = hstack(parts, format="csr")
    return table.toarray() if np.prod(table.shape) <= MOST_NUMBERS else table


def _effective(weights: Floats, moments: Any) -> tuple[Floats, Floats]:
    """Rate and effective rows of each weighting of the profiles: each (draws, groups)."""
    rows, hit, squared, both, of_hits, holding = np.split(np.asarray(weights @ moments), 6, axis=1)
    rate = share(hit, rows)
    spread = of_hits - 2 * rate * both + rate**2 * squared
    holding = np.maximum(holding, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Bessel's n - 1, of clusters; one alone tells nothing of its variance.
        variance = spread / rows**2 * holding / np.maximum(holding - 1, 1)
        alike = rows**2 / squared
        varied = rate * (1 - rate) / variance
    effective = np.where(spread > 1e-9 * squared, varied, alike)
    return rate, np.nan_to_num(np.minimum(effective, rows))


def _few(clusters: Floats) -> Floats:
    """What the rows count where so few clusters tell their variance: (z / t)^2."""
    degrees = np.maximum(clusters - 1, 1)
    return cast(Floats, (Z / student.ppf(0.975, degrees)) ** 2)


def _picked(cells: list[int], groups: Ints, width: int) -> Any:
    """The sparse (width, groups) that adds up these cells of each of the groups."""
    rows = (4 * groups[:, None] + np.asarray(cells)[None, :]).ravel()
    columns = np.repeat(np.arange(len(groups)), len(cells))
    return csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(width, len(groups)))
