"""The search for slices in which losses are high: conjunctions of conditions, level by level.

Losses lie between 0 and 1. A slice of n rows with mean loss p is scored by how much likelier
its losses are with a mean of their own than with that of all rows, mu, less the price of having
looked at many:

    n (p ln(p / mu) + (1 - p) ln((1 - p) / (1 - mu))) / (phi a) - c^2 / 2

Of k conditions, C(k, d) slices have d of them, and chance alone brings about one of these above
c standard errors. phi is the variance of the losses over mu (1 - mu), 1 where they are 0 or 1.
Where rows share a person, a is how many times more the mean of the rows that meet a condition
varies for it: the largest of the slice's conditions.

It is a likelihood, and not the largest difference, so that a slice is told whole: the part of it
that is worst by chance has the larger mean, and the smaller likelihood.

Zhang & Neill 2016, "Identifying Significant Predictive Bias in Classifiers" (the statistic);
Chung et al. 2019, "Slice Finder"; Sagadeeva & Boehm 2021, "SliceLine" (support, bounds, and
levels as matrix products).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.special import comb, ndtri, rel_entr

from auditkit.bias.subgroups.slices import Ints, Mask

ALIKE = 0.5  # of the rows of two slices together, those in both: beyond it they are one
BEYOND = 1.96  # standard errors by which a slice is worse than the rest of a larger one
KEPT = 2000  # slices that the choice of different ones begins with
MOST_SHARE = 2 / 3  # of the rows: a larger slice is no subgroup, the others are
MOST_CONDITIONS_SEARCHED = 200  # of more, those that tell most by themselves

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranked:
    """The best slices by score, best first: members (k, 3) are places of conditions, -1 is none.

    looked counts the slices that had enough rows; left_out the conditions that were too many;
    scale is what they were scored by.
    """

    members: Ints
    scores: Floats
    looked: int
    left_out: int
    scale: "Scale"


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale:
    """What a slice is scored against.

    least and most are the rows it may have; prices (4,) are those of slices with 0 to 3
    conditions; dispersion is phi.
    """

    mean: float
    dispersion: float
    least: int
    most: float
    prices: Floats

    def score(self, n: Floats, total: Floats, conditions: int, alike: Floats) -> Floats:
        """Likelihood less price; -inf where rows are too few or too many, or no worse."""
        fits = (n >= self.least) & (n <= self.most) & (total > n * self.mean)
        value = self.likelihood(np.where(fits, n, 1), np.where(fits, total, 0), self.mean)
        return np.where(fits, value / alike - self.prices[conditions], -np.inf)

    def bound(self, n: Floats, total: Floats, conditions: int, alike: Floats) -> Floats:
        """The most that any slice within this one can score.

        The likelihood rises where a row without a loss is left out, and with each that is wholly
        wrong: at best the slice within has as few rows as keep all of the loss.
        """
        fewest = np.clip(total, self.least, np.maximum(n, self.least))
        value = self.likelihood(fewest, np.minimum(total, fewest), self.mean)
        worse = (n >= self.least) & (total > fewest * self.mean)
        return np.where(worse, value / alike - self.prices[conditions], -np.inf)

    def likelihood(self, n: Floats, total: Floats, expected: Floats | float) -> Floats:
        """Log-likelihood ratio of a mean of their own against the one expected."""
        p = np.clip(total / n, 0, 1)
        entropy = rel_entr(p, expected) + rel_entr(1 - p, 1 - np.asarray(expected))
        return np.asarray(n * entropy / self.dispersion)


@dataclass(kw_only=True)
class _Best:
    """The slices found so far, cut back now and then to the KEPT best."""

    members: list[Ints] = field(default_factory=list)
    scores: list[Floats] = field(default_factory=list)
    looked: int = 0
    floor: float = 0.0

    def add(self, members: Ints, scores: Floats) -> None:
        good = scores > self.floor
        padded = np.full((int(good.sum()), 3), -1, dtype=np.int64)
        padded[:, : members.shape[1]] = members[good]
        self.members.append(padded)
        self.scores.append(scores[good])
        if sum(map(len, self.scores)) > 4 * KEPT:
            self.cut()

    def cut(self) -> None:
        members, scores = np.concatenate(self.members), np.concatenate(self.scores)
        order = np.argsort(-scores, kind="stable")[:KEPT]
        self.members, self.scores = [members[order]], [scores[order]]
        if len(order) == KEPT:
            self.floor = float(scores[order[-1]])


def search(
    rows: Mask, columns: Ints, loss: Floats, alike: Floats, *, most_conditions: int, least: int
) -> Ranked:
    """The best conjunctions of 1 to 3 conditions, each of another column.

    rows (k, n) says who meets a condition, columns (k,) of which column it is, loss (n,) lies in
    0 to 1. A slice counts only where it is worse than the rest of each slice with one condition
    less: a part of a bad slice is as bad, and is no finding. alike (k,) is the a of each
    condition, 1 where rows are their own.
    """
    counts = np.count_nonzero(rows, axis=1)
    kept = np.flatnonzero((counts >= least) & (rows.shape[1] - counts >= least))
    scale = _scale(loss, len(kept), least)
    left_out = max(len(kept) - MOST_CONDITIONS_SEARCHED, 0)
    if left_out:
        kept = _telling(rows, loss, kept)
    best = _Best()
    x = rows[kept].astype(np.float32)
    tables = _Tables.of(x, columns[kept], loss.astype(np.float32), alike[kept])
    for members, scores in chain(
        _singles(tables, scale, best),
        _pairs(tables, scale, best) if most_conditions > 1 else (),
        _triples(tables, scale, best) if most_conditions > 2 else (),
    ):
        best.add(members, scores)
    best.members.append(np.zeros((0, 3), dtype=np.int64))
    best.scores.append(np.zeros(0))
    best.cut()
    members = best.members[0]
    places = np.where(members < 0, -1, np.append(kept, -1)[members])
    return Ranked(
        members=places, scores=best.scores[0], looked=best.looked, left_out=left_out, scale=scale
    )


def different(rows: Mask, loss: Floats, alike: Floats, ranked: Ranked, most: int) -> Ints:
    """Members (m, 3) of the best slices, each scored by what those before it do not explain.

    A row's loss is explained as the mean of the rows that are in the same ones of the slices
    chosen. So a slice that is bad because it holds another, or lies in it, is not told again
    unless it is worse than that; nor is one that shares more than ALIKE of its rows with another.
    """
    met = members_of(rows, ranked.members)
    x, n = met.astype(np.float32), np.count_nonzero(met, axis=1).astype(np.float64)
    total = (x @ loss.astype(np.float32)).astype(np.float64)
    prices = ranked.scale.prices[(ranked.members >= 0).sum(axis=1)]
    shared = np.append(alike, 1.0)[ranked.members].max(axis=1, initial=1.0)
    cell = np.zeros(len(loss), dtype=np.int64)
    another = np.ones(len(met), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < min(most, len(met)):
        explained = (np.bincount(cell, weights=loss) / np.bincount(cell))[cell]
        expected = np.clip((x @ explained.astype(np.float32)) / n, 0, 1)
        gain = ranked.scale.likelihood(n, total, expected) / shared - prices
        scores = np.where(another & (total > n * expected), gain, -np.inf)
        best = int(np.argmax(scores))
        if scores[best] <= 0:
            break
        chosen.append(best)
        cell = np.unique(2 * cell + met[best], return_inverse=True)[1]
        both = (x @ x[best]).astype(np.float64)
        another &= both <= ALIKE * (n + n[best] - both)
    return ranked.members[chosen]


def _scale(loss: Floats, conditions: int, least: int) -> Scale:
    mean = float(loss.mean())
    return Scale(
        mean=mean,
        dispersion=float(loss.var()) / (mean * (1 - mean)),
        least=least,
        most=MOST_SHARE * len(loss),
        prices=ndtri(1 / (1 + comb(conditions, np.arange(4)))) ** 2 / 2,
    )


def members_of(rows: Mask, members: Ints) -> Mask:
    """Which rows are in each slice: (k, n) from rows (conditions, n) and members (k, 3)."""
    met = np.ones((len(members), rows.shape[1]), dtype=bool)
    for place in range(members.shape[1]):
        named = members[:, place] >= 0
        met[named] &= rows[members[named, place]]
    return met


@dataclass(frozen=True, kw_only=True, eq=False)
class _Tables:
    """Rows, losses and squared losses of every condition and every two, by matrix products.

    x (k, n); the tables (k, k), with those of one condition on the diagonal; alike (k, k) is the
    larger a of the two.
    """

    x: Singles
    columns: Ints
    loss: Singles
    n: Floats
    total: Floats
    squares: Floats
    alike: Floats

    @classmethod
    def of(cls, x: Singles, columns: Ints, loss: Singles, alike: Floats) -> "_Tables":
        products = (x @ x.T, (x * loss) @ x.T, (x * loss**2) @ x.T)
        n, total, squares = (one.astype(np.float64) for one in products)
        larger = np.maximum(alike[:, None], alike[None])
        return cls(x=x, columns=columns, loss=loss, n=n, total=total, squares=squares, alike=larger)

    def beaten(self, n: Floats, total: Floats, i: Ints, j: Ints) -> Mask:
        """Whether slices within that of i and j are worse than the rest of it, beyond chance."""
        parent, whole = self.n[i, j], self.total[i, j]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = whole / parent
            variance = np.maximum(self.squares[i, j] / parent - mean**2, 0)
            error = np.sqrt(variance * n * (1 - n / parent))
        return total - n * mean > BEYOND * error


def _singles(tables: _Tables, scale: Scale, best: _Best) -> Iterator[tuple[Ints, Floats]]:
    n, total = tables.n.diagonal(), tables.total.diagonal()
    best.looked += len(n)
    yield np.arange(len(n))[:, None], scale.score(n, total, 1, tables.alike.diagonal())


def _pairs(tables: _Tables, scale: Scale, best: _Best) -> Iterator[tuple[Ints, Floats]]:
    i, j = np.nonzero(_promising(tables, scale, -np.inf))
    n, total = tables.n[i, j], tables.total[i, j]
    scores = scale.score(n, total, 2, tables.alike[i, j])
    best.looked += int(np.count_nonzero(n <= scale.most))
    worse = tables.beaten(n, total, i, i)
    worse &= tables.beaten(n, total, j, j)
    yield np.stack([i, j], axis=1)[worse], scores[worse]


def _triples(tables: _Tables, scale: Scale, best: _Best) -> Iterator[tuple[Ints, Floats]]:
    """Slices i, j, k with i < j < k: for each j, of its rows alone, one product a quantity."""
    promising = _promising(tables, scale, best.floor)
    for j in range(1, len(tables.x) - 1):
        first, last = np.flatnonzero(promising[:, j]), np.flatnonzero(promising[j])
        if not len(first) or not len(last):
            continue
        inside = np.flatnonzero(tables.x[j])
        x, loss = tables.x[:, inside], tables.loss[inside]
        left, right = x[first], x[last].T
        n = (left @ right).astype(np.float64)
        total = ((left * loss) @ right).astype(np.float64)
        allowed = promising[np.ix_(first, last)]
        alike = np.maximum(tables.alike[first, j][:, None], tables.alike[j, last][None])
        scores = np.where(allowed, scale.score(n, total, 3, alike), -np.inf)
        best.looked += int(np.count_nonzero(allowed & (n >= scale.least) & (n <= scale.most)))
        a, b = np.nonzero(scores > best.floor)
        i, k, n, total, scores = first[a], last[b], n[a, b], total[a, b], scores[a, b]
        middle = np.full_like(i, j)
        worse = np.ones(len(i), dtype=bool)
        for pair in ((i, middle), (i, k), (middle, k)):
            worse &= tables.beaten(n, total, *pair)
        yield np.stack([i, middle, k], axis=1)[worse], scores[worse]


def _promising(tables: _Tables, scale: Scale, floor: float) -> Mask:
    """Which pairs i < j have enough rows, and of what lies within them may score above floor."""
    different = np.triu(tables.columns[:, None] != tables.columns[None], k=1)
    possible = scale.bound(tables.n, tables.total, 3, tables.alike) > floor
    return np.asarray(different & (tables.n >= scale.least) & possible)


def _telling(rows: Mask, loss: Floats, kept: Ints) -> Ints:
    """The conditions whose rows differ most from the others, in their order."""
    n = np.count_nonzero(rows[kept], axis=1)
    excess = np.abs(rows[kept] @ (loss - loss.mean()))
    value = excess / np.sqrt(n * (1 - n / rows.shape[1]))
    return np.sort(kept[np.argsort(-value, kind="stable")[:MOST_CONDITIONS_SEARCHED]])
