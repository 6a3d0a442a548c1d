"""Every rate of every group, for whoever wants to see the numbers themselves."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from auditkit.bias.clusters import Clusters, clustered_estimates
from auditkit.bias.groups import CELLS, label, rates, sizes
from auditkit.bias.suppression import may_be_shown, not_shown
from auditkit.checks.base import CHECKS, GROUP, finding, percent, words
from auditkit.data.schema import Task
from auditkit.ranges import ranged
from auditkit.results import Finding, Section, Table, Topic
from auditkit.statistics.estimate import Estimate, undefined
from auditkit.subject import Subject


@CHECKS.register("group-results")
@dataclass(frozen=True, kw_only=True)
class GroupResults:
    """Every rate of every group and of the largest intersections; who is worst served.

    Intersections with fewer than min_group_size rows are not shown one by one, nor more than
    most_intersections of them: six columns can have thousands.
    """

    rule: ClassVar[str] = "AK207"
    title: ClassVar[str] = "Results by group"
    topic: ClassVar[Topic] = Topic.HARM

    min_group_size: int = ranged(10, 1)
    most_intersections: int = ranged(40, 1, 500)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A table for each sensitive column and one for the intersections."""
        subject.require(Task.DECISION)
        names = subject.sensitive
        least = self.min_group_size
        tables = [_shown(counts, column, least) for column, counts in subject.counts.items()]
        crossed = subject.counts_of(names)
        if len(names) > 1:
            tables.append(self._largest(crossed, " × ".join(names)))
        if len(crossed) > 1:
            yield self._worst_served(crossed, names, subject.clusters_of(names))
        yield Section(
            title="Every rate of every group",
            text="tp, fp, fn and tn count true and false positives and negatives; everything on "
            "fairness in this report follows from them. A dash is a rate that is undefined, for "
            "instance a true positive rate where nobody has the positive outcome.",
            views=tuple(table for table in tables if len(table.frame) or table.text),
        )

    def _largest(self, crossed: pd.DataFrame, columns: str) -> Table:
        rows = sizes(crossed)
        may = may_be_shown(crossed, self.min_group_size)
        ranks = np.argsort(-rows, kind="stable")
        shown = np.sort(ranks[may[ranks]][: self.most_intersections])
        table = _rates_table(crossed.iloc[shown], columns)
        left = len(crossed) - len(shown)
        if not left:
            return table
        said = (
            f"{len(shown)} of {len(crossed):,} intersections, the largest that may be shown; the "
        )
        said += f"other {left:,} hold {int(rows.sum() - rows[shown].sum()):,} rows. "
        said += not_shown(crossed, may, self.min_group_size, "intersection")
        return replace(table, text=said.strip())

    def _worst_served(
        self, counts: pd.DataFrame, names: tuple[str, ...], together: Clusters | None
    ) -> Finding:
        enough = sizes(counts) >= self.min_group_size
        large, method = counts[enough], "guarded Wilson, of this group alone"
        estimates = clustered_estimates(counts, "accuracy", together)[enough]
        if together is not None:
            method += f", of {together.total:,} clusters of rows"
        place = int(np.argmin(estimates["value"])) if len(large) else -1
        group = label(large.index[place]) if len(large) else "none"
        estimate = (
            Estimate(
                value=float(estimates["value"].iloc[place]),
                low=float(estimates["low"].iloc[place]),
                high=float(estimates["high"].iloc[place]),
                n=int(estimates["n"].iloc[place]),
                method=method,
            )
            if len(large)
            else undefined(f"no group has {self.min_group_size} rows")
        )
        return finding(
            f"Of the {len(large)} groups by {' × '.join(names)} with at least "
            f"{self.min_group_size} rows, the model is least often right for {group} "
            f"({percent(estimate.value)} of {estimate.n} rows); being the worst of many, it looks "
            "worse than it is, and no verdict rests on it.",
            estimate,
            metric="accuracy of the worst-served group",
            where={"group": group},
        )


def _shown(counts: pd.DataFrame, column: str, least: int) -> Table:
    may = may_be_shown(counts, least)
    return replace(_rates_table(counts[may], column), text=not_shown(counts, may, least))


def _rates_table(counts: pd.DataFrame, column: str) -> Table:
    frame = rates(counts)
    frame.columns = pd.Index([words(name) for name in frame.columns])
    table = pd.concat([counts[list(CELLS)], frame], axis=1).reset_index(drop=True)
    table.insert(0, GROUP, [label(group) for group in counts.index])
    table.insert(1, "rows", sizes(counts))
    return Table(title=f"Rates by {column}", frame=table, shares=tuple(frame.columns))
