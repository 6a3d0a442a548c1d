"""How often each truth, each prediction and each group come together: one table of counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from auditkit.bias.amplification.together import Together
from auditkit.bias.clusters import Clusters
from auditkit.bias.groups import cells, label, share
from auditkit.bias.membership import membership
from auditkit.bias.outputs.class_rates import class_counts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOBODY: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Joint:
    """How often each truth, prediction and group come together: counts (T, T, A).

    tasks names the outcomes, groups the attributes; left_out maps a group that was taken out to
    why. together says which rows belong together, None where all stand alone. For T -> A exchange
    the roles: what is predicted is the attribute.
    """

    counts: Ints
    tasks: tuple[str, ...]
    groups: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=lambda: NOBODY)
    together: Together | None = None

    @classmethod
    def of_counts(
        cls,
        counts: pd.DataFrame,
        tasks: Sequence[str] = ("0", "1"),
        clusters: Clusters | None = None,
    ) -> Self:
        """From the confusion counts of `group_counts`; tasks names the outcomes 0 and 1.

        clusters are those of `clustered_counts`.
        """
        tp, fp, fn, tn = cells(counts).T
        groups = tuple(label(group) for group in counts.index)
        table = np.array([[tn, fp], [fn, tp]])
        together = None if clusters is None else Together.of_clusters(clusters)
        return cls(counts=table, tasks=(tasks[0], tasks[1]), groups=groups, together=together)

    @property
    def truth(self) -> Ints:
        """Counts of true tasks by group, (T, A)."""
        return np.asarray(self.counts.sum(axis=1))

    @property
    def prediction(self) -> Ints:
        """Counts of predicted tasks by group, (T, A)."""
        return np.asarray(self.counts.sum(axis=0))

    @property
    def blind(self) -> Floats:
        """Expected counts (T, A) of predictions that err as often but do not know the groups."""
        pooled = self.counts.sum(axis=2)
        said = np.nan_to_num(share(pooled, pooled.sum(axis=1, keepdims=True)))  # P(t^ | t)
        return np.asarray(said.T @ self.truth)

    def at_least(self, rows: int) -> Self:
        """The same without the groups of fewer rows, which left_out then names."""
        sizes = self.counts.sum(axis=(0, 1))
        few = {
            name: f"fewer than {rows:,} rows"  # not how few, which would tell of people
            for name, n in zip(self.groups, sizes, strict=True)
            if n < rows
        }
        kept = tuple(name for name in self.groups if name not in few)
        own = self.together
        return replace(
            self,
            counts=self.counts[:, :, sizes >= rows],
            groups=kept,
            left_out=few,
            together=None if own is None else own.only(sizes >= rows),
        )


def joint(
    y_true: Any,
    y_pred: Any,
    sensitive: Any,
    *,
    tasks: Sequence[Any] | None = None,
    clusters: Any = None,
) -> Joint:
    """The joint counts of rows: truth and prediction by level, sensitive as in `group_counts`.

    tasks lists the levels in order; left out, they are those that occur. clusters names whose row
    each is, (n,); rows without one are a cluster together. Raises DataError for lengths that
    differ, no rows, and an answer that is missing or not in tasks.
    """
    counted = class_counts(y_true, y_pred, sensitive, levels=tasks)
    table = np.moveaxis(counted.table, 0, 2)
    together = None
    if clusters is not None:
        codes, _ = membership(sensitive, {"y_true": len(y_true), "clusters": len(clusters)})
        # The levels of class_counts are names; places in them are those of the table.
        named = pd.Index(counted.levels)
        true, said = (
            named.get_indexer(pd.Index(np.asarray(one).ravel()).map(str))
            for one in (y_true, y_pred)
        )
        cell = np.ravel_multi_index((true, said, codes), table.shape)
        together = Together.of_rows(clusters, cell, table.shape)
    return Joint(counts=table, tasks=counted.levels, groups=counted.groups, together=together)
