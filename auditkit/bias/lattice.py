"""The search for slices in which losses are high: conjunctions of conditions, level by level.

A slice of n rows with losses that sum to S, of N rows with mean mu and variance s2, is scored by

    (difference of the means in it and outside) - c se,  se = sqrt(s2 N / (n (N - n)))

se is what the difference varies by where the slice has nothing to do with the loss. So a slice
counts for as much as can be said for sure, and small ones must be far worse to come first.

Chung et al. 2019, "Slice Finder"; Sagadeeva & Boehm 2021, "SliceLine" (support, bounds, and
levels as matrix products).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from auditkit.bias.slices import Ints, Mask

ALIKE = 0.5  # of the rows of two slices together, those in both: beyond it they are one
KEPT = 500  # slices that the choice of different ones begins with
MOST_CONDITIONS_SEARCHED = 200  # of more, those that tell most by themselves
CHANCE = 0.05

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


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What a slice is scored against: the rows, their mean and spread, the caution c.

    least is the fewest rows of a slice. alike is how many times the variance of a mean exceeds
    that of rows on their own, 1 where they are.
    """

    rows: float
    mean: float
    spread: float
    caution: float
    least: int
    alike: float

    def of(self, loss: Floats) -> "Scale":
        """The same on other rows."""
        spread = float(loss.std()) * math.sqrt(self.alike) if len(loss) else 0.0
        mean = float(loss.mean()) if len(loss) else 0.0
        return replace(self, rows=float(len(loss)), mean=mean, spread=spread)

    def score(self, n: Floats, total: Floats) -> Floats:
        """The cautious difference; -inf of too few rows, or of more than half: no subgroup."""
        fits = (n >= self.least) & (2 * n <= self.rows)
        safe = np.where(fits, n, self.rows / 2)
        weight = self.rows / (safe * (self.rows - safe))
        value = (total - safe * self.mean) * weight - self.caution * self.spread * np.sqrt(weight)
        return np.where(fits, value, -np.inf)

    def bound(self, n: Floats, total: Floats) -> Floats:
        """The most that any slice within this one can score, its losses being at most 1.

        With v = sqrt(N / (n (N - n))) a slice that keeps all of the total scores at most
        total v^2 - c s v - mean N / (N - n): convex in v, so largest at an end. One with fewer
        rows than its total is at best wrong throughout, and better the larger it is. Of more
        than half of the rows nothing is claimed.
        """
        fewest = np.clip(total, self.least, np.maximum(n, self.least))
        ends = []
        for rows in (fewest, np.maximum(n, fewest)):
            v = np.sqrt(self.rows / (rows * np.maximum(self.rows - rows, 1)))
            ends.append(total * v**2 - self.caution * self.spread * v)
        best = np.maximum(*ends) - self.mean * self.rows / np.maximum(self.rows - fewest, 1)
        return np.where(n < self.least, -np.inf, np.where(n <= self.rows / 2, best, np.inf))


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


def caution(conditions: int) -> float:
    """The c of the score: standard errors that one of so many conditions exceeds by chance.

    It does so in one search of twenty (Bonferroni).
    """
    return float(-ndtri(CHANCE / max(conditions, 1)))


def search(
    rows: Mask, columns: Ints, loss: Floats, *, most_conditions: int, least: int, alike: float = 1.0
) -> Ranked:
    """The best conjunctions of 1 to 3 conditions, each of another column.

    rows (k, n) says who meets a condition, columns (k,) of which column it is, loss (n,) lies in
    0 to 1. A slice counts only where it is worse than each slice with one condition less, by c
    standard errors: a part of a bad slice is as bad, and is no finding.
    """
    counts = np.count_nonzero(rows, axis=1)
    kept = np.flatnonzero((counts >= least) & (rows.shape[1] - counts >= least))
    blank = Scale(
        rows=0.0, mean=0.0, spread=0.0, caution=caution(len(kept)), least=least, alike=alike
    )
    scale = blank.of(loss)
    left_out = max(len(kept) - MOST_CONDITIONS_SEARCHED, 0)
    if left_out:
        kept = _telling(rows, loss, kept)
    best = _Best()
    x = rows[kept].astype(np.float32)
    tables = _Tables.of(x, columns[kept], loss.astype(np.float32))
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


