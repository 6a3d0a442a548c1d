"""Units that single out a class or a group, beside how many chance alone would give."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.stats import norm, rankdata, t

from auditkit.errors import DataError, UsageError
from auditkit.probing.probes.labels import Labels
from auditkit.probing.similarity.alignment import Activations
from auditkit.probing.similarity.pairs import Floats, rows_of
from auditkit.probing.telling import in_short
from auditkit.probing.units.strongest import Strongest, levels_of, marks_of, strongest_unit
from auditkit.runtime import Runtime
from auditkit.statistics.multiplicity import benjamini_hochberg

LEVEL = 0.05
STRONG = 0.75  # an AUC, or 1 less it, from which a unit is said to single out a class


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranked:
    """Activations (n, d) float64 and the ranks of each unit's, so that they are ranked once."""

    values: Floats
    ranks: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class UnitSelectivity:
    """How well each unit of a layer tells each class apart, or follows a number.

    frame has a line for each unit and level: unit, level, auc (of numbers correlation), p, q
    (Benjamini-Hochberg's over all lines), index. index is Morcos' class selectivity, (m - o) /
    (m + o) of the class with the largest mean m and the mean o of all others, between 0 and 1, on
    the line of that class; NaN elsewhere, and for units that go below 0. A unit that never changes
    has an auc of 1/2 and a p of 1.
    """

    __repr__ = in_short

    labels: Labels
    frame: pd.DataFrame
    strongest: Strongest | None
    units: int

    @property
    def selective(self) -> int:
        """Units that tell some level apart at a false discovery rate of 5 %."""
        return self._units(self.frame["q"] <= LEVEL)

    @property
    def at_level(self) -> int:
        """Units with a p of at most 5 % over its levels together, and no further correction.

        A unit's p is its least times the number of levels. `by_chance` is what stands beside it.
        """
        least = self.frame.groupby("unit")["p"].min() * (len(self.frame) // self.units)
        return int((least <= LEVEL).sum())

    @property
    def by_chance(self) -> float:
        """Units that `at_level` would count if none knew anything: one in twenty."""
        return LEVEL * self.units

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


def ranked(activations: Activations) -> Ranked:
    """Activations to be asked about several columns of labels. Raises DataError for NaN."""
    if isinstance(activations, Mapping):
        raise UsageError(
            f"activations of {len(activations)} layers: give one layer's, as in "
            f"activations[{next(iter(activations), 'layer')!r}]"
        )
    x = rows_of(activations)
    return Ranked(values=x, ranks=rankdata(x, axis=0))


def unit_selectivity(
    activations: "Activations | Ranked",
    labels: Labels,
    *,
    strongest: bool = True,
    runtime: Runtime | None = None,
) -> UnitSelectivity:
    """How well each unit of activations (n, d) tells each class of the labels apart.

    By the AUC of the unit's own activations, one class against all others (of two classes the
    second); of numbers by Spearman's correlation. p is Mann and Whitney's with ties, or where
    rows belong to persons, from the sums of each person's ranks. The strongest unit is chosen on
    two fifths of the rows and measured on the others: the best of many looks better than it is.
    It is None where that is not asked.
    Raises DataError where labels and activations have different rows, and for fewer than three
    persons.

    Morcos et al. 2018, "On the importance of single directions for generalization" (the index).
    """
    held = activations if isinstance(activations, Ranked) else ranked(activations)
    x = held.values
    if len(labels) != len(x):
        raise DataError(f"{len(labels)} labels for {len(x)} rows of activations: give one a row")
    values, p = _told_apart(held.ranks, labels)
    names = levels_of(labels)
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
        labels=labels,
        frame=frame,
        strongest=strongest_unit(x, held.ranks, labels, rng) if strongest else None,
        units=x.shape[1],
    )


def _told_apart(ranks: Floats, labels: Labels) -> tuple[Floats, Floats]:
    """AUC, or Spearman's correlation, and p, (d, k)."""
    n, marks = len(ranks), marks_of(labels)
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
    people = np.unique(whose, return_inverse=True)[1]
    owners = int(people.max()) + 1
    gathered = csr_array((np.ones(len(people)), (people, np.arange(len(people)))))
    found = np.ones_like(along)
    for level in range(wanted.shape[1]):
        each = gathered @ (moved * wanted[:, [level]])  # (persons, d)
        error = np.sqrt(np.square(each).sum(axis=0) * owners / max(owners - 1, 1))
        with np.errstate(invalid="ignore", divide="ignore"):
            z = np.where(error > 0, along[:, level] / error, 0.0)
        found[:, level] = 2 * t.sf(np.abs(z), max(owners - 1, 1))
    return found


def _indices(x: Floats, labels: Labels) -> Floats:
    """Morcos' index (d, k) on the line of the class with the largest mean, NaN on others."""
    k = len(labels.levels)
    inside = (labels.values[:, None] == np.arange(k)).astype(np.float64)
    with np.errstate(invalid="ignore"):
        means = inside.T @ x / inside.sum(axis=0)[:, None]
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
