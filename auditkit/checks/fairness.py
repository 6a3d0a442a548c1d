"""Does the model treat groups differently, by how much, and by how much would chance alone?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import nan
from typing import ClassVar

import pandas as pd

from auditkit.bias.clusters import Clusters, clustered_estimates
from auditkit.bias.disparity import DISPARITIES, Disparity, disparity, four_fifths, rows_needed
from auditkit.bias.groups import label, rate_of_all, rates, sizes
from auditkit.bias.suppression import may_be_shown, nameless, not_shown
from auditkit.checks.base import (
    CHECKS,
    GROUP,
    at_least,
    at_most,
    finding,
    percent,
    points,
    reasons,
    words,
)
from auditkit.checks.contrasts import chance
from auditkit.data.schema import Task
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Intervals, Section, Topic, Unit
from auditkit.subject import Subject

MEANINGS = {
    "selection_rate": "the share of a group that is predicted to have the positive outcome",
    "true_positive_rate": "of those with the positive outcome, the share for whom it is predicted",
    "false_positive_rate": "of those without it, the share for whom it is predicted all the same",
    "precision": "of those for whom the positive outcome is predicted, the share that has it",
    "accuracy": "the share of a group for whom the model is right",
}


@dataclass(frozen=True, kw_only=True)
class GroupGap:
    """The largest gap of a rate between groups of each sensitive column.

    Groups whose rate rests on fewer than min_group_size rows are not compared, and are named.
    """

    disparity: ClassVar[str]
    remedy: ClassVar[str]
    drawn: ClassVar[tuple[str, ...]]  # the rates shown here as pictures
    topic: ClassVar[Topic] = Topic.HARM
    rule: ClassVar[str]
    title: ClassVar[str]

    max_difference: float | None = ranged(0.1, *SHARE)
    min_group_size: int = ranged(10, 1)
    draws: int = ranged(1000, 100, 1_000_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding for the difference and one for the ratio, by column; the rates as pictures."""
        views: list[Intervals] = []
        least = self.min_group_size
        for column, counts in self.counts(subject).items():
            yield from self._findings(subject, column, counts)
            together = self.clusters(subject)[column]
            drawn = (_picture(counts, column, rate, together, least) for rate in self.drawn)
            views += [one for one in drawn if len(one.frame)]
        meaning = "; ".join(
            f"{words(rate)}: {MEANINGS[rate]}" for rate in DISPARITIES[self.disparity]
        )
        text = f"{meaning[0].upper()}{meaning[1:]}. Each interval holds for its group alone; the "
        text += "findings compare all groups at once, which is stricter."
        yield Section(title=f"{self.title} by group", text=text, views=tuple(views))

    def counts(self, subject: Subject) -> dict[str, pd.DataFrame]:
        """The counts to compare, by sensitive column."""
        return subject.counts

    def clusters(self, subject: Subject) -> Mapping[str, Clusters | None]:
        """Which of those rows belong together, by sensitive column."""
        return subject.clusters

    def _findings(self, subject: Subject, column: str, counts: pd.DataFrame) -> Iterator[Finding]:
        def measured(comparison: str) -> Disparity:
            return disparity(
                counts,
                self.disparity,
                comparison="ratio" if comparison == "ratio" else "difference",
                rng=subject.rng(f"{self.rule} {column} {comparison}"),
                draws=self.draws,
                min_group_size=self.min_group_size,
                clusters=self.clusters(subject)[column],
            )

        gap, ratio = measured("difference"), measured("ratio")
        limit = self.max_difference
        yield finding(
            f"{_compared(gap, counts, column, self.min_group_size)}; chance alone would give "
            f"{points(gap.null.mean)}.",
            gap.estimate,
            metric=f"{words(self.disparity)} difference",
            unit=Unit.POINTS,
            status=at_most(gap.estimate, limit),
            limit=limit,
            null=gap.null.mean,
            where=_where(gap, column),
            remedy=self.remedy,
            rows_needed=lambda: rows_needed(counts, gap, limit if limit is not None else 0.0),
            p_value=nan if limit is None else gap.beyond(limit),
        )
        yield finding(
            f"By {column}, the {words(ratio.rate)} of {ratio.lowest} is "
            f"{percent(ratio.estimate.value)} of that of {ratio.highest}; chance alone would give "
            f"{percent(ratio.null.mean)}.",
            ratio.estimate,
            metric=f"{words(self.disparity)} ratio",
            null=ratio.null.mean,
            where=_where(ratio, column),
        )


