"""Units that single out a class or a group, beside how many chance alone would give."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata, t

from auditkit.errors import DataError
from auditkit.probing.probes.folds import loose_folds
from auditkit.probing.probes.labels import Labels
from auditkit.probing.similarity.alignment import Activations
from auditkit.probing.similarity.pairs import Floats, limits_of, rows_of
from auditkit.runtime import Runtime
from auditkit.statistics.classification import auc
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.statistics.multiplicity import benjamini_hochberg

BLOCK = 512  # units that are ranked at once
LEVEL = 0.05
STRONG = 0.75  # an AUC, or 1 less it, from which a unit is said to single out a class


class Strongest(NamedTuple):
    """The unit that tells a level apart best on some of the rows, and its AUC on the others.

    level is "" and both are Spearman's correlations where labels are numbers. Above 1/2 (0) the
    unit answers more to the level, below less; seen is what it had on the rows that chose it.
    """

    unit: int
    level: str
    seen: float
    held_out: Estimate


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitSelectivity:
    """How well each unit of a layer tells each class apart, or follows a number.

    frame has a line for each unit and level: unit, level, auc (of numbers correlation), p, q
    (Benjamini-Hochberg's over all lines), index. index is Morcos' class selectivity, (m - o) /
    (m + o) of the class with the largest mean m and the mean o of all others, between 0 and 1, on
    the line of that class; NaN elsewhere, and for units that go below 0. A unit that never changes
    has an auc of 1/2 and a p of 1.
    """

    labels: Labels
    frame: pd.DataFrame
    strongest: Strongest
    units: int

    @property
    def selective(self) -> int:
        """Units that tell some level apart at a false discovery rate of 5 %."""
        return self._units(self.frame["q"] <= LEVEL)

    @property
    def at_level(self) -> int:
        """Lines with a p of at most 5 %, without correction; `by_chance` is their null."""
        return int((self.frame["p"] <= LEVEL).sum())

    @property
    def by_chance(self) -> float:
        """Lines that would have a p of at most 5 % if no unit knew anything: one in twenty."""
        return LEVEL * len(self.frame)

    def strong(self, least: float = STRONG) -> int:
        """Units, of those that are `selective`, with an AUC beyond `least` or 1 - `least`.

        Of numbers: with a correlation as far from 0 as 2 least - 1.
        """
        reach = self.frame[self.quantity] - self.nothing
        beyond = reach.abs() >= (least - 0.5) * (1 if self.labels.classes else 2)
        return self._units(beyond & (self.frame["q"] <= LEVEL))

    @property
    def quantity(self) -> str:
        """The column that says how strong a unit is."""
        return "auc" if self.labels.classes else "correlation"

    @property
    def nothing(self) -> float:
        """The value of a unit that knows nothing."""
        return 0.5 if self.labels.classes else 0.0

    def _units(self, lines: pd.Series) -> int:
        return int(self.frame.loc[lines, "unit"].nunique())


def unit_selectivity(
    activations: Activations, labels: Labels, *, runtime: Runtime | None = None
) -> UnitSelectivity:
    """How well each unit of activations (n, d) tells each class of the labels apart.

    By the AUC of the unit's own activations, one class against all others (of two classes the
    second); of numbers by Spearman's correlation. p is Mann and Whitney's with ties, or where
    rows belong to persons, from the sums of each person's ranks. The strongest unit is chosen on
    two fifths of the rows and measured on the others: the best of many looks better than it is.
    Raises DataError where labels and activations have different rows, and for fewer than three
    persons.

    Morcos et al. 2018, "On the importance of single directions for generalization" (the index).
    """
    x = rows_of(activations)
    if len(labels) != len(x):
        raise DataError(f"{len(labels)} labels for {len(x)} rows of activations: give one a row")
    values, p = _told_apart(x, labels)
    names = _levels(labels)
    k = len(names)
    frame = pd.DataFrame(
        {
            "unit": np.repeat(np.arange(x.shape[1]), k),
            "level": names * x.shape[1],
            "auc" if labels.classes else "correlation": values.ravel(),
            "p": p.ravel(),
            "q": benjamini_hochberg(p.ravel()),
        }
    )
    if labels.classes:
        frame["index"] = _indices(x, labels).ravel()
    rng = (runtime or Runtime()).rng(f"halves of {labels.name}")
    return UnitSelectivity(
        labels=labels, frame=frame, strongest=_strongest(x, labels, rng), units=x.shape[1]
    )


def _levels(labels: Labels) -> list[str]:
    """What units are asked to tell apart: of two classes the second is enough."""
    if not labels.classes:
        return [""]
    return list(labels.levels[1:] if len(labels.levels) == 2 else labels.levels)


def _marks(labels: Labels) -> Floats:
    """(n, k): 1 where a row is of the level; of numbers their ranks."""
    if not labels.classes:
        return np.asarray(rankdata(labels.values)[:, None])
    places = np.arange(len(labels.levels))
    marks: Floats = (labels.values[:, None] == places).astype(np.float64)
    return marks[:, 1:] if len(places) == 2 else marks


def _told_apart(x: Floats, labels: Labels) -> tuple[Floats, Floats]:
    """AUC, or Spearman's correlation, and p, (d, k)."""
    marks = _marks(labels)
    parts = [
        _of_ranks(rankdata(x[:, start : start + BLOCK], axis=0), marks, labels)
        for start in range(0, x.shape[1], BLOCK)
    ]
    return np.concatenate([one for one, _ in parts]), np.concatenate([one for _, one in parts])


