"""Do scores order rows as well, and mean the same, in each group?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import pandas as pd

from auditkit.bias.contrast import Contrast
from auditkit.bias.groups import label
from auditkit.bias.scores.abroca import Abroca, abroca
from auditkit.bias.scores.group_calibration import GroupCalibration, group_calibration
from auditkit.bias.scores.score_auc import auc_gap
from auditkit.bias.scores.score_counts import ScoreCounts
from auditkit.bias.suppression import may_be_shown, nameless, not_shown
from auditkit.checks.base import CHECKS, GROUP, at_most, finding, percent, points, reasons
from auditkit.checks.contrasts import chance, gap_finding, picture
from auditkit.ranges import SHARE, ranged
from auditkit.results import Finding, Intervals, Section, Table, Topic, Unit, View
from auditkit.statistics.estimate import settled_at
from auditkit.subject import Subject

DIGITS = 4  # of what is drawn: a page is no archive


@CHECKS.register("auc-equality")
@dataclass(frozen=True, kw_only=True)
class AucEquality:
    """Do the scores order rows equally well within each group?

    Groups with fewer than min_group_size rows of either outcome are not compared, and are named.
    """

    rule: ClassVar[str] = "AK208"
    title: ClassVar[str] = "AUC equality"
    topic: ClassVar[Topic] = Topic.HARM

    max_difference: float | None = ranged(0.1, *SHARE)
    min_group_size: int = ranged(10, 1)
    draws: int = ranged(1000, 100, 1_000_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """The largest gap of the AUC, and each group's, by sensitive column."""
        views: list[View] = []
        for column, counts in counts_of(subject):
            gap = auc_gap(
                counts,
                rng=subject.rng(f"{self.rule} {column}"),
                draws=self.draws,
                min_group_size=self.min_group_size,
            )
            yield gap_finding(
                gap,
                column=column,
                what="AUC",
                metric="AUC gap",
                limit=self.max_difference,
                remedy="The scores know less about one group. Look for features that tell in that "
                "group too and for more of its rows; no threshold mends an order that is wrong.",
            )
            if len(gap.groups):
                views.append(_rounded(picture(gap, title=f"AUC by {column}", what="AUC")))
        yield Section(
            title="AUC by group",
            text="Within each group: how often a row with the positive outcome scores above one "
            "without it. 50 % is a coin, 100 % perfect order. It asks nothing of the threshold.",
            views=tuple(views),
        )


