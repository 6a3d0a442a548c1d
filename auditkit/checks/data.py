"""Are the rows fit to judge a model by, and whom do they leave out?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd

from auditkit.bias.clusters import Clusters, clustered_estimates, label_clusters
from auditkit.bias.disparity import disparity, rows_needed
from auditkit.bias.groups import group_counts, label, label_counts, share
from auditkit.bias.suppression import may_be_shown, not_shown
from auditkit.checks.base import CHECKS, GROUP, at_most, exactly, finding, percent, points
from auditkit.data.profile import incomplete, seen_before
from auditkit.errors import NotApplicable
from auditkit.ranges import SHARE, ranged
from auditkit.results import Bars, Finding, Intervals, Section, Topic, Unit
from auditkit.statistics.estimate import Estimate
from auditkit.subject import Subject


@CHECKS.register("group-sizes")
@dataclass(frozen=True, kw_only=True)
class GroupSizes:
    """How many rows stand for each group."""

    rule: ClassVar[str] = "AK301"
    title: ClassVar[str] = "Group sizes"
    topic: ClassVar[Topic] = Topic.DATA

    few: int = ranged(100, 0)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """The smallest group of each sensitive column."""
        views = []
        for column, sizes in subject.group_sizes.items():
            names = [str(name) for name in sizes.index]
            smallest = int(sizes.to_numpy().argmin())
            fewest = int(sizes.iloc[smallest])
            thin = sum(size < self.few for size in sizes)
            rank = "smallest" if len(names) > 1 else "only"
            yield finding(
                f"By {column}, {names[smallest]} is the {rank} group, with {fewest:,} of "
                f"{subject.rows:,} rows; {thin or 'no'} group{'s have' if thin > 1 else ' has'} "
                f"fewer than {self.few}.",
                exactly(fewest, n=subject.rows),
                metric="rows of the smallest group",
                unit=Unit.COUNT,
                where={"column": column, "group": names[smallest]},
            )
            frame = pd.DataFrame({GROUP: names, "rows": sizes.to_numpy()})
            views.append(
                Bars(title=f"Rows by {column}", frame=frame, x=GROUP, y=("rows",), unit=Unit.COUNT)
            )
        yield Section(
            title="Who is in the rows",
            text="Of a group with few rows little can be known, whatever the model does to it.",
            views=tuple(views),
        )


@dataclass(frozen=True, kw_only=True)
class _ShareByGroup:
    """The gap between groups in the share of rows that are marked."""

    rule: ClassVar[str]
    title: ClassVar[str]
    topic: ClassVar[Topic] = Topic.DATA
    share: ClassVar[str]  # what the share is of
    text: ClassVar[str]
    remedy: ClassVar[str] = ""

    max_difference: float | None = ranged(None, *SHARE)
    min_group_size: int = ranged(10, 1)

    def counts(self, subject: Subject) -> dict[str, pd.DataFrame]:
        """By column the rows of each group that count, as tp, and the others, as tn."""
        raise NotImplementedError

    def clusters(self, subject: Subject, column: str) -> Clusters | None:
        """Which of those rows belong together, None where all stand alone."""
        raise NotImplementedError

    def total(self, subject: Subject) -> tuple[int, int]:
        """How many rows count, and of how many."""
        raise NotImplementedError

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """The largest gap for each sensitive column, and the shares as pictures."""
        (marked, n), views = self.total(subject), []
        if not marked:
            nothing = exactly(0.0, n=n)
            yield finding(f"The {self.share} is 0 in these rows.", nothing, metric=self.share)
            return
        for column, counts in self.counts(subject).items():
            together = self.clusters(subject, column)
            yield self._gap(subject, column, counts, together)
            shown = may_be_shown(counts, self.min_group_size)
            frame = clustered_estimates(counts, "selection_rate", together)
            frame = frame[shown].reset_index(drop=True)
            frame.insert(0, GROUP, [label(group) for group in counts.index[shown]])
            if not len(frame):
                continue
            views.append(
                Intervals(
                    title=f"{self.share.capitalize()} by {column}",
                    frame=frame.rename(columns={"value": "share"}),
                    label=GROUP,
                    value="share",
                    low="low",
                    high="high",
                    reference=marked / n,
                    reference_label="all rows",
                    text=not_shown(counts, shown, self.min_group_size),
                )
            )
        yield Section(title=self.title, text=self.text, views=tuple(views))

    def _gap(
        self, subject: Subject, column: str, counts: pd.DataFrame, together: Clusters | None
    ) -> Finding:
        gap = disparity(
            counts,
            "selection_rate",
            rng=subject.rng(f"{self.rule} {column}"),
            min_group_size=self.min_group_size,
            clusters=together,
        )
        limit = self.max_difference
        # The share is counted as a selection rate; nobody was selected here.
        reason = gap.estimate.reason.replace("selection rate", self.share)
        return finding(
            f"By {column}, the {self.share} differs by {points(gap.estimate.value)} between "
            f"{gap.lowest} and {gap.highest}; chance alone would give {points(gap.null.mean)}.",
            replace(gap.estimate, reason=reason),
            metric=f"gap in the {self.share}",
            unit=Unit.POINTS,
            status=at_most(gap.estimate, limit),
            limit=limit,
            null=gap.null.mean,
            where={"column": column, "lowest": gap.lowest, "highest": gap.highest},
            remedy=self.remedy,
            rows_needed=lambda: rows_needed(counts, gap, limit if limit is not None else 0.0),
        )


@CHECKS.register("missing-values")
@dataclass(frozen=True, kw_only=True)
class MissingValues(_ShareByGroup):
    """Are the features of some groups more often missing?"""

    rule: ClassVar[str] = "AK302"
    title: ClassVar[str] = "Missing values by group"
    share: ClassVar[str] = "share of rows with a missing feature"
    text: ClassVar[str] = (
        "What is missing more often for a group makes the model guess more often about it."
    )
    remedy: ClassVar[str] = (
        "Find out why these values are missing, and collect them, before trusting decisions about "
        "this group."
    )

    def counts(self, subject: Subject) -> dict[str, pd.DataFrame]:
        """Rows in which a feature is missing, by group."""
        marked, groups = self._marked(subject), subject.memberships
        return {name: group_counts(marked, marked, groups[name]) for name in subject.sensitive}

    def clusters(self, subject: Subject, column: str) -> Clusters | None:
        """The same of the rows that belong together."""
        return subject.marked_clusters(self._marked(subject), column)

    def total(self, subject: Subject) -> tuple[int, int]:
        """Rows in which a feature is missing, of all."""
        marked = self._marked(subject)
        return int(marked.sum()), len(marked)

    def _marked(self, subject: Subject) -> np.ndarray:
        columns = tuple(c for c in subject.table.schema.feature_names if c in subject.frame.columns)
        if not columns:
            raise NotApplicable("the file has no feature columns")
        return incomplete(subject.frame, columns)


@CHECKS.register("label-balance")
@dataclass(frozen=True, kw_only=True)
class LabelBalance(_ShareByGroup):
    """Do the labels themselves favour a group?"""

    rule: ClassVar[str] = "AK303"
    title: ClassVar[str] = "Label balance by group"
    share: ClassVar[str] = "share with the positive outcome"
    text: ClassVar[str] = (
        "The share that has the positive outcome in the data itself, before any model. A model "
        "learns this difference; whether the labels are just is not for numbers to say."
    )

    def counts(self, subject: Subject) -> dict[str, pd.DataFrame]:
        """Rows with the positive outcome, by group."""
        return {name: label_counts(counts) for name, counts in subject.counts.items()}

    def clusters(self, subject: Subject, column: str) -> Clusters | None:
        """The same of the rows that belong together."""
        together = subject.clusters[column]
        return None if together is None else label_clusters(together)

    def total(self, subject: Subject) -> tuple[int, int]:
        """Rows with the positive outcome, of all."""
        totals = subject.totals
        return int(totals["tp"] + totals["fn"]), int(totals.sum())


@CHECKS.register("duplicates")
@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Has the model seen these very rows in training?"""

    rule: ClassVar[str] = "AK304"
    title: ClassVar[str] = "Duplicates across the split"
    topic: ClassVar[Topic] = Topic.DATA

    max_share: float = ranged(0.01, *SHARE)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """The share of audited rows that stand in the training rows too."""
        train = subject.required_train.frame
        shared = tuple(name for name in subject.frame.columns if name in train.columns)
        schema = subject.table.schema
        wanted = dict.fromkeys((*schema.feature_names, schema.target.name))
        known = tuple(name for name in wanted if name in shared)
        whole = _share(seen_before(subject.frame, train, shared))
        alike = _share(seen_before(subject.frame, train, known))
        yield finding(
            f"{percent(whole.value)} of the audited rows repeat a training row in every column.",
            whole,
            metric="share of rows seen in training",
            status=at_most(whole, self.max_share),
            limit=self.max_share,
            remedy="Remove the rows that stand on both sides: on them the model is asked what it "
            "was told.",
        )
        yield finding(
            f"{percent(alike.value)} of the audited rows agree with a training row in all features "
            "and the target; these may be different people.",
            alike,
            metric="share of rows with a twin in training",
        )


def _share(marked: np.ndarray) -> Estimate:
    """Of these rows, not of a population: counted, without an interval."""
    return exactly(float(share(marked.sum(), len(marked))), n=len(marked))