def _of_ranks(ranks: Floats, marks: Floats, labels: Labels) -> tuple[Floats, Floats]:
    """The same from ranks (n, b) of some units."""
    n = len(ranks)
    moved = ranks - (n + 1) / 2
    wanted = marks - marks.mean(axis=0)
    along = moved.T @ wanted  # (b, k)
    spread = np.square(moved).sum(axis=0)[:, None] * np.square(wanted).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.where(spread > 0, along / np.sqrt(spread), 0.0)
    if labels.whose is None and labels.classes:
        p = 2 * norm.sf(np.abs(r) * math.sqrt(n - 1))  # Mann & Whitney's, corrected for ties
    elif labels.whose is None:
        p = 2 * t.sf(np.abs(r) * np.sqrt((n - 2) / np.maximum(1 - r**2, 1e-300)), n - 2)
    else:
        p = _by_owner(moved, wanted, along, labels.whose)
    if not labels.classes:
        return r, p
    inside = marks.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):  # of a class without rows nothing is known
        return 0.5 + along / (inside * (n - inside)), p


def _by_owner(moved: Floats, wanted: Floats, along: Floats, whose: np.ndarray) -> Floats:
    """p where rows of one person move together: by the spread of the sums over persons."""
    owners = int(whose.max()) + 1
    found = np.ones_like(along)
    for level in range(wanted.shape[1]):
        each = np.zeros((owners, moved.shape[1]))
        np.add.at(each, whose, moved * wanted[:, [level]])
        error = np.sqrt(np.square(each).sum(axis=0) * owners / max(owners - 1, 1))
        with np.errstate(invalid="ignore", divide="ignore"):
            z = np.where(error > 0, along[:, level] / error, 0.0)
        found[:, level] = 2 * t.sf(np.abs(z), max(owners - 1, 1))
    return found


