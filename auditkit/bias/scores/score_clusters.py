"""Scores of rows that belong together: of one person, one document, one household.

The rows of a cluster in a group are a part. Parts are drawn again and dealt out whole, and the
variance of whatever is measured is that of the parts' totals. A cluster with rows in several
groups is a part of each, as if these were not alike: too careful where they are.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.stats import t as student

from auditkit.statistics.intervals import z_of

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

WORK = 20_000_000  # parts drawn in all; of very many fewer samples are drawn
FEWEST = 200  # samples all the same
Z = z_of(0.95)


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoreParts:
    """What the parts of a table of counts by score hold.

    cells is (P, 2 S), sparse: positives at each score, then negatives. group (P,) is the place of
    each part's group, cluster (P,) says whose rows they are.
    """

    cells: Any
    group: Ints
    cluster: Ints

    @classmethod
    def of(cls, cluster: Ints, group: Ints, column: Ints, width: int) -> Self | None:
        """From each row's cluster, group and cell (n,); None where every row stands alone."""
        key = cluster * (int(group.max()) + 1) + group
        parts, first, part = np.unique(key, return_index=True, return_inverse=True)
        if len(parts) == len(key):
            return None
        ones = np.ones(len(key))
        cells = csr_matrix((ones, (part, column)), shape=(len(parts), width))
        return cls(cells=cells, group=group[first], cluster=cluster[first])

    def only(self, places: Ints) -> Self:
        """The parts of these groups alone, whose places become 0, 1, ..."""
        order = np.full(max(int(self.group.max(initial=0)), int(places.max(initial=0))) + 1, -1)
        order[places] = np.arange(len(places))
        kept = order[self.group] >= 0
        group = order[self.group][kept].astype(np.int64)
        return replace(self, cells=self.cells[kept], group=group, cluster=self.cluster[kept])

    def coarser(self, starts: Ints) -> Self:
        """With neighbouring scores put together: a bin begins at each of starts."""
        scores = self.cells.shape[1] // 2
        bins = np.searchsorted(starts, np.arange(scores), side="right") - 1
        columns = np.concatenate([bins, bins + len(starts)])
        gather = csr_matrix((np.ones(2 * scores), (np.arange(2 * scores), columns)))
        return replace(self, cells=self.cells @ gather)

    def merged(self) -> Self:
        """All groups as one: what a cluster has in several is a single part."""
        names, part = np.unique(self.cluster, return_inverse=True)
        gather = csr_matrix((np.ones(len(part)), (part, np.arange(len(part)))))
        whole = np.zeros(len(names), dtype=np.int64)
        return replace(self, cells=gather @ self.cells, group=whole, cluster=names)

    def number(self, groups: int) -> Ints:
        """How many parts each group has, (groups,)."""
        return np.bincount(self.group, minlength=groups).astype(np.int64)

    def redrawn(self, group: int, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Bootstrap samples of a group's parts: positives and negatives, each (draws, S)."""
        own = self.cells[self.group == group]
        weights = rng.multinomial(own.shape[0], np.full(own.shape[0], 1 / own.shape[0]), draws)
        drawn = np.asarray(weights @ own)
        positives, negatives = np.split(drawn, 2, axis=1)
        return positives, negatives

    def dealt(self, groups: int, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Group labels dealt out anew among parts: two (groups, S, draws); fewer of many parts."""
        draws = min(draws, max(FEWEST, WORK // max(len(self.group), 1)))
        found = np.empty((groups, self.cells.shape[1], draws))
        turned = self.cells.T.tocsr()
        for draw in range(draws):
            label = rng.permutation(self.group)
            chosen = csr_matrix((np.ones(len(label)), (np.arange(len(label)), label)))
            chosen.resize((len(label), groups))
            found[:, :, draw] = (turned @ chosen).toarray().T
        positives, negatives = np.split(found, 2, axis=1)
        return positives, negatives

    def wider(self, shifts: Floats, alone: Floats) -> Floats:
        """How many times the variance for independent rows a variance over parts is: (G,).

        shifts (G, 2 S) is what a row of each cell moves its group's value by, alone (G,) the
        variance for independent rows. At least 1; where that is 0, and nothing is seen to vary, a
        part's rows are taken to be alike. Few parts tell a variance badly: more, by Student's law.

        For an AUC: Obuchowski 1997, "Nonparametric Analysis of Clustered ROC Curve Data".
        """
        found = np.ones(len(alone))
        for group, (shift, variance) in enumerate(zip(shifts, alone, strict=True)):
            own = self.cells[self.group == group]
            parts = own.shape[0]
            if parts < 2:
                found[group] = np.inf
                continue
            moved = own @ shift
            rows = np.asarray(own.sum(axis=1)).ravel()
            over = float(np.sum(moved**2)) * parts / (parts - 1)
            alike = float(np.sum(rows**2) / rows.sum())
            effect = over / variance if variance > 0 else alike
            found[group] = max(effect, 1.0) * (float(student.ppf(0.975, parts - 1)) / Z) ** 2
        return found