@CHECKS.register("demographic-parity")
@dataclass(frozen=True, kw_only=True)
class DemographicParity(GroupGap):
    """Is the positive outcome predicted equally often for each group?"""

    rule: ClassVar[str] = "AK201"
    title: ClassVar[str] = "Demographic parity"
    disparity: ClassVar[str] = "demographic_parity"
    drawn: ClassVar[tuple[str, ...]] = ("selection_rate",)
    remedy: ClassVar[str] = (
        "Decide whether equal shares are owed here. If so, reweigh the training rows or train with "
        "a constraint on the selection rate, and audit again."
    )


@CHECKS.register("equal-opportunity")
@dataclass(frozen=True, kw_only=True)
class EqualOpportunity(GroupGap):
    """Is the positive outcome recognised equally often in each group, where it is there?"""

    rule: ClassVar[str] = "AK202"
    title: ClassVar[str] = "Equal opportunity"
    disparity: ClassVar[str] = "equal_opportunity"
    drawn: ClassVar[tuple[str, ...]] = ("true_positive_rate",)
    remedy: ClassVar[str] = (
        "Find out why the positive outcome goes unseen more often in this group (few rows, poorer "
        "features, unjust labels), mend that first, then train with a constraint on this rate."
    )


@CHECKS.register("equalized-odds")
@dataclass(frozen=True, kw_only=True)
class EqualizedOdds(GroupGap):
    """Are both kinds of error equally common in each group?"""

    rule: ClassVar[str] = "AK203"
    title: ClassVar[str] = "Equalized odds"
    disparity: ClassVar[str] = "equalized_odds"
    drawn: ClassVar[tuple[str, ...]] = ("false_positive_rate",)  # the other: equal opportunity's
    remedy: ClassVar[str] = (
        "Look at both kinds of error by group. Better features and more rows for the group that is "
        "worse off help both; moving a threshold only trades one for the other."
    )


@CHECKS.register("predictive-parity")
@dataclass(frozen=True, kw_only=True)
class PredictiveParity(GroupGap):
    """Does a positive decision mean the same in each group?"""

    rule: ClassVar[str] = "AK204"
    title: ClassVar[str] = "Predictive parity"
    disparity: ClassVar[str] = "predictive_parity"
    drawn: ClassVar[tuple[str, ...]] = ("precision",)
    remedy: ClassVar[str] = (
        "Check the scores' calibration within each group and the labels of the group whose "
        "positive decisions are less often right."
    )


@CHECKS.register("accuracy-equality")
@dataclass(frozen=True, kw_only=True)
class AccuracyEquality(GroupGap):
    """Is the model right equally often in each group?"""

    rule: ClassVar[str] = "AK205"
    title: ClassVar[str] = "Accuracy equality"
    disparity: ClassVar[str] = "accuracy_equality"
    drawn: ClassVar[tuple[str, ...]] = ("accuracy",)
    remedy: ClassVar[str] = (
        "Gather more rows and better features for the group the model is more often wrong about, "
        "and until then let a person decide its cases."
    )

    def counts(self, subject: Subject) -> dict[str, pd.DataFrame]:
        """Of several classes too it can be asked whether an answer is right."""
        subject.require(Task.DECISION, Task.CLASSES)
        return subject.right_counts if subject.task is Task.CLASSES else subject.counts

    def clusters(self, subject: Subject) -> Mapping[str, Clusters | None]:
        """The same of the rows that belong together."""
        return subject.right_clusters if subject.task is Task.CLASSES else subject.clusters