def _indices(x: Floats, labels: Labels) -> Floats:
    """Morcos' index (d, k) on the line of the class with the largest mean, NaN on others."""
    k = len(labels.levels)
    counts = np.bincount(labels.values, minlength=k)
    sums = np.zeros((k, x.shape[1]))
    np.add.at(sums, labels.values, x)
    means = sums / counts[:, None]
    best = means.argmax(axis=0)
    units = np.arange(x.shape[1])
    top = means[best, units]
    rest = (means.sum(axis=0) - top) / (k - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        index = np.where((x.min(axis=0) >= 0) & (top > 0), (top - rest) / (top + rest), np.nan)
    if k == 2:
        return index[:, None]
    found = np.full((x.shape[1], k), np.nan)
    found[units, best] = index
    return found


def _strongest(x: Floats, labels: Labels, rng: np.random.Generator) -> Strongest:
    """Chosen on two parts of five, measured on the others; persons are never parted."""
    part = loose_folds(labels, rng)
    near, far = np.flatnonzero(part % 2 == 1), np.flatnonzero(part % 2 == 0)
    values, _ = _told_apart(x[near], labels.at(near))
    nothing = 0.5 if labels.classes else 0.0
    place = np.nan_to_num(np.abs(values - nothing), nan=-1.0).argmax()
    unit, level = (int(one) for one in np.unravel_index(int(place), values.shape))
    scores = rankdata(x[far, unit])
    marks = _marks(labels.at(far))[:, level]
    owners = None if labels.whose is None else labels.whose[far]
    if not labels.classes:
        held = _correlation(scores, marks, owners)
    else:
        held = _area(scores, marks, owners)
    return Strongest(
        unit=unit, level=_levels(labels)[level], seen=float(values[unit, level]), held_out=held
    )


def _area(ranks: Floats, marks: Floats, owners: np.ndarray | None) -> Estimate:
    """The AUC; where rows belong to persons with an interval over these.

    Obuchowski 1997, "Nonparametric Analysis of Clustered ROC Curve Data".
    """
    plain = auc(marks, ranks / len(ranks))
    if owners is None or not plain.defined:
        return plain
    inside = marks == 1
    m, k = int(inside.sum()), int((~inside).sum())
    moves = np.empty(len(ranks))
    moves[inside] = ((ranks[inside] - rankdata(ranks[inside])) / k - plain.value) / m
    moves[~inside] = (1 - (ranks[~inside] - rankdata(ranks[~inside])) / m - plain.value) / k
    return _over_owners(plain.value, moves, owners, "AUC; linearised over persons, logit", (0, 1))


def _correlation(ranks: Floats, wanted: Floats, owners: np.ndarray | None) -> Estimate:
    """Spearman's, with Bonett & Wright's interval (2000), or one over persons."""
    n, method = len(ranks), "Spearman's; Bonett & Wright"
    if np.ptp(ranks) == 0 or np.ptp(wanted) == 0:
        return undefined("one of the two never changes", n=n, method=method)
    one, other = ((each - each.mean()) / each.std() for each in (ranks, wanted))
    r = float(np.mean(one * other))
    if owners is not None:
        moves = (one * other - r * (one**2 + other**2) / 2) / n
        return _over_owners(r, moves, owners, "Spearman's; linearised over persons", (-1, 1))
    half = norm.ppf(0.975) * math.sqrt((1 + r * r / 2) / (n - 3))
    place = math.atanh(max(min(r, 1 - 1e-12), 1e-12 - 1))
    low, high = math.tanh(place - half), math.tanh(place + half)
    return Estimate(value=r, low=low, high=high, n=n, method=method)


def _over_owners(
    value: float, moves: Floats, owners: np.ndarray, method: str, bounds: tuple[int, int]
) -> Estimate:
    """Student's over persons, from what each row moves the value by."""
    people = np.unique(owners, return_inverse=True)[1]
    count = int(people.max()) + 1
    if count < 2:
        return undefined("all rows are one person's", n=len(moves), method=method)
    error = float(np.linalg.norm(np.bincount(people, weights=moves)))
    error *= math.sqrt(count / (count - 1))
    # The scale on which both kinds of bounds lie at -1 and 1.
    low_end, high_end = bounds
    width = high_end - low_end
    place = 2 * (value - low_end) / width - 1
    low, high = limits_of(place, 2 * error / width, count - 1, "arctanh")
    low, high = ((one + 1) * width / 2 + low_end for one in (low, high))
    return Estimate(value=value, low=low, high=high, n=len(moves), method=method)
