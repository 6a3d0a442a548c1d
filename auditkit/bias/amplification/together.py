"""Rows of a joint table that belong together: of one person, one document, one household."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from auditkit.bias.clusters import Clusters

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Together:
    """What clusters hold of a table of truth, prediction and group: shape (T, T, A).

    cells is (profiles, T T A), sparse, in the order of the table; times (profiles,) says how many
    clusters hold just that.
    """

    cells: Any
    times: Ints
    shape: tuple[int, ...]

    @classmethod
    def of_clusters(cls, clusters: Clusters) -> Self:
        """From the clusters of a count table, whose cells are tp, fp, fn and tn of each group."""
        groups = clusters.cells.shape[1] // 4
        shape = (2, 2, groups)
        truth, said = np.array([1, 0, 1, 0]), np.array([1, 1, 0, 0])
        column = np.arange(4 * groups)
        cell = np.ravel_multi_index((truth[column % 4], said[column % 4], column // 4), shape)
        gather = csr_matrix((np.ones(len(column)), (column, cell)))
        return cls(cells=clusters.cells @ gather, times=clusters.times, shape=shape)

    @classmethod
    def of_rows(cls, cluster: Any, cell: Ints, shape: tuple[int, ...]) -> Self | None:
        """From each row's cluster and its cell (n,); None where every row stands alone."""
        whose = _codes(cluster)
        if whose.max() + 1 == len(whose):
            return None
        size = (int(whose.max()) + 1, int(np.prod(shape)))
        cells = csr_matrix((np.ones(len(whose)), (whose, cell)), shape=size)
        return cls(cells=cells, times=np.ones(size[0], dtype=np.int64), shape=shape)

    @property
    def number(self) -> int:
        """How many clusters hold a row."""
        return int(self.times @ (np.asarray(self.cells.sum(axis=1)).ravel() > 0))

    def only(self, groups: NDArray[np.bool_]) -> Self:
        """The groups so marked (A,) alone."""
        kept = np.broadcast_to(groups, self.shape).ravel()
        shape = (*self.shape[:2], int(groups.sum()))
        return type(self)(cells=self.cells[:, kept], times=self.times, shape=shape)

    def wider(self, influence: Floats) -> float:
        """How many times the standard error for independent rows that of whole clusters is.

        influence (T, T, A) is what a row of each cell moves a figure by. At least 1. Where
        nothing is seen to vary, the rows of a cluster are taken to be alike.
        """
        rows = self.times @ self.cells
        n, clusters = float(rows.sum()), self.number
        if clusters < 2:
            return float("inf")
        rest = influence.ravel() - float(rows @ influence.ravel()) / n
        over = float(self.times @ (self.cells @ rest) ** 2) * clusters / (clusters - 1)
        alone = float(rows @ rest**2)
        size = np.asarray(self.cells.sum(axis=1)).ravel()
        effect = over / alone if alone > 1e-18 * n else float(self.times @ size**2) / n
        return float(np.sqrt(max(effect, 1.0)))

    def holding(self, axis: int) -> Ints:
        """How many clusters have a row of each truth (axis 0), prediction (1) or group (2)."""
        place = np.unravel_index(np.arange(int(np.prod(self.shape))), self.shape)[axis]
        gather = csr_matrix((np.ones(len(place)), (np.arange(len(place)), place)))
        held = ((self.cells @ gather) > 0).astype(np.int64)
        return np.asarray(self.times @ held).ravel()


def rows_together(cluster: Any) -> tuple[Any, Ints] | None:
    """Rows by cluster (C, n), sparse, and one for each cluster; None where every row is alone."""
    whose = _codes(cluster)
    size = int(whose.max()) + 1
    if size == len(whose):
        return None
    rows = csr_matrix((np.ones(len(whose)), (whose, np.arange(len(whose)))))
    return rows, np.ones(size, dtype=np.int64)


def _codes(cluster: Any) -> Ints:
    """Each row's cluster as a place, (n,); rows without one share one."""
    codes, names = pd.factorize(pd.Series(cluster))
    return np.unique(np.where(codes < 0, len(names), codes), return_inverse=True)[1]