@CHECKS.register("four-fifths")
@dataclass(frozen=True, kw_only=True)
class FourFifthsRule:
    """Is the lowest selection rate at least four fifths of the highest?

    The rule of thumb of the US Uniform Guidelines (1978), a sign of adverse impact to be looked
    into and no proof of it. The verdict comes from the interval of the ratio; the rule itself,
    which takes no notice of chance, is stated beside it in exact arithmetic.
    """

    rule: ClassVar[str] = "AK206"
    title: ClassVar[str] = "Four-fifths rule"
    topic: ClassVar[Topic] = Topic.HARM

    min_ratio: float = ranged(0.8, *SHARE)
    min_group_size: int = ranged(10, 1)
    draws: int = ranged(1000, 100, 1_000_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """A finding for each sensitive column."""
        for column, counts in subject.counts.items():
            kept = counts[sizes(counts) >= self.min_group_size]
            ratio = disparity(
                counts,
                "demographic_parity",
                comparison="ratio",
                rng=subject.rng(f"{self.rule} {column}"),
                draws=self.draws,
                min_group_size=self.min_group_size,
                clusters=subject.clusters[column],
            )
            rule = four_fifths(kept)
            said = percent(float(rule.ratio)) if rule.ratio is not None else "undefined"
            yield finding(
                f"By {column}, {rule.lowest} is selected {said} as often as {rule.highest}, "
                f"{'at least' if rule.passed else 'less than'} four fifths (Fisher's exact p "
                f"{chance(rule.p_value)}).",
                ratio.estimate,
                metric="selection rate ratio",
                status=at_least(ratio.estimate, self.min_ratio),
                limit=self.min_ratio,
                null=ratio.null.mean,
                where=_where(ratio, column),
                remedy="Have the selection reviewed for adverse impact: show that its purpose "
                "needs it, or find one as good that selects less unequally.",
                rows_needed=partial(rows_needed, counts, ratio, self.min_ratio),
                p_value=ratio.beyond(self.min_ratio),
            )


def _picture(
    counts: pd.DataFrame, column: str, rate: str, together: Clusters | None, least: int
) -> Intervals:
    shown = may_be_shown(counts, least)
    frame = clustered_estimates(counts, rate, together)[shown]
    frame = frame.reset_index(drop=True)
    frame.insert(0, GROUP, [label(group) for group in counts.index[shown]])
    return Intervals(
        title=f"{words(rate).capitalize()} by {column}",
        frame=frame.rename(columns={"value": words(rate)}),
        label=GROUP,
        value=words(rate),
        low="low",
        high="high",
        reference=rate_of_all(counts, rate),
        reference_label="all rows",
        text=not_shown(counts, shown, least),
    )


def _compared(gap: Disparity, counts: pd.DataFrame, column: str, least: int) -> str:
    """The largest gap in words, with the two rates behind it.

    The rates are left out where one of them, taken from the total, would tell of a small group.
    """
    if not gap.estimate.defined:
        return ""
    named = {label(group): place for place, group in enumerate(counts.index)}
    value = rates(counts)[gap.rate].to_numpy()
    low, high = (percent(value[named[group]]) for group in (gap.lowest, gap.highest))
    several = len(DISPARITIES[gap.name]) > 1
    which = (
        f"the wider gap is in the {words(gap.rate)}: that" if several else "the " + words(gap.rate)
    )
    if gap.estimate.value == 0:
        return f"By {column}, the {words(gap.rate)} is the same in all groups ({low})"
    if {gap.lowest, gap.highest} & set(nameless(counts, least)):
        return (
            f"By {column}, {which} of {gap.lowest} is {points(gap.estimate.value)} below that of "
            f"{gap.highest}"
        )
    return (
        f"By {column}, {which} of {gap.lowest} ({low}) is {points(gap.estimate.value)} below that "
        f"of {gap.highest} ({high})"
    )


def _where(gap: Disparity, column: str) -> dict[str, str]:
    where = {"column": column}
    if gap.estimate.defined:
        written = points if gap.comparison == "difference" else percent
        where |= {
            "rate": words(gap.rate),
            "lowest": gap.lowest,
            "highest": gap.highest,
            "chance alone, 1 in 20": written(gap.null.upper),
            "permutation p": chance(gap.null.p_value),
        }
        first, second, low = gap.surest()
        other = {first, second} != {gap.lowest, gap.highest}
        if gap.comparison == "difference" and low > 0 and other:
            where["surest gap"] = (
                f"{second} at least {points(low)} below {first}: the lower end of the interval, "
                "though the gap seen there is smaller"
            )
    if gap.left_out:
        where["not compared"] = reasons(gap.left_out)
    return where
