"""Which changed people there could be: what goes together, and how far they are from real ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.attribution.counterfactuals.columns import Seen, spaced
from auditkit.attribution.counterfactuals.values import Values
from auditkit.bias.individual.scaling import scaled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

EXPECTED = 5.0  # rows by chance, below which never seen together says nothing
SELDOM = 0.01  # of what chance would give: two values that stand together less often do not
BINS = 8  # of a number
MOST_LEVELS = 60  # of a category; the rarer ones say nothing of what goes together
NEAR, EVERY = 4500, 9  # real rows, and which of them are asked how near the others are
ROUNDING = 1e-5  # of single precision, in standard deviations


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fit:
    """Which values of two columns never stand together, though either is common.

    coarse holds for each column the bin of each of its values, then that of a new value and of a
    missing one. never maps two columns' places to (bins, bins) bool: fewer rows than SELDOM of
    what chance would give, where chance would give EXPECTED. facet (d,) is each column's facet,
    clash (m, m) says which moves of different facets cannot stand together.
    """

    coarse: tuple[Ints, ...]
    never: Mapping[tuple[int, int], Mask]
    facet: Ints
    clash: Mask

    @classmethod
    def of(cls, seen: Seen) -> Self:
        """From the rows seen."""
        coarse = tuple(map(_coarse, seen.columns))
        codes = [bins[own] for bins, own in zip(coarse, seen.codes.T, strict=True)]
        facet = np.full(len(seen.columns), -1, np.int64)
        for place, one in enumerate(seen.facets):
            facet[list(one.columns)] = place
        never = {}
        for i in range(len(codes)):
            for j in range(i + 1, len(codes)):
                if facet[i] != facet[j] and (table := _never(coarse, codes, i, j)).any():
                    never[i, j] = table
        return cls(coarse=coarse, never=never, facet=facet, clash=_clash(seen, coarse, never))

    def against(self, seen: Seen, own: Ints) -> Mask:
        """Which moves cannot stand beside what a row (d,) has in each facet, (m, facets)."""
        found = np.zeros((len(seen.slot), len(seen.facets)), bool)
        for (i, j), table in self.never.items():
            for mine, other, tells in ((i, j, table), (j, i, table.T)):
                if self.facet[other] < 0:
                    continue
                moves = np.flatnonzero(seen.target[:, mine] >= 0)
                bins = self.coarse[mine][seen.target[moves, mine]]
                found[moves, self.facet[other]] |= tells[bins, self.coarse[other][own[other]]]
        return found

    def odd(self, codes: Ints, changed: Mask) -> Mask:
        """Which rows (q, d) hold two values that never stand together, one of them changed."""
        found = np.zeros(len(codes), bool)
        bins = [one[own] for one, own in zip(self.coarse, codes.T, strict=True)]
        for (i, j), table in self.never.items():
            found |= table[bins[i], bins[j]] & (changed[:, i] | changed[:, j])
        return found


def unusual(real: pd.DataFrame, made: pd.DataFrame, categorical: list[str]) -> Floats:
    """The share of real rows that lie nearer to their nearest than each made row does, (r,).

    Near .5 a row is as any other, near 1 nobody is like it; NaN where there are no two real rows.
    Distances are over all columns, in standard deviations, a category counting one
    (bias.individual.scaling). Of 4,500 real rows, evenly spaced, every ninth is compared with the
    others, as the made ones are.
    """
    if len(real) < 2 or not len(made):
        return np.full(len(made), np.nan)
    real = real.iloc[spaced(len(real), NEAR)]
    every = pd.concat([real, made[list(real)]], ignore_index=True)
    points = scaled(every, categorical).astype(np.float64)
    asked = np.arange(len(real)) % min(EVERY, len(real)) == 0
    there, beside = points[: len(real)], points[: len(real)][~asked]
    usual = np.sort(_nearest(there[asked], beside))
    apart = _nearest(points[len(real) :], beside)
    return np.asarray(np.searchsorted(usual, apart - ROUNDING, side="left") / len(usual))


def _nearest(points: Floats, others: Floats) -> Floats:
    """The distance from each point to the nearest of the others."""
    squares = (others**2).sum(axis=1)
    least = [
        (squares - 2 * part @ others.T).min(axis=1) + (part**2).sum(axis=1)
        for part in np.array_split(points, max(1, len(points) // 256))
    ]
    return np.asarray(np.sqrt(np.maximum(np.concatenate(least), 0.0)))


def _coarse(values: Values) -> Ints:
    """The bin of each value, one for those never seen and one for missing ones."""
    k = len(values.found)
    if values.numbers is None or k <= BINS:
        bins = np.arange(k)
        if k > MOST_LEVELS:
            rank = np.argsort(np.argsort(-values.counts, kind="stable"), kind="stable")
            bins = np.minimum(rank, MOST_LEVELS)
    else:
        share = np.cumsum(values.counts) - values.counts / 2
        bins = np.minimum((BINS * share / values.counts.sum()).astype(np.int64), BINS - 1)
    size = int(bins.max()) + 1 if k else 0
    # Read from the end: a code of -1 is a missing value, -2 one that was never seen.
    return np.concatenate([bins, [size + 1, size]]).astype(np.int64)


def _never(coarse: tuple[Ints, ...], codes: list[Ints], i: int, j: int) -> Mask:
    sizes = int(coarse[i].max()) + 1, int(coarse[j].max()) + 1
    counts = np.bincount(codes[i] * sizes[1] + codes[j], minlength=sizes[0] * sizes[1])
    counts = counts.reshape(sizes)
    expected = counts.sum(axis=1)[:, None] * counts.sum(axis=0) / max(counts.sum(), 1)
    return np.asarray((expected >= EXPECTED) & (counts < SELDOM * expected))


def _clash(seen: Seen, coarse: tuple[Ints, ...], never: Mapping[tuple[int, int], Mask]) -> Mask:
    found = np.zeros((len(seen.slot), len(seen.slot)), bool)
    for (i, j), table in never.items():
        first = np.flatnonzero(seen.target[:, i] >= 0)
        second = np.flatnonzero(seen.target[:, j] >= 0)
        tells = table[coarse[i][seen.target[first, i]]][:, coarse[j][seen.target[second, j]]]
        found[np.ix_(first, second)] |= tells
        found[np.ix_(second, first)] |= tells.T
    return found