@CHECKS.register("group-calibration")
@dataclass(frozen=True, kw_only=True)
class CalibrationByGroup:
    """Does a score promise as much in one group as it does in another?

    The limit is on the difference of what is promised beyond what comes true; none is generally
    accepted. Groups of fewer than min_group_size rows are not compared, and are named.
    """

    rule: ClassVar[str] = "AK209"
    title: ClassVar[str] = "Calibration by group"
    topic: ClassVar[Topic] = Topic.HARM

    max_difference: float | None = ranged(None, *SHARE)
    min_group_size: int = ranged(10, 1)
    bins: int = ranged(10, 2, 100)
    draws: int = ranged(1000, 100, 1_000_000)
    error_draws: int = ranged(200, 50, 100_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """By column: promise against outcome, and the group whose scores are furthest off."""
        subject.require_rows()  # its intervals draw row by row
        views: list[View] = []
        furthest: dict[str, GroupCalibration] = {}
        for column, counts in counts_of(subject):
            found = group_calibration(
                counts,
                rng=subject.rng(f"{self.rule} {column}"),
                draws=self.draws,
                error_draws=self.error_draws,
                bins=self.bins,
                min_group_size=self.min_group_size,
            )
            hidden = nameless(counts.at(subject.threshold), self.min_group_size)
            yield self._gap(found.gap, column, hidden)
            if len(found.table):
                furthest[column] = found
                totals = counts.at(subject.threshold)
                views += _promises(found, column, totals, self.min_group_size)
        if furthest:
            yield _furthest_off(furthest)
        yield Section(
            title="Do the scores mean the same in each group?",
            text="Mean score minus the share of rows that came true: above 0 the scores promise a "
            "group too much, below 0 too little. The calibration error adds up faults of all "
            "scores, so that those which cancel out are seen; chance alone keeps it above 0. A "
            "group that is promised too much may still get fewer positive decisions.",
            views=tuple(views),
        )

    def _gap(self, gap: Contrast, column: str, hidden: tuple[str, ...]) -> Finding:
        limit = self.max_difference
        found = gap_finding(
            gap,
            column=column,
            what="promise beyond what came true",
            metric="calibration gap",
            limit=limit,
            written=points,
            remedy="Recalibrate the scores on held-out rows, within the groups if that is lawful, "
            "and find out why the same score means less in one of them.",
        )
        if not gap.estimate.defined:
            return found
        if {gap.lowest, gap.highest} & set(hidden):
            message = (
                f"By {column}, what scores promise beyond what came true is "
                f"{points(gap.estimate.value)} more for {gap.highest} than for {gap.lowest}; "
                f"chance alone would give {points(gap.null.mean)}."
            )
            return replace(found, message=message)
        most, least = (float(gap.groups["value"][one]) for one in (gap.highest, gap.lowest))
        return replace(
            found,
            message=f"By {column}, scores promise {_beyond(most)} than came true for "
            f"{gap.highest}, and {_beyond(least)} for {gap.lowest}: "
            f"{points(gap.estimate.value)} apart; chance alone would give "
            f"{points(gap.null.mean)}.",
        )


@CHECKS.register("abroca")
@dataclass(frozen=True, kw_only=True)
class RocCurves:
    """Does one group's ROC curve run apart from that of everybody else?

    Curves may differ where AUCs agree. No limit on the area is generally accepted; groups with
    fewer than min_group_size rows of either outcome have no curve, and are named.
    """

    rule: ClassVar[str] = "AK210"
    title: ClassVar[str] = "Area between ROC curves"
    topic: ClassVar[Topic] = Topic.HARM

    max_area: float | None = ranged(None, *SHARE)
    min_group_size: int = ranged(10, 1)
    draws: int = ranged(500, 100, 1_000_000)

    def run(self, subject: Subject) -> Iterator[Finding | Section]:
        """By column: the group whose curve stands out, and every group's area beside chance."""
        views: list[View] = []
        for column, counts in counts_of(subject):
            found = abroca(
                counts,
                rng=subject.rng(f"{self.rule} {column}"),
                draws=self.draws,
                min_group_size=self.min_group_size,
            )
            yield self._finding(found, column)
            if len(found.groups):
                views.append(_areas(found, column))
        yield Section(
            title="Area between ROC curves (ABROCA)",
            text="A ROC curve shows, for every threshold, how many true positives a group gets for "
            "how many false ones. Each line compares a group with all others: the area between "
            "the two curves, as a share of the square they are drawn in. It is above 0 by chance "
            "alone, the more the smaller the group: what it gives on average stands beside each "
            "area, and p says how often it gives as much.",
            views=tuple(views),
        )

    def _finding(self, found: Abroca, column: str) -> Finding:
        where, estimate, limit = {"column": column}, found.estimate, self.max_area
        if estimate.defined:
            where |= {
                "group": found.group,
                "compared with": found.against,
                "chance alone, 1 in 20": percent(found.null.upper),
                "randomisation p": chance(found.null.p_value),
            }
        if found.left_out:
            where["not compared"] = reasons(found.left_out)
        beyond = found.null.p_value <= 0.05
        return finding(
            f"By {column}, the ROC curve of {found.group} runs apart from that of "
            f"{found.against}: {percent(estimate.value)} of the square lies between them; chance "
            f"alone would give {percent(found.null.mean)} for groups this large"
            f"{'' if beyond else ', and often as much as was seen'}.",
            estimate,
            metric="area between ROC curves",
            status=at_most(found.largest(), limit),
            ceiling=True,
            limit=limit,
            null=found.null.mean,
            where=where,
            remedy="See at which end the curves part: there the scores order one group worse. "
            "Look for features that tell in that group, and for more of its rows.",
            rows_needed=lambda: settled_at(estimate, limit),
        )


def counts_of(subject: Subject) -> Iterator[tuple[str, ScoreCounts]]:
    """Each sensitive column and its counts by score; raises NotApplicable where there are none."""
    for column in subject.sensitive:
        yield column, subject.score_counts_of([column])


def _beyond(value: float) -> str:
    """A promise beside what came true, in words."""
    return f"{points(abs(value))} {'more' if value >= 0 else 'less'}"


def _furthest_off(measured: dict[str, GroupCalibration]) -> Finding:
    """Of all groups of all columns, the one whose calibration error exceeds chance by most."""
    column = max(measured, key=lambda one: measured[one].furthest())
    group, error, by_chance = measured[column].furthest_off()
    return finding(
        f"Of all groups, scores are furthest off within {group} ({column}): "
        f"{points(error.value)} on average; a perfectly calibrated model would show "
        f"{points(by_chance)} on as many rows.",
        error,
        metric="expected calibration error within a group",
        unit=Unit.POINTS,
        null=by_chance,
        where={"column": column, "group": group},
    )


def _promises(
    found: GroupCalibration, column: str, totals: pd.DataFrame, least: int
) -> tuple[View, View]:
    shown = may_be_shown(totals, least)
    named = {
        "excess": "promised too much",
        "n": "rows",
        "mean_score": "mean score",
        "observed": "came true",
        "error": "error",
        "chance": "error by chance",
    }
    table = found.table[found.table.index.isin([label(one) for one in totals.index[shown]])]
    excess = table.round(DIGITS).reset_index(names=GROUP).rename(columns=named)
    dots = Intervals(
        title=f"Mean score minus share that came true, by {column}",
        frame=excess[[GROUP, "promised too much", "low", "high"]],
        label=GROUP,
        value="promised too much",
        low="low",
        high="high",
        unit=Unit.POINTS,
        reference=0.0,
        reference_label="as promised",
    )
    shares = ("mean score", "came true", "error", "error by chance")
    rows = Table(
        title=f"Promise and outcome by {column}",
        frame=excess[[GROUP, "rows", *shares]],
        shares=shares,
        text=not_shown(totals, shown, least),
    )
    return dots, rows


def _areas(found: Abroca, column: str) -> Table:
    frame = found.groups.drop(columns=["n", "upper"]).reset_index(names=GROUP)
    frame["p"] = [chance(one) for one in frame.pop("p_value")]
    shares = ("area", "low", "high", "by chance")
    who = found.against if len(found.groups) == 1 else "all others"
    return Table(
        title=f"Area between the ROC curve of a group and of {who}, by {column}",
        frame=frame.round(DIGITS).rename(columns={"chance": "by chance"}),
        shares=shares,
        text="low and high bound the true area, for all lines at once; p is corrected "
        "for the number of groups.",
    )


def _rounded(view: Intervals) -> Intervals:
    return replace(view, frame=view.frame.round(DIGITS))