def different(rows: Mask, loss: Floats, ranked: Ranked, most: int) -> Ints:
    """Members (m, 3) of the best slices, each scored by what those before it do not explain.

    A row's loss is explained as the mean of the rows that are in the same ones of the slices
    chosen. So a slice that is bad because it holds another, or lies in it, is not told again
    unless it is worse than that; nor is one that shares more than ALIKE of its rows with another.
    """
    met = members_of(rows, ranked.members)
    x, n = met.astype(np.float32), np.count_nonzero(met, axis=1).astype(np.float64)
    cell = np.zeros(len(loss), dtype=np.int64)
    another = np.ones(len(met), dtype=bool)
    chosen: list[int] = []
    while len(chosen) < min(most, len(met)):
        rest = loss - (np.bincount(cell, weights=loss) / np.bincount(cell))[cell]
        total = (x @ rest.astype(np.float32)).astype(np.float64)
        scores = np.where(another, ranked.scale.of(rest).score(n, total), -np.inf)
        best = int(np.argmax(scores))
        if scores[best] <= 0:
            break
        chosen.append(best)
        cell = np.unique(2 * cell + met[best], return_inverse=True)[1]
        shared = (x @ x[best]).astype(np.float64)
        another &= shared <= ALIKE * (n + n[best] - shared)
    return ranked.members[chosen]


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

    x (k, n); the tables (k, k), with those of one condition on the diagonal.
    """

    x: Singles
    columns: Ints
    loss: Singles
    n: Floats
    total: Floats
    squares: Floats

    @classmethod
    def of(cls, x: Singles, columns: Ints, loss: Singles) -> "_Tables":
        products = (x @ x.T, (x * loss) @ x.T, (x * loss**2) @ x.T)
        n, total, squares = (one.astype(np.float64) for one in products)
        return cls(x=x, columns=columns, loss=loss, n=n, total=total, squares=squares)

    def beaten(self, n: Floats, total: Floats, i: Ints, j: Ints, c: float) -> Mask:
        """Whether slices within that of i and j are worse than the rest of it, beyond chance."""
        parent, whole = self.n[i, j], self.total[i, j]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = whole / parent
            variance = np.maximum(self.squares[i, j] / parent - mean**2, 0)
            error = np.sqrt(variance * n * (1 - n / parent))
        return total - n * mean > c * error


def _singles(tables: _Tables, scale: Scale, best: _Best) -> Iterator[tuple[Ints, Floats]]:
    n, total = tables.n.diagonal(), tables.total.diagonal()
    best.looked += len(n)
    yield np.arange(len(n))[:, None], scale.score(n, total)


def _pairs(tables: _Tables, scale: Scale, best: _Best) -> Iterator[tuple[Ints, Floats]]:
    i, j = np.nonzero(_promising(tables, scale, -np.inf))
    n, total = tables.n[i, j], tables.total[i, j]
    scores = scale.score(n, total)
    best.looked += int(np.isfinite(scores).sum())
    worse = tables.beaten(n, total, i, i, scale.caution)
    worse &= tables.beaten(n, total, j, j, scale.caution)
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
        scores = np.where(promising[np.ix_(first, last)], scale.score(n, total), -np.inf)
        best.looked += int(np.isfinite(scores).sum())
        a, b = np.nonzero(scores > best.floor)
        i, k, n, total, scores = first[a], last[b], n[a, b], total[a, b], scores[a, b]
        middle = np.full_like(i, j)
        worse = np.ones(len(i), dtype=bool)
        for pair in ((i, middle), (i, k), (middle, k)):
            worse &= tables.beaten(n, total, *pair, scale.caution)
        yield np.stack([i, middle, k], axis=1)[worse], scores[worse]


def _promising(tables: _Tables, scale: Scale, floor: float) -> Mask:
    """Which pairs i < j have enough rows, and of what lies within them may score above floor."""
    different = np.triu(tables.columns[:, None] != tables.columns[None], k=1)
    possible = scale.bound(tables.n, tables.total) > floor
    return np.asarray(different & (tables.n >= scale.least) & possible)


def _telling(rows: Mask, loss: Floats, kept: Ints) -> Ints:
    """The conditions whose rows differ most from the others, in their order."""
    n = np.count_nonzero(rows[kept], axis=1)
    excess = np.abs(rows[kept] @ (loss - loss.mean()))
    value = excess / np.sqrt(n * (1 - n / rows.shape[1]))
    return np.sort(kept[np.argsort(-value, kind="stable")[:MOST_CONDITIONS_SEARCHED]])
